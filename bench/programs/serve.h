/* SPDX-License-Identifier: GPL-2.0-only */
/* A reader that waits: one line on stdin asks for one pass, answered by "NS COUNT". */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

#include <stdio.h>

#include "clock.h"

static int serve(long long (*pass)(void))
{
	char line[64];

	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		long long began = now_ns();
		long long count = pass();

		printf("%lld %lld\n", now_ns() - began, count);
		fflush(stdout);
	}
	return 0;
}

#endif /* BENCH_SERVE_H */
