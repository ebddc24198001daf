//! SYNC_IOC_MERGE, SYNC_IOC_FILE_INFO and SYNC_IOC_SET_DEADLINE.

use std::os::fd::{AsRawFd, OwnedFd};

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::gate::Gate;
use crate::uapi::kernel::Trouble;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;
use crate::uapi::sync_files::{name, text};

const FOREVER: i64 = i64::MAX;

/// Creates a sync file with a signaled fence.
pub fn done(c: &mut Client<'_>) -> OwnedFd {
    let handle = c.signaled_syncobj();
    c.sync_file(handle)
}

/// Creates a sync file with the fence of a held job.
pub fn pending(c: &mut Client<'_>, gate: &mut Gate, queue: u32) -> OwnedFd {
    let handle = c.syncobj();
    c.submit_held(gate, queue, &[signal(handle, 0)]);
    c.sync_file(handle)
}

/// Creates a sync file with the fence of a failed job.
pub fn failed(c: &mut Client<'_>) -> OwnedFd {
    let vm = c.vm();
    let (group, done) = (c.group(vm, 1), c.syncobj());
    c.arrange(group, 0, Trouble::PageFault);
    c.submit(group, &[stream(0, GIB, 64, &[signal(done, 0)])]);
    let file = c.sync_file(done);
    c.until_readable(&file);
    file
}

pub fn add(cases: &mut Cases) {
    info(cases);
    merge(cases);
    cases.group("sync_file_deadline");
    for deadline_ns in [0, 1, u64::MAX] {
        cases.add(format!("of_{deadline_ns:x}"), move |c| {
            let file = done(c);
            for pad in [0, 1, 1 << 63] {
                let mut args = sync_set_deadline { deadline_ns, pad };
                c.descriptor_call(file.as_raw_fd(), SYNC_IOC_SET_DEADLINE, &mut args);
            }
        });
    }
    for bad in [Bad::Null, Bad::Unmapped, Bad::Ends(15)] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            let file = done(c);
            c.descriptor_at(file.as_raw_fd(), SYNC_IOC_SET_DEADLINE, bad);
        });
    }
}

fn info(cases: &mut Cases) {
    cases.group("sync_file_info");
    for room in [0, 1, 2] {
        cases.add(format!("signaled_with_room_for_{room}"), move |c| {
            let file = done(c);
            c.file_info(&file, room);
        });
        cases
            .add(format!("pending_with_room_for_{room}"), move |c| {
                let mut gate = c.gate(1);
                let file = pending(c, &mut gate, 0);
                c.file_info(&file, room);
                c.pass(&mut gate, 0);
                c.until_readable(&file);
                c.file_info(&file, room);
            })
            .needs_held_jobs();
        cases
            .add(format!("failed_with_room_for_{room}"), move |c| {
                let file = failed(c);
                c.file_info(&file, room);
            })
            .needs_jobs();
        cases
            .add(format!("cancelled_with_room_for_{room}"), move |c| {
                let mut gate = c.gate(1);
                let file = pending(c, &mut gate, 0);
                c.destroy_group(gate.group);
                c.until_readable(&file);
                c.file_info(&file, room);
                c.destroy_vm(gate.vm);
                c.until_vms(0);
            })
            .needs_held_jobs();
        cases.add(format!("timeline_with_room_for_{room}"), move |c| {
            let timeline = c.syncobj();
            c.timeline_signal(&[timeline], &[3]);
            c.timeline_signal(&[timeline], &[5]);
            let file = c.sync_file(timeline);
            c.file_info(&file, room);
        });
        cases
            .add(format!("pending_timeline_with_room_for_{room}"), move |c| {
                let (mut gate, timeline) = (c.gate(2), c.syncobj());
                c.submit_held(&mut gate, 0, &[signal(timeline, 3)]);
                c.submit_held(&mut gate, 1, &[signal(timeline, 5)]);
                let file = c.sync_file(timeline);
                c.file_info(&file, room);
                c.pass(&mut gate, 0);
                c.wait_points(&[timeline], &[3], 0, FOREVER);
                c.file_info(&file, room);
                c.pass(&mut gate, 1);
                c.until_readable(&file);
                c.file_info(&file, room);
            })
            .needs_held_jobs();
    }
    for (field, flags, pad) in [("flags", 1, 0), ("flags_high", 1 << 31, 0), ("pad", 0, 1)] {
        cases.add(field, move |c| {
            let file = done(c);
            let mut args = sync_file_info { flags, pad, ..zeroed() };
            c.descriptor_call(file.as_raw_fd(), SYNC_IOC_FILE_INFO, &mut args);
        });
    }
    for bad in [Bad::Null, Bad::Unmapped, Bad::ReadOnly] {
        cases.add(format!("fences_at_{}", bad.name()), move |c| {
            let file = done(c);
            let fences = c.memory.address(bad);
            let mut args = sync_file_info { num_fences: 1, sync_fence_info: fences, ..zeroed() };
            c.descriptor_call(file.as_raw_fd(), SYNC_IOC_FILE_INFO, &mut args);
        });
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            let file = done(c);
            c.descriptor_at(file.as_raw_fd(), SYNC_IOC_FILE_INFO, bad);
        });
    }
    cases.add("unknown_requests", |c| {
        let file = done(c);
        for request in [0x3e00, 0xc030_3e05, 0x4008_6200, 0xc008_6202, 0xc040_3e04] {
            c.descriptor_call(file.as_raw_fd(), request, &mut zeroed::<sync_file_info>());
        }
    });
    cases.add("of_a_syncobj", |c| {
        let handle = c.signaled_syncobj();
        let fd = c.syncobj_fd(handle);
        for request in [SYNC_IOC_FILE_INFO, SYNC_IOC_MERGE, DMA_BUF_IOCTL_SYNC] {
            c.descriptor_call(fd.as_raw_fd(), request, &mut zeroed::<sync_file_info>());
        }
    });
}

