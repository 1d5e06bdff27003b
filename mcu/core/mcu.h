/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu.h - one firmware instance: reliable receive, command dispatch, objects, shutdown.
 *
 * All state is in struct mcu and in the arena that the board gives it; several instances can live
 * in one process. No malloc, no globals, no clock but the board's.
 * Owner:   the board places struct mcu, the arena and the dictionary; they outlive the instance.
 * Threads: one at a time. On a chip, timers run in an interrupt: they never send, they set a bit
 *          of attention, and mcu_task() sends from the main loop. Commands and tasks run locked
 *          (board_lock()), but for decoding, encoding and sending.
 * Errors:  whatever the host sends wrong ends in mcu_shutdown() with a reason, as hosts expect.
 */
#ifndef MCU_MCU_H
#define MCU_MCU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu_moves.h"
#include "mcu_sched.h"
#include "wire.h"

struct board;

/* The structure that a member is in. */
#define mcu_container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

enum mcu_reason {
	MCU_REASON_NONE,
#define REASON(name, text) MCU_REASON_##name,
#include "mcu_reasons.def"
	MCU_REASON_COUNT
};

/* The text of a reason; "" for MCU_REASON_NONE. */
const char *mcu_reason_text(enum mcu_reason reason);

/* What an oid stands for. */
enum mcu_oid_type {
	MCU_OID_NONE,
	MCU_OID_STEPPER,
	MCU_OID_TRSYNC,
	MCU_OID_ENDSTOP,
	MCU_OID_DIGITAL_OUT,
	MCU_OID_PWM_OUT,
	MCU_OID_ANALOG_IN,
	MCU_OID_BUTTONS,
	MCU_OID_SPI,
	MCU_OID_SPI_SHUTDOWN,
	MCU_OID_TMCUART,
	MCU_OID_I2C,
	MCU_OID_COUNTER,
	MCU_OID_NEOPIXEL,
	MCU_OID_THERMOCOUPLE,
	MCU_OID_LDC1612,
	MCU_OID_HX71X,
	MCU_OID_ADS1220,
	MCU_OID_SOS_FILTER,
	MCU_OID_LOAD_CELL,
	MCU_OID_DS18B20,
	MCU_OID_ANGLE,
};

struct mcu_oid {
	void *object;
	uint8_t type; /* enum mcu_oid_type */
};

/* Bits of struct mcu's attention: work that timers leave for mcu_task(). */
enum {
	MCU_ATTN_SHUTDOWN = 1 << 0,
	MCU_ATTN_TRSYNC = 1 << 1,
	MCU_ATTN_ADC = 1 << 2, /* and other sensors that are read by a task */
	MCU_ATTN_STATS = 1 << 3,
	MCU_ATTN_BOARD = 1 << 4,   /* the board's own: mcu_run() returns, and leaves the bit set */
	MCU_ATTN_BUTTONS = 1 << 5, /* and outputs that went to their defaults by themselves */
	MCU_ATTN_TMCUART = 1 << 6,
	MCU_ATTN_COUNTER = 1 << 7,
};

enum {
	MCU_MOVES_MAX = 1024,
	MCU_RECEIVE_WINDOW = 192, /* bytes a host may have in flight; published */
	MCU_STATS_SUMSQ_BASE = 256,
};

struct mcu_cfg {
	struct board *board;
	void *arena; /* oids, their objects, move slots; aligned for anything */
	size_t arena_size;
	const WIRE_ROM uint8_t *dict; /* compressed dictionary, as identify serves it */
	size_t dict_len;
	uint32_t freq_hz;        /* mcu_freq_hz() */
	uint16_t move_count_max; /* 1..MCU_MOVES_MAX */
	uint64_t clock;          /* board_clock() at the start, and its upper half; 0 on a chip */
};

struct mcu {
	uint8_t attention; /* MCU_ATTN_… */
	struct board *board;
	struct mcu_sched sched;
	struct mcu_moves moves;
	struct mcu_cfg cfg;

	/* link */
	struct wire_rx rx;
	uint8_t rx_seq; /* n of the next frame that is accepted, 0..15 */
	bool nak_sent;  /* for this burst of corruption */
	bool halted;    /* board_reset() was called: ignore everything */

	/* configuration */
	struct mcu_oid *oids;
	size_t arena_used;
	uint8_t oid_count;
	bool oids_allocated;
	bool is_config;
	uint32_t config_crc;

	/* shutdown */
	bool is_shutdown;
	uint8_t reason; /* enum mcu_reason */
	uint32_t shutdown_clock;

	/* 64-bit clock and load statistics; see mcu_stats.c */
	struct mcu_timer stats_timer;
	uint32_t clock_high, clock_low;
	uint32_t stats_count, stats_sum, stats_sumsq;
	uint8_t stats_passes; /* of the timer, since the last report */
};

