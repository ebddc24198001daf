//! SYNCOBJ_HANDLE_TO_FD.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

pub const SYNC_FILE: u32 = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
pub const TIMELINE: u32 = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE;

/// All flags alone and in pairs, and unknown ones.
pub const FLAGS: [(&str, u32); 8] = [
    ("no_flags", 0),
    ("sync_file", SYNC_FILE),
    ("timeline", TIMELINE),
    ("sync_file_of_timeline", SYNC_FILE | TIMELINE),
    ("flag_bit_2", 4),
    ("sync_file_and_flag_bit_2", SYNC_FILE | 4),
    ("timeline_and_flag_bit_2", TIMELINE | 4),
    ("flag_bit_31", 1 << 31),
];

/// Makes a syncobj.
type Make = fn(&mut Client<'_>) -> u32;

/// States of a syncobj.
const STATES: [(&str, Make); 4] = [
    ("an_empty_one", |c| c.syncobj()),
    ("a_signaled_one", |c| c.signaled_syncobj()),
    ("a_timeline", |c| {
        let handle = c.syncobj();
        c.timeline_signal(&[handle], &[5]);
        handle
    }),
    ("an_unknown_one", |_| 7),
];

/// Exports, and says what came of it.
fn export(c: &mut Client<'_>, mut args: drm_syncobj_handle) {
    if c.call(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &mut args) == 0 {
        let fd = c.own(args.fd);
        c.describe(&fd);
    }
}

pub fn add(cases: &mut Cases) {
    cases.group("syncobj_handle_to_fd");
    for (name, flags) in FLAGS {
        for (state, make) in STATES {
            cases.add(format!("{name}_of_{state}"), move |c| {
                let handle = make(c);
                for point in [0, 3, 5, 9] {
                    export(c, drm_syncobj_handle { handle, flags, fd: -1, pad: 0, point });
                }
            });
        }
    }
    for (name, flags) in [("no_flags", 0), ("sync_file", SYNC_FILE)] {
        cases.add(format!("padding_with_{name}"), move |c| {
            let handle = c.signaled_syncobj();
            for pad in [1, 1 << 31] {
                export(c, drm_syncobj_handle { handle, flags, fd: -1, pad, point: 0 });
            }
        });
        cases.add(format!("shorter_struct_with_{name}"), move |c| {
            let handle = c.signaled_syncobj();
            // What is behind the end is not looked at.
            let mut args = drm_syncobj_handle { handle, flags, fd: -1, pad: 0, point: 9 };
            c.call(resized(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, 16), &mut args);
            drop(c.own(args.fd));
        });
        cases.add(format!("descriptor_is_only_an_output_with_{name}"), move |c| {
            let handle = c.signaled_syncobj();
            for fd in [0, -77] {
                export(c, drm_syncobj_handle { handle, flags, fd, pad: 0, point: 0 });
            }
        });
        cases.add(format!("handle_0_with_{name}"), move |c| {
            export(c, drm_syncobj_handle { flags, fd: -1, ..zeroed() });
        });
        cases.add(format!("of_another_file_with_{name}"), move |c| {
            let handle = c.signaled_syncobj();
            c.open();
            export(c, drm_syncobj_handle { handle, flags, fd: -1, ..zeroed() });
        });
        cases.add(format!("after_a_reset_with_{name}"), move |c| {
            let handle = c.signaled_syncobj();
            c.reset(&[handle]);
            export(c, drm_syncobj_handle { handle, flags, fd: -1, ..zeroed() });
        });
    }
    cases.add("twice", |c| {
        let handle = c.syncobj();
        let (one, two) = (c.syncobj_fd(handle), c.syncobj_fd(handle));
        let (first, second) = (c.import_syncobj(&one), c.import_syncobj(&two));
        c.signal(&[first]);
        c.wait(&[second], 0, 0);
    });
    for bad in [Bad::Null, Bad::Kernel, Bad::Ends(16)] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 16]);
            c.at(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, bad);
        });
    }
    sync_files(cases);
}

/// Adds cases of the contents of a sync file.
fn sync_files(cases: &mut Cases) {
    cases.group("sync_file");
    cases.add("is_readable_when_the_fence_is_signaled", |c| {
        let handle = c.signaled_syncobj();
        let file = c.sync_file(handle);
        c.readable(&file);
    });
    cases.add("keeps_the_fence_that_the_syncobj_had", |c| {
        let (handle, other) = (c.signaled_syncobj(), c.syncobj());
        let file = c.sync_file(handle);
        c.reset(&[handle]);
        c.readable(&file);
        c.import_sync_file(&file, other);
        c.wait(&[handle], 0, 0);
        c.wait(&[other], 0, 0);
    });
    cases.add("outlives_its_syncobj", |c| {
        let (handle, other) = (c.signaled_syncobj(), c.syncobj());
        let file = c.sync_file(handle);
        c.destroy_syncobj(handle);
        c.import_sync_file(&file, other);
        c.wait(&[other], 0, 0);
    });
    cases.add("outlives_its_device_file", |c| {
        let handle = c.signaled_syncobj();
        let file = c.sync_file(handle);
        c.open();
        c.close_file(0);
        let other = c.syncobj();
        c.import_sync_file(&file, other);
        c.wait(&[other], 0, 0);
    });
    cases.add("of_a_whole_timeline_makes_a_timeline", |c| {
        let (handle, other) = (c.syncobj(), c.syncobj());
        c.timeline_signal(&[handle], &[5]);
        let file = c.sync_file(handle);
        c.import_sync_file(&file, other);
        c.query(&[other], 0);
        c.wait_points(&[other], &[5], 0, 0);
        c.wait_points(&[other], &[6], 0, 0);
    });
    cases.add("of_a_whole_timeline_does_not_grow_with_it", |c| {
        let (handle, other) = (c.syncobj(), c.syncobj());
        c.timeline_signal(&[handle], &[5]);
        let file = c.sync_file(handle);
        c.timeline_signal(&[handle], &[8]);
        c.import_sync_file(&file, other);
        c.timeline_signal(&[other], &[6]);
        c.query(&[handle, other], 0);
    });
    for (name, point) in [("present", 5), ("earlier", 3)] {
        cases.add(format!("of_an_{name}_point").replace("an_p", "a_p"), move |c| {
            let (handle, other) = (c.syncobj(), c.syncobj());
            c.timeline_signal(&[handle], &[2]);
            c.timeline_signal(&[handle], &[5]);
            let flags = SYNC_FILE | TIMELINE;
            let mut args = drm_syncobj_handle { handle, flags, fd: -1, pad: 0, point };
            if c.call(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &mut args) == 0 {
                let file = c.own(args.fd);
                c.readable(&file);
                c.import_sync_file(&file, other);
                c.query(&[other], DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED);
                c.wait(&[other], 0, 0);
            }
        });
    }
}
