/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sparse resource of 100e6 bytes, as examples/sparse_bind.rs binds it, by way of libdrm: what a C client does. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "panthor.h"

#define PAGE 4096ull
#define BLOCK (2ull << 20)
#define SIZE ((100000000ull + PAGE - 1) / PAGE * PAGE)
#define VA (4ull << 30)
/* Where memory is bound into it, and how much. */
#define MIDDLE (VA + (SIZE / 2 + BLOCK - 1) / BLOCK * BLOCK)
#define RESIDENT (64ull << 10)

#define check(condition)                                                                       \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			fprintf(stderr, "sparse_bind.c:%d: not %s (%s)\n", __LINE__, #condition, \
				strerror(errno));                                              \
			exit(1);                                                               \
		}                                                                              \
	} while (0)

static int fd;
static uint32_t vm;

/* The first render node of Panthor. */
static drmVersionPtr open_device(void)
{
	drmDevicePtr devices[16];
	int count = drmGetDevices2(0, devices, 16);
	drmVersionPtr found = NULL;
	for (int i = 0; i < count && !found; i++) {
		if (!(devices[i]->available_nodes & 1 << DRM_NODE_RENDER))
			continue;
		fd = open(devices[i]->nodes[DRM_NODE_RENDER], O_RDWR | O_CLOEXEC);
		drmVersionPtr version = fd >= 0 ? drmGetVersion(fd) : NULL;
		if (version && strcmp(version->name, "panthor") == 0) {
			found = version;
			check(devices[i]->bustype == DRM_BUS_PLATFORM);
			printf("device: %s %d.%d.%d (%s, %s)\n", version->name, version->version_major,
			       version->version_minor, version->version_patchlevel,
			       devices[i]->nodes[DRM_NODE_RENDER], devices[i]->deviceinfo.platform->compatible[0]);
		} else {
			drmFreeVersion(version);
			close(fd);
		}
	}
	if (count > 0)
		drmFreeDevices(devices, count);
	return found;
}

static void bind_ops(struct drm_panthor_vm_bind_op *ops, uint32_t count)
{
	struct drm_panthor_vm_bind bind = { vm, 0, { sizeof(*ops), count, (uintptr_t)ops } };
	check(drmIoctl(fd, DRM_IOCTL_PANTHOR_VM_BIND, &bind) == 0);
}

static void unbind(void)
{
	struct drm_panthor_vm_bind_op unmap = { .flags = DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP, .va = VA, .size = SIZE };
	bind_ops(&unmap, 1);
}

static uint32_t create_bo(uint64_t size, uint32_t flags, uint32_t exclusive_vm_id)
{
	struct drm_panthor_bo_create bo = { .size = size, .flags = flags, .exclusive_vm_id = exclusive_vm_id };
	check(drmIoctl(fd, DRM_IOCTL_PANTHOR_BO_CREATE, &bo) == 0);
	return bo.handle;
}

/* Binds a BO of that size over and over; returns the number of operations. */
static uint32_t bind_repeated(uint64_t step)
{
	uint32_t bo = create_bo(step, DRM_PANTHOR_BO_NO_MMAP, vm), count = 0;
	struct drm_panthor_vm_bind_op *ops = calloc((SIZE + step - 1) / step, sizeof(*ops));
	check(ops);
	for (uint64_t at = 0; at < SIZE; at += step) {
		ops[count++] = (struct drm_panthor_vm_bind_op){
			.flags = DRM_PANTHOR_VM_BIND_OP_TYPE_MAP | DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC,
			.bo_handle = bo,
			.va = VA + at,
			.size = SIZE - at < step ? SIZE - at : step,
		};
	}
	bind_ops(ops, count);
	free(ops);
	/* Its mappings keep it. */
	check(drmCloseBufferHandle(fd, bo) == 0);
	return count;
}

