/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <time.h>

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

#endif /* BENCH_CLOCK_H */
