//! The primary node, and the end of the device.

mod common;

use common::*;
use nix::libc::{EACCES, EBUSY, EFAULT, EINVAL, ENODEV, ENOENT, ENOSYS, ENOTTY, EOPNOTSUPP};
use panthor_fake::{Config, Device, File, Prot};
use panthor_sys::*;

fn administrated() -> Device {
    Device::new(Config::default().administrator(true)).unwrap()
}

fn magic(file: &File) -> u32 {
    ok(file, DRM_IOCTL_GET_MAGIC, drm_auth { magic: 77 }).magic
}

fn authenticate(master: &File, magic: u32) -> i32 {
    ioctl(master, DRM_IOCTL_AUTH_MAGIC, &mut drm_auth { magic })
}

fn flink(file: &File, handle: u32) -> Result<u32, i32> {
    let mut args = drm_gem_flink { handle, name: 0 };
    match ioctl(file, DRM_IOCTL_GEM_FLINK, &mut args) {
        0 => Ok(args.name),
        error => Err(-error),
    }
}

fn open_name(file: &File, name: u32) -> Result<(u32, u64), i32> {
    let mut args = drm_gem_open { name, handle: 0, size: 0 };
    match ioctl(file, DRM_IOCTL_GEM_OPEN, &mut args) {
        0 => Ok((args.handle, args.size)),
        error => Err(-error),
    }
}

fn set_master(file: &File) -> i32 {
    ioctl(file, DRM_IOCTL_SET_MASTER, &mut 0_u64)
}

fn drop_master(file: &File) -> i32 {
    ioctl(file, DRM_IOCTL_DROP_MASTER, &mut 0_u64)
}

/// Returns whether `DRM_IOCTL_GET_CLIENT` reports the file as authenticated.
fn is_authenticated(file: &File) -> bool {
    let mut client = [0_u64; 5];
    assert_eq!(ioctl(file, 0xc028_6405, &mut client), 0);
    assert_eq!(client[1], nix::unistd::gettid().as_raw() as u64);
    client[0] >> 32 == 1
}

/// Returns the answer to a request number with an argument of zeros, as in the calls on the real
/// driver.
fn answer(file: &File, nr: u8) -> i32 {
    ioctl(file, 0xc0f8_6400 | u32::from(nr), &mut [0_u64; 31])
}

#[test]
fn the_driver_works_on_the_primary_node() {
    let device = device();
    let (master, other) = (device.open_primary(), device.open_primary());
    let (vm, a) = (vm(&other), bo(&other, PAGE));
    map(&other, vm, a, 0, GIB, PAGE);
    assert_eq!(bo(&master, PAGE), 1);
    drop((master, other));
    device.assert_released();
}

#[test]
fn the_master_introduces_others() {
    let device = device();
    let (master, other, third) =
        (device.open_primary(), device.open_primary(), device.open_primary());
    assert!(is_authenticated(&master) && !is_authenticated(&other));
    assert_eq!((magic(&master), magic(&other), magic(&other), magic(&third)), (1, 2, 2, 3));
    assert_eq!(authenticate(&other, 2), -EACCES);
    assert_eq!((authenticate(&master, 99), authenticate(&master, 0)), (-EINVAL, -EINVAL));
    assert_eq!((authenticate(&master, 2), authenticate(&master, 2)), (0, -EINVAL));
    assert!(is_authenticated(&other) && !is_authenticated(&third));
    // The number of a file that is closed goes to another.
    drop(third);
    assert_eq!(magic(&device.open_primary()), 3);
}

#[test]
fn one_is_master_at_a_time() {
    let device = device();
    let (first, second) = (device.open_primary(), device.open_primary());
    assert_eq!(
        (set_master(&first), set_master(&second), drop_master(&second)),
        (0, -EACCES, -EACCES)
    );
    assert_eq!((drop_master(&first), drop_master(&first)), (0, -EINVAL));
    assert_eq!(authenticate(&first, 1), -EACCES);
    // A former master may become master again.
    assert_eq!((set_master(&second), set_master(&first)), (-EACCES, 0));
    drop(first);
    // The next to open is it when there is none.
    let third = device.open_primary();
    assert_eq!((set_master(&third), is_authenticated(&third)), (0, true));
}

