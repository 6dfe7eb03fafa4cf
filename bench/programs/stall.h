/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread that maps and unmaps one page without end and keeps how long each
 * round took, in buckets of at most 3 % width.
 */
#ifndef BENCH_STALL_H
#define BENCH_STALL_H

#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"

#define SUB_BITS	5
#define BUCKETS		(64 << SUB_BITS)

struct histogram {
	unsigned long long count, worst, buckets[BUCKETS];
};

static struct histogram histogram;
static pthread_mutex_t histogram_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t stall_thread;
static atomic_int stall_running;

static unsigned int bucket_of(unsigned long long ns)
{
	unsigned int exponent;

	if (ns < 1 << SUB_BITS)
		return ns;
	exponent = 63 - __builtin_clzll(ns) - SUB_BITS;
	return ((exponent + 1) << SUB_BITS) + (ns >> exponent) - (1 << SUB_BITS);
}

/* The greatest value of a bucket. */
static unsigned long long bucket_top(unsigned int bucket)
{
	unsigned int exponent;

	if (bucket < 1 << SUB_BITS)
		return bucket;
	exponent = (bucket >> SUB_BITS) - 1;
	return (((bucket & ((1ULL << SUB_BITS) - 1)) + (1ULL << SUB_BITS) + 1) << exponent) - 1;
}

static void *stall_loop(void *unused)
{
	(void)unused;
	/* Against waits for the processor, which are none of the reader's doing; root only. */
	setpriority(PRIO_PROCESS, gettid(), -20);
	while (stall_running) {
		long long began = now_ns();
		void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		unsigned long long took;

		if (page == MAP_FAILED)
			err(1, "mmap");
		munmap(page, 4096);
		took = now_ns() - began;
		pthread_mutex_lock(&histogram_lock);
		histogram.count++;
		histogram.buckets[bucket_of(took)]++;
		if (took > histogram.worst)
			histogram.worst = took;
		pthread_mutex_unlock(&histogram_lock);
	}
	return NULL;
}

/* Starts the thread, on one CPU only unless that is negative. */
static void stall_start(int cpu)
{
	cpu_set_t cpus;

	stall_running = 1;
	if (pthread_create(&stall_thread, NULL, stall_loop, NULL))
		errx(1, "no thread");
	CPU_ZERO(&cpus);
	if (cpu >= 0) {
		CPU_SET(cpu, &cpus);
		if (pthread_setaffinity_np(stall_thread, sizeof(cpus), &cpus))
			errx(1, "cannot pin to CPU %d", cpu);
	}
}

static void stall_stop(void)
{
	if (!stall_running)
		return;
	stall_running = 0;
	pthread_join(stall_thread, NULL);
}

static unsigned long long quantile(const struct histogram *h, double q)
{
	unsigned long long seen = 0;
	unsigned int i;

	for (i = 0; i < BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen && seen >= q * h->count)
			return bucket_top(i) < h->worst ? bucket_top(i) : h->worst;
	}
	return h->worst;
}

/* Prints "COUNT P50 P99 P99.9 WORST" in ns, of all since the last report. */
static void stall_report(void)
{
	static struct histogram taken;

	pthread_mutex_lock(&histogram_lock);
	taken = histogram;
	memset(&histogram, 0, sizeof(histogram));
	pthread_mutex_unlock(&histogram_lock);
	printf("%llu %llu %llu %llu %llu\n", taken.count, quantile(&taken, 0.5),
	       quantile(&taken, 0.99), quantile(&taken, 0.999), taken.worst);
	fflush(stdout);
}

#endif /* BENCH_STALL_H */
