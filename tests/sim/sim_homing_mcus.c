/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_homing_mcus.c - G28 on every kinematics with motors and switches spread over two and three MCUs.
 *
 * Shown: with the switches on another MCU than all motors, with motors on both, with the switches on a third one,
 * and with everything mixed, on clocks that drift apart by up to 150 ppm and wander in between, the position that is
 * found is the printer model's own within one microstep, of each axis or joint, and what noise the switches have; how far towers went on is told as it is;
 * every step is exact. The same with input shapers. An MCU that falls silent or shuts down on the way: all motors of all MCUs stand
 * within the time-out, at their pins; the reply says so, and G28 works again. The rt thread alone passes on from MCU to
 * MCU who is still there and who has triggered: with the planner away for seconds an approach goes on, and ends at the switch.
 * How: the pins of etc/sim-KIND.cfg are given to other MCUs by overrides; tests/simlib/scene.h.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_homing_mcus; the seed is printed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/oracle/refmotion.h"
#include "mcu.h"
#include "tests/simlib/scene_expect.h"
#include "tests/simlib/simrun.h"

#define MICROSTEPS 1.0
#define NOISE_MM 0.04
#define WANDER_PPM 5.0
#define ON_THE_WIRE_S 0.002 /* what was said last before it fell silent */
#define OVERSHOOT_MM 0.02   /* steps of three towers */
#define RELAY_S 0.01        /* from one MCU through the host to another: a fifth of a time-out */

enum { MCUS = 3, OVERRIDE_LEN = 96 };

static const char *const chip[MCUS] = { "", "second:", "third:" };
static const double drift_ppm[MCUS] = { 0, 80, -70 };
static uint64_t rng;

struct spread {
	char text[OVERRIDES_MAX][OVERRIDE_LEN];
	const char *list[OVERRIDES_MAX + 1];
	size_t count;
	int motors, switches; /* seen so far */
};

/* Which MCU motor or switch number n goes to. */
struct layout {
	const char *name;
	int motor[4], endstop[4];
};

static const struct layout layouts[] = {
	{ "switches on a second MCU", { 0, 0, 0, 0 }, { 1, 1, 1, 1 } },
	{ "motors on both", { 0, 1, 1, 0 }, { 1, 0, 1, 0 } },
	{ "switches on a third MCU", { 0, 1, 0, 1 }, { 2, 2, 2, 2 } },
	{ "all mixed", { 1, 2, 0, 1 }, { 2, 1, 1, 0 } },
};
enum { LAYOUTS = sizeof(layouts) / sizeof(*layouts) };

static void add(struct spread *o, const char *section, const char *option, const char *value,
		const char *on)
{
	size_t marks = strspn(value, "^~!");

	assert_true(o->count < OVERRIDES_MAX);
	snprintf(o->text[o->count], OVERRIDE_LEN, "%s.%s=%.*s%s%s", section, option, (int)marks,
		 value, on, value + marks);
	o->list[o->count] = o->text[o->count];
	o->list[++o->count] = NULL;
}

/* Each stepper's and each switch's pins go where the layout has them. A stepper's step_pin comes first. */
static void spread_pins(struct spread *o, const struct layout *l, const char *path)
{
	char line[200], section[64] = "", option[64], value[64], other[80];
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "[include %63[^]]]", value) == 1) {
			snprintf(other, sizeof(other), "etc/%s", value);
			spread_pins(o, l, other);
			continue;
		}
		if (sscanf(line, "[%63[^]]]", section) == 1 || !strcmp(section, "extruder") ||
		    sscanf(line, "%63[a-z_]: %63s", option, value) != 2)
			continue;
		o->motors += !strcmp(option, "step_pin");
		if (!strcmp(option, "endstop_pin"))
			add(o, section, option, value, chip[l->endstop[o->switches++ % 4]]);
		else if (!strcmp(option, "step_pin") || !strcmp(option, "dir_pin") ||
			 !strcmp(option, "enable_pin"))
			add(o, section, option, value, chip[l->motor[(o->motors - 1) % 4]]);
	}
	fclose(f);
}

