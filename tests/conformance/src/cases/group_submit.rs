//! GROUP_SUBMIT: what it takes and what it refuses. Nothing here needs the GPU.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

type Submit = drm_panthor_queue_submit;

pub fn add(cases: &mut Cases) {
    cases.group("group_submit");
    groups(cases);
    arrays(cases);
    streams(cases);
    syncs(cases);
    sync_arrays(cases);
    in_order(cases);
}

/// Creates a group with two queues.
fn new_group(c: &mut Client<'_>) -> u32 {
    let vm = c.vm();
    c.group(vm, 2)
}

fn submit_array(c: &mut Client<'_>, group_handle: u32, queue_submits: drm_panthor_obj_array) {
    let mut args = drm_panthor_group_submit { group_handle, pad: 0, queue_submits };
    c.call(DRM_IOCTL_PANTHOR_GROUP_SUBMIT, &mut args);
}

fn groups(cases: &mut Cases) {
    for handle in [0, 1, 129, u32::MAX] {
        cases.add(format!("unknown_group_{handle}"), move |c| {
            c.submit(handle, &[]);
            c.submit(handle, &[sync_point(0, &[])]);
        });
    }
    cases.add("group_handle_with_high_bits", |c| {
        let (group, done) = (new_group(c), c.syncobj());
        let syncs = [signal(done, 0)];
        for bit in [16, 31] {
            c.submit(group | 1 << bit, &[sync_point(0, &syncs)]);
            c.wait(&[done], 0, i64::MAX);
        }
    });
    cases.add("group_of_another_file", |c| {
        let group = new_group(c);
        c.open();
        c.submit(group, &[sync_point(0, &[])]);
    });
    cases.add("destroyed_group", |c| {
        let group = new_group(c);
        c.destroy_group(group);
        c.submit(group, &[sync_point(0, &[])]);
        c.until_mapped(0);
    });
    for pad in [1, 1 << 31] {
        cases.add(format!("padding_{pad}"), move |c| {
            let group_handle = new_group(c);
            let mut args = drm_panthor_group_submit { group_handle, pad, ..zeroed() };
            c.call(DRM_IOCTL_PANTHOR_GROUP_SUBMIT, &mut args);
        });
    }
    cases.add("vm_that_was_destroyed", |c| {
        let vm = c.vm();
        let group = c.group(vm, 1);
        c.destroy_vm(vm);
        let done = c.syncobj();
        let syncs = [signal(done, 0)];
        c.submit(group, &[sync_point(0, &syncs)]);
        c.wait(&[done], 0, i64::MAX);
    });
    for queue in [2, 3, 31, 32, 1 << 16, u32::MAX] {
        cases.add(format!("unknown_queue_{queue}"), move |c| {
            let group = new_group(c);
            c.submit(group, &[sync_point(queue, &[])]);
        });
    }
}

fn arrays(cases: &mut Cases) {
    let size = size_of::<Submit>() as u32;
    cases.add("nothing", |c| {
        let group = new_group(c);
        c.submit(group, &[]);
    });
    cases.add("nothing_at_a_bad_address", |c| {
        let group = new_group(c);
        let array = c.memory.address(Bad::Unmapped);
        for stride in [0, 40] {
            submit_array(c, group, drm_panthor_obj_array { stride, count: 0, array });
        }
    });
    for (name, stride) in [
        ("0", 0),
        ("a_byte_short", size - 1),
        ("a_word_short", size - 8),
        ("a_byte_longer", size + 1),
        ("a_word_longer", size + 8),
        ("twice_as_long", 2 * size),
        ("largest", u32::MAX),
    ] {
        cases.add(format!("stride_{name}"), move |c| {
            let group = new_group(c);
            let array = c.at_end(&[sync_point(1, &[]), zeroed(), zeroed()]);
            submit_array(c, group, drm_panthor_obj_array { stride, count: 1, array });
        });
    }
    cases.add("something_between_the_jobs", move |c| {
        let group = new_group(c);
        let jobs = [sync_point(0, &[]), sync_point(1, &[])];
        submit_array(
            c,
            group,
            drm_panthor_obj_array { stride: 2 * size, count: 1, ..array(&jobs) },
        );
    });
    for bad in [Bad::Null, Bad::Low, Bad::Kernel, Bad::Unmapped, Bad::Ends(39)] {
        cases.add(format!("jobs_at_{}", bad.name()), move |c| {
            let group = new_group(c);
            let array = c.memory.address(bad);
            submit_array(c, group, drm_panthor_obj_array { stride: size, count: 1, array });
        });
    }
}

