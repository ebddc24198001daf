//! The structures of the uAPI as text: which fields they have, and what each is.

use panthor_raw::requests::REQUESTS;
use panthor_sys::*;

/// Value of a field, with the rule of its text form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// Flags, addresses, sizes.
    Hex(u64),
    /// Ids, counts, indices.
    Dec(i64),
    /// Pointer of the client. The text is whether the pointer is null.
    Ptr(u64),
    /// Mmap offset, which the kernel chooses. The text is its number in the order of appearance.
    Offset(u64),
    /// Descriptor. The text is its number in the order of appearance.
    Fd(i64),
    /// Time, or a value that changes with time. The text is whether the value is zero.
    Time(u64),
    /// Value that depends on the GPU model.
    Model(u64),
}

/// A field of a structure: its name, where it starts, and how long it is.
pub type Field = (&'static str, usize, usize);

/// A structure of the uAPI.
pub trait Wire {
    /// Name of the structure.
    const NAME: &'static str;
    /// Fields, in order.
    const LAYOUT: &'static [Field];

    /// Returns the fields by name.
    fn fields(&self) -> Vec<(String, Value)>;
}

/// Returns the size of the elements that a pointer field leads to.
const fn length<A, F>(_: fn(&A) -> &F) -> usize {
    size_of::<F>()
}

/// Fields as they are collected.
#[derive(Default)]
struct Fields(Vec<(String, Value)>);

impl Fields {
    fn add(&mut self, name: impl Into<String>, value: Value) {
        self.0.push((name.into(), value));
    }
}

macro_rules! wire {
    ($($ty:ident { $($field:ident $kind:ident),* $(,)? })*) => {
        /// All structures: name, size and fields.
        #[cfg(test)]
        const STRUCTURES: &[(&str, usize, &[Field])] =
            &[$((stringify!($ty), size_of::<$ty>(), <$ty as Wire>::LAYOUT)),*];
        $(
        impl Wire for $ty {
            const NAME: &'static str = stringify!($ty);
            const LAYOUT: &'static [Field] = &[$((
                stringify!($field),
                std::mem::offset_of!($ty, $field),
                length(|all: &$ty| &all.$field),
            )),*];

            #[allow(clippy::vec_init_then_push)] // it is a field that says how much is pushed
            fn fields(&self) -> Vec<(String, Value)> {
                let mut all = Fields::default();
                $(wire!(@ $kind all, stringify!($field).trim_end_matches('_'), self.$field);)*
                all.0
            }
        }
    )*};
    // The callers that know the contents record them.
    (@ text $all:ident, $name:expr, $value:expr) => {};
    (@ array $all:ident, $name:expr, $value:expr) => {
        $all.add(format!("{}.stride", $name), Value::Dec($value.stride.into()));
        $all.add(format!("{}.count", $name), Value::Dec($value.count.into()));
        $all.add(format!("{}.array", $name), Value::Ptr($value.array));
    };
    (@ bytes $all:ident, $name:expr, $value:expr) => {
        for (index, &byte) in $value.iter().enumerate() {
            $all.add(format!("{}[{index}]", $name), Value::Dec(byte.into()));
        }
    };
    (@ models $all:ident, $name:expr, $value:expr) => {
        for (index, &word) in $value.iter().enumerate() {
            $all.add(format!("{}[{index}]", $name), Value::Model(word.into()));
        }
    };
    (@ $kind:ident $all:ident, $name:expr, $value:expr) => {
        $all.add($name.to_owned(), wire!(@@ $kind $value));
    };
    (@@ hex $value:expr) => { Value::Hex($value.into()) };
    (@@ dec $value:expr) => { Value::Dec($value.into()) };
    // Times that wait for a point in time are the same wherever the client runs.
    (@@ signed $value:expr) => { Value::Dec($value) };
    (@@ len $value:expr) => { Value::Dec($value as i64) };
    (@@ address $value:expr) => { Value::Ptr($value.addr() as u64) };
    (@@ ptr $value:expr) => { Value::Ptr($value) };
    (@@ offset $value:expr) => { Value::Offset($value) };
    (@@ fd $value:expr) => { Value::Fd($value.into()) };
    (@@ time $value:expr) => { Value::Time($value.into()) };
    (@@ model $value:expr) => { Value::Model($value.into()) };
}

