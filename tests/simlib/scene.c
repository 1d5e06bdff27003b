// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/scene.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

static void heard(void *ctx, enum reply_kind kind, const char *text)
{
	struct scene *s = ctx;
	int n = snprintf(s->said + s->said_len, sizeof(s->said) - s->said_len, "%s\n", text);

	if (n > 0 && s->said_len + (size_t)n < sizeof(s->said))
		s->said_len += (size_t)n;
	if (kind == REPLY_ERROR)
		s->errors++;
	if (s->echo)
		printf("%s %s\n", kind == REPLY_ERROR ? "!!" : "//", text);
}

struct scene *scene_open(const char *config, const char *const *overrides)
{
	return scene_open_with(config, overrides, &(struct batch_options){ .seed = 1 });
}

struct scene *scene_open_recorded(const char *config, const char *const *overrides,
				  const char *flight)
{
	return scene_open_with(config, overrides,
			       &(struct batch_options){ .seed = 1, .flight = flight });
}

struct scene *scene_open_with(const char *config, const char *const *overrides,
			      const struct batch_options *opt)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->b.opt = *opt;
	s->b.opt.config = config;
	s->b.heard = heard;
	s->b.heard_ctx = s;
	s->echo = getenv("STEPD_ECHO") != NULL;
	for (; overrides && *overrides; overrides++)
		if (!overrides_add(&s->b.opt.overrides, *overrides))
			break;
	if (!batch_open(&s->b)) {
		printf("%s: %s\n%s", config, s->b.error, s->said);
		scene_close(s);
		return NULL;
	}
	return s;
}

void scene_close(struct scene *s)
{
	if (!s)
		return;
	batch_check_finish(&s->b);
	batch_close(&s->b);
	free(s);
}

bool scene_run(struct scene *s, const char *lines)
{
	batch_lines(&s->b, lines);
	return batch_settle(&s->b);
}

enum gcode_result scene_now(struct scene *s, const char *line)
{
	return gcode_exec_now(&s->b.m->gcode, line, strlen(line), 0);
}

void scene_pass(struct scene *s, double seconds)
{
	int64_t until_ns = s->b.now_ns + (int64_t)(seconds * 1e9);

	while (s->b.now_ns < until_ns)
		batch_turn(&s->b, false);
}

void scene_planner_busy(struct scene *s, double seconds)
{
	struct batch *b = &s->b;
	int64_t until_ns = b->now_ns + (int64_t)(seconds * 1e9);

	role_take(&role_rt);
	while (b->now_ns < until_ns) {
		int64_t next_ns;

		engine_cycle(b->m->engine, b->now_ns);
		batch_world_transmit(b);
		next_ns = engine_deadline_ns(b->m->engine, b->now_ns);
		batch_world_run(b, next_ns > b->now_ns ? next_ns : b->now_ns);
	}
}

void scene_rt_sleeps(struct scene *s, double seconds)
{
	int64_t until_ns = s->b.now_ns + (int64_t)(seconds * 1e9);

	while (s->b.now_ns < until_ns)
		batch_world_run(&s->b, until_ns);
}

bool scene_daemon_again(struct scene *s, const char *positions)
{
	struct batch *b = &s->b;
	struct machine_config_hooks hooks = b->m->hooks;

	checker_free(b->checker);
	b->checker = NULL;
	b->move_waits = false;
	hooks.positions = positions;
	scene_rt_sleeps(s, 0.8);
	machine_free(b->m);
	b->m = machine_new(b->mc, &hooks, b->error, sizeof(b->error));
	if (!b->m)
		return false;
	scene_hush(s);
	for (int i = 0; i < 400 && b->m->state == MACHINE_CONNECTING; i++)
		scene_pass(s, 0.05);
	return b->m->state == MACHINE_READY;
}

void scene_clock_rate(struct scene *s, int mcu, double ppm)
{
	struct batch_mcu *u = &s->b.mcu[mcu];
	double rate = u->nominal_hz * (1 + ppm * 1e-6) * 1e-9;
	long double ticks = (long double)s->b.now_ns * ((long double)u->ticks_per_ns - rate);

	u->start_clock += (uint64_t)(int64_t)ceill(ticks);
	u->ticks_per_ns = rate;
}

bool scene_file_open(struct scene_file *f, const char *path, uint32_t lines_max)
{
	*f = (struct scene_file){ .gz = gzopen(path, "r"), .lines_max = lines_max, .more = true };
	return f->gz != NULL;
}

void scene_file_close(struct scene_file *f)
{
	gzclose(f->gz);
}

