/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checker_internal.h - what the checker's source files share: its time line and steppers.
 *
 * checker.c takes calls in; checker_timeline.c keeps moves and stops, checker_shape.c the shapers;
 * checker_taps.c makes one joint's motion of them, or that of X, Y and Z for a joint that is no sum
 * (checker_curve.c, formulas in checker_joint.c), checker_extrude.c that of an extruder's filament (checker_filament.c),
 * checker_crossing.c its events (crossings of thresholds);
 * checker_due.c settles which of them count; checker_match.c pairs them with executed
 * steps; checker_stats.c keeps the figures and the list of violations.
 * Positions of axes in long double are continuous: no renaming shifts them.
 * Units: t = machine time in s; p, q = joint position in steps minus the offset; speeds per s.
 */
#ifndef CHECKER_INTERNAL_H
#define CHECKER_INTERNAL_H

#include "checker.h"

#define CHECKER_BAND_STEPS 1e-6L /* this close to a threshold, rounding decides */
#define CHECKER_BAND_ULPS \
	2.0L /* and at a piece's end besides what it goes in so many last places of its time */
#define CHECKER_FILTER_DOUBT_S 1e-6L /* a pair spaced this close to the filter may go either way */
#define CHECKER_TIME_SLACK_S 1e-9L   /* rounding of double machine times */
#define CHECKER_REST_S 1e-3 /* no step comes so long after motion, and none so long before */

enum { CHECKER_EXPECTS = 128, CHECKER_CLUSTER = 32, CHECKER_HALTS = 8 };

enum item_kind { ITEM_MOVE, ITEM_CUT, ITEM_RESYNC, ITEM_WEIGHTS };

/* One entry of the time line. */
struct item {
	enum item_kind kind;
	long double start, end;
	bool cut; /* of a move: it goes only as far as end */
	long double start_mm[MOVE_AXES], end_mm[MOVE_AXES];
	long double named_mm[MOVE_AXES]; /* what X, Y, Z are called at start_mm */
	uint32_t names;                  /* number of the naming */
	union {
		struct move move;
		struct {
			int64_t count; /* of a resync: the counter of … */
			uint32_t stepper; /* … this stepper, or whose weights they are; of a cut: index of the shapers */
			double steps_per_mm[MOVE_AXES];
		} pos;
	};
};

/* An axis, delay s ago, times amp. */
struct shape_tap {
	int axis;
	long double delay, amp;
};

enum {
	SHAPE_PULSES = 5,
	SHAPE_TAPS = SHAPER_AXES * SHAPE_PULSES + 1,
	SHAPE_SLICES = 50, /* of a change, see rtcore/shaper.h */
};

struct shape_set {
	int n;
	long double delay;
	struct shape_tap tap[SHAPE_TAPS];
};

struct shape_change {
	long double at, end;
	struct shape_set set;
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
	bool maybe; /* was an EVENT_MAYBE */
};

struct executed {
	uint64_t clock;
	int8_t dir;
};

/* One monotonic stretch of constant acceleration, mirrored so that q = sign * p rises. */
struct piece {
	long double t0, dur, q0, q1;
	long double v, v2, a2, inv_v; /* a2 = 2a; inv_v for a2 == 0 */
	long double c3, c4;           /* of t^3, t^4 */
	long double rush;             /* as the stretch's */
	long double band; /* steps: this close to a threshold, rounding decides at its ends */
	int sign;
	bool loaded, curved;
	long double near_t, near_q,
		near_v; /* of a curved one: the last crossing, and its speed; 0: none yet */
};

/* A joint that is no sum: X, Y and Z in the stretch at hand, as they are named. */
struct curve {
	uint64_t item;        /* sequence number of the item whose names come next */
	uint32_t names;       /* the naming that shift belongs to */
	long double shift[3]; /* names less positions */
	long double angle;    /* of CHECKER_ANGLE at t0, with all its turns */
	long double t0, p[3], v[3], a[3];
	long double rush[3]; /* of the taps, as a stretch's */
};

