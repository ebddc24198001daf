//! Jobs that are done, alone or one after the other in a queue.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;

/// Address of the streams.
pub const CODE: u64 = 4 * MIB;

pub fn add(cases: &mut Cases) {
    cases.group("job");
    alone(cases);
    several(cases);
}

/// Maps a stream that does nothing, of any size up to 64 KiB, at [`CODE`].
pub fn code(c: &mut Client<'_>, vm: u32) {
    let bo = c.exclusive_bo(64 * KIB, vm);
    c.bind(vm, &[map(bo, 0, CODE, 64 * KIB, UNCACHED)]);
}

/// Creates a VM with a stream in it, and a group with that many queues.
pub fn ready(c: &mut Client<'_>, queues: usize) -> (u32, u32) {
    let vm = c.vm();
    code(c, vm);
    (vm, c.group(vm, queues))
}

/// Waits for syncobjs that are certainly signaled eventually, and records the status.
pub fn until_done(c: &mut Client<'_>, handles: &[u32]) {
    for &handle in handles {
        c.wait(&[handle], 0, i64::MAX);
        c.fence(handle);
    }
}

fn alone(cases: &mut Cases) {
    for size in [8, 16, 64, 72, PAGE, PAGE + 8, 64 * KIB] {
        cases
            .add(format!("stream_of_{size}_bytes"), move |c| {
                let (_, group) = ready(c, 1);
                let done = c.syncobj();
                let syncs = [signal(done, 0)];
                c.submit(group, &[stream(0, CODE, size as u32, &syncs)]);
                until_done(c, &[done]);
                c.group_state(group);
            })
            .needs_jobs();
    }
    for latest_flush in [1, 0xff_ffff, 1 << 31, 0x80ff_ffff] {
        cases
            .add(format!("stream_with_latest_flush_{latest_flush:#x}"), move |c| {
                let (_, group) = ready(c, 1);
                let done = c.syncobj();
                let syncs = [signal(done, 0)];
                let job = stream(0, CODE, 64, &syncs);
                c.submit(group, &[drm_panthor_queue_submit { latest_flush, ..job }]);
                until_done(c, &[done]);
            })
            .needs_jobs();
    }
    cases.add("sync_point_in_a_new_queue", |c| {
        let vm = c.vm();
        let group = c.group(vm, 1);
        let done = c.syncobj();
        let syncs = [signal(done, 0)];
        c.submit(group, &[sync_point(0, &syncs)]);
        until_done(c, &[done]);
        c.group_state(group);
    });
    cases
        .add("stream_without_syncs", |c| {
            let (_, group) = ready(c, 1);
            let done = c.syncobj();
            c.submit(group, &[stream(0, CODE, 64, &[])]);
            let syncs = [signal(done, 0)];
            c.submit(group, &[sync_point(0, &syncs)]);
            until_done(c, &[done]);
        })
        .needs_jobs();
    for priority in 0..=3 {
        cases
            .add(format!("stream_of_a_group_with_priority_{priority}"), move |c| {
                let vm = c.vm();
                code(c, vm);
                let (queues, done) = ([queue(4 * KIB)], c.syncobj());
                let mut args = drm_panthor_group_create { priority, ..group(vm, &queues) };
                if c.call(DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut args) == 0 {
                    let syncs = [signal(done, 0)];
                    c.submit(args.group_handle, &[stream(0, CODE, 64, &syncs)]);
                    until_done(c, &[done]);
                }
            })
            .needs_jobs();
    }
    for priority in [0, 7, 15] {
        cases
            .add(format!("stream_of_a_queue_with_priority_{priority}"), move |c| {
                let vm = c.vm();
                code(c, vm);
                let queues = [drm_panthor_queue_create { priority, ..queue(4 * KIB) }];
                let group = c.must(DRM_IOCTL_PANTHOR_GROUP_CREATE, group(vm, &queues)).group_handle;
                let done = c.syncobj();
                let syncs = [signal(done, 0)];
                c.submit(group, &[stream(0, CODE, 64, &syncs)]);
                until_done(c, &[done]);
            })
            .needs_jobs();
    }
}

