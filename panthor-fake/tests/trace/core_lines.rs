//! A golden line for every ioctl of DRM itself.

use std::ffi::c_char;

use panthor_fake::trace::Call;
use panthor_fake::{Config, Device, Prot};
use panthor_sys::*;

use crate::common::*;
use crate::recorder::Recorder;

const ALL: u32 = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL;

#[test]
fn versions_and_names() {
    let device = device();
    let file = device.open();
    let trace = Recorder::of(&device);
    let mut args: drm_version = drm_version::default();
    args = ok(&file, DRM_IOCTL_VERSION, args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_VERSION, {name_len=0, date_len=0, desc_len=0}) = 0 \
         => {version_major=1, version_minor=9, version_patchlevel=0, name_len=7, date_len=1, \
         desc_len=18}",
    );
    let mut name = [0 as c_char; 16];
    args.name_len = 4;
    args.name = name.as_mut_ptr();
    args.date = std::ptr::null_mut();
    ok(&file, DRM_IOCTL_VERSION, args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_VERSION, {name_len=4, date_len=1, desc_len=18}) = 0 \
         => {version_major=1, version_minor=9, version_patchlevel=0, name_len=7, \
         name=\"pant\", date_len=1, desc_len=18}",
    );
    let name = b"a-test and more";
    let mut args = drm_set_client_name { name_len: 6, name: name.as_ptr() as u64 };
    args = ok(&file, DRM_IOCTL_SET_CLIENT_NAME, args);
    trace.expect("ioctl(renderD128, DRM_IOCTL_SET_CLIENT_NAME, {name=\"a-test\"}) = 0");
    args.name_len = 7;
    ioctl(&file, DRM_IOCTL_SET_CLIENT_NAME, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SET_CLIENT_NAME, {name=\"a-test \"}) \
         = -1 EINVAL (Invalid argument)",
    );
    ok(&file, DRM_IOCTL_GET_CAP, drm_get_cap { capability: DRM_CAP_PRIME, value: 0 });
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_GET_CAP, {capability=PRIME}) = 0 => {value=IMPORT|EXPORT}",
    );
    ok(&file, DRM_IOCTL_GET_CAP, drm_get_cap { capability: DRM_CAP_SYNCOBJ, value: 0 });
    trace.expect("ioctl(renderD128, DRM_IOCTL_GET_CAP, {capability=SYNCOBJ}) = 0 => {value=1}");
    ioctl(&file, DRM_IOCTL_GET_CAP, &mut drm_get_cap { capability: 99, value: 0 });
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_GET_CAP, {capability=0x63}) \
         = -1 EOPNOTSUPP (Operation not supported on transport endpoint)",
    );
}

