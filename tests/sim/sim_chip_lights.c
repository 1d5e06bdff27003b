/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_chip_lights.c - chains of lights by firmware for chips.
 *
 * Shown: what neopixel_send makes at the pin is the bytes of neopixel_update, every pulse and pause as the lights' data sheets want them, also
 * while the host goes on talking; steps that a motor makes meanwhile come at their time, as without lights; where steps leave no room,
 * the firmware says so and the lights keep what they show.
 * How: the images for the atmega644p (simavr), the STM32F405 (QEMU) and the RP2040 (rp2040js), edges by the simulator's own
 * clock (QEMU: by what the firmware read of its counter before), in virtual time. Each is skipped without its simulator or image. Bytes are random: STEPD_SEED=n repeats.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fwlib/talk.h"

/* What WS2812, WS2812B and SK6812 all take: high for a 0, for a 1; low, which ends at their reset only. Data sheets. */
static const double ZERO_MIN_S = 0.22e-6, ZERO_MAX_S = 0.45e-6, ONE_MIN_S = 0.60e-6,
		    ONE_MAX_S = 0.85e-6;
static const double LOW_MIN_S = 0.45e-6, BIT_MAX_S = 4e-6, RESET_S = 50e-6;
enum { LIGHTS = 6, BYTES = LIGHTS * 3, LIGHTS_PIN = 6, STEP_PIN = 18, DIR_PIN = 19 };

struct chip {
	const char *image;
	bool (*there)(void);
	struct target *(*make)(const char *path, const struct target_hooks *hooks);
	double late_max_s; /* a step, with lights and commands: as with commands alone (sim_chip_bus.c) */
	double pulse_s;
};

static const struct chip chips[] = {
	{ "avr-atmega644p+neopixel.elf", target_has_simavr, target_atmega644p_new, 50e-6, 2e-6 },
	{ "stm32f4-netduinoplus2+neopixel.elf", target_has_qemu, target_qemu_new, 10e-6, 100e-9 },
	{ "rp2040+neopixel.bin", target_has_rp2040, target_rp2040_uart_new, 4e-6, 100e-9 },
};

static const struct chip *chip_of(void **state)
{
	return *(const struct chip *const *)state;
}

static struct talk *open_talk(const struct chip *chip)
{
	struct talk *k = talk_open(chip->image, chip->there, chip->make);

	talk_start(k);
	TALK(k, allocate_oids, 2);
	TALK(k, config_neopixel, .oid = 0, .pin = LIGHTS_PIN, .data_size = BYTES,
	     .bit_max_ticks = (uint32_t)(BIT_MAX_S * k->t->freq_hz),
	     .reset_min_ticks = (uint32_t)(RESET_S * k->t->freq_hz));
	TALK(k, config_stepper, .oid = 1, .step_pin = STEP_PIN, .dir_pin = DIR_PIN,
	     .step_pulse_ticks = (uint32_t)(chip->pulse_s * k->t->freq_hz));
	TALK(k, finalize_config, .crc = 1);
	return k;
}

static void fill(struct talk *k, uint8_t bytes[BYTES])
{
	for (int i = 0; i < BYTES; i++)
		bytes[i] = (uint8_t)rand();
	TALK(k, neopixel_update, .oid = 0, .pos = 0, .data = { bytes, BYTES });
}

/* neopixel_send, and with talk a question right behind it, whose bytes come in while bits go out. Returns: success. */
static bool send(struct talk *k, bool talk)
{
	const uint8_t lights[] = { MSG_ID_neopixel_send, 0 }, uptime[] = { MSG_ID_get_uptime };
	uint8_t frames[2 * WIRE_FRAME_MAX];
	size_t len = wire_frame_build(frames, k->seq, lights, sizeof(lights));

	k->seq = (k->seq + 1) & WIRE_SEQ_MASK;
	if (talk) {
		len += wire_frame_build(frames + len, k->seq, uptime, sizeof(uptime));
		k->seq = (k->seq + 1) & WIRE_SEQ_MASK;
	}
	talk_clear(k);
	target_send(k->t, frames, len);
	(void)AWAIT(k, neopixel_result, 0.1);
	if (talk)
		(void)AWAIT(k, uptime, 0.1); /* nothing of it was lost */
	return AWAIT(k, neopixel_result, 0)->success;
}

static double worst_low_s;

/* The pulses at the lights' pin, each as the data sheets want it. Returns: how many; the bits in bytes. */
static int pulses(const struct talk *k, uint8_t bytes[BYTES])
{
	double rise_s = 0, fall_s = 0;
	int count = 0;

	memset(bytes, 0, BYTES);
	for (int i = 0; i < k->edge_count; i++) {
		const struct talk_edge *e = &k->edges[i];
		double high_s = e->at_s - rise_s;
		bool one = high_s > (ZERO_MAX_S + ONE_MIN_S) / 2;

		if (e->pin != LIGHTS_PIN)
			continue;
		if (e->level) {
			if (count && e->at_s - fall_s < LOW_MIN_S)
				fail_msg("bit %d: low for %.2f us", count, (e->at_s - fall_s) * 1e6);
			if (count && e->at_s - rise_s > BIT_MAX_S + 1e-6)
				fail_msg("bit %d: %.2f us after the one before", count,
					 (e->at_s - rise_s) * 1e6);
			if (count && e->at_s - rise_s > worst_low_s)
				worst_low_s = e->at_s - rise_s;
			rise_s = e->at_s;
			continue;
		}
		fall_s = e->at_s;
		if (one ? high_s < ONE_MIN_S || high_s > ONE_MAX_S
			: high_s < ZERO_MIN_S || high_s > ZERO_MAX_S)
			fail_msg("bit %d: high for %.3f us", count, high_s * 1e6);
		assert_true(count < BYTES * 8);
		bytes[count / 8] |= (uint8_t)(one << (7 - count % 8));
		count++;
	}
	return count;
}

