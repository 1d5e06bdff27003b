// SPDX-License-Identifier: GPL-2.0-or-later
/* The engine, its rings, simulated MCUs and the exact motion beside them. See engine_rig.h. */
#include "tests/riglib/engine_rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t rig_clock(const struct rig_mcu *u, int64_t ns)
{
	return (uint64_t)(u->base_clock + (double)(ns - u->base_ns) * u->ticks_per_ns);
}

void rig_set_ppm(struct rig_mcu *u, int64_t now_ns, double ppm)
{
	u->base_clock += (double)(now_ns - u->base_ns) * u->ticks_per_ns;
	u->base_ns = now_ns;
	u->ticks_per_ns = u->freq_hz * (1 + ppm * 1e-6) * 1e-9;
}

static void rig_on_step(void *ctx, uint8_t oid, int dir, uint64_t clock)
{
	struct rig_mcu *u = ctx;
	struct rig *r = u->r;

	assert_true(oid < RIG_STEPPERS);
	if (r->step_count[oid] % 4096 == 0)
		r->steps[oid] = realloc(r->steps[oid],
					(r->step_count[oid] + 4096) * sizeof(struct rig_step));
	assert_non_null(r->steps[oid]);
	r->steps[oid][r->step_count[oid]++] = (struct rig_step){ clock, dir };
}

static void rig_on_tx(void *ctx, const uint8_t *frame, size_t len, uint64_t clock)
{
	struct rig_mcu *u = ctx;

	vwire_push(&u->from, frame, len,
		   u->base_ns + (int64_t)ceil(((double)clock - u->base_clock) / u->ticks_per_ns));
}

static void rig_take_move(struct rig *r)
{
	for (int i = 0; r->move_waits && i < RIG_STEPPERS; i++)
		ref_joint_move(&r->joint[i], &r->move, r->move_s);
	r->move_waits = false;
}

void rig_on_move(void *ctx, const struct move *m, double start_s)
{
	struct rig *r = ctx;

	r->moves_placed++;
	rig_take_move(r);
	r->move = *m;
	r->move_s = start_s;
	r->move_waits = true;
}

static void rig_on_cut(void *ctx, int stepper, double at_s)
{
	struct rig *r = ctx;

	if (stepper < 0)
		r->move_waits = warp_shorten(&r->move, at_s - r->move_s);
}

static void rig_on_map(void *ctx, int mcu, double from_s, const struct clockmap *map)
{
	struct rig_mcu *u = &((struct rig *)ctx)->mcu[mcu];

	assert_true(u->maps < RIG_MAPS);
	u->map[u->maps] = *map;
	u->map_from_s[u->maps++] = from_s;
}

/* ---- time passes ---- */

static void rig_events(struct rig *r)
{
	struct ev_rec ev;

	while (!r->keep_events && ring_pop(&r->events, &ev)) {
		if (ev.kind == EV_MESSAGE) {
			r->messages++;
			continue;
		}
		assert_true(r->seen_count < RIG_EVENTS_MAX);
		r->seen[r->seen_count++] = ev;
	}
}

/* The world alone, until then or until something reaches the host. */
static void rig_world(struct rig *r, int64_t until_ns, bool host_listens)
{
	uint8_t buf[1024];
	size_t n;

	role_take(&role_rt);
	for (;;) {
		int64_t next_ns = until_ns;
		bool heard = false;

		for (int i = 0; i < r->cfg.mcus; i++) {
			struct rig_mcu *u = &r->mcu[i];

			if (vwire_next_ns(&u->to) < next_ns)
				next_ns = vwire_next_ns(&u->to);
			if (host_listens && vwire_next_ns(&u->from) < next_ns)
				next_ns = vwire_next_ns(&u->from);
		}
		if (next_ns > r->now_ns)
			r->now_ns = next_ns;
		for (int i = 0; i < r->cfg.mcus; i++) {
			struct rig_mcu *u = &r->mcu[i];

			sim_run_until(u->sim, rig_clock(u, r->now_ns));
			while ((n = vwire_pull(&u->to, buf, sizeof(buf), r->now_ns)) > 0)
				sim_receive(u->sim, buf, n);
			while (host_listens &&
			       (n = vwire_pull(&u->from, buf, sizeof(buf), r->now_ns)) > 0) {
				if (!u->deaf)
					engine_receive(&r->e, i, buf, (uint32_t)n, r->now_ns);
				heard = true;
			}
		}
		if (heard || r->now_ns >= until_ns)
			return;
	}
}

