// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/print/buttons.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/print/print.h"

static const double START_S = 0.2, REST_S = 0.002;
/* A stamp beyond these is not believed. */
static const double AHEAD_S = 0.1, BEHIND_S = 30;
enum { REPEAT = 50 /* looks */ };

bool buttons_add(struct buttons *b, const struct button_input *input)
{
	struct button_group *g = b->group;

	if (b->inputs == BUTTONS_INPUTS_MAX)
		return false;
	while (g < b->group + b->groups &&
	       (g->mcu != input->pin->mcu || g->count == BUTTONS_IN_GROUP))
		g++;
	if (g == b->group + b->groups) {
		b->groups++;
		*g = (struct button_group){ .mcu = input->pin->mcu };
	}
	if (input->pin->invert)
		g->invert |= (uint8_t)(1u << g->count);
	g->input[g->count++] = b->inputs;
	b->input[b->inputs++] = *input;
	return true;
}

bool buttons_configure(struct buttons *b, struct session *s)
{
	for (struct button_group *g = b->group; g < b->group + b->groups; g++) {
		struct msg_config_buttons c = { .button_count = g->count };

		if (g->mcu != s->mcu)
			continue;
		if (!session_oid(s, &g->oid))
			return false;
		c.oid = g->oid;
		session_for(s, "the button or filament sensor at %s",
			    b->input[g->input[0]].pin->name);
		if (!session_config(s, MSG_ID_config_buttons, &c))
			return false;
		for (uint8_t i = 0; i < g->count; i++) {
			const struct pin *pin = b->input[g->input[i]].pin;
			struct msg_buttons_add add = { .oid = g->oid,
						       .pos = i,
						       .pull_up = (uint8_t)pin->pull };

			if (!session_pin(s, pin, UINT16_MAX, &add.pin) ||
			    !session_config(s, MSG_ID_buttons_add, &add))
				return false;
		}
	}
	session_for(s, NULL);
	return true;
}

static bool ask(struct machine *m, struct button_group *g)
{
	struct session *s = &m->session[g->mcu];
	struct msg_buttons_query q = { .oid = g->oid,
				       .retransmit_count = REPEAT,
				       .invert = g->invert };
	uint64_t clock;

	if (s->state != SESSION_READY || !(m->status.mcu[g->mcu].flags & ENGINE_MCU_CLOCK) ||
	    !clockmap_clock(&m->status.mcu[g->mcu].map, machine_now_s(m) + START_S, &clock))
		return false;
	q.clock = (uint32_t)clock;
	q.rest_ticks = (uint32_t)(REST_S * dictionary_number(&s->dict, "CLOCK_FREQ", 0));
	if (!session_send(s, MSG_ID_buttons_query, &q))
		return false;
	g->level = g->invert;
	g->acked = 0;
	memset(g->edge, 0, sizeof(g->edge));
	return true;
}

void buttons_poll(struct print *p)
{
	struct buttons *b = &p->buttons;

	for (struct button_group *g = b->group; g < b->group + b->groups; g++) {
		if (!g->asked)
			g->asked = ask(p->m, g);
	}
	buttons_analog_poll(p);
}

void buttons_attached(struct print *p, int mcu)
{
	for (size_t i = 0; i < p->buttons.groups; i++)
		if (p->buttons.group[i].mcu == mcu)
			p->buttons.group[i].asked = false;
	for (size_t i = 0; i < p->buttons.analogs; i++)
		if (p->buttons.analog[i].pin->mcu == mcu)
			p->buttons.analog[i].asked = false;
}

static void record(struct buttons *b, const struct machine *m, const struct button_change *c)
{
	if (b->owed.count <
	    PLAN_NOTES_MAX) /* a burst of more, and the ring full: that is for the motion */
		b->owed.note[b->owed.count++] = (struct plan_note){
			.what = c->pressed ? PLAN_PARAM_INPUT_ON : PLAN_PARAM_INPUT_OFF,
			.index = (uint16_t)c->input,
			.from = c->stamped,
			.to = machine_time_s(m, c->at_ns),
		};
}

void buttons_tell(struct print *p)
{
	struct buttons *b = &p->buttons;

	for (size_t i = 0; i < b->changes; i++) {
		const struct button_input *in = &b->input[b->change[i].input];

		in->changed(p, in->index, &b->change[i]);
		record(b, p->m, &b->change[i]);
	}
	b->changes = 0;
	if (b->owed.count && planner_note(p->m->planner, &b->owed) != -EAGAIN)
		b->owed.count = 0;
}

