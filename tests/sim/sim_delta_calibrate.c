/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_delta_calibrate.c - deltas and rotary deltas that are not as their configuration says.
 *
 * Shown: of machines whose towers, arms, angles and switches are off at random, DELTA_CALIBRATE finds what makes a flat
 * bed flat, with the probe and by hand; DELTA_ANALYZE CALIBRATE=extended, with a printed object measured to a hundredth
 * of a millimetre, finds arms and angles: after SAVE_CONFIG the nozzle is where it is told to be, all over the bed. On one
 * MCU, and with a tower and the probe on others.
 * Measurements are kept in the configuration and used again, manual heights count, and what is wrong or missing is said.
 * How: tests/simlib/scene.h; the model's nozzle hangs on the true geometry. STEPD_ECHO=1 shows the replies.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_delta_calibrate; the seed is printed.
 */
#include <unistd.h>

#include "daemon/kinematics/kinematics.h"
#include "kin.h"
#include "tests/oracle/refmotion.h"
#include "tests/simlib/probescene.h"

enum { MACHINES = 2, PILLARS = 6 };

static uint64_t rng;

/* The machine as it is. */
static struct truth {
	bool rotary;
	double radius_mm, height_mm, angle_deg[3], rod_mm[3], upper_mm[3], endstop_mm[3];
} truth;

static void rod_end(int k, double joint, double at_mm[3])
{
	double a = truth.angle_deg[k] * M_PI / 180;
	double out = truth.radius_mm + (truth.rotary ? truth.upper_mm[k] * cos(joint) : 0);

	at_mm[0] = out * cos(a);
	at_mm[1] = out * sin(a);
	at_mm[2] = truth.rotary ? truth.height_mm + truth.upper_mm[k] * sin(joint) : joint;
}

static void hang(void *ctx, const double axis_mm[PRINTER_AXES], double xyz_mm[3])
{
	double end[3][3];

	(void)ctx;
	for (int k = 0; k < 3; k++)
		rod_end(k, axis_mm[k], end[k]);
	if (!kinematics_trilaterate((const double(*)[3])end, truth.rod_mm, xyz_mm))
		xyz_mm[0] = xyz_mm[1] = xyz_mm[2] = NAN;
}

/* Where the joint is at its switch. */
static double switch_at(int k)
{
	const double middle[3] = { 0, 0, truth.endstop_mm[k] };
	struct kin joint = { .kind = truth.rotary ? KIN_ELBOW : KIN_ROD,
			     .x = truth.radius_mm,
			     .z = truth.height_mm,
			     .cos_a = 1,
			     .arm = truth.upper_mm[k],
			     .rod = truth.rod_mm[k] };

	return kin_position(&joint, middle);
}

static const char *const kind_names[] = { "delta", "rotary_delta" };

/* As etc/sim-NAME.cfg says, but for errors at random. */
static void make_truth(bool rotary, bool arms)
{
	static const double angles[2][3] = { { 210, 330, 90 }, { 30, 150, 270 } };

	truth = (struct truth){ .rotary = rotary,
				.radius_mm = rotary ? 33.9 : 140,
				.height_mm = rotary ? 412.9 : 0 };
	truth.radius_mm += ref_uniform(&rng, -0.8, 0.8);
	for (int k = 0; k < 3; k++) {
		truth.angle_deg[k] = angles[rotary][k];
		truth.rod_mm[k] = rotary ? 320 : k < 2 ? 300 : 300.2;
		truth.upper_mm[k] = 170;
		truth.endstop_mm[k] = (rotary ? 252 : 250) + ref_uniform(&rng, -0.4, 0.4);
		if (k < 2 && (!rotary || arms))
			truth.angle_deg[k] += ref_uniform(&rng, -0.3, 0.3);
		if (arms)
			truth.rod_mm[k] += ref_uniform(&rng, -0.6, 0.6);
	}
}

/* The second tower, and the probe, on MCUs of their own, whose clocks drift apart. */
static const char three_mcus[] =
	"[mcu second]\nserial: /run/stepd/second\n[mcu third]\nserial: /run/stepd/third\n"
	"[stepd_sim second]\nclock_ppm: 60\n[stepd_sim third]\nclock_ppm: -45\n"
	"[stepper_b]\nstep_pin: second:PB0\ndir_pin: second:PB1\nenable_pin: !second:PB2\n"
	"[probe]\npin: ^third:PE3\n";

static const char *write_delta(bool rotary, bool spread)
{
	const char *path = simrun_path("delta.cfg");
	char folder[SIMRUN_ARG_LEN];
	FILE *f = simrun_create(path);
	char *like;

	assert_non_null(getcwd(folder, sizeof(folder)));
	snprintf(folder, sizeof(folder), "etc/sim-%s.cfg", kind_names[rotary]);
	like = simrun_read(folder, NULL);
	assert_non_null(like);
	/* Not included: SAVE_CONFIG has to replace what stands in it. */
	fprintf(f,
		"%s[stepd]\nstartup_gcode:\n[printer]\nminimum_z_position: -6\n"
		"[probe]\npin: ^PE3\nz_offset: 1.5\nx_offset: 6\ny_offset: -4\n"
		"[delta_calibrate]\nradius: 90\nspeed: 100\nhorizontal_move_z: 7\n",
		like);
	if (spread)
		fputs(three_mcus, f);
	for (char tower = 'a'; tower <= 'c'; tower++)
		fprintf(f, "[stepper_%c]\nmicrosteps: 64\nstep_pulse_duration: 0.0000001\n", tower);
	fclose(f);
	free(like);
	return path;
}