void rig_turn(struct rig *r)
{
	uint8_t buf[1024];
	int64_t deadline_ns;

	role_take(&role_rt);
	engine_cycle(&r->e, r->now_ns);
	for (int i = 0; i < r->cfg.mcus; i++) {
		uint32_t n;

		while (vwire_room(&r->mcu[i].to) >= sizeof(buf) &&
		       (n = engine_transmit(&r->e, i, buf, sizeof(buf), r->now_ns)) > 0)
			vwire_push(&r->mcu[i].to, buf, n, r->now_ns);
	}
	rig_events(r);
	deadline_ns = engine_deadline_ns(&r->e, r->now_ns);
	r->turns++;
	rig_world(r, deadline_ns > r->now_ns ? deadline_ns : r->now_ns + 1000, true);
}

void rig_run(struct rig *r, int64_t ns)
{
	int64_t until_ns = r->now_ns + ns;
	int from = r->turns;

	while (r->now_ns < until_ns) {
		rig_turn(r);
		if (r->turns - from > 100000 + ns / 20000)
			fail_msg("the engine wants to run without a pause");
	}
}

void rig_stall(struct rig *r, int64_t ns)
{
	rig_world(r, r->now_ns + ns, false);
}

/* ---- talking to the engine ---- */

void rig_control(struct rig *r, const struct ctl_rec *rec)
{
	assert_true(ring_push(&r->control, rec));
}

void rig_send(struct rig *r, int mcu, enum msg_id id, const void *msg)
{
	struct ctl_rec rec = { .kind = CTL_SEND };

	rec.send.mcu = (uint8_t)mcu;
	rec.send.len = (uint8_t)wire_encode(rec.send.bytes, sizeof(rec.send.bytes), (int16_t)id,
					    &msg_table[id], msg);
	assert_true(rec.send.len > 0);
	rig_control(r, &rec);
}

int rig_find(const struct rig *r, enum ev_kind kind, int from)
{
	for (int i = from; i < r->seen_count; i++)
		if (r->seen[i].kind == (uint32_t)kind)
			return i;
	return -1;
}

const struct ev_fault *rig_fault(const struct rig *r)
{
	int i = rig_find(r, EV_FAULT, 0);

	return i < 0 ? NULL : &r->seen[i].fault;
}

void rig_no_fault(const struct rig *r)
{
	const struct ev_fault *f = rig_fault(r);

	if (f)
		fail_msg("fault %u, mcu %u, stepper %u, detail %d at %.6f s: %g", f->fault, f->mcu,
			 f->stepper, (int16_t)f->detail, f->at_s, f->value_s);
	for (int i = 0; i < r->cfg.mcus; i++)
		if (sim_shutdown_reason(r->mcu[i].sim))
			fail_msg("mcu %d: %s", i, sim_shutdown_reason(r->mcu[i].sim));
}

static int rig_mcu_of(const struct rig *r, int stepper)
{
	return stepper == AXIS_Y && r->cfg.y_on_second ? 1 : 0;
}

void rig_identify(struct rig *r, int mcu)
{
	struct ctl_rec rec = { .kind = CTL_MCU_IDS };

	rec.mcu_ids.mcu = (uint8_t)mcu;
	rec.mcu_ids.freq_hz = r->mcu[mcu].freq_hz;
	rec.mcu_ids.receive_window = r->cfg.receive_window;
	wire_dict_init_own(&rec.mcu_ids.dict);
	rig_control(r, &rec);
}

void rig_configure(struct rig *r, int mcu)
{
	struct msg_allocate_oids oids = { .count = RIG_STEPPERS };
	struct msg_finalize_config final = { .crc = 1 };
	struct ctl_rec ready = { .kind = CTL_MCU_READY };

	rig_send(r, mcu, MSG_ID_allocate_oids, &oids);
	for (int i = 0; i < RIG_STEPPERS; i++) {
		struct msg_config_stepper c = { .oid = (uint8_t)i,
						.step_pin = (uint8_t)(2 * i),
						.dir_pin = (uint8_t)(2 * i + 1),
						.step_pulse_ticks = 50 };
		struct ctl_rec rec = { .kind = CTL_STEPPER };

		if (rig_mcu_of(r, i) != mcu)
			continue;
		rig_send(r, mcu, MSG_ID_config_stepper, &c);
		rec.stepper = (struct ctl_stepper){ .stepper = (uint8_t)i,
						    .mcu = (uint8_t)mcu,
						    .oid = (uint8_t)i,
						    .min_interval_s = 4e-6 };
		rec.stepper.steps_per_mm[i] = RIG_STEPS_MM;
		rig_control(r, &rec);
	}
	rig_send(r, mcu, MSG_ID_finalize_config, &final);
	ready.mcu_ready.mcu = (uint8_t)mcu;
	ready.mcu_ready.move_count = r->cfg.move_count;
	rig_control(r, &ready);
}

