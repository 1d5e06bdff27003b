// SPDX-License-Identifier: GPL-2.0-or-later
/* A machine of a configuration: its rings, planners, engine, sessions and parts; and its end. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/extruders.h"
#include "daemon/machine/machine.h"
#include "daemon/machine/machine_private.h"
#include "daemon/print/print.h"
#include "daemon/shapers.h"

static void lower(double *limit, double to)
{
	if (*limit <= 0 || to < *limit) /* 0: none so far */
		*limit = to;
}

/* No motor is asked for more steps than its pulses have room for. A motor of one axis limits that
 * axis; one of several (CoreXY) limits the path, as if it went where the motor turns fastest. */
static void limit_step_rates(struct machine *m, struct planner_limits *l)
{
	m->velocity_mm_s_cap = INFINITY;
	for (size_t i = 0; i < m->motors; i++) {
		const struct machine_motor *motor = &m->motor[i];
		double rate_hz = MACHINE_STEP_RATE_SHARE / (2 * motor->cfg->step_pulse_s), norm = 0;

		/* Also a second carriage's, which rests at first. */
		for (size_t r = 0; r < m->mc->rail_count; r++)
			norm = hypot(norm, motor->cfg->carriage[r] / motor->cfg->step_distance_mm);
		if (motor->axes & 1u << AXIS_E)
			norm = motor->steps_per_mm[AXIS_E];
		if (!(norm > 0) || motor->cfg->joint.kind != KIN_LINEAR)
			continue; /* of joints that are no sums: machine_move() */
		if (motor->axes & (motor->axes - 1))
			lower(&m->velocity_mm_s_cap, rate_hz / norm);
		else
			lower(&l->axis_velocity_mm_s_max[__builtin_ctz(motor->axes)],
			      rate_hz / norm);
		if (motor->axes & 1u << AXIS_E)
			lower(&l->extrude_velocity_mm_s_max, rate_hz / norm);
	}
	lower(&l->velocity_mm_s_max, m->velocity_mm_s_cap);
}

static void planner_limits_of(const struct machine_config *mc, struct planner_limits *l)
{
	planner_limits_default(l);
	l->velocity_mm_s_max = mc->max_velocity_mm_s;
	l->accel_mm_s2_max = mc->max_accel_mm_s2;
	l->cruise_ratio_min = mc->minimum_cruise_ratio;
	l->corner_mm_s = mc->square_corner_velocity_mm_s;
	l->axis_velocity_mm_s_max[AXIS_Z] = mc->max_z_velocity_mm_s;
	l->axis_accel_mm_s2_max[AXIS_Z] = mc->max_z_accel_mm_s2;
}

static bool make_rings(struct machine *m)
{
	struct {
		struct ring *ring;
		void **mem;
		uint32_t size, capacity;
	} rings[] = {
		{ &m->plan_ring[0], &m->plan_mem[0], sizeof(struct plan_rec), MACHINE_PLAN_RECORDS },
		{ &m->plan_ring[1], &m->plan_mem[1], sizeof(struct plan_rec), MACHINE_PLAN_RECORDS },
		{ &m->control, &m->control_mem, sizeof(struct ctl_rec), MACHINE_CONTROL_RECORDS },
		{ &m->events, &m->event_mem, sizeof(struct ev_rec), MACHINE_EVENT_RECORDS },
	};

	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		size_t bytes = ring_mem_size(rings[i].size, rings[i].capacity);

		*rings[i].mem = aligned_alloc(RING_CACHE_LINE, (bytes + 63) / 64 * 64);
		if (!*rings[i].mem ||
		    !ring_init(rings[i].ring, *rings[i].mem, rings[i].size, rings[i].capacity))
			return false;
	}
	return true;
}

static void give_address(void *ctx, struct session *s)
{
	struct machine *m = ctx;

	m->hooks.address(m->hooks.ctx, s->mcu, s->absent, sizeof(s->absent));
}

