/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_print.h - what a configuration says about printing: macros, files, sensors, timers, buttons.
 *
 * Part of struct machine_config. Owner: that. But for the macros' variables, nothing in it changes after loading.
 * Threads: PLAN. Units: in the names.
 */
#ifndef DAEMON_CONFIG_MACHINE_PRINT_H
#define DAEMON_CONFIG_MACHINE_PRINT_H

#include "daemon/gcode/gcode_macro.h"
#include "daemon/pins.h"

enum {
	MACHINE_MACRO_MAX = 1024,
	MACHINE_DELAYED_MAX = 128,
	MACHINE_FILAMENT_MAX = 16,
	MACHINE_BUTTON_MAX = 32, /* gcode_buttons */
};

/* [delayed_gcode NAME] */
struct machine_delayed {
	char *name, *section; /* "NAME", "[delayed_gcode NAME]" */
	struct gcode_lines lines;
	double initial_s; /* after the machine is ready; 0: not by itself */
};

/* [filament_switch_sensor NAME], [filament_motion_sensor NAME] */
struct machine_filament {
	char *name, *section;
	struct pin pin;
	bool motion;                /* edges while filament moves, else a level */
	double detection_length_mm; /* of a motion sensor: no edge for so long is a runout */
	int extruder;               /* whose filament; index in machine_config.extruders[] */
	bool pause_on_runout;
	struct gcode_lines runout, insert;
	double pause_delay_s; /* from the pause to the lines of a runout */
	double event_delay_s; /* least time between two events */
	double debounce_s;
};

/* [gcode_button NAME] */
struct machine_button {
	char *name, *section;
	struct pin pin;
	struct gcode_lines press, release;
	double debounce_s;
	double range_ohm[2], pullup_ohm; /* analog_range; both 0: a digital input */
};

enum machine_respond { MACHINE_RESPOND_ECHO, MACHINE_RESPOND_COMMAND, MACHINE_RESPOND_ERROR };

struct machine_print {
	struct gcode_macros macros;
	struct machine_delayed *delayed;
	size_t delayed_count;
	struct machine_filament *filament;
	size_t filament_count;
	struct machine_button *button;
	size_t button_count;
	char *sd_path;      /* [virtual_sdcard]; NULL: none */
	char *journal_path; /* NULL: in that folder, if disks may be used; "none": no journal */
	struct gcode_lines sd_error;
	int sd_read_ahead_kib;
	double recover_velocity_mm_s; /* [pause_resume] */
	char *variables_path;         /* [save_variables]; NULL: none */
	int respond_type;             /* [respond], enum machine_respond */
	char *respond_prefix;         /* NULL: by the type */
	struct gcode_lines idle;      /* [idle_timeout] gcode; not given: heaters and motors off */
	double idle_s, idle_motors_s, idle_heaters_s;
	struct gcode_home_override home; /* [homing_override]; no lines: none */
};

#endif
