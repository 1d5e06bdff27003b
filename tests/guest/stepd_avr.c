/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stepd_avr.c - `stepd batch` with an AVR image in simavr where the simulated board would be.
 *
 * This file has the part of sim.h that batch needs, on top of target_simavr_new(); linked with the
 * daemon it makes a program that prints under the virtual clock on the image of the atmega644p. Steps
 * are edges of the chip's pins, at the clock at which they come. Needs --seed 0: a chip's clock starts
 * from 0. The image is $STEPD_BUILD/firmware/avr-atmega644p.elf.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/boards/sim/sim.h"
#include "tests/fwlib/target.h"
#include "wire.h"

enum { PINS = 32, NO_OID = -1 };

struct sim {
	struct target *t;
	struct sim_hooks hooks;
	struct wire_rx rx; /* what the host sends, to learn which pins are steppers */
	bool levels[PINS];
	struct motor {
		int oid; /* NO_OID: no step pin */
		uint8_t dir_pin;
		uint8_t invert; /* as in config_stepper */
	} motors[PINS];
};

static void on_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
	struct sim *s = ctx;

	s->hooks.tx(s->hooks.ctx, bytes, len, target_clock(s->t));
}

static void on_edge(void *ctx, uint16_t pin, bool level, uint64_t clock)
{
	struct sim *s = ctx;
	const struct motor *m;

	if (pin >= PINS)
		return;
	m = &s->motors[pin];
	s->levels[pin] = level;
	if (s->hooks.edge)
		s->hooks.edge(s->hooks.ctx, pin, level, clock);
	if (m->oid != NO_OID && (m->invert == 0xff || level != m->invert))
		s->hooks.step(s->hooks.ctx, (uint8_t)m->oid, s->levels[m->dir_pin], clock);
}

struct sim *sim_new(const struct sim_cfg *cfg)
{
	struct sim *s = calloc(1, sizeof(*s));
	const char *build = getenv("STEPD_BUILD");
	struct target_hooks hooks = { s, on_bytes, on_edge };
	char elf[512];

	if (!s || cfg->start_clock || cfg->canbus_hz) {
		fprintf(stderr, "stepd_avr: only with --seed 0, and one mcu on a serial line\n");
		free(s);
		return NULL;
	}
	snprintf(elf, sizeof(elf), "%s/firmware/avr-atmega644p.elf", build ? build : "build");
	s->hooks = cfg->hooks;
	wire_rx_init(&s->rx);
	for (int i = 0; i < PINS; i++)
		s->motors[i].oid = NO_OID;
	s->t = target_simavr_new("atmega644p", elf, &hooks);
	if (!s->t) {
		free(s);
		return NULL;
	}
	s->t->printer = cfg->printer;
	return s;
}

void sim_free(struct sim *s)
{
	if (s)
		target_free(s->t);
	free(s);
}

int sim_pins_add(struct sim *s, const char *name)
{
	(void)s;
	if (strlen(name) != 3 || name[0] != 'P' || name[1] < 'A' || name[1] > 'D' ||
	    name[2] < '0' || name[2] > '7')
		return -ENOENT;
	return (name[1] - 'A') * 8 + name[2] - '0';
}

/* The image has the groups of commands that it was built with; its chip has one bus of each kind. */
int sim_bus_add(struct sim *s, enum sim_bus kind, const char *name)
{
	(void)s;
	return strcmp(name, kind == SIM_SPI ? "spi" : "twi") ? -ENOENT : 0;
}

const char *sim_pin_name(const struct sim *s, uint16_t pin)
{
	static char names[PINS][4];

	(void)s;
	if (pin >= PINS)
		return NULL;
	snprintf(names[pin], sizeof(names[pin]), "P%c%d", 'A' + pin / 8, pin % 8);
	return names[pin];
}

int sim_start(struct sim *s)
{
	(void)s; /* it boots by itself */
	return 0;
}

static void learn(struct sim *s, const struct wire_frame *f)
{
	const uint8_t *p = f->payload, *end = p + f->payload_len;

	while (p < end) {
		union msg_any msg;
		int16_t id = -1;
		int len;

		p = wire_get_id(p, end, &id);
		if (!p || id < 0 || id >= MSG_ID_COUNT)
			return;
		len = wire_decode(&msg_table[id], p, (size_t)(end - p), &msg);
		if (len < 0)
			return;
		p += len;
		if (id == MSG_ID_config_stepper && msg.config_stepper.step_pin < PINS)
			s->motors[msg.config_stepper.step_pin] =
				(struct motor){ msg.config_stepper.oid, msg.config_stepper.dir_pin,
						msg.config_stepper.invert_step };
	}
}

void sim_receive(struct sim *s, const uint8_t *bytes, size_t len)
{
	struct wire_frame f;
	const uint8_t *p = bytes;
	size_t left = len;
	enum wire_rx_result r;

	while ((r = wire_rx_next(&s->rx, &p, &left, &f)) != WIRE_RX_MORE)
		if (r == WIRE_RX_FRAME)
			learn(s, &f);
	target_send(s->t, bytes, len);
}

/* The chip has no CAN controller. */
void sim_can_receive(struct sim *s, const struct mcu_can_frame *f)
{
	(void)s;
	(void)f;
}

bool sim_can_next(struct sim *s, struct mcu_can_frame *f)
{
	(void)s;
	(void)f;
	return false;
}

uint64_t sim_run_until(struct sim *s, uint64_t clock)
{
	int64_t ticks = (int64_t)(clock - target_clock(s->t));

	if (ticks > 0)
		target_run(s->t, (uint64_t)ticks);
	return target_clock(s->t);
}

uint64_t sim_clock(const struct sim *s)
{
	return target_clock(s->t);
}

/* Nothing here resets the chip. */
uint64_t sim_boot_clock(const struct sim *s)
{
	(void)s;
	return 0;
}

/* Each instruction may do something. */
uint64_t sim_next_clock(const struct sim *s)
{
	return target_clock(s->t) + 1;
}

/* For boards that can fail: a chip's doesn't. */
void sim_fail(struct sim *s, int reason)
{
	(void)s;
	(void)reason;
	abort();
}

uint32_t sim_freq_hz(const struct sim *s)
{
	return s->t->freq_hz;
}
