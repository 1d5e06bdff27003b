/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checker_internal.h - what the checker's source files share: its time line and steppers.
 *
 * checker.c takes calls in; checker_timeline.c keeps moves and stops; checker_crossing.c turns them
 * into one stepper's events (crossings of thresholds); checker_due.c settles which of them count;
 * checker_match.c pairs them with executed steps;
 * checker_stats.c keeps the figures and the list of violations.
 * Units: t = machine time in s; p, q = joint position in steps minus the offset; speeds per s.
 */
#ifndef CHECKER_INTERNAL_H
#define CHECKER_INTERNAL_H

#include "checker.h"

#define CHECKER_BAND_STEPS 1e-6L     /* this close to a threshold, rounding decides */
#define CHECKER_FILTER_DOUBT_S 1e-6L /* a pair spaced this close to the filter may go either way */
#define CHECKER_TIME_SLACK_S 1e-9L   /* rounding of double machine times */

enum { CHECKER_EXPECTS = 128, CHECKER_CLUSTER = 32, CHECKER_HALTS = 8 };

enum item_kind { ITEM_MOVE, ITEM_POSITION, ITEM_RESYNC };

/* One entry of the time line. */
struct item {
	enum item_kind kind;
	long double start, end;
	bool cut; /* of a move: it goes only as far as end */
	union {
		struct move move;
		struct {
			double mm[MOVE_AXES];
			int64_t count;    /* of a resync: the counter of … */
			uint32_t stepper; /* … this stepper */
		} pos;
	};
};

struct map_piece {
	double from;
	long double clock0, t0, freq, inv_freq;
};

struct map_list {
	struct map_piece *piece;
	uint32_t n, cap;
};

/* What the exact motion does to a counter next. */
enum event_kind {
	EVENT_STEP, /* one step in dir, at t; where rounding decides, anywhere in lo..hi */
	EVENT_PAIR, /* a touch of a threshold: nothing, or a step in dir and back, both in lo..hi */
	EVENT_MAYBE, /* ends on a threshold: nothing, or one step in dir, in lo..hi */
	EVENT_RESYNC /* counter is k from t on */
};

struct event {
	long double t, lo, hi;
	double speed; /* steps/s at t */
	int64_t k;    /* EVENT_RESYNC */
	int8_t dir;   /* +1, -1 */
	uint8_t kind;
};

struct executed {
	uint64_t clock;
	int8_t dir;
};

/* One monotonic stretch of constant acceleration, mirrored so that q = sign * p rises. */
struct piece {
	long double t0, dur, q0, q1;
	long double v, v2, a2, inv_v; /* a2 = 2a; inv_v for a2 == 0 */
	int sign;
	bool loaded;
};

/* A stepper was stopped. open: by a fault, nobody read back where. Otherwise by a trigger at that time. */
struct halt {
	long double at;
	bool open;
};

struct crossing {
	uint64_t item;  /* sequence number of the item that comes next, or is being read */
	unsigned phase; /* of that item: the next to load */
	long double s;  /* path distance at the next phase's start, mm */
	long double t;  /* and its time */
	long double offset, p_last;
	struct piece piece;
	int64_t k;  /* the counter by the rule; in a visit, what it came from */
	bool visit; /* p is within the band around threshold visit_k + 0.5 */
	int64_t visit_k;
	long double visit_t;
	bool ended;      /* finish: the last event has been given */
	bool end_either; /* ended on a threshold: k or end_k_other */
	int64_t end_k_other;
};

struct stats {
	uint64_t steps, ambiguous;
	double sum, sum_sq, max, peak;
	uint64_t hist[CHECKER_HIST_BINS + 2];
};

