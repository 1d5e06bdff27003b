/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hostgpio/hostmcu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "mcu.h"
#include "mcu/boards/sim/sim.h"

/* Edges of an input, the newest last; as a ring. */
struct history {
	struct {
		int64_t at_ns;
		bool level;
	} edge[HOSTMCU_EDGES];
	uint32_t count; /* of all that came */
	bool before;    /* level before the oldest that is kept */
};

struct pin {
	struct hostmcu_line cfg;
	uint16_t number; /* the firmware's */
	int64_t written_ns;
	struct history history;
};

struct hostmcu {
	struct sim *sim;
	struct hostmcu_ops ops;
	struct pin pin[HOSTMCU_LINES];
	int pins;
	int16_t line_of[SIM_PINS_MAX]; /* -1: none of ours */
	int64_t late_max_ns;
	int64_t written_ns; /* the last edge of an output was on its line */
	struct hostmcu_stats stats;
	char fault[HOSTMCU_TEXT_MAX];
};

static int64_t ns_of(uint64_t clock)
{
	return (int64_t)(clock * HOSTMCU_TICK_NS);
}

void hostmcu_fail(struct hostmcu *h, const char *text)
{
	if (!h->fault[0])
		snprintf(h->fault, sizeof(h->fault), "%s", text);
	sim_fail(h->sim, MCU_REASON_BOARD);
}

/* ---- the board's hooks ---- */

static struct pin *pin_of(struct hostmcu *h, uint16_t number)
{
	return number < SIM_PINS_MAX && h->line_of[number] >= 0 ? &h->pin[h->line_of[number]] : NULL;
}

static bool on_setup(void *ctx, uint16_t number, bool output, bool level)
{
	const struct pin *pin = pin_of(ctx, number);

	(void)level; /* it has it from the start */
	return pin && pin->cfg.output == output;
}

static void on_edge(void *ctx, uint16_t number, uint8_t level, uint64_t clock)
{
	struct hostmcu *h = ctx;
	struct pin *pin = pin_of(h, number);
	const char *what = "a line";
	char text[HOSTMCU_TEXT_MAX];
	int rc;

	(void)clock;
	if (!pin)
		return;
	if (pin->cfg.gap_ns > 0 && h->ops.now_ns(h->ops.ctx) < pin->written_ns + pin->cfg.gap_ns)
		h->ops.wait(h->ops.ctx, pin->written_ns + pin->cfg.gap_ns);
	rc = h->ops.write(h->ops.ctx, h->line_of[number], level, &what);
	h->written_ns = pin->written_ns = h->ops.now_ns(h->ops.ctx);
	h->stats.edges_out++;
	if (rc == 0)
		return;
	snprintf(text, sizeof(text), "%s cannot be driven: %s", what, strerror(-rc));
	hostmcu_fail(h, text);
}

static void on_step(void *ctx, uint8_t oid, int dir, uint64_t clock)
{
	struct hostmcu *h = ctx;
	int64_t late_ns = h->written_ns - ns_of(clock);
	char text[HOSTMCU_TEXT_MAX];

	(void)oid;
	(void)dir;
	h->stats.steps++;
	histogram_add(&h->stats.late, late_ns > 0 ? (uint64_t)late_ns : 0);
	if (late_ns <= h->late_max_ns)
		return;
	snprintf(text, sizeof(text),
		 "a step was %.3f ms late; expected at most %.3f ms (late_max_ms): this machine is too busy, "
		 "or has no real-time scheduling",
		 (double)late_ns * 1e-6, (double)h->late_max_ns * 1e-6);
	hostmcu_fail(h, text);
}

/* The newest edge that is not after at_ns: its place, counted back from the newest; -1: none that is kept. */
static int edge_at(const struct history *y, int64_t at_ns)
{
	uint32_t kept = y->count < HOSTMCU_EDGES ? y->count : HOSTMCU_EDGES;

	for (uint32_t i = 1; i <= kept; i++)
		if (y->edge[(y->count - i) % HOSTMCU_EDGES].at_ns <= at_ns)
			return (int)((y->count - i) % HOSTMCU_EDGES);
	return -1;
}

static bool on_read(void *ctx, uint16_t number, uint64_t clock)
{
	const struct pin *pin = pin_of(ctx, number);
	int at = pin ? edge_at(&pin->history, ns_of(clock)) : -1;

	return at >= 0 ? pin->history.edge[at].level : pin && pin->history.before;
}

