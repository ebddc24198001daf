/* Ways to name a node and the files around it, by the system calls themselves: what C libraries of today have
 * given up is still in programs of yesterday. The exit status is 0, or 1 after a message. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "calls.h"

#define CARD "/dev/dri/card0"
#define BY_PATH "/dev/dri/by-path/platform-fb000000.gpu-card"

/* For messages. */
static const char *looked_at = "";

/* Zero, or the error number. */
static int of(long result)
{
	return result < 0 ? errno : 0;
}

#define expect(call, error)                                                                             \
	do {                                                                                            \
		int got_ = of(call);                                                                    \
		if (got_ != (error)) {                                                                  \
			fprintf(stderr, "%s:%d: %s: %s, not %s (%s)\n", __FILE__, __LINE__, #call,      \
				strerror(got_), strerror(error), looked_at);                            \
			_exit(1);                                                                       \
		}                                                                                       \
	} while (0)

static long opens(int directory, const char *path, int flags)
{
	long fd = syscall(SYS_openat, directory, path, flags, 0);
	if (fd >= 0)
		close(fd);
	return fd;
}

struct how {
	u64 flags, mode, resolve;
};

enum { NO_XDEV = 1, NO_MAGICLINKS = 2, NO_SYMLINKS = 4, BENEATH = 8, IN_ROOT = 16, CACHED = 32 };

static long opens2(int directory, const char *path, u64 resolve)
{
	struct how how = { .flags = O_RDONLY, .resolve = resolve };
	long fd = syscall(SYS_openat2, directory, path, &how, sizeof(how));
	if (fd >= 0) {
		struct drm_version version = { 0 };
		int is_directory = ioctl(fd, DRM_VERSION, &version) < 0 && errno == ENOTTY;
		close(fd);
		/* What was opened is a node. */
		if (is_directory && (errno = EISDIR))
			return -1;
	}
	return fd;
}

/* With something behind the structure that the kernel does not know. */
static long opens2_as(const char *path, u64 flags, u64 mode, u64 behind)
{
	struct {
		struct how how;
		u64 behind;
	} how = { { flags, mode, 0 }, behind };
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (fd >= 0)
		close(fd);
	return fd;
}

struct statx_ {
	u32 mask, block_size;
	u64 attributes;
	u32 nlink, uid, gid;
	unsigned short mode, spare;
	u64 ino, size, blocks, attributes_mask, times[8];
	u32 rdev_major, rdev_minor, dev_major, dev_minor;
	u64 more[14];
};

static int is_node(const struct stat *stat, int minor_)
{
	return S_ISCHR(stat->st_mode) && major(stat->st_rdev) == 226 && (int)minor(stat->st_rdev) == minor_;
}

/* What is asked about a path says the same by each call. */
static void looks(int directory, const char *path, int error)
{
	looked_at = path;
	struct stat stat_;
	struct statx_ statx_ = { 0 };
	int here = directory == AT_FDCWD;
	expect(opens(directory, path, O_RDWR), error);
	expect(syscall(SYS_faccessat, directory, path, R_OK | W_OK), error);
	expect(syscall(SYS_statx, directory, path, 0, 0x7ff, &statx_), error);
	check(error || (S_ISCHR(statx_.mode) && statx_.rdev_major == 226 && statx_.rdev_minor == 0));
	expect(syscall(SYS_newfstatat, directory, path, &stat_, 0), error);
	check(error || is_node(&stat_, 0));
	expect(syscall(SYS_newfstatat, directory, path, &stat_, AT_SYMLINK_NOFOLLOW), error);
#ifdef SYS_open
	if (here) {
		long fd = syscall(SYS_open, path, O_RDWR);
		expect(fd, error);
		if (fd >= 0) {
			check(syscall(SYS_fstat, fd, &stat_) == 0 && is_node(&stat_, 0));
			close(fd);
		}
		expect(syscall(SYS_stat, path, &stat_), error);
		check(error || is_node(&stat_, 0));
		expect(syscall(SYS_lstat, path, &stat_), error);
		expect(syscall(SYS_access, path, W_OK), error);
	}
#else
	(void)here;
#endif
}

