//! GEM_FLINK and GEM_OPEN: names of BOs.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("flink");
    flink(cases);
}

pub fn gem_flink(c: &mut Client<'_>, handle: u32) -> u32 {
    let mut args = drm_gem_flink { handle, name: 0 };
    c.call(DRM_IOCTL_GEM_FLINK, &mut args);
    args.name
}

pub fn gem_open(c: &mut Client<'_>, name: u32) -> u32 {
    let mut args = drm_gem_open { name, ..zeroed() };
    c.call(DRM_IOCTL_GEM_OPEN, &mut args);
    args.handle
}

fn flink(cases: &mut Cases) {
    cases.add("the_same_name_twice", |c| {
        c.open_primary();
        let (one, two) = (c.bo(PAGE), c.bo(MIB));
        for bo in [one, two, one] {
            gem_flink(c, bo);
        }
    });
    cases.add("name_is_only_an_output", |c| {
        c.open_primary();
        let handle = c.bo(PAGE);
        c.call(DRM_IOCTL_GEM_FLINK, &mut drm_gem_flink { handle, name: 77 });
        c.call(DRM_IOCTL_GEM_FLINK, &mut drm_gem_flink { handle: 9, name: 77 });
    });
    for handle in [0, 1, u32::MAX] {
        cases.add(format!("unknown_handle_{handle}"), move |c| {
            c.open_primary();
            gem_flink(c, handle);
        });
    }
    for name in [0, 1, 77, u32::MAX] {
        cases.add(format!("unknown_name_{name}"), move |c| {
            c.open_primary();
            gem_open(c, name);
        });
    }
    cases.add("opened_by_the_same_file", |c| {
        c.open_primary();
        let bo = c.bo(PAGE);
        let name = gem_flink(c, bo);
        let other = gem_open(c, name);
        gem_open(c, name);
        gem_flink(c, other);
        c.close_bo(bo);
        gem_open(c, name);
    });
    cases.add("opened_by_another_file", |c| {
        c.open_primary();
        let bo = c.bo(MIB);
        let name = gem_flink(c, bo);
        c.open_primary();
        let other = gem_open(c, name);
        let vm = c.vm();
        c.bind(vm, &[map(other, 0, MIB, MIB, 0)]);
    });
    cases.add("gone_with_the_last_handle", |c| {
        c.open_primary();
        let bo = c.bo(PAGE);
        let name = gem_flink(c, bo);
        c.close_bo(bo);
        gem_open(c, name);
    });
    cases.add("gone_with_the_last_handle_though_a_vm_has_it", |c| {
        c.open_primary();
        let (vm, bo) = (c.vm(), c.bo(MIB));
        let name = gem_flink(c, bo);
        c.bind(vm, &[map(bo, 0, MIB, MIB, 0)]);
        c.close_bo(bo);
        gem_open(c, name);
    });
    cases.add("gone_with_its_file", |c| {
        let file = c.open_primary();
        let bo = c.bo(PAGE);
        let name = gem_flink(c, bo);
        c.open_primary();
        c.close_file(file);
        gem_open(c, name);
    });
    cases.add("of_an_exclusive_bo", |c| {
        c.open_primary();
        let vm = c.vm();
        let bo = c.exclusive_bo(PAGE, vm);
        let name = gem_flink(c, bo);
        gem_open(c, name);
    });
    cases.add("on_a_render_node", |c| {
        let bo = c.bo(PAGE);
        gem_flink(c, bo);
        gem_open(c, 1);
    });
}
