// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/leds.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"

static const double BIT_MAX_S = 4e-6, RESET_S = 50e-6; /* data sheet of the WS2812 */
static const double ANSWER_S = 0.5, AGAIN_S = 1;
static const char BUSY[] = "the MCU is too busy to send it";
enum {
	TRIES = 8,
	UPDATE_BYTES = 40,  /* in one message */
	DOTSTAR_BITS = 200, /* in one poll: each takes two or three messages */
};

/* ---- set-up ---- */

bool leds_setup(struct machine *m, char *err, size_t err_size)
{
	for (size_t i = 0; i < m->mc->led_count; i++) {
		const struct machine_led *cfg = &m->mc->leds[i];
		struct led_chain *c = &m->leds.chain[i];

		for (size_t k = 0; k < cfg->lights; k++)
			for (int n = 0; n < MACHINE_LED_COLORS; n++)
				c->staged[k][n] = c->shown[k][n] = (float)cfg->initial[n];
		c->dirty = cfg->kind != MACHINE_LED_PWM;
		c->device = machine_led_chip(cfg) ? bus_add(&m->bus, &cfg->bus) : 0;
		if (c->device < 0) {
			snprintf(err, err_size, "[%s]: more than %d devices on buses",
				 cfg->bus.section, BUS_DEVICES_MAX);
			return false;
		}
		for (int n = 0; n < MACHINE_LED_COLORS; n++) {
			c->output[n] = -1;
			if (cfg->kind != MACHINE_LED_PWM || !cfg->pin[n].set)
				continue;
			c->output[n] = machine_output_add(m, &cfg->pin[n]);
			if (c->output[n] < 0) {
				snprintf(err, err_size, "[led %s]: more than %d outputs", cfg->name,
					 ENGINE_OUTPUTS);
				return false;
			}
			m->output[c->output[n]].pwm = cfg->hardware_pwm;
			m->output[c->output[n]].cycle_time_s = cfg->cycle_time_s;
		}
	}
	return true;
}

static bool configure_neopixel(struct session *s, const struct machine_led *cfg, struct led_chain *c)
{
	double freq_hz = dictionary_number(&s->dict, "CLOCK_FREQ", 0);
	struct msg_config_neopixel msg = {
		.data_size = (uint16_t)cfg->bytes,
		.bit_max_ticks = (uint32_t)(BIT_MAX_S * freq_hz),
		.reset_min_ticks = (uint32_t)(RESET_S * freq_hz),
	};

	if (!session_oid(s, &c->oid[0]) || !session_pin(s, &cfg->pin[0], UINT16_MAX, &msg.pin))
		return false;
	msg.oid = c->oid[0];
	return session_config(s, MSG_ID_config_neopixel, &msg);
}

static bool configure_dotstar(struct session *s, const struct machine_led *cfg, struct led_chain *c)
{
	for (int i = 0; i < 2; i++) {
		struct msg_config_digital_out msg = { .value = 0 };
		struct msg_update_digital_out back = { .value = 0 };

		if (!session_oid(s, &c->oid[i]) ||
		    !session_pin(s, &cfg->pin[i], UINT16_MAX, &msg.pin))
			return false;
		msg.oid = back.oid = c->oid[i];
		if (!session_config(s, MSG_ID_config_digital_out, &msg) ||
		    !session_rearm(s, MSG_ID_update_digital_out, &back))
			return false;
	}
	return true;
}

bool leds_configure(struct machine *m, struct session *s)
{
	for (size_t i = 0; i < m->mc->led_count; i++) {
		const struct machine_led *cfg = &m->mc->leds[i];

		if ((cfg->kind != MACHINE_LED_NEOPIXEL && cfg->kind != MACHINE_LED_DOTSTAR) ||
		    cfg->pin[0].mcu != s->mcu)
			continue;
		session_for(s, "%s '%s'",
			    cfg->kind == MACHINE_LED_NEOPIXEL ? "neopixel" : "dotstar", cfg->name);
		if (cfg->kind == MACHINE_LED_NEOPIXEL
			    ? !configure_neopixel(s, cfg, &m->leds.chain[i])
			    : !configure_dotstar(s, cfg, &m->leds.chain[i]))
			return false;
	}
	session_for(s, NULL);
	return true;
}

/* ---- what goes to the MCU ---- */

static uint8_t byte_of(float color)
{
	return (uint8_t)lroundf(color * 255);
}