static void spellings(void)
{
	static const char *const good[] = {
		CARD, "//dev//dri/./card0", "/dev/dri/../dri/card0", "/dev/dri/by-path/../card0",
		"/sys/../dev/dri/card0", "/sys/class/drm/../../../dev/dri/card0",
	};
	for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++)
		looks(AT_FDCWD, good[i], 0);
	/* What is no directory has nothing below it. */
	static const char *const below[] = {
		CARD "/", CARD "//", CARD "/.", CARD "/..", CARD "/../card0", CARD "/x", BY_PATH "/", BY_PATH "/../card0",
		"/dev/dri/./card0/", "/sys/class/drm/version/..",
	};
	for (unsigned i = 0; i < sizeof(below) / sizeof(*below); i++)
		looks(AT_FDCWD, below[i], ENOTDIR);
	static const char *const missing[] = { "/dev/dri/card1", "/dev/dri/card1/", "/dev/dri/x/../card0" };
	for (unsigned i = 0; i < sizeof(missing) / sizeof(*missing); i++)
		looks(AT_FDCWD, missing[i], ENOENT);
	expect(opens(AT_FDCWD, CARD, O_RDWR | O_WRONLY), 0);
	expect(opens(AT_FDCWD, "/dev/dri/", O_RDONLY), 0);
	expect(opens(AT_FDCWD, "/dev/dri/.", O_RDONLY | O_DIRECTORY), 0);
	expect(opens(AT_FDCWD, BY_PATH, O_RDONLY | O_NOFOLLOW), ELOOP);
	/* What comes after a link is where that leads. */
	expect(opens(AT_FDCWD, "/sys/class/drm/card0/../../uevent", O_RDONLY), 0);
	expect(opens(AT_FDCWD, "/sys/class/drm/card0/../version", O_RDONLY), ENOENT);
	expect(opens(AT_FDCWD, "/sys/dev/char/226:0/device/drm/renderD128/dev", O_RDONLY), 0);
#ifdef SYS_creat
	expect(syscall(SYS_creat, "/dev/dri/card7", 0600), EACCES);
#endif
}

static void relative(void)
{
	int dev = open("/dev", O_RDONLY | O_DIRECTORY), dri = open("/dev/dri", O_RDONLY | O_DIRECTORY);
	int path = open("/dev/dri", O_PATH);
	check(dev >= 0 && dri >= 0 && path >= 0);
	looks(dev, "dri/card0", 0);
	looks(dri, "card0", 0);
	looks(path, "card0", 0);
	looks(dri, "../dri/./card0", 0);
	looks(dri, "card0/", ENOTDIR);
	looks(dri, "card0/..", ENOTDIR);
	looks(dri, "renderD129", ENOENT);
	looks(dri, CARD, 0);
	check(chdir("/dev") == 0);
	looks(AT_FDCWD, "dri/card0", 0);
	looks(AT_FDCWD, "./dri/../dri/card0", 0);
	looks(AT_FDCWD, "dri/card0/", ENOTDIR);
	check(fchdir(dri) == 0);
	looks(AT_FDCWD, "card0", 0);
	looks(AT_FDCWD, "./card0", 0);
	looks(AT_FDCWD, "by-path/../card0", 0);
	looks(AT_FDCWD, "../dri/card0", 0);
	check(chdir("/") == 0);
	looks(AT_FDCWD, "dev/dri/card0", 0);
	close(dev), close(dri), close(path);
}

static void links(void)
{
	char target[64], name[32];
	int fd = open(CARD, O_RDWR), dri = open("/dev/dri", O_RDONLY);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	check(syscall(SYS_readlinkat, AT_FDCWD, name, target, sizeof(target)) == sizeof(CARD) - 1);
	check(memcmp(target, CARD, sizeof(CARD) - 1) == 0);
	check(syscall(SYS_readlinkat, dri, "by-path/platform-fb000000.gpu-card", target, sizeof(target)) == 8);
	check(memcmp(target, "../card0", 8) == 0);
	check(syscall(SYS_readlinkat, AT_FDCWD, BY_PATH, target, 2) == 2);
	expect(syscall(SYS_readlinkat, AT_FDCWD, CARD, target, sizeof(target)), EINVAL);
	expect(syscall(SYS_readlinkat, AT_FDCWD, BY_PATH, target, 0), EINVAL);
	expect(syscall(SYS_readlinkat, AT_FDCWD, BY_PATH "/", target, sizeof(target)), ENOTDIR);
	expect(syscall(SYS_readlinkat, AT_FDCWD, BY_PATH, (char *)8, 8), EFAULT);
#ifdef SYS_readlink
	check(syscall(SYS_readlink, BY_PATH, target, sizeof(target)) == 8);
	check(syscall(SYS_readlink, name, target, sizeof(target)) == sizeof(CARD) - 1);
#endif
	char *real = realpath("/sys/dev/char/226:0/device", NULL);
	check(real && strcmp(real, "/sys/devices/platform/fb000000.gpu") == 0);
	free(real);
	close(fd), close(dri);
}

