// SPDX-License-Identifier: GPL-2.0-or-later
/* The lead: how long before their time steps are on their way. The horizon is longer by what cycles and lines were found
 * to be late; where that is not enough, motion is slowed down, then held, so that the lead comes back.
 *
 * It is the least of: how far ahead of now all steps have been handed out (late cycles take from it, and a link without
 * room; an MCU without a free move slot has just so much of a lead), and on each link how long before its time a step is
 * there whose frame has not been acknowledged.
 * What a step is late for in spite of that is a fault (engine_late, hand_out): motion up to the horizon is decided. */
#include <math.h>

#include "engine_private.h"

/* Motion is slowed down, held below these shares of the low-water mark, which counts for so much at most. A cycle that comes
 * late is over then; a line may fall behind until all has gone out that is decided. So more has to be left of the lead of
 * what is not there soon. */
#define LEAD_SLOW_SHARE 0.3
#define LEAD_HOLD_SHARE 0.12
#define LINK_SLOW_SHARE 0.6
#define LINK_HOLD_SHARE 0.35
#define LINK_SOON_NS ((int64_t)8 * 1000 * 1000)
#define LEAD_MARK_S_MAX 80e-3
/* Rate while it is slowed down. */
#define LEAD_RATE 0.5
/* For so long it has to be above the mark until the next lower level. */
#define LEAD_BACK_NS ((int64_t)1000 * 1000 * 1000)

/* What is late by less than this changes nothing. */
#define LATE_S_MIN 5e-3
/* The horizon becomes longer by so much at most. */
#define LONGER_S_MAX 0.4
/* In motion it grows by so much a second, and in a cycle by what is due to so much of it. */
#define LONGER_RATE 0.5
#define LONGER_STEP_S 20e-3
/* What was late fades away in so many seconds, to 1/e. */
#define LATE_FADE_S 30.0

void engine_lead_sent(struct engine_mcu *m, uint64_t ticket, int64_t due_ns)
{
	struct engine_frame *f = &m->frame[ticket & (LINK_SLOTS - 1)];

	if (f->ticket == ticket + 1 && f->due_ns <= due_ns)
		return;
	f->ticket = ticket + 1;
	f->due_ns = due_ns;
}

/* Cycles that come late, and frames that are acknowledged late: the horizon is longer by the worst, for a while. It grows
 * slowly, as a line has to carry more then than motion needs; at rest at once. */
static void look_farther(struct engine *e, int64_t now_ns)
{
	double dt_s = (double)(now_ns - e->lead.seen_ns) * 1e-9, late_s, target_s;
	double step_s = LONGER_RATE * engine_earlier_s(dt_s, LONGER_STEP_S);

	late_s = e->lead.late_s - e->lead.late_s * engine_earlier_s(dt_s / LATE_FADE_S, 1);
	if (e->moving && e->make_next_ns > 0)
		late_s = engine_later_s(late_s, (double)(now_ns - e->make_next_ns) * 1e-9);
	for (int i = 0; i < e->mcus; i++) {
		struct link *link = &e->mcu[i].link;
		int64_t stay_ns = link_take_stay_ns(link, now_ns);

		if (e->mcu[i].ready && !e->mcu[i].apart)
			late_s = engine_later_s(late_s,
						(double)(stay_ns - link->rtt_min_ns / 2) * 1e-9);
	}
	e->lead.late_s = late_s;
	e->lead.seen_ns = now_ns;
	target_s = engine_earlier_s(engine_later_s(late_s - LATE_S_MIN, 0), LONGER_S_MAX);
	if (e->warp.v_mm_s > 0)
		target_s = engine_earlier_s(target_s, e->lead.longer_s + step_s);
	e->status.longer_s = e->lead.longer_s = target_s;
	for (int i = 0; i < e->mcus; i++)
		link_set_lead(&e->mcu[i].link, (int64_t)(engine_horizon_s(e) * 1e9));
}

static int level_of(double lead_s, double slow_s, double hold_s)
{
	return lead_s < hold_s ? 2 : lead_s < slow_s;
}

/* Of frames that have not been acknowledged. A round trip that is longer than the least is taken to be longer on the
 * way there; and the oldest frame has been on its way for so long already. One that waits goes when the window has room
 * for it: once those have been acknowledged that fill it. Returns the level that this calls for. */
