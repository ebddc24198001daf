//! SYNCOBJ_TRANSFER.

use panthor_sys::*;

use super::wait::{ALL, AVAILABLE, DEADLINE, FOR_SUBMIT, flag_names};
use crate::case::Cases;
use crate::cases::sync_file;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

/// Creates a timeline with the points 3 and 6.
fn timeline(c: &mut Client<'_>) -> u32 {
    let handle = c.syncobj();
    c.timeline_signal(&[handle], &[3]);
    c.timeline_signal(&[handle], &[6]);
    handle
}

type Make = fn(&mut Client<'_>) -> u32;

/// Syncobjs with the points to take from them.
const SOURCES: [(&str, Make, u64); 9] = [
    ("an_empty_one", |c| c.syncobj(), 0),
    ("a_point_of_an_empty_one", |c| c.syncobj(), 1),
    ("a_binary_one", |c| c.signaled_syncobj(), 0),
    ("a_point_of_a_binary_one", |c| c.signaled_syncobj(), 1),
    ("a_whole_timeline", timeline, 0),
    ("an_early_point", timeline, 2),
    ("a_point_between", timeline, 5),
    ("the_last_point", timeline, 6),
    ("a_future_point", timeline, 7),
];

/// Syncobjs with the points to put something there.
const TARGETS: [(&str, Make, u64); 6] = [
    ("an_empty_one", |c| c.syncobj(), 0),
    ("a_point_of_an_empty_one", |c| c.syncobj(), 4),
    ("a_point_of_a_binary_one", |c| c.signaled_syncobj(), 4),
    ("a_timeline_as_a_whole", timeline, 0),
    ("an_old_point", timeline, 4),
    ("a_new_point", timeline, 9),
];

/// Records the state of a syncobj.
fn tell(c: &mut Client<'_>, handle: u32) {
    c.query(&[handle], 0);
    c.query(&[handle], DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED);
    c.wait(&[handle], 0, 0);
}

/// Records the fences of a syncobj.
fn fences(c: &mut Client<'_>, handle: u32) {
    let file = c.sync_file(handle);
    c.file_info(&file, 0);
    c.file_info(&file, 4);
}

pub fn add(cases: &mut Cases) {
    cases.group("syncobj_transfer");
    for (source, make_source, from) in SOURCES {
        for (target, make_target, to) in TARGETS {
            cases.add(format!("{source}_to_{target}"), move |c| {
                let (source, target) = (make_source(c), make_target(c));
                c.transfer((source, from), (target, to), 0);
                tell(c, target);
            });
        }
    }
    let same: [(&str, Make, u64, u64); 6] = [
        ("binary_to_itself", |c| c.signaled_syncobj(), 0, 0),
        ("binary_to_a_point_of_itself", |c| c.signaled_syncobj(), 0, 4),
        ("timeline_to_itself", timeline, 0, 0),
        ("timeline_to_a_new_point_of_itself", timeline, 0, 9),
        ("point_to_all_of_its_timeline", timeline, 3, 0),
        ("point_to_an_old_point_of_its_timeline", timeline, 6, 3),
    ];
    for (name, make, from, to) in same {
        cases.add(name, move |c| {
            let handle = make(c);
            c.transfer((handle, from), (handle, to), 0);
            tell(c, handle);
        });
    }
    for to in [0, 4] {
        let whole = if to == 0 { "binary" } else { "point" };
        for flags in [FOR_SUBMIT, ALL, AVAILABLE, DEADLINE, FOR_SUBMIT | ALL] {
            cases.add(format!("flags_{}_to_a_{whole}", flag_names(flags)), move |c| {
                let (source, target) = (c.signaled_syncobj(), c.syncobj());
                c.transfer((source, 0), (target, to), flags);
                tell(c, target);
            });
        }
        for bit in [4, 31] {
            cases.add(format!("unknown_flag_bit_{bit}_to_a_{whole}"), move |c| {
                let (source, target) = (c.signaled_syncobj(), c.syncobj());
                c.transfer((source, 0), (target, to), 1 << bit);
                tell(c, target);
            });
        }
        cases.add(format!("unknown_handles_to_a_{whole}"), move |c| {
            let known = c.signaled_syncobj();
            for (source, target) in [(99, known), (known, 99), (99, 98), (0, known), (known, 0)] {
                for flags in [0, ALL] {
                    c.transfer((source, 0), (target, to), flags);
                }
            }
        });
        cases.add(format!("padding_to_a_{whole}"), move |c| {
            let (source, target) = (c.signaled_syncobj(), c.syncobj());
            for pad in [1, 1 << 31] {
                let mut args = drm_syncobj_transfer {
                    src_handle: source,
                    dst_handle: target,
                    dst_point: to,
                    pad,
                    ..zeroed()
                };
                c.call(DRM_IOCTL_SYNCOBJ_TRANSFER, &mut args);
            }
            tell(c, target);
        });
    }
    cases.add("between_files", |c| {
        let source = c.signaled_syncobj();
        c.open();
        let target = c.syncobj();
        c.transfer((source, 0), (target, 5), 0);
        c.transfer((2, 0), (target, 5), 0);
        tell(c, target);
    });
    cases.add("what_is_transferred_stays", |c| {
        let (source, target) = (c.signaled_syncobj(), c.syncobj());
        c.transfer((source, 0), (target, 0), 0);
        c.reset(&[source]);
        tell(c, target);
        c.destroy_syncobj(source);
        tell(c, target);
    });
    failed(cases);
    merged(cases);
    for bad in [Bad::Null, Bad::Ends(36), Bad::ReadOnly] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 36]);
            c.at(DRM_IOCTL_SYNCOBJ_TRANSFER, bad);
        });
    }
}

