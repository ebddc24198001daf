//! The end of CPU mappings when the kernel has no room for one more: `vm.max_map_count`.

use std::ptr::null_mut;

use panthor::fake::{self, Config};
use panthor::{BoOptions, Device};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

/// The limit is the process's, so the test runs in one of its own.
const ALONE: &str = "PANTHOR_TEST_WITHOUT_MAPPINGS";

#[test]
fn a_map_that_the_kernel_refuses_to_end_stays_and_is_a_leak() {
    if std::env::var_os(ALONE).is_none() {
        let program = std::env::current_exe().unwrap();
        let test = "a_map_that_the_kernel_refuses_to_end_stays_and_is_a_leak";
        let child = std::process::Command::new(program)
            .args([test, "--exact", "--nocapture"])
            .env(ALONE, "1")
            .status();
        assert!(child.unwrap().success());
        return;
    }
    const SIZE: u64 = 64 << 10;

    let fake = fake::Device::new(Config::default()).unwrap();
    let device = Device::from_fake(fake.open()).unwrap();
    // Adjacent offsets at adjacent addresses: the kernel merges all into one mapping.
    let bos: Vec<_> = (0..9).map(|_| device.create_bo(BoOptions::new(SIZE)).unwrap()).collect();
    let mut maps: Vec<_> = bos.iter().rev().map(|bo| bo.map().unwrap()).collect();
    maps.reverse();
    assert_eq!(maps[3].as_ptr().wrapping_add(SIZE as usize), maps[4].as_ptr());
    maps.iter().for_each(|map| map.fill(0..SIZE as usize, 7).unwrap());

    // Each differs from the one before, so that none is merged.
    let mut protections = [ProtFlags::READ, ProtFlags::empty()].into_iter().cycle();
    let full = loop {
        let (protection, flags) = (protections.next().unwrap(), MapFlags::PRIVATE);
        // SAFETY: without an address the mapping replaces nothing.
        if let Err(errno) = unsafe { mmap_anonymous(null_mut(), 4096, protection, flags) } {
            break errno;
        }
    };
    assert_eq!(full, rustix::io::Errno::NOMEM);
    // In the middle, so that two mappings would be left.
    drop(maps.remove(4));
    assert_eq!(fake.leaks().cpu_mappings, 9);
    // The others are as they were, and the memory of the lost one is no other BO's.
    drop(bos);
    assert!(maps.iter().all(|map| map.load::<u8>(100).unwrap() == 7));
    maps.clear();
    drop(device);
    let leaks = fake.leaks();
    assert!(leaks.cpu_mappings >= 1 && leaks.bos >= 1 && leaks.files == 1, "{leaks}");
}
