/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_load_cell.c - a trsync fires when the force on a load cell, from its tare on, reaches a limit either way.
 *
 * In fixed point: grams are Q16.15, grams a count Q2.29. The sections of its filter, if any, come before the limit. Counts
 * out of the safe range, a force beyond the numbers' range and samples that fail to come fire with error_reason and one of
 * enum error more: nothing goes on down blindly. */
#include "mcu_load_cell.h"

#include "board.h"
#include "mcu_sos_filter.h"
#include "mcu_trsync.h"

enum error { ERROR_RANGE, ERROR_OVERFLOW, ERROR_SILENT };
enum { GRAMS_BITS = 15, RATIO_BITS = 29 };
#define GRAMS_MAX UINT32_C(0xffff)

struct mcu_load_cell_probe {
	struct mcu_timer watchdog;
	struct mcu_sos_filter *filter;
	uint32_t rest_ticks;
	uint32_t start_clock, trigger_clock;
	int32_t counts_min, counts_max, tare_counts, grams_per_count;
	int32_t trigger;       /* Q16.15; GRAMS_MAX of them are just within */
	struct mcu_trsync *ts; /* NULL: not armed */
	uint8_t trigger_reason, error_reason;
	uint8_t looks, looks_max; /* of the watchdog since a sample */
	bool triggered;
};

static void fire(struct mcu *m, struct mcu_load_cell_probe *lp, unsigned reason)
{
	struct mcu_trsync *ts = lp->ts;

	lp->ts = NULL;
	mcu_trsync_fire(m, ts, (uint8_t)reason);
}

static bool watchdog_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_load_cell_probe *lp = mcu_container(timer, struct mcu_load_cell_probe, watchdog);

	if (!lp->ts)
		return false;
	if (lp->looks >= lp->looks_max) {
		fire(m, lp, lp->error_reason + ERROR_SILENT);
		return false;
	}
	lp->looks++;
	timer->clock += lp->rest_ticks;
	return true;
}

/* The force since the tare, filtered: whether anybody is armed or not, so that the filter has swung in by then. Returns:
 * false if it is beyond the numbers; the filter begins anew. */
static bool grams_of(struct mcu_load_cell_probe *lp, int32_t counts, int32_t *grams)
{
	int64_t exact = ((int64_t)counts - lp->tare_counts) * lp->grams_per_count >>
			(RATIO_BITS - GRAMS_BITS);

	*grams = (int32_t)exact;
	if (exact == *grams && mcu_sos_filter_run(lp->filter, grams))
		return true;
	mcu_sos_filter_rest(lp->filter);
	return false;
}

void mcu_load_cell_sample(struct mcu *m, struct mcu_load_cell_probe *lp, int32_t counts,
			  uint32_t clock)
{
	int32_t grams;
	bool known;

	if (!lp)
		return;
	known = grams_of(lp, counts, &grams);
	if (!lp->ts)
		return;
	lp->looks = 0;
	if (mcu_clock_diff(clock, lp->start_clock) < 0)
		return;
	if (counts <= lp->counts_min || counts >= lp->counts_max) {
		fire(m, lp, lp->error_reason + ERROR_RANGE);
		return;
	}
	if (!known) {
		fire(m, lp, lp->error_reason + ERROR_OVERFLOW);
		return;
	}
	if (grams < lp->trigger && grams > -lp->trigger)
		return;
	lp->trigger_clock = clock;
	lp->triggered = true;
	fire(m, lp, lp->trigger_reason);
}

void mcu_load_cell_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_load_cell_probe *lp = object;

	(void)oid;
	mcu_sched_del(m, &lp->watchdog);
	lp->ts = NULL;
}

void mcu_cmd_config_load_cell_probe(struct mcu *m, const struct msg_config_load_cell_probe *msg)
{
	struct mcu_sos_filter *filter = mcu_oid_get(m, msg->sos_filter_oid, MCU_OID_SOS_FILTER);
	struct mcu_load_cell_probe *lp;

	if (!filter)
		return;
	lp = mcu_oid_new(m, msg->oid, MCU_OID_LOAD_CELL, sizeof(*lp));
	if (!lp)
		return;
	lp->watchdog.fn = watchdog_event;
	lp->filter = filter;
}

void mcu_cmd_load_cell_probe_set_range(struct mcu *m,
				       const struct msg_load_cell_probe_set_range *msg)
{
	struct mcu_load_cell_probe *lp = mcu_oid_get(m, msg->oid, MCU_OID_LOAD_CELL);

	if (!lp)
		return;
	if (msg->safety_counts_max < msg->safety_counts_min || msg->trigger_grams > GRAMS_MAX ||
	    msg->grams_per_count < 0 || msg->grams_per_count >= INT32_C(1) << RATIO_BITS) {
		mcu_shutdown(m, MCU_REASON_SAMPLES);
		return;
	}
	lp->counts_min = msg->safety_counts_min;
	lp->counts_max = msg->safety_counts_max;
	lp->tare_counts = msg->tare_counts;
	lp->grams_per_count = msg->grams_per_count;
	lp->trigger = (int32_t)(msg->trigger_grams << GRAMS_BITS);
}

void mcu_cmd_load_cell_probe_home(struct mcu *m, const struct msg_load_cell_probe_home *msg)
{
	struct mcu_load_cell_probe *lp = mcu_oid_get(m, msg->oid, MCU_OID_LOAD_CELL);
	struct mcu_trsync *ts;

	if (!lp)
		return;
	mcu_load_cell_stop(m, lp, msg->oid);
	lp->triggered = false;
	if (!msg->error_reason)
		return;
	ts = mcu_oid_get(m, msg->trsync_oid, MCU_OID_TRSYNC);
	if (!ts)
		return;
	if (!msg->rest_ticks || msg->rest_ticks > INT32_MAX) {
		mcu_shutdown(m, MCU_REASON_SAMPLES);
		return;
	}
	lp->ts = ts;
	lp->trigger_reason = msg->trigger_reason;
	lp->error_reason = msg->error_reason;
	lp->start_clock = msg->clock;
	lp->rest_ticks = msg->rest_ticks;
	lp->looks = 0;
	lp->looks_max = msg->timeout > UINT8_MAX ? UINT8_MAX : (uint8_t)msg->timeout;
	mcu_sched_move(m, &lp->watchdog, msg->clock);
}

void mcu_cmd_load_cell_probe_query_state(struct mcu *m,
					 const struct msg_load_cell_probe_query_state *msg)
{
	struct mcu_load_cell_probe *lp = mcu_oid_get(m, msg->oid, MCU_OID_LOAD_CELL);
	struct msg_load_cell_probe_state answer = { .oid = msg->oid };

	if (!lp)
		return;
	answer.is_homing_trigger = lp->triggered;
	answer.trigger_ticks = lp->trigger_clock;
	mcu_send(m, MSG_ID_load_cell_probe_state, &answer);
}
