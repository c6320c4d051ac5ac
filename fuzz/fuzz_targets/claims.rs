#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tower_backchannel_logout_fuzz::claims::check(data));
