// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/manual.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/motors.h"

/* Longer than any output or step that is under way. */
#define REST_S 0.1

bool manual_trapezoid(const struct machine *m, size_t motor, double by_mm, double velocity_mm_s,
		      double accel_mm_s2, struct move *out)
{
	const struct machine_stepper *cfg = m->motor[motor].cfg;
	double length_mm = fabs(by_mm), v, ramp_mm;
	double v_max = MACHINE_STEP_RATE_SHARE / (2 * cfg->step_pulse_s) * cfg->step_distance_mm;

	if (!(accel_mm_s2 > 0))
		accel_mm_s2 = m->mc->max_accel_mm_s2;
	v = fmin(fmin(velocity_mm_s, v_max), sqrt(accel_mm_s2 * length_mm));
	ramp_mm = v * v / accel_mm_s2; /* both */
	*out = (struct move){ .length_mm = length_mm,
			      .accel_mm_s2 = accel_mm_s2,
			      .cruise_mm_s = v,
			      .accel_s = v / accel_mm_s2,
			      .decel_s = v / accel_mm_s2,
			      .cruise_s = fmax(length_mm - ramp_mm, 0) / v,
			      .line = m->gcode.line };
	out->dir[AXIS_E] = by_mm < 0 ? -1 : 1;
	return length_mm / cfg->step_distance_mm <= MANUAL_STEPS_MAX &&
	       out->accel_s + out->cruise_s <= MANUAL_S_MAX;
}

int manual_queue(struct machine *m, struct manual *s, double by_mm, double velocity_mm_s,
		 double accel_mm_s2, bool sync)
{
	struct move move;
	int rc;

	if (fabs(by_mm) < MANUAL_MM_MIN)
		return sync ? planner_manual(m->planner, (uint8_t)s->motor, NULL, true) : 0;
	if (!manual_trapezoid(m, s->motor, by_mm, velocity_mm_s, accel_mm_s2, &move))
		return -EINVAL;
	move.id = s->moves + 1;
	rc = planner_manual(m->planner, (uint8_t)s->motor, &move, sync);
	if (rc < 0)
		return rc;
	s->moves++;
	s->frame_mm += move.dir[AXIS_E] * move.length_mm;
	return 0;
}

int manual_enable(struct machine *m, struct manual *s)
{
	int out = m->motor[s->motor].enable_output;

	if (!s->on && out >= 0 && planner_output(m->planner, (uint16_t)out, PLAN_OUTPUT_FULL) < 0)
		return -EAGAIN;
	s->on = true;
	return 0;
}

/* ---- MANUAL_STEPPER ---- */

struct request {
	bool enables, enable, positions, moves, sync, sets_sync;
	double position_mm, velocity_mm_s, accel_mm_s2, to_mm;
	int stop; /* STOP_ON_ENDSTOP */
};

static struct manual *find(struct gcode *g, struct machine *m, const struct gcode_line *l)
{
	const struct gcode_param *p = gcode_param_find(l, "STEPPER");
	char shown[GCODE_NAME_MAX];

	for (size_t i = 0; p && p->value && i < m->manuals; i++) {
		const char *name = m->manual[i].cfg->stepper.name;

		if (strlen(name) == p->value_len && !memcmp(name, p->value, p->value_len))
			return &m->manual[i];
	}
	gcode_fail(g, "STEPPER=%s: expected the name of a [manual_stepper …]",
		   p && p->value ? gcode_quote(shown, sizeof(shown), p->value, p->value_len) : "");
	return NULL;
}

static bool read_request(struct gcode *g, const struct gcode_line *l, const struct manual *s,
			 struct request *r)
{
	double stop = 0;
	bool given;

	*r = (struct request){ .enables = gcode_param_find(l, "ENABLE") != NULL,
			       .positions = gcode_param_find(l, "SET_POSITION") != NULL,
			       .moves = gcode_param_find(l, "MOVE") != NULL,
			       .sync = true };
	r->sets_sync = gcode_param_find(l, "SYNC") != NULL;
	if (!gcode_param_flag(g, l, "ENABLE", &r->enable) ||
	    !gcode_param_number(g, l, "SET_POSITION", 0, &r->position_mm) ||
	    !gcode_param_limit(g, l, "SPEED", 0, true, &r->velocity_mm_s, &given))
		return false;
	if (!given)
		r->velocity_mm_s = s->cfg->velocity_mm_s;
	if (!gcode_param_limit(g, l, "ACCEL", 0, false, &r->accel_mm_s2, &given))
		return false;
	if (!given)
		r->accel_mm_s2 = s->cfg->accel_mm_s2;
	if (!gcode_param_number(g, l, "MOVE", 0, &r->to_mm) ||
	    !gcode_param_number(g, l, "STOP_ON_ENDSTOP", 0, &stop) ||
	    (r->sets_sync && !gcode_param_flag(g, l, "SYNC", &r->sync)))
		return false;
	if (stop != rint(stop) || fabs(stop) > 2) {
		gcode_fail(g, "STOP_ON_ENDSTOP=%g: expected 1, 2, -1, -2 or 0", stop);
		return false;
	}
	r->stop = (int)stop;
	return true;
}

