// SPDX-License-Identifier: GPL-2.0-or-later
/* Having MCUs sample: analog inputs, and converters on SPI. What comes of it is engine_heat.c's. */
#include "engine_heat.h"

#include <math.h>

#include "engine_private.h"

/* Conversions of a sum are so far apart. */
#define CONVERSION_S 1e-3
/* The first sum is asked for so far ahead, each sensor's a little later than the one's before. */
#define ASK_AHEAD_S 0.25

/* In a row, before the MCU shuts itself down. */
enum { INVALID_ARMED = (int)(HEAT_MCU_CHECK_S / HEAT_PERIOD_S), INVALID_MAX = UINT8_MAX };

_Static_assert(SENSOR_CHIP_WRITES + 1 <= ENGINE_RUN_COMMANDS,
	       "a converter's set-up and question fit");

/* Of a sum, which has 16 bits on the wire. */
static unsigned conversions(const struct engine_heat_sensor *s)
{
	unsigned most = s->cfg.adc_max ? (unsigned)UINT16_MAX / s->cfg.adc_max : HEAT_CONVERSIONS;

	return most < HEAT_CONVERSIONS ? most : HEAT_CONVERSIONS;
}

double engine_sensor_full_sum(const struct engine_heat_sensor *s)
{
	return (double)s->cfg.adc_max * conversions(s);
}

static bool send_query(struct engine *e, int mcu, const struct msg_query_analog_in *q)
{
	struct msg_query_analog_in__old old = { .oid = q->oid,
						.clock = q->clock,
						.sample_ticks = q->sample_ticks,
						.sample_count = q->sample_count,
						.rest_ticks = q->rest_ticks,
						.min_value = q->min_value,
						.max_value = q->max_value,
						.range_check_count = q->range_check_count };

	return engine_send(e, mcu, MSG_ID_query_analog_in, q, LINK_DUE_NOW) ||
	       engine_send(e, mcu, MSG_ID_query_analog_in__old, &old, LINK_DUE_NOW);
}

static bool ask_analog(struct engine *e, const struct engine_heat_sensor *s, uint32_t clock,
		       bool armed)
{
	const struct engine_mcu *m = &e->mcu[s->cfg.mcu];
	double a = sensor_ratio(&s->cfg.curve, s->cfg.min_degc) * engine_sensor_full_sum(s);
	double b = sensor_ratio(&s->cfg.curve, s->cfg.max_degc) * engine_sensor_full_sum(s);
	struct msg_query_analog_in q = {
		.oid = s->cfg.oid,
		.clock = clock,
		.sample_ticks = (uint32_t)(CONVERSION_S * m->freq_hz),
		.sample_count = (uint8_t)conversions(s),
		.rest_ticks = (uint32_t)(HEAT_PERIOD_S * m->freq_hz),
		.bytes_per_report = 2,
		.min_value = (uint16_t)floor(fmin(a, b)),
		.max_value = (uint16_t)ceil(fmax(a, b)),
		.range_check_count = armed ? INVALID_ARMED : 0,
	};

	return send_query(e, s->cfg.mcu, &q);
}

/* Its registers first. It can't be told not to check: what it counts begins anew with each question. */
static bool ask_chip(struct engine *e, const struct engine_heat_sensor *s, uint32_t clock,
		     bool armed)
{
	enum sensor_chip chip = (enum sensor_chip)s->cfg.chip;
	uint8_t writes[SENSOR_CHIP_WRITES][SENSOR_CHIP_WRITE];
	int n = sensor_chip_setup(chip, &s->cfg.setup, writes);
	struct msg_query_thermocouple q = {
		.oid = s->cfg.oid,
		.clock = clock,
		.rest_ticks = (uint32_t)(HEAT_PERIOD_S * e->mcu[s->cfg.mcu].freq_hz),
		.max_value = UINT32_MAX,
		.max_invalid_count = armed ? INVALID_ARMED : INVALID_MAX,
	};

	for (int i = 0; i < n; i++) {
		struct msg_spi_send w = { .oid = s->cfg.spi_oid,
					  .data = { .data = writes[i], .len = SENSOR_CHIP_WRITE } };

		if (!engine_send(e, s->cfg.mcu, MSG_ID_spi_send, &w, LINK_DUE_NOW))
			return false;
	}
	if (armed)
		sensor_chip_bounds(chip, &s->cfg.curve, s->cfg.min_degc, s->cfg.max_degc,
				   &q.min_value, &q.max_value);
	return engine_send(e, s->cfg.mcu, MSG_ID_query_thermocouple, &q, LINK_DUE_NOW);
}

void engine_sensor_ask(struct engine *e, int i, bool armed)
{
	struct engine_heat_sensor *s = &e->heat.sensor[i];
	const struct engine_mcu *m = &e->mcu[s->cfg.mcu];
	double at_s = e->now_s + ASK_AHEAD_S + HEAT_PERIOD_S * i / HEAT_SENSORS;
	uint64_t clock;

	if (link_room(&m->link) < ENGINE_RUN_COMMANDS ||
	    !clockmap_clock(engine_map(m, at_s), at_s, &clock))
		return;
	if (!(s->cfg.chip ? ask_chip(e, s, (uint32_t)clock, armed)
			  : ask_analog(e, s, (uint32_t)clock, armed)))
		return;
	s->asked = true;
	s->again = false;
	s->armed = armed;
	s->asked_s = at_s;
}

void engine_sensors_again(struct engine *e, int mcu)
{
	for (int i = 0; i < HEAT_SENSORS; i++)
		e->heat.sensor[i].again |= e->heat.sensor[i].asked &&
					   e->heat.sensor[i].cfg.mcu == mcu;
}
