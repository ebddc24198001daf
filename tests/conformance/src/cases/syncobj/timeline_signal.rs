//! SYNCOBJ_TIMELINE_SIGNAL.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

/// Queries a timeline, with and without the last submitted point.
fn query_both(c: &mut Client<'_>, handles: &[u32]) {
    c.query(handles, 0);
    c.query(handles, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED);
}

pub fn add(cases: &mut Cases) {
    cases.group("syncobj_timeline_signal");
    let rows: [(&str, &'static [u64]); 12] = [
        ("ascending", &[1, 2, 3]),
        ("with_gaps", &[5, 100, 1 << 40]),
        ("descending", &[9, 5, 3]),
        ("equal", &[4, 4, 4]),
        ("back_and_forth", &[2, 8, 5, 9, 1, 10]),
        ("zero", &[0]),
        ("zero_twice_then_one", &[0, 0, 1]),
        ("zero_after_others", &[3, 0, 4]),
        ("the_greatest", &[u64::MAX]),
        ("the_greatest_then_one", &[u64::MAX, 1]),
        ("the_greatest_twice", &[u64::MAX, u64::MAX]),
        ("across_the_sign", &[i64::MAX as u64, 1 << 63, u64::MAX - 1, u64::MAX]),
    ];
    for (name, points) in rows {
        cases.add(format!("points_{name}"), move |c| {
            let handle = c.syncobj();
            for &point in points {
                c.timeline_signal(&[handle], &[point]);
                query_both(c, &[handle]);
            }
            for &point in points {
                c.wait_points(&[handle], &[point], 0, 0);
            }
        });
    }
    cases.add("one_several_times_in_a_call", |c| {
        let handle = c.syncobj();
        c.timeline_signal(&[handle; 3], &[2, 4, 6]);
        query_both(c, &[handle]);
        c.timeline_signal(&[handle; 3], &[9, 8, 7]);
        query_both(c, &[handle]);
    });
    cases.add("several", |c| {
        let handles = [c.syncobj(), c.signaled_syncobj(), c.syncobj()];
        c.timeline_signal(&handles, &[3, 2, 1]);
        query_both(c, &handles);
    });
    cases.add("a_binary_one", |c| {
        let handle = c.signaled_syncobj();
        query_both(c, &[handle]);
        c.timeline_signal(&[handle], &[7]);
        query_both(c, &[handle]);
        c.signal(&[handle]);
        query_both(c, &[handle]);
        c.timeline_signal(&[handle], &[5]);
        query_both(c, &[handle]);
    });
    cases.add("points_at_null_are_zero", |c| {
        let handles = [c.syncobj(), c.syncobj()];
        c.timeline_signal(&handles[..1], &[4]);
        let mut args = timeline_array(&handles, &[]);
        args.points = 0;
        c.call(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &mut args);
        query_both(c, &handles);
        c.wait(&handles, 0, 0);
    });
    arguments(cases);
}

fn arguments(cases: &mut Cases) {
    for bit in [0, 1, 15, 31] {
        cases.add(format!("flag_bit_{bit}"), move |c| {
            let handles = [c.syncobj()];
            let mut args = timeline_array(&handles, &[1]);
            args.flags = 1 << bit;
            c.call(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &mut args);
            c.query(&handles, 0);
        });
    }
    cases.add("none", |c| {
        c.timeline_signal(&[], &[]);
    });
    let rows: [(&str, [u32; 3]); 4] = [
        ("at_the_start", [99, 1, 2]),
        ("in_the_middle", [1, 99, 2]),
        ("at_the_end", [1, 2, 99]),
        ("zero", [1, 2, 0]),
    ];
    for (name, handles) in rows {
        cases.add(format!("an_unknown_handle_{name}"), move |c| {
            let known = [c.syncobj(), c.syncobj()];
            c.timeline_signal(&handles, &[1, 2, 3]);
            c.query(&known, 0);
        });
    }
    for bad in [Bad::Low, Bad::Kernel, Bad::Last, Bad::Unmapped, Bad::Ends(8), Bad::Ends(15)] {
        cases.add(format!("points_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
            let handles = [c.syncobj(), c.syncobj()];
            let mut args = timeline_array(&handles, &[]);
            args.points = c.memory.address(bad);
            c.call(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &mut args);
            c.query(&handles, 0);
        });
    }
    for bad in [Bad::Null, Bad::Kernel, Bad::Unmapped, Bad::Ends(3)] {
        cases.add(format!("handles_at_{}", bad.name()), move |c| {
            let mut args = timeline_array(&[], &[1]);
            (args.handles, args.count_handles) = (c.memory.address(bad), 1);
            c.call(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &mut args);
        });
    }
    cases.add("unknown_handle_comes_before_bad_points", |c| {
        let mut args = timeline_array(&[9], &[]);
        args.points = c.memory.address(Bad::Unmapped);
        c.call(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &mut args);
    });
    for bad in [Bad::Null, Bad::Ends(20), Bad::ReadOnly] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 20]);
            c.at(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, bad);
        });
    }
}
