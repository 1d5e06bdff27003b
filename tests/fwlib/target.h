/* SPDX-License-Identifier: GPL-2.0-or-later */
/* target.h - a firmware under test with a machine around it: the simulated board, or an image in a simulator.
 *
 * Virtual time: only target_run() lets it pass, and the same calls have the same result. Steppers,
 * endstops and sensors are a struct printer (MCU index 0), which reads and drives the chip's pins.
 * Owner:   made by one of target_…_new(), released by target_free().
 * Units:   clock = ticks of the firmware's clock, which runs from its start on.
 */
#ifndef TESTS_TARGET_H
#define TESTS_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/boards/sim/printer.h"

struct target;

struct target_ops {
	void (*send)(struct target *t, const uint8_t *bytes, size_t len);
	void (*run)(struct target *t, uint64_t ticks);
	uint64_t (*clock)(const struct target *t);
	uint16_t (*pwm)(const struct target *t, uint16_t pin);
	void (*free)(struct target *t);
	void (*hang)(struct target *t); /* NULL: can't be done there */
};

/* What a test wants to know; any may be NULL. */
struct target_hooks {
	void *ctx;
	void (*bytes)(void *ctx, const uint8_t *bytes, size_t len);
	void (*edge)(void *ctx, uint16_t pin, bool level, uint64_t clock);
};

struct target {
	const struct target_ops *ops;
	const char *name;
	struct target_hooks hooks;
	struct printer *printer; /* own_printer, unless a caller puts another in its place */
	struct printer own_printer;
	uint32_t freq_hz;
	uint16_t adc_max, pwm_max;
	const char *groups; /* "spi tmcuart": those of FW_GROUPS that it has, in words */
	double edge_s; /* when the last edge of a chip was, as fine as its simulator knows it */
	bool exact;    /* events happen at their very clock */
};

/* A board that exists in memory only. NULL if memory is short. */
struct target *target_sim_new(const struct target_hooks *hooks);

/* An image on an AVR of this name ("atmega644p") at 16 MHz. NULL with a word on stderr if it can't be
 * loaded, or if simavr was not there at build time (target_has_simavr() tells). */
struct target *target_simavr_new(const char *chip, const char *elf,
				 const struct target_hooks *hooks);
bool target_has_simavr(void);
static inline struct target *target_atmega644p_new(const char *elf, const struct target_hooks *hooks)
{
	return target_simavr_new("atmega644p", elf, hooks);
}

/* What an RP2040's flash holds (rp2040.bin), in rp2040js, of which the npm package has to be in $STEPD_BUILD/node_modules; usb: its
 * link is USB. Aborts with a word on stderr if the runner fails. */
struct target *target_rp2040_new(const char *image, bool usb, const struct target_hooks *hooks);
bool target_has_rp2040(void);
static inline struct target *target_rp2040_uart_new(const char *image,
						    const struct target_hooks *hooks)
{
	return target_rp2040_new(image, false, hooks);
}

/* An image for QEMU's machine netduinoplus2. Aborts with a word on stderr if QEMU fails. */
struct target *target_qemu_new(const char *elf, const struct target_hooks *hooks);
bool target_has_qemu(void);

static inline void target_send(struct target *t, const uint8_t *bytes, size_t len)
{
	t->ops->send(t, bytes, len);
}

static inline void target_run(struct target *t, uint64_t ticks)
{
	t->ops->run(t, ticks);
}

static inline uint64_t target_clock(const struct target *t)
{
	return t->ops->clock(t);
}

/* The duty of a pin that is a hardware PWM, else 0. */
static inline uint16_t target_pwm(const struct target *t, uint16_t pin)
{
	return t->ops->pwm(t, pin);
}

/* The firmware's program goes astray, into an endless loop; ops->hang is there. */
static inline void target_hang(struct target *t)
{
	t->ops->hang(t);
}

static inline void target_free(struct target *t)
{
	if (t)
		t->ops->free(t);
}
#endif
