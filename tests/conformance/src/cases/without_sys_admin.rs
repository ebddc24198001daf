//! Clients that lack CAP_SYS_ADMIN, which the primary node asks for.

use std::os::fd::AsRawFd;

use panthor_sys::*;

use super::flink::{gem_flink, gem_open};
use super::jobs::until_done;
use super::primary::{ANY, auth_magic, drop_it, get_magic, set, version};
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::kernel::Capability::{SysAdmin, SysNice};
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("without_sys_admin");
    masters(cases);
    authenticated(cases);
    driver(cases);
}

/// Tries the requests that need the current master.
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
    // Legacy requests: SET_UNIQUE, BLOCK, UNBLOCK, ADD_DRAW, RM_DRAW, UPDATE_DRAW, and FINISH,
    // which needs fewer privileges.
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

/// Tries the requests that need an authenticated client.
fn try_names(c: &mut Client<'_>, name: u32) {
    let bo = c.bo(PAGE);
    gem_flink(c, bo);
    gem_open(c, name);
}

/// Opens the primary node as the master and creates a flink name there.
fn named(c: &mut Client<'_>) -> u32 {
    c.open_primary();
    let bo = c.bo(MIB);
    gem_flink(c, bo)
}

/// Another file of the primary node, which calls go to then, and what it is introduced by.
fn stranger(c: &mut Client<'_>) -> (usize, u32) {
    (c.open_primary(), get_magic(c))
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
            let (other, magic) = stranger(c);
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
            let (other, magic) = stranger(c);
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
            let (other, magic) = stranger(c);
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

/// Adds cases of the driver's own requests, which need no authentication.
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
            c.import(dma_buf.as_raw_fd());
        });
    });
    cases.add("has_groups_and_syncobjs", |c| {
        c.without(SysAdmin, |c| {
            c.open_primary();
            c.open_primary();
            let vm = c.vm();
            let (group, done) = (c.group(vm, 1), c.syncobj());
            c.submit(group, &[sync_point(0, &[signal(done, 0)])]);
            until_done(c, &[done]);
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
