/* Programs that do with descriptors, processes and signals what programs do: client CASE. The exit status is 0,
 * or 1 after a message. client list prints the names of the cases. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"

extern char **environ;

static void join(pid_t child)
{
	int status;
	check(waitpid(child, &status, 0) == child);
	check(status == 0);
}

/* The other end of the cases below: `client use FD HANDLE` closes the BO, which must be there. */
static int use(int fd, u32 handle)
{
	check(close_bo(fd, handle) == 0);
	return 0;
}

static char *self;

static char **use_arguments(int fd, u32 handle)
{
	static char numbers[2][16];
	static char *arguments[5];
	snprintf(numbers[0], 16, "%d", fd);
	snprintf(numbers[1], 16, "%u", handle);
	arguments[0] = self, arguments[1] = "use", arguments[2] = numbers[0], arguments[3] = numbers[1];
	return arguments;
}

static void forks(void)
{
	int fd = node();
	u32 handle = bo(fd);
	pid_t child = fork();
	check(child >= 0);
	if (child == 0)
		_exit(use(fd, handle));
	join(child);
	check(close_bo(fd, handle) == -1 && errno == EINVAL);
}

/* What capget and capset take, since not every C library comes with the kernel's headers. */
enum { CAPABILITY_VERSION_3 = 0x20080522, SYS_ADMIN = 21 };
struct capability_header {
	unsigned version;
	int pid;
};
struct capability_set {
	unsigned effective, permitted, inheritable;
};

/* Without CAP_SYS_ADMIN. */
static void be_no_administrator(void)
{
	struct capability_header header = { CAPABILITY_VERSION_3, 0 };
	struct capability_set sets[2];
	check(syscall(SYS_capget, &header, sets) == 0);
	sets[0].effective &= ~(1u << SYS_ADMIN);
	check(syscall(SYS_capset, &header, sets) == 0);
}

static int set_master(int fd)
{
	return ioctl(fd, _IO('d', 0x1e));
}

static int drop_master(int fd)
{
	return ioctl(fd, _IO('d', 0x1f));
}

/* The number of the calling thread, as the primary node tells it. */
static long client_of(int fd)
{
	long client[5] = { 0 };
	check(ioctl(fd, _IOWR('d', 0x05, client), client) == 0);
	return client[1];
}

static void mastery_stays(void)
{
	be_no_administrator();
	int fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	check(fd >= 0 && drop_master(fd) == 0 && set_master(fd) == 0);
	check(client_of(fd) == getpid());
	pid_t child = fork();
	check(child >= 0);
	if (child == 0) {
		check(set_master(fd) == -1 && errno == EACCES);
		check(drop_master(fd) == -1 && errno == EACCES);
		check(client_of(fd) == getpid());
		_exit(0);
	}
	join(child);
	check(drop_master(fd) == 0 && drop_master(fd) == -1 && errno == EINVAL);
}

static void execs(void)
{
	int fd = node();
	u32 handle = bo(fd);
	pid_t child = fork();
	check(child >= 0);
	if (child == 0) {
		execv(self, use_arguments(fd, handle));
		_exit(2);
	}
	join(child);
	check(close_bo(fd, handle) == -1 && errno == EINVAL);
	/* One that exec closes. */
	int closed = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
	check(closed >= 0 && (fcntl(closed, F_GETFD) & FD_CLOEXEC));
	check(!(fcntl(fd, F_GETFD) & FD_CLOEXEC));
}

static void vforks(void)
{
	int fd = node();
	u32 handle = bo(fd);
	char **arguments = use_arguments(fd, handle);
	pid_t child = vfork();
	if (child == 0) {
		execv(self, arguments);
		_exit(2);
	}
	join(child);
	check(close_bo(fd, handle) == -1 && errno == EINVAL);
}

static void spawns(void)
{
	int fd = node();
	u32 handle = bo(fd);
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	/* The child opens something as well, while the parent's thread stands still. */
	posix_spawn_file_actions_addopen(&actions, 20, "/dev/dri/card0", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, fd, 21);
	pid_t child;
	check(posix_spawn(&child, self, &actions, NULL, use_arguments(21, handle), environ) == 0);
	join(child);
	check(close_bo(fd, handle) == -1 && errno == EINVAL);
}

