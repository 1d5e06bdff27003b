/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_events.c - `stepd batch --events`: each component and each of its actions, in the middle of a whole print.
 *
 * Shown: what breaks is found and told, the print ends as it should (goes on, pauses, stops), and after it has been mended and cleared a
 * paused or held one goes on to its end with every step exact. A driver's fault with reaction hold holds the print; that of a
 * converter on SPI at the hotend switches it off and pauses. Each wrong line is an error with file, line, value and
 * expectation. Names with blanks.
 * How: etc/sim-printer.cfg with a button that mends, tests/data/whole-print.gcode; the file is read by the program's own code.
 * STEPD_ECHO=1 shows the replies, STEPD_SEED=n repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/print/print.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simconfig.h"
#include "tests/simlib/simrun.h"

#define CONFIG "etc/sim-printer.cfg"
/* It is at 200 °C and prints then; the pause for another colour is later. */
#define AT "140 "
#define GO_ON "270 go_on on\n270.3 go_on off\n"
#define MEND(what) "160 " what "\n165 fix_it on\n165.3 fix_it off\n"
/* Its drivers have what it takes. */
#define STALLS \
	"[tmc2209 stepper_y]\nstealthchop_threshold: 300\nstall_detect_speed: 20\ndriver_sgthrs: 77\n"

/* Of a driver that may have lost steps: RESUME is refused until the axes have been homed. */
#define HOME(what) MEND(what) "200 home_it on\n200.3 home_it off\n"
#define LAST_S 360.0

static const char sections[] =
	"[gcode_button fix it]\npin: ^!PG6\npress_gcode:\n  CLEAR_FAULT\n  M140 S60\n  M109 S205\n  RESUME\n"
	"[gcode_button home it]\npin: ^!PG9\npress_gcode:\n  G28 X Y\n  RESUME\n"
	"[temperature_sensor dry box]\nsensor_type: Generic 3950\nsensor_pin: PF4\nmin_temp: 0\nmax_temp: 90\n"
	"[neopixel strip]\npin: PG7\nchain_count: 3\n"
	"[delayed_gcode light]\ninitial_duration: 30\ngcode: SET_LED LED=strip RED=1\n";
#define HOLDS \
	"[fault driver_error stepper_x]\nreaction: hold\n[fault driver_error extruder]\nreaction: hold\n"
static const char *const converter[] = { "extruder.sensor_type=MAX31855", "extruder.sensor_pin=PD5",
					 "extruder.spi_bus=spi1", NULL };

struct row {
	const char *events, *more; /* sections */
	const char *says;          /* NULL: nothing */
	enum ending { COMPLETE, PAUSED, STOPPED, SHUT_DOWN } ending;
	const char *const *overrides;
};

static const struct {
	enum print_state print;
	enum machine_state machine;
} endings[] = { { PRINT_COMPLETE, MACHINE_READY },
		{ PRINT_PAUSED, MACHINE_READY },
		{ PRINT_ERROR, MACHINE_FAULT },
		{ PRINT_ERROR, MACHINE_SHUTDOWN } };