struct kind {
	const char *name;
	bool joints;     /* no sums of X, Y and Z */
	double noise_mm; /* of its switches; of an arm that turns, rad */
};

static const struct kind kinds[] = {
	{ "cartesian", false, NOISE_MM },     { "corexy", false, NOISE_MM },
	{ "corexz", false, NOISE_MM },        { "hybrid_corexy", false, NOISE_MM },
	{ "hybrid_corexz", false, NOISE_MM }, { "generic_cartesian", false, NOISE_MM },
	{ "dual_carriage", false, NOISE_MM }, { "delta", true, NOISE_MM },
	{ "deltesian", true, NOISE_MM },      { "polar", true, NOISE_MM },
	{ "rotary_delta", true, 0.0004 },
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static struct scene *open_spread_at(const struct kind *k, const struct layout *l, double noise_mm,
				    bool shaped, const char *baud)
{
	static struct spread o;
	char path[64], noise[64];
	struct scene *s;

	memset(&o, 0, sizeof(o));
	snprintf(path, sizeof(path), "etc/sim-%s.cfg", k->name);
	snprintf(noise, sizeof(noise), "%g", noise_mm);
	add(&o, "stepd", "startup_gcode", "", "");
	add(&o, "mcu second", "serial", "/run/stepd/second", "");
	add(&o, "mcu third", "serial", "/run/stepd/third", "");
	add(&o, "stepd_sim second", "clock_hz", "180000000", "");
	add(&o, "stepd_sim third", "clock_hz", "16000000", "");
	add(&o, "stepd_sim second", "clock_ppm", "80", "");
	add(&o, "stepd_sim third", "clock_ppm", "-70", "");
	if (baud)
		add(&o, "mcu second", "baud", baud, "");
	if (noise_mm > 0)
		add(&o, "stepd_sim", "endstop_noise", noise, "");
	if (shaped) {
		add(&o, "input_shaper", "shaper_freq_x", "50.6", "");
		add(&o, "input_shaper", "shaper_freq_y", "41.8", "");
	}
	spread_pins(&o, l, path);
	s = scene_open(path, o.list);
	assert_non_null(s);
	assert_int_equal(s->b.mc->steppers[0].step_pin.mcu, l->motor[0]);
	assert_int_equal(s->b.mc->steppers[1].step_pin.mcu, l->motor[1]);
	assert_int_equal(s->b.mc->rails[0].endstop[0].pin.mcu, l->endstop[0]);
	s->b.printer.rng = rng | 1;
	return s;
}

static struct scene *open_spread(const struct kind *k, const struct layout *l, double noise_mm,
				 bool shaped)
{
	return open_spread_at(k, l, noise_mm, shaped, NULL);
}

static void agrees(const struct scene *s, const struct kind *k, const struct layout *l,
		   double noise_mm)
{
	for (int axis = 0; axis < MACHINE_AXES; axis++) {
		double off = scene_off_microsteps(s, axis);

		if (!(fabs(off) <= MICROSTEPS + noise_mm / scene_microstep_mm(s, axis)))
			fail_msg("%s, %s: axis %d is off by %.4f microsteps", k->name, l->name,
				 axis, off);
	}
}

static void wander(struct scene *s)
{
	for (int i = 0; i < MCUS; i++)
		scene_clock_rate(s, i, drift_ppm[i] + ref_uniform(&rng, -WANDER_PPM, WANDER_PPM));
}

static bool towers(const struct kind *k)
{
	return !strcmp(k->name, "delta") || !strcmp(k->name, "rotary_delta");
}

/* Of towers, which home together: how far the nozzle really is from where it would be with all at their switches is what is told.
 * sim_homing has the same of axes. */
static void overshoot_agrees(struct scene *s, const struct kind *k, const struct layout *l)
{
	const struct homing *h = &s->b.m->homing;
	double xyz[3];

	assert_true(scene_said(s, "overshoot (mm, accounted for)"));
	printer_nozzle_mm(&s->b.printer, xyz);
	for (int axis = 0; axis < MACHINE_AXES; axis++) {
		double truth_mm = fabs(xyz[axis] - h->home_mm[axis]);

		if (!(fabs(truth_mm - h->overshoot_mm[axis]) <= OVERSHOOT_MM))
			fail_msg("%s, %s: axis %d overshoots by %.4f mm, told %.4f", k->name,
				 l->name, axis, truth_mm, h->overshoot_mm[axis]);
	}
}

static void home(const struct kind *k, const struct layout *l, double noise_mm, bool shaped)
{
	struct scene *s = open_spread(k, l, noise_mm, shaped);
	char way[120];

	for (int round = 0; round < 3; round++) {
		double x_mm = ref_uniform(&rng, 0, 20), y_mm = ref_uniform(&rng, 0, 20);

		run(s, round == 1 ? "G28 Z\nG28 X Y\n" : "G28\n");
		assert_int_equal(s->b.m->homed, 7);
		agrees(s, k, l, noise_mm);
		if (noise_mm == 0 && towers(k))
			overshoot_agrees(s, k, l);
		snprintf(way, sizeof(way),
			 "G1 X%.3f Y%.3f Z50 F6000\nG1 X%.3f Y%.3f Z30\nG1 X%.3f Y%.3f Z20.5\n",
			 60 + x_mm, 20 + y_mm, k->joints ? -30 - x_mm : 120 - x_mm, 35 + y_mm,
			 k->joints ? -20 - x_mm : 80 - x_mm, k->joints ? -40 - y_mm : 40 + y_mm);
		run(s, way);
		agrees(s, k, l, noise_mm);
		wander(s);
	}
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_two_mcus(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++)
		for (size_t l = 0; l < 2; l++)
			home(&kinds[i], &layouts[l], 0, false);
}

static void test_three_mcus(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++)
		for (size_t l = 2; l < LAYOUTS; l++)
			home(&kinds[i], &layouts[l], 0, false);
}

