// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/drivers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "tests/simlib/simrun.h"

static const char config[] =
	"[mcu]\nserial: /dev/null\n"
	"[printer]\nkinematics: cartesian\nmax_velocity: 300\nmax_accel: 3000\n"
	"[stepper_x]\nstep_pin: PA0\ndir_pin: PA1\nrotation_distance: 40\n"
	"endstop_pin: tmc2209_stepper_x:virtual_endstop\nposition_endstop: 0\n"
	"position_max: 200\nmicrosteps: 16\nhoming_retract_dist: 0\n"
	"[stepper_y]\nstep_pin: PA2\ndir_pin: PA3\nrotation_distance: 40\nendstop_pin: PB1\n"
	"position_endstop: 0\nposition_max: 200\nmicrosteps: 32\n"
	"[stepper_z]\nstep_pin: PA4\ndir_pin: PA5\nrotation_distance: 40\n"
	"endstop_pin: tmc5160_stepper_z:virtual_endstop\nposition_endstop: 0\n"
	"position_max: 200\nmicrosteps: 64\n"
	"[extruder]\nstep_pin: PA6\ndir_pin: PA7\nrotation_distance: 40\nmicrosteps: 8\n"
	"nozzle_diameter: 0.4\nfilament_diameter: 1.75\n"
	"[manual_stepper a]\nstep_pin: PA8\ndir_pin: PA9\nrotation_distance: 40\n"
	"microsteps: 256\n"
	"[manual_stepper b]\nstep_pin: PA10\ndir_pin: PA11\nrotation_distance: 40\n"
	"microsteps: 1\n"
	"[manual_stepper c]\nstep_pin: PA12\ndir_pin: PA13\nrotation_distance: 40\n"
	"microsteps: 16\n"
	"[manual_stepper d]\nstep_pin: PA14\ndir_pin: PA15\nrotation_distance: 40\n"
	"microsteps: 16\n"
	/* one line, two addresses */
	"[tmc2209 stepper_x]\nuart_pin: PC0\nrun_current: 0.8\nhold_current: 0.5\n"
	"stealthchop_threshold: 100\ndriver_sgthrs: 77\ndiag_pin: ^PB0\n"
	"[tmc2209 stepper_y]\nuart_pin: PC0\nuart_address: 3\nrun_current: 1.2\n"
	"interpolate: False\n"
	/* one more, on two pins, chosen by a third */
	"[tmc2208 extruder]\nuart_pin: PC1\ntx_pin: PC2\nselect_pins: !PC3\nrun_current: 0.6\n"
	"driver_tbl: 1\n"
	"[tmc5160 stepper_z]\ncs_pin: PC4\nspi_bus: spi2\nrun_current: 1.5\nhold_current: 0.7\n"
	"driver_sgt: -10\ndiag1_pin: ^!PB2\n"
	"[tmc2660 manual_stepper a]\ncs_pin: PC5\nspi_software_sclk_pin: PD0\n"
	"spi_software_mosi_pin: PD1\nspi_software_miso_pin: PD2\nrun_current: 1.0\n"
	"sense_resistor: 0.1\n"
	/* a chain */
	"[tmc2130 manual_stepper b]\ncs_pin: PC6\nchain_length: 2\nchain_position: 1\n"
	"run_current: 0.6\n"
	"[tmc2130 manual_stepper c]\ncs_pin: PC6\nchain_length: 2\nchain_position: 2\n"
	"run_current: 0.3\nsense_resistor: 0.150\n"
	"[tmc2240 manual_stepper d]\ncs_pin: PC7\nrun_current: 1.0\nhold_current: 0.5\n";

const char *drivers_file(void)
{
	return simrun_path("drivers.cfg");
}

struct scene *drivers_open_file(const char *const *overrides)
{
	struct scene *s = scene_open(drivers_file(), overrides);

	assert_non_null(s);
	scene_run(s, "G4 P10\n"); /* nothing runs before the drivers are up */
	return s;
}

struct scene *drivers_open(bool hold)
{
	static const char *const drivers[] = { "stepper_x",        "stepper_z",
					       "extruder",         "manual_stepper b",
					       "manual_stepper c", "manual_stepper d" };
	FILE *f = simrun_create(drivers_file());

	fputs(config, f);
	for (size_t i = 0; hold && i < sizeof(drivers) / sizeof(*drivers); i++)
		fprintf(f, "[fault driver_error %s]\nreaction: hold\n", drivers[i]);
	fclose(f);
	return drivers_open_file(NULL);
}