fn several(cases: &mut Cases) {
    cases
        .add("three_streams_in_one_call", |c| {
            let (_, group) = ready(c, 1);
            let done = [c.syncobj(), c.syncobj(), c.syncobj()];
            let syncs = done.map(|done| [signal(done, 0)]);
            let jobs = syncs.each_ref().map(|syncs| stream(0, CODE, 64, syncs));
            c.submit(group, &jobs);
            until_done(c, &done);
        })
        .needs_jobs();
    cases
        .add("three_streams_in_three_calls", |c| {
            let (_, group) = ready(c, 1);
            let done = [c.syncobj(), c.syncobj(), c.syncobj()];
            for handle in done {
                let syncs = [signal(handle, 0)];
                c.submit(group, &[stream(0, CODE, 64, &syncs)]);
            }
            until_done(c, &done);
        })
        .needs_jobs();
    for size in [4, 64] {
        cases
            .add(format!("more_streams_than_a_ring_of_{size}_kib_has_room_for"), move |c| {
                let vm = c.vm();
                code(c, vm);
                let queues = [queue(size * KIB)];
                let group = c.must(DRM_IOCTL_PANTHOR_GROUP_CREATE, group(vm, &queues)).group_handle;
                let (last, jobs) = (c.syncobj(), size as usize * 10);
                let syncs = [signal(last, 0)];
                c.quietly(|c| {
                    c.submit(group, &vec![stream(0, CODE, 64, &[]); jobs]);
                    c.submit(group, &[stream(0, CODE, 64, &syncs)]);
                });
                until_done(c, &[last]);
                c.group_state(group);
            })
            .needs_jobs();
    }
    cases
        .add("points_of_a_timeline", |c| {
            let (_, group) = ready(c, 1);
            let timeline = c.syncobj();
            let syncs = [1, 2, 3].map(|point| [signal(timeline, point)]);
            let jobs = syncs.each_ref().map(|syncs| stream(0, CODE, 64, syncs));
            c.submit(group, &jobs);
            c.wait_points(&[timeline], &[3], 0, i64::MAX);
            c.query(&[timeline], 0);
        })
        .needs_jobs();
    cases
        .add("one_syncobj_for_several_streams", |c| {
            let (_, group) = ready(c, 2);
            let done = c.syncobj();
            let syncs = [signal(done, 0)];
            c.submit(group, &[stream(0, CODE, 64, &syncs), stream(1, CODE, 64, &syncs)]);
            until_done(c, &[done]);
        })
        .needs_jobs();
    cases
        .add("several_syncobjs_for_one_stream", |c| {
            let (_, group) = ready(c, 1);
            let (one, two, timeline) = (c.syncobj(), c.syncobj(), c.syncobj());
            let syncs = [signal(one, 0), signal(two, 0), signal(timeline, 7)];
            c.submit(group, &[stream(0, CODE, 64, &syncs)]);
            until_done(c, &[one, two]);
            c.query(&[timeline], 0);
        })
        .needs_jobs();
    cases
        .add("the_same_syncobj_twice_in_one_job", |c| {
            let (_, group) = ready(c, 1);
            let done = c.signaled_syncobj();
            let syncs = [wait(done, 0), wait(done, 0), signal(done, 0), signal(done, 0)];
            c.submit(group, &[stream(0, CODE, 64, &syncs)]);
            until_done(c, &[done]);
        })
        .needs_jobs();
    cases
        .add("a_chain_through_one_syncobj", |c| {
            let (_, group) = ready(c, 2);
            let link = c.signaled_syncobj();
            let syncs = [wait(link, 0), signal(link, 0)];
            let jobs: Vec<_> = (0..6).map(|job| stream(job % 2, CODE, 64, &syncs)).collect();
            c.submit(group, &jobs);
            until_done(c, &[link]);
        })
        .needs_jobs();
}
