/* A program that tries to leave its jail by way of the files around the nodes, and to change them.
 *
 * hostile JAIL detached|directory|mounted SCRATCH
 *
 * JAIL is `chroot`, `pivot` (a mount namespace whose old root is detached), `user` (a user and mount namespace with
 * the same root directory) or `none`. SCRATCH is a directory with `secret`, a file, and `jail`, an empty directory.
 * The exit status is 0; 1 after a message; 77 after a message why the jail cannot be made. */
#define _GNU_SOURCE
#include <dirent.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "calls.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *jail, *scratch;
/* Whether `..` of a directory of the tree may lead to the host: there it is one of the host's, and this program may
 * see the host anyway. */
static int may_climb;
/* Whether the tree is one that this program may not change. */
static int unchangeable;
/* Whether the root directory is another one than the server's; whether mounts are seen by this program alone. */
static int jailed, alone;
/* Files of the host that are not in the jail. */
static struct stat secret, host_root, passwd;
/* The files of the tree. */
static struct stat ours[64];
static unsigned our_count;
static int watch;
static char own[4200];

static void fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: ", jail);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	_exit(1);
}

static void unavailable(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", jail, what, strerror(errno));
	_exit(77);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		unavailable(path);
	close(fd);
}

/* A user namespace with the own user in it, and a mount namespace. */
static void namespaces(void)
{
	char map[64];
	uid_t user = getuid();
	gid_t group = getgid();
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		unavailable("unshare");
	snprintf(map, sizeof(map), "%d %d 1", user, user);
	put("/proc/self/uid_map", map);
	put("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%d %d 1", group, group);
	put("/proc/self/gid_map", map);
}

static void enter(void)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/jail", scratch);
	if (strcmp(jail, "chroot") == 0) {
		if (geteuid() != 0)
			namespaces(), alone = 1;
		if (chdir(path) < 0 || chroot(".") < 0)
			unavailable("chroot");
	} else if (strcmp(jail, "pivot") == 0) {
		if (geteuid() != 0)
			namespaces();
		else if (unshare(CLONE_NEWNS) < 0)
			unavailable("unshare");
		if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("jail", path, "tmpfs", 0, NULL) < 0)
			unavailable("mount");
		if (chdir(path) < 0 || mkdir("proc", 0755) < 0 || mount("/proc", "proc", NULL, MS_BIND | MS_REC, NULL) < 0)
			unavailable("bind /proc");
		if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
			unavailable("pivot_root");
		alone = 1;
	} else if (strcmp(jail, "user") == 0) {
		namespaces();
		alone = 1;
	}
	snprintf(own, sizeof(own), "%s/own", jailed ? "" : path);
	close(open(own, O_CREAT | O_RDWR, 0600));
}

