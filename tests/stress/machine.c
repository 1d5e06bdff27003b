// SPDX-License-Identifier: GPL-2.0-or-later
/* machine.c - planner thread and rt thread at once: G-code in one, engine and firmware in the other.
 *
 * Shown: only the rings, the snapshot and the flight recorder, which the planner thread reads behind the
 * other, are shared (ThreadSanitizer says so), and at the end every step
 * has been made, each in its place: no violation, no position error, nothing late, no underrun.
 * On CoreXY with a hard file, and on every kind of kinematics with a small print in which pressure advance, smooth
 * times, the extruders that steppers follow, input shapers and limits change every few lines.
 * How: a machine is brought up as in batch; then one thread has the engine, the
 * simulated MCUs and the virtual clock, the other the machine and the lines of the file, with
 * questions (STATUS, M114) between them. The clock waits for a planner that is PLAN_BEHIND_NS
 * behind, as long as that lasts; 30 s of real time without progress fail.
 * Repeat: STEPD_SEED=n; the seed is printed. Meant for ThreadSanitizer: make stress.
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/recorder.h"
#include "tests/oracle/refmotion.h"
#include "tests/simlib/nasty.h"
#include "tests/simlib/sample.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

#define PLAN_BEHIND_NS ((int64_t)20 * 1000 * 1000)
#define STALL_S 30.0
enum { PIECES = 40, SAMPLE_PIECES = 6, CHANGE_EVERY = 3, QUESTION_EVERY = 50 };

struct stress {
	struct batch *b;
	struct recorder recorder; /* of the plan trace */
	char *lines;
	_Atomic int64_t now_ns;    /* of the virtual clock; the rt thread's */
	_Atomic int64_t polled_ns; /* the planner thread has seen this much of it */
	_Atomic bool done, stalled;
};

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void *rt_thread(void *arg)
{
	struct stress *t = arg;
	struct batch *b = t->b;
	double seen_s = now_s();

	role_take(&role_rt);
	while (!atomic_load(&t->done)) {
		int64_t deadline_ns;

		if (b->now_ns - atomic_load(&t->polled_ns) > PLAN_BEHIND_NS) {
			if (now_s() - seen_s > STALL_S) {
				atomic_store(&t->stalled, true);
				break;
			}
			sched_yield();
			continue;
		}
		seen_s = now_s();
		engine_cycle(b->m->engine, b->now_ns);
		batch_world_transmit(b);
		deadline_ns = engine_deadline_ns(b->m->engine, b->now_ns);
		batch_world_run(b, deadline_ns > b->now_ns ? deadline_ns : b->now_ns);
		atomic_store(&t->now_ns, b->now_ns);
	}
	return NULL;
}

/* Give the machine lines until it has no room. Returns what is left. */
static const char *feed(struct machine *m, const char *p)
{
	static unsigned count;

	while (*p && machine_accepts(m)) {
		size_t len = strcspn(p, "\n");

		if (gcode_exec(&m->gcode, p, len, 1) == GCODE_AGAIN)
			break;
		p += len + (p[len] == '\n');
		if (++count % QUESTION_EVERY == 0) {
			gcode_exec_now(&m->gcode, "STATUS", 6, 1);
			gcode_exec_now(&m->gcode, "M114", 4, 1);
		}
	}
	return p;
}

static void *plan_thread(void *arg)
{
	struct stress *t = arg;
	struct machine *m = t->b->m;
	const char *left = t->lines;
	int64_t moved_ns = 0;
	double moved_s = now_s();

	role_take(&role_plan);
	while (m->state == MACHINE_READY && !atomic_load(&t->stalled)) {
		int64_t now_ns = atomic_load(&t->now_ns);

		left = feed(m, left);
		machine_poll(m, now_ns, *left);
		recorder_drain(&t->recorder);
		atomic_store(&t->polled_ns, now_ns);
		if (!*left && machine_idle(m) && !gcode_busy(&m->gcode))
			break;
		if (now_ns != moved_ns) {
			moved_ns = now_ns;
			moved_s = now_s();
		} else if (now_s() - moved_s > STALL_S) {
			atomic_store(&t->stalled, true);
		} else {
			sched_yield();
		}
	}
	atomic_store(&t->done, true);
	return NULL;
}