static void sends(void)
{
	int pair[2];
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	char control[CMSG_SPACE(sizeof(int))], byte = 0;
	struct iovec vector = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	pid_t child = fork();
	check(child >= 0);
	if (child == 0) {
		check(recvmsg(pair[1], &message, 0) == 1);
		int fd;
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
		_exit(use(fd, byte));
	}
	int fd = node();
	byte = bo(fd);
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	check(sendmsg(pair[0], &message, 0) == 1);
	join(child);
	check(close_bo(fd, byte) == -1 && errno == EINVAL);
}

static void *work(void *unused)
{
	(void)unused;
	int fd = node();
	for (int i = 0; i < 500; i++) {
		u32 handle = bo(fd);
		struct bo_mmap_offset offset = { .handle = handle };
		check(ioctl(fd, PANTHOR_BO_MMAP_OFFSET, &offset) == 0);
		char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset.offset);
		check(map != MAP_FAILED);
		check(*map == 0);
		*map = 1;
		check(munmap(map, 4096) == 0);
		check(close_bo(fd, handle) == 0);
	}
	close(fd);
	return NULL;
}

static void threads(void)
{
	pthread_t threads[8];
	for (int i = 0; i < 8; i++)
		check(pthread_create(&threads[i], NULL, work, NULL) == 0);
	for (int i = 0; i < 8; i++)
		check(pthread_join(threads[i], NULL) == 0);
}

/* Descriptors that only one thread has. */
static void *unshared(void *common)
{
	check(unshare(CLONE_FILES) == 0);
	int fd = node();
	u32 handle = bo(fd);
	check(dup2(fd, *(int *)common) >= 0);
	check(close_bo(*(int *)common, handle) == 0);
	return NULL;
}

static void tables(void)
{
	int fd = node();
	u32 handle = bo(fd);
	pthread_t thread;
	check(pthread_create(&thread, NULL, unshared, &fd) == 0);
	check(pthread_join(thread, NULL) == 0);
	/* The number means here what it did. */
	check(close_bo(fd, handle) == 0);
}

static volatile sig_atomic_t signals;

static void count(int signal)
{
	(void)signal;
	signals++;
}

