/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_level.h - what the configuration says of levelling a bed or a gantry, checked and typed.
 *
 * Part of struct machine_config: owner, threads and units are its. Places: of the nozzle when the probe is used, of
 * motors where they hold.
 */
#ifndef DAEMON_CONFIG_MACHINE_LEVEL_H
#define DAEMON_CONFIG_MACHINE_LEVEL_H

#include <stdbool.h>
#include <stddef.h>

enum { MACHINE_LEVEL_POINTS_MAX = 64, MACHINE_Z_MOTORS_MAX = 8, MACHINE_SCREWS_MAX = 99 };

/* What all of them have; count 0: the section is not there. */
struct machine_level_points {
	size_t count;
	double at_mm[MACHINE_LEVEL_POINTS_MAX][2];
	double speed_mm_s, travel_z_mm;
	int retries;
	double tolerance_mm;
};

/* [z_tilt], [quad_gantry_level] */
struct machine_level {
	struct machine_level_points points;
	size_t motors; /* those of Z: indices in machine_config.steppers[] */
	size_t motor[MACHINE_Z_MOTORS_MAX];
	double motor_mm[MACHINE_Z_MOTORS_MAX][2];
	double most_mm; /* max_adjust */
};

/* [screws_tilt_adjust] */
struct machine_screws {
	struct machine_level_points points;
	char name[MACHINE_SCREWS_MAX][40];
	double pitch_mm;
	bool clockwise; /* thread: clockwise goes up */
};

/* Places where a nozzle touches the bed beside its screws. */
struct machine_screw_round {
	size_t count;
	double at_mm[MACHINE_LEVEL_POINTS_MAX][2];
	char name[MACHINE_LEVEL_POINTS_MAX][40];
};

/* [bed_screws]; coarse.count 0: not there */
struct machine_bed_screws {
	struct machine_screw_round coarse, fine;
	double speed_mm_s, probe_speed_mm_s, travel_z_mm, probe_height_mm;
};

/* [z_thermal_adjust] */
struct machine_z_thermal {
	bool present;
	size_t sensor; /* index in machine_config.sensors[] */
	double coeff_mm_k, smooth_s, off_above_mm, most_mm;
};

enum { MACHINE_DELTA_HEIGHTS = 64, MACHINE_DELTA_DISTANCES = 32 };

/* What was measured: the joints were so many steps below their switches with the nozzle so high, or at two places so far
 * from each other. */
struct machine_delta_data {
	size_t heights, manuals; /* the last ones of the heights somebody has measured */
	struct machine_delta_height {
		double z_mm, below_steps[3];
	} height[MACHINE_DELTA_HEIGHTS];
	size_t distances;
	struct machine_delta_distance {
		double mm, below_steps[2][3];
	} distance[MACHINE_DELTA_DISTANCES];
};

/* [delta_calibrate]; radius 0: not there */
struct machine_delta_calibrate {
	double radius_mm, speed_mm_s, travel_z_mm;
	struct machine_delta_data data;
};

/* [bed_tilt] */
struct machine_bed_tilt {
	bool present;
	struct machine_level_points points;
	double x_adjust, y_adjust, z_adjust_mm;
};

#endif
