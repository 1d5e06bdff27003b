/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stamp.h - inside the module: sessions and their rings, sync lines, the line discipline.
 *
 * Threads: any; what may be called from an interrupt says so, the rest may sleep. Errors: 0 or a negative errno.
 * Units: ns, CLOCK_MONOTONIC.
 */
#ifndef STAMP_H
#define STAMP_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "stepd_stamp_uapi.h"

struct device;
struct stamp_sync;

/* An open /dev/stepd-stamp. The file has a reference, and each tty that is bound to it. */
struct stamp_session {
	struct kref ref;
	struct mutex lock;             /* setup, sync[] */
	raw_spinlock_t ring_lock;      /* the ring's writers: interrupts and ttys */
	struct stepd_stamp_ring *ring; /* set once, with release; then there until the session ends */
	struct stepd_stamp_record *records;
	u32 mask;
	u64 head; /* the mapped one is not read back */
	struct stamp_sync *sync[STEPD_STAMP_SYNC_MAX];
};

/* stamp_main.c */

/* The session behind a file descriptor, with a reference: or -EBADF, or -ENXIO if it has no ring. Sleeps. */
struct stamp_session *stamp_session_get(int fd);
void stamp_session_put(struct stamp_session *s);
/* Append a record. Any context, hard interrupts too; the session has a ring. */
void stamp_session_add(struct stamp_session *s, u16 kind, u16 source, s64 time_ns, u64 position,
		       u32 count);

/* stamp_sync.c: called with s->lock held. dev: whose name the line is looked up by. */
int stamp_sync_attach(struct stamp_session *s, struct device *dev,
		      const struct stepd_stamp_sync *want);
int stamp_sync_detach(struct stamp_session *s, u32 source);
void stamp_sync_detach_all(struct stamp_session *s);

/* stamp_ldisc.c */
int stamp_ldisc_register(void);
void stamp_ldisc_unregister(void);

#endif
