//! Fences of jobs that failed: they are done all the same.

use panthor_sys::*;

use super::wait::AVAILABLE;
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::kernel::Trouble;
use crate::uapi::ops::*;

const FOREVER: i64 = i64::MAX;

/// Adds a case with a group and a failing job: the address of its stream is unmapped.
fn failing(cases: &mut Cases, name: &str, steps: fn(&mut Client<'_>, Group)) {
    let steps = move |c: &mut Client<'_>| {
        let vm = c.vm();
        let group = c.group(vm, 1);
        steps(c, Group { vm, group });
    };
    cases.add(name, steps).needs_jobs();
}

#[derive(Clone, Copy)]
struct Group {
    vm: u32,
    group: u32,
}

impl Group {
    fn submit(self, c: &mut Client<'_>, syncs: &[drm_panthor_sync_op]) {
        c.arrange(self.group, 0, Trouble::PageFault);
        c.submit(self.group, &[stream(0, GIB, 64, syncs)]);
    }
}

pub fn add(cases: &mut Cases) {
    cases.group("failed_fences");
    failing(cases, "in_a_binary", |c, group| {
        let done = c.syncobj();
        group.submit(c, &[signal(done, 0)]);
        c.wait(&[done], 0, FOREVER);
        c.wait(&[done], 0, 0);
    });
    failing(cases, "in_a_timeline", |c, group| {
        let timeline = c.syncobj();
        group.submit(c, &[signal(timeline, 3)]);
        c.wait_points(&[timeline], &[3], 0, FOREVER);
        c.query(&[timeline], 0);
        c.timeline_signal(&[timeline], &[5]);
        c.query(&[timeline], 0);
        for point in [3, 4, 5] {
            c.wait_points(&[timeline], &[point], 0, 0);
        }
        c.wait_points(&[timeline], &[6], AVAILABLE, 0);
    });
    failing(cases, "in_a_sync_file", |c, group| {
        let (done, other) = (c.syncobj(), c.syncobj());
        group.submit(c, &[signal(done, 0)]);
        let file = c.sync_file(done);
        c.until_readable(&file);
        c.import_sync_file(&file, other);
        c.wait(&[other], 0, 0);
    });
    failing(cases, "behind_an_eventfd", |c, group| {
        let (done, fd) = (c.syncobj(), c.eventfd());
        c.syncobj_eventfd(&fd, done, 0, 0);
        group.submit(c, &[signal(done, 0)]);
        c.until_readable(&fd);
        c.counter(&fd);
    });
    failing(cases, "transferred", |c, group| {
        let (done, timeline) = (c.syncobj(), c.syncobj());
        group.submit(c, &[signal(done, 0)]);
        c.transfer((done, 0), (timeline, 4), 0);
        c.wait_points(&[timeline], &[4], 0, FOREVER);
        c.query(&[timeline], 0);
        c.transfer((timeline, 4), (timeline, 6), 0);
        c.query(&[timeline], 0);
    });
    failing(cases, "before_a_bind", |c, group| {
        let (bo, job, bound) = (c.bo(PAGE), c.syncobj(), c.syncobj());
        group.submit(c, &[signal(job, 0)]);
        let syncs = [wait(job, 0), signal(bound, 0)];
        c.bind_async(group.vm, &[with_syncs(map(bo, 0, MIB, PAGE, NOEXEC), &syncs)]);
        c.wait(&[bound], 0, FOREVER);
        c.vm_state(group.vm);
    });
    failing(cases, "before_a_job_of_another_group", |c, group| {
        // One VM of both would fail them both.
        let vm = c.vm();
        let (other, first, second) = (c.group(vm, 1), c.syncobj(), c.syncobj());
        group.submit(c, &[signal(first, 0)]);
        c.submit(other, &[sync_point(0, &[wait(first, 0), signal(second, 0)])]);
        c.wait(&[second], 0, FOREVER);
        c.group_state(other);
    });
}