static uint32_t bind_native(void)
{
	struct drm_panthor_vm_bind_op op = {
		.flags = DRM_PANTHOR_VM_BIND_OP_TYPE_MAP | DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC |
			 DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE,
		.va = VA,
		.size = SIZE,
	};
	bind_ops(&op, 1);
	return 1;
}

static uint32_t bind_pages(void) { return bind_repeated(PAGE); }
static uint32_t bind_blocks(void) { return bind_repeated(BLOCK); }

/* Binds the resource, and prints what that took. */
static void row(const char *name, uint32_t (*bind)(void))
{
	struct timespec start, end;
	clock_gettime(CLOCK_MONOTONIC, &start);
	uint32_t operations = bind();
	clock_gettime(CLOCK_MONOTONIC, &end);
	double micros = (end.tv_sec - start.tv_sec) * 1e6 + (end.tv_nsec - start.tv_nsec) / 1e3;
	printf("%-14s %12u %8d %9.0f us\n", name, operations, 1, micros);
	unbind();
}

static unsigned char *map(uint32_t handle)
{
	struct drm_panthor_bo_mmap_offset offset = { .handle = handle };
	check(drmIoctl(fd, DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, &offset) == 0);
	void *bytes = mmap(NULL, RESIDENT, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset.offset);
	check(bytes != MAP_FAILED);
	return bytes;
}

/* Binds memory into the middle, with what the CPU writes and reads through two mappings. */
static void make_resident(void)
{
	uint32_t bo = create_bo(RESIDENT, 0, 0);
	unsigned char *bytes = map(bo), *again = map(bo);
	for (unsigned i = 0; i < RESIDENT; i++)
		bytes[i] = i % 251;
	struct drm_panthor_vm_bind_op op = {
		.flags = DRM_PANTHOR_VM_BIND_OP_TYPE_MAP | DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC,
		.bo_handle = bo,
		.va = MIDDLE,
		.size = RESIDENT,
	};
	bind_ops(&op, 1);
	check(drmCloseBufferHandle(fd, bo) == 0);
	check(drmCloseBufferHandle(fd, bo) != 0 && errno == EINVAL);
	for (unsigned i = 0; i < RESIDENT; i++)
		check(again[i] == i % 251);
	check(munmap(bytes, RESIDENT) == 0 && munmap(again, RESIDENT) == 0);
	printf("\nresident: %llu bytes at %#llx (1 operation)\n", RESIDENT, MIDDLE);
}

int main(void)
{
	drmVersionPtr version = open_device();
	if (!version) {
		fprintf(stderr, "there is no render node of Panthor\n");
		return 1;
	}
	struct drm_panthor_vm_create create = { 0 };
	check(drmIoctl(fd, DRM_IOCTL_PANTHOR_VM_CREATE, &create) == 0);
	vm = create.id;
	printf("\nbinding a sparse resource of %llu bytes (%llu pages)\n\n", SIZE, SIZE / PAGE);
	printf("%-14s %12s %8s %12s\n", "", "operations", "ioctls", "time");
	row("page by page", bind_pages);
	row("emulated", bind_blocks);
	int native = version->version_minor >= 9;
	if (native)
		row("native", bind_native);
	else
		printf("%-14s needs Panthor 1.9\n", "native");
	drmFreeVersion(version);

	if (native)
		bind_native();
	else
		bind_blocks();
	make_resident();
	unbind();
	struct drm_panthor_vm_get_state state = { .vm_id = vm };
	check(drmIoctl(fd, DRM_IOCTL_PANTHOR_VM_GET_STATE, &state) == 0);
	check(state.state == DRM_PANTHOR_VM_STATE_USABLE);
	struct drm_panthor_vm_destroy destroy = { .id = vm };
	check(drmIoctl(fd, DRM_IOCTL_PANTHOR_VM_DESTROY, &destroy) == 0);
	printf("\nunbound: %#llx..%#llx, the VM is usable\n", VA, VA + SIZE);
	close(fd);
	return 0;
}
