//! VMs that are destroyed, and their ids.

use panthor_sys::*;

use super::AT;
use crate::case::Cases;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("bind_destroyed");
    for (mode, flags) in [("", 0), ("_async", ASYNC)] {
        cases.add(format!("map_after_destroy{mode}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.destroy_vm(vm);
            c.bind_with(vm, flags, &[map(bo, 0, AT, MIB, 0)]);
        });
        cases.add(format!("unmap_after_destroy{mode}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
            c.destroy_vm(vm);
            c.bind_with(vm, flags, &[unmap(AT, MIB)]);
        });
        cases.add(format!("the_id_is_of_a_new_vm{mode}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
            c.destroy_vm(vm);
            let again = c.vm();
            c.bind_with(again, flags, &[map(bo, 0, 2 * AT, MIB, 0)]);
            c.settle(again);
        });
    }
    cases.add("the_lowest_free_id_comes_first", |c| {
        let vms = [0; 4].map(|_| c.vm());
        c.destroy_vm(vms[2]);
        c.destroy_vm(vms[1]);
        c.vm();
        c.vm();
        c.vm();
    });
    cases.add("state_after_destroy", |c| {
        let vm = c.vm();
        c.destroy_vm(vm);
        c.vm_state(vm);
    });
    cases.add("with_mappings_of_all_kinds", |c| {
        let (vm, bo) = (c.vm(), c.bo(8 * MIB));
        c.bind(vm, &[sparse(AT, GIB)]);
        c.bind(vm, &[map(bo, 0, 0, 8 * MIB, 0), map(bo, PAGE, AT + PAGE, 64 * KIB, READONLY)]);
        c.destroy_vm(vm);
    });
    cases.add("after_asynchronous_operations", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind_async(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.bind_async(vm, &[unmap(AT, 64 * KIB)]);
        c.settle(vm);
        c.destroy_vm(vm);
        c.until_vms(0);
    });
    cases.add("with_asynchronous_syncs_behind_it", |c| {
        let (vm, done) = (c.vm(), c.syncobj());
        let syncs = [signal(done, 0)];
        c.bind_async(vm, &[sync_only(&syncs)]);
        c.destroy_vm(vm);
        c.wait(&[done], 0, i64::MAX);
        c.until_vms(0);
    });
    cases.add("with_asynchronous_unmaps_behind_it", |c| {
        let (vm, bo, done) = (c.vm(), c.bo(MIB), c.syncobj());
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        for part in 0..16 {
            c.bind_async(vm, &[unmap(AT + part * 64 * KIB, PAGE)]);
        }
        let syncs = [signal(done, 0)];
        c.bind_async(vm, &[sync_only(&syncs)]);
        c.destroy_vm(vm);
        c.wait(&[done], 0, i64::MAX);
        c.until_vms(0);
    });
    cases.add("a_file_with_mappings_is_closed", |c| {
        let file = c.open();
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.mappings();
        c.on(0);
        c.vm();
        c.close_file(file);
        c.until_vms(1);
    });
    cases.add("an_object_outlives_its_vm", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.destroy_vm(vm);
        let vm = c.vm();
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.call(DRM_IOCTL_GEM_CLOSE, &mut drm_gem_close { handle: bo, pad: 0 });
    });
}