wire! {
    drm_panthor_obj_array { stride dec, count dec, array ptr }
    drm_panthor_sync_op { flags hex, handle dec, timeline_value hex }
    drm_panthor_dev_query { type_ dec, size dec, pointer ptr }
    drm_panthor_gpu_info {
        gpu_id model, gpu_rev model, csf_id model, l2_features model, tiler_features model,
        mem_features model, mmu_features model, thread_features model, max_threads model,
        thread_max_workgroup_size model, thread_max_barrier_size model, coherency_features model,
        texture_features models, as_present model, selected_coherency model, shader_present model,
        l2_present model, tiler_present model, core_features model, pad hex, gpu_features model,
    }
    drm_panthor_csif_info {
        csg_slot_count model, cs_slot_count model, cs_reg_count model, scoreboard_slot_count model,
        unpreserved_cs_reg_count model, pad hex,
    }
    drm_panthor_timestamp_info {
        timestamp_frequency time, current_timestamp time, timestamp_offset time, flags hex,
        duration_nsec time, cycle_count time, cpu_timestamp_sec time, cpu_timestamp_nsec time,
    }
    drm_panthor_mmu_info { page_size_bitmap hex }
    drm_panthor_group_priorities_info { allowed_mask hex, pad bytes }
    drm_panthor_vm_create { flags hex, id dec, user_va_range hex }
    drm_panthor_vm_destroy { id dec, pad hex }
    drm_panthor_vm_bind_op { flags hex, bo_handle dec, bo_offset hex, va hex, size hex, syncs array }
    drm_panthor_vm_bind { vm_id dec, flags hex, ops array }
    drm_panthor_vm_get_state { vm_id dec, state dec }
    drm_panthor_bo_create { size hex, flags hex, exclusive_vm_id dec, handle dec, pad hex }
    drm_panthor_bo_mmap_offset { handle dec, pad hex, offset offset }
    drm_panthor_queue_create { priority dec, pad bytes, ringbuf_size hex }
    drm_panthor_group_create {
        queues array, max_compute_cores dec, max_fragment_cores dec, max_tiler_cores dec,
        priority dec, pad hex, compute_core_mask hex, fragment_core_mask hex, tiler_core_mask hex,
        vm_id dec, group_handle dec,
    }
    drm_panthor_group_destroy { group_handle dec, pad hex }
    drm_panthor_queue_submit {
        queue_index dec, stream_size hex, stream_addr hex, latest_flush dec, pad hex, syncs array,
    }
    drm_panthor_group_submit { group_handle dec, pad hex, queue_submits array }
    drm_panthor_group_get_state { group_handle dec, state hex, fatal_queues hex, pad hex }
    drm_panthor_tiler_heap_create {
        vm_id dec, initial_chunk_count dec, chunk_size hex, max_chunks dec, target_in_flight dec,
        handle hex, tiler_heap_ctx_gpu_va hex, first_heap_chunk_gpu_va hex,
    }
    drm_panthor_tiler_heap_destroy { handle hex, pad hex }
    drm_panthor_bo_set_label { handle dec, pad hex, label ptr }
    drm_panthor_set_user_mmio_offset { offset hex }
    drm_panthor_bo_sync_op { handle dec, type_ dec, offset hex, size hex }
    drm_panthor_bo_sync { ops array }
    drm_panthor_bo_query_info { handle dec, extra_flags hex, create_flags hex, pad hex }
    drm_version {
        version_major dec, version_minor dec, version_patchlevel dec, name_len len, name address,
        date_len len, date address, desc_len len, desc address,
    }
    drm_unique { unique_len len, unique address }
    drm_auth { magic dec }
    drm_set_version { drm_di_major dec, drm_di_minor dec, drm_dd_major dec, drm_dd_minor dec }
    drm_gem_close { handle dec, pad hex }
    drm_gem_flink { handle dec, name dec }
    drm_gem_open { name dec, handle dec, size hex }
    drm_get_cap { capability hex, value hex }
    drm_set_client_cap { capability hex, value hex }
    drm_set_client_name { name_len hex, name ptr }
    drm_prime_handle { handle dec, flags hex, fd fd }
    drm_syncobj_create { handle dec, flags hex }
    drm_syncobj_destroy { handle dec, pad hex }
    drm_syncobj_handle { handle dec, flags hex, fd fd, pad hex, point hex }
    drm_syncobj_transfer {
        src_handle dec, dst_handle dec, src_point hex, dst_point hex, flags hex, pad hex,
    }
    drm_syncobj_wait {
        handles ptr, timeout_nsec signed, count_handles dec, flags hex, first_signaled dec, pad hex,
        deadline_nsec hex,
    }
    drm_syncobj_timeline_wait {
        handles ptr, points ptr, timeout_nsec signed, count_handles dec, flags hex,
        first_signaled dec, pad hex, deadline_nsec hex,
    }
    drm_syncobj_eventfd { handle dec, flags hex, point hex, fd fd, pad hex }
    drm_syncobj_array { handles ptr, count_handles dec, pad hex }
    drm_syncobj_timeline_array { handles ptr, points ptr, count_handles dec, flags hex }
    dma_buf_sync { flags hex }
    dma_buf_export_sync_file { flags hex, fd fd }
    dma_buf_import_sync_file { flags hex, fd fd }
    sync_merge_data { name text, fd2 fd, fence fd, flags hex, pad hex }
    sync_file_info { name text, status dec, flags hex, num_fences dec, pad hex, sync_fence_info ptr }
    sync_fence_info { obj_name text, driver_name text, status dec, flags hex, timestamp_ns time }
    sync_set_deadline { deadline_ns hex, pad hex }
}

/// Returns the name of a request without its prefix. Adds the size and the directions if they
/// differ from the header.
pub fn name(request: u32) -> String {
    let exactly = REQUESTS.iter().find(|(_, known)| *known == request);
    let found = exactly.or(REQUESTS.iter().find(|(_, known)| known & 0xffff == request & 0xffff));
    match found {
        Some((name, known)) => {
            let name = name.trim_start_matches("DRM_IOCTL_").trim_start_matches("PANTHOR_");
            if *known == request { name.to_owned() } else { format!("{name}[{request:#x}]") }
        }
        None => format!("{request:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_structure_is_told() {
        // That has a hole of the C compiler's.
        for &(name, size, layout) in STRUCTURES.iter().filter(|(name, ..)| *name != "drm_version") {
            let mut end = 0;
            for &(field, at, len) in layout {
                assert_eq!(at, end, "{name}: what is before {field} is not told");
                end = at + len;
            }
            assert_eq!(end, size, "{name}: what is behind its last field is not told");
        }
    }
}