static int link_level(struct engine_mcu *m, double low_s, int64_t now_ns, double *lead_s)
{
	const struct link *link = &m->link;
	int64_t trip_ns = link->rtt_ns, way_ns;
	int64_t free_ns = link->wire_free_ns > now_ns ? link->wire_free_ns : now_ns;
	int64_t age_ns = link_age_ns(link, now_ns);
	uint32_t window = link_window(link), bytes = 0;
	uint64_t oldest = link->acked;
	int worst = 0;

	*lead_s = INFINITY;
	if (age_ns > trip_ns)
		trip_ns = age_ns;
	way_ns = trip_ns - link->rtt_min_ns / 2;
	for (uint64_t i = link->acked; i <= link->fill; i++) {
		struct engine_frame *f = &m->frame[i & (LINK_SLOTS - 1)];
		const struct link_slot *slot = link_slot_view(link, i);
		int64_t there_ns;
		double frame_s;
		int level;

		for (bytes += slot->len; !link_has_room(window, i - oldest, bytes - slot->len);
		     oldest++) {
			const struct engine_frame *full = &m->frame[oldest & (LINK_SLOTS - 1)];

			bytes -= link_slot_view(link, oldest)->len;
			if (full->out_ns + trip_ns > free_ns)
				free_ns = full->out_ns + trip_ns;
		}
		f->out_ns = free_ns;
		if (i < link->sent && !link->resending && !link->recovering)
			f->out_ns = slot->sent_ns;
		if (f->ticket != i + 1)
			continue;
		there_ns = f->out_ns + way_ns > now_ns ? f->out_ns + way_ns : now_ns;
		frame_s = (double)(f->due_ns - there_ns) * 1e-9;
		level = there_ns < now_ns + LINK_SOON_NS
				? level_of(frame_s, LEAD_SLOW_SHARE * low_s, LEAD_HOLD_SHARE * low_s)
				: level_of(frame_s, LINK_SLOW_SHARE * low_s,
					   LINK_HOLD_SHARE * low_s);
		worst = level > worst ? level : worst;
		*lead_s = engine_earlier_s(*lead_s, frame_s);
	}
	return worst;
}

void engine_lead_made(struct engine *e, double due_s)
{
	for (int i = 0; i < e->steppers; i++) {
		const struct engine_stepper *s = &e->stepper[i];
		const struct engine_mcu *m = &e->mcu[s->mcu];

		if (s->present && s->has_pending && moveq_room(&m->moveq) > 0)
			due_s = engine_earlier_s(due_s, engine_time_s(m, s->pending.first_clock));
	}
	e->lead.made_s = due_s;
}

static void tell(struct engine *e)
{
	struct ev_rec ev = { .kind = EV_HOLD,
			     .hold = { .why = EV_HOLD_LEAD,
				       .level = (uint8_t)e->lead.level,
				       .mcu = e->lead.mcu,
				       .lossy = e->lead.mcu < ENGINE_MCUS &&
						link_lossy(&e->mcu[e->lead.mcu].link),
				       .at_s = e->now_s,
				       .lead_s = e->lead.least_s } };

	engine_event(e, &ev);
}

static void set_level(struct engine *e, int level, int64_t now_ns)
{
	engine_tell_param(e, PLAN_PARAM_LEAD_LEVEL, e->lead.level, level);
	e->status.slowed += level > e->lead.level;
	e->lead.level = level;
	e->lead.since_ns = now_ns;
	tell(e);
}

void engine_lead_watch(struct engine *e, int64_t now_ns)
{
	double lead_s = e->moving ? e->lead.made_s - e->now_s : INFINITY;
	double low_s = engine_earlier_s(e->cfg.low_water_s, LEAD_MARK_S_MAX);
	uint8_t mcu = UINT8_MAX;
	int level;

	look_farther(e, now_ns);
	if (e->held)
		return;
	level = level_of(lead_s, LEAD_SLOW_SHARE * low_s, LEAD_HOLD_SHARE * low_s);
	for (int i = 0; i < e->mcus; i++) {
		double link_s;
		int of_link;

		if (!e->mcu[i].ready || e->mcu[i].apart)
			continue;
		of_link = link_level(&e->mcu[i], low_s, now_ns, &link_s);
		if (of_link > level || (of_link == level && link_s < lead_s)) {
			lead_s = link_s;
			level = of_link;
			mcu = (uint8_t)i;
		}
	}
	if (level > 0 && level >= e->lead.level) {
		e->lead.mcu = mcu;
		e->lead.least_s = lead_s;
		e->lead.since_ns = now_ns;
	}
	if (level > e->lead.level)
		set_level(e, level, now_ns);
	else if (e->lead.level > 0 && now_ns - e->lead.since_ns >= LEAD_BACK_NS)
		set_level(e, e->lead.level - 1, now_ns);
	e->status.lead_level = (uint32_t)e->lead.level;
	warp_set_stretch(&e->warp, e->lead.level > 0 ? LEAD_RATE : 1);
	warp_set_hold(&e->warp, WARP_HOLD_LATE, e->lead.level > 1);
}
