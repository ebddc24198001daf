/* A program without a C library: what static programs of any language do, down to the system calls.
 * Its exit status is 0, or the number of the step that failed. */
#include "drm.h"

#if defined(__x86_64__)
enum { OPENAT = 257, IOCTL = 16, MMAP = 9, CLOSE = 3, CLONE = 56, WAIT4 = 61, EXIT = 231, DUP = 32 };
static long call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall start\n");
#elif defined(__aarch64__)
enum { OPENAT = 56, IOCTL = 29, MMAP = 222, CLOSE = 57, CLONE = 220, WAIT4 = 260, EXIT = 94, DUP = 23 };
static long call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c,
		      x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}
__asm__(".globl _start\n_start:\n\tmov x29, 0\n\tbl start\n");
#endif

#define AT_FDCWD (-100)
#define O_RDWR 2
#define SIGCHLD 17

static void check(int good, int step)
{
	if (!good)
		for (;;)
			call(EXIT, step, 0, 0, 0, 0, 0);
}

void start(void)
{
	long fd = call(OPENAT, AT_FDCWD, (long)"/dev/dri/renderD128", O_RDWR, 0, 0, 0);
	check(fd >= 0, 1);

	char name[16] = { 0 };
	struct drm_version version = { .name_len = sizeof(name), .name = name };
	check(call(IOCTL, fd, DRM_VERSION, (long)&version, 0, 0, 0) == 0, 2);
	check(version.name_len == 7 && name[0] == 'p' && name[6] == 'r', 3);

	struct bo_create bo = { .size = 4096 };
	check(call(IOCTL, fd, PANTHOR_BO_CREATE, (long)&bo, 0, 0, 0) == 0, 4);
	struct bo_mmap_offset offset = { .handle = bo.handle };
	check(call(IOCTL, fd, PANTHOR_BO_MMAP_OFFSET, (long)&offset, 0, 0, 0) == 0, 5);
	volatile char *map = (volatile char *)call(MMAP, 0, 4096, 3, 1, fd, offset.offset);
	check((unsigned long)map < -4096UL, 6);
	map[7] = 42;

	/* The child closes the handle of both, over another descriptor, and writes to the mapping of both. */
	long other = call(DUP, fd, 0, 0, 0, 0, 0);
	long child = call(CLONE, SIGCHLD, 0, 0, 0, 0, 0);
	check(child >= 0, 7);
	struct gem_close handle = { .handle = bo.handle };
	if (child == 0) {
		check(map[7] == 42, 100);
		check(call(IOCTL, other, DRM_GEM_CLOSE, (long)&handle, 0, 0, 0) == 0, 101);
		map[7] = 43;
		call(EXIT, 0, 0, 0, 0, 0, 0);
	}
	int status = -1;
	check(call(WAIT4, child, (long)&status, 0, 0, 0, 0) == child && status == 0, 8);
	check(map[7] == 43, 9);
	check(call(IOCTL, fd, DRM_GEM_CLOSE, (long)&handle, 0, 0, 0) == -22, 10);
	check(call(CLOSE, fd, 0, 0, 0, 0, 0) == 0, 11);
	call(EXIT, 0, 0, 0, 0, 0, 0);
}
