/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_bulk.h - samples of a sensor, collected into messages, with the time of the last one in each.
 *
 * Owner: the sensor's object. Threads: the firmware's main loop. Units: clock = ticks.
 */
#ifndef MCU_MCU_BULK_H
#define MCU_MCU_BULK_H

#include "mcu.h"

enum { MCU_BULK_BYTES = 51 }; /* of a message: as many whole samples as fit */

struct mcu_bulk {
	uint16_t sequence, overflows;
	uint8_t sample_bytes; /* 0: 4, and the time of each message's last sample is told */
	uint8_t len;
	uint32_t clock; /* of the last sample; kept here, as stack is short */
	uint8_t data[MCU_BULK_BYTES];
};

/* Start again with message number 0, and with the sensor's timer at that clock, from then on every rest_ticks. Too many of
 * them are a shutdown, and so is a bus that is not set up. */
void mcu_bulk_start(struct mcu *m, struct mcu_bulk *b, struct mcu_timer *timer, uint32_t clock,
		    uint32_t rest_ticks, bool has_bus);
/* A sample that was ready at that clock. */
void mcu_bulk_add(struct mcu *m, struct mcu_bulk *b, uint8_t oid, const uint8_t *sample,
		  uint32_t clock);
/* Answer a question for the state now. */
void mcu_bulk_status(struct mcu *m, const struct mcu_bulk *b, uint8_t oid);

#endif
