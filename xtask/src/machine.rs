//! The part of the fuzzer that its seeds need.

#[path = "../../fuzz/machine/layouts.rs"]
#[allow(dead_code, reason = "the fuzzer uses the rest")]
pub mod layouts;