#[test]
fn the_primary_node() {
    let device = Device::new(Config::default()).unwrap();
    let file = device.open_primary();
    let other = device.open_primary();
    let trace = Recorder::of(&device);
    let magic = ok(&other, DRM_IOCTL_GET_MAGIC, drm_auth { magic: 0 }).magic;
    trace.expect("ioctl(card0, DRM_IOCTL_GET_MAGIC, {}) = 0 => {magic=1}");
    ok(&file, DRM_IOCTL_AUTH_MAGIC, drm_auth { magic });
    trace.expect("ioctl(card0, DRM_IOCTL_AUTH_MAGIC, {magic=1}) = 0");
    ioctl(&file, DRM_IOCTL_AUTH_MAGIC, &mut drm_auth { magic: 5 });
    trace.expect("ioctl(card0, DRM_IOCTL_AUTH_MAGIC, {magic=5}) = -1 EINVAL (Invalid argument)");
    let mut args =
        drm_set_version { drm_di_major: 1, drm_di_minor: 4, drm_dd_major: -1, drm_dd_minor: -1 };
    args = ok(&file, DRM_IOCTL_SET_VERSION, args);
    trace.expect(
        "ioctl(card0, DRM_IOCTL_SET_VERSION, {drm_di_major=1, drm_di_minor=4, drm_dd_major=-1, \
         drm_dd_minor=-1}) = 0 => {drm_di_major=1, drm_di_minor=4, drm_dd_major=1, drm_dd_minor=9}",
    );
    args.drm_di_major = 3;
    ioctl(&file, DRM_IOCTL_SET_VERSION, &mut args);
    // It is written back although it fails.
    trace.expect(
        "ioctl(card0, DRM_IOCTL_SET_VERSION, {drm_di_major=3, drm_di_minor=4, drm_dd_major=1, \
         drm_dd_minor=9}) = -1 EINVAL (Invalid argument) => {drm_di_major=1}",
    );
    let mut name = [0 as c_char; 32];
    let args = drm_unique { unique_len: 32, unique: name.as_mut_ptr() };
    ok(&file, DRM_IOCTL_GET_UNIQUE, args);
    trace.expect(
        "ioctl(card0, DRM_IOCTL_GET_UNIQUE, {unique_len=32}) = 0 \
         => {unique_len=12, unique=\"fb000000.gpu\"}",
    );
    let handle = bo(&file, PAGE);
    trace.skip();
    let name = ok(&file, DRM_IOCTL_GEM_FLINK, drm_gem_flink { handle, name: 0 }).name;
    trace.expect("ioctl(card0, DRM_IOCTL_GEM_FLINK, {handle=1}) = 0 => {name=1}");
    ioctl(&file, DRM_IOCTL_GEM_FLINK, &mut drm_gem_flink { handle: 9, name: 0 });
    trace.expect(
        "ioctl(card0, DRM_IOCTL_GEM_FLINK, {handle=9}) = -1 ENOENT (No such file or directory)",
    );
    ok(&file, DRM_IOCTL_GEM_OPEN, drm_gem_open { name, handle: 0, size: 0 });
    trace.expect("ioctl(card0, DRM_IOCTL_GEM_OPEN, {name=1}) = 0 => {handle=2, size=4096}");
    ioctl(&file, DRM_IOCTL_GEM_OPEN, &mut drm_gem_open { name: 9, handle: 0, size: 0 });
    trace.expect(
        "ioctl(card0, DRM_IOCTL_GEM_OPEN, {name=9}) = -1 ENOENT (No such file or directory)",
    );
    ok(&file, DRM_IOCTL_DROP_MASTER, 0_u64);
    trace.expect("ioctl(card0, DRM_IOCTL_DROP_MASTER) = 0");
    ioctl(&other, DRM_IOCTL_SET_MASTER, &mut 0_u64);
    trace.expect("ioctl(card0, DRM_IOCTL_SET_MASTER) = -1 EACCES (Permission denied)");
    let mut args = drm_set_client_cap { capability: DRM_CLIENT_CAP_ATOMIC, value: 1 };
    ioctl(&file, DRM_IOCTL_SET_CLIENT_CAP, &mut args);
    trace.expect(
        "ioctl(card0, DRM_IOCTL_SET_CLIENT_CAP, {capability=ATOMIC, value=1}) \
         = -1 EOPNOTSUPP (Operation not supported on transport endpoint)",
    );
    // Names without anything to decode, and none at all.
    ioctl_at(&file, 0xc040_64a0, 0x1000);
    trace.expect("ioctl(card0, DRM_IOCTL_MODE_GETRESOURCES, 0x1000) = -1 EFAULT (Bad address)");
    ioctl_at(&file, 0xc004_65a0, 0x1000);
    trace.expect(
        "ioctl(card0, _IOC(_IOC_READ|_IOC_WRITE, 0x65, 0xa0, 0x4), 0x1000) \
         = -1 ENOTTY (Not a typewriter)",
    );
    drop((file, other));
    let ends: Vec<_> = trace.take();
    assert!(ends.iter().all(|end| end.to_string().contains(" release(card0:")), "{ends:?}");
    assert_eq!(ends.len(), 2);
}

#[test]
fn opens_and_cpu_mappings() {
    let device = device();
    let trace = Recorder::of(&device);
    let file = device.open();
    trace.expect("open(renderD128) = 0");
    drop(device.open_primary());
    let [open, release] = trace.take().try_into().unwrap();
    assert!(open.to_string().contains(" open(card0:") && release.call == Call::Release);
    let offset = mmap_offset(&file, bo(&file, 4 * PAGE));
    trace.skip();

    let map = file.mmap(2 * PAGE as usize, Prot::READ | Prot::WRITE, offset).unwrap();
    let at = map.as_ptr() as u64;
    trace.expect_with(
        &[at, offset],
        "mmap(renderD128, {len=0x2000, prot=READ|WRITE, offset=PTR1}) = 0 => {addr=PTR0}",
    );
    drop(map);
    trace.expect_with(&[at], "munmap(renderD128, {addr=PTR0, len=0x2000}) = 0");
    let map = file.mmap(1, Prot::empty(), offset).unwrap();
    let at = map.as_ptr() as u64;
    trace.expect_with(
        &[at, offset],
        "mmap(renderD128, {len=0x1, prot=0, offset=PTR1}) = 0 => {addr=PTR0}",
    );
    map.reserve().unwrap();
    trace.expect_with(&[at], "munmap(renderD128, {addr=PTR0, len=0x1}) = 0");

    assert!(file.mmap(PAGE as usize, Prot::READ, PAGE).is_err());
    trace.expect(
        "mmap(renderD128, {len=0x1000, prot=READ, offset=0x1000}) = -1 EINVAL (Invalid argument)",
    );
}

