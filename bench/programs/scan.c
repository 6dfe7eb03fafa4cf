// SPDX-License-Identifier: GPL-2.0-only
/* PAGEMAP_SCAN over all of an address space, as few calls as possible. Counts regions. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "serve.h"

/* include/uapi/linux/fs.h; older headers lack it */
struct region {
	uint64_t start, end, categories;
};

struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, all_of, any_of, wanted;
};

#define SCAN		_IOWR('f', 16, struct scan_arg)
#define PRESENT		0x008
#define SWAPPED		0x010
#define PFNZERO		0x020
#define HUGE		0x040
#define GUARD		0x100
#define REGIONS		2048
#define USER_END	0x7ffffffff000ULL

static int pagemap;
static uint64_t wanted = PRESENT | SWAPPED | PFNZERO | HUGE | GUARD;
static struct region regions[REGIONS];

static int scan(struct scan_arg *arg, uint64_t from)
{
	int count;

	*arg = (struct scan_arg) {
		.size = sizeof(*arg), .start = from, .end = USER_END, .vec = (uintptr_t)regions,
		.vec_len = REGIONS, .any_of = PRESENT | SWAPPED, .wanted = wanted,
	};
	count = ioctl(pagemap, SCAN, arg);
	if (count < 0 && errno == EINVAL && wanted & GUARD) {
		wanted &= ~(uint64_t)GUARD; /* before 6.16 */
		return scan(arg, from);
	}
	if (count < 0)
		err(1, "PAGEMAP_SCAN");
	return count;
}

static long long pass(void)
{
	struct scan_arg arg;
	long long sum = 0;
	uint64_t from = 0;
	int count;

	/* walk_end is only right when the vector is full */
	do {
		count = scan(&arg, from);
		sum += count;
		from = arg.walk_end;
	} while (count == REGIONS && from < USER_END);
	return sum;
}

int main(int argc, char **argv)
{
	char path[64];
	struct scan_arg arg;

	if (argc != 2)
		errx(2, "usage: scan PID");
	snprintf(path, sizeof(path), "/proc/%s/pagemap", argv[1]);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		err(1, "%s", path);
	scan(&arg, 0); /* says at once if the kernel has none */
	return serve(pass);
}