static int is_same(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* Whether a file is of the tree. Nothing else may be changed here: this test may be root's. */
static int is_ours(const struct stat *stat)
{
	for (unsigned i = 0; i < our_count; i++)
		if (is_same(stat, &ours[i]))
			return 1;
	/* All files of a detached file system. */
	return unchangeable && stat->st_dev == ours[0].st_dev;
}

/* Goes up from a directory, by calls that the supervisor does not hear of where there are such. */
static void climb(int fd, const char *how)
{
	struct stat stat_, last = { 0 };
	int here = open(".", O_PATH);
	if (fchdir(fd) == 0) {
		for (int i = 0; i < 40; i++, last = stat_) {
			/* A watch needs the kernel's own lookup, and shows that something is there. */
			if (inotify_add_watch(watch, "etc/passwd", IN_OPEN) >= 0 || inotify_add_watch(watch, "secret", IN_OPEN) >= 0)
				fail("%s: leads out of the jail after %d steps", how, i);
			int up = open(".", O_RDONLY | O_DIRECTORY);
			if (up >= 0 && fstat(up, &stat_) == 0 && is_same(&stat_, &host_root))
				fail("%s: leads to the root of the host after %d steps", how, i);
			close(up);
			if (chdir("..") < 0 || (up >= 0 && is_same(&stat_, &last)))
				break;
		}
	}
	if (fchdir(here) < 0)
		fail("fchdir back: %s", strerror(errno));
	close(here);
}

static int opens2(int directory, const char *path, u64 flags, u64 resolve)
{
	u64 how[3] = { flags, flags & (O_CREAT | __O_TMPFILE) ? 0600 : 0, resolve };
	return syscall(SYS_openat2, directory, path, how, sizeof(how));
}

/* Tries to change what a descriptor of the tree shows. */
static void change(int fd, int is_directory, const char *how)
{
	char name[64];
	struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
#define refused(call)                                                              \
	do {                                                                       \
		if ((call) >= 0 && unchangeable)                                   \
			fail("%s: %s succeeds", how, #call);                       \
	} while (0)
	refused(fchmod(fd, 0777));
	refused(fchown(fd, getuid(), getgid()));
	refused(futimens(fd, times));
	refused(fsetxattr(fd, "user.x", "y", 1, 0));
	refused(fremovexattr(fd, "user.x"));
	refused(ftruncate(fd, 0));
	refused(fallocate(fd, 0, 0, 4096));
	refused(write(fd, "x", 1));
	refused(chmod(name, 0777));
	refused(truncate(name, 0));
	refused(setxattr(name, "user.x", "y", 1, 0));
	refused(utimensat(AT_FDCWD, name, times, 0));
	if (!is_directory)
		return;
	static const char *const names[] = {
		"card0", "renderD128", "by-path", "version", "uevent", "dev", "drm", "driver", "new",
	};
	for (unsigned i = 0; i < COUNT(names); i++) {
		const char *at = names[i];
		refused(mkdirat(fd, at, 0755));
		refused(mknodat(fd, at, S_IFIFO | 0666, 0));
		refused(mknodat(fd, at, S_IFREG | 0666, 0));
		refused(mknodat(fd, at, S_IFCHR, 0));
		refused(symlinkat("/etc/passwd", fd, at));
		refused(linkat(AT_FDCWD, own, fd, at, 0));
		refused(renameat(AT_FDCWD, own, fd, at));
		refused(renameat(fd, at, fd, "moved"));
		refused(syscall(SYS_renameat2, fd, "card0", fd, at, 2));
		refused(unlinkat(fd, at, 0));
		refused(unlinkat(fd, at, AT_REMOVEDIR));
		refused(fchmodat(fd, at, 0777, 0));
		refused(fchownat(fd, at, getuid(), getgid(), 0));
		refused(fchownat(fd, at, getuid(), getgid(), AT_SYMLINK_NOFOLLOW));
		refused(utimensat(fd, at, times, 0));
		refused(utimensat(fd, at, times, AT_SYMLINK_NOFOLLOW));
	}
	refused(openat(fd, ".", O_TMPFILE | O_RDWR, 0600));
	refused(openat(fd, "fifo", O_CREAT | O_RDWR, 0600));
#undef refused
}

/* Tries to take the file system itself. */
static void mounts(int fd, const char *how)
{
	char name[64];
	struct { u64 set, clear, propagation, user_namespace; } writable = { 0, MOUNT_ATTR_RDONLY, 0, 0 };
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (!unchangeable || !alone)
		return;
	/* Nothing can be mounted there, and nothing of it elsewhere. */
	if (mount("none", name, "tmpfs", 0, NULL) == 0)
		fail("%s: a mount on it succeeds", how);
	if (mount(name, "/", NULL, MS_BIND | MS_REC, NULL) == 0)
		fail("%s: a mount of it succeeds", how);
	if (mount(NULL, name, NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
		fail("%s: a remount succeeds", how);
	if (umount2(name, MNT_DETACH) == 0)
		fail("%s: an unmount succeeds", how);
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &writable, sizeof(writable)) == 0)
		fail("%s: mount_setattr succeeds", how);
	int tree = syscall(SYS_open_tree, fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | AT_RECURSIVE);
	if (tree >= 0)
		fail("%s: a clone of the mount succeeds", how);
	int picked = syscall(SYS_fspick, fd, "", FSPICK_EMPTY_PATH);
	if (picked >= 0) {
		/* Root may make the file system writable, but not the mount. */
		syscall(SYS_fsconfig, picked, FSCONFIG_SET_FLAG, "rw", NULL, 0);
		syscall(SYS_fsconfig, picked, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
		if (mkdirat(fd, "reconfigured", 0755) == 0)
			fail("%s: a reconfigured file system is writable", how);
		close(picked);
	}
}

/* Tries to get at other files of the file system, or of the host, by a handle. */
static void handles(int fd, const char *how)
{
	struct {
		struct file_handle head;
		unsigned char bytes[128];
	} handle = { .head.handle_bytes = 128 };
	int id;
	if (name_to_handle_at(fd, "", &handle.head, &id, AT_EMPTY_PATH) < 0)
		return;
	int again = open_by_handle_at(fd, &handle.head, O_RDONLY);
	if (again >= 0 && !may_climb)
		climb(again, how);
	close(again);
}

static void look_from(int fd, const char *how, int depth);

/* Looks at what an open gave. */
static void look(int fd, int depth, const char *format, ...)
{
	char how[512];
	struct stat stat_;
	if (fd < 0)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(how, sizeof(how), format, args);
	va_end(args);
	if (fstat(fd, &stat_) < 0)
		fail("%s: fstat: %s", how, strerror(errno));
	int is_directory = S_ISDIR(stat_.st_mode), of_tree = is_ours(&stat_);
	if (jailed && (is_same(&stat_, &secret) || is_same(&stat_, &host_root) || is_same(&stat_, &passwd)))
		fail("%s: is a file of the host", how);
	if (S_ISFIFO(stat_.st_mode))
		fail("%s: is a FIFO", how);
	if (is_directory && (jailed || (of_tree && !may_climb)))
		climb(fd, how);
	if (depth >= 0 && of_tree && (is_directory || S_ISREG(stat_.st_mode))) {
		handles(fd, how);
		change(fd, is_directory, how);
		if (is_directory)
			mounts(fd, how);
	}
	if (is_directory && (jailed || of_tree))
		look_from(fd, how, depth);
	close(fd);
}

static const char *const from[] = {
	"/dev/dri", "/dev/dri/", "/dev/dri/.", "/dev/dri/..", "/dev/dri/../..", "/dev/dri/../../..", "/dev/dri/by-path",
	"/dev/dri/by-path/..", "/dev/dri/card0", "/dev/dri/new", "/sys/class/drm", "/sys/class/drm/..",
	"/sys/class/drm/card0", "/sys/class/drm/card0/..", "/sys/class/drm/card0/../../../../../..",
	"/sys/class/drm/version", "/sys/dev/char/226:0/device", "/sys/dev/char/226:0/subsystem",
	"/sys/dev/char/226:128/device/subsystem", "/sys/bus/platform/drivers/panthor",
	"/sys/devices/platform/fb000000.gpu/uevent",
};

/* Paths that lead out of the tree. Nothing is opened for writing there: without a jail, or with a defect of the
 * server, these are files of the host. */
static const char *const out[] = {
	"/dev/dri/../../etc/passwd", "/dev/dri/../../secret", "/sys/class/drm/../../../etc/passwd",
	"/dev/dri/../../../../../../../../../etc",
};

static const char *const below[] = {
	".", "..", "../..", "../../..", "../../../../../../../..", "../etc/passwd", "../../etc/passwd",
	"../../../../../../etc/passwd", "../secret", "../../secret", "by-path/..", "card0", "card0/..", "drm/../../..",
	"/", "/etc/passwd", "/dev/dri", "dri", "dev/dri",
};

static const int flags[] = {
	O_RDONLY, O_PATH, O_RDONLY | O_DIRECTORY, O_RDWR, O_WRONLY | O_TRUNC, O_RDWR | O_CREAT, O_TMPFILE | O_RDWR,
	O_RDONLY | O_NOFOLLOW, O_PATH | O_NOFOLLOW, O_RDONLY | O_NONBLOCK,
};

static void look_from(int fd, const char *how, int depth)
{
	char name[256];
	if (depth <= 0)
		return;
	int here = open(".", O_PATH);
	for (unsigned i = 0; i < COUNT(below); i++) {
		look(openat(fd, below[i], O_RDONLY), depth - 1, "%s, openat %s", how, below[i]);
		look(openat(fd, below[i], O_PATH), depth - 1, "%s, openat O_PATH %s", how, below[i]);
		for (int resolve = 1; resolve < 64; resolve = resolve < 8 ? resolve + 1 : resolve * 2)
			look(opens2(fd, below[i], O_RDONLY, resolve), -1, "%s, openat2 %s %d", how, below[i], resolve);
		snprintf(name, sizeof(name), "/proc/self/fd/%d/%s", fd, below[i]);
		look(open(name, O_RDONLY), depth - 1, "%s, open %s", how, name);
		snprintf(name, sizeof(name), "/dev/fd/%d/%s", fd, below[i]);
		look(open(name, O_RDONLY), 0, "%s, open %s", how, name);
		if (fchdir(fd) == 0)
			look(open(below[i], O_RDONLY), 0, "%s, fchdir and open %s", how, below[i]);
		if (fchdir(here) < 0)
			fail("fchdir back: %s", strerror(errno));
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	look(open(name, O_RDONLY), 0, "%s, open %s", how, name);
	look(open(name, O_RDWR), 0, "%s, open %s", how, name);
	close(here);
}

static void attack(void)
{
	watch = inotify_init1(IN_CLOEXEC);
	for (unsigned i = 0; i < COUNT(from); i++) {
		for (unsigned j = 0; j < COUNT(flags); j++) {
			look(openat(AT_FDCWD, from[i], flags[j], 0600), j < 2, "openat %s %#x", from[i], flags[j]);
			look(opens2(AT_FDCWD, from[i], flags[j], 0), 0, "openat2 %s %#x", from[i], flags[j]);
			for (int resolve = 1; resolve < 64; resolve = j < 2 ? resolve + 1 : resolve * 2)
				look(opens2(AT_FDCWD, from[i], flags[j], resolve), -1, "openat2 %s %#x %d", from[i], flags[j],
				     resolve);
		}
#ifdef SYS_open
		look(syscall(SYS_open, from[i], O_RDONLY), 0, "open %s", from[i]);
		look(syscall(SYS_creat, from[i], 0600), 0, "creat %s", from[i]);
#endif
	}
	for (unsigned i = 0; i < COUNT(out); i++) {
		look(open(out[i], O_RDONLY), 1, "open %s", out[i]);
		look(open(out[i], O_PATH), 1, "open O_PATH %s", out[i]);
		for (int resolve = 0; resolve < 64; resolve++)
			look(opens2(AT_FDCWD, out[i], O_RDONLY, resolve), -1, "openat2 %s %d", out[i], resolve);
	}
}

/* What the tree shows, as a number: names, types, targets of links and texts. */
static u64 digest_of(const char *path, u64 digest, int depth)
{
	char text[4096], name[4096];
	struct stat stat_;
	struct dirent *entry;
#define add(bytes, length)                                                                       \
	for (long at_ = 0; at_ < (long)(length); at_++)                                          \
		digest = (digest ^ ((const unsigned char *)(bytes))[at_]) * 1099511628211u
	if (lstat(path, &stat_) < 0)
		fail("%s: %s", path, strerror(errno));
	add(path, strlen(path));
	add(&stat_.st_mode, sizeof(stat_.st_mode));
	add(&stat_.st_rdev, sizeof(stat_.st_rdev));
	if (S_ISLNK(stat_.st_mode)) {
		add(text, readlink(path, text, sizeof(text)));
	} else if (S_ISREG(stat_.st_mode)) {
		int fd = open(path, O_RDONLY);
		check(our_count < COUNT(ours) && fstat(fd, &ours[our_count++]) == 0);
		add(text, read(fd, text, sizeof(text)));
		close(fd);
	} else if (S_ISDIR(stat_.st_mode) && depth) {
		DIR *directory = opendir(path);
		if (!directory)
			fail("%s: %s", path, strerror(errno));
		check(our_count < COUNT(ours) && fstat(dirfd(directory), &ours[our_count++]) == 0);
		u64 entries = 0;
		while ((entry = readdir(directory)))
			if (entry->d_name[0] != '.') {
				snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
				entries += digest_of(name, 14695981039346656037u + entry->d_type, depth - 1);
			}
		closedir(directory);
		add(&entries, sizeof(entries));
	}
	return digest;
}

static u64 digest(void)
{
	static const char *const parts[] = {
		"/dev/dri", "/sys/class/drm", "/sys/dev/char/226:0", "/sys/dev/char/226:128",
		"/sys/devices/platform/fb000000.gpu", "/sys/bus/platform/drivers/panthor",
	};
	u64 digest = 14695981039346656037u;
	our_count = 0;
	for (unsigned i = 0; i < COUNT(parts); i++)
		digest = digest_of(parts[i], digest, 4);
	return digest;
}

int main(int count, char **arguments)
{
	char path[4096];
	check(count == 4);
	jail = arguments[1];
	scratch = arguments[3];
	int detached = strcmp(arguments[2], "detached") == 0;
	jailed = strcmp(jail, "chroot") == 0 || strcmp(jail, "pivot") == 0;
	may_climb = !jailed && !detached;
	unchangeable = detached;
	snprintf(path, sizeof(path), "%s/secret", scratch);
	check(stat(path, &secret) == 0 && stat("/", &host_root) == 0 && stat("/etc/passwd", &passwd) == 0);
	u64 before = digest();
	/* Below all that is on this file system is taken for the tree's. */
	if (detached && (ours[0].st_dev == host_root.st_dev || ours[0].st_dev == secret.st_dev))
		fail("the tree is on a file system of the host");
	pid_t child = fork();
	if (child == 0) {
		enter();
		attack();
		_exit(0);
	}
	int status;
	check(waitpid(child, &status, 0) == child);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	/* In a directory of the host the files of this user can be removed. */
	if (unchangeable && digest() != before)
		fail("the tree has changed");
	return 0;
}
