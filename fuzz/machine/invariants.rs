//! Invariants of every program.

use panthor_fake::{Access, FaultKind, GpuView, Leaks};
use panthor_sys::*;

/// The end of the addresses of a VM.
const VA_END: u64 = 1 << 48;

/// Number of mappings of a VM that are read from.
const LOOKED_AT: usize = 4;

/// Mappings are in order, disjoint, made of whole pages, and can be read.
pub fn check_vm(view: &GpuView) {
    let mut end = 0;
    for (index, mapping) in view.mappings().into_iter().enumerate() {
        assert!((mapping.va | mapping.size | mapping.offset) % 4096 == 0, "{mapping:?}");
        assert!(mapping.va >= end, "it overlaps what ends at {end:#x}: {mapping:?}");
        end = mapping.va.checked_add(mapping.size).expect("an end");
        assert!(end <= VA_END, "{mapping:?}");
        if index < LOOKED_AT && mapping.size != 0 {
            let mut byte = [0];
            for va in [mapping.va, end - 1] {
                if let Err(fault) = view.read(va, &mut byte) {
                    assert_eq!(fault.access, Access::Read);
                    let is_known = matches!(fault.kind, FaultKind::Unusable | FaultKind::Bus);
                    assert!(is_known, "{fault} in {mapping:?}");
                }
            }
        }
    }
}

/// Zero, or a negative error number.
pub fn check_result(request: u32, result: i32) {
    assert!(result == 0 || (-4095..0).contains(&result), "{request:#x} answers {result}");
}

/// Calls that make something: those of them that fail make nothing.
pub fn makes_something(request: u32) -> bool {
    const MAKERS: [u32; 9] = [
        DRM_IOCTL_PANTHOR_BO_CREATE,
        DRM_IOCTL_PANTHOR_GROUP_CREATE,
        DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE,
        DRM_IOCTL_PANTHOR_VM_CREATE,
        DRM_IOCTL_GEM_OPEN,
        DRM_IOCTL_PRIME_FD_TO_HANDLE,
        DRM_IOCTL_PRIME_HANDLE_TO_FD,
        DRM_IOCTL_SYNCOBJ_CREATE,
        DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE,
    ];
    MAKERS.iter().any(|maker| maker & 0xff == request & 0xff)
}

/// Compares what was alive before a call that failed and after it.
pub fn check_nothing_made(request: u32, result: i32, mut before: Leaks, after: Leaks) {
    // A fault while writing the result leaves the object behind.
    const FAULT: i32 = -14;

    if result == FAULT {
        return;
    }
    // What all VMs of a file share, and all heaps of a VM, comes with the first try and stays.
    let shares = |maker: u32| request & 0xff == maker & 0xff;
    let heap = shares(DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE);
    if heap && after.vm_mappings == before.vm_mappings + 1 {
        before.vm_mappings += 1;
    }
    if (heap || shares(DRM_IOCTL_PANTHOR_VM_CREATE)) && after.bos == before.bos + 1 {
        before.bos += 1;
    }
    assert_eq!(before, after, "{request:#x} answers {result} and leaves something");
}
