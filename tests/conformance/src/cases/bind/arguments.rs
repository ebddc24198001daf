//! The structure of the call and its array.

use panthor_sys::*;

use super::{AT, bind_array};
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

const OP: usize = size_of::<drm_panthor_vm_bind_op>();

pub fn add(cases: &mut Cases) {
    cases.group("bind_arguments");
    unknown_vms(cases);
    empty_arrays(cases);
    strides(cases);
    pointers(cases);
    for flags in [2, 1 << 15, 1 << 31, !ASYNC] {
        cases.add(format!("unknown_flags_{flags:x}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.bind_with(vm, flags, &[map(bo, 0, AT, MIB, 0)]);
        });
    }
    cases.add("unknown_flags_with_async", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind_with(vm, u32::MAX, &[map(bo, 0, AT, MIB, 0)]);
        c.settle(vm);
    });
    for bad in [Bad::Null, Bad::Kernel, Bad::Unmapped, Bad::Ends(23), Bad::Ends(24), Bad::ReadOnly]
    {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.vm();
            c.memory.write_before_end(&[0; 24]);
            c.at(DRM_IOCTL_PANTHOR_VM_BIND, bad);
        });
    }
    syncs_of_synchronous_ones(cases);
}

fn unknown_vms(cases: &mut Cases) {
    for (name, flags) in [("", 0), ("_async", ASYNC)] {
        for id in [0, 2, 32, 33, u32::MAX] {
            cases.add(format!("unknown_vm_{id}{name}"), move |c| {
                let (_, bo) = (c.vm(), c.bo(MIB));
                c.bind_with(id, flags, &[map(bo, 0, AT, MIB, 0)]);
            });
        }
        cases.add(format!("unknown_vm_with_no_operations{name}"), move |c| {
            c.bind_with(1, flags, &[]);
        });
        cases.add(format!("unknown_vm_with_a_bad_pointer{name}"), move |c| {
            let stride = OP as u32;
            bind_array(c, 1, flags, drm_panthor_obj_array { stride, count: 1, array: 0 });
        });
        cases.add(format!("vm_of_another_file{name}"), move |c| {
            let vm = c.vm();
            c.open();
            let bo = c.bo(MIB);
            c.bind_with(vm, flags, &[map(bo, 0, AT, MIB, 0)]);
        });
    }
}

fn empty_arrays(cases: &mut Cases) {
    for (mode, flags) in [("", 0), ("_async", ASYNC)] {
        for (name, stride) in [("nothing", 0), ("a_short_stride", 8), ("a_good_stride", OP as u32)]
        {
            cases.add(format!("no_operations_with_{name}{mode}"), move |c| {
                let vm = c.vm();
                bind_array(c, vm, flags, drm_panthor_obj_array { stride, count: 0, array: 0 });
            });
        }
        cases.add(format!("no_operations_at_a_bad_pointer{mode}"), move |c| {
            let vm = c.vm();
            let (stride, array) = (OP as u32, c.memory.address(Bad::Kernel));
            bind_array(c, vm, flags, drm_panthor_obj_array { stride, count: 0, array });
        });
    }
}

/// Two maps in an array with a stride, with `tail` at the end of each.
fn bind_two(c: &mut Client<'_>, flags: u32, stride: usize, tails: [u8; 2]) {
    let (vm, bo) = (c.vm(), c.bo(MIB));
    let mut bytes = vec![0; 2 * stride];
    for (index, element) in bytes.chunks_exact_mut(stride).enumerate() {
        let op = map(bo, 0, AT + index as u64 * MIB, MIB, 0);
        let common = OP.min(stride);
        element[..common].copy_from_slice(&bytemuck::bytes_of(&op)[..common]);
        if stride > OP {
            element[stride - 1] = tails[index];
        }
    }
    let array = address(&bytes[..]);
    bind_array(c, vm, flags, drm_panthor_obj_array { stride: stride as u32, count: 2, array });
    c.settle(vm);
}

