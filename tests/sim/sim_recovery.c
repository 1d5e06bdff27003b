// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_recovery.c - stops by the rt core or an MCU, and on without a restart.
 *
 * Shown, each in mid-print: the rt thread stands still, an MCU shuts down (with motors that it lets go of
 * and with motors that stay on), the line is dead for a while. Nothing goes on by itself; CLEAR_FAULT clears what the
 * MCU says of it, reads the counters, and the machine is ready: the axes are where the printer really is, known unless a
 * motor was without current; heaters can be heated, fans run as before; RECOVER_JOB goes on with the print, which ends
 * where it should with no step wrong. An MCU that was reset has forgotten its counters: it is brought up from the beginning,
 * and what it moves is homed; what is on another one goes on meanwhile.
 * How: tests/simlib/printjob.h; threads stand still because the test does not call them. Repeat: no seed but the machine's.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mcu.h"
#include "tests/simlib/printjob.h"
#include "tests/simlib/simrun.h"

/* ---- what stops it ---- */

static void rt_stalls(struct scene *s)
{
	scene_rt_sleeps(s, 0.3);
}

static void shuts_down(struct scene *s)
{
	sim_fail(s->b.mcu[0].sim, 1);
}

static void set_line(struct scene *s, bool dead)
{
	struct vwire *wire[] = { &s->b.mcu[0].to, &s->b.mcu[0].from };

	for (int i = 0; i < 2; i++)
		wire[i]->cfg.faults.lose_ppm = dead ? 1000000 : 0;
}

static void goes_silent(struct scene *s)
{
	set_line(s, true);
	for (int i = 0; i < 300; i++)
		scene_pass(s, 0.005);
	set_line(s, false);
}

static void resets(struct scene *s)
{
	sim_reset(s->b.mcu[0].sim);
}

/* ---- and on ---- */

static void clear_until_ready(struct scene *s)
{
	for (int i = 0; i < 40 && s->b.m->state == MACHINE_FAULT; i++) {
		s->errors = 0;
		scene_now(s, "CLEAR_FAULT");
		scene_pass(s, 0.25);
	}
	if (s->b.m->state != MACHINE_READY)
		fail_msg("not ready: %s", s->said);
	assert_int_equal(s->errors, 0);
}

struct stop {
	const char *name;
	void (*happens)(struct scene *s);
	enum fault_class_id class;
	const char *sections; /* more of the configuration */
	uint32_t homed;       /* afterwards */
	bool cold;            /* heaters went off */
};