/* A stepper was stopped. open: by a fault, nobody read back where. Otherwise by a trigger at that time. */
struct halt {
	long double at;
	bool open;
};

/* The weighted axes, delay later: p + v t + a t^2 / 2, t since t0, until something else comes. */
struct tap {
	long double delay, weight[MOVE_AXES];
	int axis; /* the only one in it, for joints that are no sums */
	long double t0, p, v, a, until;
	uint64_t item;    /* sequence number of the item that comes next, or is being read */
	unsigned phase;   /* of that item: the next to load */
	long double s, t; /* path distance and time at the next phase's start, not delayed */
	long double rest; /* where it is at until */
	bool open;        /* nothing is known to follow: until is just how far that is sure */
};

struct stretch {
	long double t, dur, p, v, a; /* from t on; dur 0: there is none */
	long double c3, c4;          /* of t^3, t^4 */
	long double rush;            /* speed of its parts together, whatever their signs */
	long double doubt; /* steps: all of it may be so far off, by instants that were rounded before */
};

/* TAPS_VISIT: a cut comes to an extruder that rests on a threshold: whichever it took, it stays there. */
enum taps_next { TAPS_STRETCH, TAPS_RESYNC, TAPS_VISIT, TAPS_UNKNOWN };

struct crossing {
	struct tap tap[2][SHAPE_TAPS]; /* of the shapers in force and, in a change, of the next ones */
	int taps[2], slice;            /* slice of the change; -1: in none */
	uint32_t set;                  /* index of the shapers in force */
	uint64_t special;              /* the next cut or resync is this item or a later one */
	uint64_t floor;                /* items before this are cut off */
	long double t;                 /* stretches before this are made */
	long double gap[3]; /* next shapers' position less those in force's, at the slice */
	long double offset;
	bool given_up;
	struct stretch stretch; /* not yet made pieces */
	struct piece piece;
	struct curve curve;
	int64_t k;  /* the counter by the rule; in a visit, what it came from */
	bool visit; /* p is within the band around threshold visit_k + 0.5 */
	int64_t visit_k;
	long double visit_t, visit_band;
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
	uint32_t kind;        /* of its joint, if for now it follows weights instead; else 0 */
	long double plane[2]; /* CHECKER_ELBOW: unit vector outward in the arm's plane */
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
	struct extruder *extruder; /* NULL: a stepper of axes */
	uint32_t map;              /* index of the piece in use */
	int64_t diff;              /* executed minus due, from missing and extra steps so far */
	int64_t maybe; /* steps of EVENT_MAYBE that were executed, since the last resync */
	struct halt halt[CHECKER_HALTS];
	uint32_t halts;
	long double known;            /* what has not been read yet is due after this */
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
	long double end;               /* of the last item: beyond it nothing is known */
	long double matched;           /* latest step so far that was both due and executed */
	long double seen;              /* latest step executed: parameters change later than that */
	double cmd_mm[MOVE_AXES];      /* commanded position at the end, as it is named … */
	long double end_mm[MOVE_AXES]; /* … and as it is */
	long double first_mm[MOVE_AXES]; /* before the first item kept */
	uint64_t floor;                  /* items before the last cut are below this */
	struct shape_change *shape;      /* [shapes]; the first is from before all */
	uint32_t shapes;
	uint32_t settled;       /* at the last cut these came into force, whatever was under way */
	long double change_end; /* of the last change of shapers */
	double end_mm_s;
	uint32_t names; /* how often the axes have been named anew */
	bool finishing;
	struct checker_result *result; /* figures and list collect here */
	/* Steppers with a time line of their own: a checker each, of that stepper alone, which has its
	 * number in cfg and the same result. Here it has nothing to do. */
	struct checker *manual[CHECKER_STEPPERS_MAX];
};

