//! Real descriptors: what a thread sees that a loopback serves.

#![cfg(feature = "loopback")]

mod loopback_client;

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use loopback_client::*;
use nix::libc;
use panthor_fake::loopback::Loopback;
use panthor_fake::{Config, Device};
use panthor_sys::*;

/// Runs a test with a device, which must have nothing left afterwards.
fn with_config(config: Config, test: impl FnOnce(&Device) + Send) {
    let device = Device::new(config).unwrap();
    let loopback = Loopback::new(&device).unwrap();
    let inner = device.clone();
    loopback.run(move || test(&inner)).unwrap();
    loopback.finish();
    device.assert_released();
}

fn with_device(test: impl FnOnce(&Device) + Send) {
    with_config(Config::default(), test);
}

#[test]
fn a_node_is_a_character_device_by_every_way_to_look() {
    with_device(|_| {
        for (path, minor) in [(RENDER, 128), (CARD, 0)] {
            let file = open(path);
            let (by_fd, by_path) = (file.metadata().unwrap(), fs::metadata(path).unwrap());
            let through_proc = format!("/proc/self/fd/{}", file.as_raw_fd());
            let by_proc = fs::metadata(&through_proc).unwrap();
            for metadata in [&by_fd, &by_path, &by_proc] {
                assert!(metadata.file_type().is_char_device(), "{path}");
                assert_eq!(metadata.rdev(), libc::makedev(226, minor), "{path}");
                assert_eq!((metadata.dev(), metadata.ino()), (by_fd.dev(), by_fd.ino()), "{path}");
            }
            assert_eq!(fs::read_link(&through_proc).unwrap().to_str(), Some(path));
            assert_eq!(version(&file), ("panthor".into(), (1, 9)));
        }
        // What is no node is what it was.
        let null = File::open("/dev/null").unwrap();
        assert_eq!(null.metadata().unwrap().rdev(), libc::makedev(1, 3));
        assert_eq!(ioctl(&null, DRM_IOCTL_GEM_CLOSE, &mut gem_close(1)), -libc::ENOTTY);
    });
}

#[test]
fn the_directory_and_sysfs_are_those_of_a_board() {
    with_device(|_| {
        let mut names: Vec<_> = fs::read_dir("/dev/dri")
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["by-path", "card0", "renderD128"]);
        let device = "/sys/dev/char/226:128/device";
        assert_eq!(fs::read_to_string(format!("{device}/drm/card0/dev")).unwrap(), "226:0\n");
        let subsystem = fs::read_link(format!("{device}/subsystem")).unwrap();
        assert_eq!(subsystem.file_name().unwrap(), "platform");
        let uevent = fs::read_to_string(format!("{device}/uevent")).unwrap();
        assert!(uevent.contains("DRIVER=panthor\n"), "{uevent}");
        let real = fs::canonicalize("/sys/class/drm/renderD128").unwrap();
        assert_eq!(real.to_str(), Some("/sys/devices/platform/fb000000.gpu/drm/renderD128"),);
        let by_path = "/dev/dri/by-path/platform-fb000000.gpu-render";
        assert_eq!(fs::metadata(by_path).unwrap().rdev(), libc::makedev(226, 128));
        assert_eq!(version(&open(by_path)).0, "panthor");
        let missing = fs::metadata("/dev/dri/renderD129").unwrap_err();
        assert_eq!(missing.raw_os_error(), Some(libc::ENOENT));
    });
}

#[test]
fn imitation_of_a_node_is_no_node() {
    with_device(|_| {
        let node = open(RENDER);
        let own = imitate(&node);
        check_is_no_node(&own);
        // In the place of a node that the server has just seen.
        assert_eq!(version(&node).0, "panthor");
        // SAFETY: both descriptors are this test's.
        assert!(unsafe { libc::dup2(own.as_raw_fd(), node.as_raw_fd()) } >= 0);
        check_is_no_node(&node);
    });
}

