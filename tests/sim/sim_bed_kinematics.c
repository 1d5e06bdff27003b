/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_bed_kinematics.c - which command for the bed works with which kinematics, against the model's truth.
 *
 * Shown: PROBE, PROBE_ACCURACY, QUERY_PROBE, PROBE_CALIBRATE, BED_MESH_CALIBRATE (lagrange, bicubic, adaptive, faulty
 * regions, by hand, scanned) find on every kind of machine that they are for what the model has, within a
 * microstep and the probe's noise: on one MCU, with the probe on another one than the motors, and with motors on a third one, whose clocks
 * drift apart and wander. Moves follow the mesh within the bound, and no step goes backwards for it: each motor turns as often as the
 * surface and the geometry have it.
 * How: tests/simlib/bedscene.h; the machine in this process. STEPD_ECHO=1 shows the replies.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_bed_kinematics; an argument names the tests to run.
 */
#include <stdio.h>
#include <unistd.h>

#include "tests/simlib/bedscene.h"

#define NOISE_MM 0.01

static char what[80];

static struct scene *open_kind(size_t kind, enum bed_layout layout, const char *lines)
{
	static const char *const names[] = { "one MCU", "probe on another MCU", "three MCUs" };

	snprintf(what, sizeof(what), "%s, %s", bed_kinds[kind].name, names[layout]);
	return bed_open(&bed_kinds[kind], layout, lines);
}

static void go(struct scene *s, double x_mm, double y_mm, double z_mm)
{
	char line[80];

	snprintf(line, sizeof(line), "G1 Z%g F1200\nG1 X%g Y%g F4800\n", z_mm, x_mm, y_mm);
	run(s, line);
}

/* ---- PROBE, PROBE_ACCURACY, QUERY_PROBE, PROBE_CALIBRATE ---- */

static void probe_at(struct scene *s, double x_mm, double y_mm)
{
	const double *at_mm = s->b.m->probe.run.at_mm;
	double off;

	go(s, x_mm, y_mm, 6);
	run(s, "PROBE\n");
	off = at_mm[AXIS_Z] - bed_trigger_mm(s, at_mm[AXIS_X], at_mm[AXIS_Y]);
	if (!(fabs(off) <= bed_microstep_mm(s) + s->b.printer.probe.noise_mm))
		fail_msg("%s: PROBE at %.2f, %.2f finds %.5f mm, off by %.5f, a microstep is %.5f",
			 what, at_mm[0], at_mm[1], at_mm[2], off, bed_microstep_mm(s));
	bed_wander(s);
}

static void probe(size_t kind, enum bed_layout layout)
{
	const struct bed_kind *k = &bed_kinds[kind];
	struct scene *s = open_kind(kind, layout, "");
	double off;

	s->b.printer.probe.noise_mm = layout == BED_PROBE_APART ? NOISE_MM : 0;
	probe_at(s, k->middle_mm + 11, k->middle_mm + 7);
	probe_at(s, k->middle_mm + 0.6 * k->half_mm, k->middle_mm - 0.4 * k->half_mm);
	probe_at(s, k->middle_mm - 0.5 * k->half_mm, k->middle_mm - 0.6 * k->half_mm);
	s->b.printer.probe.noise_mm = 0;
	run(s, "QUERY_PROBE\n");
	assert_true(scene_said(s, "probe: TRIGGERED"));
	run(s, "G1 Z6 F1200\nQUERY_PROBE\n");
	assert_true(scene_said(s, "probe: open"));
	run(s, "PROBE_ACCURACY SAMPLES=5\n");
	assert_true(said_number(s, "range ") <= bed_microstep_mm(s));
	s->b.printer.probe.z_mm = 1.83; /* in truth */
	go(s, k->middle_mm - 20, k->middle_mm + 30, 6);
	run(s, "PROBE_CALIBRATE\n");
	touch_down(s, bed_microstep_mm(s));
	run(s, "ACCEPT\n");
	off = said_number(s, "z_offset: ") - 1.83;
	if (!(fabs(off) <= 2 * bed_microstep_mm(s) + 0.0005)) /* probe, and paper */
		fail_msg("%s: z_offset is off by %.5f mm", what, off);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_probe(void **state)
{
	(void)state;
	for (size_t k = 0; k < bed_kind_count; k++)
		for (int l = bed_first_layout(); l < BED_LAYOUTS; l++)
			probe(k, (enum bed_layout)l);
}

/* ---- BED_MESH_CALIBRATE, and Z over the mesh ---- */

static const char *mesh_lines(const struct bed_kind *k, const char *more)
{
	static char text[1000];
	double lo = k->middle_mm - k->half_mm, hi = k->middle_mm + k->half_mm;
	int n = snprintf(
		text, sizeof(text),
		"[stepd_sim]\nbed_shape: 0.6\n[bed_mesh]\nspeed: %g\nhorizontal_move_z: 4\n",
		k->fast_mm_s);

	if (k->round)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "mesh_radius: %g\nround_probe_count: 5\n", k->half_mm);
	else
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "mesh_min: %g, %g\nmesh_max: %g, %g\nprobe_count: 4, 3\n", lo, lo, hi,
			      hi);
	snprintf(text + n, sizeof(text) - (size_t)n, "%s", more);
	return text;
}

