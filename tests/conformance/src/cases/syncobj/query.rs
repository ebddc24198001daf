//! SYNCOBJ_QUERY.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

const LAST_SUBMITTED: u32 = DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED;

pub fn add(cases: &mut Cases) {
    cases.group("syncobj_query");
    for (name, flags) in [("done", 0), ("last_submitted", LAST_SUBMITTED)] {
        cases.add(format!("{name}_of_an_empty_one"), move |c| {
            let handle = c.syncobj();
            c.query(&[handle], flags);
        });
        cases.add(format!("{name}_of_a_binary_one"), move |c| {
            let handle = c.signaled_syncobj();
            c.query(&[handle], flags);
        });
        cases.add(format!("{name}_of_a_timeline"), move |c| {
            let handle = c.syncobj();
            c.timeline_signal(&[handle], &[4]);
            c.query(&[handle], flags);
        });
        cases.add(format!("{name}_after_a_reset"), move |c| {
            let handle = c.syncobj();
            c.timeline_signal(&[handle], &[4]);
            c.reset(&[handle]);
            c.query(&[handle], flags);
        });
        cases.add(format!("{name}_of_many"), move |c| {
            let handles: Vec<_> = (0..40).map(|_| c.syncobj()).collect();
            let points: Vec<_> = (0..40).map(|index| index * index).collect();
            c.timeline_signal(&handles, &points);
            c.query(&handles, flags);
        });
        cases.add(format!("{name}_of_one_twice"), move |c| {
            let handle = c.syncobj();
            c.timeline_signal(&[handle], &[4]);
            c.query(&[handle, handle], flags);
        });
        cases.add(format!("{name}_of_none"), move |c| {
            c.query(&[], flags);
        });
        cases.add(format!("{name}_of_an_unknown_one"), move |c| {
            let handle = c.syncobj();
            c.query(&[99], flags);
            c.query(&[handle, 99], flags);
            c.query(&[0, handle], flags);
        });
    }
    for bit in [1, 2, 15, 31] {
        cases.add(format!("unknown_flag_bit_{bit}"), move |c| {
            let handle = c.syncobj();
            c.query(&[handle], 1 << bit);
            c.query(&[handle], 1 << bit | LAST_SUBMITTED);
        });
    }
    cases.add("of_another_file", |c| {
        let handle = c.syncobj();
        c.open();
        c.query(&[handle], 0);
    });
    pointers(cases);
}

fn pointers(cases: &mut Cases) {
    for bad in [Bad::Null, Bad::Low, Bad::Kernel, Bad::Last, Bad::Unmapped, Bad::ReadOnly] {
        cases.add(format!("points_at_{}", bad.name()), move |c| {
            let handles = [c.syncobj()];
            let mut args = timeline_array(&handles, &[]);
            args.points = c.memory.address(bad);
            c.call(DRM_IOCTL_SYNCOBJ_QUERY, &mut args);
        });
    }
    // How far it gets.
    for room in [7, 8, 12, 16] {
        cases.add(format!("room_for_{room}_bytes_of_two_points"), move |c| {
            let handles = [c.syncobj(), c.syncobj()];
            c.timeline_signal(&handles, &[0x0101_0101_0101_0101, 0x0202_0202_0202_0202]);
            c.memory.write_before_end(&[0xff; 24]);
            let mut args = timeline_array(&handles, &[]);
            args.points = c.memory.address(Bad::Ends(room));
            c.call(DRM_IOCTL_SYNCOBJ_QUERY, &mut args);
            // Of a point that is not written whole any part may be.
            let whole = &c.memory.read_before_end(room)[..room / 8 * 8];
            c.note(format_args!("  memory {whole:02x?}"));
        });
    }
    for bad in [Bad::Null, Bad::Kernel, Bad::Unmapped, Bad::Ends(3)] {
        cases.add(format!("handles_at_{}", bad.name()), move |c| {
            let mut points = [7_u64];
            let mut args = timeline_array(&[], &[]);
            args.points = address_mut(&mut points);
            (args.handles, args.count_handles) = (c.memory.address(bad), 1);
            c.call(DRM_IOCTL_SYNCOBJ_QUERY, &mut args);
            c.note(format_args!("  points {points:x?}"));
        });
    }
    for bad in [Bad::Null, Bad::Ends(20), Bad::ReadOnly] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 20]);
            c.at(DRM_IOCTL_SYNCOBJ_QUERY, bad);
        });
    }
}