static void test_noisy_switches(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++)
		for (size_t l = 0; l < LAYOUTS; l += simrun_sanitized() ? 3 : 1)
			home(&kinds[i], &layouts[l], kinds[i].noise_mm, false);
}

static void test_shaped(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++)
		home(&kinds[i], &layouts[LAYOUTS - 1], 0, true);
}

/* ---- an MCU falls silent on the way ---- */

static int silences;

struct last {
	struct scene *s;
	double step_s; /* the last step of any motor, true time */
};

static void stepped(void *ctx, int motor, int dir, uint64_t clock)
{
	struct last *l = ctx;

	(void)motor;
	(void)dir;
	(void)clock;
	l->step_s = (double)l->s->b.now_ns * 1e-9;
}

static bool takes_part(const struct scene *s, int mcu)
{
	const struct ctl_homing *w = &s->b.m->homing.watch;

	for (int i = 0; i < w->count; i++)
		if (w->trsync[i].mcu == mcu)
			return true;
	return false;
}

enum { SILENT, SHUT_DOWN };

/* All motors, on whichever MCU, stop within the time-out at their pins; heard of again, all works. */
static void lose(const struct kind *k, int mcu, int how)
{
	static const struct vwire_faults cut = { .lose_ppm = 1000000 };
	struct scene *s = open_spread(k, &layouts[LAYOUTS - 1], 0, false);
	struct last last = { .s = s };
	struct vwire_faults to, from;
	double cut_s, timeout_s;

	s->b.stepped = stepped;
	s->b.stepped_ctx = &last;
	batch_lines(&s->b, "G28\n");
	for (int i = 0; i < 100 && !(s->b.m->homing.path.sights > 1); i++)
		scene_pass(s, 0.05); /* until it is well on its way */
	assert_int_equal(s->b.m->homing.state, HOMING_PROBE);
	if (!takes_part(s, mcu)) {
		scene_close(s);
		return;
	}
	silences++;
	timeout_s = s->b.m->homing.watch.timeout_s;
	assert_true(timeout_s >= 0.05 && timeout_s <= 0.08);
	to = s->b.mcu[mcu].to.cfg.faults;
	from = s->b.mcu[mcu].from.cfg.faults;
	if (how == SILENT)
		s->b.mcu[mcu].to.cfg.faults = s->b.mcu[mcu].from.cfg.faults = cut;
	else
		sim_fail(s->b.mcu[mcu].sim, MCU_REASON_BOARD);
	cut_s = (double)s->b.now_ns * 1e-9;
	scene_pass(s, 0.2);
	assert_true(last.step_s > cut_s - 0.005); /* it was moving */
	if (!(last.step_s - cut_s <= timeout_s + ON_THE_WIRE_S))
		fail_msg("%s without MCU %d: steps for %.4f s", k->name, mcu, last.step_s - cut_s);
	s->b.mcu[mcu].to.cfg.faults = to;
	s->b.mcu[mcu].from.cfg.faults = from;
	scene_pass(s, 3);
	assert_true(s->errors > 0);
	if (!scene_said(s, how == SILENT ? "not heard of within the time-out" : "shut"))
		fail_msg("%s without MCU %d: %s", k->name, mcu, s->said);
	assert_false(gcode_busy(&s->b.m->gcode));
	/* What was to be sent meanwhile may be too late: a fault, that leaves nothing but positions to be read back. */
	for (int i = 0; i < 5 && s->b.m->state == MACHINE_FAULT; i++) {
		scene_now(s, "CLEAR_FAULT");
		scene_pass(s, 2);
	}
	if (s->b.m->state != MACHINE_READY)
		fail_msg("%s without MCU %d: %s", k->name, mcu, s->said);
	run(s, "G28\n");
	agrees(s, k, &layouts[LAYOUTS - 1], 0);
	scene_close(s);
}

