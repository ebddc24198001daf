//! Clients that lack capabilities: CAP_SYS_NICE for priorities, CAP_SYS_ADMIN for the primary node.

use panthor_sys::*;

use super::flink::{gem_flink, gem_open};
use super::primary::{ANY, auth_magic, drop_it, get_magic, set, version};
use super::query::group_priorities;
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::kernel::Capability::{SysAdmin, SysNice};
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("without_sys_nice");
    priorities(cases);
    cases.group("without_sys_admin");
    masters(cases);
    authenticated(cases);
    driver(cases);
}

/// Tries to create a group with a priority.
fn try_group(c: &mut Client<'_>, vm: u32, priority: u8) {
    let queues = [queue(4 * KIB)];
    let mut args = drm_panthor_group_create { priority, ..group(vm, &queues) };
    c.call(DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut args);
}

/// What may be, and what is done.
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
            super::jobs::code(c, vm);
            let queues = [queue(4 * KIB)];
            let args = drm_panthor_group_create {
                priority: PANTHOR_GROUP_PRIORITY_HIGH,
                ..group(vm, &queues)
            };
            let group = c.must(DRM_IOCTL_PANTHOR_GROUP_CREATE, args).group_handle;
            c.without(SysNice, |c| {
                let done = c.syncobj();
                c.submit(group, &[stream(0, super::jobs::CODE, 64, &[signal(done, 0)])]);
                super::jobs::until_done(c, &[done]);
                c.group_state(group);
            });
        })
        .needs_jobs();
}

/// What only the current master may.
fn try_mastery(c: &mut Client<'_>) {
    version(c, (1, 4), ANY);
    auth_magic(c, 1);
}

fn masters(cases: &mut Cases) {
    cases.add("the_first_is_master", |c| {
        c.without(SysAdmin, |c| {
            c.open_primary();
            set(c);
            try_mastery(c);
            drop_it(c);
            drop_it(c);
            try_mastery(c);
            set(c);
            try_mastery(c);
        });
    });
    cases.add("the_second_cannot_be_master", |c| {
        c.without(SysAdmin, |c| {
            let first = c.open_primary();
            let second = c.open_primary();
            set(c);
            drop_it(c);
            try_mastery(c);
            c.on(first);
            drop_it(c);
            c.on(second);
            set(c);
            drop_it(c);
            try_mastery(c);
            c.close_file(first);
            set(c);
        });
    });
    cases.add("who_was_master_comes_back", |c| {
        c.without(SysAdmin, |c| {
            let first = c.open_primary();
            drop_it(c);
            let second = c.open_primary();
            set(c);
            try_mastery(c);
            c.on(first);
            set(c);
            drop_it(c);
            c.close_file(second);
            set(c);
            try_mastery(c);
        });
    });
    cases.add("who_became_master_before", |c| {
        c.open_primary();
        drop_it(c);
        let other = c.open_primary();
        drop_it(c);
        c.on(1);
        set(c);
        c.without(SysAdmin, |c| {
            set(c);
            drop_it(c);
            c.on(other);
            set(c);
            drop_it(c);
        });
    });
    cases.add("a_file_that_was_opened_so", |c| {
        let first = c.open_primary();
        c.without(SysAdmin, |c| c.open_primary());
        set(c);
        drop_it(c);
        c.on(first);
        drop_it(c);
        c.on(2);
        set(c);
        c.without(SysAdmin, |c| {
            drop_it(c);
            set(c);
        });
    });
    cases.add("a_file_that_was_opened_with_it", |c| {
        let first = c.open_primary();
        drop_it(c);
        c.on(first);
        let second = c.open_primary();
        drop_it(c);
        let third = c.open_primary();
        drop_it(c);
        c.on(first);
        c.without(SysAdmin, |c| {
            for file in [first, second, third] {
                c.on(file);
                set(c);
                drop_it(c);
            }
        });
    });
    cases.add("on_a_render_node", |c| {
        c.without(SysAdmin, |c| {
            set(c);
            drop_it(c);
            try_mastery(c);
        });
    });
    cases.add("without_sys_nice", |c| {
        let first = c.open_primary();
        c.without(SysNice, |c| {
            c.open_primary();
            set(c);
            c.on(first);
            drop_it(c);
            c.on(2);
            set(c);
        });
    });
    // Left over from the times before: SET_UNIQUE, BLOCK, UNBLOCK, ADD_DRAW, RM_DRAW, UPDATE_DRAW, and FINISH, which
    // asks for less.
    for (name, request) in [
        ("set_unique", 0x4010_6410),
        ("block", 0xc004_6412),
        ("unblock", 0xc004_6413),
        ("add_draw", 0xc004_6427),
        ("rm_draw", 0xc004_6428),
        ("update_draw", 0x4018_643f),
        ("finish", 0x4008_642c),
    ] {
        cases.add(name, move |c| {
            let call = |c: &mut Client<'_>| {
                c.bytes(request, &mut [0; 24]);
            };
            c.open_primary();
            c.without(SysAdmin, call);
            call(c);
            let other = c.without(SysAdmin, |c| {
                let other = c.open_primary();
                call(c);
                other
            });
            call(c);
            c.on(other - 1);
            drop_it(c);
            call(c);
        });
    }
}