/* In order of time; those of one time as they come. */
void buttons_insert(struct buttons *b, const struct button_change *c)
{
	size_t i = b->changes++;

	for (; i > 0 && b->change[i - 1].at_ns > c->at_ns; i--)
		b->change[i] = b->change[i - 1];
	b->change[i] = *c;
}

static void take_level(struct buttons *b, struct button_group *g, uint8_t level, int64_t at_ns,
		       bool stamped)
{
	uint8_t changed = (uint8_t)(level ^ g->level);

	g->level = level;
	for (uint8_t i = 0; i < g->count; i++) {
		const struct button_change c = { .input = g->input[i],
						 .at_ns = at_ns,
						 .pressed = (level ^ g->invert) >> i & 1,
						 .stamped = stamped };

		if (changed & 1u << i)
			buttons_insert(b, &c);
	}
}

static struct button_group *group_of(struct buttons *b, const struct ev_message *ev, uint8_t oid)
{
	for (struct button_group *g = b->group; g < b->group + b->groups; g++)
		if (g->mcu == ev->mcu && g->oid == oid && g->asked)
			return g;
	return NULL;
}

void buttons_edge(struct print *p, const struct ev_message *ev, const struct msg_buttons_edge *msg)
{
	struct button_group *g = group_of(&p->buttons, ev, msg->oid);
	size_t i = msg->report % BUTTONS_REPORTS;

	if (!g)
		return;
	g->edge[i].clock = msg->clock;
	g->edge[i].report = msg->report;
	g->edge[i].known = true;
}

/* Host time of a clock that is near the present; false: it is not. */
static bool time_of(const struct machine *m, int mcu, uint32_t clock32, int64_t *at_ns)
{
	const struct clockmap *map = &m->status.mcu[mcu].map;
	double now_s = machine_now_s(m), ago_s;
	uint64_t clock;

	if (!clockmap_clock(map, now_s, &clock))
		return false;
	clock -= (uint64_t)(int64_t)(int32_t)((uint32_t)clock - clock32);
	ago_s = now_s - clockmap_time_s(map, clock);
	if (!(ago_s > -AHEAD_S && ago_s < BEHIND_S))
		return false;
	*at_ns = m->now_ns - (int64_t)(ago_s * 1e9);
	return true;
}

void buttons_state(struct print *p, const struct ev_message *ev, const struct msg_buttons_state *msg)
{
	struct buttons *b = &p->buttons;
	struct button_group *g = group_of(b, ev, msg->oid);
	struct msg_buttons_ack ack;
	uint8_t known;

	if (!g || b->changes + BUTTONS_IN_GROUP * BUTTONS_REPORTS > BUTTONS_CHANGES_MAX)
		return; /* it comes again */
	/* Those of them that were acknowledged after this was sent. */
	known = (uint8_t)(g->acked - msg->ack_count);
	if (known >= msg->state.len || msg->state.len > BUTTONS_REPORTS)
		return;
	ack = (struct msg_buttons_ack){ .oid = g->oid, .count = (uint8_t)(msg->state.len - known) };
	if (!session_send(&p->m->session[ev->mcu], MSG_ID_buttons_ack, &ack))
		return; /* it comes again */
	g->acked = (uint8_t)(g->acked + ack.count);
	for (uint8_t i = known; i < msg->state.len; i++) {
		uint8_t report = (uint8_t)(msg->ack_count + i);
		size_t at = report % BUTTONS_REPORTS;
		bool stamped = g->edge[at].known && g->edge[at].report == report;
		int64_t at_ns = ev->received_ns;

		stamped = stamped && time_of(p->m, ev->mcu, g->edge[at].clock, &at_ns);
		g->edge[at].known = false;
		take_level(b, g, msg->state.data[i], at_ns, stamped);
	}
}

void button_edge_take(struct button_edge *e, const struct button_change *c)
{
	if (c->pressed == e->level)
		return;
	e->level = c->pressed;
	e->since_ns = c->at_ns;
	e->stamped = c->stamped;
}

bool button_edge_settled(struct button_edge *e, double debounce_s, int64_t now_ns)
{
	if (e->level == e->told || (double)(now_ns - e->since_ns) * 1e-9 < debounce_s)
		return false;
	e->told = e->level;
	return true;
}

void button_edge_text(const struct machine *m, const struct button_edge *e, char *buf, size_t size)
{
	snprintf(buf, size, "at %.6f s%s", machine_time_s(m, e->since_ns),
		 e->stamped ? " by the kernel's stamp" : ", when it was heard of");
}
