//! Passing of arguments to the driver: request numbers, sizes, strides and bad pointers.

mod common;

use common::*;
use nix::libc::{E2BIG, EACCES, EFAULT, EINVAL, ENOMEM, ENOTTY, EOPNOTSUPP};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use panthor_raw::requests::resized;
use panthor_sys::*;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

/// A page that can be used, before one that cannot.
struct LastPage(NonNull<u8>);

impl LastPage {
    fn new() -> Self {
        let len = NonZeroUsize::new(2 * PAGE as usize).unwrap();
        let all = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: anywhere, nothing is replaced.
        let start = unsafe { mmap_anonymous(None, len, all, MapFlags::MAP_PRIVATE) };
        let start = start.unwrap().cast::<u8>();
        let second = NonNull::new(start.as_ptr().wrapping_add(PAGE as usize)).unwrap();
        // SAFETY: the range is the second half of the new mapping, which has no users.
        unsafe { munmap(second.cast(), PAGE as usize) }.unwrap();
        Self(start)
    }

    /// Returns the address of the last `len` bytes.
    fn tail(&self, len: usize) -> usize {
        self.0.as_ptr() as usize + PAGE as usize - len
    }
}

impl Drop for LastPage {
    fn drop(&mut self) {
        // SAFETY: what `new` left mapped.
        unsafe { munmap(self.0.cast(), PAGE as usize) }.unwrap();
    }
}

#[test]
fn requests_of_others_are_no_ioctls_of_the_device() {
    let file = device().open();
    let mut arg = [0_u64; 8];
    assert_eq!(ioctl(&file, 0, &mut arg), -ENOTTY);
    assert_eq!(ioctl(&file, 0xc008_7800, &mut arg), -ENOTTY);
}

#[test]
fn numbers_beyond_the_tables_are_invalid() {
    let file = device().open();
    for nr in [0x03_u32, 0x51, 0x9f, 0xd3, 0xff] {
        assert_eq!(ioctl(&file, 0xc008_6400 | nr, &mut [0_u64; 8]), -EINVAL, "{nr:#x}");
    }
}

#[test]
fn what_is_not_for_render_nodes_is_denied() {
    let file = device().open();
    for request in [DRM_IOCTL_GET_MAGIC, DRM_IOCTL_GEM_FLINK, DRM_IOCTL_SET_CLIENT_CAP, 0xc004_64af]
    {
        assert_eq!(ioctl(&file, request, &mut [0_u64; 8]), -EACCES, "{request:#x}");
    }
    // The argument is copied before that is found.
    assert_eq!(ioctl_at(&file, DRM_IOCTL_GEM_FLINK, 0), -EFAULT);
}

#[test]
fn an_argument_that_is_shorter_is_filled_with_zeros() {
    let file = device().open();
    // The size alone: flags, handle and VM are zero.
    let mut size = 1_u64;
    let request = resized(DRM_IOCTL_PANTHOR_BO_CREATE, 8);
    assert_eq!(ioctl(&file, request, &mut size), 0);
    assert_eq!(size, PAGE);
    close(&file, 1);
}

#[test]
fn an_argument_that_is_longer_comes_back_as_it_was() {
    let file = device().open();
    let mut arg = [0_u64, 0, 0xaaaa, 0xbbbb];
    let request = resized(DRM_IOCTL_PANTHOR_VM_CREATE, 32);
    assert_eq!(ioctl(&file, request, &mut arg), 0);
    // The driver's structure is two words.
    assert_eq!(arg, [1 << 32, 1 << 47, 0xaaaa, 0xbbbb]);
    let mut large = [7_u64; 1024];
    large[0] = 0;
    large[1] = 0;
    let request = resized(DRM_IOCTL_PANTHOR_VM_CREATE, size_of_val(&large));
    assert_eq!(ioctl(&file, request, &mut large), 0);
    assert_eq!(large[0], 2 << 32);
    assert_eq!(large[1023], 7);
}

#[test]
fn without_the_direction_bits_nothing_is_copied() {
    let file = device().open();
    let mut args = drm_panthor_bo_create { size: 4096, ..zeroed() };
    let none = DRM_IOCTL_PANTHOR_BO_CREATE & 0x3fff_ffff;
    assert_eq!(ioctl(&file, none, &mut args), -EINVAL);
    let only_in = DRM_IOCTL_PANTHOR_BO_CREATE & 0x7fff_ffff;
    assert_eq!(ioctl(&file, only_in, &mut args), 0);
    assert_eq!(args.handle, 0);
    close(&file, 1);
}