/* Points of the mesh are the bed, by the machine's names. */
static void mesh_agrees(struct scene *s)
{
	const struct bedmesh_points *p = &s->b.m->meshes.points;
	double limit_mm = 2 * bed_microstep_mm(s) + s->b.printer.probe.noise_mm,
	       radius_mm = s->b.m->mesh_calibration.area.radius_mm;
	int checked = 0;

	assert_non_null(s->b.m->meshes.mesh.z);
	for (uint32_t i = 0; i < p->x_count * p->y_count; i++) {
		double x = p->min_x + (p->max_x - p->min_x) * (i % p->x_count) / (p->x_count - 1);
		double y = p->min_y + (p->max_y - p->min_y) * (i / p->x_count) / (p->y_count - 1);
		double off = p->z[i] - bed_nozzle_mm(s, x, y, 0);

		if (radius_mm > 0 && hypot(x, y) > radius_mm + 1e-6)
			continue;
		checked++;
		if (!(fabs(off) <= limit_mm))
			fail_msg("%s: the mesh at %.2f, %.2f is off by %.5f mm", what, x, y, off);
	}
	assert_true(checked >= 9);
}

static void calibrate(struct scene *s, const char *line, unsigned x_count)
{
	run(s, line);
	bed_points_agree(s, what);
	assert_int_equal(s->b.m->meshes.points.x_count, x_count);
	bed_wander(s);
}

static void by_hand(struct scene *s)
{
	/* Without the faulty region: also in the very middle, where a polar bed can't be. */
	s->b.mc->gcode.mesh_probing.faulty_count = 0;
	run(s, "BED_MESH_CALIBRATE METHOD=manual\n");
	for (int i = 0; i < 25 && s->b.m->manual_probe.active; i++) {
		touch_down(s, bed_microstep_mm(s));
		run(s, "ACCEPT\n");
	}
	assert_false(s->b.m->manual_probe.active);
	mesh_agrees(s);
}

