/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_probe.h - what the configuration says of probes and of homing with them, checked and typed.
 *
 * Part of struct machine_config: owner, threads and units are its. Places are of the nozzle, machine
 * coordinates.
 */
#ifndef DAEMON_CONFIG_MACHINE_PROBE_H
#define DAEMON_CONFIG_MACHINE_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/config/machine_bus.h"
#include "daemon/gcode/gcode_macro.h"
#include "daemon/pins.h"

enum machine_probe_kind {
	MACHINE_PROBE_NONE,
	MACHINE_PROBE_SWITCH,
	MACHINE_PROBE_BLTOUCH,
	MACHINE_PROBE_EFFECTOR, /* a switch, too */
	MACHINE_PROBE_SENSORS,  /* from here on they measure: probe_sensor.h */
	MACHINE_PROBE_EDDY = MACHINE_PROBE_SENSORS,
	MACHINE_PROBE_LOAD_CELL,
};
enum machine_samples { MACHINE_SAMPLES_AVERAGE, MACHINE_SAMPLES_MEDIAN };
enum machine_bltouch_output { MACHINE_BLTOUCH_AS_IS, MACHINE_BLTOUCH_5V, MACHINE_BLTOUCH_OD };

enum { MACHINE_SAMPLES_MAX = 100, MACHINE_EDDY_POINTS = 256, MACHINE_DRIFT_POINTS = 16 };

/* [temperature_probe NAME]: how the coil's frequency follows its temperature. With t K above ref_degc it is 1 + t * linear + t * t * square
 * times that at ref_degc, at each of some heights. */
struct machine_drift {
	int sensor;        /* -1: there is no such section */
	double table_degc; /* of the coil when the table was found; NAN: not known */
	double ref_degc;
	size_t count;                           /* 0: not calibrated */
	double height_mm[MACHINE_DRIFT_POINTS]; /* ascending */
	double linear[MACHINE_DRIFT_POINTS], square[MACHINE_DRIFT_POINTS];
};

/* [probe_eddy_current NAME] */
struct machine_eddy {
	struct machine_bus bus;
	struct pin intb;
	double clock_hz; /* of the chip */
	int drive;       /* reg_drive_current, 0..31 */
	/* calibrate: heights of the nozzle over the bed, ascending, and the frequencies there */
	size_t count;
	double height_mm[MACHINE_EDDY_POINTS], hz[MACHINE_EDDY_POINTS];
	struct machine_drift drift;
};

enum { MACHINE_NOTCHES = 2 };
enum machine_load_chip { MACHINE_HX711, MACHINE_HX717, MACHINE_ADS1220 };

/* [load_cell_probe] */
struct machine_load_cell {
	int chip; /* enum machine_load_chip */
	int mcu;
	/* HX711, HX717: */
	struct pin dout, sclk;
	int gain_channel; /* pulses behind a conversion */
	/* ADS1220: */
	struct machine_bus bus;
	struct pin data_ready;
	unsigned char reg[2]; /* registers 0 and 1: input, gain, bypass; rate, mode */
	int reference;        /* of register 2 */
	double rate_hz;
	double counts_per_gram; /* 0: not calibrated */
	double reference_counts;
	bool inverted;
	double limit_grams, trigger_grams;
	double tare_s, pullback_mm, pullback_mm_s;
	/* filters of the MCU, before trigger_grams; 0 Hz: none */
	double drift_hz, buzz_hz, notch_hz[MACHINE_NOTCHES];
	int drift_order, buzz_order; /* 0: the first; 1: the second */
	double notch_quality;
};

/* [probe], [bltouch], [smart_effector] or another kind */
struct machine_probe {
	enum machine_probe_kind kind;
	const char *section; /* "probe", "bltouch" */
	struct pin pin;      /* of the switch; of a sensor probe:z_virtual_endstop, on its MCU */
	double offset_mm[3]; /* of the probe from the nozzle; Z: how high that is when it triggers */
	double speed_mm_s, lift_speed_mm_s;
	int samples;
	double retract_mm; /* between two samples */
	int result;        /* enum machine_samples */
	double tolerance_mm;
	int retries;
	struct gcode_lines activate, deactivate; /* what makes it ready, and puts it away */
	/* of a BLTouch; the first, of a smart effector, too */
	struct pin control_pin;
	bool stow_on_each_sample; /* also of a probe with lines */
	bool touch_mode;
	bool up_reports_not_triggered, up_touch_reports_triggered;
	int output_mode; /* enum machine_bltouch_output */
	double pin_move_s;
	/* of a smart effector, beside control_pin */
	double accel_mm_s2, recovery_s; /* 0: as other moves; none */
	struct machine_eddy eddy;
	struct machine_load_cell cell;
};

/* [safe_z_home] */
struct machine_safe_z {
	bool present;
	double x_mm, y_mm;
	double speed_mm_s, hop_mm, hop_speed_mm_s; /* hop 0: none */
	bool move_to_previous;
};

enum { MACHINE_TWIST_MAX = 32 };

/* [axis_twist_compensation]: what is added to heights along X, or Y */
struct machine_twist_axis {
	size_t count; /* 0: nothing */
	double start_mm, end_mm, z_mm[MACHINE_TWIST_MAX];
};

/* Where it is calibrated, of the nozzle. */
struct machine_twist_range {
	bool given;
	double start_mm, end_mm, other_mm;
};

struct machine_twist {
	double speed_mm_s, travel_z_mm;
	struct machine_twist_axis axis[2];
	struct machine_twist_range range[2];
};

enum { MACHINE_MESH_FAULTY_MAX = 99 };

/* faulty_region_N of [bed_mesh] */
struct machine_mesh_faulty {
	double min_mm[2], max_mm[2];
};

/* [bed_mesh]: how it is probed */
struct machine_mesh_probing {
	bool possible;    /* it says where */
	double radius_mm; /* 0: a rectangle */
	double origin_mm[2], min_mm[2], max_mm[2];
	int count[2], round_count, pps[2];
	int algorithm; /* 0 lagrange, 1 bicubic, 2 direct */
	double tension;
	double speed_mm_s, travel_z_mm;
	bool has_zero;
	double zero_mm[2]; /* zero_reference_position */
	double adaptive_margin_mm;
	size_t faulty_count;
	struct machine_mesh_faulty faulty[MACHINE_MESH_FAULTY_MAX];
};

/* [stepd_sim]: bed and switches of the simulated printer. */
struct machine_sim_bed {
	double height_mm;        /* where the surface is in truth, at the origin */
	double slope_x, slope_y; /* mm per mm */
	double shape_mm;         /* waves of so much from the lowest to the highest */
	double probe_noise_mm, probe_hysteresis_mm;
	double endstop_noise_mm, endstop_hysteresis_mm;
};

#endif
