// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * PID 1 of the guest: loads the stock modules, runs the programs of /programs one after the other,
 * prints the kernel's log, powers off.
 *
 * The one console carries everything. What is ours starts with a tag that the host chose for this
 * boot ($PANTHOR_TAG), so that no program's output is taken for it; console.py takes it apart.
 *
 *   /programs/NN/argv   argument vector, each argument ended by a NUL
 *   /programs/NN/env    NAME=VALUE, each ended by a NUL
 *   /modules/order      names of /modules/NAME.ko, dependencies first
 *
 * The kernel hands NAME=VALUE words of its command line to init as environment:
 *   GPU_PM=auto         leaves runtime power management alone. By default the GPU stays on: there is
 *                       no suspend and resume (1.1 s) around every idle period
 *   PANTHOR_OPTS=...    options for panthor.ko
 *   PANTHOR_DEADLINE=S  seconds of uptime after which a running program is killed
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define GPU "/sys/bus/platform/devices/7fe00000.gpu"
#define NODE "/dev/dri/renderD128"
#define MAX_WORDS 256

enum { SYSLOG_READ_ALL = 3, SYSLOG_SIZE = 10 };

struct words {
	char buf[65536];
	char *at[MAX_WORDS + 1];
	int n;
};

static const char *tag;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void write_file(const char *path, const char *val)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, val, strlen(val)) < 0)
		printf("\n%s note %s <- %s: %m\n", tag, path, val);
	if (fd >= 0)
		close(fd);
}

static void load_module(const char *name)
{
	const char *opts = getenv("PANTHOR_OPTS");
	char path[128];
	int fd;

	if (strcmp(name, "panthor") || !opts)
		opts = "";
	snprintf(path, sizeof(path), "/modules/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, opts, 0))
		printf("\n%s note module %s: %m\n", tag, name);
	if (fd >= 0)
		close(fd);
}

/* Reads NUL-terminated words. -1: there is no such file. */
static int read_words(const char *path, struct words *w)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;
	char *p;

	w->n = 0;
	w->at[0] = NULL;
	if (fd < 0)
		return -1;
	len = read(fd, w->buf, sizeof(w->buf) - 1);
	close(fd);
	if (len < 0)
		return -1;
	w->buf[len] = 0;
	for (p = w->buf; p < w->buf + len && w->n < MAX_WORDS; p += strlen(p) + 1)
		w->at[w->n++] = p;
	w->at[w->n] = NULL;
	return 0;
}

static void set_up_mounts(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mkdir("/tmp", 01777);
	mount("proc", "/proc", "proc", 0, 0);
	mount("sysfs", "/sys", "sysfs", 0, 0);
	mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
	mount("tmpfs", "/tmp", "tmpfs", 0, 0);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, 0);
	/* What Rust's and C's shared memory use. */
	mkdir("/dev/shm", 01777);
	mount("tmpfs", "/dev/shm", "tmpfs", 0, 0);
}

static void set_up_console(void)
{
	int fd = open("/dev/console", O_RDWR);
	struct termios t;

	if (fd >= 0) {
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		if (fd > 2)
			close(fd);
	}
	/* The host wants the bytes as they were written. */
	if (!tcgetattr(1, &t)) {
		t.c_oflag &= ~OPOST;
		tcsetattr(1, TCSANOW, &t);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static void load_driver(void)
{
	double start = now();
	char name[64];
	FILE *f;
	int i;

	write_file(GPU "/power/control", getenv("GPU_PM") ? getenv("GPU_PM") : "on");
	f = fopen("/modules/order", "r");
	while (f && fscanf(f, "%63s", name) == 1)
		load_module(name);
	if (f)
		fclose(f);
	for (i = 0; i < 100 && access(NODE, F_OK); i++)
		usleep(50000);
	printf("\n%s node %s %.2f\n", tag, access(NODE, F_OK) ? "missing" : "present", now() - start);
}

/* Waits for one child until the deadline; reaps orphans meanwhile. */
static int wait_for(pid_t pid, double deadline)
{
	struct timespec nap = { 0, 5000000 };
	int status;
	pid_t got;

	for (;;) {
		got = waitpid(-1, &status, WNOHANG);
		if (got == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (got > 0)
			continue;
		if (now() > deadline) {
			printf("\n%s note out of time, killing the program\n", tag);
			kill(-pid, SIGKILL);
			/* One that the kernel holds cannot be waited for. */
			deadline = now() + 5;
			while (waitpid(pid, &status, WNOHANG) != pid && now() < deadline)
				nanosleep(&nap, NULL);
			return 124;
		}
		nanosleep(&nap, NULL);
	}
}

static void run_program(int nr, double deadline)
{
	static struct words argv, env;
	char path[64], line[128];
	double start;
	pid_t pid;
	int rc, i;

	snprintf(path, sizeof(path), "/programs/%02d/env", nr);
	read_words(path, &env);
	snprintf(path, sizeof(path), "/programs/%02d/argv", nr);
	read_words(path, &argv);
	if (!argv.n)
		return;
	/* A line in the kernel's log, so that what it says belongs to a program. */
	snprintf(line, sizeof(line), "panthor-qemu: program %d: %.80s\n", nr, argv.at[0]);
	write_file("/dev/kmsg", line);
	printf("\n%s begin %d\n", tag, nr);
	start = now();
	pid = fork();
	if (!pid) {
		setsid();
		for (i = 0; i < env.n; i++)
			putenv(env.at[i]);
		execv(argv.at[0], argv.at);
		fprintf(stderr, "init: cannot run %s: %m\n", argv.at[0]);
		_exit(127);
	}
	rc = pid < 0 ? 126 : wait_for(pid, deadline);
	printf("\n%s end %d %d %.2f\n", tag, nr, rc, now() - start);
}

static void print_kernel_log(void)
{
	int size = klogctl(SYSLOG_SIZE, NULL, 0);
	char *buf = size > 0 ? malloc(size) : NULL;
	int len = buf ? klogctl(SYSLOG_READ_ALL, buf, size) : -1;

	printf("\n%s log-begin\n", tag);
	if (len >= 0)
		fwrite(buf, 1, len, stdout);
	printf("\n%s log-end %s\n", tag, len >= 0 ? "complete" : "unreadable");
}

int main(void)
{
	double deadline;
	char path[64];
	int nr;

	tag = getenv("PANTHOR_TAG") ? getenv("PANTHOR_TAG") : "@panthor";
	deadline = getenv("PANTHOR_DEADLINE") ? atof(getenv("PANTHOR_DEADLINE")) : 300;
	unsetenv("PANTHOR_TAG");
	unsetenv("PANTHOR_DEADLINE");
	set_up_mounts();
	set_up_console();
	printf("\n%s init %.2f\n", tag, now());
	setenv("PATH", "/bin:/usr/bin:/sbin", 1);
	setenv("HOME", "/tmp", 1);
	load_driver();
	for (nr = 0; nr < 100; nr++) {
		snprintf(path, sizeof(path), "/programs/%02d/argv", nr);
		if (access(path, F_OK))
			break;
		run_program(nr, deadline);
	}
	print_kernel_log();
	printf("\n%s off %.2f\n", tag, now());
	fflush(NULL);
	tcdrain(1);
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
