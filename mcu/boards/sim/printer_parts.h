/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printer_parts.h - parts of the printer model besides motors and warm ones: turning fans, lights.
 *
 * Owner, threads: as struct printer. Units: _s of the MCU's time, as printer.now_s.
 */
#ifndef SIM_PRINTER_PARTS_H
#define SIM_PRINTER_PARTS_H

#include <stdbool.h>
#include <stdint.h>

struct printer;

enum { PRINTER_ROTORS_MAX = 16, PRINTER_LIGHTS_MAX = 8, PRINTER_LIGHT_BYTES = 1024 };

/* A fan and its tachometer. */
struct printer_rotor {
	uint8_t mcu, pin; /* that drives it */
	bool invert;
	uint8_t tacho_mcu, tacho_pin;
	double rpm, lag_s; /* at full power; how long its speed takes */
	int ppr;           /* pulses a turn */
	/* state */
	bool stuck, tacho_dead;
	double drive, hz, turns, at_s;
};

/* A chain of lights: WS2812 on one pin, or, if clocked, APA102 on two. */
struct printer_light {
	uint8_t mcu, pin, clock_pin;
	bool clocked;
	uint32_t frame_bits; /* APA102: of a frame's lights; what follows them means nothing */
	/* state */
	bool busy;      /* its MCU never finds the time to send a whole frame */
	bool data, lit; /* lit: within a frame */
	double edge_s;
	uint8_t shift;
	uint32_t bits, frames, zeros;
	uint8_t byte[PRINTER_LIGHT_BYTES]; /* of the frame under way, or the last */
};

/* Add a part; state is ignored. Returns its index, -ENOSPC, -EINVAL or -EBUSY as the others of printer.h. A fan's pin
 * may have another role. */
int printer_add_rotor(struct printer *p, const struct printer_rotor *r);
int printer_add_light(struct printer *p, const struct printer_light *l);

/* Something holds the fan, or no longer. At printer.now_s, as all that follows. */
void printer_rotor_stick(struct printer *p, struct printer_rotor *r, bool stuck);

/* Break or mend one in the words of printer_events.h; do_it false: only say whether there is that action. */
bool printer_rotor_action(struct printer *p, struct printer_rotor *r, const char *action,
			  bool do_it);
bool printer_light_action(struct printer_light *l, const char *action, bool do_it);
extern const char printer_rotor_actions[], printer_light_actions[];
/* Whether the lights at that pin are busy so. */
bool printer_light_busy(const struct printer *p, uint8_t mcu, uint16_t pin);

/* printer.c: their pins get their roles; false: one has another. */
bool printer_claim_rotor(struct printer *p, const struct printer_rotor *r, unsigned index);
bool printer_claim_light(struct printer *p, const struct printer_light *l, unsigned index);

/* For printer.c. */
void printer_rotors_drive(struct printer *p, uint8_t mcu, uint8_t pin, double share);
int printer_rotor_read(struct printer *p, struct printer_rotor *r);
void printer_light_edge(struct printer *p, struct printer_light *l, uint8_t pin, bool level);

#endif