static const struct row rows[] = {
	/* sensors of heaters */
	{ AT "extruder sensor glitch\n" GO_ON, "", NULL, COMPLETE, NULL },
	{ AT "extruder sensor open\n" MEND("extruder sensor ok") GO_ON, "",
	  "extruder: sensor out of range", COMPLETE, NULL },
	{ AT "extruder sensor short\n" MEND("extruder sensor ok") GO_ON, "",
	  "extruder: sensor out of range", COMPLETE, NULL },
	{ AT "extruder sensor short\n" GO_ON, "", "extruder: sensor out of range", PAUSED, NULL },
	{ AT "extruder sensor stuck\n145 extruder sensor ok\n" GO_ON, "", NULL, COMPLETE, NULL },
	{ AT "heater_bed sensor open\n" MEND("heater_bed sensor ok") GO_ON, "",
	  "heater_bed: sensor out of range", COMPLETE, NULL },
	/* a converter at the hotend */
	{ AT "extruder sensor open\n" MEND("extruder sensor ok") GO_ON, "",
	  "extruder: sensor out of range", COMPLETE, converter },
	{ AT "extruder sensor short\n" GO_ON, "", "extruder: sensor out of range", PAUSED,
	  converter },
	{ AT "extruder sensor glitch\n" GO_ON, "", NULL, COMPLETE, converter },
	{ AT "extruder chip silent\n" MEND("extruder chip ok") GO_ON, "",
	  "extruder: sensor out of range", COMPLETE, converter },
	{ AT "extruder chip garbled\n" MEND("extruder chip ok") GO_ON, "",
	  "extruder: sensor out of range", COMPLETE, converter },
	/* heat: how it comes and goes */
	{ AT "extruder sensor loose\n150 extruder sensor ok\n" GO_ON, "", NULL, COMPLETE, NULL },
	{ AT "extruder block bare\n180 extruder block ok\n" GO_ON, "", NULL, COMPLETE, NULL },
	{ AT "extruder cooling on\n160 extruder cooling off\n180 extruder cooling ok\n" GO_ON, "",
	  NULL, COMPLETE, NULL },
	{ AT "extruder flow off\n180 extruder flow ok\n" GO_ON, "", NULL, COMPLETE, NULL },
	{ "10 heater_bed ambient -15\n20 extruder ambient 60\n" AT "heater_bed ambient ok\n" GO_ON,
	  "", NULL, COMPLETE, NULL },
	{ "20 chamber ambient 95\n40 chamber ambient ok\n" GO_ON, "", NULL, COMPLETE, NULL },
	/* heaters */
	{ "128 extruder heater dead\n180 extruder heater ok\n185 fix_it on\n185.3 fix_it off\n280 go_on on\n"
	  "280.3 go_on off\n",
	  "", "it does not heat as it should", COMPLETE, NULL },
	{ "128 extruder heater on\n", "", "emergency stop (extruder: too hot", SHUT_DOWN, NULL },
	/* sensors alone, and at a fan */
	{ AT "chamber sensor open\n150 chamber sensor ok\n" GO_ON, "", "sensor chamber is back",
	  COMPLETE, NULL },
	{ AT "dry_box sensor short\n" GO_ON, "",
	  "dry box: this temperature sensor counts as broken", COMPLETE, NULL },
	{ AT "exhaust sensor open\n" GO_ON, "", "the fan runs at full speed", COMPLETE, NULL },
	{ AT "enclosure chip silent\n150 enclosure chip ok\n" GO_ON, "",
	  "enclosure: this temperature sensor counts as broken: BME280", COMPLETE, NULL },
	{ AT "cellar chip silent\n150 cellar chip ok\n" GO_ON,
	  "[temperature_sensor cellar]\nsensor_type: DS18B20\nserial_no: 28-0316a2798eff\n"
	  "sensor_pin: PG8\n",
	  "cellar: this temperature sensor counts as broken: DS18B20", COMPLETE, NULL },
	{ AT "enclosure chip garbled\n" GO_ON, "", NULL, COMPLETE, NULL },
	/* fans */
	{ AT "hotend fan stuck\n" MEND("hotend fan ok") GO_ON, "",
	  "hotend fan below its least speed", COMPLETE, NULL },
	{ AT "hotend tacho dead\n" MEND("hotend tacho ok") GO_ON, "",
	  "hotend fan below its least speed", COMPLETE, NULL },
	/* lights */
	{ "1 strip busy\n100 strip ok\n" GO_ON, "",
	  "[neopixel strip]: the MCU is too busy to send it; it is tried again each second",
	  COMPLETE, NULL },
	/* filament and buttons */
	{ AT "runout off\n" MEND("runout on") GO_ON, "", "filament sensor runout: runout", COMPLETE,
	  NULL },
	{ AT "encoder filament stuck\n" MEND("encoder filament ok") GO_ON, "",
	  "filament sensor encoder: runout", COMPLETE, NULL },
	/* drivers */
	{ AT "tmc2209_stepper_x hot\n" GO_ON, "",
	  "stepper_x: driver is near its limits: tmc2209: overtemperature warning", COMPLETE, NULL },
	{ AT "tmc5160_extruder hot\n" GO_ON, "", "tmc5160: overtemperature warning", COMPLETE,
	  NULL },
	{ AT "tmc2209_stepper_x open\n" GO_ON, "", "tmc2209: open load, phase A", COMPLETE, NULL },
	{ "128 tmc5160_extruder open\n" GO_ON, "", "tmc5160: open load, phase A", COMPLETE, NULL },
	{ AT "tmc2209_stepper_x overheated\n", "", "tmc2209: overtemperature", STOPPED, NULL },
	{ AT "tmc2209_stepper_y short\n", "", "tmc2209: short to ground, phase A", STOPPED, NULL },
	{ AT "tmc5160_extruder reset\n", "", "tmc5160: it has been reset", STOPPED, NULL },
	{ AT "tmc2209_stepper_z silent\n", "", "it does not answer on mcu:PA4", STOPPED, NULL },
	{ AT "tmc2209_stepper_x overheated\n" HOME("tmc2209_stepper_x ok") GO_ON, HOLDS,
	  "tmc2209: overtemperature", COMPLETE, NULL },
	{ AT "tmc2209_stepper_x short\n" HOME("tmc2209_stepper_x ok") GO_ON, HOLDS,
	  "tmc2209: short to ground", COMPLETE, NULL },
	{ AT "stepper_y blocked\n" HOME("stepper_y ok") GO_ON, STALLS,
	  "tmc2209: its motor stalls at ", COMPLETE, NULL },
	{ AT "tmc5160_extruder silent\n" MEND("tmc5160_extruder ok") GO_ON, HOLDS,
	  "it does not answer on mcu:PC6", COMPLETE, NULL },
};

