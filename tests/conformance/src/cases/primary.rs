//! The primary node: masters, magics and the name on the bus.

use nix::unistd::gettid;
use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("unique");
    unique(cases);
    cases.group("set_version");
    set_version(cases);
    cases.group("magic");
    magic(cases);
    cases.group("master");
    master(cases);
    cases.group("primary");
    driver(cases);
}

pub fn version(c: &mut Client<'_>, interface: (i32, i32), driver: (i32, i32)) -> i32 {
    let mut args = drm_set_version {
        drm_di_major: interface.0,
        drm_di_minor: interface.1,
        drm_dd_major: driver.0,
        drm_dd_minor: driver.1,
    };
    c.call(DRM_IOCTL_SET_VERSION, &mut args)
}

pub const ANY: (i32, i32) = (-1, -1);

fn unique(cases: &mut Cases) {
    cases.add("before_a_version_was_set", |c| {
        c.open_primary();
        c.unique(64);
    });
    for len in [0, 5, 64] {
        cases.add(format!("{len}_bytes_after_a_version_was_set"), move |c| {
            c.open_primary();
            version(c, (1, 4), ANY);
            c.unique(len);
        });
    }
    cases.add("of_a_second_file", |c| {
        c.open_primary();
        version(c, (1, 1), ANY);
        c.open_primary();
        c.unique(64);
    });
    cases.add("at_a_bad_address", |c| {
        c.open_primary();
        let at = c.memory.address(Bad::Unmapped) as usize;
        let unique = std::ptr::without_provenance_mut(at);
        c.call(DRM_IOCTL_GET_UNIQUE, &mut drm_unique { unique_len: 64, unique });
        version(c, (1, 1), ANY);
        c.call(DRM_IOCTL_GET_UNIQUE, &mut drm_unique { unique_len: 64, unique });
        c.call(DRM_IOCTL_GET_UNIQUE, &mut drm_unique { unique_len: 3, unique });
    });
    cases.add("on_a_render_node", |c| {
        c.unique(64);
    });
}

fn set_version(cases: &mut Cases) {
    for interface in
        [(0, 0), (1, 0), (1, 1), (1, 4), (1, 5), (1, -1), (2, 0), (-1, 0), (-1, 7), (-2, 0)]
    {
        let name = format!("interface_{}_{}", interface.0, interface.1).replace('-', "minus_");
        cases.add(name, move |c| {
            c.open_primary();
            version(c, interface, ANY);
            c.unique(64);
        });
    }
    for driver in [(0, 0), (1, 0), (1, 1), (1, 8), (1, 9), (1, 10), (1, -1), (2, 0), (-1, 9)] {
        let name = format!("driver_{}_{}", driver.0, driver.1).replace('-', "minus_");
        cases.add(name, move |c| {
            c.open_primary();
            version(c, ANY, driver);
        });
    }
    cases.add("interface_is_set_though_the_driver_is_wrong", |c| {
        c.open_primary();
        version(c, (1, 4), (7, 7));
        c.unique(64);
    });
    cases.add("by_another_than_the_master", |c| {
        c.open_primary();
        c.open_primary();
        version(c, (1, 4), ANY);
    });
    cases.add("on_a_render_node", |c| {
        version(c, (1, 4), ANY);
    });
}

pub fn get_magic(c: &mut Client<'_>) -> u32 {
    let mut args = zeroed::<drm_auth>();
    c.call(DRM_IOCTL_GET_MAGIC, &mut args);
    args.magic
}

pub fn auth_magic(c: &mut Client<'_>, magic: u32) {
    c.call(DRM_IOCTL_AUTH_MAGIC, &mut drm_auth { magic });
}

fn magic(cases: &mut Cases) {
    cases.add("the_same_when_asked_again", |c| {
        c.open_primary();
        get_magic(c);
        get_magic(c);
    });
    cases.add("another_for_each_file", |c| {
        for _ in 0..3 {
            c.open_primary();
            get_magic(c);
        }
    });
    cases.add("used_once", |c| {
        let master = c.open_primary();
        c.open_primary();
        let magic = get_magic(c);
        c.on(master);
        auth_magic(c, magic);
        auth_magic(c, magic);
    });
    cases.add("of_itself", |c| {
        c.open_primary();
        let magic = get_magic(c);
        auth_magic(c, magic);
    });
    for magic in [0, 1, 77, u32::MAX] {
        cases.add(format!("unknown_{magic}"), move |c| {
            c.open_primary();
            auth_magic(c, magic);
        });
    }
    cases.add("of_a_closed_file", |c| {
        let master = c.open_primary();
        let other = c.open_primary();
        let magic = get_magic(c);
        c.on(master);
        c.close_file(other);
        auth_magic(c, magic);
    });
    cases.add("used_by_another_than_the_master", |c| {
        c.open_primary();
        c.open_primary();
        let magic = get_magic(c);
        auth_magic(c, magic);
    });
    cases.add("on_a_render_node", |c| {
        get_magic(c);
        auth_magic(c, 1);
    });
}

