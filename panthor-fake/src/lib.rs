//! A software Panthor: a GPU with its kernel driver, inside a test.
#![deny(missing_docs)]

mod bind;
mod bind_async;
mod bo;
mod bo_ioctls;
mod config;
mod device;
mod drm_core;
mod errno;
mod events;
mod fence;
mod file;
mod gpu_model;
mod gpu_view;
mod handles;
mod inject;
mod ioctl;
mod jobs;
mod lock;
mod mapping;
mod memory;
mod query;
mod stats;
mod syncobj;
mod syncobj_ioctls;
mod uaccess;
mod va_space;
mod vm;
mod vm_ioctls;

pub use config::{Config, PageSize};
pub use device::Device;
pub use file::File;
pub use gpu_model::Gpu;
pub use gpu_view::{Access, FaultKind, GpuFault, GpuView, MappingInfo};
pub use mapping::{Mapping, Prot};
pub use stats::{Leaks, Stats};
