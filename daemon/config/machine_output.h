/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_output.h - outputs other than fans and heaters as the configuration describes them.
 *
 * Parts of struct machine_config; see machine_config.h for owner and threads. Units: in the names; values 0..1.
 */
#ifndef DAEMON_CONFIG_MACHINE_OUTPUT_H
#define DAEMON_CONFIG_MACHINE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/machine_bus.h"
#include "daemon/pins.h"

enum {
	MACHINE_OUTPUT_PIN_MAX = 24,
	MACHINE_SERVO_MAX = 8,
	MACHINE_STATIC_MAX = 32,
	MACHINE_MULTI_MAX = 8,
	MACHINE_MULTI_PINS = 8,
	MACHINE_LED_MAX = 8,
	MACHINE_LED_COLORS = 4,       /* red, green, blue, white */
	MACHINE_LED_BYTES = 500,      /* of a chain: what an MCU keeps in one object */
	MACHINE_OUTPUT_NAME_MAX = 64, /* as MACHINE_NAME_MAX */
};

/* Of a servo's pulses. */
#define MACHINE_SERVO_CYCLE_S 0.02

/* [output_pin NAME], [pwm_tool NAME], [pwm_cycle_time NAME] */
struct machine_output_pin {
	char name[MACHINE_OUTPUT_NAME_MAX];
	struct pin pin;
	bool pwm, hardware_pwm;
	bool fixed;  /* no command changes it */
	bool relay;  /* it has to go off in a shutdown */
	bool cycles; /* commands may change the cycle time, too */
	double cycle_time_s, scale;
	double value, shutdown_value;
	double max_duration_s; /* 0: for ever */
};

/* [servo NAME] */
struct machine_servo {
	char name[MACHINE_OUTPUT_NAME_MAX];
	struct pin pin;
	double angle_deg_max;
	double pulse_s_min, pulse_s_max; /* at 0 and at angle_deg_max */
	double pulse_s;                  /* at first; 0: none */
};

/* A pin of [static_digital_output NAME]: on, from the MCU's configuration on. */
struct machine_static {
	struct pin pin;
};

/* [multi_pin NAME]: its pins do what the one section does that uses it. */
struct machine_multi_pin {
	char name[PIN_NAME_MAX];
	struct pin pin[MACHINE_MULTI_PINS]; /* inverted as the user has it, too */
	size_t count;
	bool used;
};

enum machine_led_kind {
	MACHINE_LED_PWM,      /* [led NAME]: one light, an output for each colour */
	MACHINE_LED_NEOPIXEL, /* [neopixel NAME]: WS2812 on one pin */
	MACHINE_LED_DOTSTAR,  /* [dotstar NAME]: APA102 on two */
	MACHINE_LED_PCA9533, /* [pca9533 NAME]: one light, four outputs of a chip on I2C that are on or off */
	MACHINE_LED_PCA9632, /* [pca9632 NAME]: the same with a PWM each */
};

struct machine_led {
	char name[MACHINE_OUTPUT_NAME_MAX];
	enum machine_led_kind kind;
	struct pin pin[MACHINE_LED_COLORS]; /* of PWM one a colour; of chains data, then clock */
	struct machine_bus bus;             /* of chips */
	bool hardware_pwm;
	double cycle_time_s;
	size_t lights; /* in the chain */
	double initial[MACHINE_LED_COLORS];
	size_t bytes;                      /* of neopixels and the PCA9632: */
	uint16_t light[MACHINE_LED_BYTES]; /* whose each byte is, */
	uint8_t color[MACHINE_LED_BYTES];  /* and which colour */
};

static inline bool machine_led_chip(const struct machine_led *led)
{
	return led->kind >= MACHINE_LED_PCA9533;
}

/* Of what is no PWM. */
static inline int machine_led_mcu(const struct machine_led *led)
{
	return machine_led_chip(led) ? led->bus.mcu : led->pin[0].mcu;
}

#endif
