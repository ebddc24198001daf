//! SYNCOBJ_WAIT.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

pub const ALL: u32 = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL;
pub const FOR_SUBMIT: u32 = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
pub const AVAILABLE: u32 = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
pub const DEADLINE: u32 = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE;

/// Returns the joined names of the flags.
pub fn flag_names(flags: u32) -> String {
    let known =
        [(ALL, "all"), (FOR_SUBMIT, "submit"), (AVAILABLE, "available"), (DEADLINE, "deadline")];
    let names: Vec<_> =
        known.iter().filter(|(flag, _)| flags & flag != 0).map(|&(_, name)| name).collect();
    if names.is_empty() { "no_flags".into() } else { names.join("_") }
}

/// Times that are not in the future, and the one that never comes. For what is signalled only.
pub const TIMES: [(&str, i64); 5] = [
    ("zero", 0),
    ("one", 1),
    ("minus_one", -1),
    ("the_least", i64::MIN),
    ("the_greatest", i64::MAX),
];

pub fn add(cases: &mut Cases) {
    cases.group("syncobj_wait");
    for flags in 0..16 {
        let name = flag_names(flags);
        cases.add(format!("flags_{name}_for_an_empty_one"), move |c| {
            let handle = c.syncobj();
            c.wait(&[handle], flags, 0);
        });
        cases.add(format!("flags_{name}_for_a_signaled_one"), move |c| {
            let handle = c.signaled_syncobj();
            c.wait(&[handle], flags, 0);
        });
        cases.add(format!("flags_{name}_for_one_of_each"), move |c| {
            let (empty, signaled) = (c.syncobj(), c.signaled_syncobj());
            c.wait(&[empty, signaled], flags, 0);
            c.wait(&[signaled, empty], flags, 0);
        });
    }
    for bit in [4, 16, 31] {
        cases.add(format!("unknown_flag_bit_{bit}"), move |c| {
            let handle = c.signaled_syncobj();
            c.wait(&[handle], 1 << bit, 0);
            c.wait(&[handle], 1 << bit | ALL, 0);
            c.wait(&[], 1 << bit, 0);
        });
    }
    times(cases);
    arguments(cases);
    order(cases);
}

fn times(cases: &mut Cases) {
    for (name, time) in TIMES {
        cases.add(format!("signaled_until_{name}"), move |c| {
            let handle = c.signaled_syncobj();
            c.wait(&[handle], 0, time);
        });
        if time < i64::MAX {
            cases.add(format!("empty_until_{name}"), move |c| {
                let handle = c.syncobj();
                c.wait(&[handle], FOR_SUBMIT, time);
            });
        }
        cases.add(format!("deadline_of_{name}"), move |c| {
            let (empty, signaled) = (c.syncobj(), c.signaled_syncobj());
            for handles in [[signaled], [empty]] {
                let mut args = syncobj_wait(&handles, DEADLINE | FOR_SUBMIT, 0);
                args.deadline_nsec = time as u64;
                c.call(DRM_IOCTL_SYNCOBJ_WAIT, &mut args);
            }
        });
    }
    cases.add("deadline_without_its_flag", |c| {
        let handles = [c.signaled_syncobj()];
        let mut args = syncobj_wait(&handles, 0, 0);
        args.deadline_nsec = 5;
        c.call(DRM_IOCTL_SYNCOBJ_WAIT, &mut args);
    });
    for flags in [0, DEADLINE] {
        cases.add(format!("struct_without_deadline_and_{}", flag_names(flags)), move |c| {
            let handles = [c.signaled_syncobj()];
            let mut args = syncobj_wait(&handles, flags, 0);
            c.call(resized(DRM_IOCTL_SYNCOBJ_WAIT, 32), &mut args);
        });
    }
}