/* Until all clocks are known and all MCUs configured. */
static void rig_bring_up(struct rig *r)
{
	for (int i = 0; i < r->cfg.mcus; i++)
		rig_identify(r, i);
	rig_run(r, 1000 * RIG_MS);
	for (int i = 0; i < r->cfg.mcus; i++) {
		assert_true(r->e.mcu[i].clock_ready);
		rig_configure(r, i);
	}
	rig_run(r, 200 * RIG_MS);
	assert_true(r->e.motion_ready);
	rig_no_fault(r);
}

struct rig *rig_new(const struct rig_cfg *cfg)
{
	struct rig *r = aligned_alloc(RING_CACHE_LINE, (sizeof(*r) + 63) / 64 * 64);
	struct engine_config ec = { .horizon_s = cfg->horizon_s > 0 ? cfg->horizon_s : 0.1,
				    .low_water_s = cfg->low_water_s > 0 ? cfg->low_water_s : 0.05 };
	uint32_t events = cfg->events ? cfg->events : RIG_EVENTS_MAX;

	assert_non_null(r);
	memset(r, 0, sizeof(*r));
	r->cfg = *cfg;
	if (r->cfg.move_count == 0)
		r->cfg.move_count = 1024;
	if (r->cfg.mcus == 0)
		r->cfg.mcus = 1;
	r->now_ns = 1000000000;
	assert_true(ring_init(&r->plan, r->plan_mem, sizeof(r->plan_mem[0]), RIG_PLAN));
	assert_true(ring_init(&r->control, r->control_mem, sizeof(r->control_mem[0]), RIG_CONTROL));
	assert_true(ring_init(&r->events, r->event_mem, sizeof(r->event_mem[0]), events));
	ec.start_lead_s = 1.2 * ec.low_water_s;
	ec.plan = &r->plan;
	ec.control = &r->control;
	ec.events = &r->events;
	ec.observer.ctx = r;
	ec.observer.move = rig_on_move;
	ec.observer.cut = rig_on_cut;
	ec.observer.map = rig_on_map;
	engine_init(&r->e, &ec);
	for (int i = 0; i < RIG_STEPPERS; i++) {
		double weight[MOVE_AXES] = { 0 };

		weight[i] = RIG_STEPS_MM;
		ref_joint_init(&r->joint[i], weight);
	}
	for (int i = 0; i < r->cfg.mcus; i++) {
		struct rig_mcu *u = &r->mcu[i];
		struct vwire_config wc = { .baud = cfg->baud, .latency_ns = 100000, .seed = 1 };
		struct sim_cfg sc = { .freq_hz = 16000000,
				      .move_count = r->cfg.move_count,
				      .hooks = { .ctx = u, .step = rig_on_step, .tx = rig_on_tx } };

		u->r = r;
		u->index = i;
		u->freq_hz = sc.freq_hz;
		rig_set_ppm(u, r->now_ns, i ? cfg->second_ppm : 0);
		u->base_clock = (double)r->now_ns * u->ticks_per_ns;
		sc.start_clock = rig_clock(u, r->now_ns);
		vwire_init(&u->to, &wc);
		vwire_init(&u->from, &wc);
		u->sim = sim_new(&sc);
		assert_non_null(u->sim);
		assert_int_equal(sim_start(u->sim), 0);
		engine_link_add(&r->e, i, cfg->baud);
	}
	rig_bring_up(r);
	return r;
}

void rig_free(struct rig *r)
{
	for (int i = 0; i < r->cfg.mcus; i++)
		sim_free(r->mcu[i].sim);
	for (int i = 0; i < RIG_STEPPERS; i++) {
		free(r->steps[i]);
		ref_joint_free(&r->joint[i]);
	}
	free(r);
}

/* ---- motion ---- */

