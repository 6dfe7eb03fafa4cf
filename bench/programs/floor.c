// SPDX-License-Identifier: GPL-2.0-only
/*
 * "floor PID 0|16|64": an iterator of floor.bpf.c, by the size of its records, over one
 * process or, with PID 0, over all; opened and read to its end. Counts records.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "floor.lskel.h"
#include "serve.h"

static int program;
static int record_size;
static union bpf_iter_link_info target;
/* What the kernel collects at a time: asking for more returns no more. */
static char buffer[32768];

static int bpf_call(int command, union bpf_attr *attr)
{
	int result = syscall(SYS_bpf, command, attr, sizeof(*attr));

	if (result < 0)
		err(1, "bpf");
	return result;
}

static long long pass(void)
{
	union bpf_attr create, iterate;
	long long sum = 0;
	int link, fd;
	ssize_t got;

	memset(&create, 0, sizeof(create));
	create.link_create.prog_fd = program;
	create.link_create.attach_type = BPF_TRACE_ITER;
	create.link_create.iter_info = (unsigned long)&target;
	create.link_create.iter_info_len = sizeof(target);
	link = bpf_call(BPF_LINK_CREATE, &create);
	memset(&iterate, 0, sizeof(iterate));
	iterate.iter_create.link_fd = link;
	fd = bpf_call(BPF_ITER_CREATE, &iterate);
	while ((got = read(fd, buffer, sizeof(buffer))) != 0) {
		if (got < 0 && errno != EAGAIN)
			err(1, "read");
		if (got > 0)
			sum += got;
	}
	close(fd);
	close(link);
	return record_size ? sum / record_size : 0;
}

int main(int argc, char **argv)
{
	struct floor_bpf *skeleton;

	if (argc != 3)
		errx(2, "usage: floor PID 0|16|64");
	record_size = atoi(argv[2]);
	skeleton = floor_bpf__open_and_load();
	if (!skeleton)
		err(1, "the kernel refused the program");
	if (record_size == 64)
		program = skeleton->progs.floor64.prog_fd;
	else if (record_size == 16)
		program = skeleton->progs.floor16.prog_fd;
	else
		program = skeleton->progs.floor0.prog_fd;
	/* pid, not tid: with tid the kernel repeats the last records for ever */
	target.task.pid = atoi(argv[1]);
	return serve(pass);
}