static inline struct item *checker_item(const struct checker *c, uint64_t seq)
{
	return &c->item[(uint32_t)seq & c->item_mask];
}

/* Who keeps stepper number i's time line, and its state there. i is below cfg.steppers. */
static inline struct checker *checker_of(struct checker *c, uint32_t i)
{
	return c->manual[i] ? c->manual[i] : c;
}

static inline struct stepper *checker_stepper_of(struct checker *c, uint32_t i)
{
	return c->manual[i] ? &c->manual[i]->stepper[0] : &c->stepper[i];
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
/* Steps where the axes are there, not less the offset. */
long double crossing_joint(struct stepper *s, const long double mm[MOVE_AXES]);
/* How far from a threshold the ends of a piece have to be, to be beyond it or before it for sure. */
long double piece_band(long double t, long double speed);

/* checker_taps.c: the joint's next stretch, or *it is a resync of it that comes next. */
enum taps_next taps_next(const struct checker *c, struct stepper *s, const struct item **it);
void taps_init(const struct checker *c, struct stepper *s);
/* Item number seq is a cut that the stepper has come to, or beyond. */
void taps_cut(const struct checker *c, struct stepper *s, uint64_t seq);
/* Forget what was read after at: something changes there. Shapers number `set` are in force. */
void taps_rewind(const struct checker *c, struct stepper *s, uint32_t set, long double at);
/* The oldest item it still needs. */
uint64_t taps_item(const struct stepper *s);
/* Set a tap to what it is in at t, by items from number `from` on; its position then. */
void tap_seek(const struct checker *c, struct tap *tap, uint64_t from, long double t);
long double tap_at(const struct tap *tap, long double t);

/* checker_extrude.c: the same for an extruder's stepper; it stops where its counter is. */
int extruder_new(struct stepper *s);
void extruder_free(struct stepper *s);
enum taps_next extruder_next(const struct checker *c, struct stepper *s, long double stop);
void extruder_stop(const struct checker *c, struct stepper *s, uint64_t item, long double at,
		   uint32_t set);
uint64_t extruder_item(const struct stepper *s);
long double extruder_at(const struct stepper *s); /* where it has come to */

/* checker_shape.c */
/* The last change that begins at t or before. */
const struct shape_change *shape_at(const struct checker *c, long double t);
void shape_set(struct shape_set *set, const struct plan_shaper *s);
long double shape_slice(const struct shape_change *ch, int k);
long double shape_share(int k);
/* Where the shapers have the axes at t. */
void shape_axes(const struct checker *c, long double t, long double mm[MOVE_AXES]);

/* checker_joint.c */
/* Steps less the offset at time t of the stretch. */
long double curve_at(const struct stepper *st, long double t);
/* In the joint's unit; an angle between -pi and pi. */
long double joint_position(const struct stepper *st, const long double at[3]);
/* Load the next part of the stretch in which the joint goes one way. */
void curve_load(struct stepper *st);
/* When the piece reaches q, and how fast it is there, steps/s. */
long double curve_reach(const struct stepper *st, struct piece *p, long double q, double *speed);

/* checker_curve.c: names of the axes, for joints that are no sums. */
static inline bool curve_is(const struct stepper *s)
{
	return s->cfg.joint.kind != CHECKER_SUM;
}
/* By the formula, in steps; places where it can't be are 0. An angle with all its turns. */
long double curve_steps(struct stepper *s, const long double mm[3]);
/* X, Y and Z have the item's names; the offset is not yet that. */
void curve_names(struct stepper *s, const struct item *it);
/* Weights take its place from that item on, gen.special; or all of them are 0, and it takes theirs. Likewise. */
void curve_weights(struct stepper *s, const struct item *it, bool weighted);
/* A stretch begins at gen.t, X, Y and Z going on from there like that. */
void curve_begin(const struct checker *c, struct stepper *s, const long double p[3],
		 const long double v[3], const long double a[3]);

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