#[test]
fn above_the_tree_is_nothing_of_the_host() {
    with_device(|_| {
        let above = File::open("/dev/dri/..").unwrap();
        let host = fs::metadata("/dev").unwrap();
        assert_ne!(
            (above.metadata().unwrap().dev(), above.metadata().unwrap().ino()),
            (host.dev(), host.ino())
        );
        let names = fs::read_dir("/dev/dri/..").unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["dri"]);
    });
}

#[test]
fn opens_that_a_node_refuses() {
    with_device(|_| {
        let errno =
            |options: &OpenOptions, path: &str| options.open(path).unwrap_err().raw_os_error();
        let mut directory = OpenOptions::new();
        directory.read(true).custom_flags(libc::O_DIRECTORY);
        assert_eq!(errno(&directory, RENDER), Some(libc::ENOTDIR));
        let mut new = OpenOptions::new();
        new.write(true).create_new(true);
        assert_eq!(errno(&new, RENDER), Some(libc::EEXIST));
        assert_eq!(errno(&new, "/dev/dri/card7"), Some(libc::EACCES));
        let mut write = OpenOptions::new();
        write.write(true);
        assert_eq!(errno(&write, "/sys/class/drm/version"), Some(libc::EACCES));
        let mut link = OpenOptions::new();
        link.read(true).custom_flags(libc::O_NOFOLLOW);
        assert_eq!(errno(&link, "/dev/dri/by-path/platform-fb000000.gpu-card"), Some(libc::ELOOP),);
    });
}

#[test]
fn a_place_of_a_node_is_no_open_node() {
    with_device(|device| {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_PATH);
        let place = options.open(RENDER).unwrap();
        assert_eq!(place.metadata().unwrap().rdev(), libc::makedev(226, 128));
        assert_eq!(device.leaks().files, 0);
        assert_eq!(ioctl(&place, DRM_IOCTL_GEM_CLOSE, &mut gem_close(1)), -libc::EBADF);
        // It is the way to one.
        let node = open(&format!("/proc/self/fd/{}", place.as_raw_fd()));
        assert_eq!(version(&node).0, "panthor");
        assert_eq!(device.leaks().files, 1);
    });
}

#[test]
fn duplicates_share_handles_and_opens_do_not() {
    with_device(|device| {
        let file = open(RENDER);
        let bo = create_bo(&file, 4096);
        let duplicate = file.try_clone().unwrap();
        let anew = open(&format!("/proc/self/fd/{}", file.as_raw_fd()));
        drop(file);
        assert_eq!(device.leaks().files, 2);
        assert_eq!(ioctl(&anew, DRM_IOCTL_GEM_CLOSE, &mut gem_close(bo)), -libc::EINVAL);
        assert_eq!(ioctl(&duplicate, DRM_IOCTL_GEM_CLOSE, &mut gem_close(bo)), 0);
    });
}