/* The link and session of an MCU. Returns false if memory is short. */
static bool make_mcu(struct machine *m, int i)
{
	const struct machine_mcu *cfg = &m->mc->mcu[i];
	struct session *s = &m->session[i];

	/* The rate of a CAN interface is known once the firmware has said it. */
	engine_link_add(m->engine, i, cfg->canbus_uuid ? 0 : (uint32_t)cfg->baud);
	if (!session_init(s, i, cfg->name, &m->control, machine_configure_mcu, m))
		return false;
	s->apart = cfg->role != FAULT_ROLE_MOTION;
	s->again = cfg->role == FAULT_ROLE_OPTIONAL;
	if (cfg->canbus_uuid) {
		s->uuid = cfg->can_uuid;
		s->address = m->hooks.address ? give_address : NULL;
	}
	return true;
}

static bool make_parts(struct machine *m, char *err, size_t err_size)
{
	struct planner_config pc = { .window_s = m->mc->stepd.lookahead_s };
	struct planner_sink sink = machine_sink(m);
	struct engine_config ec = { .horizon_s = m->mc->stepd.horizon_s,
				    .low_water_s = m->mc->stepd.low_water_s,
				    .start_lead_s = m->mc->stepd.low_water_s,
				    .plan = &m->plan_ring[0],
				    .side = &m->plan_ring[1],
				    .control = &m->control,
				    .events = &m->events,
				    .observer = m->hooks.observer,
				    .recorder = m->hooks.recorder };
	char text[PLANNER_ERROR_MAX] = "out of memory";

	m->engine = aligned_alloc(RING_CACHE_LINE, (sizeof(*m->engine) + 63) / 64 * 64);
	if (!m->engine || !make_rings(m)) {
		snprintf(err, err_size, "out of memory");
		return false;
	}
	steplog_observer(&m->angles.steps, &ec.steps);
	engine_init(m->engine, &ec);
	planner_limits_of(m->mc, &pc.limits);
	extruders_limits(m, &pc.limits);
	limit_step_rates(m, &pc.limits);
	m->planner = planner_new(&pc, &sink, text);
	pc.queue = SIDETRACK_QUEUE;
	m->sidetrack.planner = planner_new(&pc, &sink, text);
	stream_init(&m->stream);
	if (!m->planner || !m->sidetrack.planner) {
		snprintf(err, err_size, "planner: %s", text);
		return false;
	}
	for (size_t i = 0; i < m->mcus; i++) {
		if (!make_mcu(m, (int)i)) {
			snprintf(err, err_size, "out of memory");
			return false;
		}
	}
	return true;
}

struct machine *machine_new(const struct machine_config *mc,
			    const struct machine_config_hooks *hooks, char *err, size_t err_size)
{
	struct machine *m = aligned_alloc(RING_CACHE_LINE, (sizeof(*m) + 63) / 64 * 64);

	if (!m) {
		snprintf(err, err_size, "out of memory");
		return NULL;
	}
	memset(m, 0, sizeof(*m));
	m->mc = mc;
	m->hooks = *hooks;
	m->feed = m->live_feed = m->rush = 1;
	m->plan = &m->plan_ring[0];
	bus_init(&m->bus, m);
	if (!machine_setup(m, err, err_size) || !make_parts(m, err, err_size)) {
		machine_free(m);
		return NULL;
	}
	positions_open(m, hooks->positions);
	machine_ops_init(m);
	machine_gcode_init(m);
	heaters_init(m);
	fans_init(m);
	outputs_init(m);
	leds_init(m);
	shapers_init(m);
	extruders_init(m);
	manual_init(m);
	levelling_init(m);
	z_thermal_init(m);
	endstop_phase_init(m);
	angles_init(m);
	m->homing.recount = true;
	probe_init(m);
	react_init(m);
	if (!m->hooks.no_heat && !tmc_attach(m, err, err_size)) {
		machine_free(m);
		return NULL;
	}
	if (m->dual.pairs)
		dual_attach(&m->gcode, m);
	m->print = print_new(m, hooks->threads, err, err_size);
	if (m->print)
		return m;
	machine_free(m);
	return NULL;
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->mcus; i++)
		session_free(&m->session[i]);
	positions_close(m);
	react_free(m);
	print_free(m->print);
	bus_free(&m->bus);
	angles_free(m);
	gcode_mesh_detach(&m->gcode);
	config_save_free(&m->save);
	planner_free(m->planner);
	planner_free(m->sidetrack.planner);
	free(m->engine);
	free(m->plan_mem[0]);
	free(m->plan_mem[1]);
	free(m->control_mem);
	free(m->event_mem);
	free(m);
}