static void lose_each(int how)
{
	static const size_t which[] = { 0, 1, 7, 8, 10 };

	silences = 0;
	for (size_t i = 0; i < sizeof(which) / sizeof(*which); i++)
		for (int mcu = 0; mcu < MCUS; mcu++)
			lose(&kinds[which[i]], mcu, how);
	assert_int_equal(silences, 12); /* the others have no part in it */
}

static void test_silence(void **state)
{
	(void)state;
	lose_each(SILENT);
}

static void test_shutdown(void **state)
{
	(void)state;
	lose_each(SHUT_DOWN);
}

/* The switch's MCU is silent for hardly longer than the time-out, and no fault comes of that. Where the motor has stopped is
 * asked for before the next homing, so that one approach is enough. */
static void test_short_silence(void **state)
{
	static const struct vwire_faults cut = { .lose_ppm = 1000000 }, none = { 0 };
	static const char *const o[] = { "stepd.startup_gcode=",
					 "mcu second.serial=/run/stepd/second",
					 "stepd_sim second.clock_ppm=80",
					 "stepper_y.homing_retract_dist=0",
					 "stepper_y.endstop_pin=second:PB3",
					 NULL };
	struct scene *s = scene_open("etc/sim-cartesian.cfg", o);
	const struct homing *h = &s->b.m->homing;

	(void)state;
	run(s, "G28\nG1 X150 Y150 F6000\n");
	batch_lines(&s->b, "G28 Y\n");
	for (int i = 0; i < 100 && !(h->state == HOMING_PROBE && h->path.sights > 1); i++)
		scene_pass(s, 0.02);
	assert_int_equal(h->state, HOMING_PROBE);
	scene_hush(s);
	s->b.mcu[1].to.cfg.faults = s->b.mcu[1].from.cfg.faults = cut;
	scene_pass(s, 0.08);
	s->b.mcu[1].to.cfg.faults = s->b.mcu[1].from.cfg.faults = none;
	scene_pass(s, 1);
	assert_true(scene_said(s, "not heard of within the time-out"));
	assert_int_equal(s->b.m->state, MACHINE_READY);
	run(s, "G28 Y\n");
	assert_true(scene_agrees(s, MICROSTEPS));
	run(s, "G1 Y30 F6000\n");
	assert_true(scene_agrees(s, MICROSTEPS));
	scene_close(s);
}