static void expect_lights(const struct talk *k, const uint8_t want[BYTES])
{
	uint8_t got[BYTES];

	assert_int_equal(pulses(k, got), BYTES * 8);
	assert_memory_equal(got, want, BYTES);
}

static void test_bits(void **state)
{
	struct talk *k = open_talk(chip_of(state));
	uint8_t bytes[BYTES];

	worst_low_s = 0;
	for (int i = 0; i < 8; i++) {
		fill(k, bytes);
		assert_true(send(k, i % 2));
		expect_lights(k, bytes);
	}
	printf("%s: bits %.2f us apart at most\n", k->t->name, worst_low_s * 1e6);
	talk_close(k);
}

/* The line rests between what is sent and what is sent next. */
static void test_rest(void **state)
{
	struct talk *k = open_talk(chip_of(state));
	const uint8_t lights[] = { MSG_ID_neopixel_send, 0, MSG_ID_neopixel_send, 0 };
	double before_s = 0, rest_s = 0;
	uint8_t bytes[BYTES];

	fill(k, bytes);
	talk_clear(k);
	talk_payload(k, lights, sizeof(lights));
	talk_wait(k, 0.01);
	assert_int_equal(talk_count(k, MSG_ID_neopixel_result), 2);
	for (int i = 0, n = 0; i < k->edge_count; i++)
		if (k->edges[i].pin == LIGHTS_PIN) {
			if (n++ == BYTES * 16)
				rest_s = k->edges[i].at_s - before_s;
			before_s = k->edges[i].at_s;
		}
	printf("%s: %.1f us of rest\n", k->t->name, rest_s * 1e6);
	assert_true(rest_s > RESET_S && rest_s < 1e-3);
	talk_close(k);
}

/* How far steps are from where they belong among each other, at most. */
static double step_error_s(const struct talk *k, double interval_s, double *first_s, int *count)
{
	double least_s = 0, most_s = 0;

	for (int i = 0; i < k->edge_count; i++) {
		double late_s;

		if (k->edges[i].pin != STEP_PIN || !k->edges[i].level)
			continue;
		if ((*count)++ == 0)
			*first_s = k->edges[i].at_s;
		late_s = k->edges[i].at_s - *first_s - interval_s * (*count - 1);
		least_s = late_s < least_s ? late_s : least_s;
		most_s = late_s > most_s ? late_s : most_s;
	}
	return most_s - least_s;
}

/* What QEMU's host may need to be heard in time. */
#define LEAD_S 0.1

static void start_steps(struct talk *k, uint32_t interval, uint16_t count)
{
	TALK(k, reset_step_clock, .oid = 1, .clock = talk_clock(k, LEAD_S));
	TALK(k, set_next_step_dir, .oid = 1, .dir = 1);
	TALK(k, queue_step, .oid = 1, .interval = interval, .count = count);
	talk_wait(k, LEAD_S); /* until they come */
	talk_clear(k);
}

/* Lights again and again while steps come so often. Returns: how often they were sent. */
static int with_steps(void **state, uint32_t steps_hz, bool must)
{
	const struct chip *chip = chip_of(state);
	struct talk *k = open_talk(chip);
	uint32_t interval = k->t->freq_hz / steps_hz;
	double worst_s = 0, first_s = 0;
	int sent = 0, count = 0;
	uint8_t bytes[BYTES], got[BYTES];

	start_steps(k, interval, 60000);
	for (int i = 0; i < 8; i++) {
		double error_s;
		bool success;

		fill(k, bytes);
		success = send(k, false);
		if (success)
			expect_lights(k, bytes);
		else if (chip == &chips[0])
			assert_int_equal(pulses(k, got), 0);
		else
			(void)pulses(k, got);
		sent += success;
		/* each time anew: what was before is forgotten */
		count = 0;
		talk_wait(k, 0.006);
		error_s = step_error_s(k, (double)interval / k->t->freq_hz, &first_s, &count);
		assert_true(count > 2);
		worst_s = error_s > worst_s ? error_s : worst_s;
	}
	printf("%s: %u steps a second, lights sent %d times of 8, steps up to %.1f us off\n",
	       k->t->name, steps_hz, sent, worst_s * 1e6);
	assert_true(worst_s < chip->late_max_s);
	assert_true(!must || sent == 8);
	talk_close(k);
	return sent;
}

static void test_steps(void **state)
{
	with_steps(state, 1000, true);
}

static void test_busy(void **state)
{
	int sent = with_steps(state, 20000, false);

	if (chip_of(state) == &chips[0])
		assert_int_equal(sent, 0); /* 50 us, where 180 are needed */
	else
		assert_true(sent >= 4); /* interrupts are short enough for lights to wait */
}

#define EACH(f) \
	{ #f " avr", f, NULL, NULL, (void *)&chips[0] }, \
		{ #f " stm32f4", f, NULL, NULL, (void *)&chips[1] }, \
	{ \
#f " rp2040", f, NULL, NULL, (void *)&chips[2] \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_bits),
		EACH(test_rest),
		EACH(test_steps),
		EACH(test_busy),
	};
	const char *seed = getenv("STEPD_SEED");

	srand(seed ? (unsigned)strtoul(seed, NULL, 10) : 1);
	printf("STEPD_SEED=%s\n", seed ? seed : "1");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
