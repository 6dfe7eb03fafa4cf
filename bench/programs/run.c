// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a command with its output to /dev/null and prints
 * "NS PEAK_KB USER_US SYSTEM_US STATUS". It is small on purpose: the peak
 * memory that the kernel reports of a child includes what its parent had at fork().
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

static long long microseconds(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

int main(int argc, char **argv)
{
	struct rusage used;
	long long began, ended;
	int status;
	pid_t pid;

	if (argc < 2)
		errx(2, "usage: run COMMAND...");
	began = now_ns();
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
		execvp(argv[1], argv + 1);
		err(127, "%s", argv[1]);
	}
	if (wait4(pid, &status, 0, &used) < 0)
		err(1, "wait4");
	ended = now_ns();
	printf("%lld %ld %lld %lld %d\n", ended - began, used.ru_maxrss,
	       microseconds(used.ru_utime), microseconds(used.ru_stime),
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
