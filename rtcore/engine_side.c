// SPDX-License-Identifier: GPL-2.0-or-later
/* A plan that is held in mid-path stands aside: what remains of its move and its ring stay as they are while records
 * come from another ring. To the trapezoid queue and all behind it that is one motion, with rests between. */
#include "engine_private.h"

static void side_swap_rings(struct engine *e)
{
	struct ring *plan = e->cfg.plan;

	e->cfg.plan = e->cfg.side;
	e->cfg.side = plan;
	engine_supply_forget(e);
}

/* Asked again and again until it has come about: what is not at rest yet goes on coming to rest. */
void engine_side_begin(struct engine *e)
{
	struct warp *w = &e->warp;

	if (e->status.side || e->held || !e->cfg.side || !(w->hold & WARP_HOLD_ASKED) || !w->paused)
		return;
	engine_supply_end(e);
	engine_tell_param(e, PLAN_PARAM_FEED_HOLD, 1, 0);
	e->side = *w;
	warp_drop(w, w->at_s); /* the planner goes on from where the axes are */
	warp_set_hold(w, WARP_HOLD_ASKED, false);
	side_swap_rings(e);
	e->status.side = 1;
}

/* The axes are where it was held, and called so. */
void engine_side_return(struct engine *e)
{
	struct warp was, *w = &e->warp;
	double start_s;

	if (!e->status.side)
		return;
	engine_supply_end(e);
	was = *w;
	engine_wait_for_names(e);
	start_s = engine_rest_start_s(e);
	*w = e->side;
	warp_set_feed(w, was.feed, was.epoch);
	warp_set_nudge(w, was.nudge.asked_mm);
	warp_set_hold(w, WARP_HOLD_ASKED, false);
	w->until_s = was.until_s;
	if (start_s > w->at_s) {
		w->dwell_end_s += start_s - w->at_s;
		w->at_s = start_s;
	}
	side_swap_rings(e);
	e->status.side = 0;
	e->moving = true;
}

/* False: it is still being forgotten. */
bool engine_side_forget(struct engine *e)
{
	const struct plan_rec *rec;

	if (!e->status.side)
		return true;
	for (int i = 0; i < ENGINE_SIDE_FORGET_MAX; i++) {
		rec = ring_peek(e->cfg.side);
		if (!rec) {
			e->status.side = 0;
			return true;
		}
		engine_forget_record(e, rec);
		ring_drop(e->cfg.side);
	}
	return false;
}