fn streams(cases: &mut Cases) {
    // None of them is a stream that is taken.
    for (name, va, size) in [
        ("without_an_address", 0, 64),
        ("without_a_size", 64, 0),
        ("at_8", 8, 64),
        ("at_32", 32, 64),
        ("at_63", 63, 64),
        ("at_65", 65, 64),
        ("of_1_byte", 64, 1),
        ("of_4_bytes", 64, 4),
        ("of_63_bytes", 64, 63),
        ("of_the_largest_size", 64, u32::MAX),
        ("at_the_largest_address", u64::MAX, 8),
    ] {
        cases.add(format!("stream_{name}"), move |c| {
            let group = new_group(c);
            c.submit(group, &[stream(0, va, size, &[])]);
        });
    }
    for latest_flush in [1, 0xff_ffff, 1 << 24, 1 << 27, 1 << 30, 1 << 31, 0x80ff_ffff, u32::MAX] {
        cases.add(format!("latest_flush_{latest_flush:#x}"), move |c| {
            let group = new_group(c);
            c.submit(group, &[Submit { latest_flush, ..sync_point(0, &[]) }]);
        });
    }
    for pad in [1, 1 << 31] {
        cases.add(format!("job_padding_{pad}"), move |c| {
            let group = new_group(c);
            c.submit(group, &[Submit { pad, ..sync_point(0, &[]) }]);
        });
    }
    cases.add("the_second_job_is_wrong", |c| {
        let (group, done) = (new_group(c), c.syncobj());
        let syncs = [signal(done, 0)];
        c.submit(group, &[sync_point(0, &syncs), sync_point(7, &[])]);
        c.wait(&[done], 0, 0);
    });
}

/// Unknown syncobjs are never signalled here: that is an oops on all kernels.
fn syncs(cases: &mut Cases) {
    for (name, handle) in [("0", 0), ("77", 77), ("the_largest", u32::MAX)] {
        cases.add(format!("waits_for_unknown_syncobj_{name}"), move |c| {
            let group = new_group(c);
            c.submit(group, &[sync_point(0, &[wait(handle, 0)])]);
            c.submit(group, &[sync_point(0, &[wait(handle, 3)])]);
        });
    }
    cases.add("waits_for_a_syncobj_without_a_fence", |c| {
        let (group, never) = (new_group(c), c.syncobj());
        c.submit(group, &[sync_point(0, &[wait(never, 0)])]);
        c.submit(group, &[sync_point(0, &[wait(never, 1)])]);
    });
    cases.add("waits_for_a_point_that_is_not_there", |c| {
        let (group, timeline) = (new_group(c), c.syncobj());
        c.timeline_signal(&[timeline], &[4]);
        for point in [3, 4, 5] {
            c.submit(group, &[sync_point(0, &[wait(timeline, point)])]);
        }
    });
    cases.add("a_failure_signals_nothing", |c| {
        let (group, first, never) = (new_group(c), c.syncobj(), c.syncobj());
        let (one, two) = ([signal(first, 0)], [wait(never, 0)]);
        c.submit(group, &[sync_point(0, &one), sync_point(1, &two)]);
        c.wait(&[first], 0, 0);
    });
    for bit in [1, 7, 8, 16, 30] {
        cases.add(format!("sync_flag_bit_{bit}"), move |c| {
            let (group, handle) = (new_group(c), c.signaled_syncobj());
            for signal in [0, DRM_PANTHOR_SYNC_OP_SIGNAL] {
                let flags = 1 << bit | signal;
                let syncs = [drm_panthor_sync_op { flags, handle, timeline_value: 0 }];
                c.show("sync", &syncs);
                c.submit(group, &[sync_point(0, &syncs)]);
            }
        });
    }
    cases.add("binary_sync_with_a_point", |c| {
        let (group, handle) = (new_group(c), c.signaled_syncobj());
        for flags in [0, DRM_PANTHOR_SYNC_OP_SIGNAL] {
            let syncs = [drm_panthor_sync_op { flags, handle, timeline_value: 1 }];
            c.submit(group, &[sync_point(0, &syncs)]);
        }
    });
    cases.add("timeline_sync_of_point_0", |c| {
        let (group, handle) = (new_group(c), c.signaled_syncobj());
        let kind = DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_TIMELINE_SYNCOBJ;
        for flags in [kind, kind | DRM_PANTHOR_SYNC_OP_SIGNAL] {
            let syncs = [drm_panthor_sync_op { flags, handle, timeline_value: 0 }];
            c.submit(group, &[sync_point(0, &syncs)]);
            c.wait(&[handle], 0, i64::MAX);
        }
    });
}

