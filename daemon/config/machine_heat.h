/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_heat.h - sensors, heaters and fans as the configuration describes them.
 *
 * Parts of struct machine_config; see machine_config.h for owner and threads. Units: in the names; powers
 * and speeds 0..1.
 */
#ifndef DAEMON_CONFIG_MACHINE_HEAT_H
#define DAEMON_CONFIG_MACHINE_HEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/machine_bus.h"
#include "daemon/pins.h"
#include "daemon/sensors/i2c_chip.h"
#include "heat.h"

enum {
	MACHINE_SENSOR_MAX = HEAT_SENSORS,
	MACHINE_HEATER_MAX = HEAT_HEATERS,
	MACHINE_FAN_MAX = 16,
	MACHINE_HEAT_NAME_MAX = 64, /* as MACHINE_NAME_MAX */
	MACHINE_GCODE_ID_MAX = 16,
};

enum machine_sensor_source {
	MACHINE_SENSOR_ADC,
	MACHINE_SENSOR_CHIP, /* within an MCU; its curve follows from the chip, unless given */
	MACHINE_SENSOR_HOST, /* a file of the system */
	MACHINE_SENSOR_SPI,  /* a converter that its MCU reads; pin: its select pin */
	MACHINE_SENSOR_I2C,  /* a chip that the planner reads */
	MACHINE_SENSOR_DS18B20, /* a thermometer that its MCU reads; pin: not set if the MCU knows where it is */
	MACHINE_SENSOR_COMBINED, /* made of others */
};

/* [stepd_sim_heater NAME]: the warm part that the simulated MCU has behind a sensor. */
struct machine_warm {
	double power_w, capacity_j_k, loss_w_k, fan_loss_w_k, lag_s, ambient_degc;
	double filament_j_k_mm;
	int noise; /* of an ADC reading, +- */
};

/* Between two readings of the planner's. */
#define MACHINE_REPORT_S 1.0

struct machine_sensor {
	char name[MACHINE_HEAT_NAME_MAX]; /* its section's own: "extruder", "chamber" */
	const char *section;              /* the whole */
	char what[32];                    /* for messages, of what the planner reads */
	enum machine_sensor_source source;
	struct pin pin;
	char *path;            /* of MACHINE_SENSOR_HOST */
	enum sensor_chip chip; /* of MACHINE_SENSOR_SPI, and so are these */
	struct sensor_chip_setup setup;
	struct machine_bus bus; /* and of MACHINE_SENSOR_I2C */
	enum i2c_chip_kind i2c_chip;
	const char *i2c_name;
	char serial[16]; /* of MACHINE_SENSOR_DS18B20 */
	double report_s; /* between two readings, of what is not sampled for the rt core */
	enum heat_combine combine; /* of MACHINE_SENSOR_COMBINED, and so are these */
	uint32_t members;          /* mask of indices in sensors[] */
	double deviation_degc;
	double min_degc, max_degc;
	/* Of MACHINE_SENSOR_CHIP: count 0 if it follows from the chip, 1: but for a shift. */
	struct sensor_curve curve;
	char gcode_id[MACHINE_GCODE_ID_MAX]; /* in M105; "": not there */
	bool guards;                         /* a heater depends on it */
	bool alone;                          /* [temperature_sensor] */
	struct machine_warm warm;
};

/* The MCU that it is at, -1: none. */
static inline int machine_sensor_mcu(const struct machine_sensor *s)
{
	switch (s->source) {
	case MACHINE_SENSOR_SPI:
	case MACHINE_SENSOR_I2C:
		return s->bus.mcu;
	case MACHINE_SENSOR_HOST:
	case MACHINE_SENSOR_COMBINED:
		return -1;
	default:
		return s->pin.mcu;
	}
}

/* The curve of a sensor of the simulated MCU. */
void machine_sensor_sim_curve(const struct machine_sensor *s, struct sensor_curve *out);

/* What all fans have. */
struct machine_fan {
	struct pin pin;
	struct pin enable_pin; /* on while the fan is */
	double max_power, shutdown_speed, off_below;
	double cycle_time_s;
	bool hardware_pwm;
	double kick_start_s;
	struct pin tachometer_pin;
	int tachometer_ppr; /* pulses a turn */
	double tachometer_poll_s;
};

/* Also [temperature_fan NAME]: a heater that cools. */
struct machine_heater {
	char name[MACHINE_HEAT_NAME_MAX]; /* "extruder", "heater_bed", NAME of [heater_generic NAME] */
	char gcode_id[MACHINE_GCODE_ID_MAX]; /* "T0", "B", …; "": not in M105 */
	struct pin pin;
	int sensor; /* index in sensors[] */
	double cycle_time_s;
	double min_extrude_degc; /* of an extruder's */
	int extruder;            /* whose filament cools it: the last one's with it; -1: none */
	char cooling_fan[MACHINE_HEAT_NAME_MAX]; /* of MPC: "fan", "fan_generic NAME", or "" */
	struct heater_param param;
	struct machine_fan fan; /* of a temperature fan; else pin.set is false */
	double target_degc;     /* likewise, at first */
};

enum machine_fan_kind {
	MACHINE_FAN_GENERIC,    /* SET_FAN_SPEED */
	MACHINE_FAN_HEATER,     /* runs while a heater is on or warm */
	MACHINE_FAN_CONTROLLER, /* runs while heaters or motors are on, and some time after */
};

struct machine_auto_fan {
	char name[MACHINE_HEAT_NAME_MAX];
	enum machine_fan_kind kind;
	struct machine_fan fan;
	uint32_t heaters; /* mask of indices in heaters[] */
	double heater_degc, speed;
	double idle_speed, idle_s;
	bool all_steppers;
	size_t stepper_count;
	char steppers[16][MACHINE_HEAT_NAME_MAX]; /* their own names */
};

#endif
