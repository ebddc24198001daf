/* Sizes that no server has the memory for, again and again: sizes SECONDS SEED. Each call must be answered as a
 * kernel does. Prints how many calls there were, and how many were refused for want of memory. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "calls.h"

enum { PROCESSES = 3, OBJECTS = 200000 };
#define ZEROS (128ul << 20)

static unsigned long long state;
static unsigned long calls, refused;
static void *zeros;
static s64 end;

static u64 below(u64 end)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % end;
}

/* What the driver, DRM and the kernel's copies return. */
static int told(int result)
{
	if (result < 0) {
		switch (errno) {
		case ENOMEM:
			refused++;
			break;
		case EINVAL: case EFAULT: case ENOENT: case ENOSPC: case E2BIG: case ETIME:
			break;
		default:
			fprintf(stderr, "no errno of a kernel: %s\n", strerror(errno));
			_exit(1);
		}
	}
	calls++;
	return result;
}

static u32 count_of(u64 size)
{
	static const u32 some[] = { 1, 1000, 100000, 0x7fffffff, 0xffffffff };
	return below(2) ? below(ZEROS / size) : some[below(5)];
}

static void arrays(int fd, u32 vm_)
{
	struct vm_bind bind = { vm_, below(2), { sizeof(struct bind_op), 0, (unsigned long)zeros } };
	bind.ops.count = count_of(sizeof(struct bind_op));
	if (below(4) == 0)
		bind.ops.stride += 8 * below(1 << 20);
	told(ioctl(fd, PANTHOR_VM_BIND, &bind));
	/* Operations that signal, each with the same long array. */
	struct bind_op ops[64];
	for (int i = 0; i < 64; i++) {
		ops[i] = (struct bind_op){ .flags = 2u << 28 };
		ops[i].syncs = (struct obj_array){ 16, count_of(16), (unsigned long)zeros };
	}
	struct vm_bind syncs = { vm_, 1, { sizeof(*ops), 64, (unsigned long)ops } };
	told(ioctl(fd, PANTHOR_VM_BIND, &syncs));
	struct syncobj_array signal = { (unsigned long)zeros, count_of(4), 0 };
	told(ioctl(fd, DRM_SYNCOBJ_SIGNAL, &signal));
	struct syncobj_timeline_array query = { (unsigned long)zeros, (unsigned long)zeros, count_of(8), 0 };
	told(ioctl(fd, DRM_SYNCOBJ_QUERY, &query));
}

/* Mappings are what is left of a bind. */
static void mappings(int fd, u32 vm_)
{
	enum { COUNT = 50000 };
	static struct bind_op ops[COUNT];
	struct bo_create bo = { .size = 4096 };
	if (told(ioctl(fd, PANTHOR_BO_CREATE, &bo)))
		return;
	for (u64 round = 0; round < 100 && after(0) < end; round++) {
		for (u64 i = 0; i < COUNT; i++) {
			u64 va = (1ull << 32) + (round * COUNT + i) * 2 * 4096;
			ops[i] = (struct bind_op){ BIND_MAP | BIND_NOEXEC, bo.handle, 0, va, 4096, { 0 } };
		}
		if (told(vm_bind(fd, vm_, ops, COUNT)))
			break;
	}
}

static void objects(int fd)
{
	unsigned kind = below(2);
	for (unsigned i = 0; i < OBJECTS && after(0) < end; i++) {
		struct bo_create bo = { .size = 4096 };
		struct syncobj_create syncobj = { 0 };
		if (told(kind ? ioctl(fd, PANTHOR_BO_CREATE, &bo) : ioctl(fd, DRM_SYNCOBJ_CREATE, &syncobj)))
			break;
	}
}

static void live(void)
{
	while (after(0) < end) {
		int fd = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
		if (told(fd) < 0)
			continue;
		struct vm_create vm_ = { 0 };
		if (told(ioctl(fd, PANTHOR_VM_CREATE, &vm_)) == 0) {
			arrays(fd, vm_.id);
			if (below(3) == 0)
				mappings(fd, vm_.id);
			if (below(3) == 0)
				objects(fd);
		}
		close(fd);
	}
	printf("%lu calls, %lu refused\n", calls, refused);
	fflush(stdout);
	/* There was too little memory for something. */
	check(refused);
	_exit(0);
}

int main(int argc, char **argv)
{
	check(argc == 3);
	end = after(atoi(argv[1]) * 1000);
	int status;
	/* One page of zeros, over and over. */
	zeros = mmap(NULL, ZEROS, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(zeros != MAP_FAILED);
	for (int i = 0; i < PROCESSES; i++) {
		pid_t child = fork();
		check(child >= 0);
		if (child == 0) {
			state = strtoull(argv[2], NULL, 0) * PROCESSES + i + 1;
			live();
		}
	}
	while (wait(&status) > 0)
		check(status == 0);
	/* All is as it was. */
	int fd = node();
	u32 vm_ = vm(fd), bo_ = bo(fd);
	struct bind_op map = { BIND_MAP | BIND_NOEXEC, bo_, 0, 1 << 30, 4096, { 0 } };
	check(vm_bind(fd, vm_, &map, 1) == 0);
	return 0;
}
