/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clocksync.c - regression of one MCU's clock, and the questions that feed it. */
#include "clocksync.h"

#include <math.h>
#include <string.h>

#define S_PER_NS 1e-9
#define MEMORY 12.0 /* samples */
#define DECAY (1.0 / MEMORY)
#define ERROR_START_S 0.001 /* standard deviation before anything is known */
#define OUTLIER_S 0.0005    /* smaller errors are never outliers */
#define OUTLIER_SIGMAS 5.0
#define GOOD_FOR_S 10.0                   /* so long a late sample is not believed */
#define HALF_TRIP_AGEING (10e-6 / 3600.0) /* s per s */
/* Trust in a sample whose round trip is longer than the shortest: halved at so many times what is usual, within bounds.
 * What is usual is known once the estimate is in use. */
#define EXCESS_HALF_USUAL 2.0
#define EXCESS_HALF_MIN_S 10e-6
#define EXCESS_HALF_MAX_S 200e-6
#define EXCESS_SPREAD_S 100e-6
#define WEIGHT_MIN 0.1
#define WEIGHT_DOUBT 0.3 /* of the past, when samples contradict it */
/* Slope within this of nominal: a wild estimate must not turn time around. */
#define SLOPE_OFF_MAX 0.1
/* Bootstrapped when the slope is known so well, or after so long. */
#define SETTLED_SLOPE 50e-6
#define SETTLE_MAX_S 4.0
#define ANSWER_MAX_NS ((int64_t)5 * 1000 * 1000 * 1000)

