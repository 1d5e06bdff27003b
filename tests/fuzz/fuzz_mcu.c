/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_mcu.c - any bytes from a host, on the firmware with a simulated board and printer.
 *
 * Shown: no input crashes the firmware, breaks the order of its edges in time, or stops it from
 * answering get_config afterwards. How: libFuzzer; the input is a list of operations: raw bytes,
 * payloads in well-formed frames, commands of the message table with fields from the input, and
 * steps of time. Repeat: build with `clang -fsanitize=fuzzer,address,undefined`, run with the file
 * that libFuzzer left.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu.h"
#include "mcu/boards/sim/printer.h"
#include "mcu/boards/sim/sim.h"
#include "wire.h"

/* Virtual time is cheap, but an input may ask for an event each tick. */
enum { RUN_TICKS_MAX = 65536, EVENTS_MAX = 20000 };

struct input {
	const uint8_t *at, *end;
};

struct session {
	struct sim *sim;
	uint64_t edge_clock;  /* of the last edge */
	uint64_t light_clock; /* and of the last of a chain of lights, which lie ahead */
	uint32_t events;
	uint8_t seq;
	bool config_answered;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t take(struct input *in, size_t bytes)
{
	uint32_t v = 0;

	for (; bytes && in->at < in->end; bytes--)
		v = v << 8 | *in->at++;
	return v;
}

static void on_edge(void *ctx, uint16_t pin, uint8_t level, uint64_t clock)
{
	struct session *s = ctx;

	uint64_t now = sim_clock(s->sim);
	uint64_t *last = clock > now ? &s->light_clock : &s->edge_clock;

	if (pin >= SIM_PINS_MAX || level > 1 || clock < now || clock < *last)
		abort();
	*last = clock;
	if (++s->events > EVENTS_MAX)
		sim_break(s->sim);
}

static void on_tx(void *ctx, const uint8_t *frame, size_t len, uint64_t clock)
{
	struct session *s = ctx;
	struct wire_rx rx;
	struct wire_frame f;

	(void)clock;
	wire_rx_init(&rx);
	if (wire_rx_next(&rx, &frame, &len, &f) != WIRE_RX_FRAME || len)
		abort();
	s->seq = f.seq; /* a host that always knows what is expected */
	if (++s->events > EVENTS_MAX)
		sim_break(s->sim);
	if (f.payload_len && f.payload[0] == MSG_ID_config)
		s->config_answered = true;
}

static void send_payload(struct session *s, const uint8_t *payload, size_t len)
{
	uint8_t frame[WIRE_FRAME_MAX];

	sim_receive(s->sim, frame, wire_frame_build(frame, s->seq, payload, len));
}

/* A command of the table; small values are the likely ones. */
static void send_command(struct session *s, struct input *in)
{
	const struct msg_desc *desc = &msg_table[take(in, 1) % MSG_ID_COUNT];
	uint8_t payload[WIRE_PAYLOAD_MAX];
	uint8_t *p = wire_put_vlq(payload, (uint32_t)(desc - msg_table));
	uint8_t width = (uint8_t)take(in, 1);

	for (int i = 0; i < desc->field_count; i++) {
		uint32_t v;

		if (desc->types[i] == MSG_F_s || desc->types[i] == MSG_F_ds) {
			*p++ = 0;
			continue;
		}
		v = take(in, i ? 1 + (width >> (i % 4 * 2) & 3u) : 1);
		if (!strncmp(strchr(desc->format, ' ') + 1, "oid=", 4) && !i)
			v &= 7;
		/* clocks: some are near the present */
		if (width & 1 && desc->types[i] == MSG_F_u)
			v += (uint32_t)sim_clock(s->sim);
		p = wire_put_vlq(p, v);
	}
	send_payload(s, payload, (size_t)(p - payload));
}

static void operate(struct session *s, struct input *in)
{
	uint8_t op = (uint8_t)take(in, 1);
	size_t left = (size_t)(in->end - in->at);
	size_t len = op >> 2;

	len = len < left ? len : left;
	switch (op & 3) {
	case 0:
		sim_receive(s->sim, in->at, len);
		in->at += len;
		break;
	case 1:
		len = len < WIRE_PAYLOAD_MAX ? len : WIRE_PAYLOAD_MAX;
		send_payload(s, in->at, len);
		in->at += len;
		break;
	case 2:
		send_command(s, in);
		break;
	case 3:
		sim_run_until(s->sim, sim_clock(s->sim) + take(in, 1 + (op >> 7)) % RUN_TICKS_MAX);
		break;
	}
}

/* One object of each kind in oids 0..6, so that short inputs get somewhere. */
static void configure(struct session *s)
{
	static const uint8_t commands[][16] = {
		{ 2, MSG_ID_allocate_oids, 8 },
		{ 6, MSG_ID_config_stepper, 0, 0, 1, 0, 2 },
		{ 7, MSG_ID_config_stepper, 1, 3, 4, 0x81, 0x7f, 1 }, /* invert_step = 255 */
		{ 2, MSG_ID_config_trsync, 2 },
		{ 4, MSG_ID_config_endstop, 3, 2, 1 },
		{ 7, MSG_ID_config_digital_out, 4, 5, 0, 0, 0x87, 0x68 }, /* max_duration 1000 */
		{ 8, MSG_ID_config_pwm_out, 5, 6, 50, 0, 0, 0x87, 0x68 },
		{ 3, MSG_ID_config_analog_in, 6, 7 },
		{ 2, MSG_ID_finalize_config, 1 },
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		send_payload(s, commands[i] + 1, commands[i][0]);
	if (sim_shutdown_reason(s->sim))
		abort();
}

/* The sim and its dictionary are made once; a reset makes all runs alike. */
static struct sim *fresh_sim(struct session *session)
{
	static struct printer printer;
	static struct sim *sim;
	struct sim_cfg cfg = { .freq_hz = 1000000, .move_count = 16, .printer = &printer };
	struct sim_hooks hooks = { .ctx = session, .edge = on_edge, .tx = on_tx };

	if (!sim) {
		sim = sim_new(&cfg);
		if (!sim || sim_start(sim))
			abort();
	}
	sim_set_hooks(sim, &(struct sim_hooks){ 0 });
	sim_reset(sim);
	printer_init(&printer, PRINTER_COREXY, 1);
	printer_add_stepper(&printer, &(struct printer_stepper){
					      .step_pin = 0, .dir_pin = 1, .steps_per_mm = 1 });
	printer_add_endstop(&printer, &(struct printer_endstop){
					      .pin = 2, .trigger_mm = -3, .hysteresis_mm = 1 });
	sim_set_hooks(sim, &hooks);
	return sim;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t get_config = MSG_ID_get_config;
	struct input in = { data, data + size };
	struct session session = { 0 };

	session.sim = fresh_sim(&session);
	if (take(&in, 1) & 1)
		configure(&session);
	while (in.at < in.end && session.events < EVENTS_MAX)
		operate(&session, &in);
	/* whatever happened, it is still there: flush an unfinished frame, learn n, ask */
	for (int i = 0; i < 3; i++) {
		sim_receive(session.sim,
			    (const uint8_t[WIRE_FRAME_MAX]){ [WIRE_FRAME_MAX - 1] = WIRE_SYNC },
			    WIRE_FRAME_MAX);
		send_payload(&session, NULL, 0);
	}
	session.config_answered = false;
	send_payload(&session, &get_config, 1);
	if (!session.config_answered)
		abort();
	return 0;
}
