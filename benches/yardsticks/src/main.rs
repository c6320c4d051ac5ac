//! Servers to compare with, and the load that compares them. `scripts/bench` runs it; see `load.rs` for the commands.
//!
//! Every server runs on one thread, takes the same requests at `/backchannel-logout` and keeps its connections open:
//!
//! - `echo`: bare hyper that decodes the form and answers 200
//! - `limit`: the same, and it verifies the RS256 signature with aws-lc-rs
//! - `ordinary`: axum, jsonwebtoken and a locked map, as one writes it in an afternoon
//! - `hyper`, `axum`: this crate as the examples `hyper_app` and `axum_app` put it in front of their pages, memory store with
//!   100,000 sessions
//! - `route`: this crate as one of the routes of axum
//! - `logged`: `axum` with a subscriber that writes a line for each logout

mod count;
mod load;
mod memory;
mod ordinary;
mod serve;
mod shapes;
mod tls;
mod token;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve", kind, jwk] => serve::run(kind, jwk),
        ["memory"] => memory::print(),
        ["table", rounds] => load::table(rounds.parse().expect("a number of rounds")),
        ["shapes", "http2"] => shapes::http2(),
        ["shapes", "tls"] => shapes::tls(),
        ["shapes", "idle"] => shapes::idle(),
        ["shapes", "burst"] => shapes::burst(),
        ["shapes", "flood"] => shapes::flood(),
        ["count", what, times] => count::count(what, times.parse().expect("a number of times")),
        _ => {
            panic!(
                "yardsticks memory | table ROUNDS | shapes http2|tls|idle|burst|flood | count WHAT TIMES"
            )
        }
    }
}