static void neopixel_send(struct machine *m, const struct machine_led *cfg, struct led_chain *c)
{
	struct session *s = &m->session[cfg->pin[0].mcu];
	uint8_t want[MACHINE_LED_BYTES];
	struct msg_neopixel_send send = { .oid = c->oid[0] };

	for (size_t i = 0; i < cfg->bytes; i++)
		want[i] = byte_of(c->shown[cfg->light[i]][cfg->color[i]]);
	for (size_t at = 0; at < cfg->bytes; at += UPDATE_BYTES) {
		size_t n = cfg->bytes - at < UPDATE_BYTES ? cfg->bytes - at : UPDATE_BYTES;
		struct msg_neopixel_update msg = { .oid = c->oid[0],
						   .pos = (uint16_t)at,
						   .data = { .data = want + at,
							     .len = (uint8_t)n } };

		if (c->mcu_known && !memcmp(want + at, c->at_mcu + at, n))
			continue;
		if (!session_send(s, MSG_ID_neopixel_update, &msg))
			return; /* all of it again, later */
	}
	if (!session_send(s, MSG_ID_neopixel_send, &send))
		return;
	memcpy(c->at_mcu, want, cfg->bytes);
	c->mcu_known = true;
	c->dirty = false;
	c->sent = true;
	c->sent_ns = m->now_ns;
}

/* APA102: a frame is 32 zeros, 32 bits a light (three ones, the brightness, blue, green, red), and as many bits
 * as half the lights to push it through. Data sheet. */
static bool dotstar_bit(const struct machine_led *cfg, const struct led_chain *c, size_t bit)
{
	size_t light = bit / 32 - 1, in = bit % 32;

	if (bit < 32 || light >= cfg->lights)
		return false;
	if (in < 8)
		return true; /* full brightness */
	return byte_of(c->shown[light][3 - in / 8]) >> (7 - in % 8) & 1;
}

static void dotstar_send(struct machine *m, const struct machine_led *cfg, struct led_chain *c)
{
	struct session *s = &m->session[cfg->pin[0].mcu];
	size_t bits = 32 + 32 * cfg->lights + 32 + (cfg->lights + 1) / 2;
	struct msg_update_digital_out data = { .oid = c->oid[0] };
	struct msg_update_digital_out clock = { .oid = c->oid[1] };

	for (int left = DOTSTAR_BITS; left > 0 && c->bit < bits; left--, c->bit++) {
		if (ring_room(&m->control) < MACHINE_CONTROL_RECORDS / 2)
			return;
		data.value = dotstar_bit(cfg, c, c->bit);
		clock.value = 0;
		session_send(s, MSG_ID_update_digital_out, &data);
		clock.value = 1;
		session_send(s, MSG_ID_update_digital_out, &clock);
		clock.value = 0;
		session_send(s, MSG_ID_update_digital_out, &clock);
	}
	if (c->bit < bits)
		return;
	c->bit = 0;
	c->dirty = false;
}

/* Once more: soon at first, then now and then, as long as it takes. */
static void not_sent(struct machine *m, size_t i, const char *why)
{
	const struct machine_led *cfg = &m->mc->leds[i];
	struct led_chain *c = &m->leds.chain[i];
	bool chip = machine_led_chip(cfg);

	c->sent = false;
	c->dirty = true;
	if (c->tries < TRIES && ++c->tries < TRIES)
		return;
	if (c->again_ns == 0)
		machine_say(m, REPLY_INFO, "[%s%s]: %s; it is tried again each second",
			    chip ? cfg->bus.section : "neopixel ", chip ? "" : cfg->name, why);
	c->again_ns = m->now_ns + (int64_t)(AGAIN_S * 1e9);
}

/* ---- chips on I2C ---- */

static void chip_answered(void *ctx, uint32_t tag, enum bus_result result, const uint8_t *data,
			  size_t len)
{
	struct machine *m = ctx;
	struct led_chain *c = &m->leds.chain[tag];

	(void)data, (void)len;
	c->sent = false;
	if (result != BUS_OK) {
		not_sent(m, tag, bus_result_text(result));
		return;
	}
	c->tries = 0;
	c->again_ns = 0;
}

/* All of its registers each time, so that one that has lost its supply is right again. Registers: data sheets of
 * the PCA9533 and PCA9632. */
static void chip_send(struct machine *m, size_t i)
{
	enum { ALL = 0x80, AWAKE = 0, TOTEM_POLE = 0x04, GROUP_FULL = 0xff, EACH_PWM = 0xaa };
	enum { SELECTOR = 5, ON = 1 }; /* of the PCA9533; two bits a light */
	const struct machine_led *cfg = &m->mc->leds[i];
	struct led_chain *c = &m->leds.chain[i];
	uint8_t all[] = { ALL, AWAKE, TOTEM_POLE, 0, 0, 0, 0, GROUP_FULL, 0, EACH_PWM };
	uint8_t some[] = { SELECTOR, 0 };
	bool pwm = cfg->kind == MACHINE_LED_PCA9632;

	for (size_t k = 0; k < cfg->bytes; k++)
		all[3 + k] = byte_of(c->shown[0][cfg->color[k]]);
	for (int n = 0; n < MACHINE_LED_COLORS; n++)
		if (c->shown[0][n] > 0)
			some[1] |= (uint8_t)(ON << 2 * n);
	if (!bus_ask(&m->bus, c->device, pwm ? all : some, pwm ? sizeof(all) : sizeof(some), 0,
		     chip_answered, m, (uint32_t)i))
		return;
	c->dirty = false;
	c->sent = true;
}