static void handle(int flags)
{
	struct sigaction action = { .sa_handler = count, .sa_flags = flags };
	check(sigaction(SIGALRM, &action, NULL) == 0);
	struct itimerval timer = { .it_value = { .tv_usec = 30000 } };
	check(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void interrupted(void)
{
	int fd = node();
	u32 handle_ = syncobj(fd);
	handle(0);
	check(wait_until(fd, handle_, after(20000)) == -1 && errno == EINTR);
	check(signals == 1);
}

static void restarted(void)
{
	int fd = node();
	u32 handle_ = syncobj(fd);
	handle(SA_RESTART);
	s64 end = after(200);
	check(wait_until(fd, handle_, end) == -1 && errno == ETIME);
	check(signals == 1 && after(0) >= end);
}

/* Signals that the thread blocks or that are ignored do not interrupt. */
static void uninterrupted(void)
{
	int fd = node();
	u32 handle_ = syncobj(fd);
	handle(0);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	check(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	signal(SIGUSR1, SIG_IGN);
	pid_t parent = getpid(), child = fork();
	if (child == 0) {
		usleep(20000);
		kill(parent, SIGUSR1);
		_exit(0);
	}
	check(wait_until(fd, handle_, after(150)) == -1 && errno == ETIME);
	check(signals == 0);
	join(child);
}

static void *waiter(void *argument)
{
	int *numbers = argument;
	/* The kernel gives such a signal to the first thread, and no other is to notice. */
	check(wait_until(numbers[0], numbers[1], after(400)) == -1 && errno == ETIME);
	return NULL;
}

/* A signal to the process, while many of its threads wait. */
static void one_of_many(void)
{
	int numbers[2] = { node(), 0 };
	numbers[1] = syncobj(numbers[0]);
	/* While a thread handles a signal that is blocked meanwhile, the kernel would rightly give the next to another. */
	handle(SA_NODEFER);
	struct itimerval timer = { .it_value = { .tv_usec = 7000 }, .it_interval = { .tv_usec = 7000 } };
	check(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	pthread_t threads[8];
	for (int i = 0; i < 8; i++)
		check(pthread_create(&threads[i], NULL, waiter, numbers) == 0);
	s64 end = after(400);
	while (wait_until(numbers[0], numbers[1], end) == -1 && errno == EINTR)
		;
	check(errno == ETIME);
	for (int i = 0; i < 8; i++)
		check(pthread_join(threads[i], NULL) == 0);
	check(signals > 5);
}

/* Killed in a wait, and in the middle of everything. */
static void killed(void)
{
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();
		check(child >= 0);
		if (child == 0) {
			int fd = node();
			u32 handle_ = syncobj(fd);
			if (i % 2)
				wait_until(fd, handle_, after(60000));
			for (;;)
				work(NULL);
		}
		usleep(20000);
		check(kill(child, SIGKILL) == 0);
		int status;
		check(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	}
}

/* Maps a sparse range and some memory in it, and unmaps both. The second bind may fail by injection, and all from
 * the second on may find the device unplugged. */
static void binds(void)
{
	int fd = node();
	u32 vm_ = vm(fd);
	struct bind_op sparse = { BIND_MAP | BIND_NOEXEC | BIND_SPARSE, 0, 0, 4 << 20, 100 << 20, { 0 } };
	struct bind_op memory = { BIND_MAP | BIND_NOEXEC, bo(fd), 0, 8 << 20, 4096, { 0 } };
	struct bind_op unmap = { BIND_UNMAP, 0, 0, 4 << 20, 100 << 20, { 0 } };
	check(vm_bind(fd, vm_, &sparse, 1) == 0);
	check(vm_bind(fd, vm_, &memory, 1) == 0 || errno == ENOMEM || errno == ENODEV);
	check(vm_bind(fd, vm_, &unmap, 1) == 0 || errno == ENODEV);
}

/* A process that waits until another one of the same file signals. */
static void across(void)
{
	int fd = node();
	u32 handle_ = syncobj(fd);
	pid_t child = fork();
	if (child == 0)
		_exit(wait_until(fd, handle_, after(60000)) != 0);
	usleep(30000);
	signal_syncobj(fd, handle_);
	join(child);
}

/* Stopped and continued in a wait. */
static void stopped(void)
{
	int fd = node();
	u32 handle_ = syncobj(fd);
	pid_t child = fork();
	if (child == 0)
		_exit(wait_until(fd, handle_, after(60000)) != 0);
	usleep(20000);
	int status;
	check(kill(child, SIGSTOP) == 0);
	check(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
	check(kill(child, SIGCONT) == 0);
	usleep(20000);
	signal_syncobj(fd, handle_);
	join(child);
}

/* Takes a signal itself that stops all. */
static void *stopping(void *unused)
{
	(void)unused;
	usleep(10000);
	check(pthread_kill(pthread_self(), SIGSTOP) == 0);
	return NULL;
}

static void *stopped_waiter(void *argument)
{
	int *numbers = argument;
	check(wait_until(numbers[0], numbers[1], after(60000)) == 0);
	_exit(0);
}

/* The same of a process whose first thread, or another one, takes the signal, while the other waits in a call. */
static void stopped_together(void)
{
	int numbers[2] = { node(), 0 };
	numbers[1] = syncobj(numbers[0]);
	for (int first_waits = 0; first_waits < 2; first_waits++) {
		pid_t child = fork();
		if (child == 0) {
			pthread_t thread;
			if (first_waits) {
				check(pthread_create(&thread, NULL, stopping, NULL) == 0);
				stopped_waiter(numbers);
			}
			check(pthread_create(&thread, NULL, stopped_waiter, numbers) == 0);
			for (;;)
				pause();
		}
		usleep(20000);
		if (!first_waits)
			check(kill(child, SIGSTOP) == 0);
		int status = 0;
		for (s64 end = after(10000); after(0) < end && !WIFSTOPPED(status); usleep(1000))
			check(waitpid(child, &status, WUNTRACED | WNOHANG) >= 0);
		if (!WIFSTOPPED(status))
			kill(child, SIGKILL);
		check(WIFSTOPPED(status));
		check(kill(child, SIGCONT) == 0);
		usleep(20000);
		signal_syncobj(numbers[0], numbers[1]);
		join(child);
		struct syncobj_array array = { .handles = (unsigned long)&numbers[1], .count = 1 };
		check(ioctl(numbers[0], DRM_SYNCOBJ_RESET, &array) == 0);
	}
}

/* The shortest time that an open takes, of some, with that many others open. */
static s64 open_time(int others)
{
	static int opened;
	for (; opened < others; opened++)
		node();
	s64 shortest = 1000000000;
	for (int i = 0; i < 50; i++, opened++) {
		s64 start = after(0);
		node();
		s64 took = after(0) - start;
		shortest = took < shortest ? took : shortest;
	}
	return shortest;
}

/* An open does not look at all that is open. */
static void opens(void)
{
	s64 first = open_time(1);
	check(open_time(900) < 6 * first);
}

/* Reads an array for longer than anybody waits here: 32 elements of a GiB each. */
static void *reader(void *memory)
{
	int fd = node();
	struct vm_bind bind = { vm(fd), 0, { 1 << 30, 32, (unsigned long)memory } };
	ioctl(fd, PANTHOR_VM_BIND, &bind);
	return NULL;
}

/* A call with very much memory, while others go on. */
static void huge(void)
{
	void *memory = mmap(NULL, 32UL << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(memory != MAP_FAILED);
	int fd = node();
	pthread_t thread;
	check(pthread_create(&thread, NULL, reader, memory) == 0);
	usleep(100000);
	s64 start = after(0);
	for (int i = 0; i < 20; i++)
		bo(fd);
	check(after(0) - start < 1000000000LL);
	/* The thread is still at it. */
	check(pthread_tryjoin_np(thread, NULL) == EBUSY);
}

/* A program that nobody may look into sees no device, and the others go on. */
static void unreadable(void)
{
	pid_t child = fork();
	if (child == 0) {
		check(prctl(PR_SET_DUMPABLE, 0) == 0);
		/* An administrator may look into anybody. */
		int fd = open("/dev/dri/renderD128", O_RDWR);
		_exit(fd < 0 || geteuid() == 0 ? 0 : 1);
	}
	join(child);
	node();
}

#ifdef __x86_64__
/* A system call as 32-bit programs make it. */
static long narrow_call(long nr, long a, long b, long c)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static void narrow(void)
{
	/* Not every kernel has them. */
	pid_t child = fork();
	if (child == 0)
		_exit(narrow_call(20, 0, 0, 0) != getpid());
	int status;
	check(waitpid(child, &status, 0) == child);
	if (status != 0) {
		fprintf(stderr, "not tested: this kernel does not run 32-bit programs\n");
		return;
	}
	char *path = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	check(path != MAP_FAILED);
	strcpy(path, "/dev/dri/renderD128");
	check(narrow_call(5, (long)path, O_RDWR, 0) == -ENODEV);
	check(narrow_call(295, AT_FDCWD, (long)path, O_RDWR) == -ENODEV);
	check(narrow_call(54, node(), DRM_GEM_CLOSE, (long)path) == -ENODEV);
	strcpy(path, "/dev/null");
	long fd = narrow_call(5, (long)path, O_RDWR, 0);
	check(fd >= 0);
	check(narrow_call(54, fd, DRM_GEM_CLOSE, (long)path) == -ENOTTY);
	/* And x32. */
	check(syscall(0x40000000 + 39) == -1 && errno == ENOSYS);
}
#endif

/* A signal that the first thread blocks, for which only one other waits. */
static void *restarted_waiter(void *unused)
{
	(void)unused;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	check(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
	restarted();
	return NULL;
}

static void worker(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	check(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	pthread_t thread;
	check(pthread_create(&thread, NULL, restarted_waiter, NULL) == 0);
	check(pthread_join(thread, NULL) == 0);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "forks", forks },
	{ "mastery_stays", mastery_stays },
	{ "execs", execs },
	{ "vforks", vforks },
	{ "spawns", spawns },
	{ "sends", sends },
	{ "threads", threads },
	{ "tables", tables },
	{ "interrupted", interrupted },
	{ "restarted", restarted },
	{ "uninterrupted", uninterrupted },
	{ "one_of_many", one_of_many },
	{ "killed", killed },
	{ "binds", binds },
	{ "across", across },
	{ "opens", opens },
	{ "huge", huge },
	{ "stopped", stopped },
	{ "stopped_together", stopped_together },
	{ "unreadable", unreadable },
	{ "worker", worker },
#ifdef __x86_64__
	{ "narrow", narrow },
#endif
};

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc == 4 && strcmp(argv[1], "use") == 0)
		return use(atoi(argv[2]), atoi(argv[3]));
	int list = argc == 2 && strcmp(argv[1], "list") == 0;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (list) {
			puts(cases[i].name);
		} else if (argc == 2 && strcmp(argv[1], cases[i].name) == 0) {
			cases[i].run();
			return 0;
		}
	}
	if (list)
		return 0;
	fprintf(stderr, "there is no such case\n");
	return 2;
}
