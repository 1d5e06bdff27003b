/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_mcu.c - how fast the firmware steps: on an atmega644p at 16 MHz, in simavr, and on an STM32F405 in QEMU.
 *
 * The lowest interval at which 1 and 3 steppers make 60,000 steps each without a shutdown: the usual
 * sequence of commands, a pulse of 32 ticks, by bisection; then the same with get_uptime every 10 ms, and
 * with a step at each edge. Cycles are counted, not seconds: any machine has the same result.
 * Exit status 1 if one of the first line is over its limit; `bench_mcu limits` runs at these two only. QEMU counts
 * instructions: 8 ns each, which is what the lowest interval is given in there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fwlib/target.h"
#include "wire.h"

enum {
	STEPS = 60000,
	STEPS_ARM = 6000,
	STEPPERS = 3,
	TOO_MANY = 2000,
	LIMIT_1 = 85,
	LIMIT_3 = 410
};

struct host {
	struct target *t;
	struct wire_rx rx;
	uint8_t seq;
	bool shut_down;
	uint32_t clock;
	uint32_t steps[STEPPERS];
};

struct variant {
	const char *text;
	uint8_t invert;
	bool uptime;
	uint32_t pulse_ticks;
};

static const uint8_t pins_avr[STEPPERS][2] = { { 5, 4 }, { 3, 2 }, { 23, 22 } };
static const uint8_t pins_arm[STEPPERS][2] = { { 72, 73 }, { 74, 75 }, { 76, 77 } };
static const uint8_t (*pins)[2];

/* A target and its image. */
struct chip {
	const char *name; /* of simavr's; NULL: QEMU's */
	const char *image;
	uint32_t steps;
};

static void on_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
	struct host *h = ctx;
	struct wire_frame f;

	while (wire_rx_next(&h->rx, &bytes, &len, &f) == WIRE_RX_FRAME) {
		int16_t id = -1;
		const uint8_t *end = f.payload + f.payload_len;
		const uint8_t *fields = f.payload_len ? wire_get_id(f.payload, end, &id) : NULL;

		h->shut_down |= id == MSG_ID_shutdown;
		if (id == MSG_ID_clock && fields)
			(void)wire_get_vlq(fields, end, &h->clock);
	}
}

static void on_edge(void *ctx, uint16_t pin, bool level, uint64_t clock)
{
	struct host *h = ctx;

	(void)level;
	(void)clock;
	for (int i = 0; i < STEPPERS; i++)
		h->steps[i] += pins[i][0] == pin;
}

static void wait_ms(struct host *h, uint32_t ms)
{
	target_run(h->t, (uint64_t)ms * (h->t->freq_hz / 1000));
}

static void send(struct host *h, enum msg_id id, const void *msg)
{
	uint8_t frame[WIRE_FRAME_MAX];
	size_t len = wire_encode(frame + WIRE_HEADER, WIRE_PAYLOAD_MAX, (int16_t)id, &msg_table[id],
				 msg);

	target_send(h->t, frame, wire_frame_finish(frame, h->seq++, len));
	wait_ms(h, 3);
}

#define SEND(h, name, ...) send(h, MSG_ID_##name, &(struct msg_##name){ __VA_ARGS__ })

/* Returns: all steps were made, and no shutdown. */
static bool run(const struct chip *chip, const struct variant *v, uint8_t steppers, uint32_t ticks)
{
	struct host h = { 0 };
	struct target_hooks hooks = { &h, on_bytes, on_edge };
	uint32_t start;
	bool ok;

	pins = chip->name ? pins_avr : pins_arm;
	h.t = chip->name ? target_simavr_new(chip->name, chip->image, &hooks)
			 : target_qemu_new(chip->image, &hooks);
	if (!h.t)
		exit(1);
	wire_rx_init(&h.rx);
	wait_ms(&h, 20);
	SEND(&h, allocate_oids, steppers);
	for (uint8_t i = 0; i < steppers; i++)
		SEND(&h, config_stepper, i, pins[i][0], pins[i][1], v->invert, v->pulse_ticks);
	SEND(&h, finalize_config, 0);
	SEND(&h, get_clock);
	start = h.clock + h.t->freq_hz;
	memset(h.steps, 0, sizeof(h.steps));
	for (uint8_t i = 0; i < steppers; i++) {
		SEND(&h, reset_step_clock, i, start);
		SEND(&h, set_next_step_dir, i, 0);
		SEND(&h, queue_step, i, ticks, (uint16_t)chip->steps, 0);
		SEND(&h, set_next_step_dir, i, 1);
		SEND(&h, queue_step, i, 3000, 1, 0);
	}
	for (uint32_t ms = 0;
	     !h.shut_down && ms < 1000 + chip->steps * ticks / (h.t->freq_hz / 1000) + 100;
	     ms += 10) {
		if (v->uptime && ms > 900)
			SEND(&h, get_uptime);
		wait_ms(&h, v->uptime && ms > 900 ? 7 : 10);
	}
	ok = !h.shut_down;
	for (uint8_t i = 0; i < steppers; i++)
		ok &= h.steps[i] == (chip->steps + 1) * (v->invert == 0xff ? 1 : 2);
	target_free(h.t);
	return ok;
}