#[test]
fn a_file_ends_with_its_last_descriptor_and_its_last_mapping() {
    with_device(|device| {
        let file = open(RENDER);
        let bo = create_bo(&file, 8192);
        let map = Map::new(&file, 8192, libc::PROT_READ | libc::PROT_WRITE, mmap_offset(&file, bo));
        let map = map.unwrap();
        drop(file);
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!((device.leaks().files, device.leaks().bos), (1, 1));
        drop(map);
        let deadline = Instant::now() + Duration::from_secs(5);
        while device.leaks().files != 0 {
            assert!(Instant::now() < deadline, "the file is still open");
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

#[test]
fn what_a_program_has_closed_or_unmapped_is_gone_for_its_next_call() {
    with_device(|device| {
        let (watching, rw) = (open(RENDER), libc::PROT_READ | libc::PROT_WRITE);
        for round in 0..100 {
            let file = open(RENDER);
            let bo = create_bo(&file, 4096);
            let (offset, map) =
                (mmap_offset(&file, bo), |file: &File, offset| Map::new(file, 4096, rw, offset));
            let kept = map(&file, offset).unwrap();
            assert_eq!(ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut gem_close(bo)), 0);
            assert_eq!(map(&file, offset).map(drop), Err(libc::EACCES), "round {round}");
            drop(kept);
            assert_eq!(map(&file, offset).map(drop), Err(libc::EINVAL), "round {round}");
            create_bo(&file, 4096);
            drop(file);
            // Any call will do.
            version(&watching);
            assert_eq!((device.leaks().files, device.leaks().bos), (1, 0), "round {round}");
        }
    });
}

#[test]
fn the_gpu_and_the_cpu_see_the_same_memory() {
    let device = Device::new(Config::default()).unwrap();
    let loopback = Loopback::new(&device).unwrap();
    let file = device.open();
    // A VM of the fake's own file, with a BO that a program shares by a dma-buf.
    loopback
        .run(|| {
            let node = open(RENDER);
            let bo = create_bo(&node, 8192);
            let rw = libc::PROT_READ | libc::PROT_WRITE;
            let map = Map::new(&node, 8192, rw, mmap_offset(&node, bo)).unwrap();
            map.write(4096, 0x5a);
            let shared = export(&node, bo);
            // In the process of the fake the number means the same.
            let mut import = drm_prime_handle { handle: 0, flags: 0, fd: shared.as_raw_fd() };
            // SAFETY: the argument is ours.
            let result =
                unsafe { file.ioctl(DRM_IOCTL_PRIME_FD_TO_HANDLE, (&raw mut import).cast()) };
            assert_eq!(result, 0);
            let mut offset =
                drm_panthor_bo_mmap_offset { handle: import.handle, pad: 0, offset: 0 };
            // SAFETY: as above.
            let result =
                unsafe { file.ioctl(DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, (&raw mut offset).cast()) };
            assert_eq!(result, 0);
            let view = file.mmap(8192, panthor_fake::Prot::READ, offset.offset).unwrap();
            // SAFETY: it is mapped for reading, so far.
            assert_eq!(unsafe { view.as_ptr().wrapping_add(4096).read_volatile() }, 0x5a);
        })
        .unwrap();
    loopback.finish();
    drop(file);
    device.assert_released();
}

#[test]
fn maps_are_refused_as_the_driver_does() {
    with_device(|_| {
        let file = open(RENDER);
        let bo = create_bo(&file, 8192);
        let offset = mmap_offset(&file, bo);
        assert_ne!(offset as u32, 0, "some clients take that for none");
        let map = |file: &File, len, prot, offset| Map::new(file, len, prot, offset).map(drop);
        assert_eq!(map(&file, 8192, libc::PROT_READ, offset), Ok(()));
        assert_eq!(map(&file, 4096, libc::PROT_READ, offset), Ok(()));
        assert_eq!(map(&file, 12288, libc::PROT_READ, offset), Err(libc::EINVAL));
        assert_eq!(map(&file, 4096, libc::PROT_READ, offset + 4096), Err(libc::EINVAL));
        assert_eq!(map(&file, 4096, libc::PROT_READ, 0), Err(libc::EINVAL));
        // Another file has no handle of it.
        assert_eq!(map(&open(RENDER), 8192, libc::PROT_READ, offset), Err(libc::EACCES));
        let private = Map::with_flags(&file, 8192, libc::PROT_READ, libc::MAP_PRIVATE, offset);
        assert_eq!(private.map(drop), Err(libc::EINVAL));
        // Maps of other files are none of this.
        let other = File::open("/proc/self/exe").unwrap();
        assert_eq!(map(&other, 4096, libc::PROT_READ, 0), Ok(()));
    });
}

#[test]
fn maps_are_placed_and_replaced() {
    with_device(|device| {
        let rw = libc::PROT_READ | libc::PROT_WRITE;
        let (watching, file) = (open(RENDER), open(RENDER));
        let (large, small) = (create_bo(&file, 12288), create_bo(&file, 4096));
        let (at_large, at_small) = (mmap_offset(&file, large), mmap_offset(&file, small));
        let address = Map::new(&file, 12288, rw, at_large).unwrap().reserve().unwrap();
        let middle = address.wrapping_add(4096);
        // SAFETY: that is reserved, for this test alone, here and below.
        let map = unsafe { Map::placed(middle, &file, 4096, rw, at_small) }.unwrap();
        map.write(5, 0x5a);
        assert_eq!(Map::new(&file, 4096, libc::PROT_READ, at_small).unwrap().read(5), 0x5a);
        // SAFETY: as above.
        let refused = unsafe { Map::placed(middle, &file, 8192, rw, at_small) };
        assert_eq!(refused.map(drop), Err(libc::EINVAL));
        assert_eq!(map.read(5), 0x5a);
        // One in place of another, which is gone with that.
        assert_eq!(map.reserve().unwrap(), middle);
        // SAFETY: as above.
        let map = unsafe { Map::placed(address, &file, 12288, rw, at_large) }.unwrap();
        map.write(4096 + 5, 0x33);
        for bo in [large, small] {
            assert_eq!(ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut gem_close(bo)), 0);
        }
        // What is mapped stays, whatever is allocated.
        create_bo(&file, 12288);
        assert_eq!(map.read(4096 + 5), 0x33);
        map.reserve().unwrap();
        drop(file);
        version(&watching);
        assert_eq!((device.leaks().files, device.leaks().bos), (1, 0));
    });
}

#[test]
fn the_descriptor_of_a_dma_buf_cannot_be_mapped() {
    with_device(|_| {
        let file = open(RENDER);
        let dma_buf = export(&file, create_bo(&file, 4096));
        let map = Map::new(&dma_buf, 4096, libc::PROT_READ, 0);
        assert_eq!(map.map(drop), Err(libc::ENODEV));
    });
}

#[test]
fn the_flush_id_is_where_the_header_says() {
    with_device(|_| {
        let file = open(RENDER);
        let read = |offset| Map::new(&file, 4096, libc::PROT_READ, offset).map(|map| map.read(0));
        assert_eq!(read(DRM_PANTHOR_USER_MMIO_OFFSET_64BIT), Ok(1));
        assert_eq!(read(DRM_PANTHOR_USER_MMIO_OFFSET_32BIT), Err(libc::EINVAL));
        let mut set =
            drm_panthor_set_user_mmio_offset { offset: DRM_PANTHOR_USER_MMIO_OFFSET_32BIT };
        assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET, &mut set), 0);
        assert_eq!(read(DRM_PANTHOR_USER_MMIO_OFFSET_32BIT), Ok(1));
        let writable = libc::PROT_READ | libc::PROT_WRITE;
        let written = Map::new(&file, 4096, writable, DRM_PANTHOR_USER_MMIO_OFFSET_32BIT);
        assert_eq!(written.map(drop), Err(libc::EINVAL));
    });
}

