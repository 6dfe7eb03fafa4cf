// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads to the end, with a buffer of 64 KiB: "readfile PATH" one file,
 * "readfile --all NAME" the file NAME of every process. Counts bytes.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "serve.h"

static const char *what;
static char buffer[1 << 16];

static long long read_to_end(int fd)
{
	long long sum = 0;
	ssize_t got;

	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
		sum += got;
	close(fd);
	/* ESRCH: a process without memory, or gone meanwhile */
	return sum;
}

static long long one(void)
{
	int fd = open(what, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", what);
	return read_to_end(fd);
}

static long long all(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char path[300];
	long long sum = 0;

	if (!proc)
		err(1, "/proc");
	while ((entry = readdir(proc))) {
		int fd;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/%s", entry->d_name, what);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			sum += read_to_end(fd);
	}
	closedir(proc);
	return sum;
}

int main(int argc, char **argv)
{
	if (argc == 2) {
		what = argv[1];
		return serve(one);
	}
	if (argc == 3 && !strcmp(argv[1], "--all")) {
		what = argv[2];
		return serve(all);
	}
	errx(2, "usage: readfile PATH | --all NAME");
}
