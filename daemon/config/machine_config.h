/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_config.h - the machine as the configuration describes it: checked and typed.
 *
 * machine_config_load() reads the files, checks everything and either returns a configuration in
 * which every value is in range and consistent, or reports all that is wrong and returns NULL.
 * Owner: the caller, until machine_config_free(); nothing in it changes after loading.
 * Threads: read-only, so any; loading and freeing: planner (main).
 * Units: in the names. Positions are in the axis' own frame; speeds are never negative.
 */
#ifndef DAEMON_CONFIG_MACHINE_CONFIG_H
#define DAEMON_CONFIG_MACHINE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "daemon/config/machine_heat.h"
#include "daemon/config/machine_output.h"
#include "daemon/config/machine_level.h"
#include "daemon/config/machine_angle.h"
#include "daemon/config/machine_phase.h"
#include "daemon/config/machine_probe.h"
#include "daemon/config/machine_tmc.h"
#include "daemon/faults/faults.h"
#include "daemon/gcode/bedmesh.h"
#include "daemon/gcode/skew.h"
#include "daemon/pins.h"
#include "move.h"
#include "kin.h"

struct config;
struct kinematics_ops;
struct machine_print;

enum {
	MACHINE_NAME_MAX = 64, /* section and MCU names, with the terminating 0 */
	MACHINE_MCU_MAX = 8,
	MACHINE_STEPPER_MAX = 16, /* of the axes; the extruders' steppers come on top */
	MACHINE_EXTRUDER_MAX = 8,
	MACHINE_CHIP_MAX = 32, /* a GPIO chip's name or label, as the kernel has it */
	MACHINE_MANUAL_MAX = 8,
	MACHINE_SKEW_MAX = 16, /* profiles */
	MACHINE_MESH_MAX = 16,
	MACHINE_AXES = 3, /* X, Y, Z: index as enum move_axis */
	MACHINE_RAIL_MAX = 6,
	MACHINE_ENDSTOP_MAX = 8, /* of a rail */
};

enum machine_restart {
	RESTART_AUTO,    /* not configured: by the kind of device */
	RESTART_ARDUINO, /* toggle DTR */
	RESTART_CHEETAH,
	RESTART_RPI_USB,
	RESTART_COMMAND, /* the firmware's reset or config_reset command */
};

struct machine_mcu {
	char name[MACHINE_NAME_MAX]; /* "mcu" for [mcu], else NAME of [mcu NAME] */
	char *serial;                /* device path; NULL if not configured (batch needs none) */
	char *canbus_uuid;           /* as written; NULL: it has a serial line */
	uint8_t can_uuid[6];         /* the same, if there is one */
	char *canbus_interface;
	int baud;
	enum machine_restart restart_method;
	enum fault_role role; /* what stops with it; of [mcu] and of [host]: motion */
	/* This machine's own GPIO lines: [host NAME], or what other hosts' configurations have for it. */
	bool host;
	double host_step_rate_hz; /* most steps of one motor */
	double host_late_max_s;   /* a step that is later stops the machine */
	int host_cpu;             /* of its thread; -1: any */
	/* For the clock estimate. */
	struct pin sync_pin; /* it toggles that one, … */
	char sync_chip[MACHINE_CHIP_MAX]; /* … which is wired to this GPIO chip of the host, by name or label; "": none */
	unsigned sync_line; /* and that line of it */
	bool stamp_module;  /* use the kernel module stepd_stamp where it is loaded */
	/* How the simulated MCU of this name behaves: [stepd_sim] and [stepd_sim NAME]. */
	double sim_clock_hz;     /* nominal clock frequency */
	double sim_clock_ppm;    /* deviation of the true from the nominal frequency */
	int sim_canbus_hz;       /* bit rate of its CAN interface */
	unsigned sim_move_count; /* slots in the simulated firmware's move queue */
	bool sim_extensions;     /* the simulated firmware has stepd's own messages */
	char *sim_without; /* words in the names of messages that it lacks; NULL: it has all */
};