#[test]
fn an_administrator_may_be_master() {
    let device = administrated();
    let (first, second) = (device.open_primary(), device.open_primary());
    assert!(is_authenticated(&second));
    assert_eq!((set_master(&second), drop_master(&second)), (-EBUSY, -EINVAL));
    assert_eq!((drop_master(&first), set_master(&second), set_master(&first)), (0, 0, -EBUSY));
    assert_eq!((drop_master(&second), set_master(&first), set_master(&first)), (0, 0, 0));
}

#[test]
fn capabilities_are_those_of_the_call() {
    let device = administrated();
    let (first, second) = (device.open_primary(), device.open_primary());
    device.set_administrator(false);
    assert_eq!((set_master(&second), drop_master(&second)), (-EACCES, -EACCES));
    // That was found out when it was opened.
    let third = device.open_primary();
    assert_eq!((is_authenticated(&second), is_authenticated(&third)), (true, false));
    assert_eq!((drop_master(&first), set_master(&third)), (0, -EACCES));
    device.set_administrator(true);
    assert_eq!((set_master(&third), is_authenticated(&third)), (0, true));
}

#[test]
fn the_master_may_have_high_priorities() {
    let device = device();
    let file = device.open_primary();
    let vm = vm(&file);
    let queues = [queue_args(4096)];
    let high = drm_panthor_group_create {
        priority: PANTHOR_GROUP_PRIORITY_HIGH,
        ..group_args(vm, &queues)
    };
    let allowed = || {
        let mut info = zeroed::<drm_panthor_group_priorities_info>();
        assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO, &mut info), 0);
        info.allowed_mask
    };
    assert_eq!((try_group(&file, high), allowed()), (Ok(1), 0xf));
    assert_eq!(drop_master(&file), 0);
    assert_eq!((try_group(&file, high), allowed()), (Err(EACCES), 0x3));
}

#[test]
fn objects_have_names() {
    let device = device();
    let (master, other) = (device.open_primary(), device.open_primary());
    let (a, b) = (bo(&master, PAGE), bo(&master, 8192));
    assert_eq!((flink(&master, a), flink(&master, b), flink(&master, a)), (Ok(1), Ok(2), Ok(1)));
    assert_eq!(flink(&master, 99), Err(ENOENT));
    // Only for those whom the master knows.
    assert_eq!((flink(&other, 1), open_name(&other, 1)), (Err(EACCES), Err(EACCES)));
    assert_eq!(authenticate(&master, magic(&other)), 0);
    assert_eq!((open_name(&other, 2), open_name(&other, 2)), (Ok((1, 8192)), Ok((2, 8192))));
    assert_eq!((open_name(&other, 3), flink(&other, 2)), (Err(ENOENT), Ok(2)));
    // The object can be mapped until the last of its handles is closed, and so long has its name.
    let offset = mmap_offset(&other, 1);
    close(&other, 1);
    assert!(other.mmap(8192, Prot::READ, offset).is_ok());
    close(&other, 2);
    assert_eq!(mmap_error(&other, 8192, Prot::READ, offset).unwrap(), EACCES);
    close(&master, b);
    assert_eq!((open_name(&other, 2), device.leaks().bos), (Err(ENOENT), 1));
    assert_eq!(flink(&master, bo(&master, PAGE)), Ok(2));
    // A render node has no names.
    assert_eq!(flink(&device.open(), 1), Err(EACCES));
    drop((master, other));
    device.assert_released();
}

