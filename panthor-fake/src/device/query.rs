//! `DRM_IOCTL_PANTHOR_DEV_QUERY`: device properties.

use std::mem::offset_of;

use bytemuck::Zeroable;
use nix::time::{ClockId, clock_gettime};
use panthor_sys as sys;

use crate::call::errno::{Errno, Result};
use crate::call::ioctl::{Call, args};
use crate::device::DeviceInner;
use crate::device::gpu_model::Gpu;

/// The frequency of the GPU's timestamp counter in Hz, that of the RK3588's system counter.
const TIMESTAMP_HZ: u64 = 24_000_000;

/// The frequency of the GPU's cycle counter in Hz.
const CYCLES_HZ: u64 = 1_000_000_000;

/// The answer to a query.
struct Answer {
    bytes: Vec<u8>,
    min_size: u32,
}

pub(crate) fn dev_query(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_dev_query = args(data);
    let minor = call.file.config().driver_minor;
    let known_size = size(args.type_, minor).ok_or(Errno::INVAL)?;
    if args.pointer == 0 {
        args.size = known_size;
        return Ok(());
    }
    let answer = answer(call, args, known_size)?;
    call.user.write_struct(args.pointer, args.size, answer.min_size, &answer.bytes)
}

/// Returns the size of a query's structure in a driver version, or `None` if the version lacks the
/// query.
fn size(query: u32, minor: u32) -> Option<u32> {
    let size = match query {
        // Linux 6.18 added `gpu_features` without a new version.
        sys::DRM_PANTHOR_DEV_QUERY_GPU_INFO if minor <= 5 => {
            offset_of!(sys::drm_panthor_gpu_info, gpu_features)
        }
        sys::DRM_PANTHOR_DEV_QUERY_GPU_INFO => size_of::<sys::drm_panthor_gpu_info>(),
        sys::DRM_PANTHOR_DEV_QUERY_CSIF_INFO => size_of::<sys::drm_panthor_csif_info>(),
        sys::DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO if minor < 1 => return None,
        sys::DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO if minor < 8 => {
            offset_of!(sys::drm_panthor_timestamp_info, flags)
        }
        sys::DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO => size_of::<sys::drm_panthor_timestamp_info>(),
        sys::DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO if minor >= 2 => {
            size_of::<sys::drm_panthor_group_priorities_info>()
        }
        sys::DRM_PANTHOR_DEV_QUERY_MMU_INFO if minor >= 9 => size_of::<sys::drm_panthor_mmu_info>(),
        _ => return None,
    };
    Some(size as u32)
}

/// Returns the driver's answer, truncated to the size that its version knows, and the smallest size
/// that a caller may pass.
fn answer(call: &Call<'_>, query: &sys::drm_panthor_dev_query, size: u32) -> Result<Answer> {
    let device = call.file.device_inner();
    let (mut bytes, min_size) = match query.type_ {
        sys::DRM_PANTHOR_DEV_QUERY_GPU_INFO => {
            let info = gpu_info(device);
            (bytemuck::bytes_of(&info).to_vec(), end_of_tiler_present())
        }
        sys::DRM_PANTHOR_DEV_QUERY_CSIF_INFO => (bytemuck::bytes_of(&CSIF_INFO).to_vec(), size),
        sys::DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO => {
            let mut info = sys::drm_panthor_timestamp_info::zeroed();
            if size == size_of::<sys::drm_panthor_timestamp_info>() as u32 {
                let into = bytemuck::bytes_of_mut(&mut info);
                call.user.read_struct(query.pointer, query.size.into(), into)?;
            }
            timestamps(device, &mut info)?;
            let min_size = offset_of!(sys::drm_panthor_timestamp_info, timestamp_offset);
            (bytemuck::bytes_of(&info).to_vec(), min_size as u32)
        }
        sys::DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO => {
            (bytemuck::bytes_of(&group_priorities(call.may_have_high_priority())).to_vec(), size)
        }
        sys::DRM_PANTHOR_DEV_QUERY_MMU_INFO => (bytemuck::bytes_of(&MMU_INFO).to_vec(), size),
        _ => return Err(Errno::INVAL),
    };
    bytes.truncate(size as usize);
    Ok(Answer { bytes, min_size })
}

/// Returns the original size of the GPU info.
const fn end_of_tiler_present() -> u32 {
    offset_of!(sys::drm_panthor_gpu_info, core_features) as u32
}

