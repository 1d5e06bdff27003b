// SPDX-License-Identifier: GPL-2.0-or-later
/* The lead: how long before their time steps are on their way. Below the watermark motion is slowed down, then held, so
 * that it comes back.
 *
 * It is the least of: how far ahead of now all steps have been handed out (late cycles take from it, and a link without
 * room; an MCU without a free move slot has just so much of a lead), and on each link how long before its time a step is there whose frame has not been
 * acknowledged. While it is low, steps are handed out earlier, too.
 * What a step is late for in spite of that is a fault (engine_late, hand_out): motion up to the horizon is decided. */
#include <math.h>

#include "engine_private.h"

/* Motion is slowed down, held below these shares of the low-water mark, or of the time for which a link
 * waits for more to send in a frame. */
#define LEAD_SLOW_SHARE 0.5
#define LEAD_HOLD_SHARE 0.2
#define LEAD_MARK_S_MAX (0.5e-9 * LINK_LEAD_NS)
/* Rate while it is slowed down. */
#define LEAD_RATE 0.5
/* For so long it has to be above the mark until the next lower level. */
#define LEAD_BACK_NS ((int64_t)1000 * 1000 * 1000)

void engine_lead_sent(struct engine_mcu *m, uint64_t ticket, int64_t due_ns)
{
	struct engine_frame *f = &m->frame[ticket & (LINK_SLOTS - 1)];

	if (f->ticket == ticket + 1 && f->due_ns <= due_ns)
		return;
	f->ticket = ticket + 1;
	f->due_ns = due_ns;
}

/* Of frames that have not been acknowledged. A round trip that is longer than the least is taken to be longer on the
 * way there; and the oldest frame has been on its way for so long already. */
static double link_lead_s(const struct engine_mcu *m, int64_t now_ns)
{
	const struct link *link = &m->link;
	int64_t way_ns = link->rtt_ns - link->rtt_min_ns / 2, least_ns = INT64_MAX;
	int64_t free_ns = link->wire_free_ns > now_ns ? link->wire_free_ns : now_ns;
	int64_t age_ns = now_ns - link->slots[link->acked & (LINK_SLOTS - 1)].first_ns;

	if (link->acked < link->sent && age_ns > way_ns)
		way_ns = age_ns;
	for (uint64_t i = link->acked; i <= link->fill; i++) {
		const struct engine_frame *f = &m->frame[i & (LINK_SLOTS - 1)];
		int64_t there_ns = free_ns + way_ns;

		if (f->ticket != i + 1)
			continue;
		if (i < link->sent && !link->resending && !link->recovering)
			there_ns = link->slots[i & (LINK_SLOTS - 1)].sent_ns + way_ns;
		if (there_ns < now_ns)
			there_ns = now_ns;
		if (f->due_ns - there_ns < least_ns)
			least_ns = f->due_ns - there_ns;
	}
	return least_ns == INT64_MAX ? INFINITY : (double)least_ns * 1e-9;
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

	for (int i = 0; i < e->mcus; i++) {
		double link_s;

		if (!e->mcu[i].ready || e->mcu[i].apart)
			continue;
		link_s = link_lead_s(&e->mcu[i], now_ns);
		if (link_s < lead_s) {
			lead_s = link_s;
			mcu = (uint8_t)i;
		}
	}
	level = lead_s < LEAD_HOLD_SHARE * low_s ? 2 : lead_s < LEAD_SLOW_SHARE * low_s;
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
