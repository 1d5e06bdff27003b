/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_fault_floors.c - no configuration gets below the floor of a fault: row by row of docs/FAULTS.md's "Floors".
 *
 * Shown: every reaction of every class, for MCUs of every role, that is weaker than its weakest is refused with file and line,
 * every other one is taken; so is every other option that would take a floor away.
 * How: configuration texts through `stepd check` (config_check()).
 */
#include "tests/unit/config_text.h"

#include "daemon/faults/faults.h"

#define SENSOR(pin) \
	"sensor_type: EPCOS 100K B57560G104F\nsensor_pin: " pin "\nmin_temp: 0\nmax_temp: 250\n"
#define HEATER(pin, sensor) "heater_pin: " pin "\ncontrol: watermark\n" SENSOR(sensor)
#define HOTEND HEATER("PE1", "PF1")
#define NOSE "[heater_fan nose]\npin: PE2\n"
#define TOOL "[mcu tool]\nserial: /dev/ttyACM1\n"
#define RELAY "[output_pin power]\npin: PE3\nvalue: 1\npower_relay: True\n"

static unsigned lines_of(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Refused, at that line of more (from 1), with these words. */
static void refused(const char *more, unsigned line, const char *says)
{
	char place[100], *out;

	snprintf(place, sizeof(place), "%s:%u:", file, BASE_LINES + line);
	write_base(NULL, NULL, more);
	if (check(file, &out) != 1 || !strstr(out, place) || !strstr(out, says))
		fail_msg("%s\n-> %s\nexpected %s %s", more, out, place, says);
	free(out);
}

static void taken(const char *more)
{
	char *out;

	write_base(NULL, NULL, more);
	if (check(file, &out) != 0)
		fail_msg("%s\n-> %s", more, out);
	free(out);
}

/* ---- reactions ---- */

static const char *component_of(const struct fault_class *c)
{
	switch (c->scope) {
	case FAULT_SCOPE_HEATER:
		return "extruder";
	case FAULT_SCOPE_MCU:
		return "tool";
	default:
		return "stepper_x";
	}
}

static void reactions(void **state)
{
	static const char *const role[] = {
		[FAULT_ROLE_MOTION] = "motion", [FAULT_ROLE_HEATER] = "heater", [FAULT_ROLE_OPTIONAL] = "optional"
	};
	unsigned no = 0, yes = 0;
	char more[600];

	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		for (unsigned i = 0; i < FAULT_CLASSES; i++) {
			const struct fault_class *c = &fault_classes[i];
			unsigned least = c->flags & FAULT_BY_ROLE
						 ? fault_role_reaction((enum fault_role)k)
						 : c->weakest;

			for (unsigned r = 0; r < FAULT_REACTIONS; r++) {
				snprintf(more, sizeof(more), HOTEND TOOL "role: %s\n", role[k]);
				snprintf(more + strlen(more), sizeof(more) - strlen(more),
					 "[fault %s %s]\nreaction: %s\n", c->name, component_of(c),
					 fault_reaction_name((enum fault_reaction)r));
				if (r < least)
					refused(more, lines_of(more),
						"no option takes this fault less seriously");
				else
					taken(more);
				no += r < least;
				yes += r >= least;
			}
		}
	}
	print_message("%u reactions below the floor refused, %u others taken\n", no, yes);
	assert_true(no > 90 && yes > 90);
}

/* ---- all else ---- */

static const struct {
	const char *row;  /* of the policy */
	const char *with; /* what is taken as it is, */
	const char *plus; /* and refused with this line more, */
	const char *says; /* with these words */
} floors[] = {
	{ "sensor out of range: the MCU turns the heater off", HOTEND, "max_temp: 100000\n",
	  "max_temp" },
	{ "", "[host]\n[heater_generic a]\n" SENSOR("PF2") "control: watermark\n",
	  "heater_pin: host:gpiochip0/line7\n", "heater_pin" },
	{ "too slow: window of 120 s", HOTEND "[verify_heater extruder]\n",
	  "check_gain_time: 121\n", "check_gain_time" },
	{ "", HOTEND "[verify_heater extruder]\n", "max_error: 1201\n", "max_error" },
	{ "", HOTEND "[verify_heater extruder]\n", "hysteresis: 31\n", "hysteresis" },
	{ "", HOTEND "[verify_heater extruder]\n", "enabled: False\n", "enabled" },
	{ "runaway: power relay off", HOTEND RELAY, "shutdown_value: 1\n", "expected 0" },
	{ "", HOTEND RELAY, "static_value: 1\n", "expected 0" },
	{ "", HOTEND RELAY, "pwm: True\n", "expected false" },
	{ "hotend fan runs above 50 °C", HOTEND NOSE, "heater_temp: 51\n", "expected at most 50" },
	{ "", HOTEND NOSE, "fan_speed: 0\n", "expected more than 0" },
	{ "", HOTEND NOSE "fan_speed: 0.5\n", "off_below: 0.6\n", "expected at most fan_speed" },
	{ "", HOTEND NOSE, "shutdown_speed: 0\n", "expected more than 0" },
	{ "link lost: by role", TOOL "[output_pin lamp]\npin: tool:PA1\n[mcu]\n",
	  "role: optional\n", "expected motion" },
	{ "", TOOL "[stepper_x]\nenable_pin: tool:PA1\n[mcu tool]\n", "role: heater\n",
	  "expected motion" },
	{ "", TOOL "[heater_generic a]\n" HEATER("tool:PA1", "PF2") "[mcu tool]\n",
	  "role: optional\n", "expected motion or heater" },
	{ "", TOOL "[heater_generic a]\n" HEATER("PE5", "tool:PA1") "[mcu tool]\n",
	  "is_non_critical: True\n", "" },
	{ "", HOTEND TOOL "[heater_fan nose]\npin: tool:PA1\n[mcu tool]\n", "role: optional\n",
	  "expected motion or heater" },
	{ "host dies: outputs time out", HOTEND, "maximum_mcu_duration: 5\n",
	  "maximum_mcu_duration" },
	{ "M112", "[gcode_macro M118]\ngcode: M105\n", "rename_existing: M112\n",
	  "rename_existing" },
	{ "no move on an unknown position", "[stepd]\n", "require_homing: False\n",
	  "home it (G28), say where it is (SET_KINEMATIC_POSITION, also in startup_gcode), or force "
	  "it (FORCE_MOVE)" },
	{ "at most three recoveries", "[stepd]\n", "recoveries: 10\n", "recoveries" },
};

static void options(void **state)
{
	char more[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(floors) / sizeof(floors[0]); i++) {
		snprintf(more, sizeof(more), "%s%s", floors[i].with, floors[i].plus);
		print_message("%s  %s", floors[i].row, floors[i].plus);
		if (!strstr(floors[i].with, "[host]"))
			taken(floors[i].with);
		refused(more, lines_of(more), floors[i].says);
	}
}

/* No macro takes its place, however it is written. */
static void stop_at_once(void **state)
{
	static const char *const names[] = { "M112", "m112", "M0112" };
	char more[100];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(more, sizeof(more), "[gcode_macro %s]\ngcode: M118 later\n", names[i]);
		refused(more, 1, "nothing takes the place of M112");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reactions),
		cmocka_unit_test(options),
		cmocka_unit_test(stop_at_once),
	};

	return cmocka_run_group_tests(tests, scratch, clean);
}
