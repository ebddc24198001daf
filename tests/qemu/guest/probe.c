// SPDX-License-Identifier: MIT OR Apache-2.0
/* The smallest program: is the driver there, and which version? */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <drm/drm.h>

int main(void)
{
	char name[16] = "";
	struct drm_version v = { .name = name, .name_len = sizeof(name) - 1 };
	int fd = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, DRM_IOCTL_VERSION, &v)) {
		perror("/dev/dri/renderD128");
		return 1;
	}
	printf("%s %d.%d.%d\n", name, v.version_major, v.version_minor, v.version_patchlevel);
	return 0;
}