static void chain_poll(struct machine *m, size_t i)
{
	const struct machine_led *cfg = &m->mc->leds[i];
	struct led_chain *c = &m->leds.chain[i];

	if (cfg->kind == MACHINE_LED_PWM || m->session[machine_led_mcu(cfg)].state != SESSION_READY)
		return;
	if (c->sent && !machine_led_chip(cfg) && m->now_ns > c->sent_ns + (int64_t)(ANSWER_S * 1e9)) {
		c->mcu_known = false; /* no answer */
		not_sent(m, i, BUSY);
	}
	if (!c->dirty || c->sent || m->now_ns < c->again_ns)
		return;
	if (cfg->kind == MACHINE_LED_NEOPIXEL)
		neopixel_send(m, cfg, c);
	else if (cfg->kind == MACHINE_LED_DOTSTAR)
		dotstar_send(m, cfg, c);
	else
		chip_send(m, i);
}

void leds_attached(struct machine *m, int mcu)
{
	for (size_t i = 0; i < m->mc->led_count; i++) {
		struct led_chain *c = &m->leds.chain[i];

		if (m->mc->leds[i].kind == MACHINE_LED_PWM ||
		    machine_led_mcu(&m->mc->leds[i]) != mcu)
			continue;
		c->mcu_known = false;
		c->sent = c->sent &&
			  machine_led_chip(&m->mc->leds[i]); /* the bus has its answer yet */
		c->dirty = true;
		c->tries = 0;
		c->again_ns = 0;
		c->bit = 0;
	}
}

void leds_result(struct machine *m, int mcu, const struct msg_neopixel_result *msg)
{
	for (size_t i = 0; i < m->mc->led_count; i++) {
		const struct machine_led *cfg = &m->mc->leds[i];
		struct led_chain *c = &m->leds.chain[i];

		if (cfg->kind != MACHINE_LED_NEOPIXEL || cfg->pin[0].mcu != mcu ||
		    c->oid[0] != msg->oid || !c->sent)
			continue;
		if (!msg->success) {
			not_sent(m, i, BUSY);
			continue;
		}
		c->sent = false;
		c->tries = 0;
		c->again_ns = 0;
	}
}

/* ---- changes ---- */

static void show(struct machine *m, size_t chain, const float color[][MACHINE_LED_COLORS])
{
	struct led_chain *c = &m->leds.chain[chain];

	memcpy(c->shown, color, m->mc->leds[chain].lights * sizeof(c->shown[0]));
	c->dirty = true;
	c->tries = 0;
	c->again_ns = 0;
	c->bit = 0;
}

static void show_next(struct machine *m)
{
	const struct led_waiting *w = &m->leds.waiting[m->leds.waiting_head++ % LEDS_WAITING_MAX];

	show(m, w->chain, w->color);
}

void leds_sync(struct machine *m, uint32_t sync)
{
	while (m->leds.waiting_head != m->leds.waiting_tail &&
	       (int32_t)(sync - m->leds.waiting[m->leds.waiting_head % LEDS_WAITING_MAX].sync) >= 0)
		show_next(m);
}

static void start(struct machine *m)
{
	for (size_t i = 0; i < m->mc->led_count; i++)
		for (int n = 0; n < MACHINE_LED_COLORS; n++)
			if (m->leds.chain[i].output[n] >= 0 && m->mc->leds[i].initial[n] > 0)
				outputs_now(m, m->leds.chain[i].output[n],
					    m->mc->leds[i].initial[n]);
	m->leds.started = true;
}

void leds_poll(struct machine *m)
{
	if (!m->leds.started)
		start(m);
	/* Motion that was dropped is not waited for. */
	while (m->leds.waiting_head != m->leds.waiting_tail &&
	       (m->state != MACHINE_READY || machine_rests(m)))
		show_next(m);
	for (size_t i = 0; i < m->mc->led_count; i++)
		chain_poll(m, i);
}

static int set_outputs(struct machine *m, const struct led_chain *c, const float *color, bool sync,
		       char *err)
{
	int rc = 0;

	for (int n = 0; n < MACHINE_LED_COLORS && rc == 0; n++) {
		if (c->output[n] < 0)
			continue;
		if (sync)
			rc = outputs_in_step(m, c->output[n], (double)color[n], err);
		else
			rc = outputs_now(m, c->output[n], (double)color[n]) ? 0 : -EAGAIN;
	}
	return rc;
}