static unsigned long seed;

static const char *write_events(const char *text)
{
	const char *path = simrun_path("what.events");
	FILE *f = simrun_create(path);

	fputs(text, f);
	fclose(f);
	return path;
}

static struct scene *open_with(const struct row *row)
{
	static char card[PATH_MAX + 32], variables[PATH_MAX + 32];
	const char *overrides[8] = { card, variables, "virtual_sdcard.journal=none" };
	struct batch_options opt = { .seed = seed, .events = write_events(row->events) };
	char both[2048];

	snprintf(card, sizeof(card), "virtual_sdcard.path=tests/data");
	snprintf(variables, sizeof(variables), "save_variables.filename=%s",
		 simrun_path("variables.cfg"));
	for (int i = 0; row->overrides && row->overrides[i]; i++)
		overrides[3 + i] = row->overrides[i];
	snprintf(both, sizeof(both), "%s%s", sections, row->more);
	return scene_open_with(simconfig_behind(CONFIG, both), overrides, &opt);
}

/* What was said but for temperatures, after what is wrong. */
static bool wrong(const struct scene *s, const struct row *row, const char *what)
{
	print_message("%s=> %s; the print is %s, the machine in state %d\n", row->events, what,
		      print_stats_name(&s->b.m->print->stats), s->b.m->state);
	for (const char *p = s->said; *p; p += strcspn(p, "\n") + 1)
		if (p[0] != 'T')
			print_message("   %.*s\n", (int)strcspn(p, "\n"), p);
	return false;
}

/* Until it has ended so, or won't any more. Whether all is as it should be. */
static bool run(struct scene *s, const struct row *row)
{
	const struct print_stats *stats = &s->b.m->print->stats;

	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=whole-print.gcode\n");
	for (int i = 0; i < (int)LAST_S && stats->state != endings[row->ending].print; i++)
		scene_pass(s, 1);
	scene_pass(s, row->ending == PAUSED ? LAST_S / 2 : 1);
	if (row->says && !scene_said(s, row->says))
		return wrong(s, row, row->says);
	if (stats->state != endings[row->ending].print ||
	    s->b.m->state != endings[row->ending].machine)
		return wrong(s, row, "another end");
	if (!row->says && s->errors)
		return wrong(s, row, "errors");
	return row->ending >= STOPPED || scene_exact(s) || wrong(s, row, "not exact");
}

static void each(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i += simrun_sanitized() ? 4 : 1) {
		struct scene *s = open_with(&rows[i]);

		assert_non_null(s);
		failures += !run(s, &rows[i]);
		scene_close(s);
	}
	assert_int_equal(failures, 0);
}

