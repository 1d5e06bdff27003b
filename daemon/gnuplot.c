// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/gnuplot.h"

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

void gnuplot_quoted(FILE *f, const char *s, const char *suffix)
{
	fputc('\'', f);
	for (int part = 0; part < 2; part++, s = suffix) {
		for (; *s; s++) {
			if ((unsigned char)*s < ' ')
				continue;
			if (*s == '\'')
				fputc('\'', f);
			fputc(*s, f);
		}
	}
	fputc('\'', f);
}

void gnuplot_output(FILE *f, bool svg, int width, int height, const char *path, const char *suffix)
{
	if (svg)
		fprintf(f, "set terminal svg size %d,%d font 'Sans,13' background 'white'\n", width,
			height);
	else
		fprintf(f, "set terminal pngcairo size %d,%d font 'Sans,11' background 'white'\n",
			width, height);
	fputs("set output ", f);
	gnuplot_quoted(f, path, suffix);
	fputc('\n', f);
}

int gnuplot_run(const char *script, char *msg, size_t msg_len)
{
	char path[4096], name[] = "gnuplot";
	char *argv[] = { name, path, NULL };
	int status = -1, ret;
	pid_t pid;

	snprintf(path, sizeof(path), "%s", script);
	ret = posix_spawnp(&pid, name, NULL, NULL, argv, environ);
	if (ret == 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	if (ret || (WIFEXITED(status) && WEXITSTATUS(status) == 127)) {
		snprintf(msg, msg_len, "gnuplot is missing (apt-get install gnuplot-nox)");
		return -ENOENT;
	}
	if (status != 0) {
		snprintf(msg, msg_len, "gnuplot failed on %s", path);
		return -EIO;
	}
	return 0;
}