#[test]
fn syncobjs() {
    let device = device();
    let file = device.open();
    let trace = Recorder::of(&device);
    let args = drm_syncobj_create { flags: DRM_SYNCOBJ_CREATE_SIGNALED, handle: 0 };
    let one = ok(&file, DRM_IOCTL_SYNCOBJ_CREATE, args).handle;
    trace.expect("ioctl(renderD128, DRM_IOCTL_SYNCOBJ_CREATE, {flags=SIGNALED}) = 0 => {handle=1}");
    ioctl(&file, DRM_IOCTL_SYNCOBJ_CREATE, &mut drm_syncobj_create { flags: 6, handle: 0 });
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_CREATE, {flags=0x6}) = -1 EINVAL (Invalid argument)",
    );
    let two = syncobj(&file);
    trace.skip();
    assert_eq!(wait_any(&file, &[two, one], 0, 0).0, -22);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_WAIT, {handles=[2, 1], timeout_nsec=0, flags=0}) \
         = -1 EINVAL (Invalid argument)",
    );
}

#[test]
fn waits() {
    let device = device();
    let file = device.open();
    let trace = Recorder::of(&device);
    let (one, two) = (syncobj(&file), syncobj(&file));
    trace.skip();
    let (handles, points) = ([one, two], [3, 0x1_0000_0000]);
    let mut args = timeline_array(&handles, &points);
    args = ok(&file, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, {handles=[1, 2], \
         points=[3, 4294967296], flags=0}) = 0",
    );
    args.flags = 8;
    ioctl(&file, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, {handles=[1, 2], \
         points=[3, 4294967296], flags=0x8}) = -1 EINVAL (Invalid argument)",
    );
    query_point(&file, one, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_QUERY, {handles=[1], flags=LAST_SUBMITTED}) = 0 \
         => {points=[3]}",
    );
    let mut args = timeline_array(&[], &[]);
    ioctl(&file, DRM_IOCTL_SYNCOBJ_QUERY, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_QUERY, {handles=[], flags=0}) \
         = -1 EINVAL (Invalid argument)",
    );
    assert_eq!(wait_points(&file, &handles, &points, ALL, 0).0, 0);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, {handles=[1, 2], \
         points=[3, 4294967296], timeout_nsec=0, flags=WAIT_ALL}) = 0 => {first_signaled=0}",
    );
    let flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
    wait_points(&file, &handles[..1], &[9], flags, 0);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, {handles=[1], points=[9], \
         timeout_nsec=0, flags=WAIT_FOR_SUBMIT}) = -1 ETIME (Timer expired)",
    );
    let mut args = drm_syncobj_array { handles: handles.as_ptr() as u64, count_handles: 2, pad: 0 };
    args = ok(&file, DRM_IOCTL_SYNCOBJ_SIGNAL, args);
    trace.expect("ioctl(renderD128, DRM_IOCTL_SYNCOBJ_SIGNAL, {handles=[1, 2]}) = 0");
    assert_eq!(wait_any(&file, &handles, 0, -1), (0, 0));
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_WAIT, {handles=[1, 2], timeout_nsec=-1, flags=0}) = 0 \
         => {first_signaled=0}",
    );
    args = ok(&file, DRM_IOCTL_SYNCOBJ_RESET, args);
    trace.expect("ioctl(renderD128, DRM_IOCTL_SYNCOBJ_RESET, {handles=[1, 2]}) = 0");
    args.pad = 1;
    for (request, name) in
        [(DRM_IOCTL_SYNCOBJ_SIGNAL, "SIGNAL"), (DRM_IOCTL_SYNCOBJ_RESET, "RESET")]
    {
        ioctl(&file, request, &mut args);
        trace.expect(&format!(
            "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_{name}, {{handles=[1, 2], pad=0x1}}) \
             = -1 EINVAL (Invalid argument)"
        ));
    }
    wait_any(&file, &[one, 77], 0x10, 0);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_WAIT, {handles=[1, 77], timeout_nsec=0, flags=0x10}) \
         = -1 EINVAL (Invalid argument)",
    );
    let mut args =
        drm_syncobj_transfer { src_handle: one, dst_handle: two, dst_point: 5, ..zeroed() };
    ioctl(&file, DRM_IOCTL_SYNCOBJ_TRANSFER, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_TRANSFER, {src_handle=1, src_point=0, dst_handle=2, \
         dst_point=5, flags=0}) = -1 EINVAL (Invalid argument)",
    );
    ok(&file, DRM_IOCTL_SYNCOBJ_DESTROY, drm_syncobj_destroy { handle: two, pad: 0 });
    trace.expect("ioctl(renderD128, DRM_IOCTL_SYNCOBJ_DESTROY, {handle=2}) = 0");
    ioctl(&file, DRM_IOCTL_SYNCOBJ_DESTROY, &mut drm_syncobj_destroy { handle: two, pad: 0 });
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_DESTROY, {handle=2}) = -1 EINVAL (Invalid argument)",
    );
}