/* No turn of the planner from the middle of the approach on: longer than many time-outs until the switch closes, and from there
 * each motor stops after what a message to the host and one to its MCU take. */
static void relayed(const struct kind *k, const struct layout *l, int axis)
{
	struct scene *s = open_spread(k, l, 0, false);
	const struct homing *h = &s->b.m->homing;
	struct last last = { .s = s };
	double away_s, stopped_mm;
	char line[16];

	run(s, "G28\nG1 X150 Y150 Z20 F6000\n");
	snprintf(line, sizeof(line), "G28 %c\n", "XYZ"[axis]);
	batch_lines(&s->b, line);
	for (int i = 0; i < 100 && !(h->state == HOMING_PROBE && h->path.sights > 1); i++)
		scene_pass(s, 0.02);
	assert_int_equal(h->state, HOMING_PROBE);
	assert_true(h->watch.count >= 2);
	s->b.stepped = stepped;
	s->b.stepped_ctx = &last;
	away_s = (double)s->b.now_ns * 1e-9;
	scene_planner_busy(s, 6);
	assert_int_equal(h->pass, 0);
	assert_true(last.step_s - away_s > 10 * h->watch.timeout_s);
	assert_true(last.step_s - away_s < 5.5);
	stopped_mm = fabs(scene_truth_mm(s, axis) - scene_endstop(s, axis)->trigger_mm);
	print_message("%s, %s: axis %d goes on for %.2f s, and %.4f mm beyond the switch\n",
		      k->name, l->name, axis, last.step_s - away_s, stopped_mm);
	assert_true(stopped_mm <= s->b.mc->rails[axis].homing_speed_mm_s * RELAY_S);
	s->b.stepped = NULL;
	scene_pass(s, 10);
	assert_int_equal(s->errors, 0);
	assert_int_equal(s->b.m->homed, 7);
	agrees(s, k, l, 0);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_relayed_by_the_rt_thread(void **state)
{
	(void)state;
	for (size_t k = 0; k < (simrun_sanitized() ? 2 : 5); k++)
		for (size_t l = simrun_sanitized() ? LAYOUTS - 1 : 0; l < LAYOUTS; l++)
			for (int axis = 0; axis < MACHINE_AXES; axis++)
				if (layouts[l].motor[axis] != layouts[l].endstop[axis])
					relayed(&kinds[k], &layouts[l], axis);
}

/* The time-out follows from the round trips that are measured; homing on slow lines is as right as on fast ones. */
static void test_timeout(void **state)
{
	static const char *const baud[] = { "250000", "57600", "19200" };
	double before_s = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(baud) / sizeof(*baud); i++) {
		struct scene *s = open_spread_at(&kinds[0], &layouts[0], 0, false, baud[i]);
		double timeout_s, round_trip_s;

		run(s, "G28\n");
		agrees(s, &kinds[0], &layouts[0], 0);
		round_trip_s = s->b.m->status.mcu[1].round_trip_us_max * 1e-6;
		timeout_s = s->b.m->homing.watch.timeout_s;
		print_message("round trips up to %.4f s: time-out %.4f s\n", round_trip_s,
			      timeout_s);
		assert_true(timeout_s >= 0.05 && timeout_s <= 0.25);
		assert_true(i == 0 || timeout_s > before_s + 0.002);
		assert_true(timeout_s > 3 * round_trip_s);
		before_s = timeout_s;
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_mcus),
		cmocka_unit_test(test_three_mcus),
		cmocka_unit_test(test_noisy_switches),
		cmocka_unit_test(test_shaped),
		cmocka_unit_test(test_short_silence),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_relayed_by_the_rt_thread),
	};

	rng = simrun_seed(1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
