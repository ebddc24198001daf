//! Raw uAPI of the Panthor DRM driver, version 1.9, for Arm Mali GPUs with a command stream
//! frontend (Mali-G310 and later).
//!
//! Structs, constants and ioctl numbers keep their C names. The crate has all of the kernel's
//! `panthor_drm.h`. From `drm.h`, `dma-buf.h` and `sync_file.h`, the crate has the items that a
//! client of Panthor needs: versions, capabilities, GEM and PRIME handles, syncobjs, dma-bufs and
//! sync_files. The crate `panthor` adds calls and safety.
//!
//! - Every struct is plain data ([`bytemuck::Pod`]) without hidden padding. Assertions check each
//!   layout when the crate is compiled. All zero ([`Default`]) is a valid start. The two structs
//!   with pointers, [`drm_version`] and [`drm_unique`], are [`bytemuck::Zeroable`] only.
//! - Constants have the type of the field they go into. There are no Rust enums: a value that a
//!   newer kernel adds is just another number.
//! - Ioctl numbers are `u32`s.
//! - Kernels append fields. A release with a new field is not a breaking release. End literals with
//!   `..Default::default()`, even when they name all of today's fields, and patterns with `..`.
//!
//! ```
//! use panthor_sys::*;
//!
//! // A sparse mapping of 100 MB is one operation, whatever its size.
//! let ops = [drm_panthor_vm_bind_op {
//!     flags: DRM_PANTHOR_VM_BIND_OP_TYPE_MAP
//!         | DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE
//!         | DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC,
//!     va: 0x1000_0000,
//!     size: 100_003_840,
//!     ..Default::default()
//! }];
//! let bind = drm_panthor_vm_bind {
//!     vm_id: 1,
//!     ops: drm_panthor_obj_array::from_slice(&ops),
//!     ..Default::default()
//! };
//!
//! // The bytes at the pointer that goes with DRM_IOCTL_PANTHOR_VM_BIND:
//! let bytes = bytemuck::bytes_of(&bind);
//! assert_eq!(bytes.len(), ioc_size(DRM_IOCTL_PANTHOR_VM_BIND));
//! assert_eq!(bytes[..4], 1u32.to_ne_bytes());
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![allow(non_camel_case_types)]

#[cfg(target_arch = "x86")]
compile_error!(
    "32-bit x86 aligns u64 to 4 bytes, so that these structs would differ from what a kernel expects \
     of any machine with a Mali GPU"
);

#[rustfmt::skip]
mod bindings;
mod drm_core;
mod gpu_info;
mod ioctl;
mod obj_array;
// Rust 1.85 does not count what unnamed constants use.
#[allow(dead_code)]
mod pin;
#[allow(dead_code)]
mod pod;
mod user_mmio;

pub use bindings::*;
pub use drm_core::*;
pub use gpu_info::*;
pub use ioctl::*;
pub use user_mmio::*;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
const _README: () = ();
