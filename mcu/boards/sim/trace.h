/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace.h - a text file of every change of an output pin.
 *
 * First line "# stepd trace 1 freq_hz=<n>", then one line an edge in order of time: "<clock> <pin>
 * <level>", clock a 64-bit decimal in ticks of the MCU, pin a name of the dictionary, level 0 or 1
 * (0..PWM_MAX for a hardware PWM). Buffered: complete after trace_close().
 * Owner: whoever opened it. Threads: one.
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <stdint.h>

struct sim;
struct trace;

/* Create or truncate the file. Returns NULL with errno set. The sim must live as long. */
struct trace *trace_open(const char *path, const struct sim *sim);

/* Add a line. A failed write is remembered for trace_close(). */
void trace_edge(struct trace *t, uint16_t pin, uint16_t level, uint64_t clock);

/* Push what is buffered to the file, so that a reader can follow. */
void trace_flush(struct trace *t);

/* Write out, close, free. NULL is fine. Returns 0 or -errno of the first failed write. */
int trace_close(struct trace *t);
#endif