#[test]
fn a_mapping_keeps_what_it_shows_when_the_handle_is_closed() {
    with_device(|_| {
        let file = open(RENDER);
        let rw = libc::PROT_READ | libc::PROT_WRITE;
        let bo = create_bo(&file, 4096);
        let map = Map::new(&file, 4096, rw, mmap_offset(&file, bo)).unwrap();
        map.write(0, 0x77);
        assert_eq!(ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut gem_close(bo)), 0);
        // Enough rounds to reuse the memory of closed BOs, and of the mapped BO too if the mapping
        // did not keep it.
        for _ in 0..40 {
            let other = create_bo(&file, 8 << 20);
            let other_map = Map::new(&file, 8 << 20, rw, mmap_offset(&file, other)).unwrap();
            other_map.write(0, 1);
            drop(other_map);
            assert_eq!(ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut gem_close(other)), 0);
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(map.read(0), 0x77);
    });
}

#[test]
fn the_last_node_of_one_loopback_leaves_alone_what_is_mapped_by_way_of_another() {
    let device = Device::new(Config::default()).unwrap();
    let [first, second] = [(); 2].map(|()| Loopback::new(&device).unwrap());
    let (mapped, is_mapped) = mpsc::channel();
    let (closed, is_closed) = mpsc::channel::<()>();
    let keep = move || {
        let file = open(RENDER);
        let bo = create_bo(&file, 4096);
        let rw = libc::PROT_READ | libc::PROT_WRITE;
        let map = Map::new(&file, 4096, rw, mmap_offset(&file, bo)).unwrap();
        map.write(0, 0x77);
        assert_eq!(ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut gem_close(bo)), 0);
        // What was permitted to be mapped has been for long.
        std::thread::sleep(Duration::from_millis(50));
        mapped.send(()).unwrap();
        is_closed.recv().unwrap();
        assert_eq!(map.read(0), 0x77);
    };
    std::thread::scope(|scope| {
        let keeper = scope.spawn(|| first.run(keep).unwrap());
        is_mapped.recv().unwrap();
        second.run(|| drop(open(RENDER))).unwrap();
        second.finish();
        closed.send(()).unwrap();
        keeper.join().unwrap();
    });
    first.finish();
    device.assert_released();
}