/* The names in a directory that are not dots, with a letter for their types. */
static void lists(void)
{
	struct { u64 ino, offset; unsigned short length; unsigned char type; char name[]; } *entry;
	_Alignas(8) char bytes[4096];
	int fd = open("/dev/dri", O_RDONLY | O_DIRECTORY), nodes = 0;
	long length = syscall(SYS_getdents64, fd, bytes, sizeof(bytes));
	check(length > 0);
	for (long at = 0; at < length; at += entry->length) {
		entry = (void *)(bytes + at);
		int is_node = strcmp(entry->name, "card0") == 0 || strcmp(entry->name, "renderD128") == 0;
		check(!is_node || entry->type == DT_CHR);
		nodes += is_node;
	}
	check(nodes == 2);
#ifdef SYS_getdents
	struct { unsigned long ino, offset; unsigned short length; char name[]; } *old;
	check(lseek(fd, 0, SEEK_SET) == 0);
	length = syscall(SYS_getdents, fd, bytes, sizeof(bytes));
	check(length > 0);
	nodes = 0;
	for (long at = 0; at < length; at += old->length) {
		old = (void *)(bytes + at);
		nodes += strcmp(old->name, "card0") == 0 || strcmp(old->name, "renderD128") == 0;
	}
	check(nodes == 2);
#endif
	close(fd);
}

/* How openat2 restricts a path. */
static void restricted(void)
{
	int root = open("/", O_PATH), dev = open("/dev", O_PATH), dri = open("/dev/dri", O_RDONLY), card = open(CARD, O_RDWR);
	char name[32];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", card);
	if (opens2(AT_FDCWD, CARD, 0) < 0 && errno == ENOSYS)
		return;
	expect(opens2(AT_FDCWD, CARD, NO_SYMLINKS), 0);
	expect(opens2(AT_FDCWD, BY_PATH, 0), 0);
	expect(opens2(AT_FDCWD, BY_PATH, NO_SYMLINKS), ELOOP);
	expect(opens2(AT_FDCWD, name, 0), 0);
	expect(opens2(AT_FDCWD, name, NO_MAGICLINKS), ELOOP);
	expect(opens2(AT_FDCWD, name, NO_SYMLINKS), ELOOP);
	expect(opens2(dri, "card0", BENEATH), 0);
	expect(opens2(dev, "dri/card0", BENEATH), 0);
	expect(opens2(dev, "dri/by-path/platform-fb000000.gpu-card", BENEATH), 0);
	expect(opens2(dri, "../dri/card0", BENEATH), EXDEV);
	expect(opens2(dri, CARD, BENEATH), EXDEV);
	expect(opens2(dri, "card1", BENEATH), ENOENT);
	expect(opens2(dri, "/card0", IN_ROOT), 0);
	expect(opens2(dri, "../../card0", IN_ROOT), 0);
	expect(opens2(dev, "/dri/card0", IN_ROOT), 0);
	expect(opens2(root, CARD, IN_ROOT), 0);
	expect(opens2(dri, CARD, IN_ROOT), ENOENT);
	expect(opens2(dri, "card0", NO_XDEV), 0);
	expect(opens2(dev, "dri/card0", NO_XDEV | BENEATH), 0);
	expect(opens2(dri, "card0", 1 << 20), EINVAL);
	expect(opens2(dri, "card0", BENEATH | IN_ROOT), EINVAL);
	/* What the kernel refuses whatever the path. */
	expect(opens2_as(CARD, 1ULL << 40, 0, 0), EINVAL);
	expect(opens2_as(CARD, 1 << 30, 0, 0), EINVAL);
	expect(opens2_as(CARD, O_RDWR, 0600, 0), EINVAL);
	expect(opens2_as(CARD, O_PATH | O_RDWR, 0, 0), EINVAL);
	expect(opens2_as(CARD, O_RDWR, 0, 1), E2BIG);
	expect(opens2_as(CARD, O_RDWR | O_CREAT, 0600, 0), 0);
	/* What is not known at once may be asked for without that flag. */
	check(opens2(dri, "card0", CACHED) >= 0 || errno == EAGAIN);
	close(root), close(dev), close(dri), close(card);
}

int main(void)
{
	spellings();
	relative();
	links();
	lists();
	restricted();
	return 0;
}