pub fn set(c: &mut Client<'_>) {
    c.bytes(DRM_IOCTL_SET_MASTER, &mut []);
}

pub fn drop_it(c: &mut Client<'_>) {
    c.bytes(DRM_IOCTL_DROP_MASTER, &mut []);
}

fn master(cases: &mut Cases) {
    cases.add("the_first_is_it", |c| {
        c.open_primary();
        set(c);
        drop_it(c);
        drop_it(c);
        set(c);
    });
    cases.add("the_second_becomes_it_when_the_first_drops_it", |c| {
        let first = c.open_primary();
        let second = c.open_primary();
        set(c);
        drop_it(c);
        c.on(first);
        drop_it(c);
        c.on(second);
        set(c);
        version(c, (1, 4), ANY);
        c.on(first);
        set(c);
        version(c, (1, 4), ANY);
        drop_it(c);
    });
    cases.add("the_second_becomes_it_when_the_first_closes", |c| {
        let first = c.open_primary();
        c.open_primary();
        c.close_file(first);
        version(c, (1, 4), ANY);
        set(c);
        version(c, (1, 4), ANY);
    });
    cases.add("the_next_that_opens_after_it_was_dropped", |c| {
        let first = c.open_primary();
        version(c, (1, 4), ANY);
        drop_it(c);
        c.open_primary();
        version(c, (1, 4), ANY);
        c.unique(64);
        c.on(first);
        set(c);
        c.unique(64);
    });
    cases.add("magics_are_those_of_a_master", |c| {
        let first = c.open_primary();
        get_magic(c);
        drop_it(c);
        c.open_primary();
        get_magic(c);
        c.on(first);
        get_magic(c);
    });
    cases.add("on_a_render_node", |c| {
        set(c);
        drop_it(c);
    });
}

/// `DRM_IOCTL_GET_CLIENT`.
const GET_CLIENT: u32 = 0xc028_6405;

/// Records the identity of a thread as the primary node reports it.
fn get_client(c: &mut Client<'_>) {
    let node = c.node();
    let ask = || {
        let mut args = [0_usize; 5];
        // SAFETY: it writes to the argument, which is ours.
        let result = unsafe { node.ioctl(GET_CLIENT, (&raw mut args).cast()) };
        (result, args, gettid().as_raw() as usize)
    };
    let (result, args, thread) = std::thread::scope(|scope| scope.spawn(ask).join().unwrap());
    let authenticated = args[0] >> 32;
    let is_thread = args[1] == thread;
    c.note(format_args!("GET_CLIENT of a thread = {result}: authenticated {authenticated}"));
    c.note(format_args!("  its own number {is_thread}, then {:?}", &args[2..]));
}

/// Adds cases of the driver's own requests, which work on the primary node too.
fn driver(cases: &mut Cases) {
    cases.add("client_is_the_thread_that_asks", |c| {
        c.open_primary();
        get_client(c);
        c.open_primary();
        get_client(c);
    });
    cases.add("has_vms_and_bos", |c| {
        c.open_primary();
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, MIB, MIB, 0)]);
        let offset = c.mmap_offset(bo);
        let _ = c.map_node(MIB, true, offset);
    });
    cases.add("has_groups", |c| {
        c.open_primary();
        let vm = c.vm();
        let group = c.group(vm, 1);
        c.group_state(group);
    });
    cases.add("has_syncobjs", |c| {
        c.open_primary();
        let syncobj = c.signaled_syncobj();
        c.wait(&[syncobj], 0, 0);
    });
    cases.add("has_the_registers", |c| {
        c.open_primary();
        let _ = c.map_node(PAGE, false, DRM_PANTHOR_USER_MMIO_OFFSET_64BIT);
    });
}
