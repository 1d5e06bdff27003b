/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_in_step.c - outputs that change in step with motion, while that goes on at speed.
 *
 * Shown: a command between two moves changes its output when X is where the first move ends, within 20 us, whatever kind it is: digital,
 * hardware PWM, software PWM and servos, whose cycle begins then; the steps go on as if nothing had been said. With an input shaper the same, by its delay. Pins of a [multi_pin] change at the same clock. Chains of lights change after it, soon.
 * How: X goes 80 mm at 100 mm/s, a step each 125 us; the firmware's own edges and steps, tests/simlib/pinwatch.h. No seed.
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

#include "tests/simlib/pinwatch.h"
#include "tests/simlib/simrun.h"

#define AT_MM 40.0
#define SPEED_MM_S 100.0
#define OFF_MAX_S 20e-6 /* a step's own time is within 12.5 us */

static const char *const sections =
	"[fan]\npin: PE0\nhardware_pwm: true\nkick_start_time: 0\n"
	"[fan_generic hard]\npin: PE1\nhardware_pwm: true\nkick_start_time: 0\nmax_power: 0.5\n"
	"[fan_generic soft]\npin: PE2\ncycle_time: 0.01\nkick_start_time: 0\n"
	"[fan_generic kicked]\npin: PE3\nkick_start_time: 0.2\n"
	"[output_pin valve]\npin: PE4\n"
	"[output_pin low]\npin: !PE5\n"
	"[output_pin lamp]\npin: PE6\npwm: true\ncycle_time: 0.005\n"
	"[output_pin hardlamp]\npin: PE7\npwm: true\nhardware_pwm: true\nscale: 10\n"
	"[pwm_tool laser]\npin: PE8\nhardware_pwm: true\nscale: 255\nmaximum_mcu_duration: 4\n"
	"[pwm_tool spindle]\npin: PE9\ncycle_time: 0.002\n"
	"[pwm_cycle_time tone]\npin: PE10\ncycle_time: 0.004\n"
	"[servo arm]\npin: PE11\n"
	"[led case]\nred_pin: PE12\nhardware_pwm: true\n"
	"[output_pin pair]\npin: multi_pin:both\n[multi_pin both]\npins: PE13, !PE14\n"
	"[neopixel strip]\npin: PE15\nchain_count: 4\n"
	"[dotstar stars]\ndata_pin: PF8\nclock_pin: PF9\nchain_count: 4\n";

/* Times of X's steps, by how far it has gone. */
static struct {
	double at_s[20000];
	int count;
} steps;

static void on_step(void *ctx, int motor, int dir, uint64_t clock)
{
	const struct batch_mcu *u = &pinwatch.s->b.mcu[0];

	(void)ctx, (void)dir;
	if (motor == 0 && steps.count < 20000)
		steps.at_s[steps.count++] = (double)(clock - u->start_clock) / u->nominal_hz;
}

static struct scene *open_machine(const char *more)
{
	char text[2048];
	struct scene *s;

	snprintf(text, sizeof(text), "%s%s", sections, more);
	s = pinwatch_open("etc/sim-heated.cfg", text);
	s->b.stepped = on_step;
	return s;
}

/* Two moves with a line between them. Returns: when X is where the first ends, by its steps. */
static double move(struct scene *s, double from_mm, double to_mm, const char *line)
{
	double per_mm = 1 / s->b.m->motor[0].cfg->step_distance_mm, gap_s, least_s = 1, most_s = 0;
	char text[256];
	int at;

	steps.count = 0;
	snprintf(text, sizeof(text), "G1 X%g F%g\n%s\nG1 X%g\nM400\n", AT_MM, SPEED_MM_S * 60, line,
		 to_mm);
	assert_true(scene_run(s, text));
	assert_int_equal(steps.count, (int)lround(fabs(to_mm - from_mm) * per_mm));
	at = (int)lround(fabs(AT_MM - from_mm) * per_mm);
	for (int i = at - 40; i < at + 40; i++) {
		gap_s = steps.at_s[i + 1] - steps.at_s[i];
		least_s = gap_s < least_s ? gap_s : least_s;
		most_s = gap_s > most_s ? gap_s : most_s;
	}
	/* it did not slow down, each within the tolerance of a step's time */
	pinwatch_near(least_s, 1 / (SPEED_MM_S * per_mm), 30e-6);
	pinwatch_near(most_s, 1 / (SPEED_MM_S * per_mm), 30e-6);
	return (steps.at_s[at - 1] + steps.at_s[at]) / 2;
}

