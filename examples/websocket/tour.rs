//! The story without a browser: two devices of one customer, one of them is cleared at the provider.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::header;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use super::loopback::{Failure, ask, login};

/// A device of the customer: its cookie, its open WebSocket and its open stream of events.
struct Device {
    cookie: String,
    socket: WebSocketStream<TcpStream>,
    events: Incoming,
}

async fn open(to: SocketAddr, sid: &str) -> Result<Device, Failure> {
    let cookie = login(to, sid).await?;
    let mut request = format!("ws://{to}/ws").into_client_request()?;
    let field = cookie.parse()?;
    request.headers_mut().insert(header::COOKIE, field);
    let stream = TcpStream::connect(to).await?;
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    let events = ask(to, "GET", "/events", &cookie, String::new()).await?;
    println!("{sid}: logged in, WebSocket and events are open");
    Ok(Device {
        cookie,
        socket,
        events: events.into_body(),
    })
}

pub(crate) async fn tell(to: SocketAddr) -> Result<(), Failure> {
    let mut laptop = open(to, "laptop").await?;
    let mut phone = open(to, "phone").await?;

    ask(to, "POST", "/op/clear?sid=laptop", "", String::new()).await?;

    let second = Duration::from_secs(1);
    let last = timeout(second, laptop.socket.next()).await?;
    let last = last.ok_or("the socket broke off")??;
    println!("laptop: the socket says {last:?}");
    let told = timeout(second, laptop.events.collect()).await??.to_bytes();
    let told = String::from_utf8(told.into())?;
    println!("laptop: the events end with {:?}", told.trim_end());
    let again = ask(to, "GET", "/events", &laptop.cookie, String::new()).await?;
    println!("laptop: asks again and gets {}", again.status());
    phone.socket.send(Message::text("still here")).await?;
    let echo = phone.socket.next().await.ok_or("the phone broke off")??;
    println!("phone: the socket says {echo:?}");

    if last.is_close()
        && told.ends_with("event: logged_out\ndata: bye\n\n")
        && again.status() == 401
        && echo == Message::text("still here")
    {
        Ok(())
    } else {
        Err("the story did not come true".into())
    }
}
