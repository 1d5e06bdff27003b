/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_angle.h - a magnet on a motor's shaft and the sensor below it: A1333, AS5047D or TLE5012B, on SPI.
 *
 * The angle is that of the rotor, whatever the host believes. Frames as the data sheets have them (Allegro A1333, ams
 * AS5047D v1-06, Infineon TLE5012B User's Manual): commands, parity, CRC, which answer comes when, when an angle is
 * taken. Owner: the caller. Threads: the sims'. Units: turns.
 */
#ifndef SIM_CHIP_ANGLE_H
#define SIM_CHIP_ANGLE_H

#include <stdbool.h>
#include <stdint.h>

struct printer;
struct printer_chip_ops;

enum chip_angle_type { CHIP_A1333, CHIP_AS5047D, CHIP_TLE5012B };

struct chip_angle {
	enum chip_angle_type type;
	struct printer *printer;
	int stepper; /* of it */
	double steps_per_turn;
	double start_turns; /* what it reads with the motor where it was at the start, without bend */
	bool reverse;       /* it counts the other way */
	double bend_turns; /* the magnet is off the axis: it reads up to so much too much or too little, */
	double bend_at;     /* most at this part of a turn */
	double noise_turns; /* each reading is off by up to so much */
	/* what breaks it: "silent" (no answer), "garbled" (a bit is wrong), "weak" (it says that it has no angle) */
	bool silent, garbled, weak;
	/* state */
	uint16_t reg[256];
	uint16_t taken; /* the angle, a turn being 65536 */
	uint16_t word[8], in[8], answer;
	uint8_t count;   /* bytes of this frame */
	uint32_t frames; /* that asked for an angle */
};

/* What it would read now without noise, turns from 0 to 1. */
double chip_angle_turns(const struct chip_angle *c);
extern const struct printer_chip_ops chip_angle_spi;

#endif
