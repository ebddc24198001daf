/* What the C clients do with a node. */
#ifndef CALLS_H
#define CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "drm.h"

#define check(condition)                                                                     \
	do {                                                                                 \
		if (!(condition)) {                                                          \
			fprintf(stderr, "%s:%d: not %s (%s)\n", __FILE__, __LINE__, #condition, \
				strerror(errno));                                            \
			_exit(1);                                                            \
		}                                                                            \
	} while (0)

static inline int node(void)
{
	int fd = open("/dev/dri/renderD128", O_RDWR);
	check(fd >= 0);
	return fd;
}

static inline u32 bo(int fd)
{
	struct bo_create bo = { .size = 4096 };
	check(ioctl(fd, PANTHOR_BO_CREATE, &bo) == 0);
	return bo.handle;
}

static inline u32 vm(int fd)
{
	struct vm_create vm = { 0 };
	check(ioctl(fd, PANTHOR_VM_CREATE, &vm) == 0);
	return vm.id;
}

static inline int vm_bind(int fd, u32 vm, struct bind_op *ops, u32 count)
{
	struct vm_bind bind = { vm, 0, { sizeof(*ops), count, (unsigned long)ops } };
	return ioctl(fd, PANTHOR_VM_BIND, &bind);
}

static inline int close_bo(int fd, u32 handle)
{
	struct gem_close close = { .handle = handle };
	return ioctl(fd, DRM_GEM_CLOSE, &close);
}

static inline u32 syncobj(int fd)
{
	struct syncobj_create create = { 0 };
	check(ioctl(fd, DRM_SYNCOBJ_CREATE, &create) == 0);
	return create.handle;
}

static inline s64 after(int ms)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec + ms * 1000000LL;
}

static inline int wait_until(int fd, u32 handle, s64 time)
{
	struct syncobj_wait wait = {
		.handles = (unsigned long)&handle, .timeout = time, .count = 1, .flags = WAIT_FOR_SUBMIT
	};
	return ioctl(fd, DRM_SYNCOBJ_WAIT, &wait);
}

static inline void signal_syncobj(int fd, u32 handle)
{
	struct syncobj_array array = { .handles = (unsigned long)&handle, .count = 1 };
	check(ioctl(fd, DRM_SYNCOBJ_SIGNAL, &array) == 0);
}

#endif
