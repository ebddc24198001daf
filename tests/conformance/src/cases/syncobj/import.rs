//! SYNCOBJ_FD_TO_HANDLE.

use std::os::fd::{AsRawFd, OwnedFd};

use panthor_sys::*;
use rustix::fs::{MemfdFlags, memfd_create};

use super::export::{FLAGS, SYNC_FILE, TIMELINE};
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

/// Makes a descriptor.
type Make = fn(&mut Client<'_>) -> OwnedFd;

/// Descriptors of all kinds.
const KINDS: [(&str, Make); 8] = [
    ("a_syncobj", |c| {
        let handle = c.signaled_syncobj();
        c.syncobj_fd(handle)
    }),
    ("a_sync_file", |c| {
        let handle = c.signaled_syncobj();
        c.sync_file(handle)
    }),
    ("a_dma_buf", |c| {
        let bo = c.bo(PAGE);
        c.export(bo)
    }),
    ("a_foreign_dma_buf", |c| c.foreign_dma_buf(PAGE)),
    ("an_eventfd", |c| c.eventfd()),
    ("a_pipe", |c| {
        let (read, _write) = nix::unistd::pipe().expect("a pipe");
        let name = c.introduce(read.as_raw_fd());
        c.note(format_args!("pipe: {name}"));
        read
    }),
    ("a_memfd", |c| {
        let file = memfd_create("syncobj_file", MemfdFlags::CLOEXEC).expect("a memfd");
        let name = c.introduce(file.as_raw_fd());
        c.note(format_args!("memfd: {name}"));
        file
    }),
    ("a_file", |c| {
        let file = OwnedFd::from(std::fs::File::open("/dev/null").expect("the file of nothing"));
        let name = c.introduce(file.as_raw_fd());
        c.note(format_args!("open /dev/null: {name}"));
        file
    }),
];

fn import(c: &mut Client<'_>, mut args: drm_syncobj_handle) -> u32 {
    c.call(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &mut args);
    args.handle
}

pub fn add(cases: &mut Cases) {
    cases.group("syncobj_fd_to_handle");
    for (name, flags) in FLAGS {
        for (kind, make) in KINDS {
            let case = cases.add(format!("{name}_from_{kind}"), move |c| {
                let target = c.syncobj();
                let fd = make(c);
                for point in [0, 7] {
                    let fd = fd.as_raw_fd();
                    import(c, drm_syncobj_handle { handle: target, flags, fd, pad: 0, point });
                }
                c.query(&[target], 0);
                c.wait(&[target], 0, 0);
            });
            if kind.contains("foreign") {
                case.needs_foreign_memory();
            }
        }
        cases.add(format!("{name}_from_what_is_not_open"), move |c| {
            let handle = c.syncobj();
            for fd in [-1, i32::MIN, i32::MAX, 1_000_000] {
                import(c, drm_syncobj_handle { handle, flags, fd, pad: 0, point: 0 });
            }
        });
    }
    for (name, flags) in [("no_flags", 0), ("sync_file", SYNC_FILE)] {
        cases.add(format!("padding_with_{name}"), move |c| {
            let handle = c.signaled_syncobj();
            let fd = if flags == 0 { c.syncobj_fd(handle) } else { c.sync_file(handle) };
            for pad in [1, 1 << 31] {
                let fd = fd.as_raw_fd();
                import(c, drm_syncobj_handle { handle, flags, fd, pad, point: 0 });
            }
        });
        cases.add(format!("shorter_struct_with_{name}"), move |c| {
            let handle = c.signaled_syncobj();
            let fd = if flags == 0 { c.syncobj_fd(handle) } else { c.sync_file(handle) };
            let fd = fd.as_raw_fd();
            let mut args = drm_syncobj_handle { handle, flags, fd, pad: 0, point: 9 };
            c.call(resized(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, 16), &mut args);
        });
    }
    syncobjs(cases);
    sync_files(cases);
    for bad in [Bad::Null, Bad::Kernel, Bad::Ends(16)] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 16]);
            c.at(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, bad);
        });
    }
}

