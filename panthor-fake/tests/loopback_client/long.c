/* One call that takes many seconds: long KIND. Says so before. */
#include <stdlib.h>
#include <sys/mman.h>

#include "calls.h"

/* So many elements at the same address: one page of the kind, mapped over and over, is what all of them are. */
static void *repeated(const void *element, unsigned long size, unsigned long count)
{
	unsigned char *all = malloc(size * count);
	check(all);
	for (unsigned long i = 0; i < count; i++)
		memcpy(all + i * size, element, size);
	return all;
}

int main(int argc, char **argv)
{
	check(argc == 2);
	int fd = node();
	u32 vm_ = vm(fd), bo_ = bo(fd);
	if (strcmp(argv[1], "query") == 0) {
		/* Each looks through a long timeline. */
		u32 handle = syncobj(fd);
		enum { POINTS = 400000 };
		u32 *handles = repeated(&handle, sizeof(handle), POINTS);
		u64 *points = calloc(POINTS, sizeof(*points));
		check(points);
		struct syncobj_timeline_array query = {
			.handles = (unsigned long)handles, .points = (unsigned long)points, .count = POINTS
		};
		puts("now");
		fflush(stdout);
		for (;;)
			check(ioctl(fd, DRM_SYNCOBJ_QUERY, &query) == 0);
	}
	enum { COUNT = 2000000 };
	struct bind_op op = { BIND_MAP | BIND_NOEXEC, bo_, 0, 1 << 30, 4096, { 0 } };
	struct bind_op *ops = repeated(&op, sizeof(op), COUNT);
	/* Apart from each other: each is a mapping of its own. */
	for (unsigned long i = 0; i < COUNT; i++)
		ops[i].va += i * 2 * 4096;
	struct vm_bind bind = { vm_, strcmp(argv[1], "bind") == 0 ? 0 : 1, { sizeof(op), COUNT, (unsigned long)ops } };
	puts("now");
	fflush(stdout);
	check(ioctl(fd, PANTHOR_VM_BIND, &bind) == 0);
	return 0;
}
