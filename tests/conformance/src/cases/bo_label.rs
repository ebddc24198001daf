//! BO_SET_LABEL.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

fn set(c: &mut Client<'_>, handle: u32, pad: u32, label: u64) {
    let mut args = drm_panthor_bo_set_label { handle, pad, label };
    c.call(DRM_IOCTL_PANTHOR_BO_SET_LABEL, &mut args);
}

pub fn add(cases: &mut Cases) {
    cases.group("bo_set_label");
    for len in [0, 1, 2, 255, 4094, 4095] {
        cases.add(format!("of_{len}_bytes"), move |c| {
            let bo = c.bo(PAGE);
            let mut label = vec![b'x'; len];
            label.push(0);
            let at = c.at_end(&label);
            set(c, bo, 0, at);
        });
    }
    // The longest that is taken needs its end.
    cases.add("too_long", |c| {
        let bo = c.bo(PAGE);
        let label = [b'x'; 4097];
        set(c, bo, 0, address(&label));
        let mut label = vec![b'x'; 5000];
        label[4999] = 0;
        set(c, bo, 0, address(&*label));
        label[4096] = 0;
        set(c, bo, 0, address(&*label));
    });
    for len in [1, 16, 4095, 4096] {
        cases.add(format!("{len}_bytes_without_an_end"), move |c| {
            let bo = c.bo(PAGE);
            let at = c.at_end(&vec![b'x'; len]);
            set(c, bo, 0, at);
        });
    }
    cases.add("null", |c| {
        let bo = c.bo(PAGE);
        set(c, bo, 0, 0);
    });
    for bad in [Bad::Low, Bad::Kernel, Bad::Last, Bad::Unmapped] {
        cases.add(format!("at_{}", bad.name()), move |c| {
            let (bo, at) = (c.bo(PAGE), c.memory.address(bad));
            set(c, bo, 0, at);
        });
    }
    cases.add("in_memory_that_can_only_be_read", |c| {
        let (bo, at) = (c.bo(PAGE), c.memory.address(Bad::ReadOnly));
        set(c, bo, 0, at);
    });
    cases.add("bytes_that_are_not_text", |c| {
        let bo = c.bo(PAGE);
        let at = c.at_end(&[1, 0xff, b'\n', 0x80, 0]);
        set(c, bo, 0, at);
    });
    cases.add("twice_and_taken_away", |c| {
        let bo = c.bo(PAGE);
        for label in [&b"one\0"[..], b"two\0", b"\0"] {
            let at = c.at_end(label);
            set(c, bo, 0, at);
        }
        set(c, bo, 0, 0);
    });
    for pad in [1, 1 << 31] {
        cases.add(format!("padding_{pad}"), move |c| {
            let bo = c.bo(PAGE);
            let at = c.at_end(b"one\0");
            set(c, bo, pad, at);
        });
    }
    for handle in [0, 1, u32::MAX] {
        cases.add(format!("unknown_handle_{handle}"), move |c| {
            let at = c.at_end(b"one\0");
            set(c, handle, 0, at);
        });
    }
    cases.add("unknown_handle_and_a_bad_label", |c| {
        let at = c.memory.address(Bad::Unmapped);
        set(c, 1, 0, at);
    });
    cases.add("of_a_bo_that_must_not_be_mapped", |c| {
        let args = drm_panthor_bo_create { size: PAGE, flags: DRM_PANTHOR_BO_NO_MMAP, ..zeroed() };
        let bo = c.must(DRM_IOCTL_PANTHOR_BO_CREATE, args).handle;
        let at = c.at_end(b"one\0");
        set(c, bo, 0, at);
    });
}
