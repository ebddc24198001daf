//! The uAPI as seen by a client that has only the header: raw ioctls and their answers.

pub mod client;
pub mod descriptors;
pub mod fake;
pub mod gate;
pub mod hang;
mod jam;
pub mod kernel;
pub mod mappings;
pub mod memory;
pub mod real;
pub mod setup;
pub mod show;
pub mod streams;
pub mod sync_files;
pub mod wire;

/// Arguments of calls.
pub mod ops {
    pub use panthor_raw::args::*;
    pub use panthor_raw::requests::resized;
}
