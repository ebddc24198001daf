//! Compares programs on the fake with a model: see `model`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../model/mod.rs"]
mod model;

fuzz_target!(|data: &[u8]| model::check(data));
