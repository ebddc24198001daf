//! SYNCOBJ_TIMELINE_WAIT.

use panthor_sys::*;

use super::wait::{ALL, AVAILABLE, DEADLINE, FOR_SUBMIT, TIMES, flag_names};
use crate::case::Cases;
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

pub fn add(cases: &mut Cases) {
    cases.group("syncobj_timeline_wait");
    for flags in 0..16 {
        let name = flag_names(flags);
        cases.add(format!("flags_{name}_for_an_empty_one"), move |c| {
            let handle = c.syncobj();
            for point in [0, 1] {
                c.wait_points(&[handle], &[point], flags, 0);
            }
        });
        cases.add(format!("flags_{name}_for_a_binary_one"), move |c| {
            let handle = c.signaled_syncobj();
            for point in [0, 1] {
                c.wait_points(&[handle], &[point], flags, 0);
            }
        });
        cases.add(format!("flags_{name}_for_points"), move |c| {
            let handle = timeline(c);
            for point in [0, 1, 3, 4, 6, 7, u64::MAX] {
                c.wait_points(&[handle], &[point], flags, 0);
            }
        });
        cases.add(format!("flags_{name}_for_one_of_each"), move |c| {
            let (empty, full) = (c.syncobj(), timeline(c));
            c.wait_points(&[empty, full], &[2, 6], flags, 0);
            c.wait_points(&[full, empty], &[6, 2], flags, 0);
            c.wait_points(&[full, full], &[7, 6], flags, 0);
        });
    }
    for bit in [4, 16, 31] {
        cases.add(format!("unknown_flag_bit_{bit}"), move |c| {
            let handle = c.signaled_syncobj();
            c.wait_points(&[handle], &[0], 1 << bit, 0);
            c.wait_points(&[], &[], 1 << bit | AVAILABLE, 0);
        });
    }
    times(cases);
    arguments(cases);
    points(cases);
}

fn times(cases: &mut Cases) {
    for (name, time) in TIMES {
        cases.add(format!("signaled_until_{name}"), move |c| {
            let handle = timeline(c);
            c.wait_points(&[handle], &[6], 0, time);
        });
        if time < i64::MAX {
            cases.add(format!("future_until_{name}"), move |c| {
                let handle = timeline(c);
                c.wait_points(&[handle], &[7], AVAILABLE, time);
            });
        }
        cases.add(format!("deadline_of_{name}"), move |c| {
            let handles = [timeline(c)];
            for point in [6, 7] {
                let points = [point];
                let mut args = timeline_wait(&handles, &points, DEADLINE | FOR_SUBMIT, 0);
                args.deadline_nsec = time as u64;
                c.call(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args);
            }
        });
    }
    for flags in [0, DEADLINE] {
        cases.add(format!("struct_without_deadline_and_{}", flag_names(flags)), move |c| {
            let (handles, points) = ([timeline(c)], [6]);
            let mut args = timeline_wait(&handles, &points, flags, 0);
            c.call(resized(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, 40), &mut args);
        });
    }
}

fn arguments(cases: &mut Cases) {
    cases.add("nothing", |c| {
        for flags in [0, ALL, FOR_SUBMIT, AVAILABLE] {
            let mut args = timeline_wait(&[], &[], flags, 0);
            (args.first_signaled, args.points) = (77, 1);
            c.call(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args);
        }
    });
    for pad in [1, 1 << 31] {
        cases.add(format!("padding_{pad:x}"), move |c| {
            let (handles, points) = ([timeline(c)], [6]);
            let mut args = timeline_wait(&handles, &points, 0, 0);
            args.pad = pad;
            c.call(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args);
        });
    }
    for handle in [0, 2, u32::MAX] {
        cases.add(format!("unknown_handle_{handle}"), move |c| {
            let known = timeline(c);
            c.wait_points(&[handle], &[1], AVAILABLE, 0);
            c.wait_points(&[known, handle], &[3, 3], 0, 0);
        });
    }
    cases.add("points_at_null_are_zero", |c| {
        let handles = [timeline(c), c.signaled_syncobj()];
        let mut args = timeline_wait(&handles, &[], ALL, 0);
        args.points = 0;
        c.call(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args);
    });
    for bad in [Bad::Low, Bad::Kernel, Bad::Last, Bad::Unmapped, Bad::Ends(8), Bad::Ends(16)] {
        cases.add(format!("points_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 16]);
            let handle = timeline(c);
            let handles = [handle; 2];
            for count in 0..=2 {
                let mut args = timeline_wait(&handles[..count], &[], 0, 0);
                args.points = c.memory.address(bad);
                c.call(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args);
            }
        });
    }
    for bad in [Bad::Null, Bad::Kernel, Bad::Unmapped, Bad::Ends(3)] {
        cases.add(format!("handles_at_{}", bad.name()), move |c| {
            let points = [0];
            let mut args = timeline_wait(&[], &points, 0, 0);
            (args.handles, args.count_handles) = (c.memory.address(bad), 1);
            c.call(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args);
        });
    }
    cases.add("unknown_handle_comes_before_bad_points", |c| {
        let handles = [9];
        let mut args = timeline_wait(&handles, &[], 0, 0);
        args.points = c.memory.address(Bad::Unmapped);
        c.call(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args);
    });
    cases.add("bad_points_come_before_missing_fences", |c| {
        let handles = [c.syncobj()];
        let mut args = timeline_wait(&handles, &[], 0, 0);
        args.points = c.memory.address(Bad::Unmapped);
        c.call(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args);
    });
    for bad in [Bad::Null, Bad::Kernel, Bad::Ends(40), Bad::ReadOnly] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 40]);
            c.at(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, bad);
        });
    }
}

fn points(cases: &mut Cases) {
    cases.add("any_names_the_first_in_the_list", |c| {
        let handle = timeline(c);
        c.wait_points(&[handle; 3], &[9, 4, 3], FOR_SUBMIT, 0);
        c.wait_points(&[handle; 3], &[9, 9, 3], AVAILABLE, 0);
    });
    cases.add("all_with_one_that_is_missing", |c| {
        let handle = timeline(c);
        c.wait_points(&[handle; 2], &[9, 3], ALL | AVAILABLE, 0);
        c.wait_points(&[handle; 2], &[3, 9], ALL | FOR_SUBMIT, 0);
    });
    cases.add("after_a_reset", |c| {
        let handle = timeline(c);
        c.reset(&[handle]);
        for point in [0, 3] {
            c.wait_points(&[handle], &[point], 0, 0);
            c.wait_points(&[handle], &[point], AVAILABLE, 0);
        }
    });
    cases.add("after_a_binary_signal", |c| {
        let handle = timeline(c);
        c.signal(&[handle]);
        for point in [0, 3] {
            c.wait_points(&[handle], &[point], 0, 0);
            c.wait_points(&[handle], &[point], AVAILABLE, 0);
        }
    });
    for (name, point) in [("before", 4), ("equal_to", 6), ("zero_after", 0)] {
        cases.add(format!("after_a_point_{name}_the_last"), move |c| {
            let handle = timeline(c);
            c.timeline_signal(&[handle], &[point]);
            for point in [1, 4, 6, 7] {
                c.wait_points(&[handle], &[point], 0, 0);
            }
        });
    }
}
