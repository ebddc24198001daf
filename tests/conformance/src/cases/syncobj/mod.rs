//! The SYNCOBJ ioctls of DRM.

mod blocked;
mod create;
mod eventfd;
mod export;
mod failed;
mod fences;
mod held;
mod held_copies;
mod held_queues;
mod import;
mod query;
mod reset_signal;
mod timeline_signal;
mod timeline_wait;
mod transfer;
mod wait;

use crate::case::Cases;

pub fn add(cases: &mut Cases) {
    create::add(cases);
    export::add(cases);
    import::add(cases);
    wait::add(cases);
    timeline_wait::add(cases);
    reset_signal::add(cases);
    timeline_signal::add(cases);
    query::add(cases);
    transfer::add(cases);
    eventfd::add(cases);
    fences::add(cases);
    held::add(cases);
    failed::add(cases);
    blocked::add(cases);
}
