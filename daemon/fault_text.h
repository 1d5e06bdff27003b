/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault_text.h - the faults of the rt core in words, for messages and for the flight record.
 *
 * Threads: any.
 */
#ifndef DAEMON_FAULT_TEXT_H
#define DAEMON_FAULT_TEXT_H

#include <stddef.h>

/* enum engine_fault; any other value has a text, too. */
const char *fault_text(unsigned fault);

/* What broke, for FAULT_STEPGEN: enum stepgen_result, in ev_fault.detail. */
const char *fault_stepgen_text(int result);

/* A word for the state of an MCU's line: enum line_state; any other value has one, too. */
const char *fault_line_name(unsigned state);

/* What became of an MCU's line and what to do: enum line_state. iface: of a CAN interface; NULL: a serial line. */
void fault_line_text(unsigned state, const char *iface, char *text, size_t size);

#endif