static void mesh(size_t kind, enum bed_layout layout)
{
	const struct bed_kind *k = &bed_kinds[kind];
	double m = k->middle_mm, h = k->half_mm;
	char faulty[120], line[200];
	struct scene *s;

	/* Around the middle. */
	snprintf(faulty, sizeof(faulty),
		 "faulty_region_1_min: %g, %g\nfaulty_region_1_max: %g, %g\n", m - 8, m - 8, m + 8,
		 m + 8);
	s = open_kind(kind, layout, mesh_lines(k, faulty));
	s->b.printer.probe.noise_mm = layout == BED_PROBE_APART ? NOISE_MM : 0;
	calibrate(s, "BED_MESH_CALIBRATE\n", k->round ? 5 : 4);
	if (!k->round)
		mesh_agrees(s);
	snprintf(line, sizeof(line), "BED_MESH_CALIBRATE ALGORITHM=bicubic %s=7\n",
		 k->round ? "ROUND_PROBE_COUNT" : "PROBE_COUNT");
	calibrate(s, line, 7);
	snprintf(line, sizeof(line),
		 "EXCLUDE_OBJECT_DEFINE NAME=a POLYGON=[[%g,%g],[%g,%g],[%g,%g]]\n", m + 0.1 * h,
		 m + 0.1 * h, m + 0.5 * h, m + 0.1 * h, m + 0.3 * h, m + 0.4 * h);
	run(s, line);
	calibrate(s, "BED_MESH_CALIBRATE ADAPTIVE=1 PROFILE=part\n", 3);
	assert_true(s->b.m->meshes.points.max_x < m + 0.7 * h);
	run(s, "BED_MESH_PROFILE LOAD=default\n");
	assert_int_equal(s->b.m->meshes.points.x_count, 7);
	run(s, "BED_MESH_PROFILE LOAD=part\nBED_MESH_PROFILE REMOVE=default\n");
	refused(s, "BED_MESH_PROFILE LOAD=default\n", "expected the name of a profile");
	if (layout == BED_ONE_MCU)
		by_hand(s);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_mesh(void **state)
{
	(void)state;
	for (size_t k = 0; k < bed_kind_count; k++)
		for (int l = bed_first_layout(); l < BED_LAYOUTS; l++)
			mesh(k, (enum bed_layout)l);
}

/* ---- scanned ---- */

static void scan(size_t kind, enum bed_layout layout)
{
	struct scene *s = open_kind(kind, layout, mesh_lines(&bed_kinds[kind], BED_EDDY));

	run(s, "BED_MESH_CALIBRATE METHOD=scan HORIZONTAL_MOVE_Z=2\n");
	bed_points_agree(s, what);
	bed_wander(s);
	run(s, "BED_MESH_CALIBRATE METHOD=rapid_scan HORIZONTAL_MOVE_Z=2\n");
	bed_points_agree(s, what);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_scan(void **state)
{
	(void)state;
	for (size_t k = 0; k < bed_kind_count; k++)
		for (int l = bed_first_layout(); l < BED_LAYOUTS; l++)
			scan(k, (enum bed_layout)l);
}

/* ---- the surface that moves follow ---- */

#define BOUND_MM 0.001 /* of docs/GCODE.md */
#define TOLERANCE_S 12.5e-6

struct watch {
	struct scene *s;
	bool on;
	double height_mm, worst_mm, lower_mm; /* scene_lower_mm() at rest */
	uint64_t steps;
	int dir[MACHINE_STEPPER_MAX], turns[MACHINE_STEPPER_MAX]; /* of each motor in this move */
	int turned, turns_max;                                    /* of all motors in all moves */
};

static void watch_step(void *ctx, int motor, int dir, uint64_t clock)
{
	struct watch *w = ctx;
	double xyz[MOVE_AXES] = { 0 }, at[MOVE_AXES] = { 0 };

	(void)clock;
	dir = dir > 0 ? 1 : -1;
	w->turns[motor] += w->dir[motor] == -dir;
	w->dir[motor] = dir;
	if (!w->on)
		return;
	printer_nozzle_mm(&w->s->b.printer, xyz);
	memcpy(at, xyz, sizeof(at));
	at[AXIS_Z] = w->height_mm;
	bedmesh_forward(&w->s->b.m->meshes.link, at);
	w->worst_mm = fmax(w->worst_mm, fabs(xyz[AXIS_Z] + w->lower_mm - at[AXIS_Z]));
	w->steps++;
}

/* How often the motor would turn on that line over the surface, if it were not cut into pieces. */
static int turns_of(struct scene *s, size_t motor, const double from[3], const double to[3])
{
	double extreme = 0;
	int way = 0, turns = 0;

	for (int i = 0; i <= 20000; i++) {
		double at[MOVE_AXES] = { 0 }, steps;

		for (int axis = 0; axis < 3; axis++)
			at[axis] = from[axis] + (to[axis] - from[axis]) * i / 20000;
		bedmesh_forward(&s->b.m->meshes.link, at);
		steps = machine_motor_steps(s->b.m, motor, at);
		if (i == 0)
			extreme = steps;
		if ((steps - extreme) * way > 0 || (way == 0 && fabs(steps - extreme) > 1e-6))
			way = steps > extreme ? 1 : -1;
		else if ((steps - extreme) * way > -1e-6)
			continue;
		else {
			way = -way;
			turns++;
		}
		extreme = steps;
	}
	return turns;
}

/* A straight move, in which no motor turns more often than the surface and the geometry have it. */
static void straight(struct watch *w, const double from[3], const double to[3])
{
	char line[100];

	memset(w->dir, 0, sizeof(w->dir));
	memset(w->turns, 0, sizeof(w->turns));
	snprintf(line, sizeof(line), "G1 X%.6f Y%.6f Z%.6f F2400\n", to[0], to[1], to[2]);
	run(w->s, line);
	for (size_t i = 0; i < w->s->b.m->motors; i++) {
		int expected = turns_of(w->s, i, from, to);

		w->turned += w->turns[i];
		w->turns_max += expected;
		if (w->turns[i] > expected)
			fail_msg("%s: motor %zu turns %d times on the way, expected %d", what, i,
				 w->turns[i], expected);
	}
}

/* In all directions, at heights below, within and above the fade, and rising through it. */
static void follow(size_t kind)
{
	/* At 45 degrees one of two motors may rest; the last one rises. */
	static const double way[][2] = { { 0.7, 0.1 },  { -0.3, 0.6 }, { -0.6, -0.4 },
					 { 0.5, -0.5 }, { 0.1, -0.1 }, { -0.6, 0.3 } };
	enum { WAYS = sizeof(way) / sizeof(*way) };
	static const double height_mm[] = { 0.3, 4, 12 };
	const struct bed_kind *k = &bed_kinds[kind];
	char motors[600] = "fade_start: 1\nfade_end: 10\nalgorithm: bicubic\n";
	struct watch w = { 0 };
	double limit_mm;
	size_t n = strlen(motors);

	for (int i = 0; i < 6 && k->motors[i]; i++)
		n += (size_t)snprintf(motors + n, sizeof(motors) - n,
				      "[%s]\nmicrosteps: 128\nstep_pulse_duration: 0.0000001\n",
				      k->motors[i]);
	w.s = open_kind(kind, BED_ONE_MCU, mesh_lines(k, motors));
	run(w.s, "BED_MESH_CALIBRATE\n");
	/* A step of each motor at its time, and the zero of each that homing has found. */
	limit_mm = BOUND_MM + bed_microstep_mm(w.s) + 3 * TOLERANCE_S * 40;
	w.s->b.stepped = watch_step;
	w.s->b.stepped_ctx = &w;
	for (int h = 0; h < 3; h++) {
		double at[3] = { k->middle_mm + 3, k->middle_mm - 5, height_mm[h] };

		w.on = false;
		go(w.s, at[0], at[1], at[2]);
		w.height_mm = height_mm[h];
		for (int i = 0; i < WAYS; i++) {
			double to[3] = { k->middle_mm + way[i][0] * 60,
					 k->middle_mm + way[i][1] * 60, height_mm[h] };

			w.on = i < WAYS - 1;
			if (!w.on)
				to[2] += 9;
			w.lower_mm = scene_lower_mm(w.s);
			straight(&w, at, to);
			memcpy(at, to, sizeof(at));
		}
	}
	printf("%s: off the mesh by %.2f um at most at %llu steps, expected %.2f; %d turns of motors, of "
	       "%d\n",
	       what, 1e3 * w.worst_mm, (unsigned long long)w.steps, 1e3 * limit_mm, w.turned,
	       w.turns_max);
	assert_true(w.turned > 0 || w.turns_max == 0);
	assert_true(w.steps > 20000);
	assert_true(w.worst_mm <= limit_mm);
	assert_true(scene_exact(w.s));
	scene_close(w.s);
}

static void test_follows_the_mesh(void **state)
{
	(void)state;
	for (size_t k = 0; k < bed_kind_count; k += simrun_sanitized() ? 3 : 1)
		follow(k);
}

/* ---- what is not for a kind is an error of its configuration ---- */

enum need { NOZZLE, Z_MOTORS, BEAMS, TOWERS };

static const struct {
	const char *commands, *lines;
	enum need need;
} sections[] = {
	{ "PROBE, PROBE_ACCURACY, PROBE_CALIBRATE", "[probe]\npin: ^PE3\nz_offset: 1\n", NOZZLE },
	{ "SET_SMART_EFFECTOR", "[smart_effector]\npin: ^PE3\nz_offset: 1\n", NOZZLE },
	{ "BED_MESH_CALIBRATE", "[bed_mesh]\nmesh_min: 1, 1\nmesh_max: 9, 9\n", NOZZLE },
	{ "SCREWS_TILT_CALCULATE",
	  "[screws_tilt_adjust]\nscrew1: 0, 0\nscrew2: 9, 0\nscrew3: 0, 9\n", NOZZLE },
	{ "BED_SCREWS_ADJUST", "[bed_screws]\nscrew1: 0, 0\nscrew2: 9, 0\nscrew3: 0, 9\n", NOZZLE },
	{ "BED_TILT_CALIBRATE", "[bed_tilt]\npoints:\n  0, 0\n  9, 0\n  0, 9\n", NOZZLE },
	{ "SET_Z_THERMAL_ADJUST",
	  "[z_thermal_adjust]\nsensor_type: Generic 3950\nsensor_pin: PF5\nmin_temp: 0\n"
	  "max_temp: 100\n",
	  NOZZLE },
	{ "Z_TILT_ADJUST", "[z_tilt]\nz_positions:\n  0, 0\n  9, 0\npoints:\n  0, 0\n  9, 0\n",
	  Z_MOTORS },
	{ "QUAD_GANTRY_LEVEL",
	  "[quad_gantry_level]\ngantry_corners:\n  0, 0\n  9, 9\npoints:\n  1, 1\n  1, 8\n  8, 8\n"
	  "  8, 1\n",
	  Z_MOTORS },
	{ "AXIS_TWIST_COMPENSATION_CALIBRATE",
	  "[axis_twist_compensation]\ncalibrate_start_x: 0\ncalibrate_end_x: 9\ncalibrate_y: 0\n",
	  BEAMS },
	{ "DELTA_CALIBRATE, DELTA_ANALYZE", "[delta_calibrate]\nradius: 50\n", TOWERS },
};

static bool fits(const struct bed_kind *k, enum need need)
{
	return need == NOZZLE     ? strcmp(k->name, "none") != 0
	       : need == Z_MOTORS ? k->z_motors
	       : need == BEAMS    ? k->beams
				  : strstr(k->name, "delta") && strcmp(k->name, "deltesian") != 0;
}

/* The words of a check of that machine with these lines. */
static void check(const struct bed_kind *k, const char *lines, char *said, size_t size)
{
	const char *path = simrun_path("check.cfg");
	char folder[SIMRUN_ARG_LEN];
	FILE *f = simrun_create(path), *diag;

	assert_non_null(getcwd(folder, sizeof(folder)));
	fprintf(f, "[include %s/etc/sim-%s.cfg]\n%s", folder, k->name, lines);
	fclose(f);
	memset(said, 0, size);
	diag = fmemopen(said, size - 1, "w");
	assert_non_null(diag);
	machine_config_free(machine_config_load(&path, 1, NULL, 0, diag));
	fclose(diag);
}

static void test_table(void **state)
{
	static const struct bed_kind none = { .name = "none" };

	(void)state;
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		printf("%-40s", sections[i].commands);
		for (size_t n = 0; n <= bed_kind_count; n++) {
			const struct bed_kind *k = n < bed_kind_count ? &bed_kinds[n] : &none;
			char said[4000], expected[120];
			int len = (int)strcspn(sections[i].lines, "]") + 1;

			check(k, sections[i].lines, said, sizeof(said));
			snprintf(expected, sizeof(expected),
				 "%.*s is not for kinematics %s: expected ", len, sections[i].lines,
				 strcmp(k->name, "dual_carriage") ? k->name : "cartesian");
			if (fits(k, sections[i].need) != !strstr(said, expected))
				fail_msg("%s: %.*s: %s", k->name, len, sections[i].lines, said);
			if (fits(k, sections[i].need))
				printf(" %s", k->name);
		}
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_mesh),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_follows_the_mesh),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