static int on_since(void *ctx, uint16_t number, uint64_t clock, uint64_t *edge_clock)
{
	struct hostmcu *h = ctx;
	const struct pin *pin = pin_of(h, number);
	int at = pin ? edge_at(&pin->history, ns_of(clock)) : -1, now;

	if (at < 0)
		return BOARD_SINCE_UNKNOWN;
	*edge_clock = (uint64_t)pin->history.edge[at].at_ns / HOSTMCU_TICK_NS;
	now = h->ops.read(h->ops.ctx, h->line_of[number]);
	return now >= 0 && now != pin->history.edge[at].level ? BOARD_SINCE_GONE
							      : BOARD_SINCE_STAMPED;
}

/* The host's clock questions are answered by the present, whatever of the past is still to be done. */
static uint64_t on_now(void *ctx)
{
	struct hostmcu *h = ctx;

	return (uint64_t)h->ops.now_ns(h->ops.ctx) / HOSTMCU_TICK_NS;
}

static void on_tx(void *ctx, const uint8_t *frame, size_t len, uint64_t clock)
{
	struct hostmcu *h = ctx;

	(void)clock;
	h->ops.tx(h->ops.ctx, frame, len);
}

/* ---- */

static bool add_pins(struct hostmcu *h, const struct hostmcu_line *lines, int count, char *err,
		     size_t err_size)
{
	if (count > HOSTMCU_LINES) {
		snprintf(err, err_size, "more than %d lines", HOSTMCU_LINES);
		return false;
	}
	memset(h->line_of, -1, sizeof(h->line_of));
	for (int i = 0; i < count; i++) {
		int number = sim_pins_add(h->sim, lines[i].name);

		if (number < 0) {
			snprintf(err, err_size,
				 "'%s': expected a name of at most %d letters, digits and _ . - /",
				 lines[i].name, SIM_PIN_NAME_MAX);
			return false;
		}
		h->pin[i].cfg = lines[i];
		h->pin[i].number = (uint16_t)number;
		h->pin[i].history.before = lines[i].level;
		h->line_of[number] = (int16_t)i;
	}
	h->pins = count;
	return true;
}

struct hostmcu *hostmcu_new(const struct hostmcu_line *lines, int count, int64_t late_max_ns,
			    const struct hostmcu_ops *ops, char *err, size_t err_size)
{
	struct hostmcu *h = calloc(1, sizeof(*h));
	struct sim_cfg cfg = {
		.freq_hz = HOSTMCU_HZ,
		.digital_only = true,
		.name = "host",
		.start_clock = (uint64_t)ops->now_ns(ops->ctx) / HOSTMCU_TICK_NS,
		.hooks = { .ctx = h,
			   .edge = on_edge,
			   .step = on_step,
			   .tx = on_tx,
			   .now = on_now,
			   .setup = on_setup,
			   .read = on_read,
			   .since = on_since },
	};

	if (h) {
		h->ops = *ops;
		h->late_max_ns = late_max_ns;
		h->sim = sim_new(&cfg);
	}
	if (!h || !h->sim) {
		snprintf(err, err_size, "out of memory");
	} else if (add_pins(h, lines, count, err, err_size)) {
		if (sim_start(h->sim) == 0)
			return h;
		snprintf(err, err_size, "its dictionary cannot be made");
	}
	hostmcu_free(h);
	return NULL;
}

void hostmcu_free(struct hostmcu *h)
{
	if (h)
		sim_free(h->sim);
	free(h);
}

void hostmcu_edge(struct hostmcu *h, int line, bool level, int64_t at_ns)
{
	struct history *y = &h->pin[line].history;

	if (y->count >= HOSTMCU_EDGES)
		y->before = y->edge[y->count % HOSTMCU_EDGES].level;
	y->edge[y->count % HOSTMCU_EDGES].at_ns = at_ns;
	y->edge[y->count % HOSTMCU_EDGES].level = level;
	y->count++;
	h->stats.edges_in++;
}

void hostmcu_run(struct hostmcu *h, int64_t now_ns)
{
	sim_run_until(h->sim, (uint64_t)now_ns / HOSTMCU_TICK_NS);
}

void hostmcu_receive(struct hostmcu *h, const uint8_t *bytes, size_t len)
{
	sim_receive(h->sim, bytes, len);
}

int64_t hostmcu_next_ns(const struct hostmcu *h)
{
	uint64_t clock = sim_next_clock(h->sim);

	return clock == UINT64_MAX ? INT64_MAX : ns_of(clock);
}

const char *hostmcu_fault(const struct hostmcu *h)
{
	return h->fault;
}

const struct hostmcu_stats *hostmcu_stats(const struct hostmcu *h)
{
	return &h->stats;
}
