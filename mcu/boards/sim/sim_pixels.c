/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_pixels.c - the pulses of a chain of lights, at the clocks at which a chip would make them.
 *
 * They lie behind the event's own clock, and behind those of the chain before: a chip does not come back until it has sent them. Nothing
 * else uses that pin. */
#include <math.h>

#include "board.h"
#include "printer.h"
#include "sim_private.h"

/* Of the data sheet of the WS2812: high for a 0 and a 1, and the bit as a whole. */
static const double ZERO_S = 0.35e-6, ONE_S = 0.7e-6, BIT_S = 1.25e-6;

static void edge_at(struct sim *s, uint16_t pin, bool level, uint64_t clock)
{
	s->levels[pin] = level;
	if (s->printer) {
		s->printer->now_s = (double)(clock - s->cfg.start_clock) / s->cfg.freq_hz;
		printer_edge(s->printer, s->mcu_index, (uint8_t)pin, level);
	}
	if (s->hooks.edge)
		s->hooks.edge(s->hooks.ctx, pin, level, clock);
}

bool board_neopixel_send(struct board *b, uint16_t pin, const uint8_t *data, uint16_t len,
			 uint32_t bit_max_ticks, uint32_t reset_min_ticks)
{
	struct sim *s = (struct sim *)b;
	uint64_t now = sim_event_clock(s), from = s->lights_clock > now ? s->lights_clock : now;
	uint64_t at = from + reset_min_ticks + 1;
	double tick_s = 1.0 / s->cfg.freq_hz;

	if (bit_max_ticks < BIT_S / tick_s ||
	    (s->printer && printer_light_busy(s->printer, s->mcu_index, pin)))
		return false;
	for (uint32_t i = 0; i < len * 8u; i++) {
		bool one = data[i / 8] >> (7 - i % 8) & 1;

		edge_at(s, pin, true, at);
		edge_at(s, pin, false, at + (uint64_t)ceil((one ? ONE_S : ZERO_S) / tick_s));
		at += (uint64_t)ceil(BIT_S / tick_s);
		s->lights_clock = at;
	}
	return true;
}