static struct scene *open_delta(const char *path)
{
	struct scene *s = open_scene(path, NULL);

	s->b.printer.nozzle = hang;
	for (int k = 0; k < 3; k++)
		scene_endstop(s, k)->trigger_mm = switch_at(k);
	s->b.m->hooks.save_config = true;
	run(s, "G28\n");
	return s;
}

/* The next machine that reads the file. */
static struct scene *open_again(struct scene *s, const char *path)
{
	run(s, "SAVE_CONFIG\n");
	assert_true(s->b.m->restart_wanted);
	assert_true(scene_exact(s));
	scene_close(s);
	return open_delta(path);
}

/* ---- how far off it is ---- */

static void go(struct scene *s, double x_mm, double y_mm, double z_mm, double xyz[3])
{
	char line[80];

	snprintf(line, sizeof(line), "G1 X%.6f Y%.6f Z%.6f F4800\n", x_mm, y_mm, z_mm);
	run(s, line);
	printer_nozzle_mm(&s->b.printer, xyz);
}

struct off {
	double flat_mm, zero_mm, place_mm;
};

/* All over the bed: how much the height differs from place to place, how far zero is off, and X and Y. */
static struct off off(struct scene *s)
{
	double least = INFINITY, most = -INFINITY;
	struct off o = { 0 };

	for (int i = 0; i < 13; i++) {
		double r = i == 0 ? 0 : i & 1 ? 80 : 45, a = i * M_PI / 6, xyz[3];
		double x = r * cos(a), y = r * sin(a);

		go(s, x, y, 5, xyz);
		least = fmin(least, xyz[2] - 5);
		most = fmax(most, xyz[2] - 5);
		o.place_mm = fmax(o.place_mm, hypot(xyz[0] - x, xyz[1] - y));
	}
	o.flat_mm = most - least;
	o.zero_mm = fmax(fabs(most), fabs(least));
	return o;
}

static void tell(const char *when, bool rotary, struct off o)
{
	printf("%s, %s: heights differ by %.3f mm, zero is off by %.3f, X and Y by %.3f\n",
	       kind_names[rotary], when, o.flat_mm, o.zero_mm, o.place_mm);
}

/* ---- a flat bed ---- */

static void touch(struct scene *s)
{
	for (int i = 0; i < 7; i++) {
		assert_true(s->b.m->manual_probe.active);
		touch_down(s, 0.013);
		run(s, "ACCEPT\n");
	}
	assert_false(s->b.m->manual_probe.active);
}

static void flat(bool rotary, bool manual)
{
	const char *path = write_delta(rotary, !manual);
	struct scene *s;
	struct off before, after;

	make_truth(rotary, false);
	s = open_delta(path);
	before = off(s);
	tell("before", rotary, before);
	if (manual) {
		run(s, "DELTA_CALIBRATE METHOD=manual\n");
		touch(s);
	} else {
		run(s, "DELTA_CALIBRATE\n");
	}
	s = open_again(s, path);
	after = off(s);
	tell(manual ? "by hand" : "probed", rotary, after);
	assert_true(before.zero_mm > 0.1);
	/* Steps of 3 um; by hand as near as 13 um. */
	assert_true(after.flat_mm <= 0.015);
	assert_true(after.zero_mm <= 0.02);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_flat_bed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MACHINES * simrun_size(); i++) {
		flat(false, i & 1);
		flat(true, i & 1);
	}
}

/* ---- a printed object ---- */

/* The distances of faces as a caliper shows them over both pillars, 9.2 mm wide each. */
static void measure(struct scene *s, double scale, double grain_mm, double center_mm[PILLARS],
		    double outer_mm[PILLARS])
{
	static const double spoke_deg[PILLARS] = { 210, 270, 330, 30, 90, 150 };

	for (int i = 0; i < 2 * PILLARS; i++) {
		double a = spoke_deg[i % PILLARS] * M_PI / 180,
		       u = a + (i < PILLARS ? 0 : 2 * M_PI / 3);
		double r = i < PILLARS ? 0 : 65 * scale, at[2][3], mm;

		for (int k = 0; k < 2; k++) {
			double face = (4.5 + 65 * k) * scale;

			go(s, r * cos(a) + face * cos(u), r * sin(a) + face * sin(u), 0.2, at[k]);
		}
		mm = hypot(at[1][0] - at[0][0], at[1][1] - at[0][1]) + 9.2;
		(i < PILLARS ? center_mm : outer_mm)[i % PILLARS] = round(mm / grain_mm) * grain_mm;
	}
}

