/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault_text.h - the faults of the rt core in words, for messages and for the flight record.
 *
 * Threads: any.
 */
#ifndef DAEMON_FAULT_TEXT_H
#define DAEMON_FAULT_TEXT_H

/* enum engine_fault; any other value has a text, too. */
const char *fault_text(unsigned fault);

/* What broke, for FAULT_STEPGEN: enum stepgen_result, in ev_fault.detail. */
const char *fault_stepgen_text(int result);

#endif
