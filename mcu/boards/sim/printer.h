/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printer.h - the machine around the simulated MCUs: axes moved by pin edges, endstops, sensors.
 *
 * One struct printer serves any number of simulated MCUs; each names itself by its index (0, 1, …).
 * Positions are counted from step edges, so they are what really happened, whatever a host believes.
 * Owner:   the caller places it; the sims that refer to it must not outlive it.
 * Threads: one thread at a time (all sims of one printer run in one thread).
 * Units:   _mm, _steps; ADC values as the chip reads them (0..ADC_MAX).
 */
#ifndef SIM_PRINTER_H
#define SIM_PRINTER_H

#include <stdbool.h>
#include <stdint.h>

#include "printer_bed.h"
#include "printer_bus.h"
#include "printer_parts.h"
#include "thermal.h"

enum {
	PRINTER_MCUS_MAX = 8,
	PRINTER_STEPPERS_MAX = 16,
	PRINTER_ENDSTOPS_MAX = 12,
	PRINTER_SENSORS_MAX = 16,
	PRINTER_BODIES_MAX = 16,
	PRINTER_INPUTS_MAX = 64,
	PRINTER_PINS = 256,
	PRINTER_NAME_MAX = 24,
};

enum printer_kinematics { PRINTER_CARTESIAN, PRINTER_COREXY };
/* Beside X, Y, Z and E there are numbered axes: second carriages, or whatever else moves by itself. */
enum printer_axis { PRINTER_X, PRINTER_Y, PRINTER_Z, PRINTER_E, PRINTER_AXES = 12 };

/* A motor: its position is the sum of weight times axis. Without weights they follow from axis: with
 * CoreXY, PRINTER_X is motor A (x + y) and PRINTER_Y motor B (x - y). The first motors that fix an
 * axis give it its position. */
struct printer_stepper {
	char name[PRINTER_NAME_MAX];
	uint8_t mcu;
	uint8_t step_pin, dir_pin;
	enum printer_axis axis;
	double weight[PRINTER_AXES];
	double steps_per_mm;
	bool invert_dir;          /* dir level 1 moves in the negative direction */
	bool invert_step;         /* the step is the falling edge */
	bool both_edges;          /* each edge is a step */
	const bool *driver_edges; /* of its driver: it is so while that is true; NULL: as both_edges */
	unsigned lock_steps; /* so far apart are the places where a rotor that was torn off locks in: four full steps; 0: 1 */
	/* state */
	bool blocked;         /* the rotor stands, whatever the steps */
	int64_t behind_steps; /* that it should have made since */
	uint8_t step_level, dir_level;
	int64_t pos_steps;   /* of the rotor, in the axis' own direction, since the start */
	uint64_t edge_count; /* steps in either direction */
	double step_s[2];    /* the latest two, of one with driver_edges */
};

/* A switch on an axis: pressed while the axis is at or beyond trigger_mm. */
struct printer_endstop {
	char name[PRINTER_NAME_MAX];
	uint8_t mcu;
	uint8_t pin;
	enum printer_axis axis;
	double trigger_mm;
	double hysteresis_mm; /* releases this far before trigger_mm, >= 0 */
	bool at_max;          /* pressed above trigger_mm instead of below */
	bool invert;          /* reads 0 while pressed */
	double noise_mm;      /* each approach triggers up to so much too early or late */
	double glitch_s, glitch_from_s,
		glitch_every_s; /* noise of its wire: it reads as pressed for so long, from then on (of
							 * its MCU), so often or (0) once; glitch_s 0: none */
	const bool *watched; /* it reads 0 while that is false: a driver that isn't told to look; NULL: always */
	/* state */
	bool pressed;
	double off_mm;          /* of this approach */
	double read_s;          /* when it was read last, … */
	uint32_t glitches_read; /* … and how often in a glitch */
};

/* An input that a hand or filament works: a switch, a button, a filament sensor. */
struct printer_input {
	uint8_t mcu;
	uint8_t pin;
	bool invert;    /* reads 0 while on */
	int8_t stepper; /* -1: a switch; else the level changes every edge_mm of that motor's way */
	double edge_mm;
	double share; /* > 0: it is at an analog input, which reads so while on, full scale without; several may share it */
	/* state */
	bool on;           /* the switch */
	bool blocked;      /* the motor turns, and no filament moves */
	double blocked_mm; /* since here */
};

/* An ADC input with a fixed reading and noise of +-noise (uniform, seeded). */
struct printer_sensor {
	uint8_t mcu;
	uint8_t pin;
	uint16_t value;
	uint16_t noise;
};

/* A warm part and its pins; a number of PRINTER_PINS or more: not connected. */
struct printer_body {
	struct thermal_body thermal;
	uint8_t sensor_mcu, heater_mcu, fan_mcu;
	uint16_t sensor_pin, heater_pin, fan_pin;
	bool heater_invert, fan_invert;
	uint16_t noise; /* of the sensor, +- so much (uniform, seeded) */
	int stepper;    /* the motor that pushes filament through it, -1: none */
	/* state */
	double filament_mm;
};