#[test]
fn a_program_can_do_no_harm_to_what_its_descriptor_is() {
    with_device(|_| {
        let mut file = open(RENDER);
        let bo = create_bo(&file, 4096);
        assert_eq!(file.set_len(0).unwrap_err().raw_os_error(), Some(libc::EPERM));
        // It is still known when its position has moved.
        file.seek(SeekFrom::Start(12345)).unwrap();
        assert_eq!(version(&file).0, "panthor");
        let other = open(RENDER);
        let place = other.try_clone().unwrap().stream_position().unwrap();
        file.seek(SeekFrom::Start(place)).unwrap();
        // Not even with that of another.
        assert_eq!(ioctl(&other, DRM_IOCTL_GEM_CLOSE, &mut gem_close(bo)), -libc::EINVAL);
        assert_eq!(ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut gem_close(bo)), 0);
    });
}

#[test]
fn a_node_for_reading_only_answers_as_well() {
    with_device(|device| {
        let file = File::open(RENDER).unwrap();
        assert_eq!(version(&file).0, "panthor");
        create_bo(&file, 4096);
        assert_eq!(device.leaks().files, 1);
        let write_only = OpenOptions::new().write(true).open(RENDER).unwrap();
        assert_eq!(version(&write_only).0, "panthor");
    });
}

#[test]
fn bad_pointers_are_faults() {
    with_device(|_| {
        let file = open(RENDER);
        for at in [8_usize, 0xffff_8000_0000_0000, usize::MAX - 3] {
            // SAFETY: nothing is there, so nothing can be broken.
            let result = unsafe {
                libc::ioctl(file.as_raw_fd(), DRM_IOCTL_PANTHOR_VM_CREATE as libc::Ioctl, at)
            };
            let errno = std::io::Error::last_os_error().raw_os_error();
            assert_eq!((result, errno), (-1, Some(libc::EFAULT)), "{at:#x}");
        }
        let mut query = drm_panthor_dev_query {
            type_: DRM_PANTHOR_DEV_QUERY_GPU_INFO,
            size: size_of::<drm_panthor_gpu_info>() as u32,
            pointer: 8,
        };
        assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_DEV_QUERY, &mut query), -libc::EFAULT);
        // SAFETY: as above.
        let result = unsafe { libc::open(8 as *const _, 0) };
        let errno = std::io::Error::last_os_error().raw_os_error();
        assert_eq!((result, errno), (-1, Some(libc::EFAULT)));
    });
}

