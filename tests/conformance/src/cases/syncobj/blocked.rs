//! Waits that have begun when what they are for comes.

use panthor_sys::*;

use super::wait::{ALL, AVAILABLE, FOR_SUBMIT};
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;

const FOREVER: i64 = i64::MAX;

/// Concurrent use of a syncobj.
type Work = fn(&mut Client<'_>, u32);

const SIGNAL: (&str, Work) = ("a_signal", |c, handle| {
    c.signal(&[handle]);
});
const RESET_AND_SIGNAL: (&str, Work) = ("a_signal_after_a_reset", |c, handle| {
    c.reset(&[handle]);
    c.signal(&[handle]);
});
const SYNC_FILE: (&str, Work) = ("a_sync_file", |c, handle| {
    let done = c.signaled_syncobj();
    let file = c.sync_file(done);
    c.import_sync_file(&file, handle);
});
const BIND: (&str, Work) = ("a_bind", |c, handle| {
    let vm = c.vm();
    c.bind_async(vm, &[sync_only(&[signal(handle, 5)])]);
});
const POINT: (&str, Work) = ("a_point", |c, handle| {
    c.timeline_signal(&[handle], &[5]);
});
const POINTS: (&str, Work) = ("points_on_the_way", |c, handle| {
    for point in [2, 4, 5] {
        c.timeline_signal(&[handle], &[point]);
    }
});
const LATER_POINT: (&str, Work) = ("a_later_point", |c, handle| {
    c.timeline_signal(&[handle], &[9]);
});
const POINT_AFTER_SIGNAL: (&str, Work) = ("a_point_after_a_signal", |c, handle| {
    c.signal(&[handle]);
    c.timeline_signal(&[handle], &[5]);
});
const TRANSFER: (&str, Work) = ("a_transfer", |c, handle| {
    let done = c.signaled_syncobj();
    c.transfer((done, 0), (handle, 5), 0);
});
const BY_ANOTHER_HANDLE: (&str, Work) = ("another_handle", |c, handle| {
    let fd = c.syncobj_fd(handle);
    c.open();
    let other = c.import_syncobj(&fd);
    c.timeline_signal(&[other], &[5]);
});

pub fn add(cases: &mut Cases) {
    cases.group("blocked_waits");
    let whole = [SIGNAL, RESET_AND_SIGNAL, SYNC_FILE, BIND, POINT, TRANSFER, BY_ANOTHER_HANDLE];
    for (name, work) in whole {
        cases.add(format!("ended_by_{name}"), move |c| {
            let handle = c.syncobj();
            let handles = [handle];
            let mut args = syncobj_wait(&handles, FOR_SUBMIT, FOREVER);
            c.call_during(DRM_IOCTL_SYNCOBJ_WAIT, &mut args, |c| work(c, handle));
        });
    }
    for (flag, flags) in [("for_submit", FOR_SUBMIT), ("until_available", AVAILABLE)] {
        let points =
            [BIND, POINT, POINTS, LATER_POINT, POINT_AFTER_SIGNAL, TRANSFER, BY_ANOTHER_HANDLE];
        for (name, work) in points {
            cases.add(format!("for_a_point_{flag}_ended_by_{name}"), move |c| {
                let handle = c.syncobj();
                let (handles, points) = ([handle], [5]);
                let mut args = timeline_wait(&handles, &points, flags, FOREVER);
                c.call_during(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args, |c| work(c, handle));
            });
        }
    }
    several(cases);
    transfers(cases);
}

fn several(cases: &mut Cases) {
    cases.add("any_ended_by_the_second", |c| {
        let handles = [c.syncobj(), c.syncobj()];
        let mut args = syncobj_wait(&handles, FOR_SUBMIT, FOREVER);
        c.call_during(DRM_IOCTL_SYNCOBJ_WAIT, &mut args, |c| {
            c.signal(&handles[1..]);
        });
    });
    cases.add("all_ended_in_the_other_order", |c| {
        let handles = [c.syncobj(), c.syncobj(), c.signaled_syncobj()];
        let mut args = syncobj_wait(&handles, FOR_SUBMIT | ALL, FOREVER);
        c.call_during(DRM_IOCTL_SYNCOBJ_WAIT, &mut args, |c| {
            c.signal(&handles[1..2]);
            c.signal(&handles[..1]);
        });
    });
    cases.add("all_ended_though_one_was_reset_again", |c| {
        let handles = [c.syncobj(), c.syncobj()];
        let mut args = syncobj_wait(&handles, FOR_SUBMIT | ALL, FOREVER);
        // What it has seen is enough.
        c.call_during(DRM_IOCTL_SYNCOBJ_WAIT, &mut args, |c| {
            c.signal(&handles[..1]);
            c.reset(&handles[..1]);
            c.signal(&handles[1..]);
        });
    });
    cases.add("ended_though_the_handle_was_destroyed", |c| {
        let handle = c.syncobj();
        let handles = [handle];
        let mut args = syncobj_wait(&handles, FOR_SUBMIT, FOREVER);
        c.call_during(DRM_IOCTL_SYNCOBJ_WAIT, &mut args, |c| {
            let fd = c.syncobj_fd(handle);
            c.destroy_syncobj(handle);
            let other = c.import_syncobj(&fd);
            c.signal(&[other]);
        });
    });
    cases
        .add("for_a_fence_that_is_replaced", |c| {
            let (handle, mut gate) = (c.syncobj(), c.gate(1));
            c.submit_held(&mut gate, 0, &[signal(handle, 0)]);
            let handles = [handle];
            let mut args = syncobj_wait(&handles, 0, FOREVER);
            c.call_during(DRM_IOCTL_SYNCOBJ_WAIT, &mut args, |c| {
                c.reset(&[handle]);
                c.pass(&mut gate, 0);
            });
        })
        .needs_held_jobs();
    cases
        .add("for_a_point_that_is_pending_when_it_comes", |c| {
            let (handle, mut gate) = (c.syncobj(), c.gate(1));
            let (handles, points) = ([handle], [5]);
            let mut args = timeline_wait(&handles, &points, FOR_SUBMIT, FOREVER);
            c.call_during(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args, |c| {
                c.submit_held(&mut gate, 0, &[signal(handle, 5)]);
                c.wait_points(&handles, &points, 0, 0);
                c.pass(&mut gate, 0);
            });
        })
        .needs_held_jobs();
    cases
        .add("until_a_point_is_available_that_stays_pending", |c| {
            let (handle, mut gate) = (c.syncobj(), c.gate(1));
            let (handles, points) = ([handle], [5]);
            let mut args = timeline_wait(&handles, &points, AVAILABLE, FOREVER);
            c.call_during(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args, |c| {
                c.submit_held(&mut gate, 0, &[signal(handle, 5)]);
            });
            c.wait_points(&handles, &points, 0, 0);
            c.pass(&mut gate, 0);
            c.wait_points(&handles, &points, 0, FOREVER);
        })
        .needs_held_jobs();
}

/// Adds cases of transfers, which may wait for their source.
fn transfers(cases: &mut Cases) {
    for to in [0, 7] {
        let target = if to == 0 { "binary" } else { "point" };
        for (name, point, work) in [
            (SIGNAL.0, 0, SIGNAL.1),
            (SYNC_FILE.0, 0, SYNC_FILE.1),
            (POINT.0, 5, POINT.1),
            (LATER_POINT.0, 5, LATER_POINT.1),
            (POINT_AFTER_SIGNAL.0, 5, POINT_AFTER_SIGNAL.1),
        ] {
            cases.add(format!("transfer_to_a_{target}_ended_by_{name}"), move |c| {
                let (source, target) = (c.syncobj(), c.syncobj());
                let mut args = drm_syncobj_transfer {
                    src_handle: source,
                    dst_handle: target,
                    src_point: point,
                    dst_point: to,
                    flags: FOR_SUBMIT,
                    pad: 0,
                };
                c.call_during(DRM_IOCTL_SYNCOBJ_TRANSFER, &mut args, |c| work(c, source));
                c.query(&[target], 0);
                c.wait(&[target], 0, 0);
            });
        }
    }
}
