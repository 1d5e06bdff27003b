/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip.h - what boards that are chips have in common: the instance, its main loop and serial line.
 *
 * Threads: the main loop, but for interrupts. Owner: chip_loop.c and the board's own files.
 */
#ifndef CHIP_CHIP_H
#define CHIP_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu.h"

extern struct mcu chip_mcu;

/* The compressed dictionary; made by mcu/tools/mkdict.c. */
extern const WIRE_ROM uint8_t chip_dict[];
extern const uint16_t chip_dict_len;

/* Start the core with this memory, and run it for good; the board's clock and serial line run already. */
void chip_loop(void *arena, size_t arena_size) __attribute__((noreturn));

/* Bytes that have come in, in one piece, and then: that so many of them are done with. None before
 * there may be a whole frame. */
bool chip_serial_waiting(void);
uint8_t chip_serial_peek(const uint8_t **bytes);
void chip_serial_done(uint8_t count);

/* ---- by the board ---- */

/* CAN: another node has got this one's id. Set by the link's interrupt. */
extern volatile bool chip_link_lost;

/* Tell the watchdog that the loop goes round. */
void chip_watchdog(void);

/* Sleep until an interrupt, unless there is something to do. */
void chip_idle(void);
#endif