#[test]
fn descriptors_go_through_ioctls_both_ways() {
    with_device(|device| {
        let (file, other) = (open(RENDER), open(RENDER));
        let bo = create_bo(&file, 4096);
        let dma_buf = export(&file, bo);
        let mut import = drm_prime_handle { handle: 0, flags: 0, fd: dma_buf.as_raw_fd() };
        assert_eq!(ioctl(&other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut import), 0);
        assert_eq!(mmap_offset(&other, import.handle), mmap_offset(&file, bo));
        let mut bad = drm_prime_handle { handle: 0, flags: 0, fd: 9999 };
        assert_eq!(ioctl(&other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut bad), -libc::EBADF);

        let syncobj = create_syncobj(&file, 0);
        let mut out = drm_syncobj_handle { handle: syncobj, flags: 0, fd: -1, pad: 0, point: 0 };
        assert_eq!(ioctl(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &mut out), 0);
        // SAFETY: the ioctl made it.
        let shared = unsafe { OwnedFd::from_raw_fd(out.fd) };
        // SAFETY: it takes numbers only.
        let flags = unsafe { libc::fcntl(out.fd, libc::F_GETFD) };
        assert_eq!(flags, libc::FD_CLOEXEC);
        let mut back = drm_syncobj_handle { handle: 0, fd: shared.as_raw_fd(), ..out };
        assert_eq!(ioctl(&other, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &mut back), 0);
        signal(&other, back.handle);
        assert_eq!(wait(&file, syncobj, 0), 0);
        // They count for as long as the program has them.
        let open = || (device.leaks().dma_bufs, device.leaks().syncobj_fds);
        assert_eq!(open(), (1, 1));
        drop(dma_buf);
        assert_eq!(open(), (0, 1));
        drop(shared);
        assert_eq!(open(), (0, 0));
    });
}

#[test]
fn descriptors_are_made_in_the_process_while_others_call() {
    with_device(|device| {
        let camera = device.foreign_dma_buf(4096).unwrap();
        // What the fake opens on a thread that is served waits for the supervisor, too.
        let in_process = || {
            let file = device.open();
            let call = |request, arg: *mut libc::c_void| {
                // SAFETY: the arguments are those of the requests below, and have no pointers.
                assert_eq!(unsafe { file.ioctl(request, arg) }, 0, "{request:#x}");
            };
            let mut bo = drm_panthor_bo_create { size: 4096, ..Default::default() };
            call(DRM_IOCTL_PANTHOR_BO_CREATE, (&raw mut bo).cast());
            let mut syncobj = drm_syncobj_create::default();
            call(DRM_IOCTL_SYNCOBJ_CREATE, (&raw mut syncobj).cast());
            for _ in 0..200 {
                drop(device.foreign_dma_buf(4096).unwrap());
                let mut of_bo = drm_prime_handle { handle: bo.handle, ..Default::default() };
                call(DRM_IOCTL_PRIME_HANDLE_TO_FD, (&raw mut of_bo).cast());
                let handle = syncobj.handle;
                let mut of_syncobj = drm_syncobj_handle { handle, ..Default::default() };
                call(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, (&raw mut of_syncobj).cast());
                for fd in [of_bo.fd, of_syncobj.fd] {
                    // SAFETY: the descriptor is new and has no other owner.
                    drop(unsafe { OwnedFd::from_raw_fd(fd) });
                }
            }
        };
        std::thread::scope(|scope| {
            let maker = scope.spawn(in_process);
            while !maker.is_finished() {
                let mut access = dma_buf_sync { flags: DMA_BUF_SYNC_READ };
                assert_eq!(ioctl(&camera, DMA_BUF_IOCTL_SYNC, &mut access), 0);
            }
            maker.join().unwrap();
        });
    });
}

#[test]
fn an_eventfd_of_the_program_is_signalled() {
    with_device(|_| {
        let file = open(RENDER);
        let syncobj = create_syncobj(&file, 0);
        // SAFETY: it takes numbers only.
        let raw = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK) };
        // SAFETY: it was made a moment ago.
        let event = File::from(unsafe { OwnedFd::from_raw_fd(raw) });
        let mut arg = drm_syncobj_eventfd {
            handle: syncobj,
            flags: 0,
            point: 0,
            fd: event.as_raw_fd(),
            pad: 0,
        };
        assert_eq!(ioctl(&file, DRM_IOCTL_SYNCOBJ_EVENTFD, &mut arg), 0);
        signal(&file, syncobj);
        let mut count = [0; 8];
        std::io::Read::read_exact(&mut &event, &mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 1);
    });
}

