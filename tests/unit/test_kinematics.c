/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_kinematics.c - the kinds of machine: configuration, forward kinematics, reach, limits, homing.
 *
 * Shown: forward(inverse(x)) = x over the reach of each kind, the inverse from a long-double reference; each
 * error of the kinds' options once, with its place; moves just inside and just outside of every limit; what
 * a move near an edge is slowed to; what a G28 does in which order.
 * How: the configurations etc/sim-KIND.cfg with lines appended. Repeat: from the top of the source tree;
 * STEPD_SEED=<printed> build/tests/unit/test_kinematics
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <math.h>

#include "daemon/kinematics/kinematics.h"
#include "tests/oracle/refkin.h"
#include "tests/oracle/refmotion.h"

static uint64_t rng;
static char file[] = "/tmp/stepd-kinematics-XXXXXX";

static struct machine_config *load(const char *kind)
{
	char path[64];
	const char *paths[1] = { path };

	snprintf(path, sizeof(path), "etc/sim-%s.cfg", kind);
	struct machine_config *mc = machine_config_load(paths, 1, NULL, 0, stderr);

	assert_non_null(mc);
	assert_string_equal(mc->kinematics->name, kind);
	return mc;
}

/* ---- forward and inverse ---- */

static void inverse(const struct machine_config *mc, const double xyz[3], double *joint)
{
	const long double at[3] = { xyz[0], xyz[1], xyz[2] };

	for (size_t i = 0; i < mc->stepper_count; i++) {
		const struct machine_stepper *m = &mc->steppers[i];

		joint[i] = 0;
		for (size_t r = 0; r < mc->rail_count && m->joint.kind == KIN_LINEAR; r++)
			if (mc->rails[r].axis >= 0)
				joint[i] += m->carriage[r] * xyz[mc->rails[r].axis];
		if (m->joint.kind != KIN_LINEAR)
			joint[i] = (double)refkin_position(&m->joint, at);
	}
}

static void round_trips(const char *kind, const double start[3], const double lo[3],
			const double hi[3])
{
	struct machine_config *mc = load(kind);
	int reached = 0;
	char err[200];

	for (int i = 0; i < 20000; i++) {
		double xyz[3], joint[MACHINE_STEPPER_MAX], back[3] = { 0 };

		for (int k = 0; k < 3; k++)
			xyz[k] = ref_uniform(&rng, lo[k], hi[k]);
		if (mc->kinematics->reach(mc, start, xyz, err, sizeof(err)))
			continue;
		inverse(mc, xyz, joint);
		assert_true(mc->kinematics->forward(mc, joint, back));
		for (int k = 0; k < 3; k++)
			if (!(fabs(back[k] - xyz[k]) < 2e-9))
				fail_msg("%s: %.12g %.12g %.12g became %.12g %.12g %.12g", kind,
					 xyz[0], xyz[1], xyz[2], back[0], back[1], back[2]);
		reached++;
	}
	assert_true(reached > 5000);
	machine_config_free(mc);
}

static void test_round_trips(void **state)
{
	(void)state;
	round_trips("delta", (double[]){ 0, 0, 5 }, (double[]){ -130, -130, -2 },
		    (double[]){ 130, 130, 250 });
	round_trips("deltesian", (double[]){ 0, 0, 5 }, (double[]){ -125, -120, -2 },
		    (double[]){ 125, 120, 190 });
	round_trips("polar", (double[]){ 149, 0, 5 }, (double[]){ -150, -150, -2 },
		    (double[]){ 150, 150, 200 });
	round_trips("rotary_delta", (double[]){ 0, 0, 20 }, (double[]){ -150, -150, 0 },
		    (double[]){ 150, 150, 200 });
	round_trips("winch", (double[]){ 0, 0, 0 }, (double[]){ -1500, -1500, -90 },
		    (double[]){ 1500, 900, 2500 });
}

