/* SPDX-License-Identifier: GPL-2.0-or-later */
/* track.h - where the axes were when, of the last seconds: for samples that are taken while they move.
 *
 * From what the rt core publishes, at each poll while it is on; straight between two looks.
 * Owner: struct machine. Threads: PLAN. Units: _s machine time, _mm machine coordinates.
 */
#ifndef DAEMON_PROBE_TRACK_H
#define DAEMON_PROBE_TRACK_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

enum { TRACK_LOOKS = 2048 };
#define TRACK_NS ((int64_t)4 * 1000 * 1000) /* between two looks, at most */

struct track {
	bool on;
	double least_s; /* between two looks */
	uint32_t looks; /* all of them; the last TRACK_LOOKS are kept */
	struct track_look {
		double at_s, mm[3];
	} look[TRACK_LOOKS];
};

/* Start, with nothing in it; at least the last keep_s are kept, however often it is polled. */
void track_start(struct track *t, double keep_s);
void track_stop(struct track *t);
/* machine_poll(): after the state has been read. */
void track_look(struct track *t, const struct machine *m);
/* Where it was at that time. False: not known, it is too long ago; *later: not known yet. */
bool track_at(const struct track *t, double at_s, double mm[3], bool *later);

#endif