#[test]
fn the_name_on_the_bus_is_told_once_a_version_was_chosen() {
    let device = device();
    let (master, other) = (device.open_primary(), device.open_primary());
    let unique = |file: &File, room: usize| {
        let mut text = [b'z'; 16];
        let mut args = drm_unique { unique_len: room, unique: text.as_mut_ptr().cast() };
        assert_eq!(ioctl(file, DRM_IOCTL_GET_UNIQUE, &mut args), 0);
        (args.unique_len, text)
    };
    assert_eq!(unique(&master, 16), (0, [b'z'; 16]));
    let version = |file: &File, di: (i32, i32), dd: (i32, i32)| {
        let mut args = drm_set_version {
            drm_di_major: di.0,
            drm_di_minor: di.1,
            drm_dd_major: dd.0,
            drm_dd_minor: dd.1,
        };
        let result = ioctl(file, DRM_IOCTL_SET_VERSION, &mut args);
        (result, (args.drm_di_major, args.drm_di_minor, args.drm_dd_major, args.drm_dd_minor))
    };
    let known = (1, 4, 1, 9);
    assert_eq!(version(&master, (-1, -1), (-1, -1)), (0, known));
    assert_eq!(version(&master, (1, 5), (-1, 0)), (-EINVAL, known));
    assert_eq!(version(&master, (2, 0), (-1, 0)), (-EINVAL, known));
    assert_eq!(version(&master, (-1, 0), (1, 10)), (-EINVAL, known));
    assert_eq!(version(&other, (1, 1), (-1, -1)).0, -EACCES);
    assert_eq!(unique(&master, 16).0, 0);
    assert_eq!(version(&master, (1, 1), (1, 9)), (0, known));
    assert_eq!(unique(&other, 11), (12, [b'z'; 16]));
    let (length, text) = unique(&other, 12);
    assert_eq!((length, &text[..12], text[12]), (12, &b"fb000000.gpu"[..], b'z'));
    let mut nowhere = drm_unique { unique_len: 12, unique: std::ptr::without_provenance_mut(8) };
    assert_eq!(ioctl(&master, DRM_IOCTL_GET_UNIQUE, &mut nowhere), -EFAULT);
}

/// Numbers with the real driver's answers: to the master, and to another client; both as
/// administrators.
const ANSWERS: [(&[u8], i32, i32); 11] = [
    (&[0x01, 0x02, 0x05, 0x06, 0x2c], 0, 0),
    (
        &[0x03, 0x04, 0x08, 0x0e, 0x14, 0x1d, 0x20, 0x26, 0x29, 0x2f, 0x39, 0x3d, 0x3e],
        -EINVAL,
        -EINVAL,
    ),
    (&[0x07, 0x10, 0x11], -EINVAL, -EACCES),
    (&[0x0a, 0x0b, 0xcc], -ENOENT, -ENOENT),
    (&[0x0d, 0x3a, 0x3b, 0x3c, 0xa0, 0xa1, 0xa4, 0xa6, 0xa7, 0xaa], -EOPNOTSUPP, -EOPNOTSUPP),
    (&[0xac, 0xaf, 0xb5, 0xb6, 0xb8, 0xb9, 0xbd, 0xbe, 0xd0], -EOPNOTSUPP, -EOPNOTSUPP),
    (&[0x12, 0x13, 0x27, 0x28, 0x3f, 0xa8, 0xa9], 0, -EACCES),
    (&[0xa2, 0xa3, 0xa5, 0xab, 0xb0, 0xb1, 0xb7, 0xba, 0xbb, 0xbc], -EOPNOTSUPP, -EACCES),
    (&[0xc6, 0xc7, 0xc8, 0xc9], -EOPNOTSUPP, -EACCES),
    (&[0xb2, 0xb3, 0xb4], -ENOSYS, -ENOSYS),
    (&[0xc0, 0xc1, 0xc2, 0xc4, 0xc5, 0xcb, 0xcd, 0xce, 0xd2, 0xd3, 0xff], -EINVAL, -EINVAL),
];

