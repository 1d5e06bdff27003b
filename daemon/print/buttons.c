// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/print/buttons.h"

#include "daemon/machine.h"
#include "daemon/print/print.h"

static const double START_S = 0.2, REST_S = 0.002;
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
		if (!session_config(s, MSG_ID_config_buttons, &c))
			return false;
		for (uint8_t i = 0; i < g->count; i++) {
			const struct pin *pin = b->input[g->input[i]].pin;
			struct msg_buttons_add add = { .oid = g->oid,
						       .pos = i,
						       .pull_up = (uint8_t)pin->pull };

			if (!session_pin(s, pin->name, UINT16_MAX, &add.pin) ||
			    !session_config(s, MSG_ID_buttons_add, &add))
				return false;
		}
	}
	return true;
}

static bool ask(struct machine *m, struct button_group *g)
{
	struct session *s = &m->session[g->mcu];
	struct msg_buttons_query q = { .oid = g->oid,
				       .retransmit_count = REPEAT,
				       .invert = g->invert };
	uint64_t clock;

	if (!(m->status.mcu[g->mcu].flags & ENGINE_MCU_CLOCK) ||
	    !clockmap_clock(&m->status.mcu[g->mcu].map, machine_now_s(m) + START_S, &clock))
		return false;
	q.clock = (uint32_t)clock;
	q.rest_ticks = (uint32_t)(REST_S * dictionary_number(&s->dict, "CLOCK_FREQ", 0));
	if (!session_send(s, MSG_ID_buttons_query, &q))
		return false;
	g->level = g->invert;
	g->acked = 0;
	return true;
}

void buttons_poll(struct print *p)
{
	struct buttons *b = &p->buttons;

	for (struct button_group *g = b->group; g < b->group + b->groups; g++) {
		if (!g->asked)
			g->asked = ask(p->m, g);
	}
}

static void take_level(struct print *p, struct button_group *g, uint8_t level)
{
	uint8_t changed = (uint8_t)(level ^ g->level);

	g->level = level;
	for (uint8_t i = 0; i < g->count; i++) {
		const struct button_input *in = &p->buttons.input[g->input[i]];

		if (changed & 1u << i)
			in->changed(p, in->index, (level ^ g->invert) & 1u << i);
	}
}

void buttons_state(struct print *p, int mcu, const struct msg_buttons_state *msg)
{
	struct buttons *b = &p->buttons;
	struct button_group *g = b->group;
	struct msg_buttons_ack ack;
	uint8_t known;

	while (g < b->group + b->groups && (g->mcu != mcu || g->oid != msg->oid))
		g++;
	if (g == b->group + b->groups || !g->asked)
		return;
	/* Those of them that were acknowledged after this was sent. */
	known = (uint8_t)(g->acked - msg->ack_count);
	if (known >= msg->state.len)
		return;
	ack = (struct msg_buttons_ack){ .oid = g->oid, .count = (uint8_t)(msg->state.len - known) };
	if (!session_send(&p->m->session[mcu], MSG_ID_buttons_ack, &ack))
		return; /* it comes again */
	g->acked = (uint8_t)(g->acked + ack.count);
	for (uint8_t i = known; i < msg->state.len; i++)
		take_level(p, g, msg->state.data[i]);
}

void button_edge_take(struct button_edge *e, bool level, int64_t now_ns)
{
	if (level == e->level)
		return;
	e->level = level;
	e->since_ns = now_ns;
}

bool button_edge_settled(struct button_edge *e, double debounce_s, int64_t now_ns)
{
	if (e->level == e->told || (double)(now_ns - e->since_ns) * 1e-9 < debounce_s)
		return false;
	e->told = e->level;
	return true;
}
