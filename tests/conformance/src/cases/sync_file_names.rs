//! Names of sync files and their fences, with `#` for every number.

use std::os::fd::{AsRawFd, OwnedFd};

use panthor_sys::*;

use super::sync_file;
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;
use crate::uapi::sync_files::told;

const ROOM: usize = 4;

/// Writes down what a sync file and its fences are called.
fn names(c: &mut Client<'_>, file: &OwnedFd) {
    let mut fences = [zeroed::<sync_fence_info>(); ROOM];
    let at = address_mut(fences.as_mut_slice());
    let mut args = sync_file_info {
        num_fences: ROOM as u32,
        sync_fence_info: at,
        ..zeroed::<sync_file_info>()
    };
    c.descriptor_call(file.as_raw_fd(), SYNC_IOC_FILE_INFO, &mut args);
    c.note(format_args!("  file {:?}", told(&args.name)));
    for fence in &fences[..ROOM.min(args.num_fences as usize)] {
        c.fence_name(fence);
    }
}

pub fn add(cases: &mut Cases) {
    cases.group("sync_file_names");
    cases.add("signaled", |c| {
        let handle = c.signaled_syncobj();
        let file = c.sync_file(handle);
        names(c, &file);
    });
    cases.add("points", |c| {
        let timeline = c.syncobj();
        c.timeline_signal(&[timeline], &[3]);
        c.timeline_signal(&[timeline], &[5]);
        let file = c.sync_file(timeline);
        names(c, &file);
    });
    // The kernel does not notice a finished timeline before the first query.
    cases.add("points_that_somebody_has_asked_for", |c| {
        let timeline = c.syncobj();
        c.timeline_signal(&[timeline], &[3]);
        let file = c.sync_file(timeline);
        names(c, &file);
        c.file_info(&file, 0);
        names(c, &file);
    });
    asked(cases);
    cases.add("bind", |c| {
        let (vm, done) = (c.vm(), c.syncobj());
        c.bind_async(vm, &[sync_only(&[signal(done, 0)])]);
        c.wait(&[done], 0, i64::MAX);
        let file = c.sync_file(done);
        names(c, &file);
    });
    cases
        .add("failed_job", |c| {
            let file = sync_file::failed(c);
            names(c, &file);
        })
        .needs_jobs();
    pending(cases);
}

/// Adds cases of waits for a point, which also query the fence.
fn asked(cases: &mut Cases) {
    let mut add = |name: &str, ask: fn(&mut Client<'_>, u32, &OwnedFd)| {
        cases.add(format!("points_after_{name}"), move |c| {
            let timeline = c.syncobj();
            c.timeline_signal(&[timeline], &[3]);
            let file = c.sync_file(timeline);
            ask(c, timeline, &file);
            names(c, &file);
        });
    };
    add("a_bind_that_waits", |c, timeline, _| {
        let vm = c.vm();
        c.bind_async(vm, &[sync_only(&[wait(timeline, 3)])]);
        c.settle(vm);
    });
    add("a_bind_that_waits_for_a_later_one", |c, timeline, _| {
        let vm = c.vm();
        c.timeline_signal(&[timeline], &[5]);
        c.bind_async(vm, &[sync_only(&[wait(timeline, 0)])]);
        c.settle(vm);
    });
    add("a_bind_that_waits_for_all", |c, timeline, _| {
        let (vm, other) = (c.vm(), c.signaled_syncobj());
        c.bind_async(vm, &[sync_only(&[wait(other, 0), wait(timeline, 0)])]);
        c.settle(vm);
    });
    add("a_job_that_waits", |c, timeline, _| {
        let vm = c.vm();
        let group = c.group(vm, 1);
        c.submit(group, &[sync_point(0, &[wait(timeline, 3)])]);
        c.settle_queue(group, 0);
    });
    add("an_eventfd", |c, timeline, _| {
        let eventfd = c.eventfd();
        c.syncobj_eventfd(&eventfd, timeline, 3, 0);
    });
    add("an_eventfd_for_what_is_there", |c, timeline, _| {
        let eventfd = c.eventfd();
        let flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
        c.syncobj_eventfd(&eventfd, timeline, 3, flags);
    });
    add("a_wait", |c, timeline, _| {
        c.wait_points(&[timeline], &[3], 0, 0);
    });
    add("a_wait_for_any_in_which_another_is_first", |c, timeline, _| {
        let other = c.signaled_syncobj();
        c.wait_points(&[other, timeline], &[0, 3], 0, 0);
    });
    add("a_wait_in_which_another_is_missing", |c, timeline, _| {
        let other = c.syncobj();
        c.wait_points(&[timeline, other], &[3, 0], 0, 0);
    });
    add("a_wait_for_what_is_there", |c, timeline, _| {
        let flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
        c.wait_points(&[timeline], &[3], flags, 0);
    });
    add("a_query", |c, timeline, _| {
        c.query(&[timeline], 0);
    });
    add("a_query_of_the_last", |c, timeline, _| {
        c.query(&[timeline], DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED);
    });
    add("a_copy", |c, timeline, _| {
        let other = c.syncobj();
        c.transfer((timeline, 3), (other, 0), 0);
    });
    add("a_copy_to_a_point", |c, timeline, _| {
        let other = c.syncobj();
        c.transfer((timeline, 3), (other, 7), 0);
    });
    add("another_point", |c, timeline, _| {
        c.timeline_signal(&[timeline], &[5]);
    });
    add("an_import", |c, _, file| {
        let other = c.syncobj();
        c.import_sync_file(file, other);
    });
    add("a_merge", |c, _, file| {
        c.merge(file, file);
    });
    add("a_deadline", |c, _, file| {
        let mut args = sync_set_deadline { deadline_ns: 1, pad: 0 };
        c.descriptor_call(file.as_raw_fd(), SYNC_IOC_SET_DEADLINE, &mut args);
    });
    add("an_import_into_a_dma_buf", |c, _, file| {
        let bo = c.bo(PAGE);
        let dma_buf = c.export(bo);
        c.add_implicit_fences(&dma_buf, DMA_BUF_SYNC_WRITE, file);
    });
    cases.add("points_after_a_bind_that_waits_for_two", |c| {
        let (vm, timeline) = (c.vm(), c.syncobj());
        let files = [3, 5].map(|point| {
            c.timeline_signal(&[timeline], &[point]);
            c.sync_file(timeline)
        });
        let vms = [vm, c.vm()];
        // Once the later one is waited for, the other need not be.
        for (vm, order) in vms.into_iter().zip([[3, 5], [5, 3]]) {
            c.bind_async(vm, &[sync_only(&order.map(|point| wait(timeline, point)))]);
            c.settle(vm);
            for file in &files {
                names(c, file);
            }
        }
    });
}

