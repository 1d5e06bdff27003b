/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "converse.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const int converse_targets[CONVERSE_TARGETS] = { CONVERSE_SIM,       CONVERSE_AVR,
						 CONVERSE_AVR_1284P, CONVERSE_AVR_2560,
						 CONVERSE_ARM,       CONVERSE_RP2040,
						 CONVERSE_RP2040_USB };

/* PA5, PA4, … of the atmega644p, whose numbers mean the same in the atmega1284p and in the simulated board; of the atmega2560 those of a
 * RAMPS: motors at PF0, PF6, PL3, PA4, fan PH6, heater PB4; PE8, … of the STM32F405; GPIOs of the RP2040. */
static const struct converse_pins pins_avr = { 5,  4,  3,  2, 23, 22, 21, 20,
					       16, 28, 11, 0, 0,  32, 12, "PA5" };
static const struct converse_pins pins_2560 = { 40, 41, 46, 47, 91, 89, 4,  6,
						37, 12, 62, 42, 0,  32, 12, "PF0" };
static const struct converse_pins pins_arm = { 72, 73, 74, 75, 76, 77, 78, 79,
					       32, 48, 16, 0,  0,  32, 12, "PE8" };
static const struct converse_pins pins_rp2040 = { 2,  3,  4,  5,  6, 7,  8, 9,
						  10, 11, 12, 26, 3, 24, 2, "gpio2" };
const struct converse_pins *pins = &pins_avr;

/* Returns: the image's name in path, or the test is skipped. */
static const char *image(char path[512], bool simulator, const char *file)
{
	const char *build = getenv("STEPD_BUILD");

	snprintf(path, 512, "%s/firmware/%s", build ? build : "build", file);
	if (simulator && !access(path, R_OK))
		return path;
	printf("skipped: %s or its simulator is not there\n", path);
	return NULL;
}

/* Returns: NULL if there is none for this chip. */
static struct target *open_avr(const char *chip, const struct target_hooks *hooks)
{
	char path[512], file[64];

	snprintf(file, sizeof(file), "avr-%s.elf", chip);
	return image(path, target_has_simavr(), file) ? target_simavr_new(chip, path, hooks) : NULL;
}

struct talk *open_talk(void **state)
{
	int which = *(const int *)*state;
	struct talk *k = calloc(1, sizeof(*k));
	struct target_hooks hooks;
	char path[512];

	assert_non_null(k);
	hooks = talk_hooks(k);
	pins = which == CONVERSE_ARM        ? &pins_arm
	       : which == CONVERSE_AVR_2560 ? &pins_2560
	       : which >= CONVERSE_RP2040   ? &pins_rp2040
					    : &pins_avr;
	if (which == CONVERSE_SIM)
		k->t = target_sim_new(&hooks);
	else if (which == CONVERSE_AVR)
		k->t = open_avr("atmega644p", &hooks);
	else if (which == CONVERSE_AVR_1284P)
		k->t = open_avr("atmega1284p", &hooks);
	else if (which == CONVERSE_AVR_2560)
		k->t = open_avr("atmega2560", &hooks);
	else if (which == CONVERSE_ARM &&
		 image(path, target_has_qemu(), "stm32f4-netduinoplus2.elf"))
		k->t = target_qemu_new(path, &hooks);
	else if (which == CONVERSE_RP2040 && image(path, target_has_rp2040(), "rp2040.bin"))
		k->t = target_rp2040_new(path, false, &hooks);
	else if (which == CONVERSE_RP2040_USB && image(path, target_has_rp2040(), "rp2040-usb.bin"))
		k->t = target_rp2040_new(path, true, &hooks);
	if (!k->t) {
		free(k);
		if (which == CONVERSE_SIM)
			fail();
		skip();
	}
	talk_start(k);
	return k;
}

void close_talk(struct talk *k)
{
	target_free(k->t);
	free(k);
}

static void add_machine(struct talk *k)
{
	struct printer_stepper motor = { .axis = PRINTER_X,
					 .step_pin = pins->x_step,
					 .dir_pin = pins->x_dir,
					 .steps_per_mm = 80 };
	struct printer_endstop stop = { .pin = pins->stop, .axis = PRINTER_X, .trigger_mm = -2 };

	assert_true(printer_add_stepper(k->t->printer, &motor) >= 0);
	assert_true(printer_add_endstop(k->t->printer, &stop) >= 0);
	assert_int_equal(printer_set_sensor(k->t->printer, 0, pins->sensor, 300, 0), 0);
}

void configure(struct talk *k)
{
	add_machine(k);
	TALK(k, allocate_oids, OIDS);
	TALK(k, config_stepper, X, pins->x_step, pins->x_dir, 0, pins->pulse_ticks);
	TALK(k, config_stepper, Y, pins->y_step, pins->y_dir, 0, pins->pulse_ticks);
	TALK(k, config_stepper, Z, pins->z_step, pins->z_dir, 1, 100);
	TALK(k, config_stepper, BOTH, pins->both_step, pins->both_dir, 0xff, 2);
	TALK(k, config_trsync, TRSYNC);
	TALK(k, config_endstop, ENDSTOP, pins->stop, 1);
	TALK(k, config_digital_out, HEATER, pins->heater, 0, 0, k->t->freq_hz);
	TALK(k, config_pwm_out, FAN, pins->fan, 4000, 0, 0, 0);
	TALK(k, config_analog_in, SENSOR, pins->sensor);
	TALK(k, finalize_config, CRC);
	talk_expect_running(k);
}

struct talk *open_configured(void **state)
{
	struct talk *k = open_talk(state);

	configure(k);
	talk_clear(k);
	return k;
}

int64_t ticks16(const struct talk *k, int64_t ticks)
{
	return ticks * k->t->freq_hz / 16000000;
}

int edges_of(const struct talk *k, uint16_t pin, int level, uint64_t *clocks, int cap)
{
	int n = 0;

	for (int i = 0; i < k->edge_count; i++)
		if (k->edges[i].pin == pin && (level == 2 || k->edges[i].level == level)) {
			assert_true(n < cap);
			clocks[n++] = k->edges[i].clock;
		}
	return n;
}

int32_t position(struct talk *k, uint8_t oid)
{
	talk_clear(k);
	TALK(k, stepper_get_position, oid);
	return AWAIT(k, stepper_position, 0)->pos;
}
