// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_fault_keep.c - a heater's fault outlives the daemon: one machine after another with the same file.
 *
 * Shown: after an orderly end (RESTART) and one without a word (the file as it is then) the heater is still latched,
 * said with its name, class and time; M104 is refused, CLEAR_FAULT clears it, in the file as well; other heaters
 * heat; a heater that the configuration has no more is dropped, and told once; a damaged file is told once and
 * nothing is believed from it; a folder that is not there is told. Repeat: no seed but the machine's own, 1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/simlib/heated.h"
#include "tests/simlib/place.h"
#include "tests/simlib/simrun.h"

static const char *const drill[] = { "stepd.inject_faults=True", NULL };
static char path[256];

/* A machine that finds that file, as if it did at its start. */
static struct scene *begin(const char *file)
{
	struct scene *s = heated_open(drill);

	assert_non_null(s);
	scene_hush(s);
	fault_keep_open(s->b.m, file);
	s->b.m->react.keep.restored = s->b.m->react.keep.told = false;
	scene_pass(s, 0.1);
	return s;
}

static void expect_latched(struct scene *s)
{
	assert_true(scene_said(s, "extruder: its fault heater_sensor of 20"));
	assert_true(scene_said(
		s, ", before this start, is still latched: it is off until CLEAR_FAULT"));
	scene_hush(s);
	scene_run(s, "M104 S100\n");
	assert_true(scene_said(s, "extruder is switched off for a fault: sensor out of range: of "));
	assert_true(heated_status(s, HOTEND)->target_degc <= 0);
	scene_hush(s);
	assert_true(scene_run(s, "M140 S50\n"));
	scene_pass(s, 1);
	assert_int_equal(s->errors, 0);
	assert_true(heated_status(s, BED)->target_degc == 50);
	scene_now(s, "FAULTS");
	assert_true(scene_said(s, "heater_sensor extruder: sensor out of range: of "));
}

static void expect_none(struct scene *s)
{
	assert_int_equal(s->errors, 0);
	assert_false(scene_said(s, "fault"));
	assert_int_equal(s->b.m->react.faults.latched_count, 0);
	assert_true(scene_run(s, "M104 S100\n"));
	scene_pass(s, 1);
	assert_true(heated_status(s, HOTEND)->target_degc == 100);
}

static void outlives(void **state)
{
	struct scene *s = begin(path);

	(void)state;
	expect_none(s);
	scene_now(s, "INJECT_FAULT CLASS=heater_sensor COMPONENT=extruder");
	fault_keep_close(s->b.m); /* at the very moment */
	scene_close(s);
	s = begin(path);
	expect_latched(s);
	slot_file_close(s->b.m->react.keep.file); /* it ends without a word */
	s->b.m->react.keep.file = NULL;
	scene_close(s);
	s = begin(path);
	expect_latched(s);
	scene_hush(s);
	assert_true(scene_run(s, "CLEAR_FAULT\nM104 S100\n"));
	scene_pass(s, 1);
	assert_int_equal(s->errors, 0);
	assert_true(heated_status(s, HOTEND)->target_degc == 100);
	scene_close(s);
	s = begin(path);
	expect_none(s);
	scene_close(s);
	unlink(path);
}

/* The record of a heater that there isn't, and of one that there is. */
static void gone(void **state)
{
	struct scene *s = begin(path);
	struct fault_record *r = &s->b.m->react.keep.now;
	uint8_t slot[SLOT_BYTES];

	(void)state;
	scene_now(s, "INJECT_FAULT CLASS=thermal_runaway COMPONENT=heater_bed");
	scene_now(s, "INJECT_FAULT CLASS=heater_sensor COMPONENT=extruder");
	scene_pass(s, 0.1);
	assert_int_equal(r->count, 2);
	snprintf(r->fault[0].component, FAULT_NAME_MAX, "heater_generic old");
	r->head.sequence++;
	fault_keep_seal(r, slot);
	assert_true(slot_file_last(s->b.m->react.keep.file,
				   (uint64_t)s->b.m->react.keep.slot * SLOT_BYTES, slot));
	slot_file_close(s->b.m->react.keep.file);
	s->b.m->react.keep.file = NULL;
	scene_close(s);
	s = begin(path);
	assert_true(scene_said(s, "heater_generic old: its fault thermal_runaway of "));
	assert_true(scene_said(s, " is dropped: there is no such heater any more"));
	expect_latched(s);
	scene_close(s);
	s = begin(path);
	assert_false(scene_said(s, "dropped"));
	expect_latched(s);
	scene_close(s);
	unlink(path);
}

static void damaged(void **state)
{
	struct scene *s = begin(path);
	FILE *f;

	(void)state;
	scene_now(s, "INJECT_FAULT CLASS=heater_sensor COMPONENT=extruder");
	scene_close(s);
	f = fopen(path, "r+");
	assert_non_null(f);
	for (long at = 20; at < SLOT_FILE_BYTES; at += SLOT_BYTES) {
		fseek(f, at, SEEK_SET);
		fputc('x', f);
	}
	fclose(f);
	s = begin(path);
	assert_true(scene_said(s, "damaged: nothing in it is believed"));
	assert_int_equal(s->b.m->react.faults.latched_count, 0);
	scene_close(s);
	s = begin(path); /* told once */
	expect_none(s);
	scene_close(s);
	unlink(path);
	s = begin("build/no such folder/faults");
	assert_true(scene_said(s, "No such file or directory: faults of heaters are not kept"));
	scene_close(s);
}

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s", simrun_path("faults"));
	unlink(path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outlives),
		cmocka_unit_test(gone),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