fn pending(cases: &mut Cases) {
    cases
        .add("job", |c| {
            let mut gate = c.gate(1);
            let file = sync_file::pending(c, &mut gate, 0);
            names(c, &file);
            c.pass(&mut gate, 0);
            c.until_readable(&file);
            names(c, &file);
        })
        .needs_held_jobs();
    cases
        .add("jobs_of_two_queues_and_a_bind", |c| {
            let (mut gate, done) = (c.gate(2), [c.syncobj(), c.syncobj(), c.syncobj()]);
            c.submit_held(&mut gate, 0, &[signal(done[0], 0)]);
            c.submit_held(&mut gate, 1, &[signal(done[1], 0)]);
            c.bind_async(gate.vm, &[sync_only(&[wait(done[0], 0), signal(done[2], 0)])]);
            let files = done.map(|done| c.sync_file(done));
            for file in &files {
                names(c, file);
            }
            let both = c.merge(&files[0], &files[1]);
            let all = c.merge(&both, &files[2]);
            // In the order in which VM and queues were made.
            names(c, &all);
            c.pass(&mut gate, 0);
            c.pass(&mut gate, 1);
            c.until_readable(&all);
        })
        .needs_held_jobs();
    cases
        .add("pending_point", |c| {
            let (mut gate, timeline) = (c.gate(1), c.syncobj());
            c.submit_held(&mut gate, 0, &[signal(timeline, 3)]);
            let file = c.sync_file(timeline);
            names(c, &file);
            c.pass(&mut gate, 0);
            c.until_readable(&file);
        })
        .needs_held_jobs();
    let mut pending_point = |name: &str, ask: fn(&mut Client<'_>, u32)| {
        cases
            .add(format!("pending_point_after_{name}"), move |c| {
                let (mut gate, timeline) = (c.gate(1), c.syncobj());
                c.submit_held(&mut gate, 0, &[signal(timeline, 3)]);
                let file = c.sync_file(timeline);
                ask(c, timeline);
                c.pass(&mut gate, 0);
                c.settle_queue(gate.group, 0);
                names(c, &file);
            })
            .needs_held_jobs();
    };
    pending_point("nothing", |_, _| {});
    pending_point("a_wait", |c, timeline| {
        c.wait_points(&[timeline], &[3], 0, 0);
    });
    pending_point("a_wait_for_what_is_there", |c, timeline| {
        let flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
        c.wait_points(&[timeline], &[3], flags, 0);
    });
    pending_point("a_query", |c, timeline| {
        c.query(&[timeline], 0);
    });
    cases
        .add("cancelled_job", |c| {
            let mut gate = c.gate(1);
            let file = sync_file::pending(c, &mut gate, 0);
            c.destroy_group(gate.group);
            c.until_readable(&file);
            names(c, &file);
            c.until_mapped(1);
        })
        .needs_held_jobs();
}
