/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_bulk.h - samples of a sensor, collected into messages, with the time of the last one in each.
 *
 * Owner: the sensor's object. Threads: the firmware's main loop. Units: clock = ticks.
 */
#ifndef MCU_MCU_BULK_H
#define MCU_MCU_BULK_H

#include "mcu.h"

enum { MCU_BULK_BYTES = 48 }; /* of a message: whole samples of 2, 3, 4 or 6 bytes */

struct mcu_bulk {
	uint16_t sequence, overflows;
	uint8_t len;
	uint8_t data[MCU_BULK_BYTES];
};

/* Start again with message number 0, and with the sensor's timer: every rest_ticks from now on. Too many of
 * them are a shutdown, and so is a bus that is not set up. */
void mcu_bulk_start(struct mcu *m, struct mcu_bulk *b, struct mcu_timer *timer, uint32_t rest_ticks,
		    bool has_bus);
/* A sample of 4 bytes that was ready at that clock. */
void mcu_bulk_add(struct mcu *m, struct mcu_bulk *b, uint8_t oid, const uint8_t sample[4],
		  uint32_t clock);
/* Answer a question for the state now. */
void mcu_bulk_status(struct mcu *m, const struct mcu_bulk *b, uint8_t oid);

#endif
