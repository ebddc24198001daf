//! The trace of a device: its lines, in text and in JSON, and what it must not do.

#[path = "../common/mod.rs"]
mod common;

mod behaviour;
mod core_lines;
mod json;
mod lines;
mod memory;
mod recorder;
