//! How far away the memory is: what a busy host takes first is the cache it shares with its guests.

use std::hash::{BuildHasher as _, RandomState};
use std::hint::black_box;
use std::time::Instant;

const LINE: usize = 8;
const READS: usize = 1_000_000;

/// Nanoseconds of one read that has to wait for the one before it, among so many MiB.
fn read(mib: usize) -> f64 {
    let lines = mib * 1024 * 1024 / (LINE * size_of::<usize>());
    let mut memory: Vec<usize> = vec![0; lines * LINE];
    // One cycle through all lines, in an order that no prefetcher guesses.
    let random = RandomState::new();
    let mut order: Vec<usize> = (0..lines).collect();
    order.sort_by_cached_key(|line| random.hash_one(line));
    for (line, next) in order.iter().zip(order.iter().cycle().skip(1)) {
        memory[line * LINE] = next * LINE;
    }
    let mut at = 0;
    let mut walk = || (0..READS).for_each(|_| at = memory[at]);
    walk();
    let begun = Instant::now();
    walk();
    let spent = begun.elapsed();
    black_box(at);
    spent.as_secs_f64() * 1e9 / READS as f64
}

pub fn print() {
    let [near, middle, far] = [read(1), read(8), read(64)].map(|nanos| format!("{nanos:.0}"));
    println!(
        "A read that waits for the one before it takes {near} ns in 1 MiB, {middle} ns in 8 MiB, {far} ns in 64 MiB."
    );
}
