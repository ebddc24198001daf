//! Raw ioctls for tests: arguments, the list of requests, calls on descriptors.
//!
//! The tests of the fake, the conformance cases and the tests of the safe layer share this crate.
//! It knows the uAPI only, and neither the fake nor the safe layer.

pub mod args;
pub mod descriptors;
pub mod requests;
