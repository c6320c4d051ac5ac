//! A wire in between that counts, and that can be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes bytes on between its clients and one server.
#[derive(Clone)]
pub(crate) struct Proxy {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// How often the server began to answer after a client had spoken.
    round_trips: AtomicUsize,
    /// After how many of them the wire is cut, for each client.
    cut_at: AtomicUsize,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            counts: Arc::default(),
        };
        proxy.never_cut();
        let counts = Arc::clone(&proxy.counts);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let counts = Arc::clone(&counts);
                tokio::spawn(async move { pass(client, port, &counts).await });
            }
        });
        proxy
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many round trips there were since the last question.
    pub(crate) fn round_trips(&self) -> usize {
        self.counts.round_trips.swap(0, Ordering::SeqCst)
    }

    /// Swallows the answer to this one, counted from now, and closes; again with each new connection.
    pub(crate) fn cut_at(&self, round_trip: usize) {
        let reached = self.counts.round_trips.load(Ordering::SeqCst);
        self.counts
            .cut_at
            .store(reached + round_trip, Ordering::SeqCst);
    }

    pub(crate) fn never_cut(&self) {
        self.counts.cut_at.store(usize::MAX, Ordering::SeqCst);
    }
}

async fn pass(mut client: TcpStream, port: u16, counts: &Counts) {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut asked, mut answer) = ([0; 65_536], [0; 65_536]);
    let mut client_spoke = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                client_spoke = true;
                if server.write_all(&asked[..length]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answer) => {
                let Ok(length @ 1..) = read else { return };
                if std::mem::take(&mut client_spoke) {
                    let nth = counts.round_trips.fetch_add(1, Ordering::SeqCst) + 1;
                    if nth >= counts.cut_at.load(Ordering::SeqCst) {
                        return;
                    }
                }
                if client.write_all(&answer[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