static void test_sums(void **state)
{
	static const char *const kinds[] = { "cartesian", "corexy", "corexz", "hybrid_corexy",
					     "hybrid_corexz" };
	static const double weights[][3][3] = {
		{ { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } },
		{ { 1, 1, 0 }, { 1, -1, 0 }, { 0, 0, 1 } },
		{ { 1, 0, 1 }, { 0, 1, 0 }, { 1, 0, -1 } },
		{ { 1, -1, 0 }, { 0, 1, 0 }, { 0, 0, 1 } },
		{ { 1, 0, -1 }, { 0, 1, 0 }, { 0, 0, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct machine_config *mc = load(kinds[i]);

		assert_true(kinematics_linear(mc));
		for (int m = 0; m < 3; m++)
			for (int r = 0; r < 3; r++)
				assert_true(mc->steppers[m].carriage[r] == weights[i][m][r]);
		machine_config_free(mc);
	}
	for (int i = 0; i < 2000; i++) {
		double w[5][3], xyz[3], joint[5], back[3] = { 7, 7, 7 };

		for (int k = 0; k < 3; k++)
			xyz[k] = ref_uniform(&rng, -300, 300);
		for (int m = 0; m < 5; m++) {
			joint[m] = 0;
			for (int k = 0; k < 3; k++) {
				w[m][k] = m == 1 ? w[0][k] : ref_uniform(&rng, -1, 1);
				joint[m] += w[m][k] * xyz[k];
			}
		}
		kinematics_solve(5, (const double(*)[3])w, joint, back);
		/* the first row twice says nothing new; the error grows with the matrix' condition */
		for (int k = 0; k < 3; k++)
			assert_true(fabs(back[k] - xyz[k]) < 1e-4);
	}
	/* what the joints don't fix stays */
	double back[3] = { 1, 2, 3 };

	kinematics_solve(1, (const double[1][3]){ { 1, 1, 0 } }, (double[]){ 5 }, back);
	assert_true(back[0] == 1 && back[1] == 2 && back[2] == 3);
	kinematics_solve(2, (const double[2][3]){ { 1, 1, 0 }, { 0, 0, 2 } }, (double[]){ 5, 8 },
			 back);
	assert_true(back[0] == 1 && back[1] == 2 && back[2] == 4);
}

/* ---- configuration ---- */

/* What is appended to etc/sim-KIND.cfg without its first line that starts with drop, and a line that must
 * come out; "+N" at its start stands for the file and the Nth line appended. */
struct message {
	const char *kind, *drop, *more, *expect;
};

#define NUMBER "expected a number of at least "

static const struct message messages[] = {
	{ "delta", "delta_radius", "",
	  "[printer] delta_radius: missing: expected a number above 0" },
	{ "delta", NULL, "[printer]\ndelta_radius: -3\n", "+2: [printer] delta_radius: value '-3'" },
	{ "delta", NULL, "[printer]\nprint_radius: 0\n",
	  "+2: [printer] print_radius: value '0': expected a number above 0" },
	{ "delta", NULL, "[printer]\nminimum_z_position: 260\n",
	  "+2: [printer] minimum_z_position: value '260': " NUMBER "-100000 and at most 250." },
	{ "delta", NULL, "[stepper_b]\narm_length: 140\n",
	  "+2: [stepper_b] arm_length: value '140': expected a number above 140" },
	{ "delta", "arm_length", "",
	  "[stepper_a] arm_length: missing: expected a number above 140" },
	{ "delta", NULL, "[stepper_c]\nangle: north\n", "+2: [stepper_c] angle: value 'north'" },
	{ "delta", "position_endstop", "", "[stepper_a] position_endstop: missing" },
	{ "delta", NULL, "[stepper_c]\nendstop_pin:\n", "+2: [stepper_c] endstop_pin: value ''" },
	{ "delta", NULL, "[stepper_b]\nangle: 210\n",
	  "[printer] delta_radius: 140 mm: expected towers, arm_length and position_endstop that fit" },
	{ "delta", NULL, "[dual_carriage]\naxis: x\n",
	  "+1: [dual_carriage] not with kinematics delta: expected cartesian" },
	{ "deltesian", "arm_x_length", "", "[stepper_left] arm_x_length: missing" },
	{ "deltesian", NULL, "[stepper_left]\narm_length: 120\n",
	  "+2: [stepper_left] arm_length: value '120': expected a number above 130" },
	{ "deltesian", NULL, "[printer]\nmin_angle: 90\n",
	  "+2: [printer] min_angle: value '90': expected a number of at least 0 and below 90" },
	{ "deltesian", NULL, "[printer]\nslow_ratio: -1\n", "+2: [printer] slow_ratio: value '-1'" },
	{ "deltesian", NULL, "[printer]\nprint_width: 0\n", "+2: [printer] print_width: value '0'" },
	{ "deltesian", NULL, "[printer]\nmin_angle: 89\n",
	  "[stepper_left] arm_length: expected arm_length, arm_x_length, position_endstop and" },
	{ "polar", "gear_ratio", "", "[stepper_bed] gear_ratio: missing: expected ratios such as" },
	{ "polar", NULL, "[stepper_bed]\nrotation_distance: 360\n",
	  "+2: [stepper_bed] rotation_distance: value '360': expected only gear_ratio, the joint turns" },
	{ "polar", NULL, "[stepper_arm]\nposition_min: -10\nposition_endstop: -5\n",
	  "+3: [stepper_arm] position_endstop: value '-5': expected more than 0" },
	{ "polar", "[stepper_bed]", "", ": [stepper_bed] missing: expected this section" },
	{ "rotary_delta", "shoulder_height", "", "[printer] shoulder_height: missing" },
	{ "rotary_delta", "shoulder_radius", "", "[printer] shoulder_radius: missing" },
	{ "rotary_delta", "upper_arm_length", "", "[stepper_a] upper_arm_length: missing" },
	{ "rotary_delta", "lower_arm_length", "", "[stepper_a] lower_arm_length: missing" },
	{ "rotary_delta", NULL, "[stepper_b]\nlower_arm_length: 20\n",
	  "[printer] shoulder_radius: 33.9 mm: expected shoulders, arm lengths and position_endstop" },
	{ "winch", "anchor_y", "", "[stepper_a] anchor_y: missing" },
	{ "winch", "[stepper_c]", "", ": [stepper_c] missing: expected this section" },
	{ "corexy", NULL, "[dual_carriage]\naxis: x\n",
	  "+1: [dual_carriage] not with kinematics corexy: expected cartesian, hybrid_corexy" },
	{ "dual_carriage", "axis: x", "", "[dual_carriage] axis: missing: expected one of: x y" },
	{ "dual_carriage", NULL, "[dual_carriage]\naxis: z\n",
	  "+2: [dual_carriage] axis: value 'z': expected one of: x y" },
	{ "dual_carriage", NULL, "[dual_carriage]\nsafe_distance: -1\n",
	  "+2: [dual_carriage] safe_distance: value '-1'" },
	{ "dual_carriage", "endstop_pin: ^PF3", "", "[dual_carriage] endstop_pin: missing" },
	{ "generic_cartesian", "[carriage y]", "",
	  ": [carriage y] missing: expected a carriage for each axis" },
	{ "generic_cartesian", NULL, "[carriage w]\nendstop_pin: PG1\n",
	  "+1: [carriage w] axis: missing: expected one of: x y z" },
	{ "generic_cartesian", NULL, "[carriage w]\naxis: y\nendstop_pin: PG1\n",
	  "+1: [carriage w] axis y: expected one carriage, [carriage y] is one" },
	{ "generic_cartesian", NULL, "[stepper z]\ncarriages: z+q\n",
	  "+2: [stepper z] carriages: value 'z+q': expected a sum of carriages' names" },
	{ "generic_cartesian", NULL, "[stepper z]\ncarriages: 2*\n",
	  "+2: [stepper z] carriages: value '2*': expected a sum" },
	{ "generic_cartesian", NULL, "[stepper z]\ncarriages: x y\n",
	  "+2: [stepper z] carriages: value 'x y': expected a sum" },
	{ "generic_cartesian", NULL, "[stepper z]\ncarriages: 0*x+z\n",
	  "+2: [stepper z] carriages: value '0*x+z': expected a sum" },
	{ "generic_cartesian", "carriages: x+y", "",
	  "[stepper a] carriages: missing: expected the carriages it moves" },
	{ "generic_cartesian", NULL, "[stepper b]\ncarriages: x-y\n",
	  "[printer] kinematics: value 'generic_cartesian': expected motors that fix every carriage" },
	{ "generic_cartesian", NULL, "[extra_carriage z1]\nprimary_carriage: q\n",
	  "+2: [extra_carriage z1] primary_carriage: value 'q': expected the NAME of a [carriage" },
	{ "generic_cartesian", NULL,
	  "[dual_carriage v]\nprimary_carriage: x\nendstop_pin: PG1\nposition_max: 3\n",
	  "+2: [dual_carriage v] primary_carriage: value 'x': expected a carriage without another" },
	{ "generic_cartesian", NULL, "[extra_carriage x]\nprimary_carriage: z\nendstop_pin: PG1\n",
	  "+1: [extra_carriage x] name: expected one of its own, another carriage has it" },
};

static void write_config(const struct message *m, int *lines)
{
	char path[64], line[512];
	bool dropped = !m->drop;
	FILE *in, *out = fopen(file, "w");

	snprintf(path, sizeof(path), "etc/sim-%s.cfg", m->kind);
	in = fopen(path, "r");
	assert_non_null(in);
	assert_non_null(out);
	for (*lines = 0; fgets(line, sizeof(line), in); ++*lines) {
		char *include = strstr(line, "[include sim-");

		if (!dropped && !strncmp(line, m->drop, strlen(m->drop))) {
			dropped = true;
			line[0] = '#';
		}
		if (include) {
			char *name = include + 9, full[4096];

			name[strcspn(name, "]")] = 0;
			assert_non_null(realpath("etc", full));
			fprintf(out, "[include %s/%s]\n", full, name);
		} else {
			fputs(line, out);
		}
	}
	if (!dropped)
		fail_msg("%s has no line %s", path, m->drop);
	fputs(m->more, out);
	fclose(in);
	fclose(out);
}

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
		const struct message *m = &messages[i];
		const char *paths[1] = { file };
		char *out = NULL, expect[400];
		size_t size = 0;
		int lines;

		write_config(m, &lines);
		FILE *f = open_memstream(&out, &size);

		config_check(paths, 1, NULL, 0, f);
		fclose(f);
		if (m->expect[0] == '+')
			snprintf(expect, sizeof(expect), "%s:%d%s", file,
				 lines + atoi(m->expect + 1), strchr(m->expect, ':'));
		else
			snprintf(expect, sizeof(expect), "%s", m->expect);
		if (!strstr(out, expect))
			fail_msg("%s with\n%sexpected: %s\nheard:\n%s", m->kind, m->more, expect,
				 out);
		free(out);
	}
}