/// Returns the registers of a Mali-G610, with the identity of the configured model.
fn gpu_info(device: &DeviceInner) -> sys::drm_panthor_gpu_info {
    let config = &device.config;
    let gpu = config.gpu;
    let mut info = sys::drm_panthor_gpu_info::zeroed();
    info.gpu_id = gpu.gpu_id();
    info.csf_id = 0x040a_0412;
    info.l2_features = 0x0712_0306;
    info.tiler_features = 0x0809;
    info.mem_features = 0x0301;
    info.mmu_features = PA_BITS << 8 | Gpu::VA_BITS;
    info.thread_features = 0x0401_0000;
    info.max_threads = 2048;
    info.thread_max_workgroup_size = 1024;
    info.thread_max_barrier_size = 1024;
    info.coherency_features = 1 << sys::DRM_PANTHOR_GPU_COHERENCY_ACE_LITE;
    info.texture_features[0] = 0xc1ff_ff9e;
    info.as_present = 0xff;
    // Before 1.7, this field was padding.
    info.selected_coherency = match (config.driver_minor, config.coherent) {
        (0..=6, _) => 0,
        (_, true) => sys::DRM_PANTHOR_GPU_COHERENCY_ACE_LITE,
        (_, false) => sys::DRM_PANTHOR_GPU_COHERENCY_NONE,
    };
    info.shader_present = gpu.shader_present();
    info.l2_present = 1;
    info.tiler_present = TILER_PRESENT;
    info.core_features = gpu.core_features();
    info.gpu_features = gpu.gpu_features();
    info
}

/// The mask of the present tilers.
pub(crate) const TILER_PRESENT: u64 = 1;

/// The width of the GPU's physical addresses in bits.
const PA_BITS: u32 = 40;

pub(crate) const CSIF_INFO: sys::drm_panthor_csif_info = sys::drm_panthor_csif_info {
    csg_slot_count: 8,
    cs_slot_count: 8,
    cs_reg_count: 96,
    scoreboard_slot_count: 8,
    unpreserved_cs_reg_count: 4,
    pad: 0,
};

const MMU_INFO: sys::drm_panthor_mmu_info =
    sys::drm_panthor_mmu_info { page_size_bitmap: 4 << 10 | 2 << 20 };

fn group_priorities(high: bool) -> sys::drm_panthor_group_priorities_info {
    let mut info = sys::drm_panthor_group_priorities_info::zeroed();
    let highest = match high {
        true => sys::PANTHOR_GROUP_PRIORITY_REALTIME,
        false => sys::PANTHOR_GROUP_PRIORITY_MEDIUM,
    };
    info.allowed_mask = (1 << (highest + 1)) - 1;
    info
}

/// Fills in the fields that the flags request and zeroes the others.
fn timestamps(device: &DeviceInner, info: &mut sys::drm_panthor_timestamp_info) -> Result<()> {
    const ALL: u32 = sys::DRM_PANTHOR_TIMESTAMP_GPU
        | sys::DRM_PANTHOR_TIMESTAMP_CPU_TYPE_MASK
        | sys::DRM_PANTHOR_TIMESTAMP_GPU_OFFSET
        | sys::DRM_PANTHOR_TIMESTAMP_GPU_CYCLE_COUNT
        | sys::DRM_PANTHOR_TIMESTAMP_FREQ
        | sys::DRM_PANTHOR_TIMESTAMP_DURATION;

    let flags = match info.flags {
        // Zero flags select the fields of the query before it had flags.
        0 => {
            sys::DRM_PANTHOR_TIMESTAMP_GPU
                | sys::DRM_PANTHOR_TIMESTAMP_GPU_OFFSET
                | sys::DRM_PANTHOR_TIMESTAMP_FREQ
        }
        flags => flags,
    };
    let cpu_clock = match flags & sys::DRM_PANTHOR_TIMESTAMP_CPU_TYPE_MASK {
        sys::DRM_PANTHOR_TIMESTAMP_CPU_NONE => None,
        sys::DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC => Some(ClockId::CLOCK_MONOTONIC),
        sys::DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC_RAW => Some(ClockId::CLOCK_MONOTONIC_RAW),
        _ => return Err(Errno::INVAL),
    };
    if flags & !ALL != 0 {
        return Err(Errno::INVAL);
    }
    let asked = |flag| flags & flag != 0;
    let start = device.epoch.elapsed();
    let ticks = |hz: u64| (start.as_nanos() * u128::from(hz) / 1_000_000_000) as u64;

    let mut filled = sys::drm_panthor_timestamp_info::zeroed();
    filled.flags = info.flags;
    if asked(sys::DRM_PANTHOR_TIMESTAMP_FREQ) {
        filled.timestamp_frequency = TIMESTAMP_HZ;
    }
    if asked(sys::DRM_PANTHOR_TIMESTAMP_GPU) {
        filled.current_timestamp = ticks(TIMESTAMP_HZ);
    }
    if let Some(clock) = cpu_clock {
        let now = clock_gettime(clock)?;
        filled.cpu_timestamp_sec = now.tv_sec() as u64;
        filled.cpu_timestamp_nsec = now.tv_nsec() as u64;
    }
    if asked(sys::DRM_PANTHOR_TIMESTAMP_GPU_CYCLE_COUNT) {
        filled.cycle_count = ticks(CYCLES_HZ);
    }
    if asked(sys::DRM_PANTHOR_TIMESTAMP_DURATION) {
        let spent = device.epoch.elapsed() - start;
        filled.duration_nsec = u32::try_from(spent.as_nanos()).unwrap_or(u32::MAX);
    }
    *info = filled;
    Ok(())
}