#[test]
fn the_answer_is_copied_back_even_with_an_error() {
    let file = device().open();
    let vm = vm(&file);
    let ops = [unmap_op(PAGE, PAGE), unmap_op(2 * PAGE, PAGE), unmap_op(1, PAGE)];
    assert_eq!(bind(&file, vm, &ops), (-EINVAL, 2));
}

#[test]
fn a_bad_argument_is_a_fault() {
    let file = device().open();
    for addr in [0, 1, 4096, usize::MAX - 4096, usize::MAX] {
        assert_eq!(ioctl_at(&file, DRM_IOCTL_PANTHOR_VM_CREATE, addr), -EFAULT, "{addr:#x}");
        assert_eq!(ioctl_at(&file, DRM_IOCTL_VERSION, addr), -EFAULT, "{addr:#x}");
    }
    let page = LastPage::new();
    assert_eq!(ioctl_at(&file, DRM_IOCTL_PANTHOR_VM_CREATE, page.tail(15)), -EFAULT);
    assert_eq!(ioctl_at(&file, DRM_IOCTL_PANTHOR_VM_CREATE, page.tail(16)), 0);
}

#[test]
fn an_argument_that_cannot_be_written_is_a_fault_after_the_work() {
    let file = device().open();
    // Zeros that are not for writing.
    static ZEROS: drm_panthor_vm_create =
        drm_panthor_vm_create { flags: 0, id: 0, user_va_range: 0 };
    let addr = (&raw const ZEROS) as usize;
    assert_eq!(ioctl_at(&file, DRM_IOCTL_PANTHOR_VM_CREATE, addr), -EFAULT);
    assert!(file.gpu(1).is_some());
}

#[test]
fn an_array_that_ends_with_its_page_is_fine_and_one_behind_it_a_fault() {
    let file = device().open();
    let vm = vm(&file);
    let page = LastPage::new();
    let size = size_of::<drm_panthor_vm_bind_op>();
    let bind_at = |addr: usize, count| {
        let ops = drm_panthor_obj_array { stride: size as u32, count, array: addr as u64 };
        let mut args = drm_panthor_vm_bind { vm_id: vm, flags: 0, ops };
        ioctl(&file, DRM_IOCTL_PANTHOR_VM_BIND, &mut args)
    };
    assert_eq!(bind_at(page.tail(2 * size), 2), 0);
    assert_eq!(bind_at(page.tail(2 * size), 3), -EFAULT);
    assert_eq!(bind_at(page.tail(size - 1), 1), -EFAULT);
    assert_eq!(bind_at(0, 1), -EFAULT);
    assert_eq!(bind_at(0, 0), 0);
}

#[test]
fn absurd_counts_fail_without_taking_memory() {
    let file = device().open();
    let vm = vm(&file);
    let bind_count = |count| {
        let ops = drm_panthor_obj_array { stride: 48, count, array: 4096 };
        let mut args = drm_panthor_vm_bind { vm_id: vm, flags: 0, ops };
        ioctl(&file, DRM_IOCTL_PANTHOR_VM_BIND, &mut args)
    };
    assert_eq!(bind_count(u32::MAX), -ENOMEM);
    assert_eq!(bind_count(i32::MAX as u32 / 48), -EFAULT);
    assert_eq!(bind_count(i32::MAX as u32 / 48 + 1), -ENOMEM);
}

/// Binds an operation with a stride of its own, and with `filler` in its unknown part.
fn bind_strided(file: &panthor_fake::File, vm: u32, stride: usize, filler: u8) -> i32 {
    let ops = [unmap_op(PAGE, PAGE), unmap_op(2 * PAGE, PAGE), unmap_op(3 * PAGE, PAGE)];
    let mut bytes = vec![filler; stride * ops.len()];
    for (slot, op) in bytes.chunks_mut(stride).zip(&ops) {
        let known = stride.min(size_of_val(op));
        slot[..known].copy_from_slice(&bytemuck::bytes_of(op)[..known]);
    }
    let ops = drm_panthor_obj_array {
        stride: stride as u32,
        count: ops.len() as u32,
        array: bytes.as_ptr() as u64,
    };
    let mut args = drm_panthor_vm_bind { vm_id: vm, flags: 0, ops };
    ioctl(file, DRM_IOCTL_PANTHOR_VM_BIND, &mut args)
}

#[test]
fn a_longer_stride_is_fine_as_long_as_the_rest_is_zero() {
    let file = device().open();
    let vm = vm(&file);
    for stride in [48, 49, 56, 64, 4096, 4104, 100_000] {
        assert_eq!(bind_strided(&file, vm, stride, 0), 0, "{stride}");
        let with_rest = if stride == 48 { 0 } else { -E2BIG };
        assert_eq!(bind_strided(&file, vm, stride, 1), with_rest, "{stride}");
    }
}

