//! Encoding of requests: sizes, directions, numbers, types, and the address of the argument.

use panthor_raw::requests::REQUESTS;
use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

/// The direction bits: the kernel reads, the kernel writes.
const READS: u32 = 0x4000_0000;
const WRITES: u32 = 0x8000_0000;
const BOTH: u32 = READS | WRITES;

pub fn add(cases: &mut Cases) {
    cases.group("request");
    shorter(cases);
    longer(cases);
    sizes(cases);
    directions(cases);
    numbers(cases);
    types(cases);
    addresses(cases);
}

/// Returns a request of the driver, or of DRM, without its argument.
const fn bare(number: u32) -> u32 {
    (DRM_IOCTL_VERSION & 0xff00) | number
}

fn bo_create(size: u64) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&size.to_ne_bytes());
    bytes
}

fn shorter(cases: &mut Cases) {
    // What is cut off is zero for the kernel, and nothing comes back there.
    for size in [0, 4, 8, 12, 15] {
        cases.add(format!("vm_create_of_{size}_bytes"), move |c| {
            let mut bytes = [0; 16];
            bytes[8..12].copy_from_slice(&1u32.to_ne_bytes());
            c.bytes(resized(DRM_IOCTL_PANTHOR_VM_CREATE, size), &mut bytes);
        });
    }
    for size in [0, 7, 8, 20, 23] {
        cases.add(format!("bo_create_of_{size}_bytes"), move |c| {
            let request = resized(DRM_IOCTL_PANTHOR_BO_CREATE, size);
            c.bytes(request, &mut bo_create(PAGE + 1));
        });
    }
    for size in [0, 4, 8, 12] {
        cases.add(format!("dev_query_of_{size}_bytes"), move |c| {
            let mut bytes = [0x11; 16];
            bytes[..4].copy_from_slice(&DRM_PANTHOR_DEV_QUERY_CSIF_INFO.to_ne_bytes());
            c.bytes(resized(DRM_IOCTL_PANTHOR_DEV_QUERY, size), &mut bytes);
        });
    }
    cases.add("gem_close_of_4_bytes", |c| {
        let handle = c.bo(PAGE);
        let mut bytes = [0xff; 8];
        bytes[..4].copy_from_slice(&handle.to_ne_bytes());
        c.bytes(resized(DRM_IOCTL_GEM_CLOSE, 4), &mut bytes);
        c.close_bo(handle);
    });
    cases.add("padding_that_is_cut_off", |c| {
        let handle = c.bo(PAGE);
        let mut bytes = [0xff; 16];
        bytes[..4].copy_from_slice(&handle.to_ne_bytes());
        c.bytes(resized(DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, 4), &mut bytes);
        c.bytes(resized(DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, 6), &mut bytes);
    });
}

fn longer(cases: &mut Cases) {
    for (name, value) in [("zeros", 0), ("something", 0x5a)] {
        for more in [1, 8, 200, 0x3fff - 24] {
            cases.add(format!("bo_create_with_{more}_bytes_of_{name}_more"), move |c| {
                let mut bytes = bo_create(PAGE + 1).to_vec();
                bytes.resize(24 + more, value);
                c.bytes(resized(DRM_IOCTL_PANTHOR_BO_CREATE, bytes.len()), &mut bytes);
                let kept = bytes[24..].iter().all(|&byte| byte == value);
                c.note(format_args!("  the rest as it was: {kept}"));
            });
        }
        cases.add(format!("vm_create_with_{name}_behind_it"), move |c| {
            let mut bytes = [value; 40];
            bytes[..16].fill(0);
            c.bytes(resized(DRM_IOCTL_PANTHOR_VM_CREATE, 40), &mut bytes);
        });
        cases.add(format!("get_cap_with_{name}_behind_it"), move |c| {
            let mut bytes = [value; 40];
            bytes[..16].fill(0);
            bytes[0] = DRM_CAP_PRIME as u8;
            c.bytes(resized(DRM_IOCTL_GET_CAP, 40), &mut bytes);
        });
    }
    cases.add("longer_than_memory", |c| {
        c.memory.write_before_end(&bo_create(PAGE));
        c.at(resized(DRM_IOCTL_PANTHOR_BO_CREATE, 25), Bad::Ends(24));
        c.at(DRM_IOCTL_PANTHOR_BO_CREATE, Bad::Ends(24));
    });
}

/// Adds cases of every request with a shorter and a longer argument of zeros.
fn sizes(cases: &mut Cases) {
    for &(name, request) in REQUESTS.iter().filter(|(name, _)| name.starts_with("DRM_")) {
        let name = name.trim_start_matches("DRM_IOCTL_").to_lowercase();
        cases.add(format!("sizes_of_{name}"), move |c| {
            let own = (request >> 16 & 0x3fff) as usize;
            for size in
                [1, 4, 8, own.saturating_sub(4), own.saturating_sub(1), own, own + 1, own + 8]
            {
                let mut bytes = vec![0; size];
                c.bytes(resized(request, size), &mut bytes);
                let written = bytes.iter().rposition(|&byte| byte != 0);
                c.note(format_args!("  of {size} bytes, written: {written:?}"));
            }
        });
    }
}

