//! Mode setting, which comes to nothing without displays.

use crate::case::Cases;
use crate::uapi::ops::*;

/// Name, number, size of the argument.
const MODE: [(&str, u32, usize); 18] = [
    ("get_resources", 0xa0, 64),
    ("get_crtc", 0xa1, 104),
    ("set_crtc", 0xa2, 104),
    ("cursor", 0xa3, 28),
    ("get_encoder", 0xa6, 20),
    ("get_connector", 0xa7, 80),
    ("attach_mode", 0xa8, 72),
    ("get_property", 0xaa, 64),
    ("get_fb", 0xad, 28),
    ("add_fb", 0xae, 28),
    ("remove_fb", 0xaf, 4),
    ("page_flip", 0xb0, 24),
    ("create_dumb", 0xb2, 32),
    ("map_dumb", 0xb3, 16),
    ("destroy_dumb", 0xb4, 4),
    ("get_plane_resources", 0xb5, 16),
    ("atomic", 0xbc, 56),
    ("create_lease", 0xc6, 24),
];

/// Returns the requests and the sizes of their arguments.
pub fn requests() -> impl Iterator<Item = (u32, usize)> {
    MODE.iter().map(|&(_, number, size)| (request(number, size), size))
}

fn request(number: u32, size: usize) -> u32 {
    resized(0xc000_6400 | number, size)
}

pub fn add(cases: &mut Cases) {
    cases.group("mode_setting");
    for (name, number, size) in MODE {
        let request = request(number, size);
        cases.add(name, move |c| {
            c.bytes(request, &mut vec![0; size]);
            c.open_primary();
            c.bytes(request, &mut vec![0; size]);
            c.bytes(request, &mut vec![1; size]);
            c.open_primary();
            c.bytes(request, &mut vec![0; size]);
        });
    }
    cases.add("wait_for_a_blank", |c| {
        let request = resized(0xc000_643a, 24);
        c.bytes(request, &mut [0; 24]);
        c.open_primary();
        c.bytes(request, &mut [0; 24]);
    });
}
