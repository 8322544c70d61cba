#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chartroom_tests::fuzz::resources(data));
