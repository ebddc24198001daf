/* The same binds by hand: fill the array, issue the call, check nothing.
 *
 * Structs and numbers are spelled out, so that no header is needed; panthor-sys's layout test holds
 * them to the header's. Usage: fill CASE REPEATS. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct obj_array { uint32_t stride, count; uint64_t array; };
struct bind_op { uint32_t flags, bo_handle; uint64_t bo_offset, va, size; struct obj_array syncs; };
struct vm_bind { uint32_t vm_id, flags; struct obj_array ops; };
struct sync_op { uint32_t flags, handle; uint64_t timeline_value; };

enum { NOEXEC = 1 << 1, ASYNC = 1, TIMELINE = 1 };
#define SIGNAL (1u << 31)
#define VM_BIND 0xc0186443ul

/* Accepts everything, as the null driver does; a call that the compiler cannot see through. */
__attribute__((noinline)) int null_ioctl(int fd, unsigned long request, void *arg)
{
	__asm__ volatile("" : : "r"(fd), "r"(request), "r"(arg) : "memory");
	return 0;
}
static int (*volatile driver)(int, unsigned long, void *) = null_ioctl;

__attribute__((noinline)) int panthor_measured(struct bind_op *ops, uint32_t count, uint64_t va)
{
	for (uint32_t i = 0; i < count; i++)
		ops[i] = (struct bind_op){
			.flags = NOEXEC, .bo_handle = 1, .va = va + (uint64_t)i * 4096, .size = 4096,
		};
	struct vm_bind bind = {
		.vm_id = 1,
		.ops = { .stride = sizeof(*ops), .count = count, .array = (uintptr_t)ops },
	};
	return driver(3, VM_BIND, &bind);
}

__attribute__((noinline)) int panthor_measured_async(uint64_t va)
{
	struct sync_op syncs[2] = {
		{ .handle = 1 }, { .flags = SIGNAL | TIMELINE, .handle = 2, .timeline_value = 7 },
	};
	struct bind_op op = {
		.flags = NOEXEC, .bo_handle = 1, .va = va, .size = 4096,
		.syncs = { .stride = sizeof(syncs[0]), .count = 2, .array = (uintptr_t)syncs },
	};
	struct vm_bind bind = {
		.vm_id = 1, .flags = ASYNC,
		.ops = { .stride = sizeof(op), .count = 1, .array = (uintptr_t)&op },
	};
	return driver(3, VM_BIND, &bind);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	int repeats = atoi(argv[2]), failed = 0;
	if (!strcmp(argv[1], "async")) {
		while (repeats--)
			failed |= panthor_measured_async(0x100000);
		return failed;
	}
	uint32_t count = (uint32_t)atoi(argv[1]);
	struct bind_op *ops = calloc(count, sizeof(*ops));
	while (repeats--)
		failed |= panthor_measured(ops, count, 0x100000);
	free(ops);
	return failed;
}