/// What only those may who are authenticated.
fn try_names(c: &mut Client<'_>, name: u32) {
    let bo = c.bo(PAGE);
    gem_flink(c, bo);
    gem_open(c, name);
}

/// A name that the master has given; calls go to a new file then.
fn named(c: &mut Client<'_>) -> u32 {
    c.open_primary();
    let bo = c.bo(MIB);
    gem_flink(c, bo)
}

fn authenticated(cases: &mut Cases) {
    cases.add("names_of_the_master", |c| {
        c.without(SysAdmin, |c| {
            let name = named(c);
            try_names(c, name);
        });
    });
    cases.add("names_of_who_is_not_authenticated", |c| {
        c.without(SysAdmin, |c| {
            let name = named(c);
            c.open_primary();
            try_names(c, name);
        });
    });
    cases.add("names_of_who_was_not_authenticated_when_it_opened", |c| {
        let name = named(c);
        c.without(SysAdmin, |c| c.open_primary());
        try_names(c, name);
    });
    cases.add("names_of_who_was_authenticated_when_it_opened", |c| {
        let name = named(c);
        c.open_primary();
        c.without(SysAdmin, |c| try_names(c, name));
    });
    cases.add("names_of_who_was_introduced", |c| {
        c.without(SysAdmin, |c| {
            let name = named(c);
            let other = c.open_primary();
            let magic = get_magic(c);
            c.on(other - 1);
            auth_magic(c, magic);
            c.on(other);
            try_names(c, name);
            auth_magic(c, magic);
        });
    });
    cases.add("introduced_by_another_than_the_master", |c| {
        c.without(SysAdmin, |c| {
            let name = named(c);
            let other = c.open_primary();
            let magic = get_magic(c);
            c.open_primary();
            auth_magic(c, magic);
            c.on(other);
            auth_magic(c, magic);
            try_names(c, name);
        });
    });
    cases.add("introduced_by_who_is_no_more_master", |c| {
        c.without(SysAdmin, |c| {
            let name = named(c);
            let other = c.open_primary();
            let magic = get_magic(c);
            c.on(other - 1);
            drop_it(c);
            auth_magic(c, magic);
            c.on(other);
            try_names(c, name);
        });
    });
    cases.add("names_of_who_dropped_mastery", |c| {
        c.without(SysAdmin, |c| {
            let name = named(c);
            drop_it(c);
            try_names(c, name);
        });
    });
}

/// The driver's own requests need no introduction.
fn driver(cases: &mut Cases) {
    cases.add("has_vms_and_bos", |c| {
        c.without(SysAdmin, |c| {
            c.open_primary();
            c.open_primary();
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.bind(vm, &[map(bo, 0, MIB, MIB, 0)]);
            let offset = c.mmap_offset(bo);
            let _ = c.map_node(MIB, true, offset);
            let dma_buf = c.export(bo);
            c.import(std::os::fd::AsRawFd::as_raw_fd(&dma_buf));
        });
    });
    cases.add("has_groups_and_syncobjs", |c| {
        c.without(SysAdmin, |c| {
            c.open_primary();
            c.open_primary();
            let vm = c.vm();
            let (group, done) = (c.group(vm, 1), c.syncobj());
            c.submit(group, &[sync_point(0, &[signal(done, 0)])]);
            super::jobs::until_done(c, &[done]);
            c.group_state(group);
        });
    });
    cases.add("has_the_registers", |c| {
        c.without(SysAdmin, |c| {
            c.open_primary();
            c.open_primary();
            let _ = c.map_node(PAGE, false, DRM_PANTHOR_USER_MMIO_OFFSET_64BIT);
        });
    });
}
