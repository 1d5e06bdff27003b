/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_machine_config.c - a configuration becomes typed values. (What is wrong with one: test_config_messages.c.)
 *
 * Shown: defaults and derived values; shared pins, overrides, lines of this machine; existing kinds of printer.cfg load with
 * nothing but notes.
 * How: texts appended to a small base configuration. Repeat: run it from the top of the source tree; no seed.
 */
#include <math.h>

#include "daemon/kinematics/kinematics.h"
#include "config_text.h"

#define assert_near(a, b) assert_true(fabs((a) - (b)) <= 1e-12 * fabs(b))

static void defaults(void **state)
{
	struct machine_config *mc = load("");
	const struct machine_stepper *x = &mc->steppers[0];
	const struct machine_rail *y = &mc->rails[1];
	const struct machine_extruder *e = &mc->extruders[0];
	const struct machine_stepd *d = &mc->stepd;

	(void)state;
	assert_string_equal(mc->kinematics->name, "cartesian");
	assert_near(mc->max_z_velocity_mm_s, 300.0);
	assert_near(mc->max_z_accel_mm_s2, 3000.0);
	assert_near(mc->square_corner_velocity_mm_s, 5.0);
	assert_near(mc->minimum_cruise_ratio, 0.5);
	assert_int_equal(mc->mcu_count, 1);
	assert_string_equal(mc->mcu[0].name, "mcu");
	assert_string_equal(mc->mcu[0].serial, "/dev/ttyACM0");
	assert_int_equal(mc->mcu[0].baud, 250000);
	assert_int_equal(mc->mcu[0].restart_method, RESTART_AUTO);
	assert_near(mc->mcu[0].sim_clock_hz, 50e6);
	assert_int_equal(mc->mcu[0].sim_move_count, 1024);

	assert_string_equal(x->name, "stepper_x");
	assert_true(x->dir_pin.invert);
	assert_int_equal(x->dir_pin.mcu, PIN_MAIN_MCU);
	assert_int_equal(x->endstop_pin.pull, PIN_PULL_UP);
	assert_false(x->enable_pin.set);
	assert_int_equal(x->full_steps_per_rotation, 200);
	assert_near(x->step_distance_mm, 0.0125);
	assert_near(x->step_pulse_s, 2e-6);
	assert_false(x->step_pulse_configured);

	assert_int_equal(y->stepper_count, 1);
	assert_int_equal(y->stepper[0], 1);
	assert_true(y->homing_positive);
	assert_false(mc->rails[0].homing_positive);
	assert_near(y->homing_speed_mm_s, 5.0);
	assert_near(y->second_homing_speed_mm_s, 2.5);
	assert_near(y->homing_retract_mm, 5.0);
	assert_near(y->homing_retract_speed_mm_s, 5.0);

	assert_true(e->has_stepper);
	assert_near(e->stepper.step_distance_mm, 20.0 / 3200);
	assert_near(e->max_extrude_cross_section_mm2, 0.64);
	assert_near(e->filament_area_mm2, M_PI * 1.75 * 1.75 / 4);
	assert_near(e->max_extrude_only_velocity_mm_s, 300 * 0.64 / e->filament_area_mm2);
	assert_near(e->max_extrude_only_accel_mm_s2, 3000 * 0.64 / e->filament_area_mm2);
	assert_near(e->instantaneous_corner_velocity_mm_s, 1.0);
	assert_false(mc->fan.pin.set);

	assert_string_equal(d->gcode_fifo, "/run/stepd/gcode");
	assert_int_equal(d->gcode_fifo_mode, 0660);
	assert_string_equal(d->reply_fifo, "/run/stepd/reply");
	assert_null(d->reply_file);
	assert_string_equal(d->out_of_band_fifo, "/run/stepd/urgent");
	assert_near(d->horizon_s, 0.1);
	assert_near(d->low_water_s, 0.08);
	assert_near(d->step_tolerance_s, 12.5e-6);
	assert_true(d->step_fractions);
	assert_near(d->reversal_filter_s, 100e-6);
	assert_int_equal(d->rt_cpu, -1);
	assert_string_equal(d->startup_gcode, "");
	assert_int_equal(d->gcode_ack, MACHINE_ACK_ALL);
	machine_config_free(mc);
}

