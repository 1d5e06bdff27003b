/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_load_cell.h - what the tests of a load cell's chips share: the cell, its trigger, samples in bulk.
 *
 * Owner: the test places struct cell_rig and frees its peer. Threads: one. Errors: the test fails. Units: the cell's in counts and grams;
 * a clock of 1 MHz.
 */
#ifndef TEST_MCU_LOAD_CELL_H
#define TEST_MCU_LOAD_CELL_H

#include "mcu/boards/sim/chip_load_cell.h"
#include "test_mcu_peer.h"

enum { CHIP, FILTER, PROBE, TRSYNC, OIDS, HIT = 1, ERROR = 5, TARE = -300000, TRIGGER = 75 };
#define COUNTS_PER_GRAM 200.0
#define RATIO ((int32_t)((1 << 29) / COUNTS_PER_GRAM))

struct cell_rig {
	struct peer *p;
	struct chip_load_cell cell;
	double rate_hz;
	uint64_t at;
};

static inline void cell_open(struct cell_rig *r, double rate_hz)
{
	r->p = peer_new();
	r->rate_hz = rate_hz;
	r->cell = (struct chip_load_cell){ .printer = &r->p->printer,
					   .rate_hz = rate_hz,
					   .counts_per_gram = COUNTS_PER_GRAM,
					   .zero_counts = TARE };
	r->p->printer.start_mm[PRINTER_Z] = 1;
}

/* Behind the chip's own configuration. */
static inline void cell_config(struct cell_rig *r)
{
	SEND(r->p, config_sos_filter, .oid = FILTER);
	SEND(r->p, config_load_cell_probe, .oid = PROBE, .sos_filter_oid = FILTER);
	SEND(r->p, config_trsync, .oid = TRSYNC);
}

static inline void pass(struct cell_rig *r, double seconds)
{
	r->at += (uint64_t)(seconds * 1e6);
	sim_run_until(r->p->sim, r->at);
}

static inline void arm(struct cell_rig *r, double after_s, int32_t grams_per_count)
{
	SEND(r->p, load_cell_probe_set_range, .oid = PROBE, .safety_counts_min = TARE - 400000,
	     .safety_counts_max = TARE + 400000, .tare_counts = TARE, .trigger_grams = TRIGGER,
	     .grams_per_count = grams_per_count);
	SEND(r->p, trsync_start, .oid = TRSYNC, .report_clock = (uint32_t)r->at + 1000000,
	     .report_ticks = 1000000, .expire_reason = 4);
	SEND(r->p, load_cell_probe_home, .oid = PROBE, .trsync_oid = TRSYNC, .trigger_reason = HIT,
	     .error_reason = ERROR, .clock = (uint32_t)r->at + (uint32_t)(after_s * 1e6),
	     .rest_ticks = (uint32_t)(1e6 / r->rate_hz), .timeout = 4);
}

/* So many samples have come, 12 in each message, the last one TARE. Returns: how many messages. */
static inline int cell_bulk(struct cell_rig *r)
{
	int count = peer_count(r->p, MSG_ID_sensor_bulk_data);
	const struct msg_sensor_bulk_data *got = LAST(r->p, sensor_bulk_data);
	uint32_t word = 0;

	assert_int_equal(got->sequence, count - 1);
	assert_int_equal(got->data.len, 48);
	for (int i = 3; i >= 0; i--)
		word = word << 8 | got->data.data[i];
	assert_int_equal((int32_t)word, TARE);
	return count;
}

#endif
