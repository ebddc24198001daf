//! Requests of DRM itself: VERSION, capabilities, and client names.

use std::ffi::c_char;

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("version");
    version(cases);
    cases.group("get_cap");
    get_cap(cases);
    cases.group("set_client_cap");
    set_client_cap(cases);
    cases.group("set_client_name");
    set_client_name(cases);
}

/// Asks for the version with buffers of those lengths; what they hold then.
fn ask(c: &mut Client<'_>, lengths: [usize; 3]) {
    let mut buffers = lengths.map(|len| vec![b'.'; len.min(64)]);
    let [name, date, desc] = &mut buffers;
    let mut args = drm_version {
        name_len: lengths[0],
        name: name.as_mut_ptr().cast(),
        date_len: lengths[1],
        date: date.as_mut_ptr().cast(),
        desc_len: lengths[2],
        desc: desc.as_mut_ptr().cast(),
        ..zeroed()
    };
    c.call(DRM_IOCTL_VERSION, &mut args);
    for buffer in &buffers {
        c.note(format_args!("  {:?}", String::from_utf8_lossy(buffer)));
    }
}

fn version(cases: &mut Cases) {
    cases.add("without_buffers", |c| {
        c.call(DRM_IOCTL_VERSION, &mut zeroed::<drm_version>());
    });
    cases.add("lengths_without_buffers", |c| {
        let mut args = drm_version { name_len: 64, date_len: 64, desc_len: 64, ..zeroed() };
        c.call(DRM_IOCTL_VERSION, &mut args);
    });
    for len in [0, 1, 6, 7, 8, 18, 32] {
        cases.add(format!("buffers_of_{len}_bytes"), move |c| ask(c, [len; 3]));
    }
    for (name, lengths) in [("name", [32, 0, 0]), ("date", [0, 32, 0]), ("description", [0, 0, 32])]
    {
        cases.add(format!("only_the_{name}"), move |c| ask(c, lengths));
    }
    for bad in [Bad::Low, Bad::Kernel, Bad::Unmapped, Bad::Ends(3), Bad::ReadOnly] {
        type Put = fn(&mut drm_version, *mut c_char);
        let fields: [(&str, Put); 3] = [
            ("name", |args, at| args.name = at),
            ("date", |args, at| args.date = at),
            ("description", |args, at| args.desc = at),
        ];
        for (field, put) in fields {
            cases.add(format!("{field}_at_{}", bad.name()), move |c| {
                let mut args = drm_version { name_len: 64, date_len: 64, desc_len: 64, ..zeroed() };
                let at = c.memory.address(bad) as usize;
                put(&mut args, std::ptr::without_provenance_mut(at));
                c.call(DRM_IOCTL_VERSION, &mut args);
            });
        }
    }
    cases.add("a_bad_address_for_nothing", |c| {
        let at = c.memory.address(Bad::Unmapped) as usize;
        let mut args = drm_version { name: std::ptr::without_provenance_mut(at), ..zeroed() };
        c.call(DRM_IOCTL_VERSION, &mut args);
    });
    cases.add("numbers_are_only_outputs", |c| {
        let mut args =
            drm_version { version_major: 9, version_minor: 77, version_patchlevel: 9, ..zeroed() };
        c.call(DRM_IOCTL_VERSION, &mut args);
    });
    cases.add("of_a_primary_node", |c| {
        c.open_primary();
        ask(c, [32; 3]);
    });
}

fn get_cap(cases: &mut Cases) {
    for capability in (0..=0x16).chain([0x17, 0xff, 1 << 32, u64::MAX]) {
        cases.add(format!("capability_{capability:#x}"), move |c| {
            let mut args = drm_get_cap { capability, value: 77 };
            c.call(DRM_IOCTL_GET_CAP, &mut args);
        });
    }
    cases.add("on_a_primary_node", |c| {
        c.open_primary();
        for capability in [DRM_CAP_PRIME, DRM_CAP_SYNCOBJ_TIMELINE, DRM_CAP_DUMB_BUFFER] {
            c.call(DRM_IOCTL_GET_CAP, &mut drm_get_cap { capability, value: 77 });
        }
    });
}

fn set_client_cap(cases: &mut Cases) {
    for capability in 0..=8 {
        cases.add(format!("capability_{capability}"), move |c| {
            for primary in [false, true] {
                if primary {
                    c.open_primary();
                }
                for value in [0, 1, 2] {
                    let mut args = drm_set_client_cap { capability, value };
                    c.call(DRM_IOCTL_SET_CLIENT_CAP, &mut args);
                }
            }
        });
    }
}

/// Sets the client name of the file.
pub fn set_name(c: &mut Client<'_>, name: &[u8]) {
    let mut args = drm_set_client_name { name_len: name.len() as u64, name: address(name) };
    c.call(DRM_IOCTL_SET_CLIENT_NAME, &mut args);
}

fn set_client_name(cases: &mut Cases) {
    let set = |c: &mut Client<'_>, name_len: u64, name: u64| {
        c.call(DRM_IOCTL_SET_CLIENT_NAME, &mut drm_set_client_name { name_len, name });
    };
    for len in [0, 1, 63, 64, 65] {
        cases.add(format!("of_{len}_bytes"), move |c| {
            let name = vec![b'n'; len];
            set(c, len as u64, address(&*name));
        });
    }
    for (name, len) in [("half_of_all", 1 << 63), ("largest", u64::MAX), ("4_gib", 4 * GIB)] {
        cases.add(format!("length_{name}"), move |c| set(c, len, address(&[b'n'; 64])));
    }
    for (name, bytes) in [
        ("a_space", &b"a name"[..]),
        ("only_a_space", b" "),
        ("a_newline", b"a\nb"),
        ("a_tab", b"a\tb"),
        ("a_nul", b"a\0b"),
        ("a_nul_at_its_end", b"ab\0"),
        ("a_byte_that_is_not_ascii", b"a\xffb"),
        ("signs", b"a-b_c:d/e.~!"),
        ("a_delete", b"a\x7fb"),
    ] {
        cases.add(format!("with_{name}"), move |c| set(c, bytes.len() as u64, address(bytes)));
    }
    for bad in [Bad::Null, Bad::Low, Bad::Kernel, Bad::Unmapped, Bad::Ends(3), Bad::ReadOnly] {
        cases.add(format!("at_{}", bad.name()), move |c| {
            c.memory.write_before_end(b"abc");
            let at = c.memory.address(bad);
            set(c, 4, at);
            set(c, 0, at);
        });
    }
    cases.add("twice_and_taken_away", move |c| {
        for name in [&b"one"[..], b"two", b""] {
            set(c, name.len() as u64, address(name));
        }
    });
    cases.add("of_a_primary_node", move |c| {
        c.open_primary();
        set(c, 3, address(b"one"));
    });
}