/* Both threads, until the lines are done. */
static bool run(const char *what, const char *config, char *lines, unsigned long moves_min)
{
	struct scene *s = scene_open_recorded(config, NULL, simrun_path("flight"));
	struct stress t = { .lines = lines };
	char err[256];
	pthread_t rt, plan;
	bool ok;

	if (!s)
		return false;
	t.b = &s->b;
	if (recorder_open(&t.recorder, simrun_path("plan"), &s->b.flight.flight, err, sizeof(err)) <
	    0) {
		puts(err);
		return false;
	}
	recorder_setup(&t.recorder, s->b.m);
	atomic_store(&t.now_ns, s->b.now_ns);
	atomic_store(&t.polled_ns, s->b.now_ns);
	if (pthread_create(&rt, NULL, rt_thread, &t) ||
	    pthread_create(&plan, NULL, plan_thread, &t)) {
		puts("no threads");
		exit(1);
	}
	pthread_join(plan, NULL);
	pthread_join(rt, NULL);
	ok = !t.stalled && s->b.m->state == MACHINE_READY && batch_settle(&s->b) && s->errors == 0;
	if (!ok)
		printf("%s, state %d, %u errors: %s\n%.2000s\n", t.stalled ? "no progress" : "ended",
		       s->b.m->state, s->errors, s->b.m->reason, s->said);
	ok = scene_exact(s) && ok;
	printf("%s: %llu moves, %llu steps\n", what, (unsigned long long)s->b.moves,
	       (unsigned long long)s->b.m->engine->status.steps);
	ok = ok && s->b.moves >= moves_min && recorder_close(&t.recorder) == 0;
	scene_close(s);
	free(lines);
	return ok;
}

static bool run_nasty(unsigned long seed)
{
	const char *path = simrun_path("nasty.gcode");
	FILE *f = simrun_create(path);

	nasty_write(f, seed, PIECES * simrun_size());
	fclose(f);
	return run("a hard file", "etc/sim-corexy.cfg", simrun_read(path, NULL), 100);
}

/* ---- parameters, sources and shapers while it runs ---- */

struct kind {
	const char *name; /* etc/sim-NAME.cfg */
	double middle_mm, least_mm, far_mm;
};

