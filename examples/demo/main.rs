//! scratch
#[path = "../shared/mod.rs"]
mod shared;
mod op;
#[tokio::main]
async fn main() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8400").await.unwrap();
    let shutdown = shared::shutdown::Shutdown::on_signal();
    let op = op::Op::new("http://127.0.0.1:8400".into(), vec![op::Client{id:"fjord".into(),secret:"s".into(),name:"Fjord Outdoor".into(),url:"http://127.0.0.1:8401".into(),backchannel_logout_uri:"http://127.0.0.1:8401/backchannel-logout".into()}], shutdown);
    axum::serve(listener, op.router()).await.unwrap();
}
