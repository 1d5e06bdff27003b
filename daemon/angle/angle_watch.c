// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/angle/angle_watch.h"

#include <math.h>
#include <string.h>

#include "daemon/angle/angle_table.h"

#define REF_S 0.1
/* Steps that the MCU has not taken in time are found elsewhere by then: the lead is low, or it has shut down. */
#define BEYOND_S 0.3
/* A rotor that stands comes by the right place once a turn. */
#define WITHIN_S 0.01
enum { REF_SAMPLES = 5, BEYOND_SAMPLES = 3, FAILED_MAX = 20 };

void angle_watch_forget(struct angle_watch *w, double from_s)
{
	w->known = false;
	w->count = w->beyond = w->failed = 0;
	w->from_s = from_s;
	w->off_steps = 0;
}

/* Which of the two ways it may count, by how constant the angle is against the counter. */
static bool constant(const struct angle_watch *w, const struct angle_motor *m, int way)
{
	if (w->sign && (w->sign < 0) != way)
		return false;
	return w->spread[way] * m->full_steps <= m->most_steps / 2;
}

static void learn(struct angle_watch *w, bool plus, bool minus)
{
	if (plus != minus)
		w->sign = plus ? 1 : -1;
}

static enum angle_verdict refer(struct angle_watch *w, const struct angle_motor *m)
{
	bool plus = constant(w, m, 0), minus = constant(w, m, 1);
	enum angle_verdict verdict = w->lost ? ANGLE_FOUND : ANGLE_UNKNOWN;
	unsigned count = w->count;

	w->count = 0;
	if (!plus && !minus)
		return ++w->failed % FAILED_MAX ? ANGLE_UNKNOWN : ANGLE_DEAF;
	learn(w, plus, minus);
	w->known = true;
	w->failed = w->beyond = 0;
	for (int way = 0; way < 2; way++)
		w->ref[way] = w->first[way] + w->sum[way] / count;
	if (w->lost)
		w->off_steps = angle_wrapped(w->ref[w->sign < 0] - w->lost_ref[w->sign < 0]) *
			       (w->sign < 0 ? -1 : 1) * m->full_steps;
	w->lost = false;
	return verdict;
}

static enum angle_verdict prepare(struct angle_watch *w, const struct angle_motor *m, double at_s,
				  const double rest[2])
{
	if (w->count == 0) {
		memcpy(w->first, rest, sizeof(w->first));
		memset(w->sum, 0, sizeof(w->sum));
		memset(w->spread, 0, sizeof(w->spread));
		w->begin_s = at_s;
	}
	w->count++;
	for (int way = 0; way < 2; way++) {
		double d = angle_wrapped(rest[way] - w->first[way]);

		w->sum[way] += d;
		w->spread[way] = fmax(w->spread[way], fabs(d));
	}
	if (at_s < w->begin_s + REF_S || w->count < REF_SAMPLES)
		return ANGLE_UNKNOWN;
	return refer(w, m);
}

enum angle_verdict angle_watch_take(struct angle_watch *w, const struct angle_motor *m, double at_s,
				    double turns, int64_t counter)
{
	double way = fmod((double)counter, m->full_steps * m->microsteps) /
		     (m->full_steps * m->microsteps);
	const double rest[2] = { turns - way, turns + way };
	double off[2];

	if (at_s < w->from_s)
		return ANGLE_UNKNOWN;
	if (!w->known)
		return prepare(w, m, at_s, rest);
	for (int k = 0; k < 2; k++)
		off[k] = angle_wrapped(rest[k] - w->ref[k]) * (k ? -1 : 1) * m->full_steps;
	if (!w->sign && fmax(fabs(off[0]), fabs(off[1])) > 2 * m->most_steps)
		learn(w, fabs(off[0]) <= m->most_steps / 2, fabs(off[1]) <= m->most_steps / 2);
	w->off_steps = w->sign ? off[w->sign < 0] : (fabs(off[0]) < fabs(off[1]) ? off[0] : off[1]);
	w->worst_steps = fmax(w->worst_steps, fabs(w->off_steps));
	if (fabs(w->off_steps) <= m->most_steps) {
		if (!w->within)
			w->within_s = at_s;
		w->within = true;
		if (at_s >= w->within_s + WITHIN_S)
			w->beyond = 0;
		return ANGLE_FOLLOWS;
	}
	w->within = false;
	if (w->beyond++ == 0)
		w->beyond_s = at_s;
	if (w->beyond < BEYOND_SAMPLES || at_s < w->beyond_s + BEYOND_S)
		return ANGLE_FOLLOWS;
	w->lost = true;
	memcpy(w->lost_ref, w->ref, sizeof(w->lost_ref));
	w->known = false;
	w->count = w->beyond = 0;
	return ANGLE_LOSES;
}