fn strides(cases: &mut Cases) {
    for (mode, flags) in [("", 0), ("_async", ASYNC)] {
        for stride in [1, 32, OP - 1] {
            cases
                .add(format!("stride_{stride}{mode}"), move |c| bind_two(c, flags, stride, [0; 2]));
        }
        cases.add(format!("stride_0{mode}"), move |c| {
            let vm = c.vm();
            let ops = [map(0, 0, 0, 0, 0)];
            let array = drm_panthor_obj_array { stride: 0, ..array(&ops) };
            bind_array(c, vm, flags, array);
        });
        for stride in [OP + 1, 56, 64, 4096, 4104, 8192, 65536] {
            cases.add(format!("stride_{stride}_with_zeros_behind{mode}"), move |c| {
                bind_two(c, flags, stride, [0; 2]);
            });
        }
        for stride in [OP + 1, 64, 4104] {
            for (which, tails) in [("first", [1, 0]), ("last", [0, 1])] {
                cases.add(format!("stride_{stride}_and_the_{which}_is_newer{mode}"), move |c| {
                    bind_two(c, flags, stride, tails);
                });
            }
        }
    }
    cases.add("stride_largest", |c| {
        let vm = c.vm();
        c.memory.write_before_end(&[0; OP]);
        let array = c.memory.address(Bad::Ends(OP));
        bind_array(c, vm, 0, drm_panthor_obj_array { stride: u32::MAX, count: 1, array });
    });
    cases.add("newer_and_beyond_the_end", |c| {
        let vm = c.vm();
        c.memory.write_before_end(&[[0; OP].as_slice(), &[0, 1, 0, 0]].concat());
        let array = c.memory.address(Bad::Ends(OP + 4));
        bind_array(c, vm, 0, drm_panthor_obj_array { stride: 64, count: 1, array });
    });
    cases.add("zeros_and_beyond_the_end", |c| {
        let vm = c.vm();
        c.memory.write_before_end(&[0; OP + 4]);
        let array = c.memory.address(Bad::Ends(OP + 4));
        bind_array(c, vm, 0, drm_panthor_obj_array { stride: 64, count: 1, array });
    });
}

fn pointers(cases: &mut Cases) {
    let bad = [
        Bad::Null,
        Bad::Low,
        Bad::Kernel,
        Bad::Last,
        Bad::Unmapped,
        Bad::Ends(1),
        Bad::Ends(OP - 1),
        Bad::ReadOnly,
    ];
    for bad in bad {
        for (kind, stride) in [("", OP), ("_with_a_long_stride", OP + 8)] {
            cases.add(format!("operations_at_{}{kind}", bad.name()), move |c| {
                let vm = c.vm();
                let (stride, array) = (stride as u32, c.memory.address(bad));
                bind_array(c, vm, 0, drm_panthor_obj_array { stride, count: 1, array });
            });
        }
    }
    for bad in [Bad::Null, Bad::Kernel, Bad::Unmapped, Bad::Ends(OP - 1)] {
        cases.add(format!("operations_at_{}_async", bad.name()), move |c| {
            let vm = c.vm();
            let (stride, array) = (OP as u32, c.memory.address(bad));
            bind_array(c, vm, ASYNC, drm_panthor_obj_array { stride, count: 1, array });
        });
    }
    for (mode, flags) in [("", 0), ("_async", ASYNC)] {
        for readable in [1, 2] {
            cases.add(format!("the_first_{readable}_of_three_can_be_read{mode}"), move |c| {
                let (vm, bo) = (c.vm(), c.bo(MIB));
                let op = map(bo, 0, AT, MIB, 0);
                let bytes = bytemuck::bytes_of(&op).repeat(readable);
                c.memory.write_before_end(&bytes);
                let array = c.memory.address(Bad::Ends(bytes.len()));
                let (stride, count) = (OP as u32, 3);
                bind_array(c, vm, flags, drm_panthor_obj_array { stride, count, array });
                c.settle(vm);
            });
        }
        cases.add(format!("exactly_to_the_end_of_what_can_be_read{mode}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            let op = map(bo, 0, AT, MIB, 0);
            c.memory.write_before_end(bytemuck::bytes_of(&op));
            let (stride, array) = (OP as u32, c.memory.address(Bad::Ends(OP)));
            bind_array(c, vm, flags, drm_panthor_obj_array { stride, count: 1, array });
            c.settle(vm);
        });
        for count in [1 << 16, 1 << 18] {
            cases.add(format!("{count}_operations_at_null{mode}"), move |c| {
                let (vm, stride) = (c.vm(), OP as u32);
                bind_array(c, vm, flags, drm_panthor_obj_array { stride, count, array: 0 });
            });
        }
    }
}

fn syncs_of_synchronous_ones(cases: &mut Cases) {
    let element = size_of::<drm_panthor_sync_op>() as u32;
    for (name, size) in [("", MIB), ("_of_nothing", 0)] {
        cases.add(format!("synchronous{name}_with_a_sync"), move |c| {
            let (vm, bo, done) = (c.vm(), c.bo(MIB), c.syncobj());
            let syncs = [signal(done, 0)];
            c.bind(vm, &[with_syncs(map(bo, 0, AT, size, 0), &syncs)]);
        });
        cases.add(format!("synchronous{name}_with_syncs_at_null"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            let syncs = drm_panthor_obj_array { stride: element, count: 1, array: 0 };
            c.bind(vm, &[drm_panthor_vm_bind_op { syncs, ..map(bo, 0, AT, size, 0) }]);
        });
        cases.add(format!("synchronous{name}_with_no_syncs_at_an_address"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            let syncs = drm_panthor_obj_array { stride: 3, count: 0, array: 7 };
            c.bind(vm, &[drm_panthor_vm_bind_op { syncs, ..map(bo, 0, AT, size, 0) }]);
        });
    }
}
