/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu_sos_filter.h"

#include "mcu.h"

enum { COEFF_BITS = 31 };

static bool within(int64_t value)
{
	return value <= MCU_SOS_MAX && value >= -MCU_SOS_MAX;
}

/* A sum of products and a state, as a value. */
static int64_t rounded(int64_t products, int32_t state, unsigned bits)
{
	return (products + state * ((int64_t)1 << bits) + ((int64_t)1 << (bits - 1))) >> bits;
}

static bool run_section(struct mcu_sos_section *s, unsigned bits, int32_t *value)
{
	const int32_t *c = s->coeff;
	int64_t in = *value, out, next[2];

	if (!within(in))
		return false;
	out = rounded(c[0] * in, s->state[0], bits);
	if (!within(out))
		return false;
	next[0] = rounded(c[1] * in - c[3] * out, s->state[1], bits);
	next[1] = rounded(c[2] * in - c[4] * out, 0, bits);
	if (!within(next[0]) || !within(next[1]))
		return false;
	s->state[0] = (int32_t)next[0];
	s->state[1] = (int32_t)next[1];
	*value = (int32_t)out;
	return true;
}

bool mcu_sos_filter_run(struct mcu_sos_filter *f, int32_t *value)
{
	for (uint8_t i = 0; i < f->sections; i++)
		if (!run_section(&f->section[i], f->frac_bits, value))
			return false;
	return true;
}

void mcu_sos_filter_rest(struct mcu_sos_filter *f)
{
	for (uint8_t i = 0; i < f->sections; i++)
		f->section[i].state[0] = f->section[i].state[1] = 0;
}

void mcu_cmd_config_sos_filter(struct mcu *m, const struct msg_config_sos_filter *msg)
{
	struct mcu_sos_filter *f =
		mcu_oid_new(m, msg->oid, MCU_OID_SOS_FILTER,
			    sizeof(*f) + msg->max_sections * sizeof(f->section[0]));

	if (f)
		f->sections_max = msg->max_sections;
}

/* A section of a filter, which is out of use until it is set active. NULL after a shutdown. */
static struct mcu_sos_section *section_of(struct mcu *m, uint8_t oid, uint8_t index)
{
	struct mcu_sos_filter *f = mcu_oid_get(m, oid, MCU_OID_SOS_FILTER);

	if (!f)
		return NULL;
	if (index >= f->sections_max) {
		mcu_shutdown(m, MCU_REASON_STEP_COUNT);
		return NULL;
	}
	f->sections = 0;
	return &f->section[index];
}

void mcu_cmd_sos_filter_set_section(struct mcu *m, const struct msg_sos_filter_set_section *msg)
{
	struct mcu_sos_section *s = section_of(m, msg->oid, msg->section_idx);

	if (!s)
		return;
	s->coeff[0] = msg->sos0;
	s->coeff[1] = msg->sos1;
	s->coeff[2] = msg->sos2;
	s->coeff[3] = msg->sos3;
	s->coeff[4] = msg->sos4;
}

void mcu_cmd_sos_filter_set_state(struct mcu *m, const struct msg_sos_filter_set_state *msg)
{
	struct mcu_sos_section *s = section_of(m, msg->oid, msg->section_idx);

	if (!s)
		return;
	if (!within(msg->state0) || !within(msg->state1)) {
		mcu_shutdown(m, MCU_REASON_SAMPLES);
		return;
	}
	s->state[0] = msg->state0;
	s->state[1] = msg->state1;
}

void mcu_cmd_sos_filter_set_active(struct mcu *m, const struct msg_sos_filter_set_active *msg)
{
	struct mcu_sos_filter *f = mcu_oid_get(m, msg->oid, MCU_OID_SOS_FILTER);

	if (!f)
		return;
	if (msg->n_sections > f->sections_max || msg->coeff_int_bits >= COEFF_BITS) {
		mcu_shutdown(m, MCU_REASON_STEP_COUNT);
		return;
	}
	f->frac_bits = (uint8_t)(COEFF_BITS - msg->coeff_int_bits);
	f->sections = msg->n_sections;
}
