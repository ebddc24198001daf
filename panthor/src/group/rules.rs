//! Rules of the driver for groups and submissions.

use std::ops::RangeInclusive;

use bytemuck::Zeroable;
use panthor_sys as sys;

use super::options::{Cores, GroupOptions, QueueOptions};
use crate::error::Broken;
use crate::query::{CsifInfo, GpuInfo};
use crate::sync_ops::SyncOp;

/// Range of ring buffer sizes. Only powers of two are valid.
const RING_SIZES: RangeInclusive<u32> = 4 << 10..=64 << 10;
/// Maximum priority of a queue within its group.
const QUEUE_PRIORITY_MAX: u8 = 15;
/// Alignment of a command stream's address: a cache line.
const STREAM_ALIGNMENT: u64 = 64;
/// Size of an instruction, which divides a command stream's size.
const INSTRUCTION_SIZE: u32 = 8;
/// Maximum queue submits of one ioctl.
///
/// The driver has no limit. It allocates all fences of a call at once, which fails with a kernel
/// warning from some hundred thousand submits on.
pub(super) const MAX_QUEUE_SUBMITS: usize = 1 << 16;
/// Maximum sync operations of one queue submit: the kernel allocates at most 2 GiB for their
/// array.
pub(super) const MAX_SYNCS: u32 = i32::MAX as u32 / size_of::<SyncOp>() as u32;

/// The device's limits for groups.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupLimits {
    shader_present: u64,
    tiler_present: u64,
    queues: usize,
}

impl GroupLimits {
    pub(crate) fn of(gpu: &GpuInfo, csif: &CsifInfo) -> Self {
        Self {
            shader_present: gpu.shader_present(),
            tiler_present: gpu.tiler_present(),
            queues: csif.cs_slot_count as usize,
        }
    }
}

/// Returns the uAPI struct for a group without its queues and VM, or the broken rule.
///
/// Linux 6.12 does not check the number of queues, and crashes when more queues than slots run.
pub(super) fn group_create(
    options: &GroupOptions,
    limits: &GroupLimits,
) -> Result<sys::drm_panthor_group_create, Broken> {
    let mut arg = sys::drm_panthor_group_create::zeroed();
    let shader = limits.shader_present;
    (arg.compute_core_mask, arg.max_compute_cores) =
        cores(["compute_cores", "max_compute_cores"], options.compute, shader)?;
    (arg.fragment_core_mask, arg.max_fragment_cores) =
        cores(["fragment_cores", "max_fragment_cores"], options.fragment, shader)?;
    (arg.tiler_core_mask, arg.max_tiler_cores) =
        cores(["tiler_cores", "max_tiler_cores"], options.tiler, limits.tiler_present)?;
    if !(1..=limits.queues).contains(&options.queues.len()) {
        let (count, most) = (options.queues.len(), limits.queues);
        let word = if count == 0 { "few" } else { "many" };
        return Err(("queue", format!("is called too {word} times ({count}, from 1 to {most})")));
    }
    for (index, queue) in options.queues.iter().enumerate() {
        check_queue(index, queue)?;
    }
    arg.priority = options.priority.as_raw();
    Ok(arg)
}

