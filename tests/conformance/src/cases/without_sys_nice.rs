//! Clients that lack CAP_SYS_NICE, which higher priorities ask for.

use panthor_sys::*;

use super::jobs::{CODE, code, until_done};
use super::primary::{drop_it, set};
use super::query::group_priorities;
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::kernel::Capability::{SysAdmin, SysNice};
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("without_sys_nice");
    priorities(cases);
}

/// Tries to create a group with a priority.
fn try_group(c: &mut Client<'_>, vm: u32, priority: u8) {
    let queues = [queue(4 * KIB)];
    let mut args = drm_panthor_group_create { priority, ..group(vm, &queues) };
    c.call(DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut args);
}

/// Tries the priorities, allowed and refused.
fn try_priorities(c: &mut Client<'_>) {
    group_priorities(c);
    let vm = c.vm();
    for priority in 0..=4 {
        try_group(c, vm, priority);
    }
}

fn priorities(cases: &mut Cases) {
    for priority in [0, 1, 2, 3, 4, 5, 255] {
        cases.add(format!("group_of_priority_{priority}"), move |c| {
            let vm = c.vm();
            c.without(SysNice, |c| try_group(c, vm, priority));
        });
    }
    cases.add("group_of_high_priority_that_is_wrong_otherwise", |c| {
        let vm = c.vm();
        let (right, wrong) = ([queue(4 * KIB)], [queue(KIB)]);
        let high = |queues, vm| drm_panthor_group_create {
            priority: PANTHOR_GROUP_PRIORITY_HIGH,
            ..group(vm, queues)
        };
        c.without(SysNice, |c| {
            for mut args in [
                high(&right, 99),
                high(&wrong, vm),
                drm_panthor_group_create { pad: 1, ..high(&right, vm) },
                drm_panthor_group_create { compute_core_mask: 0, ..high(&right, vm) },
                high(&[], vm),
            ] {
                c.call(DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut args);
            }
        });
    });
    cases.add("priorities", |c| {
        c.without(SysNice, group_priorities);
        group_priorities(c);
    });
    cases.add("priorities_of_a_file_that_was_opened_so", |c| {
        c.without(SysNice, |c| c.open());
        try_priorities(c);
    });
    cases.add("priorities_of_the_master", |c| {
        c.without(SysNice, |c| {
            c.open_primary();
            try_priorities(c);
        });
    });
    cases.add("priorities_of_another_than_the_master", |c| {
        c.open_primary();
        c.open_primary();
        c.without(SysNice, try_priorities);
    });
    cases.add("priorities_of_who_is_no_more_master", |c| {
        c.open_primary();
        c.without(SysNice, |c| {
            drop_it(c);
            try_priorities(c);
            set(c);
            try_priorities(c);
        });
    });
    cases.add("priorities_of_the_render_node_while_the_primary_has_a_master", |c| {
        c.open_primary();
        c.on(0);
        c.without(SysNice, try_priorities);
    });
    cases.add("priorities_without_sys_admin", |c| c.without(SysAdmin, try_priorities));
    cases
        .add("stream_of_a_group_that_was_made_before", |c| {
            let vm = c.vm();
            code(c, vm);
            let queues = [queue(4 * KIB)];
            let args = drm_panthor_group_create {
                priority: PANTHOR_GROUP_PRIORITY_HIGH,
                ..group(vm, &queues)
            };
            let group = c.must(DRM_IOCTL_PANTHOR_GROUP_CREATE, args).group_handle;
            c.without(SysNice, |c| {
                let done = c.syncobj();
                c.submit(group, &[stream(0, CODE, 64, &[signal(done, 0)])]);
                until_done(c, &[done]);
                c.group_state(group);
            });
        })
        .needs_jobs();
}
