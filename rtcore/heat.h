/* SPDX-License-Identifier: GPL-2.0-or-later */
/* heat.h - sensors and heaters between the two threads: what the planner sets up, what the rt core tells.
 *
 * The control loop runs on the rt thread (engine_heat.c), so that it keeps its rhythm whatever the planner
 * is busy with. Records of the control and event rings, and the state that is published.
 * Units: _degc, _s machine time; power 0..1.
 */
#ifndef RTCORE_HEAT_H
#define RTCORE_HEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "heater.h"
#include "sensor.h"
#include "sensor_chip.h"

enum {
	HEAT_SENSORS = 16,
	HEAT_HEATERS = 16,
	/* As the MCU samples: so many conversions a sum at most, a millisecond apart. */
	HEAT_CONVERSIONS = 8,
	/* So many implausible sums in a row, and the sensor counts as broken; fewer only count. */
	HEAT_GLITCH_MAX = 3,
};

#define HEAT_PERIOD_S 0.2
/* The MCU itself shuts down after that time out of range: only if the host does not act. */
#define HEAT_MCU_CHECK_S 3.0
/* A heater's output goes off by itself when it has not been told for so long. */
#define HEAT_SILENCE_S 2.5
/* A sensor that says nothing for so long is broken. */
#define HEAT_SENSOR_SILENCE_S 0.8
/* The same if nothing at all comes from its MCU: by then the link is lost, and that is one fault, not one of each sensor. What
 * is sent to it meanwhile is not heard either; its outputs go off by themselves. */
#define HEAT_MCU_SILENCE_S 2.2
/* Of what the planner reads and hands on: at most so old, where a heater depends on it. The planner may be busy meanwhile. */
#define HEAT_FED_SILENCE_S 2.5
/* Handed on instead of a temperature: the reading failed. Out of any range. */
#define HEAT_FAILED_DEGC (-2 * SENSOR_KELVIN)
/* A converter that is broken is set up anew so often: its faults are latched, and the MCU's own count of them begins
 * anew, too. */
#define HEAT_CHIP_AGAIN_S 10.0

/* How a sensor is made of others. */
enum heat_combine { HEAT_COMBINE_NONE, HEAT_COMBINE_MEAN, HEAT_COMBINE_MIN, HEAT_COMBINE_MAX };

/* An analog input, a converter on SPI, (fed) a value that the planner gives now and then, or one made of others. */
struct heat_sensor_config {
	uint8_t sensor; /* index */
	uint8_t mcu, oid;
	uint8_t chip; /* enum sensor_chip */
	uint8_t spi_oid;
	struct sensor_chip_setup setup;
	bool fed;
	double silence_s;      /* a fed one that says nothing for so long is broken */
	uint8_t combine;       /* enum heat_combine; not NONE: so is the rest */
	uint32_t members;      /* mask of sensors; none of them combined */
	double deviation_degc; /* that they may differ by */
	bool guards;           /* a heater depends on it: the MCU checks the range, too */
	uint16_t adc_max;
	double min_degc, max_degc;
	struct sensor_curve curve;
};

struct heat_heater_config {
	uint8_t heater, sensor, output; /* indices; output: in the engine's table */
	/* What acts on it, for MPC; -1: nothing. A fan's output, and the stepper that pushes filament. */
	int8_t fan, stepper;
	double mm_per_step;
	struct heater_param param;
};

/* Of CTL_HEATER_TARGET, CTL_HEATER_TUNE, CTL_HEATER_CALIBRATE. */
struct heat_target {
	uint8_t heater;
	double degc; /* 0: off */
};

/* Of CTL_HEATER_LIMITS: as heater_param has them. */
struct heat_limits {
	uint8_t heater;
	double max_power, min_power;
};

enum heat_sensor_state {
	HEAT_SENSOR_UNKNOWN, /* nothing has come yet */
	HEAT_SENSOR_GOOD,
	HEAT_SENSOR_BROKEN, /* out of range or silent */
};

struct heat_sensor_status {
	double degc; /* the last plausible one */
	uint32_t state;
	uint32_t glitches; /* implausible sums so far */
};

struct heat_heater_status {
	double target_degc, smooth_degc, power;
	uint32_t fault;  /* enum heater_fault */
	uint32_t tuning; /* under way */
};

/* All of them, as last published. */
struct heat_status {
	double now_s;
	uint64_t samples; /* plausible and other, of all sensors */
	struct heat_sensor_status sensor[HEAT_SENSORS];
	struct heat_heater_status heater[HEAT_HEATERS];
};

/* EV_HEATER: a fault, latched; or tuning or calibration is done. */
struct ev_heater {
	uint8_t heater;
	uint8_t fault; /* enum heater_fault; HEATER_OK: .ku and .tu_s are the result of tuning, or … */
	bool calibrated; /* … the rest that of calibration, in use from now on; capacity 0: none */
	double at_s, degc;
	double ku, tu_s;
	double capacity_j_k, rate, loss_w_k[2];
};

#endif