static void everything_set(void **state)
{
	struct machine_config *mc = load(
		"[mcu z]\nserial: /dev/z\nbaud: 115200\nrestart_method: command\n"
		"sync_pin: z:PG7\nsync_line: pinctrl-bcm2835/gpio17\nstamp_module: no\n"
		"[board_pins z]\nmcu: z\naliases: STEP=PE1, DIR=PE2, GND=<GND>\n"
		"[stepper_z1]\nstep_pin: z:STEP\ndir_pin: !z:DIR\nrotation_distance: 8\n"
		"microsteps: 16\ngear_ratio: 80:20, 3:2\nendstop_pin: ^!z:PE3\n"
		"step_pulse_duration: 0.000001\n"
		"[extruder1]\nnozzle_diameter: 0.6\nfilament_diameter: 2.85\n"
		"[fan]\npin: !PE4\nmax_power: 0.5\nhardware_pwm: yes\ncycle_time: 0.002\n"
		"[tmc2209 stepper_y]\nuart_pin: PF1\nrun_current: 0.8\n"
		"[printer]\nkinematics: corexy\nminimum_cruise_ratio: 0\nmax_z_velocity: 20\n"
		"[stepd]\ngcode_fifo_mode: 0600\nreply_file: /tmp/replies\nhorizon_ms: 20\n"
		"low_water_ms: 5\ngcode_ack: none\nrt_priority: 0\nrt_cpu: 3\n"
		"out_of_band_fifo:\nstartup_gcode:\n  G28 ; home\n  M83\n"
		"[stepd_sim]\nclock_hz: 16e6\nmove_count: 500\nseed: 18446744073709551615\n"
		"[stepd_sim z]\nclock_hz: 180000000\nclock_ppm: -35.5\n");
	const struct machine_stepper *z1 = &mc->steppers[3];

	(void)state;
	assert_string_equal(mc->kinematics->name, "corexy");
	assert_near(mc->max_z_velocity_mm_s, 20.0);
	assert_true(mc->minimum_cruise_ratio == 0);
	assert_int_equal(mc->mcu_count, 2);
	assert_int_equal(machine_config_mcu(mc, "z"), 1);
	assert_int_equal(machine_config_mcu(mc, "y"), -1);
	assert_int_equal(mc->mcu[1].baud, 115200);
	assert_int_equal(mc->mcu[1].restart_method, RESTART_COMMAND);
	assert_string_equal(mc->mcu[1].sync_pin.name, "PG7");
	assert_string_equal(mc->mcu[1].sync_chip, "pinctrl-bcm2835");
	assert_int_equal(mc->mcu[1].sync_line, 17);
	assert_false(mc->mcu[1].stamp_module);
	assert_false(mc->mcu[0].sync_pin.set);
	assert_true(mc->mcu[0].stamp_module);
	assert_near(mc->mcu[0].sim_clock_hz, 16e6);
	assert_near(mc->mcu[1].sim_clock_hz, 180e6);
	assert_near(mc->mcu[1].sim_clock_ppm, -35.5);
	assert_int_equal(mc->mcu[1].sim_move_count, 500);
	assert_true(mc->stepd.sim_seed == UINT64_MAX);

	assert_int_equal(mc->rails[2].stepper_count, 2);
	assert_int_equal(mc->rails[2].stepper[1], 3);
	assert_string_equal(z1->step_pin.name, "PE1");
	assert_int_equal(z1->step_pin.mcu, 1);
	assert_near(z1->gear_ratio, 6.0);
	assert_near(z1->step_distance_mm, 8.0 / (3200 * 6));
	assert_near(z1->step_pulse_s, 1e-6);
	assert_true(z1->endstop_pin.set && z1->endstop_pin.invert);
	assert_near(mc->steppers[1].step_pulse_s, 100e-9);

	assert_int_equal(mc->extruder_count, 2);
	assert_false(mc->extruders[1].has_stepper);
	assert_true(mc->fan.pin.set && mc->fan.pin.invert && mc->fan.hardware_pwm);
	assert_near(mc->fan.max_power, 0.5);
	assert_int_equal(mc->stepd.gcode_fifo_mode, 0600);
	assert_string_equal(mc->stepd.reply_file, "/tmp/replies");
	assert_null(mc->stepd.reply_fifo);
	assert_null(mc->stepd.out_of_band_fifo);
	assert_near(mc->stepd.low_water_s, 0.005);
	assert_int_equal(mc->stepd.gcode_ack, MACHINE_ACK_NONE);
	assert_int_equal(mc->stepd.rt_cpu, 3);
	assert_string_equal(mc->stepd.startup_gcode, "G28\nM83");
	machine_config_free(mc);
}

/* What is appended, and one line that must come out of it. "+N" at its start stands for the file and
 * the Nth appended line, "@N" for line N, without either the line is anywhere in the output. */
static void pins_shared(void **state)
{
	struct machine_config *mc = load(
		"[stepper_x]\nenable_pin: !PF0\n[stepper_y]\nenable_pin: !PF0\nendstop_pin: PA3\n"
		"[duplicate_pin_override]\npins: PB1, PF9\n[stepper_z]\ndir_pin: PB1\n");

	(void)state;
	assert_true(pin_same(&mc->steppers[0].enable_pin, &mc->steppers[1].enable_pin));
	machine_config_free(mc);
}

