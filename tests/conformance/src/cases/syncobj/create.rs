//! SYNCOBJ_CREATE and SYNCOBJ_DESTROY.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    create(cases);
    destroy(cases);
}

fn create_with(c: &mut Client<'_>, flags: u32) -> u32 {
    let mut args = drm_syncobj_create { flags, handle: 0 };
    c.call(DRM_IOCTL_SYNCOBJ_CREATE, &mut args);
    args.handle
}

fn create(cases: &mut Cases) {
    cases.group("syncobj_create");
    cases.add("empty", |c| {
        let handle = create_with(c, 0);
        c.wait(&[handle], 0, 0);
    });
    cases.add("signaled", |c| {
        let handle = create_with(c, DRM_SYNCOBJ_CREATE_SIGNALED);
        c.wait(&[handle], 0, 0);
    });
    for bit in [1, 2, 15, 31] {
        cases.add(format!("unknown_flag_bit_{bit}"), move |c| {
            create_with(c, 1 << bit);
            create_with(c, 1 << bit | DRM_SYNCOBJ_CREATE_SIGNALED);
        });
    }
    cases.add("handle_is_only_an_output", |c| {
        for flags in [0, 2] {
            let mut args = drm_syncobj_create { flags, handle: 77 };
            c.call(DRM_IOCTL_SYNCOBJ_CREATE, &mut args);
        }
    });
    cases.add("handles_are_given_again", |c| {
        for _ in 0..5 {
            c.syncobj();
        }
        c.destroy_syncobj(4);
        c.destroy_syncobj(2);
        for _ in 0..3 {
            c.syncobj();
        }
    });
    cases.add("the_last_handle_is_given_again", |c| {
        for _ in 0..3 {
            let handle = c.syncobj();
            c.destroy_syncobj(handle);
        }
    });
    cases.add("each_file_has_handles_of_its_own", |c| {
        c.syncobj();
        c.syncobj();
        c.open();
        c.syncobj();
    });
    for bad in [Bad::Null, Bad::Kernel, Bad::Unmapped, Bad::Ends(7), Bad::Ends(8), Bad::ReadOnly] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 8]);
            c.at(DRM_IOCTL_SYNCOBJ_CREATE, bad);
            // Whether the failed call has left one.
            c.syncobj();
        });
    }
    for size in [0, 4, 16] {
        cases.add(format!("argument_of_{size}_bytes"), move |c| {
            let mut bytes = [0xff; 16];
            bytes[4..8].fill(0);
            c.bytes(resized(DRM_IOCTL_SYNCOBJ_CREATE, size), &mut bytes);
            c.syncobj();
        });
    }
}

fn destroy(cases: &mut Cases) {
    cases.group("syncobj_destroy");
    cases.add("twice", |c| {
        let handle = c.syncobj();
        c.destroy_syncobj(handle);
        c.destroy_syncobj(handle);
    });
    for handle in [0, 2, 1000, u32::MAX] {
        cases.add(format!("unknown_handle_{handle}"), move |c| {
            c.syncobj();
            c.destroy_syncobj(handle);
        });
    }
    for pad in [1, 1 << 31] {
        cases.add(format!("padding_{pad:x}"), move |c| {
            let handle = c.syncobj();
            c.call(DRM_IOCTL_SYNCOBJ_DESTROY, &mut drm_syncobj_destroy { handle, pad });
            c.call(DRM_IOCTL_SYNCOBJ_DESTROY, &mut drm_syncobj_destroy { handle: 99, pad });
            c.destroy_syncobj(handle);
        });
    }
    cases.add("of_another_file", |c| {
        let handle = c.syncobj();
        c.open();
        c.destroy_syncobj(handle);
        c.on(0);
        c.wait(&[handle], 0, 0);
    });
    cases.add("one_handle_of_two", |c| {
        let handle = c.signaled_syncobj();
        let fd = c.syncobj_fd(handle);
        let other = c.import_syncobj(&fd);
        c.destroy_syncobj(handle);
        c.wait(&[other], 0, 0);
        c.destroy_syncobj(other);
    });
    cases.add("the_handle_of_an_exported_one", |c| {
        let handle = c.signaled_syncobj();
        let fd = c.syncobj_fd(handle);
        c.destroy_syncobj(handle);
        let other = c.import_syncobj(&fd);
        c.wait(&[other], 0, 0);
    });
    cases.add("one_that_a_bind_is_to_signal", |c| {
        let (vm, handle) = (c.vm(), c.syncobj());
        let syncs = [signal(handle, 0)];
        c.bind_async(vm, &[sync_only(&syncs)]);
        c.destroy_syncobj(handle);
        c.settle(vm);
    });
    cases.add("argument_without_padding", |c| {
        let handle = c.syncobj();
        let mut args = drm_syncobj_destroy { handle, pad: 1 };
        c.call(resized(DRM_IOCTL_SYNCOBJ_DESTROY, 4), &mut args);
        c.destroy_syncobj(handle);
    });
}
