/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine_rig.h - the engine with simulated MCUs at the end of its lines, in virtual time, for tests.
 *
 * The engine's rings are in the test's hands; the firmware is the real one on the board sim. Every step
 * that it makes is kept, and compared with the exact motion of the moves that the engine placed. What goes wrong fails
 * the test. Units: _ns virtual host time. Threads: one, all roles.
 */
#ifndef TESTS_RIGLIB_ENGINE_RIG_H
#define TESTS_RIGLIB_ENGINE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/vwire.h"
#include "engine.h"
#include "mcu/boards/sim/sim.h"
#include "tests/oracle/refmotion.h"

#define RIG_STEPS_MM 80.0
#define RIG_TOLERANCE_S 12.5e-6
#define RIG_MS ((int64_t)1000 * 1000)

enum {
	RIG_MCUS = 2,
	RIG_PLAN = 1024,
	RIG_CONTROL = 1024,
	RIG_STEPPERS = 4,
	RIG_EVENTS_MAX = 1024,
	RIG_MAPS = 1024
};

struct rig_step {
	uint64_t clock;
	int dir;
};

struct rig;

struct rig_mcu {
	struct rig *r;
	int index;
	double freq_hz, ticks_per_ns;
	int64_t base_ns; /* since then at this rate, from … */
	double base_clock;
	struct sim *sim;
	struct vwire to, from;
	bool deaf;                     /* nothing of it reaches the host */
	struct clockmap map[RIG_MAPS]; /* that the engine told */
	double map_from_s[RIG_MAPS];
	int maps;
};

struct rig_cfg {
	int mcus;
	uint16_t move_count;
	uint16_t receive_window;
	uint32_t baud;
	uint32_t events; /* capacity of the event ring, 0: 1024 */
	double horizon_s, low_water_s;
	double second_ppm; /* of the second MCU's crystal */
	bool y_on_second;
};

struct rig {
	struct engine e;
	struct rig_cfg cfg;
	struct ring plan, control, events;
	struct plan_rec plan_mem[RIG_PLAN];
	struct ctl_rec control_mem[RIG_CONTROL];
	struct ev_rec event_mem[RIG_EVENTS_MAX];
	struct rig_mcu mcu[RIG_MCUS];
	int64_t now_ns;
	struct rig_step *steps[RIG_STEPPERS];
	size_t step_count[RIG_STEPPERS];
	struct ref_joint joint[RIG_STEPPERS];
	struct ev_rec seen[RIG_EVENTS_MAX]; /* events but messages */
	int seen_count, messages;
	bool keep_events;         /* leave them in the ring */
	double pos_mm[MOVE_AXES]; /* end of the last move pushed */
	uint32_t next_id;
	int moves_placed, turns;
	struct move move; /* the last one placed: some of it may still be taken back */
	double move_s;
	bool move_waits;
};

/* An engine whose MCUs are configured and whose clocks are known. All 0 in cfg: what is usual. */
struct rig *rig_new(const struct rig_cfg *cfg);
void rig_free(struct rig *r);

/* The MCU's clock at a host time; from now on its crystal is off by so much. */
uint64_t rig_clock(const struct rig_mcu *u, int64_t ns);
void rig_set_ppm(struct rig_mcu *u, int64_t now_ns, double ppm);

/* ---- time passes ---- */

/* One turn of the rt thread, to its deadline; turns for so long; the host is not scheduled for so long. */
void rig_turn(struct rig *r);
void rig_run(struct rig *r, int64_t ns);
void rig_stall(struct rig *r, int64_t ns);

/* ---- talking to the engine ---- */

/* Records into the control ring: any; a message of a test to an MCU; an MCU's dictionary; its configuration. */
void rig_control(struct rig *r, const struct ctl_rec *rec);
void rig_send(struct rig *r, int mcu, enum msg_id id, const void *msg);
void rig_identify(struct rig *r, int mcu);
void rig_configure(struct rig *r, int mcu);

/* The first event of a kind from number `from` on, or -1; the first fault, or NULL; fail if there is one, or an MCU has shut down. */
int rig_find(const struct rig *r, enum ev_kind kind, int from);
const struct ev_fault *rig_fault(const struct rig *r);
void rig_no_fault(const struct rig *r);

/* The rig's observer of moves: for a test that puts its own before it. */
void rig_on_move(void *ctx, const struct move *m, double start_s);

/* ---- motion ---- */

/* A straight move by by_mm[] with the given speeds; returns false if the plan ring is full. */
bool rig_move(struct rig *r, const double by_mm[MOVE_AXES], double start_mm_s, double cruise_mm_s,
	      double end_mm_s, double accel);

/* From rest to rest, in all four axes. */
void rig_go(struct rig *r, double x, double y, double z, double e, double mm_s);

/* A record without content. */
void rig_plan(struct rig *r, enum plan_kind kind);

/* Until an EV_SYNC behind everything comes, or the time is over. Returns whether it has come. */
bool rig_sync(struct rig *r, uint32_t id, double limit_s);

/* The steps that the firmware made are the first ones of the exact motion, each within tolerance.
 * whole: and none is missing. */
void rig_check(struct rig *r, bool whole);

#endif
