//! The story without a browser: two devices of one customer, one of them is cleared at the provider.

use std::net::SocketAddr;

use super::loopback::{Failure, ask, login};

async fn me(to: SocketAddr, who: &str, cookie: &str) -> Result<u16, Failure> {
    let answer = ask(to, "GET", "/me", cookie, String::new()).await?;
    println!("{who}: asks who it is and gets {}", answer.status());
    Ok(answer.status().as_u16())
}

pub(crate) async fn tell(to: SocketAddr) -> Result<(), Failure> {
    let laptop = login(to, "laptop").await?;
    let phone = login(to, "phone").await?;
    let before = (
        me(to, "laptop", &laptop).await?,
        me(to, "phone", &phone).await?,
    );

    ask(to, "POST", "/op/clear?sid=laptop", "", String::new()).await?;

    // The very same cookie, still signed and not expired.
    let after = (
        me(to, "laptop", &laptop).await?,
        me(to, "phone", &phone).await?,
    );
    let forged = me(to, "forger", &laptop.replace("session=", "session=x")).await?;
    let nobody = me(to, "nobody", "").await?;

    if (before, after, forged, nobody) == ((200, 200), (401, 200), 401, 401) {
        Ok(())
    } else {
        Err("the story did not come true".into())
    }
}