struct printer {
	enum printer_kinematics kinematics;
	double start_mm[PRINTER_AXES]; /* physical position at the start */
	uint64_t rng;
	struct printer_stepper steppers[PRINTER_STEPPERS_MAX];
	struct printer_endstop endstops[PRINTER_ENDSTOPS_MAX];
	struct printer_sensor sensors[PRINTER_SENSORS_MAX];
	struct printer_body bodies[PRINTER_BODIES_MAX];
	double now_s; /* of the MCU whose pin is read or, if printer_timed(), written; the board sets it before */
	struct printer_input inputs[PRINTER_INPUTS_MAX];
	struct printer_rotor rotors[PRINTER_ROTORS_MAX];
	struct printer_light lights[PRINTER_LIGHTS_MAX];
	uint8_t stepper_count, endstop_count, sensor_count, body_count, input_count, rotor_count,
		light_count;
	/* mm of the axis per mm of the motor, of those that fix it */
	double inverse[PRINTER_AXES][PRINTER_STEPPERS_MAX];
	uint16_t roles[PRINTER_MCUS_MAX][PRINTER_PINS]; /* what a pin does; see printer.c */
	bool watched;                                   /* there is an endstop with hysteresis */
	struct printer_bed bed;
	struct printer_probe probe;
	struct printer_bus buses[PRINTER_BUSES_MAX];
	struct printer_chip chips[PRINTER_CHIPS_MAX];
	uint8_t bus_count, chip_count;
	/* Where the nozzle is with the axes there; NULL: X, Y and Z are axes. ctx: the hook's own. */
	void (*nozzle)(void *ctx, const double axis_mm[PRINTER_AXES], double xyz_mm[3]);
	void *nozzle_ctx;
};

/* Start an empty printer. seed: of the sensors' noise. */
void printer_init(struct printer *p, enum printer_kinematics kinematics, uint64_t seed);

/* Change how motors without weights follow the axes. */
void printer_set_kinematics(struct printer *p, enum printer_kinematics kinematics);

/* Add a part; the state members of the argument are ignored. Returns its index, -ENOSPC, or -EINVAL
 * for a bad pin, axis, MCU index or steps_per_mm; a pin that has a role already is -EBUSY. */
int printer_add_stepper(struct printer *p, const struct printer_stepper *s);
int printer_add_endstop(struct printer *p, const struct printer_endstop *e);
int printer_add_sensor(struct printer *p, const struct printer_sensor *s);
int printer_add_input(struct printer *p, const struct printer_input *in);

/* Starts at its ambient temperature. */
int printer_add_body(struct printer *p, const struct printer_body *b);

/* Change the reading of the sensor on a pin; adds the sensor if there is none. Returns 0, -ENOSPC or -EINVAL. */
int printer_set_sensor(struct printer *p, uint8_t mcu, uint8_t pin, uint16_t value, uint16_t noise);

/* A pin is a line of that bus, or (bus false) a chip listens to it. */
void printer_set_role(struct printer *p, uint8_t mcu, uint16_t pin, bool bus, unsigned index);

/* Uniform in -1 .. 1, from the printer's seed. */
double printer_noise(struct printer *p);

/* Whether the time matters when that pin changes: now_s must be right then, and for each conversion. */
bool printer_timed(const struct printer *p, uint8_t mcu, uint8_t pin);

/* The filament of an input with a motor stops, or moves again. */
void printer_input_block(struct printer *p, struct printer_input *in, bool blocked);

/* Something holds the motor ("blocked"), or tears it off its steps for once ("slip": by lock_steps); "ok": it turns again, from
 * the place that its rotor locks in. do_it false: only say whether there is that action. */
bool printer_motor_action(struct printer_stepper *s, const char *action, bool do_it);
extern const char printer_motor_actions[];

/* A pin of an MCU changed its level. Cost: a few ns. */
void printer_edge(struct printer *p, uint8_t mcu, uint8_t pin, bool level);

/* A pin's hardware PWM is on for this share of the time, 0..1. */
void printer_duty(struct printer *p, uint8_t mcu, uint8_t pin, double share);

/* Bring a warm part up to now_s. */
void printer_warm(struct printer *p, struct printer_body *b);

/* The level an input pin has now: 0 or 1 of an endstop or input, -1 if nothing drives it. */
int printer_read(struct printer *p, uint8_t mcu, uint8_t pin);

/* One ADC conversion; a pin without a sensor reads half of adc_max. */
uint16_t printer_adc(struct printer *p, uint8_t mcu, uint8_t pin, uint16_t adc_max);

/* Physical position of an axis; start_mm if no motor drives it. */
double printer_axis_mm(const struct printer *p, enum printer_axis axis);
#endif
