/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stamps.h - where the clock estimates get their time stamps from: the kernel module stepd_stamp, the edge stamps of the
 * GPIO character device, or nothing but the readers.
 *
 * Each MCU gets the best that its configuration and this machine have. Whatever goes away in mid-run, what is next best takes
 * over, with a word; nothing here can fail but the stamps themselves.
 * Owner: struct run. Threads: PLAN.
 */
#ifndef DAEMON_RT_STAMPS_H
#define DAEMON_RT_STAMPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/machine_config.h"
#include "daemon/rt/rt_stamps.h"
#include "daemon/rt/rt_thread.h"

enum stamps_line { STAMPS_NO_LINE, STAMPS_BY_MODULE, STAMPS_BY_KERNEL };

struct stamps_mcu {
	int tty;
	int line_fd;           /* of the character device, -1: none */
	enum stamps_line line; /* who stamps the sync line's edges */
	bool bytes;            /* the module stamps those of the tty */
	bool used;             /* the clock estimate goes by the line */
	bool warned;
};

struct stamps {
	const struct machine_config *mc;
	struct rt_thread *rt; /* NULL: not yet */
	size_t mcus;
	struct stamps_mcu mcu[ENGINE_MCUS];
	int session; /* /dev/stepd-stamp, -1: none */
	void *map;
	size_t map_size;
	struct stamp_ring ring;
	bool releasing;
	uint32_t released; /* as rt_stamps_end() returned it */
	int64_t watch_ns; /* lines that are not in use by then are worth a word; 0: nothing to watch */
	/* A line for the user; error: something is worse than configured. */
	void (*say)(void *ctx, bool error, const char *text);
	void *ctx;
};

/* Before the readers start: attach to the ttys (-1: it has none) and lines what there is. say and ctx are set. */
void stamps_open(struct stamps *s, const struct machine_config *mc, const int *tty, size_t mcus);
/* The rt thread runs. */
void stamps_start(struct stamps *s, struct rt_thread *rt);
/* After the rt thread has ended, before the ttys are closed. */
void stamps_close(struct stamps *s);

/* As machine_config_hooks has it. */
void stamps_line_used(struct stamps *s, size_t mcu, bool used);
/* Time passes. ready: the machine is. */
void stamps_poll(struct stamps *s, int64_t now_ns, bool ready);
/* Let go of the module: it can be unloaded soon. 0, or a negative errno with a text in err. */
int stamps_release(struct stamps *s, char *err, size_t err_size);

/* A line of STATUS for each MCU. Returns what snprintf does. */
int stamps_status(struct stamps *s, char *buf, size_t cap);

#endif
