/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steplist.c - the exact times of the next steps, one after the other. See steprun.h. */
#include <string.h>

#include "steprun.h"
#include "vec2.h"

/* Times of cnt steps of a piece from number k on: two at a time, one more than cnt if that is odd. */
static void steplist_fill(double *to, const struct stepgen_piece *p, int32_t k, int32_t cnt)
{
	const vec2 start = vec2_set(p->start_s), dur = vec2_set(p->dur_s), two = vec2_set(2.0);
	vec2 x = vec2_set(p->x0 + (double)k) + (vec2){ 0.0, 1.0 };

	if (p->a == 0.0) {
		const vec2 slow = vec2_set(1.0 / (p->v + 1e-300));

		for (int32_t i = 0; i < cnt; i += 2, x += two)
			vec2_store(to + i, start + vec2_min(x * slow, dur));
		return;
	}
	const vec2 v = vec2_set(p->v), v2 = v * v, a2 = vec2_set(2.0 * p->a);
	const vec2 zero = vec2_set(0.0), tiny = vec2_set(1e-300);

	for (int32_t i = 0; i < cnt; i += 2, x += two) {
		vec2 den = v + vec2_sqrt(vec2_max(v2 + a2 * x, zero)) + tiny;

		vec2_store(to + i, start + vec2_min((x + x) / den, dur));
	}
}

int32_t steplist_final(struct stepgen *sg, uint32_t i, double due_s, double limit_s)
{
	enum steprun_pull more = STEPRUN_PULLED;
	const struct stepgen_piece *p;
	double last_s;

	while (i + 1 >= sg->piece_head && more == STEPRUN_PULLED)
		more = steprun_pull(sg, limit_s + sg->filter_s);
	if (i == sg->piece_head)
		return 0;
	p = steprun_piece(sg, i);
	if (i + 1 != sg->piece_head)
		return p->steps;
	last_s = p->start_s + steprun_time_s(p, p->steps - 1);
	/* The next crossing is at limit_s + filter_s or later; or at the queue's end or later; or it
	 * comes too late to matter. */
	if ((more == STEPRUN_HORIZON && last_s <= limit_s) ||
	    (more == STEPRUN_DRAINED && (last_s < due_s || last_s + sg->filter_s <= sg->tq->end_s)))
		return p->steps;
	return p->steps - 1;
}

void steplist_extend(struct stepgen *sg, int32_t want, double due_s, double limit_s)
{
	int32_t have = sg->list_end - sg->list_at;

	if (sg->list_at > STEPGEN_LIST / 2 || have == 0) {
		memmove(sg->list_s, sg->list_s + sg->list_at, (size_t)have * sizeof(*sg->list_s));
		sg->list_at = 0;
		sg->list_end = have;
	}
	while (have < want) {
		int32_t end = steplist_final(sg, sg->list_piece, due_s, limit_s);
		const struct stepgen_piece *p = steprun_piece(sg, sg->list_piece);

		if (end == 0 || (have > 0 && p->dir != sg->list_dir))
			return;
		if (sg->list_k == p->steps) { /* all listed; or what wasn't, is cancelled */
			sg->list_piece++;
			sg->list_k = 0;
			continue;
		}
		int32_t cnt = end - sg->list_k < want - have ? end - sg->list_k : want - have;

		if (cnt <= 0)
			return;
		steplist_fill(sg->list_s + sg->list_end, p, sg->list_k, cnt);
		sg->list_dir = p->dir;
		sg->list_end += cnt;
		sg->list_k += cnt;
		have += cnt;
	}
}

double steplist_time_s(struct stepgen *sg, int32_t j)
{
	const struct stepgen_piece *p;
	uint32_t i = sg->piece_tail;

	if (j <= sg->list_end - sg->list_at)
		return sg->list_s[sg->list_at + j - 1];
	for (p = steprun_piece(sg, i); j > p->steps - p->first; p = steprun_piece(sg, ++i))
		j -= p->steps - p->first;
	return p->start_s + steprun_time_s(p, p->first + j - 1);
}

void steplist_consume(struct stepgen *sg, int32_t count)
{
	bool beyond = count > sg->list_end - sg->list_at;

	sg->count += sg->list_dir * count;
	sg->list_at += count;
	while (count > 0) {
		struct stepgen_piece *p = steprun_piece(sg, sg->piece_tail);
		int32_t left = p->steps - p->first;

		if (left > count) {
			p->first += count;
			break;
		}
		count -= left;
		sg->piece_tail++;
	}
	if (beyond) {
		sg->list_at = sg->list_end = 0;
		sg->list_piece = sg->piece_tail;
		sg->list_k = sg->piece_tail == sg->piece_head
				     ? 0
				     : steprun_piece(sg, sg->piece_tail)->first;
	}
}