/* What can be known to be wrong before anything is done. */
static bool check(struct gcode *g, const struct machine *m, const struct manual *s,
		  const struct request *r)
{
	const struct machine_stepper *cfg = &s->cfg->stepper;

	if (r->positions && !(fabs(r->position_mm) <= 1e6)) {
		gcode_fail(g, "SET_POSITION=%g: expected -1e6 to 1e6 mm", r->position_mm);
		return false;
	}
	if (r->moves &&
	    !(r->to_mm >= s->cfg->position_min_mm && r->to_mm <= s->cfg->position_max_mm)) {
		gcode_fail(g, "MOVE=%g: expected %g to %g mm", r->to_mm, s->cfg->position_min_mm,
			   s->cfg->position_max_mm);
		return false;
	}
	if (r->stop && !r->moves) {
		gcode_fail(g, "STOP_ON_ENDSTOP=%d: expected a MOVE with it", r->stop);
		return false;
	}
	if (r->stop && (!cfg->endstop_pin.set || cfg->endstop_pin.mcu < 0)) {
		gcode_fail(g, "STOP_ON_ENDSTOP=%d: expected an endstop_pin in [manual_stepper %s]",
			   r->stop, cfg->name);
		return false;
	}
	for (size_t i = 0; r->enables && !r->enable && i < m->motors; i++)
		if (i != s->motor && m->motor[i].enable_output >= 0 &&
		    m->motor[i].enable_output == m->motor[s->motor].enable_output) {
			gcode_fail(g, "ENABLE=0: expected an enable_pin of its own, [%s] has it too",
				   m->motor[i].cfg->name);
			return false;
		}
	return true;
}

/* Only once it rests. */
static int disable(struct machine *m, struct manual *s)
{
	int out = m->motor[s->motor].enable_output, rc = 0;

	if (out >= 0)
		rc = planner_manual(m->planner, (uint8_t)s->motor, NULL, true);
	if (out >= 0 && rc == 0)
		rc = planner_dwell(m->planner, REST_S);
	if (out >= 0 && rc == 0)
		rc = planner_output(m->planner, (uint16_t)out, 0);
	if (rc == 0)
		s->on = false;
	return rc;
}

static int move(struct machine *m, struct manual *s, const struct request *r, char *err)
{
	double by_mm = r->to_mm - s->offset_mm - s->frame_mm;
	struct homing_manual how = { .stepper = s,
				     .by_mm = by_mm,
				     .velocity_mm_s = r->velocity_mm_s,
				     .accel_mm_s2 = r->accel_mm_s2,
				     .until_open = r->stop < 0,
				     .must = abs(r->stop) == 1 };
	int rc;

	if (r->stop)
		return homing_start_manual(m, &how, err);
	rc = manual_enable(m, s);
	if (rc < 0)
		return rc;
	return manual_queue(m, s, by_mm, r->velocity_mm_s, r->accel_mm_s2, r->sync);
}

static enum gcode_result manual_stepper(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct manual *s = find(g, m, l);
	struct move unused;
	char err[GCODE_ERR_MAX] = "";
	struct request r;
	double from_mm;
	int rc = 0;

	if (!s || !read_request(g, l, s, &r) || !check(g, m, s, &r))
		return GCODE_ERROR;
	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	from_mm = r.positions ? r.position_mm : s->frame_mm + s->offset_mm;
	if (r.moves && fabs(r.to_mm - from_mm) >= MANUAL_MM_MIN &&
	    !manual_trapezoid(m, s->motor, r.to_mm - from_mm, r.velocity_mm_s, r.accel_mm_s2,
			      &unused))
		return gcode_fail(g, "MOVE=%g: expected at most %g steps and %g s from %g mm",
				  r.to_mm, MANUAL_STEPS_MAX, MANUAL_S_MAX, from_mm);
	if (planner_asides_room(m->planner) < MANUAL_RECORDS) {
		planner_flush(m->planner);
		return GCODE_AGAIN;
	}
	if (r.enables)
		rc = r.enable ? manual_enable(m, s) : disable(m, s);
	if (rc == 0 && r.positions)
		s->offset_mm = r.position_mm - s->frame_mm;
	if (rc == 0 && r.moves)
		rc = move(m, s, &r, err);
	else if (rc == 0 && r.sets_sync && r.sync)
		rc = planner_manual(m->planner, (uint8_t)s->motor, NULL, true);
	return gcode_finish(g, rc, err);
}

const struct gcode_command manual_commands[] = {
	{ "MANUAL_STEPPER", GCODE_EXTENDED, 0, manual_stepper,
	  "STEPPER=<name> [ENABLE=<0|1>] [SET_POSITION=<mm>] [SPEED=<mm/s>] [ACCEL=<mm/s2>] "
	  "[MOVE=<mm>] [STOP_ON_ENDSTOP=<1|2|-1|-2>] [SYNC=<0|1>]",
	  "move a [manual_stepper]; SYNC=0: what follows runs beside it" },
};

const unsigned manual_command_count = sizeof(manual_commands) / sizeof(*manual_commands);

void manual_init(struct machine *m)
{
	gcode_add_table(&m->gcode, manual_commands, manual_command_count, m);
	gcode_add_table(&m->gcode, force_move_commands, force_move_command_count, m);
	gcode_add_table(&m->gcode, motors_commands, motors_command_count, m);
}