/* What is staged, to be seen: in step or at once. */
static int transmit(struct machine *m, size_t chain,
		    const float color[LEDS_LIGHTS_MAX][MACHINE_LED_COLORS], bool sync, char *err)
{
	struct leds *a = &m->leds;
	struct led_waiting *w = &a->waiting[a->waiting_tail % LEDS_WAITING_MAX];
	int rc;

	if (m->mc->leds[chain].kind == MACHINE_LED_PWM)
		return set_outputs(m, &a->chain[chain], color[0], sync, err);
	if (!sync || machine_rests(m) || m->state != MACHINE_READY) {
		show(m, chain, color);
		return 0;
	}
	/* Were there no room for a sync in the rt core, motion would have to wait. */
	if (a->waiting_tail - a->waiting_head == LEDS_WAITING_MAX)
		return -EAGAIN;
	w->sync = m->sync_last + 1 ? m->sync_last + 1 : 1;
	w->chain = chain;
	memcpy(w->color, color, sizeof(w->color));
	rc = planner_mark(m->planner, w->sync);
	if (rc < 0)
		return rc;
	m->sync_last = w->sync;
	a->waiting_tail++;
	return 0;
}

/* ---- SET_LED ---- */

/* INDEX of the line: 1 to lights, or 0 for all. False: error replied. */
static bool index_of(struct gcode *g, const struct gcode_line *l, const struct machine_led *cfg,
		     size_t *index)
{
	double number;

	if (!gcode_param_number(g, l, "INDEX", 0, &number))
		return false;
	if (number != floor(number) || number < 0 || number > (double)cfg->lights ||
	    (number == 0 && gcode_param_find(l, "INDEX"))) {
		gcode_fail(g, "INDEX=%g: expected 1 to %zu", number, cfg->lights);
		return false;
	}
	*index = (size_t)number;
	return true;
}

static bool color_of(struct gcode *g, const struct gcode_line *l, float color[MACHINE_LED_COLORS])
{
	static const char *const keys[] = { "RED", "GREEN", "BLUE", "WHITE" };

	for (int n = 0; n < MACHINE_LED_COLORS; n++) {
		double value;

		if (!gcode_param_number(g, l, keys[n], 0, &value))
			return false;
		if (!(value >= 0 && value <= 1)) {
			gcode_fail(g, "%s=%g: expected 0 to 1", keys[n], value);
			return false;
		}
		color[n] = (float)value;
	}
	return true;
}

static enum gcode_result set_one(struct gcode *g, const struct gcode_line *l, struct machine *m,
				 size_t chain)
{
	float(*to)[MACHINE_LED_COLORS] = m->leds.scratch;
	const struct machine_led *cfg = &m->mc->leds[chain];
	struct led_chain *c = &m->leds.chain[chain];
	float color[MACHINE_LED_COLORS];
	char err[GCODE_ERR_MAX] = "";
	double sync, now;
	size_t index;
	int rc = 0;

	if (!color_of(g, l, color) || !index_of(g, l, cfg, &index) ||
	    !gcode_param_number(g, l, "SYNC", 1, &sync) ||
	    !gcode_param_number(g, l, "TRANSMIT", 1, &now))
		return GCODE_ERROR;
	memcpy(to, c->staged, sizeof(c->staged));
	for (size_t i = 0; i < cfg->lights; i++)
		if (index == 0 || index == i + 1)
			memcpy(to[i], color, sizeof(color));
	if (now != 0)
		rc = transmit(m, chain, to, sync != 0, err);
	if (rc == 0)
		memcpy(c->staged, to, sizeof(c->staged));
	return gcode_finish(g, rc, err);
}

static enum gcode_result set_led(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	const struct gcode_param *p = gcode_param_find(l, "LED");

	for (size_t i = 0; i < m->mc->led_count; i++)
		if (gcode_param_is(p, m->mc->leds[i].name))
			return set_one(g, l, m, i);
	return gcode_no_such(g, "LED", p, "a [led …], [neopixel …], [dotstar …] or [pca…]");
}

const struct gcode_command leds_commands[] = {
	{ "SET_LED", GCODE_EXTENDED, 0, set_led,
	  "LED=<name> [RED=<0..1>] [GREEN=<0..1>] [BLUE=<0..1>] [WHITE=<0..1>] [INDEX=<number>] "
	  "[TRANSMIT=<0|1>] [SYNC=<0|1>]",
	  "colour of a light or of all of a chain, in step with motion" },
};
const unsigned leds_command_count = sizeof(leds_commands) / sizeof(*leds_commands);

void leds_init(struct machine *m)
{
	gcode_add_table(&m->gcode, leds_commands, leds_command_count, m);
}
