//! An OP on a real socket that does exactly what a test says, down to the byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// What is written in answer to one request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// 200 with this body.
    Ok(String),
    /// These bytes, then the connection is closed.
    Raw(String),
    /// A head and then a body without an end.
    Endless,
    /// Nothing, ever.
    Hang,
}

impl Reply {
    fn bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Ok(body) => Some(
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                )
                .into_bytes(),
            ),
            Self::Raw(bytes) => Some(bytes.into_bytes()),
            Self::Endless => Some(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
                    .to_vec(),
            ),
            Self::Hang => None,
        }
    }
}

struct State {
    reply: Box<dyn Fn(&str) -> Reply + Send>,
    heads: Vec<String>,
}

/// A server on a free port of the loopback interface; it ends with the runtime.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Wire {
    /// Plain HTTP.
    pub(crate) async fn start(reply: Reply) -> Self {
        let (wire, listener) = Self::bind(reply).await;
        let server = wire.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        wire
    }

    pub(crate) async fn bind(reply: Reply) -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::new(Mutex::new(State {
                reply: Box::new(move |_| reply.clone()),
                heads: Vec::new(),
            })),
        };
        (wire, listener)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers everything with this from now on.
    pub(crate) fn answer(&self, reply: Reply) {
        self.answer_by_path(move |_| reply.clone());
    }

    /// Answers by the path of the request.
    pub(crate) fn answer_by_path(&self, reply: impl Fn(&str) -> Reply + Send + 'static) {
        self.state.lock().unwrap().reply = Box::new(reply);
    }

    /// The heads of the requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.state.lock().unwrap().heads.clone()
    }

    pub(crate) fn hits(&self) -> usize {
        self.state.lock().unwrap().heads.len()
    }

    /// One request and its answer on a connection.
    pub(crate) async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let reply = {
            let mut state = self.state.lock().unwrap();
            state.heads.push(head);
            (state.reply)(&path)
        };
        let endless = matches!(reply, Reply::Endless);
        let Some(bytes) = reply.bytes() else {
            std::future::pending::<()>().await;
            return;
        };
        let _ = stream.write_all(&bytes).await;
        let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
        while endless && stream.write_all(chunk.as_bytes()).await.is_ok() {}
        let _ = stream.flush().await;
        let _ = stream.shutdown().await;
    }
}