/* One motor. [stepper_x], [stepper_z1], [extruder]. */
struct machine_stepper {
	char name[MACHINE_NAME_MAX]; /* its section: "stepper_x", "extruder" */
	struct pin step_pin, dir_pin, enable_pin;
	struct pin endstop_pin; /* of a second, third … stepper of an axis too, if it has one */
	/* Where its joint is: with KIN_LINEAR the sum of carriage[i] times the position of rail i,
	 * else by the formula. Not of an extruder's. */
	struct kin joint;
	double carriage[MACHINE_RAIL_MAX];
	double rotation_distance_mm; /* travel per turn of the output, after gear_ratio; or 2 pi rad */
	int microsteps, full_steps_per_rotation;
	double gear_ratio;          /* motor turns per output turn; 1 without gears */
	double step_distance_mm;    /* travel (or angle, rad) of one microstep; derived */
	double step_pulse_s;        /* the shortest time between two edges of the step pin */
	bool step_pulse_configured; /* false: step_pulse_s is a default */
};

/* A switch, and the motors that stop with it. */
struct machine_endstop {
	struct pin pin;
	bool probe;        /* it is the probe's: probe:z_virtual_endstop */
	int driver;        /* it is a driver's stall: index in machine_config.tmc[] plus 1; 0: no */
	uint32_t steppers; /* mask of indices in machine_config.steppers[]; with the rail's first
			    * switch also all other motors that turn */
};

/* A carriage along an axis, or a joint's own (a tower, an arm): its motors, its range, how it homes.
 * Homing options come from the first stepper's section. On CoreXY, rails 0 and 1 are X and Y, while
 * their motors drive X+Y and X-Y. Machines with an X, Y and Z carriage have them as rails 0 to 2. */
struct machine_rail {
	char name[MACHINE_NAME_MAX]; /* its section */
	int axis;                    /* AXIS_X .. AXIS_Z; -1: a joint */
	size_t stepper_count;
	size_t stepper[MACHINE_STEPPER_MAX]; /* indices in machine_config.steppers[] */
	size_t endstop_count;                /* 0: it can't home */
	struct machine_endstop endstop[MACHINE_ENDSTOP_MAX];
	double position_min_mm, position_endstop_mm, position_max_mm;
	double homing_speed_mm_s, second_homing_speed_mm_s;
	double homing_retract_mm, homing_retract_speed_mm_s;
	bool homing_positive;    /* homes toward position_max */
	int partner;             /* the other rail on the axis, of dual carriages; -1: none */
	double safe_distance_mm; /* of a second carriage: it keeps this distance to its partner */
};

/* What the kinematics needs to know beside the rails. */
struct machine_geometry {
	double radius_mm;             /* delta_radius, shoulder_radius, arm_x_length */
	double print_radius_mm;       /* or half of print_width: how far out the nozzle may go */
	double height_mm;             /* shoulder_height */
	double min_z_mm, max_z_mm;    /* minimum_z_position; max: derived */
	double min_up_mm[2];          /* deltesian: least height of a carriage above the nozzle */
	double slow_ratio;            /* a carriage may be this much faster than max_velocity */
	double endstop[MACHINE_AXES]; /* joints where their switches are, derived */
	double home_mm[MACHINE_AXES]; /* and the nozzle then */
	double box_min_mm[MACHINE_AXES], box_max_mm[MACHINE_AXES]; /* winch: around the anchors */
};

struct machine_extruder {
	char name[MACHINE_NAME_MAX]; /* "extruder", "extruder1", … */
	bool has_stepper;
	struct machine_stepper stepper; /* valid if has_stepper */
	double nozzle_diameter_mm, filament_diameter_mm;
	double filament_area_mm2; /* derived */
	double max_extrude_cross_section_mm2;
	double max_extrude_ratio; /* derived: filament mm per mm of path at that cross section */
	double instantaneous_corner_velocity_mm_s; /* of the filament */
	double max_extrude_only_distance_mm;
	double max_extrude_only_velocity_mm_s;
	double max_extrude_only_accel_mm_s2;
	double pressure_advance_s, pressure_advance_smooth_s;
	int heater; /* index in heaters[]; -1: it can't heat */
};

/* [extruder_stepper NAME]: a motor that follows an extruder. */
struct machine_extruder_stepper {
	struct machine_stepper stepper; /* its name is "NAME" */
	int extruder;                   /* index in extruders[], -1: none */
	double pressure_advance_s, pressure_advance_smooth_s;
};