/* ---- reach and limits ---- */

static void test_edges(void **state)
{
	static const struct {
		const char *kind;
		double from[3], inside[3], outside[3];
		const char *words;
	} cases[] = {
		{ "delta",
		  { 0, 0, 5 },
		  { 129.99, 0, 5 },
		  { 130.01, 0, 5 },
		  "X=130.0100 Y=0.0000 is out of reach, 130.0100 mm from the middle; expected at most "
		  "130.0000 mm" },
		{ "delta",
		  { 0, 0, 5 },
		  { 0, 0, -2 },
		  { 0, 0, -2.01 },
		  "Z=-2.0100 mm is out of reach; expected -2.0000 .. 250." },
		{ "delta",
		  { 0, 0, 200 },
		  { 0, 100, 200 },
		  { 0, 100, 236 },
		  "X=0.0000 Y=100.0000 Z=236.0000 is out of reach, [stepper_c] would be " },
		/* both ends are within, the way between is not */
		{ "delta",
		  { -100, 75, 230 },
		  { 100, 75, 205 },
		  { 100, 75, 230 },
		  "above its endstop on the way; expected a lower Z" },
		{ "deltesian",
		  { 0, 0, 5 },
		  { 120, 0, 5 },
		  { 120.01, 0, 5 },
		  "X=120.0100 mm is out of reach; expected -120.0000 .. 120.0000" },
		{ "deltesian",
		  { 0, 0, 5 },
		  { 0, -120, 5 },
		  { 0, -121, 5 },
		  "Y=-121.0000 mm is out of reach; expected -120.0000 .. 120.0000" },
		{ "deltesian",
		  { 0, 0, 5 },
		  { 100, 0, 160 },
		  { 100, 0, 190 },
		  "[stepper_right] would be " },
		{ "polar",
		  { 50, 0, 5 },
		  { 0, 150, 5 },
		  { 0, 150.1, 5 },
		  "150.1000 mm from the middle; expected at most 150.0000 mm" },
		{ "polar",
		  { 50, 0, 5 },
		  { -50, 0.05, 5 },
		  { -50, 0, 5 },
		  "the way to X=-50.0000 Y=0.0000 comes within 0.0000 mm of the middle of the bed" },
		{ "polar",
		  { 50, 0, 5 },
		  { 50, 0, -2 },
		  { 50, 0, -3 },
		  "Z=-3.0000 mm is out of reach; expected -2.0000 .. 200.0000" },
		{ "rotary_delta",
		  { 0, 0, 20 },
		  { 100, 0, 20 },
		  { 205, 0, 20 },
		  "205.0000 mm from the middle; expected at most 203.9000 mm" },
		{ "rotary_delta",
		  { 0, 0, 20 },
		  { 0, 0, 252 },
		  { 0, 0, 252.1 },
		  "Z=252.1000 mm is out of reach; expected 0.0000 .. 252.0000" },
		{ "rotary_delta",
		  { 0, 0, 200 },
		  { 20, 0, 200 },
		  { 100, 0, 250 },
		  "is out of reach of [stepper_" },
		{ "winch",
		  { 0, 0, 0 },
		  { 1999, 0, 0 },
		  { 2001, 0, 0 },
		  "X=2001.0000 mm is out of reach; expected -2000.0000 .. 2000.0000" },
		{ "winch",
		  { 0, 0, 0 },
		  { 0, 0, 2999 },
		  { 0, 0, 2999.5 },
		  "comes within 0.5000 mm of the anchor of [stepper_d]; expected at least 1 mm" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct machine_config *mc = load(cases[i].kind);
		char err[200] = "";

		if (mc->kinematics->reach(mc, cases[i].from, cases[i].inside, err, sizeof(err)))
			fail_msg("%s %zu: %s", cases[i].kind, i, err);
		if (!mc->kinematics->reach(mc, cases[i].from, cases[i].outside, err, sizeof(err)) ||
		    !strstr(err, cases[i].words))
			fail_msg("%s %zu: expected \"%s\", heard \"%s\"", cases[i].kind, i,
				 cases[i].words, err);
		machine_config_free(mc);
	}
}

static void limits_of(const char *kind, double span_s, const double from[3], const double to[3],
		      struct kinematics_limits *l)
{
	struct machine_config *mc = load(kind);

	kinematics_limit(mc, span_s, from, to, l);
	machine_config_free(mc);
}

static void test_limits(void **state)
{
	struct kinematics_limits l;

	(void)state;
	/* In the middle only the pulses limit: 0.5 us each, 0.95 of a million steps of 1/80 mm. */
	limits_of("delta", 0, (double[]){ 0, 0, 5 }, (double[]){ 0, 0, 15 }, &l);
	assert_true(fabs(l.velocity_mm_s - 0.95e6 / 80) < 1 && isinf(l.accel_mm_s2));
	/* Tower A is at 210 degrees, its rod of 300 mm; opposite it leans by 270 : 130.8. */
	double out = 130, lean = 270 / sqrt(300.0 * 300 - 270 * 270);
	double far[3] = { out * cos(M_PI / 6), out * sin(M_PI / 6), 5 },
	       near[3] = { far[0] - 1, far[1] - 1 / sqrt(3), 5 };

	limits_of("delta", 0, near, far, &l);
	assert_true(lean < 3 && isinf(l.accel_mm_s2));
	/* On a deltesian the rod of the other side leans 250 : 71 at X = 120. */
	limits_of("deltesian", 0, (double[]){ 119, 0, 5 }, (double[]){ 120, 0, 5 }, &l);
	lean = 250 / sqrt(260.0 * 260 - 250 * 250);
	assert_true(lean > 3 && fabs(l.velocity_mm_s - 300 * 3 / lean) < 1e-6);
	assert_true(fabs(l.accel_mm_s2 - 3000 * 3 / lean) < 1e-6);
	/* A polar bed's steps: past the middle at 0.1 mm it turns by 10 rad/mm. */
	limits_of("polar", 0, (double[]){ 20, 0.1, 5 }, (double[]){ -20, 0.1, 5 }, &l);
	assert_true(fabs(l.velocity_mm_s - 0.95e6 / 2546.4790894703 / 10) < 1e-6);
	/* Shaped over 20 ms, X and Y each in its own way, it may be nearer for a while, and faster. */
	limits_of("polar", 0.02, (double[]){ 20, 0.1, 5 }, (double[]){ -20, 0.1, 5 }, &l);
	double most = 0.95e6 / 2546.4790894703;

	assert_true(fabs(l.velocity_mm_s - most / (M_SQRT2 + 1.71 * most * 0.02) / 10) < 1e-6);
}

/* ---- homing ---- */

static void test_homing(void **state)
{
	struct kinematics_homing s[KINEMATICS_HOMING_MAX];
	struct machine_config *mc = load("delta");

	(void)state;
	assert_int_equal(mc->kinematics->homing(mc, 1, s), 1);
	assert_true(s[0].rails == 7 && s[0].axes == 7);
	/* the towers' own endstops put the nozzle a little off the middle */
	assert_true(hypot(s[0].home_mm[0], s[0].home_mm[1]) < 1 &&
		    fabs(s[0].home_mm[2] - 250) < 0.3 && s[0].far_mm[2] < -100);
	for (int i = 0; i < 3; i++)
		assert_true(fabs(kin_position(&mc->steppers[i].joint, s[0].home_mm) -
				 mc->geometry.endstop[i]) < 1e-9);
	machine_config_free(mc);

	mc = load("deltesian");
	assert_int_equal(mc->kinematics->homing(mc, 7, s), 2);
	assert_true(s[0].rails == 3 && s[0].axes == 5 && isnan(s[0].home_mm[1]));
	assert_true(s[1].rails == 4 && s[1].axes == 2 && s[1].home_mm[1] == -120);
	assert_int_equal(mc->kinematics->homing(mc, 2, s), 1);
	machine_config_free(mc);

	mc = load("polar");
	assert_int_equal(mc->kinematics->homing(mc, 7, s), 2);
	assert_true(s[0].rails == 1 && s[0].axes == 3 && s[0].home_mm[0] == 150 &&
		    s[0].home_mm[1] == 0 && s[0].far_mm[0] > 0 && s[0].far_mm[0] < 1);
	assert_true(s[1].axes == 4);
	machine_config_free(mc);

	mc = load("rotary_delta");
	assert_int_equal(mc->kinematics->homing(mc, 4, s), 1);
	assert_true(s[0].rails == 7 && fabs(s[0].home_mm[2] - 252) < 1e-9);
	for (int i = 0; i < 3; i++)
		assert_true(kin_position(&mc->steppers[i].joint, s[0].far_mm) < -1.4);
	machine_config_free(mc);

	mc = load("winch");
	assert_int_equal(mc->kinematics->homing(mc, 7, s), 1);
	assert_true(s[0].rails == 0 && s[0].axes == 7 && s[0].home_mm[2] == 0);
	machine_config_free(mc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips), cmocka_unit_test(test_sums),
		cmocka_unit_test(test_messages),    cmocka_unit_test(test_edges),
		cmocka_unit_test(test_limits),      cmocka_unit_test(test_homing),
	};
	int fd = mkstemp(file), failed;

	if (fd < 0)
		return 1;
	close(fd);
	rng = ref_seed("kinematics");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	return failed;
}