static double clampd(double v, double lo, double hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

void clocksync_init(struct clocksync *sync, double freq_hz, int64_t now_ns)
{
	memset(sync, 0, sizeof(*sync));
	sync->freq_hz = freq_hz;
	sync->trips.slope_hz = freq_hz;
	sync->next_ask_ns = now_ns;
	sync->handed_out_s = -HUGE_VAL;
	sync->map_target_s = -HUGE_VAL;
}

/* ---- the estimate ---- */

static double host_s(const struct clocksync *sync, int64_t host_ns)
{
	return (double)(host_ns - sync->t0_ns) * S_PER_NS;
}

static double error_var_start(const struct clocksync *sync)
{
	return ERROR_START_S * sync->freq_hz * ERROR_START_S * sync->freq_hz;
}

static void first_sample(struct clocksync *sync, const struct clocksync_sample *s, double half_s)
{
	sync->t0_ns = s->sent_ns;
	sync->clock0 = s->clock;
	clockfit_start(&sync->trips, half_s, 0.0, sync->freq_hz);
	sync->error_var = error_var_start(sync);
	sync->half_trip_min_s = half_s;
	sync->last_sent_s = sync->good_time_s = sync->short_time_s = 0.0;
	sync->samples = 1;
}

/* Trust in a sample by what its round trip took longer than the shortest: nobody knows on which of
 * the two ways that was lost.
 */
static double excess_weight(double excess_s, double half_at_s)
{
	double x = excess_s > 0.0 ? excess_s / half_at_s : 0.0;

	return 1.0 / (1.0 + x * x * x * x);
}

/* The same, but when there have been no short trips for a while, long ones must do. */
static double sample_weight(struct clocksync *sync, double sent_s, double half_s)
{
	double usual_s = EXCESS_HALF_USUAL * sqrt(sync->excess_var_s2);
	double half_at_s = sync->ready ? clampd(usual_s, EXCESS_HALF_MIN_S, EXCESS_HALF_MAX_S)
				       : EXCESS_HALF_MAX_S;
	double w = excess_weight(half_s - sync->half_trip_min_s, half_at_s);

	if (w >= 0.5)
		sync->short_time_s = sent_s;
	double waited = (sent_s - sync->short_time_s) / GOOD_FOR_S;
	return fmax(w, WEIGHT_MIN * fmin(waited * waited, 1.0));
}

static void regress(struct clocksync *sync, double t_s, double clock, double excess_s, double weight)
{
	double gain = clockfit_add(&sync->trips, t_s, clock, weight, MEMORY);

	sync->excess_var_s2 += gain * (excess_s * excess_s - sync->excess_var_s2);
	/* two samples 50 ms apart say nothing about ppm */
	if (sync->samples >= CLOCKSYNC_BOOT_SAMPLES)
		clockfit_turn(&sync->trips, sync->freq_hz, SLOPE_OFF_MAX);
}

static void track_half_trip(struct clocksync *sync, double sent_s, double half_s)
{
	sync->half_trip_min_s += HALF_TRIP_AGEING * (sent_s - sync->last_sent_s);
	if (half_s >= sync->half_trip_min_s)
		return;
	/* what seemed a short trip was none: trust the past less */
	double longer_s = sync->half_trip_min_s - half_s;
	double excess_s = sqrt(sync->excess_var_s2) + longer_s;

	sync->trips.weight_sum *= excess_weight(longer_s, EXCESS_HALF_MAX_S);
	sync->excess_var_s2 = excess_s * excess_s;
	sync->half_trip_min_s = half_s;
}

/* Whether the estimate may be used now. The clock was read up to half a trip's excess away from where it is taken to
 * have been: that makes a regression's slope uncertain by the excess over the square root of the sum of squares of
 * the times.
 */
static bool settled(const struct clocksync *sync)
{
	double sum_s2 = sync->trips.weight_sum * sync->trips.time_var;

	if (sync->samples <= CLOCKSYNC_BOOT_SAMPLES)
		return false;
	return sync->excess_var_s2 <= SETTLED_SLOPE * SETTLED_SLOPE * sum_s2 ||
	       sync->last_sent_s >= SETTLE_MAX_S;
}

enum clocksync_verdict clocksync_add(struct clocksync *sync, const struct clocksync_sample *s)
{
	double trip_s = (double)(s->received_ns - s->sent_ns - s->reply_wire_ns) * S_PER_NS;
	/* The estimates of when bytes left are only that: a reply may seem to precede them. */
	double half_s = trip_s > 0.0 ? 0.5 * trip_s : 0.0;

	if (s->received_ns < s->sent_ns || s->clock >= (uint64_t)1 << 62)
		return sync->discarded++, CLOCKSYNC_BAD;
	sync->round_trip_s = 2.0 * half_s;
	if (sync->samples == 0) {
		first_sample(sync, s, half_s);
		return CLOCKSYNC_ACCEPTED;
	}
	double sent_s = host_s(sync, s->sent_ns);
	if (sent_s <= sync->last_sent_s)
		return sync->discarded++, CLOCKSYNC_BAD;
	track_half_trip(sync, sent_s, half_s);
	sync->last_sent_s = sent_s;
	/* The clock was read half a trip after the question left. Of what the trip took longer
	 * than the shortest, only a little is believed to be spread over both ways.
	 */
	double delay_s = fmin(half_s, sync->half_trip_min_s + EXCESS_SPREAD_S);
	double t_s = sent_s + delay_s;
	double clock = (double)((int64_t)s->clock - (int64_t)sync->clock0);
	double error = clock - clockfit_at(&sync->trips, t_s);
	double error_s = error / sync->freq_hz, error_var = error * error;

	sync->last_error_s = error_s;
	if (error_var > OUTLIER_SIGMAS * OUTLIER_SIGMAS * sync->error_var &&
	    fabs(error_s) > OUTLIER_S) {
		/* The clock was read between question and answer. Can that explain the error? */
		bool delay = error_s >= -delay_s && error_s <= 2.0 * half_s - delay_s;

		if (delay && sent_s - sync->good_time_s < GOOD_FOR_S) {
			sync->outliers++;
			return CLOCKSYNC_OUTLIER;
		}
		/* No: the line is wrong. Go by the new samples. */
		if (!delay)
			sync->trips.weight_sum = fmin(sync->trips.weight_sum, WEIGHT_DOUBT);
		sync->error_var = error_var_start(sync);
		sync->resets++;
	} else {
		sync->good_time_s = sent_s;
		sync->error_var = (1.0 - DECAY) * (sync->error_var + DECAY * error_var);
	}
	regress(sync, t_s, clock, half_s - sync->half_trip_min_s,
		sample_weight(sync, sent_s, half_s));
	sync->samples++;
	sync->ready = sync->ready || settled(sync);
	clocksync_edges_fade(sync);
	return CLOCKSYNC_ACCEPTED;
}

static const struct clockfit *in_use(const struct clocksync *sync)
{
	return sync->edges.locked ? &sync->edges.fit : &sync->trips;
}

double clocksync_ticks(const struct clocksync *sync, int64_t host_ns)
{
	return clockfit_at(in_use(sync), host_s(sync, host_ns)) + sync->offset;
}

double clocksync_rate_hz(const struct clocksync *sync)
{
	return in_use(sync)->slope_hz;
}

int64_t clocksync_host_ns(const struct clocksync *sync, double ticks)
{
	const struct clockfit *f = in_use(sync);
	double t_s = f->time_mean_s + (ticks - sync->offset - f->clock_mean) / f->slope_hz;

	/* centuries are as good as never, and int64 holds them */
	return sync->t0_ns + (int64_t)(clampd(t_s, -4e9, 4e9) * 1e9);
}

/* A clock at a distance from clock0, held in 0 .. 2^62. */
static uint64_t whole_clock(const struct clocksync *sync, double ticks)
{
	double held = clampd(ticks, -0x1p61, 0x1p61);
	int64_t clock = (int64_t)sync->clock0 + (int64_t)(held + (held < 0.0 ? -0.5 : 0.5));

	return clock > 0 ? (uint64_t)clock : 0;
}

uint64_t clocksync_clock(const struct clocksync *sync, int64_t host_ns)
{
	return whole_clock(sync, clocksync_ticks(sync, host_ns));
}

uint64_t clocksync_extend(const struct clocksync *sync, uint32_t clock32, int64_t near_ns)
{
	uint64_t near_clock = clocksync_clock(sync, near_ns);
	int32_t off = (int32_t)(clock32 - (uint32_t)near_clock);

	/* below zero only if the estimate is nonsense: then the low half itself */
	if (off < 0 && near_clock < (uint64_t) - (int64_t)off)
		return clock32;
	return near_clock + (uint64_t)(int64_t)off;
}

double clocksync_error_s(const struct clocksync *sync)
{
	return sqrt(sync->error_var) / sync->freq_hz;
}

double clocksync_bound_s(const struct clocksync *sync)
{
	return 3.0 * clocksync_error_s(sync) + sync->half_trip_min_s;
}

/* ---- machine time ---- */

void clocksync_go_on(struct clocksync *primary, const struct clocksync *before, int64_t now_ns)
{
	primary->base_s += clocksync_machine_s(before, now_ns) -
			   clocksync_machine_s(primary, now_ns);
	primary->handed_out_s = before->handed_out_s;
}

void clocksync_primary_map(const struct clocksync *primary, struct clockmap *map)
{
	map->t0_s = primary->base_s;
	map->clock0 = 0;
	map->freq_hz = primary->freq_hz;
}

double clocksync_machine_s(const struct clocksync *primary, int64_t host_ns)
{
	return primary->base_s +
	       ((double)primary->clock0 + clocksync_ticks(primary, host_ns)) / primary->freq_hz;
}

int64_t clocksync_machine_ns(const struct clocksync *primary, double machine_s)
{
	return clocksync_host_ns(primary, (machine_s - primary->base_s) * primary->freq_hz -
						  (double)primary->clock0);
}

double clocksync_now_s(struct clocksync *primary, int64_t now_ns)
{
	double now_s = clocksync_machine_s(primary, now_ns);

	if (now_s > primary->handed_out_s)
		primary->handed_out_s = now_s;
	return primary->handed_out_s;
}

/* The secondary's estimated clock when the primary reaches machine time t_s. */
static double secondary_ticks(const struct clocksync *secondary, const struct clocksync *primary,
			      double t_s)
{
	return clocksync_ticks(secondary, clocksync_machine_ns(primary, t_s));
}

/* A line through machine time t_s and ticks after the secondary's clock0: its anchor is the whole
 * clock next to that, at whatever time the line passes it.
 */
static void make_line(const struct clocksync *secondary, double t_s, double ticks, double freq_hz,
		      struct clockmap *map)
{
	map->clock0 = whole_clock(secondary, ticks);
	double off = (double)((int64_t)map->clock0 - (int64_t)secondary->clock0) - ticks;
	map->t0_s = t_s + off / freq_hz;
	map->freq_hz = freq_hz;
}

void clocksync_secondary_start(struct clocksync *secondary, const struct clocksync *primary,
			       int64_t now_ns, struct clockmap *map)
{
	double now_s = clocksync_machine_s(primary, now_ns);
	double ticks = secondary_ticks(secondary, primary, now_s);
	double rate = secondary_ticks(secondary, primary, now_s + 1.0) - ticks;

	make_line(secondary, now_s, ticks, rate, map);
	secondary->map_target_s = now_s;
}

double clocksync_secondary_map(struct clocksync *secondary, const struct clocksync *primary,
			       int64_t now_ns, double frontier_s, struct clockmap *map)
{
	double now_s = clocksync_machine_s(primary, now_ns);
	double from_s = fmax(frontier_s, now_s);
	double to_s = fmax(from_s + 4.0, now_s + 2.5 * (from_s - now_s));

	to_s = fmax(to_s, secondary->map_target_s);
	secondary->map_target_s = to_s;
	double from = (double)((int64_t)map->clock0 - (int64_t)secondary->clock0) +
		      clockmap_ticks(map, from_s);
	double to = secondary_ticks(secondary, primary, to_s);
	double rate = secondary_ticks(secondary, primary, to_s + 1.0) - to;
	/* A mapping that is far off comes back at a bounded rate, later than to_s. */
	double freq_hz = clampd((to - from) / (to_s - from_s), rate * (1.0 - SLOPE_OFF_MAX),
				rate * (1.0 + SLOPE_OFF_MAX));

	make_line(secondary, from_s, from, freq_hz, map);
	return from_s;
}

/* ---- asking ---- */

void clocksync_ask(struct clocksync *sync, struct link *link, const struct wire_dict *dict,
		   int64_t now_ns)
{
	if (now_ns < sync->next_ask_ns)
		return;
	enum msg_id id = sync->has_uptime ? MSG_ID_get_clock : MSG_ID_get_uptime;
	int16_t wire_id = wire_dict_wire_id(dict, id);
	uint8_t buf[2];

	sync->next_ask_ns = now_ns + clocksync_period_ns(sync);
	if (!sync->ready && sync->waiting && now_ns - sync->asked_ns < CLOCKSYNC_PERIOD_NS)
		return;
	if (wire_id == WIRE_ID_NONE)
		return;
	size_t len = wire_encode(buf, sizeof(buf), wire_id, &msg_table[id], NULL);
	if (!link_push(link, buf, len, LINK_DUE_NOW, &sync->ticket))
		return;
	if (sync->waiting)
		sync->unanswered++;
	sync->waiting = true;
	sync->asked_ns = now_ns;
}

/* The times of a question that was just answered. False: no sample can be made of it. */
static bool question_times(struct clocksync *sync, const struct link *link, size_t frame_bytes,
			   int64_t rx_ns, struct clocksync_sample *s)
{
	struct link_sent sent;

	/* Replies come in order, each with the ack of its question: one that comes before that
	 * ack answers an earlier question.
	 */
	if (!sync->waiting || !link_sent(link, sync->ticket, &sent) || !sent.acked)
		return false;
	clocksync_heard(sync);
	if (sent.resent || rx_ns - sent.sent_ns > ANSWER_MAX_NS) {
		sync->discarded++;
		return false;
	}
	s->reply_wire_ns = link_wire_ns(link, frame_bytes);
	s->received_ns = rx_ns;
	/* a reply cannot arrive before its question has left and it was sent */
	s->sent_ns = sent.sent_ns;
	if (s->sent_ns > rx_ns - s->reply_wire_ns)
		s->sent_ns = rx_ns - s->reply_wire_ns;
	return true;
}

bool clocksync_uptime(struct clocksync *sync, const struct link *link, const struct msg_uptime *m,
		      size_t frame_bytes, int64_t rx_ns)
{
	struct clocksync_sample s;

	if (sync->has_uptime || !question_times(sync, link, frame_bytes, rx_ns, &s))
		return false;
	s.clock = (uint64_t)m->high << 32 | m->clock;
	if (clocksync_add(sync, &s) != CLOCKSYNC_ACCEPTED)
		return false;
	sync->has_uptime = true;
	return true;
}

bool clocksync_reply(struct clocksync *sync, const struct link *link, const struct msg_clock *m,
		     size_t frame_bytes, int64_t rx_ns)
{
	struct clocksync_sample s;

	if (!sync->has_uptime || !question_times(sync, link, frame_bytes, rx_ns, &s))
		return false;
	s.clock = clocksync_extend(sync, m->clock, s.sent_ns + (rx_ns - s.sent_ns) / 2);
	return clocksync_add(sync, &s) == CLOCKSYNC_ACCEPTED;
}
