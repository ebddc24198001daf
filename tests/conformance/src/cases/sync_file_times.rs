//! When the fences of sync files were signaled.

use std::cmp::Ordering;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use panthor_sys::*;

use super::sync_file::done;
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;

/// Sleeps, so that the next signal has a later timestamp.
fn later() {
    std::thread::sleep(Duration::from_millis(2));
}

/// When the only fence of a sync file was signalled.
fn time(c: &mut Client<'_>, file: &OwnedFd) -> u64 {
    let mut fence = zeroed::<sync_fence_info>();
    let at = address_mut(&mut fence);
    let mut args = sync_file_info { num_fences: 1, sync_fence_info: at, ..zeroed() };
    let result = c.descriptor_call(file.as_raw_fd(), SYNC_IOC_FILE_INFO, &mut args);
    assert_eq!(result, 0, "SYNC_IOC_FILE_INFO failed");
    fence.timestamp_ns
}

/// Records whether a sync file was signaled before or after others, or at the same time.
fn tell_time(c: &mut Client<'_>, file: &OwnedFd, others: &[(&str, &OwnedFd)]) {
    let at = time(c, file);
    for (name, other) in others {
        let relation = match at.cmp(&time(c, other)) {
            Ordering::Less => "before",
            Ordering::Equal => "at the time of",
            Ordering::Greater => "after",
        };
        c.note(format_args!("  signaled {relation} {name}"));
    }
}

pub fn add(cases: &mut Cases) {
    cases.group("sync_file_info");
    cases.add("time_of_signaled_ones", |c| {
        let (one, other) = (done(c), done(c));
        later();
        let files = [c.merge(&one, &other), c.merge(&other, &one)];
        let first = c.merge(&one, &one);
        for file in files.iter().chain([&first]) {
            let named = [("first", &one), ("last", &other)];
            tell_time(c, file, &named);
        }
    });
    cases.add("time_at_a_point", |c| {
        let (source, timeline) = (c.signaled_syncobj(), c.syncobj());
        let file = c.sync_file(source);
        later();
        c.transfer((source, 0), (timeline, 3), 0);
        let point = c.sync_file(timeline);
        tell_time(c, &point, &[("source", &file)]);
    });
    cases.add("time_of_what_is_done_and_gone", |c| {
        let (timeline, copies) = (c.syncobj(), [c.syncobj(), c.syncobj()]);
        for point in [3, 5] {
            c.timeline_signal(&[timeline], &[point]);
        }
        // Point 3 is dropped when it is found to be done.
        for to in copies {
            c.transfer((timeline, 3), (to, 0), 0);
            later();
        }
        let files = copies.map(|handle| c.sync_file(handle));
        tell_time(c, &files[0], &[("the other", &files[1])]);
    });
    cases.add("time_of_points_that_were_signaled", |c| {
        let timelines = [c.syncobj(), c.syncobj()];
        for timeline in timelines {
            c.timeline_signal(&[timeline], &[3]);
            later();
        }
        let files = timelines.map(|handle| c.sync_file(handle));
        tell_time(c, &files[0], &[("the other", &files[1])]);
    });
    cases.add("time_of_syncobjs_that_were_signaled", |c| {
        let handles = [c.signaled_syncobj(), c.syncobj()];
        later();
        c.signal(&handles[1..]);
        let files = handles.map(|handle| c.sync_file(handle));
        tell_time(c, &files[0], &[("the other", &files[1])]);
    });
    cases.add("time_of_a_dma_buf_without_fences", |c| {
        let bo = c.bo(PAGE);
        let dma_buf = c.export(bo);
        let file = c.implicit_fences(&dma_buf, DMA_BUF_SYNC_RW);
        later();
        let again = c.implicit_fences(&dma_buf, DMA_BUF_SYNC_RW);
        tell_time(c, &again, &[("before", &file)]);
    });
}