static const struct {
	const char *line, *pin;
	enum { EDGE, DUTY } what;
} kinds[] = {
	{ "M106 S128", "PE0", DUTY },
	{ "SET_FAN_SPEED FAN=hard SPEED=0.5", "PE1", DUTY },
	{ "SET_FAN_SPEED FAN=soft SPEED=0.5", "PE2", EDGE },
	{ "SET_FAN_SPEED FAN=kicked SPEED=0.3", "PE3", EDGE },
	{ "SET_PIN PIN=valve VALUE=1", "PE4", EDGE },
	{ "SET_PIN PIN=lamp VALUE=0.5", "PE6", EDGE },
	{ "SET_PIN PIN=hardlamp VALUE=7", "PE7", DUTY },
	{ "SET_PIN PIN=laser VALUE=51", "PE8", DUTY },
	{ "SET_PIN PIN=spindle VALUE=0.4", "PE9", EDGE },
	{ "SET_PIN PIN=tone VALUE=0.4", "PE10", EDGE },
	{ "SET_SERVO SERVO=arm ANGLE=90", "PE11", EDGE },
	{ "SET_LED LED=case RED=0.6", "PE12", DUTY },
	{ "SET_PIN PIN=pair VALUE=1", "PE13", EDGE },
};

static void each_kind(const char *more)
{
	struct scene *s = open_machine(more);
	double x_mm = 0, worst_s = 0;

	scene_pass(s, 0.5);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int pin = pinwatch_pin(kinds[i].pin);
		double to_mm = x_mm < AT_MM ? 80 : 0, due_s, at_s;

		pinwatch.first_on_s[pin] = pinwatch.duty_s[pin] = -1;
		due_s = move(s, x_mm, to_mm, kinds[i].line);
		x_mm = to_mm;
		scene_pass(s, 0.05);
		at_s = kinds[i].what == EDGE ? pinwatch.first_on_s[pin] : pinwatch.duty_s[pin];
		print_message("%-40s %9.1f us\n", kinds[i].line, (at_s - due_s) * 1e6);
		assert_true(at_s > 0);
		if (!(fabs(at_s - due_s) < OFF_MAX_S))
			fail_msg("%s: %g s late", kinds[i].line, at_s - due_s);
		worst_s = fabs(at_s - due_s) > worst_s ? fabs(at_s - due_s) : worst_s;
	}
	print_message("%.1f us off at most\n", worst_s * 1e6);
	pinwatch_finish(s);
}

static void at_its_step(void **state)
{
	(void)state;
	each_kind("");
}

static void shaped(void **state)
{
	(void)state;
	each_kind("[input_shaper]\nshaper_type: zv\nshaper_freq_x: 40\nshaper_freq_y: 40\n");
}

/* One is on when the other is off, to the tick. */
static void at_one_clock(void **state)
{
	struct scene *s = open_machine("");
	int one = pinwatch_pin("PE13"), other = pinwatch_pin("PE14");

	(void)state;
	move(s, 0, 80, "SET_PIN PIN=pair VALUE=1");
	assert_true(pinwatch.level[one] == 1 && pinwatch.level[other] == 0);
	assert_true(pinwatch.since_s[one] == pinwatch.since_s[other]);
	pinwatch_finish(s);
}

/* Lights are sent once the planner hears of it, with the bytes of a message or more. */
static void lights(void **state)
{
	struct scene *s = open_machine("");
	const struct printer_light *l = &s->b.printer.lights[0];
	const struct printer_light *stars = &s->b.printer.lights[1];
	int data = pinwatch_pin("PF8"), clock = pinwatch_pin("PF9");
	double due_s;

	(void)state;
	scene_pass(s, 0.5);
	due_s = move(s, 0, 80, "SET_LED LED=strip RED=1");
	assert_int_equal(l->byte[1], 255);
	print_message("lights: %.1f ms\n", (l->edge_s - due_s) * 1e3);
	assert_true(l->edge_s > due_s && l->edge_s < due_s + 0.02);
	/* of clocked ones the first bit that is set, behind 32 that are not, and the end of the last */
	pinwatch.first_on_s[data] = -1;
	due_s = move(s, 80, 0, "SET_LED LED=stars RED=1");
	scene_pass(s, 0.5);
	assert_memory_equal(stars->byte, ((uint8_t[]){ 0xff, 0, 0, 255 }), 4);
	print_message("clocked lights: from %.1f to %.1f ms\n",
		      (pinwatch.first_on_s[data] - due_s) * 1e3,
		      (pinwatch.since_s[clock] - due_s) * 1e3);
	assert_true(pinwatch.first_on_s[data] > due_s && pinwatch.since_s[clock] < due_s + 0.1);
	pinwatch_finish(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_its_step),
		cmocka_unit_test(shaped),
		cmocka_unit_test(at_one_clock),
		cmocka_unit_test(lights),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
