//! SYNCOBJ_EVENTFD.

use std::os::fd::{AsRawFd, OwnedFd};

use panthor_sys::*;

use super::wait::{ALL, AVAILABLE, DEADLINE, FOR_SUBMIT, flag_names};
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

/// Makes a descriptor that is no eventfd.
type Make = fn(&mut Client<'_>, u32) -> OwnedFd;

/// A change of a syncobj.
type Change = fn(&mut Client<'_>, u32);

const NOTHING: Change = |_, _| {};
const SIGNAL: Change = |c, handle| {
    c.signal(&[handle]);
};
const RESET: Change = |c, handle| {
    c.reset(&[handle]);
};
const POINT_3: Change = |c, handle| {
    c.timeline_signal(&[handle], &[3]);
};
const POINT_5: Change = |c, handle| {
    c.timeline_signal(&[handle], &[5]);
};
const POINT_9: Change = |c, handle| {
    c.timeline_signal(&[handle], &[9]);
};

pub fn add(cases: &mut Cases) {
    cases.group("syncobj_eventfd");
    // Before, the point, and what comes after.
    let rows: [(&str, Change, u64, &'static [Change]); 13] = [
        ("signaled_before", SIGNAL, 0, &[]),
        ("signaled_after", NOTHING, 0, &[SIGNAL, SIGNAL]),
        ("signaled_before_and_after", SIGNAL, 0, &[SIGNAL]),
        ("reset_then_signaled", NOTHING, 0, &[RESET, SIGNAL]),
        ("any_point_is_the_whole", NOTHING, 0, &[POINT_3, POINT_5]),
        ("point_before", POINT_5, 5, &[]),
        ("earlier_point_than_the_one_before", POINT_5, 4, &[]),
        ("point_after", NOTHING, 5, &[POINT_5]),
        ("point_overtaken", POINT_3, 5, &[POINT_9]),
        ("point_not_yet", POINT_3, 5, &[POINT_3]),
        ("points_on_the_way", NOTHING, 5, &[POINT_3, POINT_5, POINT_9]),
        ("point_of_a_binary", SIGNAL, 5, &[SIGNAL, POINT_5]),
        ("point_of_the_past", POINT_9, 5, &[POINT_3]),
    ];
    for (name, before, point, after) in rows {
        for (flag, flags) in [("", 0), ("_when_available", AVAILABLE)] {
            cases.add(format!("{name}{flag}"), move |c| {
                let (handle, fd) = (c.syncobj(), c.eventfd());
                before(c, handle);
                c.syncobj_eventfd(&fd, handle, point, flags);
                c.counter(&fd);
                for change in after {
                    change(c, handle);
                    c.counter(&fd);
                }
            });
        }
    }
    several(cases);
    arguments(cases);
}

fn several(cases: &mut Cases) {
    cases.add("twice_the_same", |c| {
        let (handle, fd) = (c.syncobj(), c.eventfd());
        c.syncobj_eventfd(&fd, handle, 0, 0);
        c.syncobj_eventfd(&fd, handle, 0, AVAILABLE);
        c.signal(&[handle]);
        c.counter(&fd);
    });
    cases.add("two_points_at_once", |c| {
        let (handle, fd) = (c.syncobj(), c.eventfd());
        c.syncobj_eventfd(&fd, handle, 3, 0);
        c.syncobj_eventfd(&fd, handle, 5, 0);
        c.syncobj_eventfd(&fd, handle, 7, 0);
        c.timeline_signal(&[handle], &[5]);
        c.counter(&fd);
        c.timeline_signal(&[handle], &[7]);
        c.counter(&fd);
    });
    cases.add("two_eventfds", |c| {
        let (handle, one, two) = (c.syncobj(), c.eventfd(), c.eventfd());
        c.syncobj_eventfd(&one, handle, 0, 0);
        c.syncobj_eventfd(&two, handle, 0, 0);
        c.signal(&[handle]);
        c.counter(&one);
        c.counter(&two);
    });
    cases.add("two_syncobjs", |c| {
        let (one, two, fd) = (c.syncobj(), c.syncobj(), c.eventfd());
        c.syncobj_eventfd(&fd, one, 0, 0);
        c.syncobj_eventfd(&fd, two, 0, 0);
        c.signal(&[one, two]);
        c.counter(&fd);
    });
    cases.add("the_syncobj_is_destroyed", |c| {
        let (handle, fd) = (c.syncobj(), c.eventfd());
        c.syncobj_eventfd(&fd, handle, 0, 0);
        c.destroy_syncobj(handle);
        c.counter(&fd);
    });
    cases.add("one_of_two_handles_is_destroyed", |c| {
        let (handle, fd) = (c.syncobj(), c.eventfd());
        let exported = c.syncobj_fd(handle);
        let other = c.import_syncobj(&exported);
        c.syncobj_eventfd(&fd, handle, 0, 0);
        c.destroy_syncobj(handle);
        c.signal(&[other]);
        c.counter(&fd);
    });
    cases.add("the_file_is_closed", |c| {
        let (handle, fd) = (c.syncobj(), c.eventfd());
        c.syncobj_eventfd(&fd, handle, 0, 0);
        c.open();
        c.close_file(0);
        c.counter(&fd);
    });
    cases.add("signaled_by_a_sync_file", |c| {
        let (handle, done, fd) = (c.syncobj(), c.signaled_syncobj(), c.eventfd());
        c.syncobj_eventfd(&fd, handle, 0, 0);
        let file = c.sync_file(done);
        c.import_sync_file(&file, handle);
        c.counter(&fd);
    });
    cases.add("signaled_by_a_transfer", |c| {
        let (handle, done, fd) = (c.syncobj(), c.signaled_syncobj(), c.eventfd());
        c.syncobj_eventfd(&fd, handle, 4, 0);
        c.transfer((done, 0), (handle, 4), 0);
        c.counter(&fd);
    });
    cases.add("signaled_by_a_bind", |c| {
        let (vm, handle, fd) = (c.vm(), c.syncobj(), c.eventfd());
        c.syncobj_eventfd(&fd, handle, 4, 0);
        let syncs = [signal(handle, 4)];
        c.bind_async(vm, &[sync_only(&syncs)]);
        c.until_readable(&fd);
        c.counter(&fd);
    });
}

fn arguments(cases: &mut Cases) {
    for flags in [ALL, FOR_SUBMIT, DEADLINE, ALL | AVAILABLE, 16, 1 << 31] {
        let name = if flags & 15 == 0 { format!("{flags:x}") } else { flag_names(flags) };
        cases.add(format!("flags_{name}"), move |c| {
            let (handle, fd) = (c.signaled_syncobj(), c.eventfd());
            c.syncobj_eventfd(&fd, handle, 0, flags);
            c.counter(&fd);
        });
    }
    for pad in [1, 1 << 31] {
        cases.add(format!("padding_{pad:x}"), move |c| {
            let (handle, eventfd) = (c.signaled_syncobj(), c.eventfd());
            let fd = eventfd.as_raw_fd();
            let mut args = drm_syncobj_eventfd { handle, fd, pad, ..zeroed() };
            c.call(DRM_IOCTL_SYNCOBJ_EVENTFD, &mut args);
            c.counter(&eventfd);
        });
    }
    for handle in [0, 2, u32::MAX] {
        cases.add(format!("unknown_handle_{handle}"), move |c| {
            c.syncobj();
            let fd = c.eventfd();
            c.syncobj_eventfd(&fd, handle, 0, 0);
            c.counter(&fd);
        });
    }
    cases.add("what_is_not_open", |c| {
        let handle = c.syncobj();
        for fd in [-1, i32::MIN, i32::MAX, 1_000_000] {
            for handle in [handle, 99] {
                let mut args = drm_syncobj_eventfd { handle, fd, ..zeroed() };
                c.call(DRM_IOCTL_SYNCOBJ_EVENTFD, &mut args);
            }
        }
    });
    let kinds: [(&str, Make); 4] = [
        ("syncobj", |c, handle| c.syncobj_fd(handle)),
        ("sync_file", |c, handle| c.sync_file(handle)),
        ("dma_buf", |c, _| {
            let bo = c.bo(PAGE);
            c.export(bo)
        }),
        ("foreign_dma_buf", |c, _| c.foreign_dma_buf(PAGE)),
    ];
    for (name, make) in kinds {
        let case = cases.add(format!("a_{name}_is_no_eventfd"), move |c| {
            let handle = c.signaled_syncobj();
            let fd = make(c, handle);
            c.syncobj_eventfd(&fd, handle, 0, 0);
        });
        if name.contains("foreign") {
            case.needs_foreign_memory();
        }
    }
    for bad in [Bad::Null, Bad::Ends(20), Bad::ReadOnly] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 20]);
            c.at(DRM_IOCTL_SYNCOBJ_EVENTFD, bad);
        });
    }
}