fn merge(cases: &mut Cases) {
    cases.group("sync_file_merge");
    cases.add("signaled_ones", |c| {
        let (one, other) = (done(c), done(c));
        let both = c.merge(&one, &other);
        c.describe(&both);
        c.readable(&both);
        c.file_info(&both, 0);
        c.file_info(&both, 4);
    });
    let mut held = |name: &str, steps: fn(&mut Client<'_>, &mut Gate)| {
        let steps = move |c: &mut Client<'_>| {
            let mut gate = c.gate(2);
            steps(c, &mut gate);
        };
        cases.add(name, steps).needs_held_jobs();
    };
    held("one_with_itself", |c, gate| {
        let one = pending(c, gate, 0);
        let both = c.merge(&one, &one);
        c.file_info(&both, 4);
        c.pass(gate, 0);
        c.until_readable(&both);
    });
    held("pending_and_signaled", |c, gate| {
        let (one, other) = (pending(c, gate, 0), done(c));
        for (a, b) in [(&one, &other), (&other, &one)] {
            let both = c.merge(a, b);
            c.readable(&both);
            c.file_info(&both, 4);
        }
        c.pass(gate, 0);
        c.until_readable(&one);
    });
    held("of_two_queues", |c, gate| {
        let (one, other) = (pending(c, gate, 0), pending(c, gate, 1));
        let both = c.merge(&one, &other);
        c.file_info(&both, 0);
        c.file_info(&both, 1);
        c.file_info(&both, 2);
        c.pass(gate, 1);
        c.until_readable(&other);
        c.readable(&both);
        c.file_info(&both, 0);
        c.pass(gate, 0);
        c.until_readable(&both);
        c.file_info(&both, 0);
    });
    held("of_one_queue", |c, gate| {
        let (one, other) = (pending(c, gate, 0), pending(c, gate, 0));
        let both = c.merge(&one, &other);
        c.file_info(&both, 4);
        c.pass(gate, 0);
        c.until_readable(&one);
        c.readable(&both);
        c.pass(gate, 0);
        c.until_readable(&both);
    });
    held("as_a_syncobj", |c, gate| {
        let (one, other, all) = (pending(c, gate, 0), pending(c, gate, 1), c.syncobj());
        let both = c.merge(&one, &other);
        c.import_sync_file(&both, all);
        c.wait(&[all], 0, 0);
        c.pass(gate, 0);
        c.until_readable(&one);
        c.wait(&[all], 0, 0);
        c.pass(gate, 1);
        c.wait(&[all], 0, FOREVER);
    });
    held("at_a_point", |c, gate| {
        let (one, other, all) = (pending(c, gate, 0), pending(c, gate, 1), c.syncobj());
        let (both, timeline) = (c.merge(&one, &other), c.syncobj());
        c.import_sync_file(&both, all);
        c.transfer((all, 0), (timeline, 4), 0);
        c.query(&[timeline], 0);
        c.pass(gate, 0);
        c.pass(gate, 1);
        c.wait_points(&[timeline], &[4], 0, FOREVER);
        c.query(&[timeline], 0);
    });
    for (field, flags, pad) in [("flags", 1, 0), ("flags_high", 1 << 31, 0), ("pad", 0, 1)] {
        cases.add(field, move |c| {
            let file = done(c);
            let fd2 = file.as_raw_fd();
            let mut args = sync_merge_data { flags, pad, fd2, ..zeroed() };
            c.descriptor_call(fd2, SYNC_IOC_MERGE, &mut args);
        });
    }
    cases.add("with_what_is_no_sync_file", |c| {
        let (file, eventfd, handle) = (done(c), c.eventfd(), c.syncobj());
        let syncobj = c.syncobj_fd(handle);
        for fd2 in [-1, 1_000_000, eventfd.as_raw_fd(), syncobj.as_raw_fd()] {
            let mut args = sync_merge_data { fd2, ..zeroed() };
            c.descriptor_call(file.as_raw_fd(), SYNC_IOC_MERGE, &mut args);
        }
    });
    for given in ["merged", "a_name_that_is_as_long_as_it_can_be_or_longer"] {
        cases.add(format!("name_of_{}_bytes", given.len()), move |c| {
            let file = done(c);
            let (name, fd2) = (name(given), file.as_raw_fd());
            let mut args = sync_merge_data { name, fd2, ..zeroed() };
            c.descriptor_call(fd2, SYNC_IOC_MERGE, &mut args);
            let merged = c.own(args.fence);
            let mut args = zeroed::<sync_file_info>();
            c.descriptor_call(merged.as_raw_fd(), SYNC_IOC_FILE_INFO, &mut args);
            c.note(format_args!("  name {:?}", text(&args.name)));
        });
    }
    for bad in [Bad::Null, Bad::Unmapped, Bad::Ends(47)] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            let file = done(c);
            c.descriptor_at(file.as_raw_fd(), SYNC_IOC_MERGE, bad);
        });
    }
}
