// SPDX-License-Identifier: GPL-2.0-or-later
/* positions.c - see positions.h. */
#include "daemon/positions.h"

#include <fcntl.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "daemon/machine/machine.h"

enum { MAGIC = 0x70647374 };

/* What is homed counts once the rt core's state that goes with it has surely been read. */
#define SETTLE_NS ((int64_t)150 * 1000 * 1000)
/* A clock may be so far from where it is expected, and that much of the time passed. */
#define CLOCK_S_MAX 1.0
#define CLOCK_PPM_MAX 300.0

static uint32_t check_of(const struct positions_record *r)
{
	return (uint32_t)crc32(0, (const Bytef *)&r->homed,
			       sizeof(*r) - offsetof(struct positions_record, homed));
}

/* What makes steps of axes: another configuration's counters mean something else. */
static uint32_t geometry_of(const struct machine *m)
{
	uLong crc = crc32(0, NULL, 0);

	for (size_t i = 0; i < m->motors; i++) {
		const struct machine_stepper *c = m->motor[i].cfg;
		double step_mm = c->dir_pin.invert ? -c->step_distance_mm : c->step_distance_mm;

		if (m->motor[i].manual || m->motor[i].axes & 1u << AXIS_E)
			continue;
		crc = crc32(crc, (const Bytef *)&step_mm, sizeof(step_mm));
		crc = crc32(crc, (const Bytef *)&c->joint, sizeof(c->joint));
		crc = crc32(crc, (const Bytef *)c->carriage, sizeof(c->carriage));
	}
	for (size_t i = 0; i < m->mc->rail_count; i++)
		crc = crc32(crc, (const Bytef *)&m->mc->rails[i].position_endstop_mm,
			    sizeof(double));
	return (uint32_t)crc;
}

