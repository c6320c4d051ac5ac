//! What the verification of one Logout Token costs beside the signature in it: `signature/…`, `expectation/…`, `verifier/rs256`.
//!
//! `cargo bench --bench verify`

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tower_backchannel_logout::clock::{Clock, SystemClock};
use tower_backchannel_logout::jose::{Algorithm, ClientSecret};
use tower_backchannel_logout::logout::LogoutTokenVerifier;
use tower_backchannel_logout::testing::TokenMint;
use tower_backchannel_logout::token::Expectation;
use tower_backchannel_logout::{ClientId, Issuer};

mod kit;

use kit::{Pair, Raw, now};

struct Case {
    token: String,
    raw: Raw,
    expectation: Expectation,
}

fn case(mint: &TokenMint, alg: &str) -> Case {
    let token = mint
        .logout_token()
        .sub(kit::uuid(1))
        .sid(kit::uuid(2))
        .alg(alg)
        .sign();
    let raw = Raw::new(mint, alg, &token);
    let issuer = Issuer::parse(kit::ISSUER).unwrap();
    let client_id = ClientId::parse(kit::CLIENT).unwrap();
    let algorithm = Algorithm::parse(alg).unwrap();
    let expectation = if algorithm.is_symmetric() {
        let secret = ClientSecret::parse(kit::SECRET).unwrap();
        Expectation::keyed_with(issuer, client_id, algorithm, secret)
    } else {
        Expectation::signed_with(issuer, client_id, algorithm, kit::keys(mint))
    }
    .unwrap();
    assert!(raw.verify());
    assert!(
        expectation
            .verify(&token, SystemClock::default().now())
            .is_ok()
    );
    Case {
        token,
        raw,
        expectation,
    }
}

/// The numbers the design promises.
fn bounds(_: &mut Criterion) {
    let mint = kit::mint();
    let Case {
        token,
        raw,
        expectation,
    } = case(&mint, "RS256");
    let verifier = LogoutTokenVerifier::new(kit::provider(&mint));
    assert!(now(verifier.verify(&token)).is_ok());
    let time = SystemClock::default().now();

    kit::allocations("expectation/rs256", 12, || {
        assert!(expectation.verify(&token, time).is_ok());
    });
    kit::allocations("verifier/rs256", 12, || {
        assert!(now(verifier.verify(&token)).is_ok());
    });
    let signature = |_| assert!(black_box(&raw).verify());
    let mut pure = Pair::of_batches(50);
    let mut whole = Pair::of_batches(50);
    for _ in 0..400 {
        pure.round(signature, |_| {
            assert!(
                black_box(&expectation)
                    .verify(black_box(&token), time)
                    .is_ok()
            );
        });
        whole.round(signature, |_| {
            assert!(now(black_box(&verifier).verify(black_box(&token))).is_ok());
        });
    }
    pure.report("expectation/rs256 over the signature", "target 1.5 µs");
    whole.report("verifier/rs256 over the signature", "target 1.5 µs");
}

fn verify(c: &mut Criterion) {
    let mint = kit::mint();
    let time = SystemClock::default().now();
    for alg in Algorithm::ALL {
        let case = case(&mint, alg.as_str());
        let name = alg.as_str().to_lowercase();
        kit::allocations(&format!("expectation/{name}"), 12, || {
            assert!(case.expectation.verify(&case.token, time).is_ok());
        });
        c.bench_function(&format!("signature/{name}"), |b| {
            b.iter(|| case.raw.verify());
        });
        c.bench_function(&format!("expectation/{name}"), |b| {
            b.iter(|| case.expectation.verify(black_box(&case.token), time));
        });
    }
    let token = case(&mint, "RS256").token;
    let verifier = LogoutTokenVerifier::new(kit::provider(&mint));
    assert!(now(verifier.verify(&token)).is_ok());
    c.bench_function("verifier/rs256", |b| {
        b.iter(|| now(verifier.verify(black_box(&token))));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = bounds, verify
}
criterion_main!(benches);
