//! SYNCOBJ_RESET and SYNCOBJ_SIGNAL, which take arrays.

use panthor_sys::*;

use super::wait::FOR_SUBMIT;
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    for (group, request) in
        [("syncobj_reset", DRM_IOCTL_SYNCOBJ_RESET), ("syncobj_signal", DRM_IOCTL_SYNCOBJ_SIGNAL)]
    {
        cases.group(group);
        both(cases, request);
    }
}

/// Records whether each syncobj is signaled.
fn states(c: &mut Client<'_>, handles: &[u32]) {
    for &handle in handles {
        c.wait(&[handle], 0, 0);
    }
}

/// Adds cases that both requests share, on syncobjs of which the first is signaled.
fn both(cases: &mut Cases, request: u32) {
    let add = |cases: &mut Cases, name: &str, pick: fn(u32, u32) -> Vec<u32>| {
        cases.add(name, move |c| {
            let (one, two) = (c.signaled_syncobj(), c.syncobj());
            let handles = pick(one, two);
            c.call(request, &mut syncobj_array(&handles));
            states(c, &[one, two]);
        });
    };
    add(cases, "one_that_is_signaled", |one, _| vec![one]);
    add(cases, "one_that_is_empty", |_, two| vec![two]);
    add(cases, "two", |one, two| vec![one, two]);
    add(cases, "one_several_times", |one, _| vec![one; 5]);
    add(cases, "none", |_, _| vec![]);
    add(cases, "an_unknown_handle_at_the_end", |one, two| vec![one, two, 99]);
    add(cases, "an_unknown_handle_in_the_middle", |one, two| vec![one, 99, two]);
    add(cases, "an_unknown_handle_at_the_start", |one, two| vec![0, one, two]);
    for pad in [1, 1 << 31] {
        cases.add(format!("padding_{pad:x}"), move |c| {
            let handles = [c.signaled_syncobj()];
            let mut args = syncobj_array(&handles);
            args.pad = pad;
            c.call(request, &mut args);
            args.count_handles = 0;
            c.call(request, &mut args);
            states(c, &handles);
        });
    }
    for bad in [Bad::Null, Bad::Low, Bad::Kernel, Bad::Last, Bad::Unmapped, Bad::Ends(4)] {
        cases.add(format!("handles_at_{}", bad.name()), move |c| {
            let handle = c.syncobj();
            c.memory.write_before_end(&handle.to_ne_bytes());
            for count_handles in [0, 1, 2] {
                let handles = c.memory.address(bad);
                c.call(request, &mut drm_syncobj_array { handles, count_handles, pad: 0 });
            }
            states(c, &[handle]);
        });
    }
    cases.add("1024_handles_at_null", move |c| {
        c.call(request, &mut drm_syncobj_array { handles: 0, count_handles: 1 << 10, pad: 0 });
    });
    cases.add("a_timeline", move |c| {
        let handle = c.syncobj();
        c.timeline_signal(&[handle], &[5]);
        c.call(request, &mut syncobj_array(&[handle]));
        c.query(&[handle], 0);
        c.wait_points(&[handle], &[5], 0, 0);
        c.timeline_signal(&[handle], &[3]);
        c.query(&[handle], 0);
    });
    cases.add("of_another_file", move |c| {
        let handle = c.signaled_syncobj();
        c.open();
        c.call(request, &mut syncobj_array(&[handle]));
    });
    cases.add("seen_by_another_handle", move |c| {
        let handle = c.signaled_syncobj();
        let fd = c.syncobj_fd(handle);
        let other = c.import_syncobj(&fd);
        c.call(request, &mut syncobj_array(&[other]));
        c.wait(&[handle], FOR_SUBMIT, 0);
    });
    for bad in [Bad::Null, Bad::Ends(12), Bad::ReadOnly] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 12]);
            c.at(request, bad);
        });
    }
}