#[test]
fn descriptors() {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    // SAFETY: the ioctls gave them to this test alone.
    let own = |fd: i32| unsafe { OwnedFd::from_raw_fd(fd) };
    let device = device();
    let file = device.open();
    let trace = Recorder::of(&device);
    let handle = bo(&file, PAGE);
    trace.skip();
    let flags = DRM_CLOEXEC | DRM_RDWR;
    let fd = ok(&file, DRM_IOCTL_PRIME_HANDLE_TO_FD, drm_prime_handle { handle, flags, fd: 0 }).fd;
    trace.expect(&format!(
        "ioctl(renderD128, DRM_IOCTL_PRIME_HANDLE_TO_FD, {{handle=1, flags=RDWR|CLOEXEC}}) = 0 \
         => {{fd={fd}}}"
    ));
    ok(&file, DRM_IOCTL_PRIME_FD_TO_HANDLE, drm_prime_handle { handle: 0, flags: 0, fd });
    trace.expect(&format!(
        "ioctl(renderD128, DRM_IOCTL_PRIME_FD_TO_HANDLE, {{fd={fd}, flags=0}}) = 0 => {{handle=1}}"
    ));
    drop(own(fd));
    let mut args = drm_prime_handle { handle: 9, flags: 0, fd: -1 };
    ioctl(&file, DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PRIME_HANDLE_TO_FD, {handle=9, flags=0}) \
         = -1 ENOENT (No such file or directory)",
    );
    ioctl(&file, DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PRIME_FD_TO_HANDLE, {fd=-1, flags=0}) \
         = -1 EBADF (Bad file number)",
    );
    let handle = syncobj(&file);
    timeline_signal(&file, handle, 4);
    trace.skip();
    let flags =
        DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE | DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE;
    let mut args = drm_syncobj_handle { handle, flags, point: 4, ..zeroed() };
    args = ok(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args);
    let fd = args.fd;
    trace.expect(&format!(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, {{handle=1, \
         flags=EXPORT_SYNC_FILE|TIMELINE, point=4}}) = 0 => {{fd={fd}}}"
    ));
    ok(&file, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, args);
    trace.expect(&format!(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, {{fd={fd}, \
         flags=IMPORT_SYNC_FILE|TIMELINE, point=4, handle=1}}) = 0 => {{handle=1}}"
    ));
    drop(own(fd));
    (args.handle, args.fd, args.flags, args.pad, args.point) = (9, -1, 0, 2, 0);
    ioctl(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, {handle=9, flags=0, pad=0x2, point=0}) \
         = -1 EINVAL (Invalid argument)",
    );
    ioctl(&file, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, {fd=-1, flags=0, pad=0x2, point=0, \
         handle=9}) = -1 EINVAL (Invalid argument)",
    );
    let mut args = drm_syncobj_eventfd {
        handle,
        flags: DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE,
        point: 4,
        fd: -1,
        pad: 0,
    };
    ioctl(&file, DRM_IOCTL_SYNCOBJ_EVENTFD, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_EVENTFD, {handle=1, flags=WAIT_AVAILABLE, point=4, \
         fd=-1}) = -1 EBADF (Bad file number)",
    );
    // SAFETY: it touches no memory.
    let eventfd = own(unsafe { nix::libc::eventfd(0, nix::libc::EFD_CLOEXEC) });
    args.fd = eventfd.as_raw_fd();
    args = ok(&file, DRM_IOCTL_SYNCOBJ_EVENTFD, args);
    trace.expect(&format!(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_EVENTFD, {{handle=1, flags=WAIT_AVAILABLE, point=4, \
         fd={}}}) = 0",
        args.fd
    ));
    // Those of other descriptors are none of a node.
    let mut args = dma_buf_sync { flags: DMA_BUF_SYNC_RW | 8 };
    ioctl(&file, DMA_BUF_IOCTL_SYNC, &mut args);
    trace.expect(
        "ioctl(renderD128, DMA_BUF_IOCTL_SYNC, {flags=START|READ|WRITE|0x8}) \
         = -1 ENOTTY (Not a typewriter)",
    );
}
