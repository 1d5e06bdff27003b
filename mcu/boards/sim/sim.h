/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim.h - a simulated MCU: the real firmware core on a board that exists in memory only.
 *
 * The caller owns time: sim_run_until() executes what the firmware has scheduled, in order, each event
 * at exactly its own clock, and nothing else ever advances the clock. Bytes of the host go in through
 * sim_receive() and are handled at the clock reached; answers come out through the tx hook or
 * sim_pull_tx(). Deterministic: same calls, same result.
 * Owner:   sim_new() allocates, sim_free() releases. Any number of sims in a process.
 * Threads: one thread at a time for a sim and for all sims that share a printer.
 * Units:   clock = uint64 ticks of this MCU since it was made (a reset restarts the firmware's clock,
 *          not this one); _hz nominal.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mcu;
struct mcu_can_frame;
struct printer;
struct sim;

enum {
	SIM_PINS_MAX = 256, /* step, dir and endstop pins are 8 bits wide on the wire */
	SIM_PIN_NAME_MAX = 31,
	SIM_BUSES_MAX = 16,
};

enum sim_bus { SIM_SPI, SIM_I2C, SIM_BUS_KINDS };

/* Observers; any may be NULL. They must not call sim_receive() or sim_run_until() of the same sim;
 * sim_break(), sim_fail(), sim_clock() and sim_pin_*() are fine. */
struct sim_hooks {
	void *ctx;
	/* An output pin changed its level. */
	void (*edge)(void *ctx, uint16_t pin, uint8_t level, uint64_t clock);
	/* A step: once a step whatever the edges are; dir as in set_next_step_dir. */
	void (*step)(void *ctx, uint8_t stepper_oid, int dir, uint64_t clock);
	/* A hardware PWM pin has a new duty, 0..pwm_max. */
	void (*pwm)(void *ctx, uint16_t pin, uint16_t value, uint64_t clock);
	/* One frame to the host, instead of the buffer of sim_pull_tx(). Not on CAN. */
	void (*tx)(void *ctx, const uint8_t *frame, size_t len, uint64_t clock);
	/* The clock for the host's questions, where it is ahead of the events'. Without it: that. */
	uint64_t (*now)(void *ctx);
	/* Whether a pin may become an output at this level, or an input. Without it: any. */
	bool (*setup)(void *ctx, uint16_t pin, bool output, bool level);
	/* The level of an input at clock, instead of the printer's. */
	bool (*read)(void *ctx, uint16_t pin, uint64_t clock);
	/* Since when it has had the level that it has at clock: enum board_since. Without it: not known. */
	int (*since)(void *ctx, uint16_t pin, uint64_t clock, uint64_t *edge_clock);
	/* On CAN: there is something for sim_can_next(). */
	void (*can)(void *ctx, uint64_t clock);
};

struct sim_cfg {
	uint32_t freq_hz;     /* nominal CLOCK_FREQ, 100 kHz..2 GHz; 0: 50 MHz */
	uint16_t move_count;  /* move slots, 1..1024; 0: 1024 */
	uint16_t adc_max;     /* 0: 4095 */
	uint16_t pwm_max;     /* 0: 32768 */
	uint32_t canbus_hz;   /* bit rate, if it is a node of a CAN bus; 0: it has a serial line */
	uint8_t can_uuid[6];  /* its own, then */
	bool no_extensions;   /* a dictionary as other firmware has it */
	bool digital_only;    /* … without analog inputs, hardware PWM and reset */
	const char *without;  /* as in struct mcu_dict_info; NULL: nothing is left out */
	const char *name;     /* constant MCU of the dictionary; NULL: sim */
	uint64_t start_clock; /* the clock at power-on; also what the firmware's clock starts from */
	struct printer *printer; /* NULL: nothing is connected */
	uint8_t mcu_index;       /* this MCU's number in the printer */
	struct sim_hooks hooks;
};

/* Make a sim, not yet running. Returns NULL if memory is short or cfg is out of range. */
struct sim *sim_new(const struct sim_cfg *cfg);
void sim_free(struct sim *s);

/* Make a pin name known to the dictionary, before sim_start(). PA0..PG15 and gpio0..gpio29 always are.
 * Returns the pin's number (the same for a known name), -EINVAL for a name that is empty, too long or
 * holds something else than letters, digits and "_.-/:", -ENOSPC, or -EBUSY once started. */
int sim_pins_add(struct sim *s, const char *name);

/* The same for a bus; spi0..spi3 and i2c0..i2c3 always are. */
int sim_bus_add(struct sim *s, enum sim_bus kind, const char *name);

/* Number of a pin, or -ENOENT. */
int sim_pin_number(const struct sim *s, const char *name);
/* Name of a pin; the name lives as long as the sim. NULL if there is no such pin. */
const char *sim_pin_name(const struct sim *s, uint16_t pin);

/* Build the dictionary and boot the firmware; pins are fixed from here on. Returns 0 or -errno. */
int sim_start(struct sim *s);

/* The JSON text of the dictionary and its compressed form, as served by identify; after sim_start(). */
const char *sim_dict_json(const struct sim *s);
const uint8_t *sim_dict_zlib(const struct sim *s, size_t *len);

/* Bytes from the host arrive now (at sim_clock()). Any content is safe. */
void sim_receive(struct sim *s, const uint8_t *bytes, size_t len);

/* On CAN, instead of sim_receive() and sim_pull_tx(): a frame from the bus, any content; and the next frame for
 * the bus, false if there is none. */
void sim_can_receive(struct sim *s, const struct mcu_can_frame *f);
bool sim_can_next(struct sim *s, struct mcu_can_frame *f);

/* Execute everything due up to and including clock; ends early only after sim_break().
 * Returns the clock reached: clock itself, or that of the event that broke. A clock in the past does nothing. */
uint64_t sim_run_until(struct sim *s, uint64_t clock);

/* From a hook: let sim_run_until() return after the event that is being executed. */
void sim_break(struct sim *s);

/* The board has failed (a hook may say so): the firmware shuts down once the running event, if there is
 * one, is over. reason: enum mcu_reason. */
void sim_fail(struct sim *s, int reason);

/* The clock reached, and that of the next event (UINT64_MAX: none). */
uint64_t sim_clock(const struct sim *s);
uint64_t sim_next_clock(const struct sim *s);

/* Take bytes for the host; returns how many. Frames are lost when nobody pulls 64 KiB: see sim_tx_lost(). */
size_t sim_pull_tx(struct sim *s, uint8_t *buf, size_t cap);
uint64_t sim_tx_lost(const struct sim *s);

/* Power-cycle or reset line: the firmware starts again, everything forgotten, outputs at low. */
void sim_reset(struct sim *s);
/* The clock of sim_run_until() at the time when the firmware's, as it is since the last reset, is 0; modulo 2^64. */
uint64_t sim_boot_clock(const struct sim *s);

/* Replace the observers. */
void sim_set_hooks(struct sim *s, const struct sim_hooks *hooks);

/* What the checker asks: the level of an output, a stepper's count (false: no such stepper), state. */
bool sim_pin_level(const struct sim *s, uint16_t pin);
uint16_t sim_pin_duty(const struct sim *s, uint16_t pin); /* 0..pwm_max */
bool sim_stepper_position(const struct sim *s, uint8_t oid, int32_t *pos_steps);
/* A host has configured it since it was started. */
bool sim_configured(const struct sim *s);
/* NULL while running, otherwise the reason of the shutdown. */
const char *sim_shutdown_reason(const struct sim *s);
uint32_t sim_freq_hz(const struct sim *s);
#endif