/* Start the firmware: everything forgotten, `starting` is sent. cfg is copied. Leaves unlocked. */
void mcu_init(struct mcu *m, const struct mcu_cfg *cfg);

/* Bytes from the host, any content. Commands run at once and answers go to board_send(). */
void mcu_receive(struct mcu *m, const uint8_t *bytes, size_t len);

/* Do what timers left: send reports, carry out a shutdown. For the main loop. */
void mcu_task(struct mcu *m);

/* Timers and tasks up to and including until, for boards in virtual time. Sets sched.clock to
 * until, unless it ends early with MCU_ATTN_BOARD or halted. */
void mcu_run(struct mcu *m, uint32_t until);

/* Latch a shutdown; the first reason stays. Callers return at once: it is carried out as soon as
 * the running timer or command has returned. */
void mcu_shutdown(struct mcu *m, enum mcu_reason reason);

/* Send one response. msg: struct msg_<name> of id. From commands and tasks only: timers may run
 * meanwhile. */
void mcu_send(struct mcu *m, enum msg_id id, const void *msg);
/* The same with what is encoded already: len bytes at frame + WIRE_HEADER, in a buffer of WIRE_FRAME_MAX. */
void mcu_send_frame(struct mcu *m, uint8_t *frame, size_t len);

/* The 64-bit clock now, in two halves. Returns: the lower one; the upper one is m->clock_high. */
uint32_t mcu_clock(struct mcu *m);

/* Ticks of the clock in a second. A chip has one frequency, and code that knows it is shorter. */
static inline uint32_t mcu_freq_hz(const struct mcu *m)
{
#ifdef MCU_FREQ_HZ
	(void)m;
	return MCU_FREQ_HZ;
#else
	return m->cfg.freq_hz;
#endif
}

/* ---- objects ---- */

/* Memory for the instance's lifetime (until config_reset), zeroed. Returns: NULL if there is none. */
void *mcu_arena_take(struct mcu *m, size_t size);
/* The same, but as it is. */
void *mcu_arena_reserve(struct mcu *m, size_t size);
size_t mcu_arena_room(const struct mcu *m);

/* Forget the configuration. All timers of objects must be gone (shutdown saw to that). */
void mcu_config_clear(struct mcu *m);

/* Make the object of an oid, zeroed. Returns: NULL after a shutdown (bad oid, finalized, memory). */
void *mcu_oid_new(struct mcu *m, uint8_t oid, enum mcu_oid_type type, size_t size);

/* The object just made can't be: free the oid again and shut down. */
void mcu_oid_fail(struct mcu *m, uint8_t oid, enum mcu_reason reason);

/* The object of an oid. Returns: NULL after a shutdown, "Invalid oid type". */
void *mcu_oid_get(struct mcu *m, uint8_t oid, enum mcu_oid_type type);

/* Do something with each object of a type, in the order of their oids. */
typedef void mcu_object_fn(struct mcu *m, void *object, uint8_t oid);
void mcu_oid_each(struct mcu *m, enum mcu_oid_type type, mcu_object_fn *fn);

/* ---- commands ---- */

typedef void mcu_handler_fn(struct mcu *m, const union msg_any *msg);

/* The handler of each command that this firmware has, NULL for any other id. */
extern mcu_handler_fn *const WIRE_ROM mcu_handlers[MSG_ID_COUNT];

/* Every handler: void mcu_cmd_<name>(struct mcu *m, const struct msg_<name> *msg). */
#define HANDLER(name) void mcu_cmd_##name(struct mcu *m, const struct msg_##name *msg);
#include "mcu_handlers.def"

/* A stepper's counter for observers. Returns: false if the oid is no stepper. */
bool mcu_stepper_position(const struct mcu *m, uint8_t oid, int32_t *pos_steps);

/* ---- what a shutdown does with an object (with inputs only the end of a configuration), and mcu_task() ---- */
mcu_object_fn mcu_stepper_stop, mcu_trsync_stop, mcu_endstop_stop, mcu_gpio_out_stop, mcu_pwm_stop,
	mcu_buttons_stop, mcu_adc_stop, mcu_tmcuart_stop, mcu_spi_stop, mcu_counter_stop,
	mcu_thermocouple_stop, mcu_ldc1612_stop, mcu_ds18b20_stop, mcu_hx71x_stop, mcu_ads1220_stop,
	mcu_load_cell_stop, mcu_angle_stop;
mcu_object_fn mcu_trsync_task, mcu_output_task, mcu_adc_task, mcu_buttons_task, mcu_tmcuart_task,
	mcu_counter_task, mcu_thermocouple_task, mcu_ldc1612_task, mcu_ds18b20_task, mcu_hx71x_task,
	mcu_ads1220_task, mcu_angle_task;
void mcu_stats_init(struct mcu *m);
void mcu_stats_task(struct mcu *m);
#endif
