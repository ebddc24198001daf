//! GROUP_CREATE.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::kernel::Linux;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

type Args = drm_panthor_group_create;
type Queue = drm_panthor_queue_create;

/// Faulty request: a name, the queues, and a change of the arguments.
type Wrong<'a> = (&'a str, &'a [Queue], fn(&mut Args));

pub fn add(cases: &mut Cases) {
    cases.group("group_create");
    counts(cases);
    strides(cases);
    queues(cases);
    cores(cases);
    others(cases);
}

/// Tries to create a group with these queues, after a change of the arguments.
fn create(c: &mut Client<'_>, queues: &[Queue], change: impl FnOnce(&mut Args)) {
    let vm = c.vm();
    let mut args = group(vm, queues);
    change(&mut args);
    c.show("queue", queues);
    if c.call(DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut args) != 0 {
        c.until_mapped(0);
    }
}

fn counts(cases: &mut Cases) {
    for count in 0..=8 {
        cases.add(format!("{count}_queues"), move |c| {
            create(c, &vec![queue(4 * KIB); count], |_| ());
        });
    }
    for count in [9, 31, 32] {
        let case = cases.add(format!("{count}_queues"), move |c| {
            create(c, &vec![queue(4 * KIB); count], |_| ());
        });
        case.not_on(Linux::V6_12, "it takes more queues than there are slots, and cannot run them");
    }
    for count in [33, 1 << 16, 1 << 31, u32::MAX] {
        cases.add(format!("{count}_queues"), move |c| {
            create(c, &[queue(4 * KIB)], |args| args.queues.count = count);
        });
    }
}

fn strides(cases: &mut Cases) {
    let size = size_of::<Queue>() as u32;
    for (name, stride) in [
        ("0", 0),
        ("1", 1),
        ("a_byte_short", size - 1),
        ("a_byte_longer", size + 1),
        ("a_word_longer", size + 4),
        ("twice_as_long", 2 * size),
        ("largest", u32::MAX),
    ] {
        cases.add(format!("stride_{name}"), move |c| {
            let array = c.at_end(&[queue(4 * KIB), zeroed(), zeroed(), zeroed()]);
            create(c, &[], |args| args.queues = drm_panthor_obj_array { stride, count: 1, array });
        });
    }
    cases.add("something_between_the_queues", move |c| {
        create(c, &[queue(4 * KIB), queue(8 * KIB)], |args| {
            args.queues.stride = 2 * size;
            args.queues.count = 1;
        });
    });
    cases.add("zeros_between_the_queues", move |c| {
        create(c, &[queue(4 * KIB), zeroed(), queue(8 * KIB), zeroed()], |args| {
            args.queues.stride = 2 * size;
            args.queues.count = 2;
        });
    });
    for bad in [Bad::Null, Bad::Low, Bad::Kernel, Bad::Unmapped, Bad::Ends(7)] {
        cases.add(format!("queues_at_{}", bad.name()), move |c| {
            let at = c.memory.address(bad);
            create(c, &[queue(4 * KIB)], |args| args.queues.array = at);
        });
    }
}

fn queues(cases: &mut Cases) {
    let sizes =
        [0, 1, 2 * KIB, 4 * KIB - 1, 4 * KIB, 6 * KIB, 8 * KIB, 12 * KIB, 16 * KIB, 32 * KIB];
    for size in sizes.into_iter().chain([64 * KIB, 64 * KIB + 1, 128 * KIB, 1 << 31, 0xffff_ffff]) {
        cases.add(format!("ring_of_{size}_bytes"), move |c| {
            create(c, &[queue(size)], |_| ());
        });
    }
    for priority in [0, 1, 7, 14, 15, 16, 17, 255] {
        cases.add(format!("queue_priority_{priority}"), move |c| {
            create(c, &[Queue { priority, ..queue(4 * KIB) }], |_| ());
        });
    }
    for index in 0..3 {
        cases.add(format!("queue_padding_{index}"), move |c| {
            let mut queue = queue(4 * KIB);
            queue.pad[index] = 1;
            create(c, &[queue], |_| ());
        });
    }
    cases.add("the_second_queue_is_wrong", |c| {
        create(c, &[queue(4 * KIB), queue(2 * KIB)], |_| ());
    });
    cases.add("rings_of_many_sizes", |c| {
        create(c, &[4, 64, 8, 32].map(|size| queue(size * KIB)), |_| ());
    });
}