fn arguments(cases: &mut Cases) {
    cases.add("nothing", |c| {
        for flags in [0, ALL, FOR_SUBMIT, AVAILABLE] {
            let mut args = syncobj_wait(&[], flags, 0);
            args.first_signaled = 77;
            c.call(DRM_IOCTL_SYNCOBJ_WAIT, &mut args);
        }
    });
    cases.add("first_signaled_is_only_an_output", |c| {
        let handles = [c.signaled_syncobj(), c.syncobj()];
        for handle in handles {
            let handles = [handle];
            let mut args = syncobj_wait(&handles, 0, 0);
            args.first_signaled = 77;
            c.call(DRM_IOCTL_SYNCOBJ_WAIT, &mut args);
        }
    });
    for pad in [1, 1 << 31] {
        cases.add(format!("padding_{pad:x}"), move |c| {
            let handles = [c.signaled_syncobj()];
            let mut args = syncobj_wait(&handles, 0, 0);
            args.pad = pad;
            c.call(DRM_IOCTL_SYNCOBJ_WAIT, &mut args);
        });
    }
    for handle in [0, 2, u32::MAX] {
        cases.add(format!("unknown_handle_{handle}"), move |c| {
            let known = c.signaled_syncobj();
            c.wait(&[handle], 0, 0);
            c.wait(&[known, handle], 0, 0);
            c.wait(&[handle, known], FOR_SUBMIT, 0);
        });
    }
    for bad in [Bad::Null, Bad::Low, Bad::Kernel, Bad::Last, Bad::Unmapped, Bad::Ends(4)] {
        cases.add(format!("handles_at_{}", bad.name()), move |c| {
            let handle = c.signaled_syncobj();
            c.memory.write_before_end(&handle.to_ne_bytes());
            for count_handles in [0, 1, 2] {
                let mut args = syncobj_wait(&[], 0, 0);
                (args.handles, args.count_handles) = (c.memory.address(bad), count_handles);
                c.call(DRM_IOCTL_SYNCOBJ_WAIT, &mut args);
            }
        });
    }
    for count in [1 << 10, 1 << 14] {
        cases.add(format!("{count}_handles_at_null"), move |c| {
            let mut args = syncobj_wait(&[], 0, 0);
            (args.handles, args.count_handles) = (0, count);
            c.call(DRM_IOCTL_SYNCOBJ_WAIT, &mut args);
        });
    }
    cases.add("a_thousand_times_the_same", |c| {
        let handle = c.signaled_syncobj();
        c.wait(&[handle; 1000], ALL, 0);
    });
    for bad in [Bad::Null, Bad::Kernel, Bad::Ends(32), Bad::ReadOnly] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 32]);
            c.at(DRM_IOCTL_SYNCOBJ_WAIT, bad);
        });
    }
}

fn order(cases: &mut Cases) {
    cases.add("any_names_the_first_in_the_list", |c| {
        let (one, two) = (c.signaled_syncobj(), c.signaled_syncobj());
        let empty = c.syncobj();
        c.wait(&[one, two], 0, 0);
        c.wait(&[empty, two, one], FOR_SUBMIT, 0);
        c.wait(&[empty, empty, one], FOR_SUBMIT, 0);
    });
    cases.add("all_names_the_first_in_the_list", |c| {
        let (one, two) = (c.signaled_syncobj(), c.signaled_syncobj());
        c.wait(&[one, two], ALL, 0);
    });
    cases.add("after_a_reset", |c| {
        let handle = c.signaled_syncobj();
        c.reset(&[handle]);
        c.wait(&[handle], 0, 0);
        c.wait(&[handle], FOR_SUBMIT, 0);
    });
    cases.add("for_a_timeline_is_for_all_of_it", |c| {
        let handle = c.syncobj();
        c.timeline_signal(&[handle], &[3]);
        c.wait(&[handle], 0, 0);
        c.wait(&[handle], ALL | FOR_SUBMIT, 0);
    });
    cases.add("handle_of_another_file", |c| {
        let handle = c.signaled_syncobj();
        c.open();
        c.wait(&[handle], 0, 0);
    });
}