#[test]
fn a_wait_blocks_its_caller_and_nobody_else() {
    with_device(|_| {
        let file = open(RENDER);
        let syncobj = create_syncobj(&file, 0);
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            // More than there could be threads in a fixed pool.
            for _ in 0..20 {
                let (sender, file) = (sender.clone(), &file);
                scope.spawn(move || sender.send(wait(file, syncobj, i64::MAX)).unwrap());
            }
            std::thread::sleep(Duration::from_millis(50));
            assert!(receiver.try_recv().is_err());
            // The device answers all the while.
            assert_eq!(version(&file).0, "panthor");
            create_bo(&open(RENDER), 4096);
            signal(&file, syncobj);
            for _ in 0..20 {
                assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(0));
            }
        });
    });
}

#[test]
fn a_wait_ends_at_its_deadline() {
    with_device(|_| {
        let file = open(RENDER);
        let syncobj = create_syncobj(&file, 0);
        let start = Instant::now();
        assert_eq!(wait(&file, syncobj, now() + 30_000_000), -libc::ETIME);
        assert!(start.elapsed() >= Duration::from_millis(30));
        assert_eq!(wait(&file, syncobj, 0), -libc::ETIME);
    });
}

#[test]
fn fdinfo_tells_what_the_driver_tells() {
    with_device(|_| {
        let file = open(RENDER);
        create_bo(&file, 64 << 10);
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).unwrap();
        for line in ["pos:\t0", "drm-driver:\tpanthor", "drm-total-memory:\t64 KiB"] {
            assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
        }
        assert!(!text.contains("lock:"), "{text}");
        let plain = File::open("/dev/null").unwrap();
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", plain.as_raw_fd())).unwrap();
        assert!(!text.contains("drm-"), "{text}");
    });
}

#[test]
fn the_configuration_is_what_programs_see() {
    with_config(Config::default().driver_minor(0), |_| {
        let file = open(RENDER);
        assert_eq!(version(&file).1, (1, 0));
        let mut label = drm_panthor_bo_set_label { handle: 1, pad: 0, label: 0 };
        assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_BO_SET_LABEL, &mut label), -libc::EINVAL);
    });
}

#[test]
fn a_planned_failure_comes_at_its_call() {
    let device = Device::new(Config::default()).unwrap();
    let loopback = Loopback::new(&device).unwrap();
    device.fail_nth_ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, 2, libc::ENOSPC);
    let results = loopback.run(|| {
        let mut vm = drm_panthor_vm_create { flags: 0, id: 0, user_va_range: 0 };
        // Counted over all files.
        [(); 3].map(|()| ioctl(&open(RENDER), DRM_IOCTL_PANTHOR_VM_CREATE, &mut vm))
    });
    assert_eq!(results.unwrap(), [0, -libc::ENOSPC, 0]);
}

#[test]
fn the_calling_thread_does_not_see_the_device() {
    let exists = fs::exists(RENDER).unwrap();
    with_device(|_| {
        assert!(fs::exists(RENDER).unwrap());
        // A thread of it does.
        assert!(std::thread::spawn(|| fs::exists(RENDER).unwrap()).join().unwrap());
    });
    assert_eq!(fs::exists(RENDER).unwrap(), exists);
}

#[test]
fn a_panic_goes_on_in_the_caller() {
    let device = Device::new(Config::default()).unwrap();
    let loopback = Loopback::new(&device).unwrap();
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        loopback.run(|| {
            let _open = open(RENDER);
            panic!("this is what the test wants");
        })
    }));
    assert!(panic.is_err());
    loopback.finish();
    device.assert_released();
}

#[test]
fn a_loopback_inside_a_loopback_says_why_not() {
    with_device(|device| {
        let error = Loopback::new(device).and_then(|inner| inner.run(|| ()));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("cannot run inside a loopback"), "{error}");
    });
}
