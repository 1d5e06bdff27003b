// SPDX-License-Identifier: GPL-2.0-or-later
/* machine.c - planner thread and rt thread at once: G-code in one, engine and firmware in the other.
 *
 * Shown: only the rings, the snapshot and the flight recorder, which the planner thread reads behind the
 * other, are shared (ThreadSanitizer says so), and at the end every step
 * has been made, each in its place: no violation, no position error, nothing late, no underrun.
 * How: the machine of etc/sim-corexy.cfg is brought up as in batch; then one thread has the engine, the
 * simulated MCU and the virtual clock, the other the machine and the lines of a hard file, with
 * questions (STATUS, M114) between them. The clock waits for a planner that is PLAN_BEHIND_NS
 * behind, as long as that lasts; 30 s of real time without progress fail.
 * Repeat: STEPD_SEED=n; the seed is printed. Meant for ThreadSanitizer: make stress.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/recorder.h"
#include "tests/simlib/nasty.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

#define PLAN_BEHIND_NS ((int64_t)20 * 1000 * 1000)
#define STALL_S 30.0
enum { PIECES = 40, QUESTION_EVERY = 50 };

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

static char *make_lines(void)
{
	const char *path = simrun_path("nasty.gcode");
	FILE *f = simrun_create(path);
	char *lines;

	nasty_write(f, simrun_seed((unsigned long)time(NULL) % 100000), PIECES * simrun_size());
	fclose(f);
	lines = simrun_read(path, NULL);
	return lines;
}

int main(void)
{
	struct stress t = { .lines = make_lines() };
	struct scene *s = scene_open_recorded("etc/sim-corexy.cfg", NULL, simrun_path("flight"));
	char err[256];
	pthread_t rt, plan;
	bool ok;

	if (!s)
		return 1;
	t.b = &s->b;
	if (recorder_open(&t.recorder, simrun_path("plan"), &s->b.flight.flight, err, sizeof(err)) <
	    0) {
		puts(err);
		return 1;
	}
	recorder_setup(&t.recorder, s->b.m);
	atomic_store(&t.now_ns, s->b.now_ns);
	atomic_store(&t.polled_ns, s->b.now_ns);
	if (pthread_create(&rt, NULL, rt_thread, &t) ||
	    pthread_create(&plan, NULL, plan_thread, &t)) {
		puts("no threads");
		return 1;
	}
	pthread_join(plan, NULL);
	pthread_join(rt, NULL);
	ok = !t.stalled && s->b.m->state == MACHINE_READY && batch_settle(&s->b) && s->errors == 0;
	if (!ok)
		printf("%s, state %d, %u errors: %s\n%.2000s\n", t.stalled ? "no progress" : "ended",
		       s->b.m->state, s->errors, s->b.m->reason, s->said);
	ok = scene_exact(s) && ok;
	printf("%llu moves, %llu steps\n", (unsigned long long)s->b.moves,
	       (unsigned long long)s->b.m->engine->status.steps);
	ok = ok && s->b.moves > 100 && recorder_close(&t.recorder) == 0;
	scene_close(s);
	simrun_cleanup();
	free(t.lines);
	return ok ? 0 : 1;
}
