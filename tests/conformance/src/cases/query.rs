//! DEV_QUERY.

use std::mem::offset_of;

use bytemuck::Pod;
use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::wire::Wire;

/// Description of a query: name, number, the size of its structure in the header and the smallest
/// accepted size, the text form of its answer, and the initial contents of its memory.
struct Query {
    name: &'static str,
    type_: u32,
    size: u32,
    least: u32,
    tell: fn(&mut Client<'_>, &[u8]),
    fill: u8,
}

const QUERIES: [Query; 5] = [
    query::<drm_panthor_gpu_info>("gpu_info", DRM_PANTHOR_DEV_QUERY_GPU_INFO)
        .since(offset_of!(drm_panthor_gpu_info, core_features)),
    query::<drm_panthor_csif_info>("csif_info", DRM_PANTHOR_DEV_QUERY_CSIF_INFO),
    query::<drm_panthor_timestamp_info>("timestamp_info", DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO)
        .since(offset_of!(drm_panthor_timestamp_info, timestamp_offset))
        .with_input(),
    query::<drm_panthor_group_priorities_info>(
        "group_priorities_info",
        DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO,
    ),
    query::<drm_panthor_mmu_info>("mmu_info", DRM_PANTHOR_DEV_QUERY_MMU_INFO),
];

const fn query<T: Wire + Pod>(name: &'static str, type_: u32) -> Query {
    let size = size_of::<T>() as u32;
    Query { name, type_, size, least: size, tell: tell::<T>, fill: 0xa5 }
}

pub fn add(cases: &mut Cases) {
    cases.group("dev_query");
    sizes_asked_for(cases);
    for query in &QUERIES {
        answers(cases, query);
        bad_pointers(cases, query);
    }
    unknown_types(cases);
    cases.add("gpu_info_twice", |c| {
        for _ in 0..2 {
            QUERIES[0].ask(c, QUERIES[0].size, 256);
        }
    });
    cases.add("group_priorities_of_a_primary_node", |c| {
        c.open_primary();
        group_priorities(c);
    });
}

/// Asks which priorities groups may have.
pub fn group_priorities(c: &mut Client<'_>) {
    let query = &QUERIES[3];
    query.ask(c, query.size, 64);
}

/// Records the first bytes as a structure.
fn tell<T: Wire + Pod>(c: &mut Client<'_>, bytes: &[u8]) {
    let mut answer = T::zeroed();
    let len = bytes.len().min(size_of::<T>());
    bytemuck::bytes_of_mut(&mut answer)[..len].copy_from_slice(&bytes[..len]);
    c.show("answer", &[answer]);
}

impl Query {
    /// Sets the original size of the structure.
    const fn since(self, least: usize) -> Self {
        Self { least: least as u32, ..self }
    }

    /// Zeroes the initial memory of the query: the kernel reads the structure.
    const fn with_input(self) -> Self {
        Self { fill: 0, ..self }
    }

    /// Asks for `size` bytes, with `room` of them before what is not mapped.
    fn ask(&self, c: &mut Client<'_>, size: u32, room: usize) {
        c.memory.write_before_end(&vec![self.fill; room]);
        let pointer = c.memory.address(Bad::Ends(room));
        let mut args = drm_panthor_dev_query { type_: self.type_, size, pointer };
        let result = c.call(DRM_IOCTL_PANTHOR_DEV_QUERY, &mut args);
        let memory = c.memory.read_before_end(room);
        if result == 0 {
            let asked = room.min(size as usize);
            (self.tell)(c, &memory[..asked]);
            let behind = &memory[asked.min(self.size as usize)..];
            let zeros = behind.iter().take_while(|&&byte| byte == 0).count();
            c.note(format_args!("  behind it {} bytes, {zeros} zeros first", behind.len()));
        } else if memory.iter().any(|&byte| byte != self.fill) {
            c.note("  something was written");
        }
    }
}

fn sizes_asked_for(cases: &mut Cases) {
    for query in &QUERIES {
        for (name, size) in [("", 0), ("_with_a_size_given", 77)] {
            cases.add(format!("size_of_{}{name}", query.name), move |c| {
                let mut args = drm_panthor_dev_query { type_: query.type_, size, pointer: 0 };
                c.call(DRM_IOCTL_PANTHOR_DEV_QUERY, &mut args);
            });
        }
    }
}

fn answers(cases: &mut Cases, query: &'static Query) {
    let sizes = [
        ("of_size_0", 0),
        ("of_size_1", 1),
        ("a_byte_less_than_the_least", query.least - 1),
        ("of_the_least_size", query.least),
        ("a_byte_more_than_the_least", query.least + 1),
        ("a_byte_short", query.size - 1),
        ("a_word_short", query.size.saturating_sub(8)),
        ("of_its_size", query.size),
        ("a_byte_longer", query.size + 1),
        ("a_word_longer", query.size + 8),
        ("much_longer", query.size + 300),
    ];
    let mut seen = Vec::new();
    for (name, size) in sizes {
        if !seen.contains(&size) {
            seen.push(size);
            cases.add(format!("{}_{name}", query.name), move |c| {
                query.ask(c, size, 1000);
            });
        }
    }
    cases.add(format!("{}_with_the_largest_size", query.name), move |c| {
        query.ask(c, u32::MAX, 1000);
    });
    cases.add(format!("{}_that_ends_with_memory", query.name), move |c| {
        query.ask(c, query.size, query.size as usize);
    });
}

fn bad_pointers(cases: &mut Cases, query: &'static Query) {
    let bads = [
        Bad::Low,
        Bad::Kernel,
        Bad::Last,
        Bad::Unmapped,
        Bad::Ends(1),
        Bad::Ends(query.least as usize - 1),
        Bad::ReadOnly,
    ];
    for bad in bads {
        let name = match bad {
            Bad::Ends(bytes) if bytes > 1 => "a_byte_short_of_memory".into(),
            bad => bad.name(),
        };
        cases.add(format!("{}_at_{name}", query.name), move |c| {
            c.memory.write_before_end(&[0; 256]);
            let pointer = c.memory.address(bad);
            let (type_, size) = (query.type_, query.size);
            let mut args = drm_panthor_dev_query { type_, size, pointer };
            c.call(DRM_IOCTL_PANTHOR_DEV_QUERY, &mut args);
        });
    }
}

fn unknown_types(cases: &mut Cases) {
    for type_ in [5, 6, 255, 1 << 16, u32::MAX] {
        cases.add(format!("unknown_type_{type_}"), move |c| {
            for pointer in [0, c.memory.address(Bad::Ends(64))] {
                let mut args = drm_panthor_dev_query { type_, size: 64, pointer };
                c.call(DRM_IOCTL_PANTHOR_DEV_QUERY, &mut args);
            }
        });
    }
}