fn directions(cases: &mut Cases) {
    for (name, bits) in [("without_directions", 0), ("read_only", READS), ("written_only", WRITES)]
    {
        cases.add(format!("vm_create_{name}"), move |c| {
            let request = DRM_IOCTL_PANTHOR_VM_CREATE & !BOTH | bits;
            // The flags are wrong if they are read.
            c.bytes(request, &mut [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            c.bytes(request, &mut [0; 16]);
        });
        cases.add(format!("bo_create_{name}"), move |c| {
            c.bytes(DRM_IOCTL_PANTHOR_BO_CREATE & !BOTH | bits, &mut bo_create(PAGE + 1));
        });
        cases.add(format!("get_cap_{name}"), move |c| {
            let mut bytes = [0; 16];
            bytes[0] = DRM_CAP_SYNCOBJ as u8;
            c.bytes(DRM_IOCTL_GET_CAP & !BOTH | bits, &mut bytes);
        });
        cases.add(format!("version_{name}"), move |c| {
            c.bytes(DRM_IOCTL_VERSION & !BOTH | bits, &mut [0; size_of::<drm_version>()]);
        });
    }
    cases.add("gem_close_with_both_directions", |c| {
        let handle = c.bo(PAGE);
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&handle.to_ne_bytes());
        c.bytes(DRM_IOCTL_GEM_CLOSE | BOTH, &mut bytes);
    });
    cases.add("gem_close_written_only", |c| {
        let handle = c.bo(PAGE);
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&handle.to_ne_bytes());
        c.bytes(DRM_IOCTL_GEM_CLOSE & !BOTH | WRITES, &mut bytes);
        c.close_bo(handle);
    });
}

fn numbers(cases: &mut Cases) {
    for first in (0..0x100).step_by(16) {
        cases.add(format!("numbers_from_{first:02x}_without_an_argument"), move |c| {
            all_of(c, first);
        });
        cases.add(
            format!("numbers_from_{first:02x}_without_an_argument_on_a_primary_node"),
            move |c| {
                c.open_primary();
                all_of(c, first);
            },
        );
    }
    for number in [0x40 + 17, 0x60, 0x9f, 0x08, 0x22, 0xd3, 0xff] {
        cases.add(format!("number_{number:02x}_with_an_argument"), move |c| {
            c.bytes(resized(bare(number) | BOTH, 16), &mut [0; 16]);
            c.at(resized(bare(number) | BOTH, 16), Bad::Null);
        });
    }
}

/// Sixteen requests without an argument.
fn all_of(c: &mut Client<'_>, first: u32) {
    for number in first..first + 16 {
        c.bytes(bare(number), &mut []);
    }
}

fn types(cases: &mut Cases) {
    for letter in [0, b'D', b'e', b'>', 0xff] {
        cases.add(format!("type_{letter}"), move |c| {
            let request = DRM_IOCTL_PANTHOR_VM_CREATE & !0xff00 | u32::from(letter) << 8;
            c.bytes(request, &mut [0; 16]);
            c.at(request, Bad::Null);
        });
    }
}

fn addresses(cases: &mut Cases) {
    let requests = [
        ("version", DRM_IOCTL_VERSION),
        ("get_cap", DRM_IOCTL_GET_CAP),
        ("gem_close", DRM_IOCTL_GEM_CLOSE),
        ("dev_query", DRM_IOCTL_PANTHOR_DEV_QUERY),
        ("set_client_cap", DRM_IOCTL_SET_CLIENT_CAP),
        ("set_client_name", DRM_IOCTL_SET_CLIENT_NAME),
        ("vm_destroy", DRM_IOCTL_PANTHOR_VM_DESTROY),
        ("vm_get_state", DRM_IOCTL_PANTHOR_VM_GET_STATE),
        ("bo_create", DRM_IOCTL_PANTHOR_BO_CREATE),
        ("bo_mmap_offset", DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET),
        ("group_create", DRM_IOCTL_PANTHOR_GROUP_CREATE),
        ("group_destroy", DRM_IOCTL_PANTHOR_GROUP_DESTROY),
        ("group_submit", DRM_IOCTL_PANTHOR_GROUP_SUBMIT),
        ("group_get_state", DRM_IOCTL_PANTHOR_GROUP_GET_STATE),
        ("tiler_heap_create", DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE),
        ("tiler_heap_destroy", DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY),
        ("bo_set_label", DRM_IOCTL_PANTHOR_BO_SET_LABEL),
        ("bo_sync", DRM_IOCTL_PANTHOR_BO_SYNC),
        ("bo_query_info", DRM_IOCTL_PANTHOR_BO_QUERY_INFO),
        ("set_user_mmio_offset", DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET),
    ];
    for (name, request) in requests {
        cases.add(format!("{name}_at_bad_addresses"), move |c| {
            c.memory.write_before_end(&[0; 16]);
            for bad in [Bad::Null, Bad::Low, Bad::Kernel, Bad::Last, Bad::Unmapped, Bad::Ends(3)] {
                c.at(request, bad);
            }
        });
        cases.add(format!("{name}_at_a_read_only_address"), move |c| {
            c.at(request, Bad::ReadOnly);
        });
    }
}