fn cores(cases: &mut Cases) {
    type Change = fn(&mut Args);
    let changes: [(&str, Change); 22] = [
        ("no_compute_core", |a| (a.compute_core_mask, a.max_compute_cores) = (0, 0)),
        ("no_fragment_core", |a| (a.fragment_core_mask, a.max_fragment_cores) = (0, 0)),
        ("no_tiler_core", |a| (a.tiler_core_mask, a.max_tiler_cores) = (0, 0)),
        ("no_core", |a| {
            (a.compute_core_mask, a.max_compute_cores) = (0, 0);
            (a.fragment_core_mask, a.max_fragment_cores) = (0, 0);
            (a.tiler_core_mask, a.max_tiler_cores) = (0, 0);
        }),
        ("no_compute_core_of_the_mask", |a| a.max_compute_cores = 0),
        ("no_fragment_core_of_the_mask", |a| a.max_fragment_cores = 0),
        ("no_tiler_core_of_the_mask", |a| a.max_tiler_cores = 0),
        ("a_compute_core_without_a_mask", |a| a.compute_core_mask = 0),
        ("a_fragment_core_without_a_mask", |a| a.fragment_core_mask = 0),
        ("a_tiler_core_without_a_mask", |a| a.tiler_core_mask = 0),
        ("two_compute_cores_of_one", |a| a.max_compute_cores = 2),
        ("two_fragment_cores_of_one", |a| a.max_fragment_cores = 2),
        ("two_tiler_cores_of_one", |a| a.max_tiler_cores = 2),
        ("most_compute_cores", |a| a.max_compute_cores = 255),
        ("most_fragment_cores", |a| a.max_fragment_cores = 255),
        ("most_tiler_cores", |a| a.max_tiler_cores = 255),
        ("a_compute_core_that_is_not_there", |a| a.compute_core_mask |= 1 << 63),
        ("a_fragment_core_that_is_not_there", |a| a.fragment_core_mask |= 1 << 63),
        ("a_tiler_core_that_is_not_there", |a| a.tiler_core_mask |= 2),
        ("all_compute_cores_of_the_mask", |a| a.compute_core_mask = u64::MAX),
        ("all_fragment_cores_of_the_mask", |a| a.fragment_core_mask = u64::MAX),
        ("all_tiler_cores_of_the_mask", |a| a.tiler_core_mask = u64::MAX),
    ];
    for (name, change) in changes {
        cases.add(name, move |c| {
            create(c, &[queue(4 * KIB)], change);
        });
    }
}

fn others(cases: &mut Cases) {
    for priority in [0, 1, 2, 3, 4, 5, 255] {
        cases.add(format!("priority_{priority}"), move |c| {
            create(c, &[queue(4 * KIB)], |args| args.priority = priority);
        });
    }
    for pad in [1, 1 << 31] {
        cases.add(format!("padding_{pad}"), move |c| {
            create(c, &[queue(4 * KIB)], |args| args.pad = pad);
        });
    }
    for vm in [0, 2, 33, u32::MAX] {
        cases.add(format!("unknown_vm_{vm}"), move |c| {
            create(c, &[queue(4 * KIB)], |args| args.vm_id = vm);
        });
    }
    cases.add("destroyed_vm", |c| {
        let vm = c.vm();
        c.destroy_vm(vm);
        let queues = [queue(4 * KIB)];
        c.call(DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut group(vm, &queues));
    });
    cases.add("vm_of_another_file", |c| {
        let vm = c.vm();
        c.open();
        let queues = [queue(4 * KIB)];
        c.call(DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut group(vm, &queues));
    });
    cases.add("handle_is_only_an_output", |c| {
        create(c, &[queue(4 * KIB)], |args| args.group_handle = 77);
    });
    cases.add("handles_in_their_order", |c| {
        let (one, two) = (c.vm(), c.vm());
        for vm in [one, two, one] {
            c.group(vm, 1);
        }
    });
    cases
        .add("as_many_as_there_can_be", |c| {
            let vm = c.vm();
            c.quietly(|c| {
                for _ in 0..126 {
                    c.group(vm, 1);
                }
            });
            let queues = [queue(4 * KIB)];
            for _ in 0..4 {
                c.call(DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut group(vm, &queues));
            }
            c.destroy_group(5);
            for _ in 0..2 {
                c.call(DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut group(vm, &queues));
            }
            c.until_mapped(128 * 3);
            // Where all of it is depends on when the memory of the one before was free.
            c.note("the VM goes");
            c.destroy_vm(vm);
        })
        .needs_jobs();
    cases
        .add("one_too_many_and_wrong_besides", |c| {
            let vm = c.vm();
            c.quietly(|c| {
                for _ in 0..128 {
                    c.group(vm, 1);
                }
            });
            let wrong: [Wrong<'_>; 7] = [
                ("the ring", &[queue(2 * KIB)], |_| ()),
                ("the second ring", &[queue(4 * KIB), queue(2 * KIB)], |_| ()),
                ("the priority of the queue", &[Queue { priority: 16, ..queue(4 * KIB) }], |_| ()),
                ("the VM", &[queue(4 * KIB)], |args| args.vm_id = 9),
                ("the priority", &[queue(4 * KIB)], |args| args.priority = 9),
                ("the padding", &[queue(4 * KIB)], |args| args.pad = 1),
                ("the cores", &[queue(4 * KIB)], |args| args.max_tiler_cores = 9),
            ];
            for (what, queues, change) in wrong {
                let mut args = group(vm, queues);
                change(&mut args);
                c.note(what);
                c.call(DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut args);
            }
            c.until_mapped(128 * 3);
            c.note("the VM goes");
            c.destroy_vm(vm);
        })
        .needs_jobs();
}