static void enter(struct scene *s, const char *name, const double mm[PILLARS])
{
	char line[160];

	snprintf(line, sizeof(line), "DELTA_ANALYZE %s=%.4f,%.4f,%.4f,%.4f,%.4f,%.4f\n", name,
		 mm[0], mm[1], mm[2], mm[3], mm[4], mm[5]);
	run(s, line);
}

static void analyze(struct scene *s, double scale, double grain_mm)
{
	double center[PILLARS], outer[PILLARS];
	char line[80];

	run(s, "DELTA_CALIBRATE\n");
	measure(s, scale, grain_mm, center, outer);
	enter(s, "CENTER_DISTS", center);
	enter(s, "OUTER_DISTS", outer);
	run(s, "DELTA_ANALYZE CENTER_PILLAR_WIDTHS=9.2,9.2,9.2\n"
	       "DELTA_ANALYZE OUTER_PILLAR_WIDTHS=9.2,9.2,9.2,9.2,9.2,9.2\n");
	snprintf(line, sizeof(line), "DELTA_ANALYZE SCALE=%g CALIBRATE=extended\n", scale);
	run(s, line);
}

/* What it comes to: with a caliper of 0.01 mm rounding alone makes some hundredths. */
static void extended(bool rotary, double scale, double grain_mm, double limit_mm)
{
	const char *path = write_delta(rotary, scale < 1);
	struct scene *s;
	struct off before, after;

	make_truth(rotary, true);
	s = open_delta(path);
	before = off(s);
	tell("before", rotary, before);
	analyze(s, scale, grain_mm);
	s = open_again(s, path);
	after = off(s);
	tell("extended", rotary, after);
	assert_true(before.place_mm > 0.1);
	assert_true(after.place_mm <= limit_mm);
	assert_true(after.flat_mm <= 0.02);
	/* Once more, with what was kept. */
	run(s, "DELTA_ANALYZE CALIBRATE=extended\n");
	s = open_again(s, path);
	after = off(s);
	assert_true(after.place_mm <= limit_mm);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_printed_object(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MACHINES * simrun_size(); i++) {
		bool fine = i & 1;

		extended(false, fine ? 0.9 : 1, fine ? 1e-4 : 0.01, fine ? 0.06 : 0.12);
		extended(true, fine ? 0.9 : 1, fine ? 1e-4 : 0.01, fine ? 0.06 : 0.12);
	}
}

/* ---- words ---- */

static void test_words(void **state)
{
	const char *path = write_delta(false, false);
	struct scene *s;
	char line[60];
	double xyz[3];

	(void)state;
	make_truth(false, true);
	s = open_delta(path);
	refused(s, "DELTA_ANALYZE CALIBRATE=basic\n", "CALIBRATE=basic: expected extended");
	refused(s, "DELTA_ANALYZE CALIBRATE=extended\n", "expected CENTER_DISTS=");
	refused(s, "DELTA_ANALYZE CENTER_DISTS=1,2,3\n",
		"CENTER_DISTS=1,2,3: expected 6 numbers above 0");
	refused(s, "DELTA_ANALYZE OUTER_DISTS=1,2,3,4,5,-6\n", "expected 6 numbers above 0");
	refused(s, "DELTA_ANALYZE SCALE=0\n", "SCALE=0: expected 0.01 to 100");
	run(s, "DELTA_ANALYZE CENTER_DISTS=74,74,74,74,74,74\n");
	refused(s, "DELTA_ANALYZE CALIBRATE=extended\n", "expected CENTER_PILLAR_WIDTHS=");
	run(s, "DELTA_ANALYZE OUTER_DISTS=74,74,74,74,74,74 CENTER_PILLAR_WIDTHS=9,9,9 "
	       "OUTER_PILLAR_WIDTHS=9,9,9,9,9,9\n");
	refused(s, "DELTA_ANALYZE CALIBRATE=extended\n", "expected DELTA_CALIBRATE before");
	/* No delta has such pillars. */
	run(s, "DELTA_CALIBRATE\nDELTA_ANALYZE CENTER_DISTS=9999,74,9,74,74,900\n");
	refused(s, "DELTA_ANALYZE CALIBRATE=extended\n", "no geometry fits");
	/* Somebody's own heights count, too, and stay. */
	go(s, 40, 30, 3, xyz);
	snprintf(line, sizeof(line), "DELTA_ANALYZE MANUAL_HEIGHT=%.4f\n", xyz[2]);
	run(s, line);
	assert_true(scene_said(s, "is in truth z="));
	refused(s, "DELTA_ANALYZE MANUAL_HEIGHT=5000\n", "MANUAL_HEIGHT=5000: expected");
	run(s, "DELTA_CALIBRATE\n");
	assert_int_equal(s->b.m->delta.data.heights, 8);
	s = open_again(s, path);
	assert_int_equal(s->b.m->delta.data.heights, 8);
	assert_int_equal(s->b.m->delta.data.manuals, 1);
	assert_true(fabs(s->b.m->delta.data.height[7].z_mm - xyz[2]) < 1e-4);
	scene_close(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flat_bed),
		cmocka_unit_test(test_printed_object),
		cmocka_unit_test(test_words),
	};

	rng = simrun_seed(1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
