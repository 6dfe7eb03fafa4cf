// SPDX-License-Identifier: GPL-2.0-only
/*
 * "forest N": N processes of 1 MiB each, which live as long as this one's stdin
 * is open. Each is an exec of this program, so that it has the VMAs of any
 * small program and shares no page table with its siblings.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOUCHED (1 << 20)

/* Its stdin is a pipe of which the forest holds the other end, stdout tells that it is up. */
static int tree(void)
{
	char *memory = malloc(TOUCHED);
	char byte;

	if (!memory)
		err(1, "malloc");
	memset(memory, 1, TOUCHED);
	if (write(STDOUT_FILENO, memory, 1) != 1)
		err(1, "write");
	close(STDOUT_FILENO);
	return read(STDIN_FILENO, &byte, 1) < 0;
}

static void plant(int hold, int up)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(hold, STDIN_FILENO);
	dup2(up, STDOUT_FILENO);
	execl("/proc/self/exe", "tree", "--tree", (char *)NULL);
	err(1, "exec");
}

int main(int argc, char **argv)
{
	int hold[2], up[2], count, i;
	char byte;

	if (argc == 2 && !strcmp(argv[1], "--tree"))
		return tree();
	if (argc != 2 || (count = atoi(argv[1])) < 1)
		errx(2, "usage: forest N");
	if (pipe2(hold, O_CLOEXEC) || pipe2(up, O_CLOEXEC))
		err(1, "pipe");
	for (i = 0; i < count; i++)
		plant(hold[0], up[1]);
	close(up[1]);
	for (i = 0; i < count; i++)
		if (read(up[0], &byte, 1) != 1)
			errx(1, "only %d of %d processes came up", i, count);
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	close(hold[1]);
	while (wait(NULL) > 0)
		;
	return 0;
}
