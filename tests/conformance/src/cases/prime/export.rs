//! PRIME_HANDLE_TO_FD.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::kernel::Linux;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

/// Exports, and says what came of it.
fn export(c: &mut Client<'_>, handle: u32, flags: u32) {
    let mut args = drm_prime_handle { handle, flags, fd: -1 };
    if c.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut args) == 0 {
        let fd = c.own(args.fd);
        c.describe(&fd);
        c.dma_buf_size(&fd);
    }
}

pub fn add(cases: &mut Cases) {
    cases.group("prime_handle_to_fd");
    for bit in 0..32 {
        cases.add(format!("flag_bit_{bit}"), move |c| {
            let bo = c.bo(PAGE);
            export(c, bo, 1 << bit);
        });
    }
    cases.add("no_flags", |c| {
        let bo = c.bo(PAGE);
        export(c, bo, 0);
    });
    cases.add("both_flags", |c| {
        let bo = c.bo(PAGE);
        export(c, bo, DRM_CLOEXEC | DRM_RDWR);
    });
    for (name, other) in [("cloexec", DRM_CLOEXEC), ("rdwr", DRM_RDWR)] {
        cases.add(format!("{name}_and_an_unknown_flag"), move |c| {
            let bo = c.bo(PAGE);
            for bit in [0, 2, 31] {
                export(c, bo, other | 1 << bit);
            }
        });
    }
    for handle in [0, 2, u32::MAX] {
        cases.add(format!("unknown_handle_{handle}"), move |c| {
            c.bo(PAGE);
            export(c, handle, DRM_CLOEXEC);
            export(c, handle, 1);
        });
    }
    cases.add("descriptor_is_only_an_output", |c| {
        let handle = c.bo(PAGE);
        for fd in [0, -77] {
            let mut args = drm_prime_handle { handle, flags: 0, fd };
            c.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut args);
            drop(c.own(args.fd));
        }
        let mut args = drm_prime_handle { handle: 9, flags: 0, fd: 77 };
        c.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut args);
    });
    kinds(cases);
    again(cases);
    for bad in [Bad::Null, Bad::Kernel, Bad::Ends(11)] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 12]);
            c.at(DRM_IOCTL_PRIME_HANDLE_TO_FD, bad);
        });
    }
}

fn kinds(cases: &mut Cases) {
    cases.add("an_exclusive_bo", |c| {
        let vm = c.vm();
        let bo = c.exclusive_bo(PAGE, vm);
        export(c, bo, DRM_CLOEXEC);
        c.destroy_vm(vm);
        export(c, bo, DRM_CLOEXEC);
    });
    cases.add("a_bo_without_mmap", |c| {
        let args = drm_panthor_bo_create { size: PAGE, flags: DRM_PANTHOR_BO_NO_MMAP, ..zeroed() };
        let bo = c.must(DRM_IOCTL_PANTHOR_BO_CREATE, args).handle;
        export(c, bo, DRM_RDWR);
    });
    cases
        .add("a_cached_bo", |c| {
            let args =
                drm_panthor_bo_create { size: PAGE, flags: DRM_PANTHOR_BO_WB_MMAP, ..zeroed() };
            let bo = c.must(DRM_IOCTL_PANTHOR_BO_CREATE, args).handle;
            export(c, bo, DRM_RDWR);
        })
        .not_on(Linux::V6_12, "there are no such BOs");
    for size in [1, PAGE, PAGE + 1, 2 * MIB, 2 * MIB + PAGE, 64 * MIB] {
        cases.add(format!("a_bo_of_{size:x}_bytes"), move |c| {
            let bo = c.bo(size);
            export(c, bo, DRM_RDWR);
        });
    }
    cases.add("a_bo_that_is_mapped", |c| {
        let (vm, bo) = (c.vm(), c.bo(2 * PAGE));
        c.bind(vm, &[map(bo, 0, MIB, 2 * PAGE, 0)]);
        export(c, bo, DRM_RDWR);
    });
    cases.add("a_bo_with_a_label", |c| {
        let bo = c.bo(PAGE);
        let label = c"shared";
        let label = label.as_ptr().expose_provenance() as u64;
        let mut args = drm_panthor_bo_set_label { handle: bo, pad: 0, label };
        c.call(DRM_IOCTL_PANTHOR_BO_SET_LABEL, &mut args);
        export(c, bo, DRM_RDWR);
    });
    cases.add("of_another_file", |c| {
        let bo = c.bo(PAGE);
        c.open();
        export(c, bo, DRM_RDWR);
    });
}

/// Adds cases of a second export, which returns the same dma-buf in the same open file.
fn again(cases: &mut Cases) {
    let all = [0, DRM_CLOEXEC, DRM_RDWR, DRM_CLOEXEC | DRM_RDWR];
    for first in all {
        for second in all {
            let name = |flags| match flags {
                DRM_CLOEXEC => "cloexec",
                DRM_RDWR => "rdwr",
                0 => "nothing",
                _ => "both",
            };
            cases.add(format!("{}_then_{}", name(first), name(second)), move |c| {
                let bo = c.bo(PAGE);
                // The dma-buf stays while the BO has a handle.
                export(c, bo, first);
                export(c, bo, second);
            });
        }
    }
    cases.add("an_import", |c| {
        let bo = c.bo(PAGE);
        let fd = c.export(bo);
        c.open();
        let (_, handle) = c.import(std::os::fd::AsRawFd::as_raw_fd(&fd));
        export(c, handle, 0);
        export(c, handle, DRM_CLOEXEC);
    });
    cases.add("after_an_unexported_handle_was_closed", |c| {
        let bo = c.bo(PAGE);
        export(c, bo, 0);
        c.close_bo(bo);
        export(c, bo, 0);
        let bo = c.bo(PAGE);
        export(c, bo, DRM_RDWR);
    });
}
