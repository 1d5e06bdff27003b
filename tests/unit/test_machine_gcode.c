/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_machine_gcode.c - from configuration to interpreter: arcs, retraction, skew profiles, objects.
 *
 * Shown: defaults with and without each section; values; profiles from the block that SAVE_CONFIG writes;
 * each error with its line; nothing of these sections is said to be unused.
 * How: texts behind etc/sim-cartesian.cfg. Repeat: run it from the top of the source tree; no seed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/config/machine_config.h"
#include "daemon/machine/machine.h"
#include "tests/simlib/simrun.h"

static const char *write_config(const char *more)
{
	const char *path = simrun_path("printer.cfg");
	char *base = realpath("etc/sim-cartesian.cfg", NULL);
	FILE *f = simrun_create(path);

	assert_non_null(base);
	fprintf(f, "[include %s]\n%s", base, more);
	fclose(f);
	free(base);
	return path;
}

static struct machine *make(const char *more)
{
	const struct machine_config_hooks hooks = { 0 };
	const char *path = write_config(more);
	struct machine_config *mc = machine_config_load(&path, 1, NULL, 0, stderr);
	char err[256] = "";
	struct machine *m;

	assert_non_null(mc);
	m = machine_new(mc, &hooks, err, sizeof(err));
	if (!m)
		fail_msg("%s", err);
	return m;
}

static void unmake(struct machine *m)
{
	struct machine_config *mc = (struct machine_config *)m->mc;

	machine_free(m);
	machine_config_free(mc);
}

static void without_sections(void **state)
{
	struct machine *m = make("");

	(void)state;
	assert_true(m->gcode.arcs.tolerance_mm == 0.005);
	assert_true(m->gcode.arcs.piece_mm_max == 0);
	assert_false(m->gcode.retract.available);
	assert_int_equal(m->gcode.skews.count, 0);
	assert_false(m->gcode.chain.active);
	assert_ptr_equal(m->gcode.objects, &m->objects);
	unmake(m);
}

static void empty_sections(void **state)
{
	struct machine *m = make("[gcode_arcs]\n[firmware_retraction]\n[skew_correction]\n"
				 "[exclude_object]\n[skew_correction a b]\n");
	const struct gcode_retract *r = &m->gcode.retract;

	(void)state;
	assert_true(m->gcode.arcs.piece_mm_max == 1);
	assert_true(r->available && r->length_mm == 0 && r->extra_mm == 0);
	assert_true(r->speed_mm_s == 20 && r->unretract_speed_mm_s == 10);
	assert_int_equal(m->gcode.skews.count, 1);
	assert_string_equal(m->gcode.skews.profile[0].name, "a b");
	unmake(m);
}

static void values(void **state)
{
	struct machine *m = make(
		"[gcode_arcs]\nresolution: 0.2\n[stepd]\narc_tolerance_um: 12\n"
		"[firmware_retraction]\nretract_length: 0.75\nretract_speed: 35\n"
		"unretract_extra_length: .01\nunretract_speed: 25\n"
		"[skew_correction]\n"
		"[skew_correction one]\nxy_skew: 0.5\n"
		"#*# <---------------------- SAVE_CONFIG ---------------------->\n"
		"#*# DO NOT EDIT THIS BLOCK OR BELOW. The contents are auto-generated.\n"
		"#*#\n"
		"#*# [skew_correction mine]\n"
		"#*# xy_skew = -0.0021\n"
		"#*# xz_skew = 0.0\n"
		"#*# yz_skew = 1e-4\n");
	const struct gcode_retract *r = &m->gcode.retract;
	const struct gcode_skew_profile *p = m->gcode.skews.profile;

	(void)state;
	assert_true(fabs(m->gcode.arcs.tolerance_mm - 0.012) < 1e-15);
	assert_true(m->gcode.arcs.piece_mm_max == 0.2);
	assert_true(r->length_mm == 0.75 && r->extra_mm == 0.01);
	assert_true(r->speed_mm_s == 35 && r->unretract_speed_mm_s == 25);
	assert_int_equal(m->gcode.skews.count, 2);
	assert_string_equal(p[0].name, "one");
	assert_true(p[0].skew.xy == 0.5 && p[0].skew.xz == 0 && p[0].skew.yz == 0);
	assert_string_equal(p[1].name, "mine");
	assert_true(p[1].skew.xy == -0.0021 && p[1].skew.xz == 0 && p[1].skew.yz == 1e-4);
	assert_int_equal(gcode_exec(&m->gcode, "SKEW_PROFILE LOAD=mine", 22, 1), GCODE_OK);
	assert_true(m->gcode.skews.now.xy == -0.0021);
	unmake(m);
}

