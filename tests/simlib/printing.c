// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/printing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/simlib/simrun.h"

const char *printing_folder(void)
{
	static char path[SIMRUN_PATH_MAX];
	const char *in = simrun_path("card/x");

	snprintf(path, sizeof(path), "%.*s", (int)(strlen(in) - 2), in);
	mkdir(path, 0755);
	return path;
}

struct scene *printing_open(const char *sections)
{
	const char *path = simrun_path("printing.cfg");
	char *base = simrun_read(PRINTING_BASE, NULL);
	struct scene *s;
	FILE *f;

	assert_non_null(base);
	f = simrun_create(path);
	fprintf(f, "%s\n[virtual_sdcard]\npath: %s\n%s", base, printing_folder(), sections);
	fclose(f);
	free(base);
	s = scene_open(path, NULL);
	assert_non_null(s);
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		scene_push_mm(s, axis, 0);
	return s;
}

void printing_file(const char *name, const char *content)
{
	char path[SIMRUN_PATH_MAX + 40];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", printing_folder(), name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(content, f);
	fclose(f);
}

struct print *printing_of(struct scene *s)
{
	return s->b.m->print;
}

void printing_now(struct scene *s, const char *line)
{
	assert_int_equal(scene_now(s, line), GCODE_OK);
}

size_t printing_make(char *text, size_t cap, unsigned corners)
{
	size_t n = (size_t)snprintf(text, cap, "G90\nM83\nG1 X100 Y100 Z0.3 F6000\nM73 P0 R1\n");

	for (unsigned i = 0; i < corners && n < cap; i++) {
		double a = 2 * M_PI * i / 60, r = 40 + 10 * sin(a * 3);

		n += (size_t)snprintf(text + n, cap - n, "G1 X%.3f Y%.3f E%.4f F3000 ; %u\n",
				      100 + r * cos(a), 100 + r * sin(a), 0.2, i);
	}
	assert_true(n < cap);
	return n;
}

void printing_ends_exact(struct scene *s)
{
	const double *end_mm = planner_position(s->b.m->planner);

	assert_true(batch_settle(&s->b));
	for (int i = 0; i < MOVE_AXES; i++)
		assert_true(fabs(s->b.m->status.position_mm[i] - end_mm[i]) < 1e-9);
	assert_true(scene_agrees(s, 1));
	assert_true(scene_exact(s));
	scene_close(s);
}

void printing_until_byte(struct scene *s, uint64_t byte)
{
	int64_t limit_ns = s->b.now_ns + (int64_t)600 * 1000000000;

	while (printing_of(s)->sd.position < byte && s->b.now_ns < limit_ns)
		batch_turn(&s->b, false);
	assert_true(s->b.now_ns < limit_ns);
}

int printing_teardown(void **state)
{
	DIR *d = opendir(printing_folder());
	struct dirent *e;

	(void)state;
	while (d && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(printing_folder());
	simrun_cleanup();
	return 0;
}