fn sync_arrays(cases: &mut Cases) {
    let size = size_of::<drm_panthor_sync_op>() as u32;
    for (name, stride) in [
        ("0", 0),
        ("a_byte_short", size - 1),
        ("a_byte_longer", size + 1),
        ("twice_as_long", 2 * size),
        ("largest", u32::MAX),
    ] {
        cases.add(format!("sync_stride_{name}"), move |c| {
            let (group, handle) = (new_group(c), c.signaled_syncobj());
            let array = c.at_end(&[wait(handle, 0), zeroed(), zeroed()]);
            let syncs = drm_panthor_obj_array { stride, count: 1, array };
            c.submit(group, &[Submit { syncs, ..zeroed() }]);
        });
    }
    for bad in [Bad::Null, Bad::Kernel, Bad::Unmapped, Bad::Ends(15)] {
        cases.add(format!("syncs_at_{}", bad.name()), move |c| {
            let group = new_group(c);
            let array = c.memory.address(bad);
            let syncs = drm_panthor_obj_array { stride: size, count: 1, array };
            c.submit(group, &[Submit { syncs, ..zeroed() }]);
        });
    }
    cases.add("no_syncs_at_a_bad_address", |c| {
        let group = new_group(c);
        let array = c.memory.address(Bad::Unmapped);
        let syncs = drm_panthor_obj_array { stride: 1, count: 0, array };
        c.submit(group, &[Submit { syncs, ..zeroed() }]);
    });
}

/// Adds cases with several faults: the driver reports the first.
fn in_order(cases: &mut Cases) {
    cases.add("a_wrong_queue_and_syncs_at_a_bad_address", |c| {
        let group = new_group(c);
        let syncs = drm_panthor_obj_array { stride: 16, count: 1, array: 8 };
        c.submit(group, &[Submit { syncs, queue_index: 9, ..zeroed() }]);
        c.submit(group, &[Submit { syncs, ..zeroed() }, sync_point(9, &[])]);
        c.submit(group, &[sync_point(9, &[]), Submit { syncs, ..zeroed() }]);
    });
    cases.add("an_unknown_wait_and_a_signal_with_wrong_flags", |c| {
        let (group, handle) = (new_group(c), c.syncobj());
        let flags = 1 << 8 | DRM_PANTHOR_SYNC_OP_SIGNAL;
        let wrong = drm_panthor_sync_op { flags, handle, timeline_value: 0 };
        c.submit(group, &[sync_point(0, &[wait(7, 0), wrong])]);
        c.submit(group, &[sync_point(0, &[wait(7, 0)]), sync_point(0, &[wrong])]);
    });
    cases.add("wrong_flags_and_an_unknown_wait", |c| {
        let group = new_group(c);
        let wrong = drm_panthor_sync_op { flags: 1 << 8, handle: 7, timeline_value: 0 };
        c.submit(group, &[sync_point(0, &[wrong, wait(9, 0)])]);
        c.submit(group, &[sync_point(0, &[wait(9, 0), wrong])]);
    });
}
