//! PRIME_FD_TO_HANDLE of what Panthor exported, and of what is no dma-buf.

use std::os::fd::{AsRawFd, OwnedFd};

use panthor_sys::*;

use crate::case::Cases;
use crate::cases::flink;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

/// Makes a descriptor of some kind.
type Make = fn(&mut Client<'_>) -> OwnedFd;

pub fn add(cases: &mut Cases) {
    cases.group("prime_fd_to_handle");
    own(cases);
    several_handles(cases);
    between_files(cases);
    use_of_imports(cases);
    arguments(cases);
}

fn own(cases: &mut Cases) {
    cases.add("own_export", |c| {
        let bo = c.bo(PAGE);
        let fd = c.export(bo);
        c.import(fd.as_raw_fd());
        c.import(fd.as_raw_fd());
    });
    cases.add("own_export_by_a_duplicate_of_the_descriptor", |c| {
        let bo = c.bo(PAGE);
        let fd = c.export(bo);
        let duplicate = c.duplicate(&fd);
        drop(fd);
        c.import(duplicate.as_raw_fd());
        c.close_bo(bo);
        c.import(duplicate.as_raw_fd());
    });
    cases.add("own_exports_of_several", |c| {
        let bos = [c.bo(PAGE), c.bo(PAGE), c.bo(2 * PAGE)];
        let fds: Vec<_> = bos.iter().map(|&bo| c.export(bo)).collect();
        for fd in fds.iter().rev() {
            c.import(fd.as_raw_fd());
        }
    });
    cases.add("own_export_counts_no_handles", |c| {
        let bo = c.bo(PAGE);
        let fd = c.export(bo);
        c.import(fd.as_raw_fd());
        c.close_bo(bo);
        c.close_bo(bo);
        c.mmap_offset_of(bo);
    });
    cases.add("own_export_after_the_handle_was_closed", |c| {
        let (one, two) = (c.bo(PAGE), c.bo(PAGE));
        let fd = c.export(two);
        c.close_bo(two);
        c.close_bo(one);
        c.import(fd.as_raw_fd());
        c.import(fd.as_raw_fd());
        c.close_bo(1);
        c.import(fd.as_raw_fd());
    });
    cases.add("own_export_keeps_its_flags", |c| {
        let args = drm_panthor_bo_create { size: PAGE, flags: DRM_PANTHOR_BO_NO_MMAP, ..zeroed() };
        let bo = c.must(DRM_IOCTL_PANTHOR_BO_CREATE, args).handle;
        let fd = c.export(bo);
        c.close_bo(bo);
        let (_, bo) = c.import(fd.as_raw_fd());
        c.mmap_offset_of(bo);
        c.info(bo);
    });
    cases.add("own_export_keeps_its_mappings", |c| {
        let (vm, bo) = (c.vm(), c.bo(PAGE));
        c.bind(vm, &[map(bo, 0, MIB, PAGE, 0)]);
        let fd = c.export(bo);
        c.close_bo(bo);
        let (_, bo) = c.import(fd.as_raw_fd());
        c.bind(vm, &[map(bo, 0, 2 * MIB, PAGE, 0)]);
    });
}

fn several_handles(cases: &mut Cases) {
    /// Opens the primary node and creates two handles of one BO.
    fn twice(c: &mut Client<'_>) -> [u32; 2] {
        c.open_primary();
        let bo = c.bo(PAGE);
        let name = flink::gem_flink(c, bo);
        [bo, flink::gem_open(c, name)]
    }

    cases.add("own_export_of_two_handles", |c| {
        let [one, other] = twice(c);
        let fd = c.export(one);
        c.export(other);
        c.import(fd.as_raw_fd());
        c.close_bo(one);
        c.import(fd.as_raw_fd());
        c.close_bo(other);
        c.import(fd.as_raw_fd());
    });
    cases.add("own_export_of_two_handles_the_second_first", |c| {
        let [one, other] = twice(c);
        let fd = c.export(other);
        c.export(one);
        c.import(fd.as_raw_fd());
        c.close_bo(other);
        c.import(fd.as_raw_fd());
    });
    cases.add("own_export_of_two_handles_the_second_closed", |c| {
        let [one, other] = twice(c);
        let fd = c.export(one);
        c.export(other);
        c.close_bo(other);
        c.import(fd.as_raw_fd());
        c.close_bo(one);
        c.import(fd.as_raw_fd());
    });
    cases.add("own_export_of_one_of_two_handles", |c| {
        let [one, other] = twice(c);
        let fd = c.export(one);
        c.close_bo(one);
        // The other handle was never exported.
        c.import(fd.as_raw_fd());
        c.close_bo(other);
        c.import(fd.as_raw_fd());
    });
    cases.add("own_export_of_two_handles_each_more_than_once", |c| {
        let [one, other] = twice(c);
        let fd = c.export(one);
        for bo in [other, one, other] {
            c.export(bo);
        }
        c.close_bo(one);
        c.import(fd.as_raw_fd());
        c.close_bo(other);
        c.import(fd.as_raw_fd());
    });
    cases.add("own_export_of_a_handle_that_was_opened_and_imported", |c| {
        let [one, other] = twice(c);
        let fd = c.export(one);
        c.close_bo(one);
        let (_, imported) = c.import(fd.as_raw_fd());
        c.export(other);
        c.close_bo(imported);
        c.import(fd.as_raw_fd());
    });
}

fn between_files(cases: &mut Cases) {
    cases.add("in_another_file", |c| {
        c.bo(PAGE);
        let bo = c.bo(2 * PAGE);
        let fd = c.export(bo);
        c.open();
        let (_, bo) = c.import(fd.as_raw_fd());
        c.import(fd.as_raw_fd());
        c.info(bo);
    });
    cases.add("in_another_file_as_the_same_object", |c| {
        let (vm, bo) = (c.vm(), c.bo(PAGE));
        c.bind(vm, &[map(bo, 0, MIB, PAGE, 0)]);
        let fd = c.export(bo);
        c.open();
        let (vm, (_, bo)) = (c.vm(), c.import(fd.as_raw_fd()));
        c.bind(vm, &[map(bo, 0, 2 * MIB, PAGE, 0)]);
    });
    cases.add("in_another_file_after_the_handle_was_closed", |c| {
        let bo = c.bo(PAGE);
        let fd = c.export(bo);
        c.close_bo(bo);
        c.open();
        c.import(fd.as_raw_fd());
        c.on(0);
        c.import(fd.as_raw_fd());
    });
    cases.add("in_another_file_after_the_first_was_closed", |c| {
        let bo = c.bo(PAGE);
        let fd = c.export(bo);
        c.open();
        c.close_file(0);
        let (_, bo) = c.import(fd.as_raw_fd());
        c.mmap_offset_of(bo);
    });
    cases.add("memory_is_the_same_in_another_file", |c| {
        let bo = c.bo(PAGE);
        let fd = c.export(bo);
        let here = c.cpu_map(bo, PAGE);
        here.store(64, 0x1234_5678);
        c.open();
        let (_, bo) = c.import(fd.as_raw_fd());
        drop(fd);
        let there = c.cpu_map(bo, PAGE);
        c.note(format_args!("  word {:#x}", there.load(64)));
        there.store(64, 9);
        c.note(format_args!("  word {:#x}", here.load(64)));
    });
    cases.add("passed_on_by_each_file", |c| {
        let bo = c.bo(PAGE);
        let fd = c.export(bo);
        c.open();
        let (_, bo) = c.import(fd.as_raw_fd());
        let again = c.export(bo);
        c.on(0);
        c.import(again.as_raw_fd());
        c.open();
        c.import(again.as_raw_fd());
    });
    cases.add("closed_in_one_file_of_two", |c| {
        let bo = c.bo(PAGE);
        let fd = c.export(bo);
        c.open();
        let (_, other) = c.import(fd.as_raw_fd());
        c.close_bo(other);
        c.close_bo(other);
        c.on(0);
        c.import(fd.as_raw_fd());
        c.mmap_offset_of(bo);
    });
}

fn use_of_imports(cases: &mut Cases) {
    cases.add("info_of_an_export", |c| {
        let bo = c.bo(PAGE);
        c.info(bo);
        let fd = c.export(bo);
        c.info(bo);
        c.import(fd.as_raw_fd());
        c.info(bo);
    });
    cases.add("sync_of_an_export", |c| {
        let bo = c.bo(2 * PAGE);
        let fd = c.export(bo);
        c.sync_bo(bo, 0, PAGE);
        c.open();
        let (_, bo) = c.import(fd.as_raw_fd());
        c.sync_bo(bo, PAGE, PAGE);
        c.sync_bo(bo, PAGE, PAGE + 1);
    });
    cases.add("label_of_an_import", |c| {
        let bo = c.bo(PAGE);
        let fd = c.export(bo);
        c.open();
        let (_, handle) = c.import(fd.as_raw_fd());
        let label = c"passed on".as_ptr().expose_provenance() as u64;
        let mut args = drm_panthor_bo_set_label { handle, pad: 0, label };
        c.call(DRM_IOCTL_PANTHOR_BO_SET_LABEL, &mut args);
    });
    cases.add("mapped_by_both_files_and_unmapped_in_part", |c| {
        let (vm, bo) = (c.vm(), c.bo(4 * PAGE));
        let fd = c.export(bo);
        c.open();
        let (other, (_, import)) = (c.vm(), c.import(fd.as_raw_fd()));
        c.bind(other, &[map(import, 0, MIB, 4 * PAGE, 0)]);
        c.bind(other, &[unmap(MIB + PAGE, PAGE)]);
        c.on(0);
        c.bind(vm, &[map(bo, PAGE, MIB, 2 * PAGE, READONLY)]);
        c.mappings();
        c.close_file(1);
    });
}

fn arguments(cases: &mut Cases) {
    cases.add("what_is_not_open", |c| {
        for fd in [-1, i32::MIN, i32::MAX, 1_000_000] {
            c.import(fd);
        }
    });
    let kinds: [(&str, Make); 4] = [
        ("syncobj", |c| {
            let handle = c.syncobj();
            c.syncobj_fd(handle)
        }),
        ("sync_file", |c| {
            let handle = c.signaled_syncobj();
            c.sync_file(handle)
        }),
        ("eventfd", |c| c.eventfd()),
        ("file", |c| {
            let file = std::fs::File::open("/dev/null").expect("the file of nothing");
            let name = c.introduce(file.as_raw_fd());
            c.note(format_args!("open /dev/null: {name}"));
            file.into()
        }),
    ];
    for (name, make) in kinds {
        cases.add(format!("of_kind_{name}"), move |c| {
            let fd = make(c);
            c.import(fd.as_raw_fd());
        });
    }
    cases.add("flags_are_not_looked_at", |c| {
        let bo = c.bo(PAGE);
        let fd = c.export(bo);
        for flags in [0, 1, DRM_CLOEXEC | DRM_RDWR, u32::MAX] {
            let mut args = drm_prime_handle { handle: 0, flags, fd: fd.as_raw_fd() };
            c.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut args);
        }
    });
    cases.add("handle_is_only_an_output", |c| {
        let bo = c.bo(PAGE);
        let fd = c.export(bo);
        for fd in [fd.as_raw_fd(), -1] {
            let mut args = drm_prime_handle { handle: 77, flags: 0, fd };
            c.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut args);
        }
    });
    for bad in [Bad::Null, Bad::Kernel, Bad::Ends(11)] {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 12]);
            c.at(DRM_IOCTL_PRIME_FD_TO_HANDLE, bad);
        });
    }
}
