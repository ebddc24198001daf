/* Says that it runs, before it looks whether there is a device. Linked statically it makes no call before. */
#include <unistd.h>

int main(void)
{
	if (write(1, "ran\n", 4) != 4)
		return 2;
	return access("/dev/dri/renderD128", R_OK) != 0;
}
