/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine.h - the rt core put together: one cycle takes what has come in and says what goes out.
 *
 * Owns the trapezoid queue, all joints, the links' state and the clock estimates. Pure: time and
 * received bytes come in as arguments, bytes to send go out through the caller's buffers.
 * Owner:   the caller places struct engine (large: a few MB, never on a stack) and the rings.
 * Threads: INIT calls engine_init(); afterwards only RT calls engine_*(), but for the rings'
 *          other ends and engine_status_read(), which belong to PLAN.
 * Units:   _ns host CLOCK_MONOTONIC, _s machine time (the primary MCU's clock / nominal frequency; see engine_time_base()).
 */
#ifndef RTCORE_ENGINE_H
#define RTCORE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "clockmap.h"
#include "clocksync.h"
#include "control.h"
#include "engine_heat.h"
#include "engine_observer.h"
#include "link.h"
#include "move.h"
#include "moveq.h"
#include "ring.h"
#include "role.h"
#include "snapshot.h"
#include "stepgen.h"
#include "trapq.h"
#include "warp.h"

enum {
	ENGINE_PHASES = 8192, /* constant-acceleration phases known ahead */
	ENGINE_MANUAL_PHASES = 64,
	ENGINE_SYNCS = 64,
	ENGINE_OUTPUT_QUEUE = 256,
	/* engine_mcu_status.flags */
	ENGINE_MCU_CLOCK = 1,    /* its clock estimate is usable */
	ENGINE_MCU_READY = 2,    /* configured */
	ENGINE_MCU_SHUTDOWN = 4, /* it said so */
	ENGINE_MCU_LOST = 8,     /* no answer */
	ENGINE_MCU_EDGES = 16,   /* its clock estimate goes by a sync line */
	ENGINE_MCU_STARTED = 32, /* it has started anew, and said so */
	ENGINE_PULL_MAX = 1024,  /* plan records taken a cycle at most */
	ENGINE_EVENTS_KEPT = 8,  /* this share of the event ring is not for mere messages: 1/8 */
};

/* A restart from rest keeps this distance to the end of the motion before it, so that no stepper's
 * last step and first step can come too close. */
#define ENGINE_RESTART_GAP_S 1e-3

/* A step is late if less than this and half a round trip is left when its command could leave. */
#define ENGINE_LATE_MARGIN_S 0.5e-3

struct engine_config {
	/* All three are longer by what cycles and lines are late (engine_lead.c). */
	double horizon_s;     /* steps are handed out at most this far ahead, 0.02 .. 1 */
	double low_water_s;   /* and at least this far ahead, < horizon_s */
	double start_lead_s;  /* from rest, motion starts this long after now, >= low_water_s */
	struct ring *plan;    /* of struct plan_rec */
	struct ring *side;    /* the same, for CTL_SIDE; may be NULL: there is no such thing */
	struct ring *control; /* of struct ctl_rec */
	struct ring *events;  /* of struct ev_rec */
	struct engine_observer observer;
	struct engine_observer recorder; /* another one: the flight recorder, */
	struct engine_observer steps;    /* and one for who follows steps: encoders */
};

/* Feed hold; enum engine_hold is about motion that is dropped. */
enum engine_feed_hold {
	ENGINE_HOLD_NONE,
	ENGINE_HOLD_STOPPING, /* asked for, the motors still run */
	ENGINE_HOLD_REST,     /* at rest */
};

/* Link figures of one MCU, for STATUS. */
struct engine_mcu_status {
	struct clockmap map;      /* machine time to its clock, now; valid with ENGINE_MCU_CLOCK */
	double clock_freq_hz;     /* estimated */
	double clock_ticks;       /* estimated, at engine_status.now_ns */
	double clock_error_us;    /* of the last sample against its prediction; of edges: usual */
	double round_trip_us;     /* of frames and their acknowledgements, lately, … */
	double round_trip_us_max; /* … and the longest of these, which fades */
	uint64_t bytes_sent, bytes_received;
	uint64_t retransmits, crc_errors;
	uint64_t commands;
	uint32_t moves_queued, moves_capacity;
	uint32_t flags;           /* ENGINE_MCU_* */
	uint32_t unacked;         /* frames */
	uint32_t line, line_full; /* enum line_state; how often its queue was full */
};

struct engine_status {
	int64_t now_ns;
	double now_s;
	double motion_end_s; /* where what was taken from the plan ring ends, at the planned speed */
	double manual_end_s; /* the same of all manual steppers */
	double delay_s; /* of all joints, once what was said of input shapers and smooth times is in force */
	double consumed_s; /* sum of the durations of all plan records taken from the ring */
	double position_mm[MOVE_AXES]; /* commanded (but for shapers), now */
	double speed_mm_s;             /* along the path, now */
	uint32_t move_id, move_line;
	uint64_t cycles, runs, steps;
	uint64_t late, underruns, events_lost;
	uint64_t slowed;   /* how often motion was slowed down or held because the lead was low */
	uint64_t stalls;   /* how often motion was held because what follows was not known */
	double lead_min_s; /* smallest lead of a run over its first step since the start */
	uint32_t fault;    /* enum engine_fault, latched */
	uint32_t mcus;
	double feed;         /* feed rate asked for, 1: as commanded */
	uint32_t hold;       /* enum engine_feed_hold */
	uint32_t moving;     /* 1: motion, or a change of shapers, has not been made to its end */
	uint32_t side;       /* 1: a plan stands aside, see CTL_SIDE */
	uint32_t stalled;    /* 1: motion is held because what follows is not known */
	uint32_t lead_level; /* 1: it is slowed down, 2: held, because the lead is low */
	double longer_s;     /* the horizon is, because cycles or lines were late */
	uint32_t names;      /* plan records taken or dropped that name axes or weigh them */
	/* Per stepper: steps handed out to its MCU, up minus down, in the host's sign: at rest the
	 * MCU's own counter, in motion up to a horizon ahead of it. Below it the joint's position
	 * that this makes, in steps, with the axes as they are named at the end of the queue. Both as they were when a
	 * fault was latched, until it is cleared. */
	int64_t stepper_count[ENGINE_STEPPERS];
	double stepper_at_steps[ENGINE_STEPPERS];
	uint16_t output[ENGINE_OUTPUTS]; /* as last set, but for kicks */
	/* At the end: those that do not exist are not published. */
	struct engine_mcu_status mcu[ENGINE_MCUS];
};
_Static_assert(sizeof(struct engine_status) <= 8 * SNAPSHOT_WORDS, "status fits its snapshot");
_Static_assert(sizeof(struct engine_status) % 8 == 0, "whole words");

/* The first step in a frame of a link. */
struct engine_frame {
	uint64_t ticket; /* one more than the frame's; 0: none */
	int64_t due_ns;
	int64_t out_ns; /* when it leaves, or left */
};

struct engine_mcu {
	struct link link;
	struct engine_frame frame[LINK_SLOTS];
	struct clocksync sync;
	struct clockmap map, map_before; /* from map_from_s on; until then */
	double map_from_s;
	struct moveq moveq;
	struct wire_dict dict;
	double freq_hz;    /* nominal; 0 until the dictionary is known */
	double map_next_s; /* a secondary MCU's map is renewed then */
	uint64_t commands;
	bool present, ready, shutdown, lost, clock_ready, has_ids;
	bool started;      /* anew, by itself: its clock is not the one that is followed */
	bool apart;        /* no motion depends on it */
	bool busy, closed; /* its line takes nothing now; until it is opened again */
	uint8_t line;      /* enum line_state, the last that was noted */
	uint32_t line_full, line_overruns; /* its queue was full; frames from it were lost */
	bool has_sync_line,
		edges_told; /* edges_told: what the planner was last told of clocksync_by_edges() */
	uint8_t sync_line_oid;
	int64_t sync_line_ns; /* it is to begin then; 0: it has begun, or can't yet */
	struct {
		uint64_t sum, resent;
		uint32_t bursts, timeouts, naks, probes, bad_crc, bad_acks, full;
		uint8_t line;
		bool lost;
		double full_s; /* machine time of the last .full */
	} told;                /* to the observers, of the link's figures */
};

/* The map that holds at a machine time. It is renewed ahead of the time at which it changes. */
static inline const struct clockmap *engine_map(const struct engine_mcu *m, double at_s)
{
	return at_s < m->map_from_s ? &m->map_before : &m->map;
}

/* Clock to machine time, by the map that holds then. */
static inline double engine_time_s(const struct engine_mcu *m, uint64_t clock)
{
	double at_s = clockmap_time_s(&m->map, clock);

	/* Both are the same where one follows the other: either says on which side the clock is. */
	return at_s < m->map_from_s ? clockmap_time_s(&m->map_before, clock) : at_s;
}

/* A stepper's own time line. */
struct engine_manual {
	struct trapq trapq;
	struct trapq_phase phases[ENGINE_MANUAL_PHASES];
};

struct engine_stepper {
	struct stepgen gen;
	struct step_run pending; /* made, but the MCU had no slot or the link no room */
	uint64_t last_clock;     /* of the last step handed out */
	double steps_per_mm[MOVE_AXES];
	struct extrude *extrude;      /* NULL: a stepper of axes */
	struct engine_manual *manual; /* NULL: it follows the common queue */
	uint8_t mcu, oid;
	int8_t dir; /* last set_next_step_dir, -1 unknown */
	bool present, has_pending, invert_dir;
	struct {
		uint32_t head; /* pieces up to here */
		int32_t dir;   /* of the last one */
	} told;                /* to the observers, of gen's pieces */
};

/* What an output was told last. */
struct engine_output_state {
	uint64_t last_clock;
	double sent_s;
	double kick_end_s; /* after a kick: then it is to get .value; 0: none */
	uint16_t value;    /* as asked for */
	bool set;          /* it was, ever */
	bool owed;         /* its MCU has started anew: it is to get .value again */
};

struct engine_queued_output {
	double at_s;
	struct plan_output out;
};

struct engine {
	struct engine_config cfg;
	struct engine_mcu mcu[ENGINE_MCUS];
	struct engine_stepper stepper[ENGINE_STEPPERS];
	struct clocksync clock_before; /* the primary's estimate before its link was reset */
	int mcus, steppers;            /* one more than the highest number in use */
	struct ctl_output output[ENGINE_OUTPUTS];
	struct engine_output_state output_state[ENGINE_OUTPUTS];
	uint32_t outputs_watched; /* mask: a kick under way, said again now and then, or owed */
	struct trapq trapq;
	struct trapq_phase phases[ENGINE_PHASES];
	struct shaper shaper;
	struct extrude extrude[ENGINE_EXTRUDERS];
	struct engine_manual manual[ENGINE_MANUALS];
	double now_s;   /* machine time of this cycle, never goes back */
	double limit_s; /* no step after this has been handed out, none before it will be added */
	double rest_until_s; /* the next move starts no earlier: after a stop, a change of shapers */
	struct warp warp;    /* what was taken from the plan ring and is not in trapq yet */
	struct warp side;    /* the same of the plan that stands aside */
	struct {
		double made_s;    /* steps up to here have been handed out */
		double late_s;    /* how late cycles and lines were, lately */
		double longer_s;  /* the horizon is, for that */
		int64_t seen_ns;  /* when that was looked at */
		double least_s;   /* what it was found to be, when it was low last */
		int64_t since_ns; /* and when, or when the level was lowered */
		int level;        /* 0: as it should be, 1: motion is slowed down, 2: held */
		uint8_t mcu;      /* whose link; UINT8_MAX: it was this side */
	} lead;
	struct {
		uint32_t seen;  /* of the records in the plan ring so many were looked at: */
		int32_t rests;  /* so many moves of these end at rest */
		int64_t stop;   /* sum of 2 * acceleration * length, in 1e-3 (mm/s)^2 */
		int64_t dur_ns; /* and of durations */
	} supply;
	int64_t make_next_ns; /* when steps are looked for next */
	int64_t publish_next_ns;
	bool blocked;      /* a run waits for a move slot or room on its link */
	bool moving;       /* motion not handed out, or not executed */
	bool motion_ready; /* all MCUs with steppers are ready */
	bool renamed;      /* the axes are called otherwise since the last move */
	struct {
		double at_s;
		uint32_t id;
	} sync[ENGINE_SYNCS];
	struct engine_queued_output outq[ENGINE_OUTPUT_QUEUE];
	uint32_t sync_head, sync_tail, outq_head, outq_tail;
	double output_s; /* time of the last one taken */
	struct ctl_homing homing;
	double homing_seen_s[ENGINE_TRSYNCS];     /* confirmed by that trsync's MCU */
	double homing_deadline_s[ENGINE_TRSYNCS]; /* told to it */
	uint32_t homing_fired;                    /* mask of groups */
	uint32_t homing_stopped; /* mask of their steppers: nothing more goes out to them */
	bool homing_active;      /* a trsync may stop everything */
	bool held;      /* stopped by a trsync, a fault or an abort: take no motion until told */
	bool emergency; /* final */
	struct engine_heat heat;
	struct engine_status status;
	struct snapshot snapshot;
};

void engine_init(struct engine *e, const struct engine_config *cfg);

/* Declare that link number mcu exists (before the thread starts). baud: 0 if the transport has
 * no fixed rate. */
void engine_link_add(struct engine *e, int mcu, uint32_t baud);

/* Bytes from MCU number mcu, read at now_ns. Thread: RT. */
void engine_receive(struct engine *e, int mcu, const uint8_t *bytes, uint32_t len, int64_t now_ns)
	RUNS_ON(role_rt);

/* A rising edge of that MCU's sync line, stamped at_ns; any mcu, any edge. Thread: RT. */
void engine_edge(struct engine *e, int mcu, int64_t at_ns) RUNS_ON(role_rt);

/* One turn: control records, clock questions, motion into steps. Thread: RT. */
void engine_cycle(struct engine *e, int64_t now_ns) RUNS_ON(role_rt);

/* Bytes for MCU number mcu to write now, at most cap (>= LINK_TRANSMIT_MIN). That was all if at least
 * WIRE_FRAME_MAX bytes of buf are left. Thread: RT. */
uint32_t engine_transmit(struct engine *e, int mcu, uint8_t *buf, uint32_t cap, int64_t now_ns)
	RUNS_ON(role_rt);

/* The line of that MCU takes no bytes until further notice (a write is under way): what its link
 * has to send is no reason for a cycle. Thread: RT. */
void engine_line_busy(struct engine *e, int mcu, bool busy) RUNS_ON(role_rt);

/* The line is gone, why says how: the MCU counts as lost at once. Thread: RT. */
void engine_line_closed(struct engine *e, int mcu, enum line_state why) RUNS_ON(role_rt);

/* It is there again: what answers is to be identified anew (CTL_LINK_RESET). Thread: RT. */
void engine_line_opened(struct engine *e, int mcu) RUNS_ON(role_rt);

/* Something happened to the line that does not end it: told on, if it is news. Thread: RT. */
void engine_line_note(struct engine *e, int mcu, enum line_state state) RUNS_ON(role_rt);

/* The line's queue was found full: what is to go out waits. Counted. Thread: RT. */
void engine_line_full(struct engine *e, int mcu) RUNS_ON(role_rt);

/* When the next cycle is due; ask after transmitting. */
int64_t engine_deadline_ns(const struct engine *e, int64_t now_ns) RUNS_ON(role_rt);

/* Whether there is no motion that has not been executed. Thread: RT. */
bool engine_idle(const struct engine *e, int64_t now_ns);

/* The latest published status. Thread: any. Returns false if it could not be read: *out is as before. */
bool engine_status_read(struct engine *e, struct engine_status *out);

#endif
