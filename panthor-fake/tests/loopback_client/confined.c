/* Runs a program with less: confined USER|- all|no-mounts PROGRAM [ARGUMENT...]
 *
 * USER is the number of the user and the group. `no-mounts` takes fsopen(2) away, as the filter of a container's
 * runtime does. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	if (count < 4)
		return 2;
	if (strcmp(arguments[1], "-") != 0) {
		int user = atoi(arguments[1]);
		if (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0) {
			perror("confined: the user");
			return 77;
		}
	}
	if (strcmp(arguments[2], "no-mounts") == 0) {
		struct sock_filter filter[] = {
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fsopen, 0, 1),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		};
		struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
			perror("confined: the filter");
			return 77;
		}
	}
	execv(arguments[3], arguments + 3);
	perror(arguments[3]);
	return 77;
}