#[test]
fn what_a_driver_without_displays_answers() {
    let device = administrated();
    let (master, other) = (device.open_primary(), device.open_primary());
    for (numbers, to_master, to_other) in ANSWERS {
        for &nr in numbers {
            assert_eq!((answer(&master, nr), answer(&other, nr)), (to_master, to_other), "{nr:#x}");
        }
    }
    for capability in 0..9 {
        let mut args = drm_set_client_cap { capability, value: 1 };
        assert_eq!(ioctl(&master, DRM_IOCTL_SET_CLIENT_CAP, &mut args), -EOPNOTSUPP);
    }
    assert_eq!(ioctl(&other, 0xc028_6405, &mut [1_u64; 5]), -EINVAL);
    let mut stats = [7_u64; 31];
    assert_eq!(ioctl(&other, 0x80f8_6406, &mut stats), 0);
    assert_eq!(stats, [0; 31]);
    // What a dumb buffer would have returned is cleared by newer kernels.
    for (minor, cleared) in [(0, false), (8, true), (9, true)] {
        let file = version(minor).open_primary();
        let (mut create, mut map) = ([1_u64; 4], [1_u64; 2]);
        assert_eq!(ioctl(&file, 0xc020_64b2, &mut create), -ENOSYS);
        assert_eq!(ioctl(&file, 0xc010_64b3, &mut map), -ENOSYS);
        let expected = if cleared { ([1, 1, 0, 0], [1, 0]) } else { ([1; 4], [1; 2]) };
        assert_eq!((create, map), expected, "1.{minor}");
    }
    // A file that is neither gets no access to the legacy requests.
    let stranger = version(9);
    let (_master, stranger) = (stranger.open_primary(), stranger.open_primary());
    for nr in [0x0a, 0x0b, 0x10, 0x12, 0x13, 0x27, 0x28, 0x2c, 0x3f] {
        assert_eq!(answer(&stranger, nr), -EACCES, "{nr:#x}");
    }
}

#[test]
fn after_an_unplug_nothing_answers() {
    let device = device();
    let (file, primary) = (device.open(), device.open_primary());
    let (vm, a, done) = (vm(&file), bo(&file, PAGE), syncobj(&file));
    let group = group(&file, vm, 1);
    file.group(group).unwrap().hold();
    assert_eq!(submit(&file, group, &[stream(0, &[signal_sync(done, 0)])]), 0);
    let offset = mmap_offset(&file, a);
    let cpu = file.mmap(PAGE as usize, Prot::READ, offset).unwrap();
    let waiter = {
        let file = file.clone();
        std::thread::spawn(move || wait_any(&file, &[done], 0, i64::MAX))
    };
    // Whether it waits by then or not, it comes back.
    std::thread::sleep(std::time::Duration::from_millis(20));
    device.unplug();
    assert!(matches!(waiter.join().unwrap().0, 0 | -19));
    let late = device.open();
    for file in [&file, &primary, &late] {
        for request in [
            DRM_IOCTL_VERSION,
            DRM_IOCTL_GEM_CLOSE,
            DRM_IOCTL_PANTHOR_DEV_QUERY,
            DRM_IOCTL_PANTHOR_GROUP_SUBMIT,
            DRM_IOCTL_SYNCOBJ_CREATE,
            0xc0f8_64ff,
        ] {
            assert_eq!(ioctl(file, request, &mut [0_u64; 31]), -ENODEV, "{request:#x}");
        }
        assert_eq!(mmap_error(file, PAGE as usize, Prot::READ, offset).unwrap(), ENODEV);
        // Before anything of the request is looked at.
        assert_eq!(ioctl_at(file, 0, 0), -ENODEV);
    }
    // SAFETY: what was mapped stays so, for reading.
    assert_eq!(unsafe { cpu.as_ptr().read_volatile() }, 0);
    assert_eq!(device.leaks().pending_jobs, 0);
    drop((cpu, file, primary, late));
    device.assert_released();
    assert_eq!(ioctl_at(&version(9).open(), 0, 0), -ENOTTY);
}

#[test]
fn a_bo_that_is_opened_by_name_just_before_its_last_handle_goes_keeps_the_name() {
    let device = administrated();
    let (file, other) = (device.open_primary(), device.open_primary());
    for _ in 0..2000 {
        let handle = bo(&file, 4096);
        let name = flink(&file, handle).unwrap();
        let both = std::sync::Barrier::new(2);
        let opened = std::thread::scope(|scope| {
            let opens = scope.spawn(|| {
                both.wait();
                open_name(&other, name)
            });
            both.wait();
            close(&file, handle);
            opens.join().unwrap()
        });
        match opened {
            Ok((handle, _)) => {
                // FLINK would not tell: it would give the same number anew.
                let (again, _) =
                    open_name(&other, name).expect("the name of a BO that has a handle");
                close(&other, handle);
                close(&other, again);
            }
            Err(errno) => assert_eq!(errno, ENOENT),
        }
        assert_eq!(open_name(&other, name), Err(ENOENT));
    }
}