void positions_open(struct machine *m, const char *path)
{
	struct positions *p = &m->positions;
	void *at = MAP_FAILED;
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;

	if (fd >= 0 && ftruncate(fd, sizeof(*p->file)) == 0)
		at = mmap(NULL, sizeof(*p->file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (at == MAP_FAILED)
		return;
	p->file = at;
	p->was = *p->file;
	if (p->was.magic != MAGIC || p->was.check != check_of(&p->was) ||
	    p->was.motors != m->motors || p->was.mcus != m->mcus ||
	    p->was.geometry != geometry_of(m))
		p->was.homed = 0;
}

void positions_close(struct machine *m)
{
	if (m->positions.file)
		munmap(m->positions.file, sizeof(*m->positions.file));
	m->positions.file = NULL;
}

bool positions_hope(const struct machine *m)
{
	return m->positions.was.homed != 0;
}

/* ---- at the start ---- */

static bool has_motor(const struct machine *m, size_t mcu)
{
	for (size_t i = 0; i < m->motors; i++)
		if (m->motor[i].mcu == mcu)
			return true;
	return false;
}

/* It has run on since, with what it was told then. */
static bool same_run(const struct machine *m, size_t mcu)
{
	const struct positions_record *w = &m->positions.was;
	const struct session *s = &m->session[mcu];
	const struct engine_mcu_status *st = &m->status.mcu[mcu];
	double passed_s = (double)(m->status.now_ns - w->now_ns) * 1e-9, went_s;

	if (!s->was_configured || s->resets > 0 || s->config_crc != w->crc[mcu] ||
	    !(w->freq_hz[mcu] > 0) || !(st->flags & ENGINE_MCU_CLOCK) || passed_s < 0)
		return false;
	went_s = (st->clock_ticks - w->clock_ticks[mcu]) / w->freq_hz[mcu];
	return fabs(went_s - passed_s) < CLOCK_S_MAX + passed_s * CLOCK_PPM_MAX * 1e-6;
}

/* They were kept on for nothing. */
static void let_go(struct machine *m)
{
	for (size_t i = 0; i < m->motors; i++)
		if (m->motor[i].enable_output >= 0)
			outputs_now(m, m->motor[i].enable_output, 0);
	dual_begin(m);
	m->positions.renamed = m->dual.pairs > 0;
	m->positions.was.homed = 0;
}

static bool ask(struct machine *m)
{
	struct positions *p = &m->positions;
	uint32_t homed = p->was.homed;

	for (size_t i = 0; i < m->mcus; i++) {
		if (!has_motor(m, i))
			continue;
		if (!same_run(m, i))
			return false;
		if (m->session[i].was_shut_down)
			homed &= ~readback_released(m, i);
	}
	if (homed == 0 || !dual_restore(m, p->was.carriage))
		return false;
	readback_start(m, homed);
	p->renamed = m->dual.pairs > 0;
	memcpy(m->readback.zero_steps, p->was.zero_steps, sizeof(p->was.zero_steps));
	return true;
}

bool positions_settled(struct machine *m)
{
	struct positions *p = &m->positions;
	char missing[80];

	if (!positions_hope(m))
		return true;
	for (size_t i = 0; i < m->mcus; i++) /* the rt core's state may not say so yet */
		if (has_motor(m, i) && !(m->status.mcu[i].flags & ENGINE_MCU_READY))
			return false;
	if (!p->asked && !ask(m)) {
		let_go(m);
		return true;
	}
	p->asked = true;
	if (readback_done(m, missing, sizeof(missing))) {
		readback_resume(m);
		p->was.homed = 0;
		return true;
	}
	if (m->now_ns <= m->readback.give_up_ns)
		return false;
	m->readback.on = false;
	let_go(m);
	return true;
}

/* ---- from then on ---- */

void positions_void(struct machine *m)
{
	struct positions_record *f = m->positions.file;

	if (!f)
		return;
	f->magic = 0;
	f->homed = 0;
	m->positions.since_ns = m->now_ns;
}

void positions_renamed(struct machine *m)
{
	positions_void(m);
	m->positions.renamed = true;
}

/* Axes that are known, and that no steps may be missing of: those are to be homed after a restart as they are before. */
static uint32_t sure(const struct machine *m)
{
	return m->homed & ~m->uncertain;
}

/* What a counter means may only be told by what the rt core says. */
static bool agrees(const struct machine *m)
{
	const struct positions_record *f = m->positions.file;

	if (f->magic != MAGIC || f->homed != sure(m))
		return false;
	for (size_t i = 0; i < m->motors; i++)
		if (fabs(f->zero_steps[i] - (m->status.stepper_at_steps[i] -
					     (double)m->status.stepper_count[i])) > 1e-6 &&
		    !(m->motor[i].axes & 1u << AXIS_E) && !m->motor[i].manual)
			return false;
	return true;
}

static void write_record(struct machine *m)
{
	struct positions_record r = { .magic = MAGIC,
				      .homed = sure(m),
				      .motors = (uint32_t)m->motors,
				      .mcus = (uint32_t)m->mcus,
				      .now_ns = m->status.now_ns,
				      .geometry = geometry_of(m) };

	for (size_t i = 0; i < m->mcus; i++) {
		r.clock_ticks[i] = m->status.mcu[i].clock_ticks;
		r.freq_hz[i] = m->status.mcu[i].clock_freq_hz;
		r.crc[i] = m->session[i].config_crc;
	}
	for (size_t i = 0; i < m->motors; i++)
		r.zero_steps[i] = m->status.stepper_at_steps[i] - (double)m->status.stepper_count[i];
	dual_keep(&m->dual, r.carriage);
	r.check = check_of(&r);
	*m->positions.file = r;
}

/* The rt core has taken the names that went to it, and nothing has dropped them. */
static bool names_taken(const struct machine *m)
{
	return m->state == MACHINE_READY && m->status.fault == FAULT_NONE && !m->resume_owed &&
	       planner_asides(m->planner) == 0 && m->status.names == m->names_pushed;
}

void positions_poll(struct machine *m)
{
	struct positions *p = &m->positions;
	bool known = m->state == MACHINE_READY && sure(m) && m->homing.state == HOMING_IDLE &&
		     !m->resume_owed;

	if (p->renamed && names_taken(m)) {
		p->renamed = false;
		p->since_ns = m->now_ns;
	}
	if (!p->file || positions_hope(m))
		return;
	if (!known || sure(m) != p->homed) {
		p->homed = known ? sure(m) : 0;
		if (p->file->magic)
			positions_void(m);
		p->since_ns = m->now_ns;
		return;
	}
	if (!p->renamed && m->now_ns - p->since_ns > SETTLE_NS && m->status.now_ns > p->since_ns &&
	    !agrees(m))
		write_record(m);
}
