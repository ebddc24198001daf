/* Short processes that open, bind, map, fork and wait, many of which are killed in the middle: soak SECONDS SEED.
 * Prints how many there were. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "calls.h"

enum { AT_ONCE = 4, BOS = 4, PAGE = 4096 };

static unsigned long long state;

static unsigned below(unsigned end)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % end;
}

/* A VM with some BOs and a sparse range in it, of which a part is left. */
static void work(int fd)
{
	u32 vm_ = vm(fd), handles[BOS];
	struct bind_op sparse = { BIND_MAP | BIND_NOEXEC | BIND_SPARSE, 0, 0, 1 << 30, 64 << 20, { 0 } };
	check(vm_bind(fd, vm_, &sparse, 1) == 0);
	for (unsigned i = 0; i < BOS; i++) {
		handles[i] = bo(fd);
		struct bind_op map = { BIND_MAP | BIND_NOEXEC, handles[i], 0, (1 << 30) + i * PAGE, PAGE, { 0 } };
		check(vm_bind(fd, vm_, &map, 1) == 0);
		struct bo_mmap_offset offset = { .handle = handles[i] };
		check(ioctl(fd, PANTHOR_BO_MMAP_OFFSET, &offset) == 0);
		char *bytes = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset.offset);
		check(bytes != MAP_FAILED && *bytes == 0);
		memset(bytes, 0x5a, PAGE);
		if (below(2))
			check(munmap(bytes, PAGE) == 0);
	}
	check(close_bo(fd, handles[below(BOS)]) == 0);
	struct bind_op unmap = { BIND_UNMAP, 0, 0, 1 << 30, 64 << 20, { 0 } };
	if (below(2))
		check(vm_bind(fd, vm_, &unmap, 1) == 0);
}

/* A process that shares the node. It ends with its parent. */
static pid_t sharing(int fd)
{
	pid_t parent = getpid(), child = fork();
	check(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			work(fd);
		_exit(0);
	}
	return child;
}

/* One process; whether it ends by itself is its kind's concern. */
static void live(unsigned kind)
{
	int fd = node(), status;
	switch (kind) {
	case 0: /* ends with all that it has */
		work(fd);
		break;
	case 1: /* a child that ends before it */
		check(waitpid(sharing(fd), &status, 0) > 0 && status == 0);
		work(fd);
		break;
	case 2: /* a child that goes on */
		sharing(fd);
		break;
	case 3: /* kills itself */
		work(fd);
		kill(getpid(), SIGKILL);
		break;
	case 4: /* waits for what never comes */
		wait_until(fd, syncobj(fd), after(600000));
		break;
	default: /* does not end */
		for (;;) {
			work(fd);
			close(fd);
			fd = node();
		}
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	check(argc == 3);
	s64 end = after(atoi(argv[1]) * 1000);
	state = strtoull(argv[2], NULL, 0) | 1;
	struct { pid_t pid; s64 killed; } all[AT_ONCE] = { 0 };
	unsigned long processes = 0, killed = 0;
	for (int running = 1; running;) {
		running = 0;
		for (int i = 0; i < AT_ONCE; i++) {
			int status;
			if (all[i].pid && after(0) >= all[i].killed)
				check(kill(all[i].pid, SIGKILL) == 0);
			if (all[i].pid && waitpid(all[i].pid, &status, WNOHANG) == all[i].pid) {
				/* What goes wrong in it, it says itself. */
				check(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : status == 0);
				killed += WIFSIGNALED(status);
				all[i].pid = 0;
			}
			if (!all[i].pid && after(0) < end) {
				unsigned kind = below(6);
				all[i].killed = after(0) + below(8000) * 1000LL;
				all[i].pid = fork();
				check(all[i].pid >= 0);
				if (all[i].pid == 0) {
					state += getpid();
					live(kind);
				}
				processes++;
			}
			running |= all[i].pid != 0;
		}
		usleep(100);
	}
	printf("%lu processes, %lu of them killed\n", processes, killed);
	return 0;
}
