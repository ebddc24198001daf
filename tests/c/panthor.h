/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The part of Panthor's uAPI that the C program uses: the host's headers may be older than the driver. */
#ifndef PANTHOR_H
#define PANTHOR_H

#include <stdint.h>
#include <xf86drm.h>

struct drm_panthor_obj_array {
	uint32_t stride, count;
	uint64_t array;
};
struct drm_panthor_vm_create {
	uint32_t flags, id;
	uint64_t user_va_range;
};
struct drm_panthor_vm_destroy {
	uint32_t id, pad;
};
struct drm_panthor_vm_bind_op {
	uint32_t flags, bo_handle;
	uint64_t bo_offset, va, size;
	struct drm_panthor_obj_array syncs;
};
struct drm_panthor_vm_bind {
	uint32_t vm_id, flags;
	struct drm_panthor_obj_array ops;
};
struct drm_panthor_vm_get_state {
	uint32_t vm_id, state;
};
struct drm_panthor_bo_create {
	uint64_t size;
	uint32_t flags, exclusive_vm_id, handle, pad;
};
struct drm_panthor_bo_mmap_offset {
	uint32_t handle, pad;
	uint64_t offset;
};

#define PANTHOR_IOCTL(number, type) DRM_IOWR(DRM_COMMAND_BASE + (number), struct drm_panthor_##type)
#define DRM_IOCTL_PANTHOR_VM_CREATE PANTHOR_IOCTL(1, vm_create)
#define DRM_IOCTL_PANTHOR_VM_DESTROY PANTHOR_IOCTL(2, vm_destroy)
#define DRM_IOCTL_PANTHOR_VM_BIND PANTHOR_IOCTL(3, vm_bind)
#define DRM_IOCTL_PANTHOR_VM_GET_STATE PANTHOR_IOCTL(4, vm_get_state)
#define DRM_IOCTL_PANTHOR_BO_CREATE PANTHOR_IOCTL(5, bo_create)
#define DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET PANTHOR_IOCTL(6, bo_mmap_offset)

enum {
	DRM_PANTHOR_VM_BIND_OP_TYPE_MAP = 0,
	DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC = 1 << 1,
	DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE = 1 << 3,
	DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP = 1 << 28,
	DRM_PANTHOR_BO_NO_MMAP = 1,
	DRM_PANTHOR_VM_STATE_USABLE = 0,
};

#endif