struct stepper {
	struct checker_stepper cfg;
	uint32_t index;
	/* executed and not yet compared: ring of capacity x_mask + 1 */
	struct executed *x;
	uint32_t x_head, x_count, x_mask;
	uint64_t last_clock, executed;
	int64_t position;  /* counter after all executed steps taken in */
	int64_t matched_k; /* counter after those compared */
	bool any_clock;
	/* due and not yet compared */
	struct event e[CHECKER_EXPECTS];
	uint32_t e_head, e_count;
	/* read from the time line, not yet judged */
	struct event ahead[CHECKER_CLUSTER + 1];
	uint32_t ahead_count;
	struct crossing gen;
	uint32_t map; /* index of the piece in use */
	int64_t diff; /* executed minus due, from missing and extra steps so far */
	struct halt halt[CHECKER_HALTS];
	uint32_t halts;
	long double stay_lo, stay_hi; /* of the last step compared, at its threshold */
	int stay_dir;                 /* and its direction */
	struct stats stats;
};

struct checker {
	struct checker_config cfg;
	long double tolerance, filter;
	struct stepper *stepper; /* [cfg.steppers] */
	struct map_list map[CHECKER_MCUS_MAX];
	/* time line: ring of items, sequence numbers first .. first + count - 1 */
	struct item *item;
	uint64_t item_first;
	uint32_t item_count, item_mask;
	uint32_t since_drain;
	uint64_t moves;
	long double end;          /* of the last item: beyond it nothing is known */
	double cmd_mm[MOVE_AXES]; /* commanded position there */
	double end_mm_s;
	bool finishing;
	struct checker_result *result; /* figures and list collect here */
};

static inline struct item *checker_item(const struct checker *c, uint64_t seq)
{
	return &c->item[(uint32_t)seq & c->item_mask];
}

static inline bool checker_sane(double value, double min, double max)
{
	return value >= min && value <= max; /* and not NaN */
}

/* checker_crossing.c: the next event of s. false: nothing more is known; *bound is a time before
 * which no further event can begin. */
bool crossing_next(const struct checker *c, struct stepper *s, struct event *ev, long double *bound);
void crossing_init(const struct checker *c, struct stepper *s);
/* Forget what was read of the motion after at. */
void crossing_cut(struct stepper *s, long double at);
long double crossing_joint(const struct stepper *s, const double mm[MOVE_AXES]);

/* checker_match.c: compare what can be compared. force: don't wait for more executed steps. */
void match_run(struct checker *c, struct stepper *s, bool force);
static inline struct executed *match_x(const struct stepper *s, uint32_t i)
{
	return &s->x[(s->x_head + i) & s->x_mask];
}

static inline struct event *match_e(struct stepper *s, uint32_t i)
{
	return &s->e[(s->e_head + i) % CHECKER_EXPECTS];
}

static inline void match_push(struct stepper *s, const struct event *ev)
{
	*match_e(s, s->e_count) = *ev;
	s->e_count++;
}

/* Is the executed step the one that the event asks for? */
bool match_fits(const struct checker *c, const struct stepper *s, const struct event *e,
		const struct executed *x);
/* Event e is not executed step i, or that isn't there. Is it not missing? Because it may have been due after the
 * trigger that stopped the motor, or because step i is none of those before the fault that did. */
bool match_excused(const struct checker *c, const struct stepper *s, const struct event *e,
		   uint32_t i);
/* Remember a stop. false: too many at once. */
bool match_halt(struct checker *c, struct stepper *s, const struct halt *halt);
/* The motion after at is void: forget what was due then. */
void match_cut(struct stepper *s, long double at);

/* checker_due.c: move events on to the due ones. simple: none that need a decision. force: as match_run().
 * false: nothing was taken. */
bool due_fill(const struct checker *c, struct stepper *s, bool simple, bool force);

/* checker_stats.c */
void stats_step(struct stats *st, double err_us, double speed, int64_t diff);
void stats_result(const struct stats *st, struct checker_error *out);
void stats_merge(struct stats *sum, const struct stats *one);
__attribute__((format(printf, 6, 7))) void checker_report(struct checker *c, enum checker_kind kind,
							  int stepper, uint64_t clock,
							  long double t, const char *fmt, ...);

#endif