fn syncobjs(cases: &mut Cases) {
    cases.add("a_handle_for_each_import", |c| {
        let handle = c.syncobj();
        let fd = c.syncobj_fd(handle);
        let (one, two) = (c.import_syncobj(&fd), c.import_syncobj(&fd));
        c.signal(&[two]);
        c.wait(&[handle, one, two], DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, 0);
        c.destroy_syncobj(one);
        c.wait(&[two], 0, 0);
    });
    cases.add("by_a_duplicate_of_the_descriptor", |c| {
        let handle = c.syncobj();
        let fd = c.syncobj_fd(handle);
        let duplicate = c.duplicate(&fd);
        drop(fd);
        let other = c.import_syncobj(&duplicate);
        c.signal(&[other]);
        c.wait(&[handle], 0, 0);
    });
    cases.add("into_another_file", |c| {
        let handle = c.syncobj();
        let fd = c.syncobj_fd(handle);
        c.open();
        c.syncobj();
        let other = c.import_syncobj(&fd);
        c.timeline_signal(&[other], &[4]);
        c.on(0);
        c.query(&[handle], 0);
    });
    cases.add("after_the_exporting_file_was_closed", |c| {
        let handle = c.signaled_syncobj();
        let fd = c.syncobj_fd(handle);
        c.open();
        c.close_file(0);
        let other = c.import_syncobj(&fd);
        c.wait(&[other], 0, 0);
    });
    cases.add("exported_again", |c| {
        let handle = c.syncobj();
        let fd = c.syncobj_fd(handle);
        let second = c.import_syncobj(&fd);
        drop(fd);
        let fd = c.syncobj_fd(second);
        c.destroy_syncobj(handle);
        c.destroy_syncobj(second);
        let third = c.import_syncobj(&fd);
        c.signal(&[third]);
        c.wait(&[third], 0, 0);
    });
}

fn sync_files(cases: &mut Cases) {
    for handle in [0, 2, u32::MAX] {
        cases.add(format!("sync_file_into_unknown_handle_{handle}"), move |c| {
            let from = c.signaled_syncobj();
            let fd = c.sync_file(from);
            let fd = fd.as_raw_fd();
            import(c, drm_syncobj_handle { handle, flags: SYNC_FILE, fd, ..zeroed() });
        });
    }
    cases.add("sync_file_replaces_a_timeline", |c| {
        let (from, to) = (c.signaled_syncobj(), c.syncobj());
        c.timeline_signal(&[to], &[9]);
        let fd = c.sync_file(from);
        c.import_sync_file(&fd, to);
        c.query(&[to], 0);
        c.wait_points(&[to], &[9], 0, 0);
    });
    cases.add("sync_file_twice", |c| {
        let (from, one, two) = (c.signaled_syncobj(), c.syncobj(), c.syncobj());
        let fd = c.sync_file(from);
        c.import_sync_file(&fd, one);
        c.import_sync_file(&fd, two);
        c.wait(&[one, two], DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, 0);
    });
    cases.add("sync_file_by_a_duplicate_of_the_descriptor", |c| {
        let (from, to) = (c.signaled_syncobj(), c.syncobj());
        let fd = c.sync_file(from);
        let duplicate = c.duplicate(&fd);
        drop(fd);
        c.readable(&duplicate);
        c.import_sync_file(&duplicate, to);
        c.wait(&[to], 0, 0);
    });
    cases.add("sync_file_into_another_file", |c| {
        let from = c.signaled_syncobj();
        let fd = c.sync_file(from);
        c.open();
        let to = c.syncobj();
        c.import_sync_file(&fd, to);
        c.wait(&[to], 0, 0);
    });
    for (name, points) in [("ascending", [4, 6]), ("descending", [6, 4]), ("equal", [4, 4])] {
        cases.add(format!("sync_file_at_{name}_points"), move |c| {
            let (from, to) = (c.signaled_syncobj(), c.syncobj());
            let fd = c.sync_file(from);
            for point in points {
                let (flags, fd) = (SYNC_FILE | TIMELINE, fd.as_raw_fd());
                import(c, drm_syncobj_handle { handle: to, flags, fd, pad: 0, point });
                c.query(&[to], 0);
            }
        });
    }
}