/* [manual_stepper NAME]: a motor with a time line of its own. */
struct machine_manual {
	struct machine_stepper stepper; /* its name is "NAME" */
	double velocity_mm_s,
		accel_mm_s2; /* of a move that says nothing else; accel 0: the machine's */
	double position_min_mm, position_max_mm; /* infinite if not configured */
};

/* [input_shaper]: one axis. */
struct machine_shaper {
	int type;             /* enum shaper_type; none without a frequency */
	double freq_hz;       /* 0: not shaped */
	double damping_ratio; /* 0 <= ratio < 1 */
};

/* [skew_correction NAME] */
struct machine_skew {
	char name[MACHINE_NAME_MAX]; /* NAME alone */
	struct skew factor;
};

/* [bed_mesh NAME] */
struct machine_mesh {
	char name[MACHINE_NAME_MAX];                   /* NAME alone */
	int x_count, y_count, x_pps, y_pps, algorithm; /* as written; in points as used */
	double *z;                                     /* what points.z is */
	struct bedmesh_points points;
};

/* What G-code can do. */
struct machine_gcode {
	double arc_piece_mm_max;  /* [gcode_arcs] resolution; 0 without that section: no limit */
	bool firmware_retraction; /* [firmware_retraction] is there */
	double retract_mm, unretract_extra_mm;
	double retract_speed_mm_s, unretract_speed_mm_s;
	size_t skew_count;
	struct machine_skew skew[MACHINE_SKEW_MAX];
	bool bed_mesh;                         /* [bed_mesh] is there */
	double mesh_fade_start, mesh_fade_end; /* end 0: no fade */
	double mesh_fade_target;
	bool mesh_target_mean; /* no fade_target: the mean of the mesh */
	struct machine_mesh_probing mesh_probing;
	size_t mesh_count;
	struct machine_mesh mesh[MACHINE_MESH_MAX];
};

/* Which lines of G-code are answered with `ok`; same order as enum gcode_ack. */
enum machine_ack { MACHINE_ACK_NONE, MACHINE_ACK_NUMBERED, MACHINE_ACK_ALL };

/* [stepd]: what is stepd's own. */
struct machine_stepd {
	char *gcode_fifo;
	mode_t gcode_fifo_mode; /* also of the other FIFOs */
	char *reply_fifo;       /* exactly one of reply_fifo and reply_file is not NULL */
	char *reply_file;
	char *out_of_band_fifo; /* lines written here overtake: M112; NULL if switched off */
	enum machine_ack gcode_ack;
	double horizon_s, low_water_s; /* how far ahead steps are sent; when to top up */
	double lookahead_s;            /* the planner's window */
	double step_tolerance_s;       /* each step within ± this of its exact time */
	bool step_fractions;           /* use queue_step_frac where the firmware has it */
	double reversal_filter_s;      /* a reversal back within this may be left out */
	double arc_tolerance_mm;       /* an arc's straight pieces are within this of the circle */
	int rt_priority;               /* SCHED_FIFO 1..99; 0: don't ask for it */
	int rt_cpu;                    /* -1: choose the isolated CPU, if there is one */
	char *startup_gcode;           /* lines joined by \n; "" if none */
	bool inject_faults;            /* INJECT_FAULT may be used */
	char *flight_file; /* of the flight recorder: "auto": see flight_file.h; NULL: none */
	double flight_mib; /* for its ring */
	int flight_keep;   /* so many frozen ones are kept */
	uint64_t sim_seed; /* [stepd_sim] seed, of all simulated MCUs */
};

/* [fault CLASS COMPONENT] and what stands for it. */
struct machine_faults {
	size_t rules;
	struct fault_rule rule[FAULT_RULES_MAX];
};

struct machine_config {
	const struct kinematics_ops *kinematics; /* daemon/kinematics/ */
	struct machine_geometry geometry;
	double max_velocity_mm_s, max_accel_mm_s2;
	double max_z_velocity_mm_s, max_z_accel_mm_s2;
	double square_corner_velocity_mm_s;
	double minimum_cruise_ratio; /* 0 <= ratio < 1 */

	size_t mcu_count; /* >= 1; mcu[0] is [mcu] */
	struct machine_mcu mcu[MACHINE_MCU_MAX];

