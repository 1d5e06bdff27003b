/* SPDX-License-Identifier: GPL-2.0-or-later */
/* leds.h - lights: SET_LED, and what goes to chains of them.
 *
 * A [led] is an output a colour. Chains get their bytes by messages, once the motion before the command has been made
 * (SYNC=1) or at once; what the MCU could not send in one go is sent again.
 * Owner: struct machine. Threads: PLAN. Units: colours 0..1.
 */
#ifndef DAEMON_LEDS_H
#define DAEMON_LEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/machine_output.h"
#include "daemon/gcode/gcode_command.h"
#include "engine.h"

struct machine;
struct session;
struct msg_neopixel_result;

enum {
	LEDS_LIGHTS_MAX = 300,
	LEDS_WAITING_MAX = ENGINE_SYNCS / 2, /* changes in step that have been planned and not made */
};

struct led_chain {
	int output[MACHINE_LED_COLORS];                    /* of a [led]; -1: none */
	uint8_t oid[2];                                    /* neopixel; or data, clock */
	int device;                                        /* of a chip, in machine.bus */
	float staged[LEDS_LIGHTS_MAX][MACHINE_LED_COLORS]; /* as commanded last */
	float shown[LEDS_LIGHTS_MAX][MACHINE_LED_COLORS];  /* as it is to be now */
	uint8_t at_mcu[MACHINE_LED_BYTES];                 /* neopixel: what is there, … */
	bool mcu_known;                                    /* … if that is known */
	bool dirty;                                        /* shown has not been sent */
	bool sent;                                         /* the MCU's word about it is missing */
	int tries;                                         /* of sending the same */
	int64_t sent_ns;
	int64_t again_ns; /* not before this time */
	size_t bit;       /* dotstar: of the frame under way, the next */
};

/* A change in step with the motion. */
struct led_waiting {
	uint32_t sync;
	size_t chain;
	float color[LEDS_LIGHTS_MAX][MACHINE_LED_COLORS];
};

struct leds {
	struct led_chain chain[MACHINE_LED_MAX];
	struct led_waiting waiting[LEDS_WAITING_MAX];
	unsigned waiting_head, waiting_tail;
	float scratch[LEDS_LIGHTS_MAX][MACHINE_LED_COLORS];
	bool started;
};

/* Outputs of all [led]. Returns false with a text in err. */
bool leds_setup(struct machine *m, char *err, size_t err_size);
bool leds_configure(struct machine *m, struct session *s);
/* Commands. After gcode_init(). */
void leds_init(struct machine *m);
/* A poll while the machine is up, ready or in a fault. */
void leds_poll(struct machine *m);
/* The motion before that sync has been made. */
void leds_sync(struct machine *m, uint32_t sync);
/* That MCU has been brought up once more. */
void leds_attached(struct machine *m, int mcu);
void leds_result(struct machine *m, int mcu, const struct msg_neopixel_result *msg);

extern const struct gcode_command leds_commands[];
extern const unsigned leds_command_count;

#endif