bool scene_feed(struct scene *s, struct scene_file *f)
{
	while (f->more && s->b.m->state == MACHINE_READY && machine_accepts(s->b.m)) {
		if (!f->have) {
			f->more = f->lines++ < f->lines_max &&
				  gzgets(f->gz, f->line, sizeof(f->line)) != NULL;
			if (!f->more)
				break;
		}
		f->have = gcode_exec(&s->b.m->gcode, f->line, strlen(f->line), f->lines) ==
			  GCODE_AGAIN;
		if (f->have)
			break;
	}
	return f->more;
}

void scene_hush(struct scene *s)
{
	s->said_len = 0;
	s->said[0] = 0;
	s->errors = 0;
}

bool scene_said(const struct scene *s, const char *text)
{
	return strstr(s->said, text) != NULL;
}

double scene_truth_mm(const struct scene *s, int axis)
{
	return printer_axis_mm(&s->b.printer, (enum printer_axis)axis);
}

double scene_believed_mm(const struct scene *s, int axis)
{
	return s->b.m->status.position_mm[axis];
}

double scene_microstep_mm(const struct scene *s, int axis)
{
	const struct printer *p = &s->b.printer;
	double mm = 0, alone_mm = 0;

	for (int i = 0; i < p->stepper_count; i++) {
		double step_mm = 1 / p->steppers[i].steps_per_mm;

		if (p->inverse[axis][i] != 0)
			alone_mm = fmax(alone_mm, step_mm);
		mm += fabs(p->inverse[axis][i]) * step_mm;
	}
	return fmax(mm, alone_mm);
}

/* Where that axis of the model is believed to be: from the counters, so that no rounding to whole steps is in it. */
static double counted_mm(const struct scene *s, int axis)
{
	const struct printer *p = &s->b.printer;
	double mm = 0;

	for (int i = 0; i < p->stepper_count; i++)
		if (p->inverse[axis][i] != 0)
			mm += p->inverse[axis][i] * s->b.m->status.stepper_at_steps[i] /
			      p->steppers[i].steps_per_mm;
	return mm;
}

/* Whether a motor without a switch turns it: it is where it was called 0 last. */
static bool unbound(const struct scene *s, int axis)
{
	for (size_t i = 0; i < s->b.mc->stepper_count; i++)
		if (s->b.printer.inverse[axis][i] != 0 &&
		    s->b.mc->steppers[i].joint.kind == KIN_ANGLE)
			return true;
	return false;
}

double scene_off_microsteps(const struct scene *s, int axis)
{
	if (unbound(s, axis))
		return 0;
	return (scene_truth_mm(s, axis) - counted_mm(s, axis)) / scene_microstep_mm(s, axis);
}

bool scene_agrees(const struct scene *s, double microsteps)
{
	bool ok = true;

	for (int axis = 0; axis < MACHINE_AXES; axis++) {
		double off = scene_off_microsteps(s, axis);

		if (fabs(off) <= microsteps)
			continue;
		printf("axis %d is at %.5f mm, %.3f microsteps from where it is believed to be\n",
		       axis, scene_truth_mm(s, axis), off);
		ok = false;
	}
	return ok;
}

double scene_lower_mm(const struct scene *s)
{
	double xyz[3], believed_mm[MOVE_AXES];

	printer_nozzle_mm(&s->b.printer, xyz);
	machine_steppers_to_axes(s->b.m, s->b.m->status.stepper_at_steps, believed_mm);
	return believed_mm[AXIS_Z] - xyz[2];
}

struct printer_endstop *scene_endstop(struct scene *s, int axis)
{
	for (int i = 0; i < s->b.printer.endstop_count; i++)
		if ((int)s->b.printer.endstops[i].axis == axis)
			return &s->b.printer.endstops[i];
	return NULL;
}

void scene_push_mm(struct scene *s, int axis, double to_mm)
{
	s->b.printer.start_mm[axis] += to_mm - scene_truth_mm(s, axis);
}

uint64_t scene_violations(struct scene *s)
{
	const struct checker_result *r = &s->b.result;

	batch_check_finish(&s->b);
	for (uint32_t i = 0; i < r->listed; i++)
		printf("violation: %s\n", r->list[i].text);
	return r->violations;
}

bool scene_exact(struct scene *s)
{
	const struct engine_status *st = &s->b.m->engine->status;
	const struct checker_result *r = &s->b.result;

	if (scene_violations(s) == 0 && r->position_error_worst_steps == 0 && st->late == 0 &&
	    st->underruns == 0)
		return true;
	printf("%llu violations, position error %lld steps, late %llu, underruns %llu\n%s",
	       (unsigned long long)r->violations, (long long)r->position_error_worst_steps,
	       (unsigned long long)st->late, (unsigned long long)st->underruns, s->said);
	return false;
}