#[test]
fn a_stride_below_the_first_version_is_invalid() {
    let file = device().open();
    let vm = vm(&file);
    assert_eq!(bind_strided(&file, vm, 47, 0), -EINVAL);
    assert_eq!(bind_strided(&file, vm, 1, 0), -EINVAL);
}

#[test]
fn nothing_is_done_when_one_element_cannot_be_copied() {
    let file = device().open();
    let (vm, bo) = (vm(&file), bo(&file, PAGE));
    let page = LastPage::new();
    let first = map_op(bo, 0, PAGE, PAGE, 0);
    let addr = page.tail(64);
    // SAFETY: the last bytes of a page that is ours, aligned as the structure wants.
    unsafe { (addr as *mut drm_panthor_vm_bind_op).write(first) };
    let ops = drm_panthor_obj_array { stride: 64, count: 2, array: addr as u64 };
    let mut args = drm_panthor_vm_bind { vm_id: vm, flags: 0, ops };
    assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_VM_BIND, &mut args), -EFAULT);
    assert_eq!(args.ops.count, 2);
    assert_eq!(file.gpu(vm).unwrap().mapping_count(), 0);
}

#[test]
fn the_first_byte_that_is_newer_or_missing_decides() {
    let file = device().open();
    let vm = vm(&file);
    let page = LastPage::new();
    // The operation's unknown tail ends after eight bytes. Either one of them is set or none.
    for (set, errno) in [(false, EFAULT), (true, E2BIG)] {
        let addr = page.tail(56);
        // SAFETY: the last bytes of a page that is ours, aligned as the structure wants.
        unsafe { (addr as *mut drm_panthor_vm_bind_op).write(unmap_op(PAGE, PAGE)) };
        // SAFETY: those behind the structure, up to the end of the page.
        unsafe { (addr as *mut [u8; 56]).cast::<u8>().wrapping_add(49).write(set.into()) };
        let ops = drm_panthor_obj_array { stride: 64, count: 1, array: addr as u64 };
        let mut args = drm_panthor_vm_bind { vm_id: vm, flags: 0, ops };
        assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_VM_BIND, &mut args), -errno);
    }
}

#[test]
fn capabilities_are_those_of_a_render_only_driver() {
    let file = device().open();
    let cap = |capability| {
        let mut args = drm_get_cap { capability, value: 77 };
        (ioctl(&file, DRM_IOCTL_GET_CAP, &mut args), args.value)
    };
    assert_eq!(cap(DRM_CAP_PRIME), (0, 3));
    assert_eq!(cap(DRM_CAP_TIMESTAMP_MONOTONIC), (0, 1));
    assert_eq!(cap(DRM_CAP_SYNCOBJ), (0, 1));
    assert_eq!(cap(DRM_CAP_SYNCOBJ_TIMELINE), (0, 1));
    assert_eq!(cap(DRM_CAP_DUMB_BUFFER), (-EOPNOTSUPP, 0));
    assert_eq!(cap(0), (-EOPNOTSUPP, 0));
    assert_eq!(cap(u64::MAX), (-EOPNOTSUPP, 0));
}

#[test]
fn a_client_can_name_itself() {
    let file = device().open();
    let name = |text: &str, len: u64| {
        let mut args = drm_set_client_name { name_len: len, name: text.as_ptr() as u64 };
        ioctl(&file, DRM_IOCTL_SET_CLIENT_NAME, &mut args)
    };
    assert_eq!(name("driver-test", 11), 0);
    assert_eq!(name("", 0), 0);
    assert_eq!(name("two words", 9), -EINVAL);
    assert_eq!(name("", 65), -EINVAL);
    let old = version(0).open();
    let mut args = drm_set_client_name { name_len: 0, name: 0 };
    assert_eq!(ioctl(&old, DRM_IOCTL_SET_CLIENT_NAME, &mut args), -EINVAL);
}

#[test]
fn a_text_of_the_version_that_is_too_long_is_cut_and_its_length_told() {
    let file = device().open();
    let mut name = [0_u8; 4];
    let name_at = name.as_mut_ptr().cast();
    let mut args = drm_version { name_len: 3, name: name_at, desc_len: 5, ..zeroed() };
    assert_eq!(ioctl(&file, DRM_IOCTL_VERSION, &mut args), 0);
    assert_eq!((args.name_len, args.desc_len), (7, 18));
    assert_eq!(&name, b"pan\0");
    args.name = 4096 as *mut _;
    assert_eq!(ioctl(&file, DRM_IOCTL_VERSION, &mut args), -EFAULT);
}
