//! The same work for each store.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use tower_backchannel_logout::clock::{Clock, SystemClock, UnixTime};
use tower_backchannel_logout::session::{
    LogoutRequest, NewSession, Registration, SessionIdentity, SessionRegistry,
};
use tower_backchannel_logout::{ClientId, Issuer, SessionId, Sid, Subject};

/// How many questions are on their way at once.
pub(crate) const AT_ONCE: usize = 32;

/// What some work took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Of the server's processor, for one of them.
    pub(crate) cpu: Duration,
}

/// A store under load, and the processor time its server has used.
pub(crate) struct Bench<R, F> {
    pub(crate) store: R,
    pub(crate) server_cpu: F,
    now: UnixTime,
}

pub(crate) fn size() -> usize {
    std::env::var("BACKCHANNEL_BENCH_SESSIONS").map_or(100_000, |size| size.parse().unwrap())
}

fn uuid(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-{number:012x}")
}

impl<R: SessionRegistry, F: Fn() -> Duration> Bench<R, F> {
    pub(crate) fn new(store: R, server_cpu: F) -> Self {
        Self {
            store,
            server_cpu,
            now: SystemClock::default().now(),
        }
    }

    fn issuer(&self) -> Issuer {
        Issuer::parse("https://login.example/realms/shop").unwrap()
    }

    fn client_id(&self) -> ClientId {
        ClientId::parse("shop-frontend").unwrap()
    }

    fn id(&self, nth: usize) -> SessionId {
        // 22 bytes, as 128 bits in base64url.
        SessionId::parse(format!("{:022x}", nth.wrapping_mul(0x9E37_79B9_7F4A_7C15))).unwrap()
    }

    fn session(&self, nth: usize, subject: usize) -> NewSession {
        let subject = Subject::parse(uuid(subject)).unwrap();
        let identity = SessionIdentity::new(self.issuer(), self.client_id(), subject)
            .with_sid(Sid::parse(uuid(nth)).unwrap())
            .with_id_token_iat(self.now);
        let until = self.now.saturating_add(Duration::from_secs(86_400));
        NewSession::new(self.id(nth), identity, until)
    }

    fn logout(&self, nth: usize) -> LogoutRequest {
        let sid = Sid::parse(uuid(nth)).unwrap();
        LogoutRequest::for_sid(self.issuer(), self.client_id(), sid, self.now)
    }

    /// Runs the work for each number, some at once.
    pub(crate) async fn measure(
        &self,
        numbers: impl ExactSizeIterator<Item = usize>,
        at_once: usize,
        work: impl AsyncFn(usize),
    ) -> Cost {
        let count = numbers.len();
        let (begun, cpu) = (Instant::now(), (self.server_cpu)());
        let work = &work;
        let times = stream::iter(numbers).map(|nth| async move {
            let begun = Instant::now();
            work(nth).await;
            begun.elapsed()
        });
        let mut times: Vec<_> = times.buffer_unordered(at_once).collect().await;
        let (elapsed, cpu) = (begun.elapsed(), (self.server_cpu)().saturating_sub(cpu));
        times.sort_unstable();
        let at = |part: usize| times[(count - 1) * part / 100];
        Cost {
            per_second: count as f64 / elapsed.as_secs_f64(),
            p50: at(50),
            p99: at(99),
            cpu: cpu / u32::try_from(count).unwrap(),
        }
    }

    pub(crate) async fn login(&self, nth: usize, subject: usize) {
        let taken = self.store.register(self.session(nth, subject)).await;
        assert_eq!(taken.unwrap(), Registration::Registered);
    }

    pub(crate) async fn guard(&self, nth: usize) {
        assert!(self.store.status(&self.id(nth)).await.unwrap().is_live());
    }

    /// As the pipeline does: end, run the hooks, forget.
    pub(crate) async fn end(&self, nth: usize) {
        let request = self.logout(nth);
        let terminated = self.store.terminate(&request).await.unwrap();
        assert_eq!(terminated.newly_ended, 1);
        self.store.forget(&request, &terminated).await.unwrap();
    }

    /// A customer with many sessions: how long until the last of them is over for a guard that asks all the time, until all are
    /// ended, and until all are forgotten.
    pub(crate) async fn many(&self, first: usize, count: usize) -> [Duration; 3] {
        let subject = first;
        self.measure(first..first + count, AT_ONCE, async |nth| {
            self.login(nth, subject).await
        })
        .await;
        let last = self.id(first + count - 1);
        let subject = Subject::parse(uuid(subject)).unwrap();
        let request =
            LogoutRequest::for_subject(self.issuer(), self.client_id(), subject, self.now);
        let begun = Instant::now();
        let guard = async {
            while self.store.status(&last).await.unwrap().is_live() {}
            begun.elapsed()
        };
        let logout = async {
            let terminated = self.store.terminate(&request).await.unwrap();
            assert_eq!(terminated.newly_ended, count);
            let ended = begun.elapsed();
            self.store.forget(&request, &terminated).await.unwrap();
            (ended, begun.elapsed())
        };
        let (effective, (ended, forgotten)) = tokio::join!(guard, logout);
        [effective, ended, forgotten]
    }
}

pub(crate) fn table(title: &str, base: &str) {
    println!("\n{title}\n");
    println!("| | a second | of `{base}` | p50 ms | p99 ms | server CPU µs |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
}

pub(crate) fn row(name: &str, cost: Cost, base: f64) {
    println!(
        "| {name} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} |",
        cost.per_second,
        cost.per_second / base,
        cost.p50.as_secs_f64() * 1e3,
        cost.p99.as_secs_f64() * 1e3,
        cost.cpu.as_secs_f64() * 1e6,
    );
}
