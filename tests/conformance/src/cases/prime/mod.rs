//! The PRIME ioctls of DRM: BOs as dma-bufs, and dma-bufs as BOs.

mod export;
mod foreign;
mod import;

use crate::case::Cases;

pub fn add(cases: &mut Cases) {
    export::add(cases);
    import::add(cases);
    foreign::add(cases);
}