/* At once, by the G-code that runs. */
static void on_command(void **state)
{
	static const struct row row = { .events = "", .more = "" };
	struct scene *s = open_with(&row);

	(void)state;
	assert_true(scene_run(
		s,
		"M104 S60\nG4 P3000\nBREAK_PART PART=extruder ACTION=\"sensor open\"\nG4 P2000\n"));
	assert_true(scene_said(s, "extruder: sensor out of range"));
	scene_hush(s);
	assert_true(scene_run(s, "BREAK_PART PART=extruder ACTION=\"sensor ok\"\n"));
	scene_pass(s, 3);
	assert_true(scene_run(s, "CLEAR_FAULT\nM109 S60\n"));
	assert_int_equal(s->errors, 0);
	scene_run(s, "BREAK_PART PART=nose ACTION=\"sensor ok\"\n");
	assert_true(scene_said(s, "component 'nose': expected a heater"));
	scene_run(s, "BREAK_PART PART=dry_box ACTION=burns\n");
	assert_true(scene_said(s, "action 'burns': expected sensor ok, sensor open"));
	scene_close(s);
}

/* ---- wrong lines ---- */

static void refused(const char *text, const char *says)
{
	struct simrun_args a = { 0 };
	const char *events = write_events(text);
	struct simrun r;

	simrun_add(&a, "-c");
	simrun_add(&a, "%s", simconfig_behind(CONFIG, sections));
	simrun_override(&a, "virtual_sdcard.path=tests/data");
	simrun_override(&a, "virtual_sdcard.journal=none");
	simrun_add(&a, "--events");
	simrun_add(&a, "%s", events);
	simrun_add(&a, "tests/data/small.gcode");
	simrun(&r, &a, 30);
	if (r.status != 1 || !strstr(r.err, says) || !strstr(r.err, events))
		fail_msg("%s: %d, %s", text, r.status, r.err);
}

static void wrong_lines(void **state)
{
	char text[8192], *p = text;

	(void)state;
	refused("soon extruder sensor open\n",
		"what.events:1: time 'soon': expected seconds since the machine was ready");
	refused("# all of\n\n-1 extruder sensor open\n", "what.events:3: time '-1': expected");
	refused("1e9 extruder sensor open\n", "what.events:1: time '1e9': expected");
	refused("nan extruder sensor open\n", "time 'nan': expected");
	refused("5s extruder sensor open\n", "time '5s': expected");
	refused("5\n",
		"what.events:1: component '': expected a heater, temperature or filament sensor");
	refused("5 nose sensor open\n", "what.events:1: component 'nose': expected a heater");
	refused("5 dry sensor open\n", "component 'dry': expected a heater");
	refused("5 tmc2209_stepper_q hot\n",
		"component 'tmc2209_stepper_q': expected a heater, temperature or filament sensor, button, "
		"fan with a tachometer, driver (tmc2209_stepper_x), motor or chain of lights");
	refused("5 extruder\n", "what.events:1: action '': expected sensor ok, sensor open");
	refused("5 extruder explode\n", "action 'explode': expected sensor ok, sensor open");
	refused("5 extruder sensor open now\n", "action 'sensor open now': expected");
	refused("5 enclosure chip hot\n",
		"action 'chip hot': expected chip silent, chip garbled or chip ok");
	refused("5 extruder ambient warm\n", "action 'ambient warm': expected sensor ok");
	refused("5 extruder ambient 101\n", "ambient ok or ambient and a number up to 100");
	refused("5 strip dark\n", "action 'dark': expected busy or ok");
	refused("5 runout stuck\n", "action 'stuck': expected on or off");
	refused("5 go_on pressed\n", "action 'pressed': expected on or off");
	refused("5 encoder off\n", "action 'off': expected filament stuck or filament ok");
	refused("5 hotend fan burns\n",
		"action 'fan burns': expected fan stuck, fan ok, tacho dead or tacho ok");
	refused("5 tmc5160_extruder warm\n",
		"action 'warm': expected ok, hot, overheated, short, open, reset or silent");
	for (int i = 0; i < 257; i++)
		p += sprintf(p, "%d go_on off\n", i);
	refused(text, "what.events:257: event 'off': expected at most 256 of them");
	memset(text, 'x', 300);
	strcpy(text + 300, "\n");
	refused(text, "what.events:1: line 'xxxx");
	refused(text, "expected at most 254 characters");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each),
		cmocka_unit_test(on_command),
		cmocka_unit_test(wrong_lines),
	};

	seed = simrun_seed(1);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