static const struct kind kinds[] = {
	{ "cartesian", 150, 0, 140 },     { "corexy", 150, 0, 140 },
	{ "corexz", 150, 0, 140 },        { "hybrid_corexy", 150, 0, 140 },
	{ "hybrid_corexz", 150, 0, 140 }, { "generic_cartesian", 135, 0, 125 },
	{ "dual_carriage", 135, 0, 125 }, { "none", 0, 0, 100 },
	{ "delta", 0, 0, 100 },           { "deltesian", 0, 0, 100 },
	{ "polar", 0, 0.5, 100 },         { "rotary_delta", 0, 0, 100 },
	{ "winch", 0, 0, 200 },
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

/* Another extruder, and a stepper that may follow either, on a second MCU. */
static const char *machine_write(const char *kind)
{
	const char *path = simrun_path("machine.cfg");
	char base[64], full[PATH_MAX];
	FILE *f = simrun_create(path);

	snprintf(base, sizeof(base), "etc/sim-%s.cfg", kind);
	fprintf(f, "[include %s]\n", realpath(base, full) ? full : base);
	fprintf(f, "[mcu second]\nserial: /run/stepd/second\n"
		   "[stepd_sim second]\nclock_hz: 180000000\nclock_ppm: 60\n"
		   "[extruder1]\nstep_pin: second:PA0\ndir_pin: second:PA1\nrotation_distance: 8\n"
		   "microsteps: 16\nstep_pulse_duration: 0.0000005\nnozzle_diameter: 0.6\n"
		   "filament_diameter: 1.75\nmax_extrude_only_distance: 100\n"
		   "[extruder_stepper belt]\nstep_pin: second:PB0\ndir_pin: !second:PB1\n"
		   "rotation_distance: 22\nmicrosteps: 32\nstep_pulse_duration: 0.0000005\n"
		   "extruder: extruder\npressure_advance: 0.04\n");
	fclose(f);
	return path;
}

static void write_change(FILE *f, uint64_t *rng)
{
	static const char *const names[] = { "extruder", "extruder1", "belt", "" };
	static const char *const shapers[] = { "zv", "mzv", "zvd", "ei", "2hump_ei", "3hump_ei" };

	switch (ref_random(rng) % 6) {
	case 0:
		fprintf(f, "SET_PRESSURE_ADVANCE EXTRUDER=%s ADVANCE=%.3f\n",
			names[ref_random(rng) % 3], ref_uniform(rng, 0.0, 0.08));
		break;
	case 1:
		fprintf(f, "SET_PRESSURE_ADVANCE EXTRUDER=%s SMOOTH_TIME=%.3f\n",
			names[ref_random(rng) % 3], ref_uniform(rng, 0.01, 0.06));
		break;
	case 2:
		fprintf(f, "SYNC_EXTRUDER_MOTION EXTRUDER=belt MOTION_QUEUE=%s\n",
			(const char *[]){ "extruder", "extruder1", "" }[ref_random(rng) % 3]);
		break;
	case 3:
		fprintf(f, "ACTIVATE_EXTRUDER EXTRUDER=%s\n", names[ref_random(rng) % 2]);
		break;
	case 4:
		fprintf(f, "SET_VELOCITY_LIMIT SQUARE_CORNER_VELOCITY=%.1f ACCEL=%.0f\n",
			ref_uniform(rng, 2, 20), ref_uniform(rng, 1000, 3000));
		break;
	default:
		fprintf(f,
			"SET_INPUT_SHAPER SHAPER_TYPE_X=%s SHAPER_TYPE_Y=%s SHAPER_FREQ_X=%.1f "
			"SHAPER_FREQ_Y=%.1f\n",
			shapers[ref_random(rng) % 6], shapers[ref_random(rng) % 6],
			ref_uniform(rng, 30, 90), ref_uniform(rng, 30, 90));
	}
}

static bool run_changes(const struct kind *k, unsigned long seed)
{
	const char *path = simrun_path("sample.gcode"), *changed = simrun_path("changed.gcode");
	struct sample s = { .seed = seed,
			    .x_mm = k->middle_mm,
			    .y_mm = k->middle_mm,
			    .least_mm = k->least_mm,
			    .far_mm = k->far_mm,
			    .low_mm = 10,
			    .high_mm = 50,
			    .pieces = SAMPLE_PIECES * simrun_size(),
			    .axes = 2 };
	FILE *f = simrun_create(path);
	uint64_t rng = seed + 1;
	char *lines;

	sample_write(f, &s);
	fclose(f);
	lines = simrun_read(path, NULL);
	f = simrun_create(changed);
	for (const char *p = lines; *p;) {
		size_t len = strcspn(p, "\n");

		if (ref_random(&rng) % CHANGE_EVERY == 0)
			write_change(f, &rng);
		fprintf(f, "%.*s\n", (int)len, p);
		p += len + (p[len] == '\n');
	}
	fclose(f);
	free(lines);
	return run(k->name, machine_write(k->name), simrun_read(changed, NULL), s.pieces);
}

int main(void)
{
	unsigned long seed = simrun_seed((unsigned long)time(NULL) % 100000);
	bool ok = run_nasty(seed);

	for (int i = 0; i < KINDS; i++)
		ok = run_changes(&kinds[i], seed * 100 + (unsigned long)i) && ok;
	simrun_cleanup();
	return ok ? 0 : 1;
}
