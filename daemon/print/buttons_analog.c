// SPDX-License-Identifier: GPL-2.0-or-later
/* Buttons by resistance, several of them at one analog input: which one is pressed is where the reading lies. */
#include <math.h>

#include "daemon/machine/machine.h"
#include "daemon/print/buttons.h"
#include "daemon/print/print.h"

static const double START_S = 0.2, CONVERSION_S = 1e-3, REST_S = 0.015;
/* Of a sum, at most: it has 16 bits; and readings in a row that agree, before one counts. */
enum { CONVERSIONS = 4, AGREE = 2 };

bool buttons_add_analog(struct buttons *b, const struct button_input *input)
{
	size_t i = 0;

	if (b->inputs == BUTTONS_INPUTS_MAX)
		return false;
	while (i < b->analogs && !pin_same(b->analog[i].pin, input->pin))
		i++;
	if (i == b->analogs)
		b->analog[b->analogs++] = (struct button_analog){ .pin = input->pin };
	b->input[b->inputs++] = *input;
	return true;
}

bool buttons_analog_configure(struct buttons *b, struct session *s)
{
	for (struct button_analog *a = b->analog; a < b->analog + b->analogs; a++) {
		struct msg_config_analog_in c;
		unsigned adc_max;

		if (a->pin->mcu != s->mcu)
			continue;
		session_for(s, "the button at %s", a->pin->name);
		if (!session_oid(s, &c.oid) || !session_pin(s, a->pin, UINT16_MAX, &c.pin) ||
		    !session_config(s, MSG_ID_config_analog_in, &c))
			return false;
		session_for(s, NULL);
		a->oid = c.oid;
		adc_max = (unsigned)dictionary_whole(&s->dict, "ADC_MAX", 1, UINT16_MAX, 4095);
		a->conversions = (uint8_t)(UINT16_MAX / adc_max < CONVERSIONS ? UINT16_MAX / adc_max
									      : CONVERSIONS);
		a->full_sum = adc_max * a->conversions;
		a->asked = false;
	}
	return true;
}

static bool ask(struct machine *m, const struct button_analog *a)
{
	struct session *s = &m->session[a->pin->mcu];
	const struct engine_mcu_status *st = &m->status.mcu[a->pin->mcu];
	double freq_hz = dictionary_number(&s->dict, "CLOCK_FREQ", 0);
	struct msg_query_analog_in q = { .oid = a->oid,
					 .sample_ticks = (uint32_t)(CONVERSION_S * freq_hz),
					 .sample_count = a->conversions,
					 .rest_ticks = (uint32_t)(REST_S * freq_hz),
					 .bytes_per_report = 2,
					 .max_value = UINT16_MAX };
	struct msg_query_analog_in__old old = { .oid = a->oid,
						.sample_ticks = q.sample_ticks,
						.sample_count = q.sample_count,
						.rest_ticks = q.rest_ticks,
						.max_value = q.max_value };
	uint64_t clock;

	if (s->state != SESSION_READY || !(st->flags & ENGINE_MCU_CLOCK) ||
	    !clockmap_clock(&st->map, machine_now_s(m) + START_S, &clock))
		return false;
	q.clock = old.clock = (uint32_t)clock;
	return wire_dict_wire_id(&s->dict.ids, MSG_ID_query_analog_in) != WIRE_ID_NONE
		       ? session_send(s, MSG_ID_query_analog_in, &q)
		       : session_send(s, MSG_ID_query_analog_in__old, &old);
}

void buttons_analog_poll(struct print *p)
{
	struct buttons *b = &p->buttons;

	for (struct button_analog *a = b->analog; a < b->analog + b->analogs; a++)
		if (!a->asked)
			a->asked = ask(p->m, a);
}

static bool within(const struct button_input *in, double share)
{
	double ohm = share < 1 ? in->pullup_ohm * share / (1 - share) : HUGE_VAL;

	return ohm >= in->ohm_min && ohm <= in->ohm_max;
}

static void take_reading(struct buttons *b, const struct button_analog *a, double share,
			 int64_t at_ns)
{
	for (size_t i = 0; i < b->inputs && b->changes < BUTTONS_CHANGES_MAX; i++) {
		const struct button_change c = { .input = i,
						 .at_ns = at_ns,
						 .pressed = within(&b->input[i], share) };
		struct button_seen *seen = &b->seen[i];

		if (!(b->input[i].ohm_max > 0) || !pin_same(b->input[i].pin, a->pin))
			continue;
		seen->agree = c.pressed == seen->now ? 0 : (uint8_t)(seen->agree + 1);
		if (seen->agree < AGREE)
			continue;
		seen->now = c.pressed;
		seen->agree = 0;
		buttons_insert(b, &c);
	}
}

bool buttons_analog_state(struct print *p, const struct ev_message *ev, uint8_t oid, uint32_t sum)
{
	struct buttons *b = &p->buttons;

	for (const struct button_analog *a = b->analog; a < b->analog + b->analogs; a++) {
		if (a->pin->mcu != ev->mcu || a->oid != oid || !a->asked)
			continue;
		take_reading(b, a, sum / a->full_sum, ev->received_ns);
		return true;
	}
	return false;
}
