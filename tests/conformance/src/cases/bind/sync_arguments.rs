//! The fields and the arrays of what operations wait for and signal.

use panthor_sys::*;

use super::AT;
use super::syncs::bind_one;
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

const SIGNAL: u32 = DRM_PANTHOR_SYNC_OP_SIGNAL;
const ELEMENT: usize = size_of::<drm_panthor_sync_op>();

pub fn add(cases: &mut Cases) {
    cases.group("bind_syncs");
    fields(cases);
    arrays(cases);
}

fn fields(cases: &mut Cases) {
    for (name, direction) in [("wait", 0), ("signal", SIGNAL)] {
        for bit in [8, 15, 16, 29, 30] {
            cases.add(format!("{name}_with_unknown_flag_bit_{bit}"), move |c| {
                let (vm, handle) = (c.vm(), c.signaled_syncobj());
                let flags = direction | 1 << bit;
                bind_one(c, vm, &[drm_panthor_sync_op { flags, handle, timeline_value: 0 }]);
            });
        }
        for kind in [2, 3, 0x80, 0xff] {
            cases.add(format!("{name}_with_unknown_type_{kind}"), move |c| {
                let (vm, handle) = (c.vm(), c.signaled_syncobj());
                let flags = direction | kind;
                bind_one(c, vm, &[drm_panthor_sync_op { flags, handle, timeline_value: 0 }]);
            });
        }
        cases.add(format!("{name}_with_a_point_of_a_binary_type"), move |c| {
            let (vm, handle) = (c.vm(), c.signaled_syncobj());
            let flags = direction;
            bind_one(c, vm, &[drm_panthor_sync_op { flags, handle, timeline_value: 1 }]);
        });
    }
}

/// Syncs in an array of any kind.
fn bind_array(c: &mut Client<'_>, vm: u32, syncs: drm_panthor_obj_array) {
    let bo = c.bo(MIB);
    c.bind_async(vm, &[drm_panthor_vm_bind_op { syncs, ..map(bo, 0, AT, MIB, 0) }]);
    c.settle(vm);
}

fn arrays(cases: &mut Cases) {
    for stride in [0, 1, 8, ELEMENT - 1, ELEMENT, ELEMENT + 1, 24, 4096] {
        for (tail_name, tail) in [("", 0_u8), ("_and_newer_syncs", 1)] {
            if tail != 0 && stride <= ELEMENT {
                continue;
            }
            cases.add(format!("stride_{stride}{tail_name}"), move |c| {
                let (vm, sync) = (c.vm(), c.signaled_syncobj());
                let mut bytes = vec![0; 2 * stride.max(ELEMENT)];
                for at in [0, stride] {
                    bytes[at..at + ELEMENT].copy_from_slice(bytemuck::bytes_of(&wait(sync, 0)));
                }
                if tail != 0 {
                    bytes[2 * stride - 1] = tail;
                }
                let (stride, array) = (stride as u32, address(&bytes[..]));
                bind_array(c, vm, drm_panthor_obj_array { stride, count: 2, array });
            });
        }
    }
    for bad in [Bad::Null, Bad::Low, Bad::Kernel, Bad::Last, Bad::Unmapped, Bad::Ends(ELEMENT - 1)]
    {
        cases.add(format!("at_{}", bad.name()), move |c| {
            let (vm, stride) = (c.vm(), ELEMENT as u32);
            let array = c.memory.address(bad);
            bind_array(c, vm, drm_panthor_obj_array { stride, count: 1, array });
        });
    }
    cases.add("none_at_a_bad_pointer", |c| {
        let vm = c.vm();
        let array = c.memory.address(Bad::Kernel);
        bind_array(c, vm, drm_panthor_obj_array { stride: 0, count: 0, array });
    });
    cases.add("the_first_of_two_can_be_read", |c| {
        let (vm, sync) = (c.vm(), c.signaled_syncobj());
        c.memory.write_before_end(bytemuck::bytes_of(&wait(sync, 0)));
        let (stride, array) = (ELEMENT as u32, c.memory.address(Bad::Ends(ELEMENT)));
        bind_array(c, vm, drm_panthor_obj_array { stride, count: 2, array });
    });
    cases.add("many_at_null", |c| {
        let (vm, stride) = (c.vm(), ELEMENT as u32);
        bind_array(c, vm, drm_panthor_obj_array { stride, count: 1 << 18, array: 0 });
    });
    cases.add("bad_operation_counts_before_a_bad_pointer", |c| {
        let vm = c.vm();
        let syncs = drm_panthor_obj_array { stride: ELEMENT as u32, count: 1, array: 0 };
        c.bind_async(vm, &[drm_panthor_vm_bind_op { syncs, ..map(99, 0, AT, MIB, 0) }]);
        c.bind_async(vm, &[drm_panthor_vm_bind_op { syncs, ..map(0, 0, 0, 0, SYNC_ONLY) }]);
    });
}