	size_t rail_count;
	struct machine_rail rails[MACHINE_RAIL_MAX];
	size_t stepper_count;
	struct machine_stepper steppers[MACHINE_STEPPER_MAX];
	size_t extruder_count; /* may be 0 */
	struct machine_extruder extruders[MACHINE_EXTRUDER_MAX];
	size_t extruder_stepper_count;
	struct machine_extruder_stepper extruder_steppers[MACHINE_EXTRUDER_MAX];
	size_t manual_count;
	struct machine_manual manuals[MACHINE_MANUAL_MAX];
	bool force_move; /* [force_move] enable_force_move */
	size_t phase_count;
	struct machine_phase phase[MACHINE_PHASE_MAX];
	size_t tmc_count;
	struct machine_tmc tmc[MACHINE_TMC_MAX];
	size_t angle_count;
	struct machine_angle angle[MACHINE_ANGLE_MAX];

	struct machine_shaper shaper[SHAPER_AXES];
	size_t sensor_count;
	struct machine_sensor sensors[MACHINE_SENSOR_MAX];
	size_t heater_count;
	struct machine_heater heaters[MACHINE_HEATER_MAX];
	int bed_heater; /* index in heaters[]; -1: none */

	struct machine_fan fan; /* [fan], of M106; pin.set is false without */
	size_t auto_fan_count;
	struct machine_auto_fan auto_fans[MACHINE_FAN_MAX];
	size_t output_pin_count;
	struct machine_output_pin output_pins[MACHINE_OUTPUT_PIN_MAX];
	size_t servo_count;
	struct machine_servo servos[MACHINE_SERVO_MAX];
	size_t static_count;
	struct machine_static statics[MACHINE_STATIC_MAX];
	size_t led_count;
	struct machine_led leds[MACHINE_LED_MAX];
	size_t multi_count;
	struct machine_multi_pin multi[MACHINE_MULTI_MAX];
	struct machine_probe probe;
	struct machine_safe_z safe_z;
	struct machine_twist twist;
	struct machine_level z_tilt, gantry;
	struct machine_screws screws;
	struct machine_bed_screws bed_screws;
	struct machine_z_thermal z_thermal;
	struct machine_bed_tilt bed_tilt;
	struct machine_delta_calibrate delta_calibrate;
	struct machine_sim_bed sim_bed;
	struct machine_gcode gcode;
	struct machine_print *print; /* machine_print.h */
	struct machine_faults faults;
	struct machine_stepd stepd;

	struct config *store; /* the raw options with file and line, for messages and saving */
};

/* Read and check. paths: files in order, a later file's options win; overrides: texts
 * "section.option=value", in order, they win over all files. Errors and warnings go to diag (may
 * be NULL), one a line, sorted by file and line; notes are for config_check() only.
 * Returns the configuration, or NULL after at least one error line. */
struct machine_config *machine_config_load(const char *const *paths, size_t path_count,
					   const char *const *overrides, size_t override_count,
					   FILE *diag);

/* NULL is fine. */
void machine_config_free(struct machine_config *mc);

/* `stepd check`: load, print every finding and a closing line that sums up.
 * Returns 0 if the configuration can be used, 1 if not: the process' exit status. */
int config_check(const char *const *paths, size_t path_count, const char *const *overrides,
		 size_t override_count, FILE *out);

/* Mask of the MCUs that sensors[sensor] is read by. */
uint32_t machine_sensor_mcus(const struct machine_config *mc, int sensor);

/* Index in mc->mcu[] of the MCU of that name, or -1. */
int machine_config_mcu(const struct machine_config *mc, const char *name);
/* Index in mc->auto_fans[] of the fan of that kind and name, or -1. */
int machine_config_fan(const struct machine_config *mc, enum machine_fan_kind kind,
		       const char *name);

/* The [multi_pin] that a pin stands for; NULL: it is one. */
const struct machine_multi_pin *machine_config_multi(const struct machine_config *mc,
						     const struct pin *pin);

/* Whether the motor's pulse is short enough for steps at both edges. */
bool machine_both_edges(const struct machine_stepper *m);
/* Width of the servo's pulses for that angle. */
double machine_servo_pulse_s(const struct machine_servo *v, double angle_deg);

#endif