bool rig_move(struct rig *r, const double by_mm[MOVE_AXES], double start_mm_s, double cruise_mm_s,
	      double end_mm_s, double accel)
{
	struct plan_rec rec = { .kind = PLAN_MOVE };
	struct move *m = &rec.move;
	double up_mm, down_mm;

	for (int i = 0; i < MOVE_AXES; i++) {
		m->start_mm[i] = r->pos_mm[i];
		m->length_mm += i < 3 ? by_mm[i] * by_mm[i] : 0;
	}
	m->length_mm = sqrt(m->length_mm);
	for (int i = 0; i < MOVE_AXES; i++)
		m->dir[i] = by_mm[i] / m->length_mm;
	up_mm = (cruise_mm_s * cruise_mm_s - start_mm_s * start_mm_s) / (2 * accel);
	down_mm = (cruise_mm_s * cruise_mm_s - end_mm_s * end_mm_s) / (2 * accel);
	assert_true(up_mm + down_mm <= m->length_mm);
	m->accel_mm_s2 = accel;
	m->feed_factor = 1;
	m->start_mm_s = start_mm_s;
	m->cruise_mm_s = cruise_mm_s;
	m->end_mm_s = end_mm_s;
	m->accel_s = (cruise_mm_s - start_mm_s) / accel;
	m->decel_s = (cruise_mm_s - end_mm_s) / accel;
	m->cruise_s = (m->length_mm - up_mm - down_mm) / cruise_mm_s;
	m->id = ++r->next_id;
	if (!ring_push(&r->plan, &rec))
		return false;
	for (int i = 0; i < MOVE_AXES; i++)
		r->pos_mm[i] += by_mm[i];
	return true;
}

void rig_go(struct rig *r, double x, double y, double z, double e, double mm_s)
{
	double by_mm[MOVE_AXES] = { x, y, z, e };
	double length_mm = sqrt(x * x + y * y + z * z), accel = 1000;

	if (mm_s * mm_s / accel > length_mm)
		mm_s = 0.999 * sqrt(accel * length_mm);
	assert_true(rig_move(r, by_mm, 0, mm_s, 0, accel));
}

void rig_plan(struct rig *r, enum plan_kind kind)
{
	struct plan_rec rec = { .kind = (uint32_t)kind };

	assert_true(ring_push(&r->plan, &rec));
}

bool rig_sync(struct rig *r, uint32_t id, double limit_s)
{
	struct plan_rec rec = { .kind = PLAN_SYNC, .sync_id = id };
	int64_t until_ns = r->now_ns + (int64_t)(limit_s * 1e9);
	int from = r->seen_count;

	assert_true(ring_push(&r->plan, &rec));
	while (r->now_ns < until_ns) {
		int i = rig_find(r, EV_SYNC, from);

		if (i >= 0)
			return r->seen[i].sync_id == id;
		rig_turn(r);
	}
	return false;
}

/* How far a clock is from a machine time, by the map that was told for that time. */
static double rig_off_s(const struct rig_mcu *u, uint64_t clock, long double t_s)
{
	const struct clockmap *map;
	int i = 0;

	while (i + 1 < u->maps && t_s >= u->map_from_s[i + 1])
		i++;
	map = &u->map[i];
	return (double)((long double)(int64_t)(clock - map->clock0) / map->freq_hz -
			(t_s - map->t0_s));
}

void rig_check(struct rig *r, bool whole)
{
	rig_take_move(r);
	for (int i = 0; i < RIG_STEPPERS; i++) {
		struct ref_joint *j = &r->joint[i];
		const struct rig_mcu *u = &r->mcu[rig_mcu_of(r, i)];

		ref_joint_filter(j, STEPGEN_REVERSAL_FILTER_S);
		if (whole && (int64_t)r->step_count[i] != j->n)
			fail_msg("stepper %d: %zu steps; expected %lld", i, r->step_count[i],
				 (long long)j->n);
		assert_true((int64_t)r->step_count[i] <= j->n);
		for (size_t k = 0; k < r->step_count[i]; k++) {
			double off_s = rig_off_s(u, r->steps[i][k].clock, j->steps[k].t_s);

			if (fabs(off_s) > RIG_TOLERANCE_S + 1e-7 ||
			    (r->steps[i][k].dir ? 1 : -1) != (j->steps[k].dir > 0 ? 1 : -1))
				fail_msg("stepper %d step %zu at %.7f s is %.3f us off", i, k,
					 (double)j->steps[k].t_s, off_s * 1e6);
		}
	}
}