/// Returns the mask and the number of cores for one kind of job.
fn cores(names: [&'static str; 2], chosen: Cores, present: u64) -> Result<(u64, u8), Broken> {
    let mask = chosen.mask.unwrap_or(present);
    if mask & !present != 0 {
        let rule = format!("has cores that the GPU lacks ({mask:#x}, within {present:#x})");
        return Err((names[0], rule));
    }
    // The mask has at most 64 bits.
    let count = mask.count_ones() as u8;
    let max = chosen.max.unwrap_or(count);
    if max > count {
        let rule = format!("is more than the mask has ({max}, at most {count} of {mask:#x})");
        return Err((names[1], rule));
    }
    Ok((mask, max))
}

fn check_queue(index: usize, queue: &QueueOptions) -> Result<(), Broken> {
    let QueueOptions { ring_size, priority } = *queue;
    if !RING_SIZES.contains(&ring_size) || !ring_size.is_power_of_two() {
        let rule = format!(
            "number {index} has a ring that is no power of two from 4096 to 65536 ({ring_size} bytes)"
        );
        return Err(("queue", rule));
    }
    if priority > QUEUE_PRIORITY_MAX {
        let rule = format!(
            "number {index} has too high a priority ({priority}, at most {QUEUE_PRIORITY_MAX})"
        );
        return Err(("queue", rule));
    }
    Ok(())
}

/// Returns whether a queue submit may have this command stream.
#[inline]
pub(super) fn allows_stream(va: u64, size: u32, user_va_range: u64) -> bool {
    (va == 0) == (size == 0)
        && va % STREAM_ALIGNMENT == 0
        && size % INSTRUCTION_SIZE == 0
        && va.checked_add(u64::from(size)).is_some_and(|end| end <= user_va_range)
}

/// Returns the rule that a command stream breaks, if [`allows_stream`] returned `false`.
pub(super) fn broken_by_stream(va: u64, size: u32, user_va_range: u64) -> Broken {
    let rule = if (va == 0) != (size == 0) {
        format!("has either an address or a size, not both ({size} bytes at {va:#x})")
    } else if va % STREAM_ALIGNMENT != 0 {
        format!("is not aligned ({va:#x}, a multiple of {STREAM_ALIGNMENT})")
    } else if size % INSTRUCTION_SIZE != 0 {
        format!("does not consist of instructions ({size} bytes, a multiple of {INSTRUCTION_SIZE})")
    } else {
        format!(
            "ends beyond the user VA range ({size:#x} bytes at {va:#x}, {:#x?})",
            0..user_va_range
        )
    };
    ("stream", rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::GroupPriority;

    const LIMITS: GroupLimits =
        GroupLimits { shader_present: 0x5_0005, tiler_present: 1, queues: 8 };

    fn options() -> GroupOptions {
        GroupOptions::new().queue(QueueOptions::new(4096))
    }

    /// Returns the broken argument and the text.
    fn broken(options: GroupOptions) -> Broken {
        group_create(&options, &LIMITS).expect_err("a broken rule")
    }

    #[test]
    fn a_group_has_all_cores_unless_told_otherwise() {
        let arg = group_create(&options(), &LIMITS).unwrap();
        assert_eq!((arg.compute_core_mask, arg.max_compute_cores), (0x5_0005, 4));
        assert_eq!((arg.fragment_core_mask, arg.max_fragment_cores), (0x5_0005, 4));
        assert_eq!((arg.tiler_core_mask, arg.max_tiler_cores), (1, 1));
        assert_eq!(arg.priority, sys::PANTHOR_GROUP_PRIORITY_MEDIUM);
    }

    #[test]
    fn a_mask_brings_its_own_number_of_cores() {
        let options = options().compute_cores(4).max_fragment_cores(3).tiler_cores(0);
        let arg = group_create(&options.priority(GroupPriority::Low), &LIMITS).unwrap();
        assert_eq!((arg.compute_core_mask, arg.max_compute_cores), (4, 1));
        assert_eq!((arg.fragment_core_mask, arg.max_fragment_cores), (0x5_0005, 3));
        assert_eq!((arg.tiler_core_mask, arg.max_tiler_cores), (0, 0));
        assert_eq!(arg.priority, sys::PANTHOR_GROUP_PRIORITY_LOW);
    }

    #[test]
    fn cores_are_the_gpus() {
        assert_eq!(broken(options().compute_cores(2)).0, "compute_cores");
        assert_eq!(broken(options().fragment_cores(u64::MAX)).0, "fragment_cores");
        assert_eq!(broken(options().tiler_cores(4)).0, "tiler_cores");
        assert_eq!(broken(options().max_compute_cores(5)).0, "max_compute_cores");
        assert_eq!(
            broken(options().fragment_cores(1).max_fragment_cores(2)).0,
            "max_fragment_cores"
        );
        assert_eq!(broken(options().max_tiler_cores(u8::MAX)).0, "max_tiler_cores");
    }

    #[test]
    fn from_one_queue_to_as_many_as_slots() {
        let with = |count| {
            let queue = |options: GroupOptions, _| options.queue(QueueOptions::new(4096));
            (0..count).fold(GroupOptions::new(), queue)
        };
        assert!(group_create(&with(1), &LIMITS).is_ok());
        assert!(group_create(&with(8), &LIMITS).is_ok());
        assert_eq!(broken(with(0)), ("queue", "is called too few times (0, from 1 to 8)".into()));
        assert_eq!(broken(with(9)).0, "queue");
    }

    #[test]
    fn queues_are_named_by_index() {
        let with = |queue| options().queue(queue);
        for size in [4096, 8192, 32768, 65536] {
            assert!(group_create(&with(QueueOptions::new(size)), &LIMITS).is_ok(), "{size}");
        }
        for size in [0, 1, 2048, 4097, 12288, 65535, 131_072, u32::MAX] {
            let (argument, rule) = broken(with(QueueOptions::new(size)));
            assert_eq!(argument, "queue");
            assert!(rule.starts_with("number 1 has a ring"), "{rule}");
        }
        assert!(group_create(&with(QueueOptions::new(4096).priority(15)), &LIMITS).is_ok());
        let (_, rule) = broken(with(QueueOptions::new(4096).priority(16)));
        assert!(rule.starts_with("number 1 has too high a priority (16"), "{rule}");
    }

    #[test]
    fn streams() {
        let limit = 1 << 47;
        for (va, size) in [(0, 0), (64, 8), (1 << 30, 4096), (limit - 64, 64), (limit - 64, 8)] {
            assert!(allows_stream(va, size, limit), "{va:#x} {size}");
        }
        for (va, size, word) in [
            (64, 0, "not both"),
            (0, 8, "not both"),
            (32, 8, "multiple of 64"),
            (64, 4, "instructions"),
            (limit, 8, "ends beyond"),
            (limit - 64, 72, "ends beyond"),
            (u64::MAX - 63, 128, "ends beyond"),
        ] {
            assert!(!allows_stream(va, size, limit), "{va:#x} {size}");
            let (argument, rule) = broken_by_stream(va, size, limit);
            assert_eq!(argument, "stream");
            assert!(rule.contains(word), "{rule}");
        }
    }
}
