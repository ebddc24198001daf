//! DEV_QUERY for timestamps: its flags, and fields that a client filled in.

use bytemuck::Zeroable;
use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

const SIZE: u32 = size_of::<drm_panthor_timestamp_info>() as u32;

const FLAGS: [(&str, u32); 7] = [
    ("gpu", DRM_PANTHOR_TIMESTAMP_GPU),
    ("cpu_monotonic", DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC),
    ("cpu_monotonic_raw", DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC_RAW),
    ("gpu_offset", DRM_PANTHOR_TIMESTAMP_GPU_OFFSET),
    ("cycle_count", DRM_PANTHOR_TIMESTAMP_GPU_CYCLE_COUNT),
    ("frequency", DRM_PANTHOR_TIMESTAMP_FREQ),
    ("duration", DRM_PANTHOR_TIMESTAMP_DURATION),
];

pub fn add(cases: &mut Cases) {
    cases.group("timestamp");
    for (index, (name, flag)) in FLAGS.into_iter().enumerate() {
        cases.add(format!("flag_{name}"), move |c| ask(c, with_flags(flag), SIZE));
        for (other_name, other) in &FLAGS[index + 1..] {
            cases.add(format!("flags_{name}_and_{other_name}"), move |c| {
                ask(c, with_flags(flag | other), SIZE);
            });
        }
    }
    cases.add("all_flags", |c| {
        let known = FLAGS.iter().map(|(_, flag)| flag);
        let all: u32 = known.filter(|&&flag| flag != DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC).sum();
        ask(c, with_flags(all), SIZE);
    });
    for clock in 3..8 {
        cases.add(format!("cpu_clock_{clock}"), move |c| ask(c, with_flags(clock << 1), SIZE));
    }
    for bit in [8, 9, 16, 31] {
        cases.add(format!("unknown_flag_bit_{bit}"), move |c| ask(c, with_flags(1 << bit), SIZE));
        cases.add(format!("unknown_flag_bit_{bit}_in_an_old_structure"), move |c| {
            ask(c, with_flags(1 << bit), 24);
        });
    }
    cases.add("flags_behind_the_size", |c| {
        let with = with_flags(DRM_PANTHOR_TIMESTAMP_DURATION);
        ask(c, with, std::mem::offset_of!(drm_panthor_timestamp_info, flags) as u32);
    });
    cases.add("flags_in_part", |c| {
        let with = with_flags(DRM_PANTHOR_TIMESTAMP_DURATION | 1 << 31);
        ask(c, with, std::mem::offset_of!(drm_panthor_timestamp_info, flags) as u32 + 1);
    });
    fields(cases);
    tails(cases);
}

fn with_flags(flags: u32) -> drm_panthor_timestamp_info {
    drm_panthor_timestamp_info { flags, ..zeroed() }
}

/// Asks with a structure that holds something, in `size` bytes.
fn ask(c: &mut Client<'_>, given: drm_panthor_timestamp_info, size: u32) {
    c.memory.write_before_end(bytemuck::bytes_of(&given));
    c.show("given", &[given]);
    let pointer = c.memory.address(Bad::Ends(SIZE as usize));
    let type_ = DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO;
    let mut args = drm_panthor_dev_query { type_, size, pointer };
    if c.call(DRM_IOCTL_PANTHOR_DEV_QUERY, &mut args) == 0 {
        let mut answer = drm_panthor_timestamp_info::zeroed();
        let memory = c.memory.read_before_end(SIZE as usize);
        bytemuck::bytes_of_mut(&mut answer).copy_from_slice(&memory);
        c.show("answer", &[answer]);
    }
}

fn fields(cases: &mut Cases) {
    let with = with_flags(DRM_PANTHOR_TIMESTAMP_GPU);
    let fields = [
        ("frequency", drm_panthor_timestamp_info { timestamp_frequency: 7, ..with }),
        ("current_timestamp", drm_panthor_timestamp_info { current_timestamp: 7, ..with }),
        ("timestamp_offset", drm_panthor_timestamp_info { timestamp_offset: 7, ..with }),
        ("duration", drm_panthor_timestamp_info { duration_nsec: 7, ..with }),
        ("cycle_count", drm_panthor_timestamp_info { cycle_count: 7, ..with }),
        ("cpu_seconds", drm_panthor_timestamp_info { cpu_timestamp_sec: 7, ..with }),
        ("cpu_nanoseconds", drm_panthor_timestamp_info { cpu_timestamp_nsec: 7, ..with }),
    ];
    for (name, given) in fields {
        cases.add(format!("{name}_is_only_an_output"), move |c| ask(c, given, SIZE));
    }
}

/// Adds cases of arguments longer than the structure that the kernel knows.
fn tails(cases: &mut Cases) {
    for (name, size, at) in
        [("the_next_byte", 100, 56), ("the_last_byte", 100, 99), ("in_the_middle", 4000, 3000)]
    {
        cases.add(format!("something_behind_it_in_{name}"), move |c| tail(c, size, 4000, at));
    }
    cases.add("something_behind_it_before_memory_ends", |c| tail(c, 4096, 200, 150));
    cases.add("nothing_behind_it_before_memory_ends", |c| tail(c, 4096, 200, 0));
    cases.add("something_behind_it_but_beyond_the_size", |c| tail(c, 80, 200, 80));
}

/// Asks for `size` bytes where `room` are mapped, one of which is not zero.
fn tail(c: &mut Client<'_>, size: u32, room: usize, at: usize) {
    let mut memory = vec![0; room];
    memory[at] = u8::from(at != 0);
    c.memory.write_before_end(&memory);
    let pointer = c.memory.address(Bad::Ends(room));
    let type_ = DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO;
    let mut args = drm_panthor_dev_query { type_, size, pointer };
    c.call(DRM_IOCTL_PANTHOR_DEV_QUERY, &mut args);
    let zero = c.memory.read_before_end(room)[SIZE as usize..].iter().all(|&byte| byte == 0);
    c.note(format_args!("  zeros behind it: {zero}"));
}