fn failed(cases: &mut Cases) {
    for (target, make, to) in TARGETS {
        cases
            .add(format!("a_failed_fence_to_{target}"), move |c| {
                let (file, source) = (sync_file::failed(c), c.syncobj());
                c.import_sync_file(&file, source);
                let target = make(c);
                c.transfer((source, 0), (target, to), 0);
                fences(c, target);
            })
            .needs_jobs();
    }
    cases
        .add("a_point_with_a_failed_fence_to_another", |c| {
            let (file, source) = (sync_file::failed(c), c.syncobj());
            c.import_sync_file(&file, source);
            let (one, other) = (c.syncobj(), c.syncobj());
            c.transfer((source, 0), (one, 4), 0);
            c.transfer((one, 4), (other, 5), 0);
            fences(c, other);
        })
        .needs_jobs();
}

fn merged(cases: &mut Cases) {
    for (target, make, to) in TARGETS {
        cases
            .add(format!("a_merge_with_one_done_to_{target}"), move |c| {
                let mut gate = c.gate(2);
                let files = [0, 1].map(|queue| sync_file::pending(c, &mut gate, queue));
                let (both, source) = (c.merge(&files[0], &files[1]), c.syncobj());
                c.import_sync_file(&both, source);
                c.pass(&mut gate, 0);
                c.until_readable(&files[0]);
                let target = make(c);
                c.transfer((source, 0), (target, to), 0);
                fences(c, target);
                c.pass(&mut gate, 1);
                c.until_readable(&both);
                fences(c, target);
            })
            .needs_held_jobs();
    }
    cases
        .add("a_merge_that_is_pending_to_a_point", |c| {
            let mut gate = c.gate(2);
            let files = [0, 1].map(|queue| sync_file::pending(c, &mut gate, queue));
            let (both, source, target) = (c.merge(&files[0], &files[1]), c.syncobj(), c.syncobj());
            c.import_sync_file(&both, source);
            c.transfer((source, 0), (target, 4), 0);
            fences(c, target);
            for queue in [0, 1] {
                c.pass(&mut gate, queue);
                c.until_readable(&files[queue as usize]);
                fences(c, target);
            }
        })
        .needs_held_jobs();
    cases
        .add("a_timeline_of_two_queues_to_a_point_of_another", |c| {
            let mut gate = c.gate(2);
            let (source, target) = (c.syncobj(), c.syncobj());
            c.submit_held(&mut gate, 0, &[signal(source, 3)]);
            c.submit_held(&mut gate, 1, &[signal(source, 5)]);
            c.transfer((source, 5), (target, 9), 0);
            fences(c, target);
            c.pass(&mut gate, 1);
            c.settle_queue(gate.group, 1);
            c.transfer((source, 0), (target, 10), 0);
            fences(c, target);
            c.pass(&mut gate, 0);
            c.wait_points(&[target], &[10], 0, i64::MAX);
            fences(c, target);
        })
        .needs_held_jobs();
}
