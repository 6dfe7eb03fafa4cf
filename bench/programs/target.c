// SPDX-License-Identifier: GPL-2.0-only
/*
 * "target HUGE SMALL VMAS TIB": a process with HUGE bytes in 2 MB pages and SMALL
 * bytes in 4 kB pages (four mappings each), VMAS mappings of a page or two with one
 * page touched, and TIB reservations of a TiB with sixteen pages touched in each.
 *
 * Says "ready". Understands, a line each, "stall CPU", "report", "stop"; the
 * first and the last are answered by "ok". Lives as long as its stdin is open.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "stall.h"

#define PAGE	4096UL
#define SLOT	(2UL << 20)
#define TIB	(1UL << 40)
#define PARTS	4
#define TOUCHES	16

#ifndef MADV_HUGEPAGE
#define MADV_HUGEPAGE	14
#define MADV_NOHUGEPAGE	15
#endif

static char *map(size_t size, int flags)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (at == MAP_FAILED)
		err(1, "cannot map %zu MiB", size >> 20);
	return at;
}

/* Aligned to a slot, and with a gap above it, which keeps neighbours from merging. */
static char *map_apart(size_t size, int flags)
{
	char *at = map(size + 2 * SLOT, flags);
	char *aligned = (char *)(((unsigned long)at + SLOT - 1) & ~(SLOT - 1));

	if (aligned > at)
		munmap(at, aligned - at);
	munmap(aligned + size, at + 2 * SLOT - aligned);
	return aligned;
}

static void fill(size_t size, int advice, size_t step)
{
	size_t slots = size / SLOT, i, offset;

	for (i = 0; i < PARTS; i++) {
		size_t part = (slots / PARTS + (i < slots % PARTS)) * SLOT;
		char *at;

		if (!part)
			continue;
		at = map_apart(part, 0);
		/* fails where the kernel has no THP: then all pages are small */
		madvise(at, part, advice);
		for (offset = 0; offset < part; offset += step)
			at[offset] = 1;
	}
}

/* Mappings of one page, writable, and of two, not writable, in turn. */
static void split(size_t vmas)
{
	size_t pages = vmas + vmas / 2, i;
	char *base, *at;

	if (!vmas)
		return;
	base = map(pages * PAGE, 0);
	madvise(base, pages * PAGE, MADV_NOHUGEPAGE);
	for (i = 0, at = base; i < vmas; at += (1 + i % 2) * PAGE, i++) {
		*at = 1;
		if (i % 2 && mprotect(at, 2 * PAGE, PROT_READ))
			err(1, "cannot make %zu mappings", vmas);
	}
}

static void reserve(size_t tib)
{
	size_t i, j;

	for (i = 0; i < tib; i++) {
		char *at = map_apart(TIB, MAP_NORESERVE);

		madvise(at, TIB, MADV_NOHUGEPAGE);
		for (j = 0; j < TOUCHES; j++)
			at[j * (TIB / TOUCHES)] = 1;
	}
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[64];
	int cpu;

	if (argc != 5)
		errx(2, "usage: target HUGE SMALL VMAS TIB");
	fill(strtoul(argv[1], NULL, 0), MADV_HUGEPAGE, PAGE);
	fill(strtoul(argv[2], NULL, 0), MADV_NOHUGEPAGE, PAGE);
	split(strtoul(argv[3], NULL, 0));
	reserve(strtoul(argv[4], NULL, 0));
	say("ready");
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "stall %d", &cpu) == 1) {
			stall_start(cpu);
			say("ok");
		} else if (!strcmp(line, "report\n")) {
			stall_report();
		} else if (!strcmp(line, "stop\n")) {
			stall_stop();
			say("ok");
		} else {
			errx(2, "what is %s", line);
		}
	}
	return 0;
}