static void one(const struct stop *c)
{
	char sections[2 * SIMRUN_PATH_MAX], journal[SIMRUN_PATH_MAX];
	struct scene *s;

	print_message("%s\n", c->name);
	snprintf(journal, sizeof(journal), "%s", simrun_path("journal"));
	snprintf(sections, sizeof(sections), "journal: %s\n[fan]\npin: PH5\n%s", journal,
		 c->sections);
	s = printjob_open(sections);
	printjob_begin(s, "M106 S128\n");
	c->happens(s);
	scene_pass(s, 3);
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	assert_true(s->b.m->react.faults.count[c->class] >= 1); /* the lead may have told it before */
	assert_true(scene_said(s, "until CLEAR_FAULT"));
	scene_pass(s, 5); /* not by itself */
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	clear_until_ready(s);
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_true(scene_said(s, "ready again; positions read back"));
	assert_int_equal(s->b.m->homed, c->homed);
	scene_pass(s, 0.5);
	assert_true(c->happens == resets || scene_agrees(s, 2));
	assert_true(s->b.m->status.output[s->b.m->fans.part] > PLAN_OUTPUT_FULL / 3);
	assert_true((s->b.m->heaters.status.heater[HOTEND].target_degc < 1) == c->cold);
	scene_hush(s);
	if (c->homed != 7)
		assert_true(scene_run(s, "G28\n"));
	assert_true(scene_run(s, "M140 S60\nM109 S205\nM190 S60\n"));
	assert_int_equal(s->errors, 0);
	batch_lines(&s->b, "RECOVER_JOB GO=1\n");
	scene_pass(s, 5);
	printjob_completes(s);
	assert_int_equal(s->errors, 0);
	assert_true(scene_agrees(s, 2));
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

/* The driver's own enable is wired on. */
#define ALWAYS_ON "[stepper_x]\nenable_pin:\n[stepper_y]\nenable_pin:\n[stepper_z]\nenable_pin:\n"

static void stops(void **state)
{
	static const struct stop stop[] = {
		{ "rt thread stands still", rt_stalls, FAULT_CLASS_RT_LATE, "", 7, false },
		{ "MCU shuts down", shuts_down, FAULT_CLASS_MCU_LATE, "", 0, true },
		{ "MCU shuts down, motors stay on", shuts_down, FAULT_CLASS_MCU_LATE, ALWAYS_ON, 7,
		  true },
		{ "MCU is reset", resets, FAULT_CLASS_MCU_RESTART, "", 0, true },
		{ "MCU is reset, motors stay on", resets, FAULT_CLASS_MCU_RESTART, ALWAYS_ON, 0,
		  true },
		{ "line is dead", goes_silent, FAULT_CLASS_LINK_LOST, "", 0, true },
		{ "line is dead, motors stay on", goes_silent, FAULT_CLASS_LINK_LOST, ALWAYS_ON, 7,
		  true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(stop) / sizeof(*stop); i++)
		one(&stop[i]);
}

/* Either of two MCUs with motors starts anew, its line gone for a while or not: CLEAR_FAULT brings it up from the beginning, what
 * it moved is to be homed, its heater is off; all else is as it was, also when machine time was its clock. */
static void anew(unsigned mcu, bool gone)
{
	char sections[2 * SIMRUN_PATH_MAX], journal[SIMRUN_PATH_MAX];
	struct machine *m;
	struct scene *s;
	double on_degc[2] = { 205, 60 };
	double from_s;

	print_message("MCU %u%s\n", mcu, gone ? ", and its line is gone" : "");
	snprintf(journal, sizeof(journal), "%s", simrun_path("journal"));
	snprintf(sections, sizeof(sections),
		 "journal: %s\n[mcu zboard]\nserial: /run/z\n"
		 "[stepper_z]\nstep_pin: zboard:PC0\ndir_pin: zboard:PC1\n"
		 "enable_pin: !zboard:PC2\nendstop_pin: ^zboard:PC3\n"
		 "[extruder]\nstep_pin: zboard:PD0\ndir_pin: zboard:PD1\n"
		 "enable_pin: !zboard:PD2\n"
		 "[heater_bed]\nheater_pin: zboard:PG1\nsensor_pin: zboard:PK1\n",
		 journal);
	s = printjob_start(sections);
	m = s->b.m;
	from_s = machine_now_s(m) - (double)m->now_ns * 1e-9;
	sim_reset(s->b.mcu[mcu].sim);
	if (gone)
		s->b.mcu[mcu].from.cfg.faults.lose_ppm = 1000000;
	scene_pass(s, 3);
	assert_int_equal(m->state, MACHINE_FAULT);
	scene_now(s, "CLEAR_FAULT");
	scene_pass(s, 10);
	s->b.mcu[mcu].from.cfg.faults.lose_ppm = 0;
	clear_until_ready(s);
	on_degc[mcu == 0 ? HOTEND : BED] = 0;
	assert_int_equal(m->homed, mcu == 0 ? 4 : 3);
	for (int i = 0; i < 2; i++)
		assert_true(m->heaters.status.heater[i].target_degc == on_degc[i]);
	scene_pass(s, 3);
	from_s -= machine_now_s(m) - (double)m->now_ns * 1e-9;
	if (!(fabs(from_s) < 1e-3))
		fail_msg("machine time has jumped by %g s", -from_s);
	assert_true(mcu != 0 || m->status.mcu[0].map.t0_s > 0);
	scene_hush(s);
	scene_run(s, mcu == 0 ? "G91\nG1 X5 F600\nG90\n" : "G91\nG1 Z5 F600\nG90\n");
	assert_int_equal(s->errors, 1);
	s->errors = 0;
	assert_true(scene_run(s, mcu == 0 ? "G28 X Y\n" : "G28 Z\n"));
	assert_true(scene_agrees(s, 1));
	assert_true(scene_run(s, "M140 S60\nM109 S205\nM190 S60\n"));
	batch_lines(&s->b, "RECOVER_JOB GO=1\n");
	scene_pass(s, 5);
	printjob_completes(s);
	assert_int_equal(s->errors, 0);
	assert_true(scene_agrees(s, 1));
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

static void one_of_two(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		anew(i / 2, i % 2);
}

/* The story of docs/FAULTS.md against what other hosts have their firmware do: the sensor opens, and the MCU's own check of the
 * range shuts all of it down. Both heaters are off at once; after CLEAR_FAULT the axes are known, the head is moved to
 * where it can be repaired, the hotend can't be heated before; then both are heated and the print ends where it should. */
static void stock(void **state)
{
	char sections[2 * SIMRUN_PATH_MAX], journal[SIMRUN_PATH_MAX];
	struct scene *s;

	(void)state;
	snprintf(journal, sizeof(journal), "%s", simrun_path("journal"));
	snprintf(sections, sizeof(sections),
		 "journal: %s\n[stepd_sim]\nextensions: False\n" ALWAYS_ON, journal);
	s = printjob_start(sections);
	printjob_act(s, HOTEND, "sensor open");
	sim_fail(s->b.mcu[0].sim, MCU_REASON_ADC_RANGE);
	scene_pass(s, 0.1);
	assert_true(!printjob_pins.on[HOTEND] && !printjob_pins.on[BED]);
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	assert_true(scene_said(s, "ADC out of range"));
	scene_pass(s, 30);
	clear_until_ready(s);
	assert_int_equal(s->b.m->homed, 7);
	scene_pass(s, 5); /* the sensor is still open: that is no reason to shut down again */
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_true(scene_run(s, "G91\nG1 Z20 F600\nG90\nG1 X10 Y10 F6000\n"));
	assert_int_equal(s->errors, 0);
	scene_run(s, "M104 S205\n");
	assert_int_equal(s->errors, 1);
	printjob_act(s, HOTEND, "sensor ok");
	scene_pass(s, 2);
	scene_hush(s);
	assert_true(scene_run(s, "M140 S60\nM109 S205\nM190 S60\n"));
	batch_lines(&s->b, "RECOVER_JOB GO=1\n");
	scene_pass(s, 5);
	printjob_completes(s);
	assert_int_equal(s->errors, 0);
	assert_true(scene_agrees(s, 2));
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stops),
		cmocka_unit_test(one_of_two),
		cmocka_unit_test(stock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