static void overridden(void **state)
{
	const char *const paths[] = { file };
	const char *const good[] = { "stepper_x.microsteps=128", "mcu far.serial=/dev/far",
				     "stepper_x.step_pin=far:PA0", "stepper_x.dir_pin=far:PA1" };
	const char *const bad[] = { "stepper_x.microsteps=many" };
	char *out = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);

	(void)state;
	write_base(NULL, NULL, "");
	struct machine_config *mc = machine_config_load(paths, 1, good, 4, NULL);

	assert_non_null(mc);
	assert_int_equal(mc->steppers[0].microsteps, 128);
	assert_int_equal(mc->steppers[0].step_pin.mcu, 1);
	machine_config_free(mc);
	assert_null(machine_config_load(paths, 1, bad, 1, f));
	fclose(f);
	assert_string_equal(out,
			    "-o stepper_x.microsteps=many: [stepper_x] microsteps: value 'many': "
			    "expected a whole number of at least 1 and at most 256\n");
	free(out);
}

/* GPIO lines of this machine are an MCU; a step is long there. */
static void host_lines(void **state)
{
	struct machine_config *mc = load(
		"[host]\nmax_step_rate: 10000\nlate_max_ms: 3\ncpu: 2\n"
		"[mcu rpi]\nserial: /tmp/klipper_host_mcu\n[printer]\nmax_z_velocity: 20\n[stepper_z]\n"
		"step_pin: !host:gpiochip1/gpio4\ndir_pin: host:Z_DIR\nendstop_pin: ^!rpi:gpio12\n");
	const struct machine_stepper *z = &mc->steppers[2];

	(void)state;
	assert_int_equal(mc->mcu_count, 3);
	assert_false(mc->mcu[0].host);
	assert_string_equal(mc->mcu[1].name, "rpi");
	assert_true(mc->mcu[1].host && mc->mcu[1].baud == 0 && mc->mcu[1].host_cpu == -1);
	assert_float_equal(mc->mcu[1].host_step_rate_hz, 5000, 0);
	assert_string_equal(mc->mcu[2].name, "host");
	assert_true(mc->mcu[2].host && mc->mcu[2].host_cpu == 2);
	assert_float_equal(mc->mcu[2].host_late_max_s, 3e-3, 1e-12);
	assert_string_equal(z->step_pin.name, "gpiochip1/gpio4");
	assert_int_equal(z->step_pin.mcu, 2);
	assert_true(z->step_pin.invert && z->step_pin.line > 0);
	assert_string_equal(z->step_pin.file, file);
	assert_int_equal(z->endstop_pin.mcu, 1);
	assert_int_equal(z->endstop_pin.pull, PIN_PULL_UP);
	assert_float_equal(z->step_pulse_s, 50e-6, 1e-12);
	assert_true(mc->steppers[0].step_pulse_s < 3e-6);
	machine_config_free(mc);
}

/* Files as users have them: not an error, and the values that matter. */
static void existing_files(void **state)
{
	static const char *const paths[] = { "tests/data/voron-like.cfg",
					     "tests/data/ender-like.cfg", "etc/sim-cartesian.cfg",
					     "etc/sim-corexy.cfg" };
	struct machine_config *mc[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		mc[i] = machine_config_load(&paths[i], 1, NULL, 0, NULL);
		assert_non_null(mc[i]);
		assert_true(mc[i]->stepper_count >= 3);
	}
	assert_int_equal(mc[0]->rails[2].stepper_count, 4);
	assert_string_equal(mc[0]->steppers[0].step_pin.name, "PF13");
	assert_near(mc[0]->rails[2].position_endstop_mm, -1.485); /* from the save block */
	assert_false(mc[0]->rails[2].homing_positive);
	assert_int_equal(mc[0]->extruders[0].stepper.step_pin.mcu, 1);
	assert_near(mc[1]->rails[2].position_endstop_mm, 3.25);
	assert_near(mc[1]->minimum_cruise_ratio, 0.5);
	for (int i = 2; i < 4; i++) {
		assert_near(mc[i]->steppers[0].step_distance_mm, 1 / 80.0);
		assert_near(mc[i]->mcu[0].sim_clock_hz, 50e6);
		assert_true(mc[i]->rails[0].position_max_mm == 300);
		assert_int_equal(mc[i]->store->notes + mc[i]->store->warnings, 0);
	}
	assert_string_equal(mc[2]->kinematics->name, "cartesian");
	assert_string_equal(mc[3]->kinematics->name, "corexy");
	const struct config_option *gcode =
		config_option(config_section(mc[0]->store, "gcode_macro PRINT_START"), "gcode");

	assert_non_null(strstr(gcode->value, "\nG1 Y150 E10 F1200\n"));
	assert_non_null(strstr(gcode->value, "\n[not a section]\n"));
	for (int i = 0; i < 4; i++)
		machine_config_free(mc[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),    cmocka_unit_test(everything_set),
		cmocka_unit_test(pins_shared), cmocka_unit_test(overridden),
		cmocka_unit_test(host_lines),  cmocka_unit_test(existing_files),
	};

	return cmocka_run_group_tests(tests, scratch, clean);
}
