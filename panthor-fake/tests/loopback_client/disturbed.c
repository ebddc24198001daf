/* Opens nodes, exports BOs and looks at files, and looks whether each answer is right: disturbed PROCESSES COUNT.
 * Prints the number of its parent, and at the end how many opens there were and how many were wrong. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "calls.h"

static unsigned wrong;

#define right(condition)                                                                    \
	do {                                                                                \
		if (!(condition)) {                                                         \
			fprintf(stderr, "wrong: not %s (%s)\n", #condition, strerror(errno)); \
			wrong++;                                                            \
		}                                                                           \
	} while (0)

/* The standard streams are open: a new descriptor is another. */
static int is_new(int fd)
{
	return fd > 2 && fcntl(fd, F_GETFD) >= 0;
}

static int open_node(void)
{
	int fd = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
	right(is_new(fd));
	return fd;
}

static void look(void)
{
	struct stat info;
	int passwd = open("/etc/passwd", O_RDONLY);
	right(is_new(passwd));
	if (passwd > 2)
		close(passwd);
	right(stat("/dev/dri/card0", &info) == 0 && S_ISCHR(info.st_mode));
	right(access("/nonexistent", F_OK) == -1 && errno == ENOENT);
}

static void export_bo(int fd)
{
	struct bo_create bo = { .size = 4096 };
	right(ioctl(fd, PANTHOR_BO_CREATE, &bo) == 0);
	struct prime_handle prime = { .handle = bo.handle, .flags = O_CLOEXEC, .fd = -1 };
	right(ioctl(fd, DRM_PRIME_HANDLE_TO_FD, &prime) == 0 && is_new(prime.fd));
	if (prime.fd > 2)
		close(prime.fd);
	struct gem_close close_ = { .handle = bo.handle };
	right(ioctl(fd, DRM_GEM_CLOSE, &close_) == 0);
}

int main(int argc, char **argv)
{
	check(argc == 3);
	int processes = atoi(argv[1]), count = atoi(argv[2]) / processes, status;
	printf("%d\n", getppid());
	fflush(stdout);
	for (int i = 0; i < processes; i++) {
		pid_t child = fork();
		check(child >= 0);
		if (child == 0) {
			for (int n = 0; n < count; n++) {
				int fd = open_node();
				if (n % 8 == 0)
					look();
				if (n % 4 == 0 && fd > 2)
					export_bo(fd);
				if (fd > 2)
					close(fd);
			}
			_exit(wrong > 255 ? 255 : wrong);
		}
	}
	while (wait(&status) > 0)
		wrong += WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
	printf("%d opens, %u wrong\n", count * processes, wrong);
	return wrong != 0;
}