static char *check(const char *more, int *status)
{
	const char *path = write_config(more);
	char *out = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);

	*status = config_check(&path, 1, NULL, 0, f);
	fclose(f);
	return out;
}

static void errors(void **state)
{
	static const struct {
		const char *more, *want;
	} row[] = {
		{ "[gcode_arcs]\nresolution: 0\n",
		  ":3: [gcode_arcs] resolution: value '0': expected a number above 0 and at most 1000 mm" },
		{ "[gcode_arcs]\nresolutoin: 1\n", "did you mean 'resolution'?" },
		{ "[stepd]\narc_tolerance_um: 0\n",
		  ":3: [stepd] arc_tolerance_um: value '0': expected a number of at least 0.1" },
		{ "[firmware_retraction]\nretract_length: -1\n",
		  "retract_length: value '-1': expected a number of at least 0 and at most 1000 mm" },
		{ "[firmware_retraction]\nretract_speed: 0.5\n",
		  "retract_speed: value '0.5': expected a number of at least 1 and at most 10000 mm/s" },
		{ "[firmware_retraction]\nunretract_speed: x\n", "unretract_speed: value 'x'" },
		{ "[firmware_retraction]\nunretract_extra_length: nan\n",
		  "unretract_extra_length: value 'nan'" },
		{ "[skew_correction p]\nxy_skew: 2\n",
		  "xy_skew: value '2': expected a number of at least -1 and at most 1" },
		{ "[skew_correction p]\nyz_skew: -1.5\n", "yz_skew: value '-1.5'" },
		{ "[skew_correction "
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n",
		  "profile name: expected at most 63 characters" },
		{ "[skew_correction 1]\n[skew_correction 2]\n[skew_correction 3]\n[skew_correction 4]\n"
		  "[skew_correction 5]\n[skew_correction 6]\n[skew_correction 7]\n[skew_correction 8]\n"
		  "[skew_correction 9]\n[skew_correction 10]\n[skew_correction 11]\n"
		  "[skew_correction 12]\n[skew_correction 13]\n[skew_correction 14]\n"
		  "[skew_correction 15]\n[skew_correction 16]\n[skew_correction 17]\n",
		  ":18: [skew_correction 17] too many profiles: expected at most 16" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		int status;
		char *out = check(row[i].more, &status);

		if (status != 1 || !strstr(out, row[i].want))
			fail_msg("%s: status %d, expected \"%s\":\n%s", row[i].more, status,
				 row[i].want, out);
		free(out);
	}
}

static void nothing_unused(void **state)
{
	int status;
	char *out = check("[gcode_arcs]\nresolution: 1\n[firmware_retraction]\nretract_length: 1\n"
			  "[skew_correction]\n[skew_correction p]\nxz_skew: .1\n[exclude_object]\n",
			  &status);

	(void)state;
	assert_int_equal(status, 0);
	if (strstr(out, "not used"))
		fail_msg("%s", out);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_sections), cmocka_unit_test(empty_sections),
		cmocka_unit_test(values),           cmocka_unit_test(errors),
		cmocka_unit_test(nothing_unused),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
