//! Answers of calls outside of their structure.

use panthor_sys::*;

use crate::uapi::client::Client;

use super::program::Arg;
use super::requests::*;
use super::values::Bytes;

/// Writes it down, if the call is one of those.
pub fn show(
    client: &mut Client<'_>,
    request: &Request,
    fields: &[(&str, Arg)],
    bytes: &[u8],
    behind: &Bytes,
) {
    if *request == DEV_QUERY {
        query(client, fields, behind);
    } else if *request == SYNC_FILE_INFO {
        let info = bytemuck::pod_read_unaligned(bytes);
        client.file_names(&info, behind.room().unwrap_or(&[]));
    }
}

/// Writes down what a query answered.
fn query(client: &mut Client<'_>, fields: &[(&str, Arg)], behind: &Bytes) {
    let of = |wanted| fields.iter().find(|(name, _)| *name == wanted).map(|(_, arg)| arg);
    let (Some(Arg::Number(kind)), Some(Arg::Room)) = (of("type_"), of("pointer")) else {
        return;
    };
    let Some(room) = behind.room() else { return };
    let bytes: &[u8] = bytemuck::cast_slice(room);
    macro_rules! show {
        ($($kind:ident $ty:ident),*) => {
            match i64::from(*kind as u32) {
                $(kind if kind == i64::from($kind) => {
                    let answer: $ty = bytemuck::pod_read_unaligned(&bytes[..size_of::<$ty>()]);
                    client.show("answer", &[answer]);
                })*
                _ => {}
            }
        };
    }
    show! {
        DRM_PANTHOR_DEV_QUERY_GPU_INFO drm_panthor_gpu_info,
        DRM_PANTHOR_DEV_QUERY_CSIF_INFO drm_panthor_csif_info,
        DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO drm_panthor_timestamp_info,
        DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO drm_panthor_group_priorities_info,
        DRM_PANTHOR_DEV_QUERY_MMU_INFO drm_panthor_mmu_info
    }
}
