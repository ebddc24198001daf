/* The part of the kernel's interface that the C clients use, written down from its layout: the host's headers
 * may be older than Panthor. */
#ifndef DRM_H
#define DRM_H

typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

struct drm_version {
	int major, minor, patch;
	unsigned long name_len;
	char *name;
	unsigned long date_len;
	char *date;
	unsigned long desc_len;
	char *desc;
};
struct obj_array { u32 stride, count; u64 array; };
struct vm_create { u32 flags, id; u64 user_va_range; };
struct vm_bind { u32 vm_id, flags; struct obj_array ops; };
struct bind_op { u32 flags, bo_handle; u64 bo_offset, va, size; struct obj_array syncs; };
struct bo_create { u64 size; u32 flags, exclusive_vm_id, handle, pad; };
struct bo_mmap_offset { u32 handle, pad; u64 offset; };
struct gem_close { u32 handle, pad; };
struct prime_handle { u32 handle, flags; int fd; };
struct syncobj_create { u32 handle, flags; };
struct syncobj_array { u64 handles; u32 count, pad; };
struct syncobj_timeline_array { u64 handles, points; u32 count, flags; };
struct syncobj_wait {
	u64 handles;
	s64 timeout;
	u32 count, flags, first, pad;
	u64 deadline;
};

#define DRM_IO(direction, number, type) \
	((unsigned long)(direction) << 30 | sizeof(type) << 16 | 'd' << 8 | (number))
#define DRM_VERSION DRM_IO(3, 0x00, struct drm_version)
#define DRM_GEM_CLOSE DRM_IO(1, 0x09, struct gem_close)
#define DRM_PRIME_HANDLE_TO_FD DRM_IO(3, 0x2d, struct prime_handle)
#define DRM_SYNCOBJ_CREATE DRM_IO(3, 0xbf, struct syncobj_create)
#define DRM_SYNCOBJ_WAIT DRM_IO(3, 0xc3, struct syncobj_wait)
#define DRM_SYNCOBJ_RESET DRM_IO(3, 0xc4, struct syncobj_array)
#define DRM_SYNCOBJ_SIGNAL DRM_IO(3, 0xc5, struct syncobj_array)
#define DRM_SYNCOBJ_QUERY DRM_IO(3, 0xcb, struct syncobj_timeline_array)
#define PANTHOR_VM_CREATE DRM_IO(3, 0x41, struct vm_create)
#define PANTHOR_VM_BIND DRM_IO(3, 0x43, struct vm_bind)
#define PANTHOR_BO_CREATE DRM_IO(3, 0x45, struct bo_create)
#define PANTHOR_BO_MMAP_OFFSET DRM_IO(3, 0x46, struct bo_mmap_offset)

#define WAIT_FOR_SUBMIT 2
#define BIND_MAP 0
#define BIND_NOEXEC 2
#define BIND_SPARSE 8
#define BIND_UNMAP 0x10000000

#endif