static uint32_t lowest(const struct chip *chip, const struct variant *v, uint8_t steppers)
{
	uint32_t bad = 20, good = TOO_MANY;

	while (good - bad > 1) {
		uint32_t middle = (good + bad) / 2;

		if (run(chip, v, steppers, middle))
			good = middle;
		else
			bad = middle;
	}
	return good;
}

static const struct variant variants[] = {
	{ "pulses of 32 ticks", 0, false, 32 },
	{ "get_uptime every 10 ms", 0, true, 32 },
	{ "a step at each edge", 0xff, false, 32 },
};
static const struct variant variants_arm[] = {
	{ "shortest pulses", 0, false, 1 },
	{ "a step at each edge", 0xff, false, 1 },
};

/* Returns: the first line is over the limits. */
static bool bench_avr(const struct chip *chip)
{
	bool slow = false;

	printf("%s, 16 MHz, lowest interval in ticks   1 stepper   3 steppers\n", chip->name);
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		uint32_t one, three;

		printf("%-44s", variants[i].text);
		fflush(stdout);
		one = lowest(chip, &variants[i], 1);
		printf("%12u", one);
		fflush(stdout);
		three = lowest(chip, &variants[i], 3);
		printf("%13u\n", three);
		if (i == 0)
			slow = one > LIMIT_1 || three > LIMIT_3;
	}
	printf("limits of the first line: %u and %u\n", LIMIT_1, LIMIT_3);
	return slow;
}

/* Returns: it is too slow for a limit. */
static bool check_limits(const struct chip *chip)
{
	bool one = run(chip, &variants[0], 1, LIMIT_1), three = run(chip, &variants[0], 3, LIMIT_3);

	printf("%s, %u steps each: 1 stepper at %u ticks %s, 3 at %u %s\n", chip->name, chip->steps,
	       LIMIT_1, one ? "ok" : "TOO FAST", LIMIT_3, three ? "ok" : "TOO FAST");
	return !one || !three;
}

/* A tick of its clock is 12 ns in QEMU, an instruction 8. */
static void bench_arm(const struct chip *chip)
{
	printf("stm32f405 in QEMU, instructions a step event     1 stepper   3 steppers at once, each\n");
	for (size_t i = 0; i < sizeof(variants_arm) / sizeof(variants_arm[0]); i++) {
		printf("%-44s", variants_arm[i].text);
		fflush(stdout);
		printf("%12.1f", lowest(chip, &variants_arm[i], 1) * 12 / 8.0);
		fflush(stdout);
		printf("%13.1f\n", lowest(chip, &variants_arm[i], 3) * 12 / 8.0 / 3);
	}
}

int main(int argc, char **argv)
{
	const char *build = getenv("STEPD_BUILD");
	struct chip atmega = { "atmega644p", NULL, STEPS };
	char avr[512], arm[512];
	bool slow;

	snprintf(avr, sizeof(avr), "%s/firmware/avr-atmega644p.elf", build ? build : "build");
	snprintf(arm, sizeof(arm), "%s/firmware/stm32f4-netduinoplus2.elf", build ? build : "build");
	if (!target_has_simavr() || access(avr, R_OK)) {
		printf("skipped: no libsimavr\n");
		return 77;
	}
	atmega.image = avr;
	if (argc > 1 && !strcmp(argv[1], "limits"))
		return check_limits(&atmega);
	slow = bench_avr(&atmega);
	if (target_has_qemu() && !access(arm, R_OK))
		bench_arm(&(struct chip){ NULL, arm, STEPS_ARM });
	return slow;
}
