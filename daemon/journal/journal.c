// SPDX-License-Identifier: GPL-2.0-or-later
/* journal.c - see journal.h. */
#include "daemon/journal/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/machine/machine.h"
#include "daemon/print/print.h"

/* ---- where the job is ---- */

static void mark_here(const struct print *p, uint64_t offset, uint32_t line, struct journal_mark *k)
{
	const struct gcode *g = p->g;

	*k = (struct journal_mark){ .offset = offset,
				    .line = line,
				    .flags = (g->relative ? JOURNAL_RELATIVE : 0u) |
					     (g->relative_e ? JOURNAL_RELATIVE_E : 0u) |
					     (g->unit_mm > 1 ? JOURNAL_INCH : 0u) |
					     (g->retract.retracted ? JOURNAL_RETRACTED : 0u),
				    .feed_mm_s = g->feed_mm_s,
				    .speed_factor = g->speed_factor,
				    .extrude_factor = g->extrude_factor,
				    .fan = p->m->fans.part_value,
				    .retracted_mm = g->retract.retracted_mm,
				    .extruder = p->m->extruder,
				    .plane = (uint32_t)g->arcs.plane };
	for (int i = 0; i < MOVE_AXES; i++) {
		k->position_mm[i] = g->position_mm[i].hi;
		k->base_mm[i] = g->base_mm[i].hi;
		k->offset_mm[i] = g->offset_mm[i];
	}
}

void journal_line_begin(struct print *p, uint64_t offset, uint32_t line)
{
	if (!p->journal.mark)
		return;
	mark_here(p, offset, line, &p->journal.next);
	p->journal.moves = p->g->moves;
	if (p->journal.mark_tail == p->journal.mark_head)
		p->journal.first_id = planner_next_id(p->m->planner);
}

void journal_line_taken(struct print *p)
{
	struct journal *j = &p->journal;

	if (!j->mark || (p->g->moves == j->moves && !gcode_busy(p->g)))
		return;
	j->mark[j->mark_head++ % JOURNAL_MARKS] = j->next;
	if (j->mark_head - j->mark_tail > JOURNAL_MARKS)
		j->mark_tail++;
}

void journal_restart(struct print *p)
{
	p->journal.mark_tail = p->journal.mark_head;
}

void journal_pause(struct print *p)
{
	mark_here(p, 0, 0, &p->journal.paused);
}

/* All that was read has been made. */
static void follow_rest(struct print *p)
{
	struct journal *j = &p->journal;

	if (p->pause.on) /* RESUME goes back to there */
		j->now.at = j->paused;
	else
		mark_here(p, 0, 0, &j->now.at);
	j->now.at.offset = p->sd.position;
	j->mark_tail = j->mark_head;
}

/* The latest line whose motion has begun; all before it has been made. In a pause that is behind what was planned. */
static void follow(struct print *p)
{
	struct journal *j = &p->journal;
	const struct machine *m = p->m;
	uint32_t line = m->status.move_line;

	if (m->sidetrack.state)
		return; /* what moves now is not the file's */
	if ((int32_t)(m->status.move_id - j->first_id) < 0)
		line = 0; /* nor what moved before it: these lines have numbers of their own */
	while (line && j->mark_tail + 1 != j->mark_head && j->mark_tail != j->mark_head &&
	       j->mark[(j->mark_tail + 1) % JOURNAL_MARKS].line <= line)
		j->mark_tail++;
	if (j->mark_tail != j->mark_head)
		j->now.at = j->mark[j->mark_tail % JOURNAL_MARKS];
	if (!m->status.move_line && !m->status.moving && planner_empty(m->planner) &&
	    machine_lead_s(m) <= 0 && !gcode_busy(p->g))
		follow_rest(p);
}

/* ---- the record ---- */

static enum journal_state state_of(const struct print *p)
{
	switch (p->stats.state) {
	case PRINT_PRINTING:
		return JOURNAL_PRINTING;
	case PRINT_PAUSED:
		return JOURNAL_PAUSED;
	case PRINT_ERROR:
		return JOURNAL_FAILED;
	default:
		return JOURNAL_NONE;
	}
}

static void take_heat(struct journal_record *r, const struct machine *m)
{
	r->heaters = (uint32_t)m->mc->heater_count;
	for (uint32_t i = 0; i < r->heaters; i++) {
		struct journal_heater *h = &r->heater[i];

		snprintf(h->name, sizeof(h->name), "%s", m->mc->heaters[i].name);
		h->target_degc = m->heaters.status.heater[i].target_degc;
		h->degc = m->heaters.status.sensor[m->mc->heaters[i].sensor].degc;
	}
}

static void take_state(struct print *p, enum journal_state state)
{
	struct journal_record *r = &p->journal.now;
	const struct machine *m = p->m;
	const struct faults *f = &m->react.faults;

	r->state = state;
	r->wall_s = (int64_t)time(NULL);
	r->mono_ns = m->status.now_ns;
	r->faults = (uint32_t)f->latched_count;
	r->fault[0] = '\0';
	if (f->latched_count) {
		const struct fault_latched *l = &f->latched[f->latched_count - 1];

		snprintf(r->fault, sizeof(r->fault), "%s: %s", l->component,
			 fault_classes[l->class].what);
	}
	if (state == JOURNAL_NONE || state == JOURNAL_FAILED)
		return; /* what was known before is what counts */
	r->homed = m->homed;
	r->size = p->sd.size;
	memcpy(r->machine_mm, m->status.position_mm, sizeof(r->machine_mm));
	snprintf(r->file, sizeof(r->file), "%s", p->sd.name);
	if (!p->pause.on && !p->m->sidetrack.state)
		take_heat(r, m); /* in a pause they may be off: the print needs them all the same */
}

static void write_record(struct print *p)
{
	struct journal *j = &p->journal;
	uint8_t slot[SLOT_BYTES];

	j->now.head.sequence++;
	journal_seal(&j->now, slot);
	if (!j->disk.write(j->disk.ctx, (uint64_t)j->slot * SLOT_BYTES, slot, sizeof(slot)))
		return;
	j->writing = true;
	j->begun_ns = p->now_ns;
	j->written_state = j->now.state;
	j->due_ns = p->now_ns + JOURNAL_PERIOD_NS;
}

/* Whether the disk is free. A slot that did not get there is written again: the other one is whole. */
static bool written(struct print *p)
{
	struct journal *j = &p->journal;
	int error = j->disk.error(j->disk.ctx);

	if (error == SLOT_BUSY) {
		if (p->now_ns - j->begun_ns > JOURNAL_STALL_NS && j->told_error != ETIMEDOUT) {
			gcode_reply(
				p->g, REPLY_ERROR,
				"job journal: its disk has taken nothing for %d s: after a power loss "
				"this print goes on from there",
				(int)(JOURNAL_STALL_NS / 1000000000));
			j->told_error = ETIMEDOUT;
		}
		return false;
	}
	if (!j->writing)
		return true;
	j->writing = false;
	if (error == 0)
		j->slot = (j->slot + 1) % SLOTS;
	else if (error != j->told_error)
		gcode_reply(p->g, REPLY_ERROR,
			    "job journal: %s: after a power loss this print can't be gone on with",
			    strerror(error));
	j->told_error = error;
	return true;
}

/* Where the head goes while a print is on offer: its place is as true after another power loss. */
static void follow_head(struct print *p)
{
	struct journal *j = &p->journal;
	const struct machine *m = p->m;
	uint64_t sequence = j->now.head.sequence;
	uint32_t was = j->written_state;

	j->moved |= m->status.moving;
	if (!j->moved || p->now_ns < j->due_ns || m->state != MACHINE_READY)
		return;
	j->moved = m->status.moving; /* and once when it has come to rest */
	for (int i = 0; i < MACHINE_AXES; i++)
		if (m->homed & ~m->uncertain & 1u << i)
			j->found.machine_mm[i] = m->status.position_mm[i];
	j->now = j->found; /* all else is as it was */
	j->now.head.sequence = sequence;
	write_record(p);
	j->written_state = was;
}

static void offer(struct print *p)
{
	const struct journal_record *r = &p->journal.found;

	p->journal.offered = true;
	if (r->state == JOURNAL_NONE)
		return;
	gcode_reply(p->g, REPLY_INFO,
		    "%.150s has not been printed to its end: byte %llu of %llu%s%s; RECOVER_JOB says "
		    "what to do",
		    r->file, (unsigned long long)r->at.offset, (unsigned long long)r->size,
		    r->fault[0] ? ", " : "", r->fault);
}

void journal_poll(struct print *p)
{
	struct journal *j = &p->journal;
	enum journal_state state = state_of(p);

	if (!j->mark)
		return;
	if (p->m->state == MACHINE_READY && !j->offered)
		offer(p);
	if (!written(p))
		return;
	if (state == JOURNAL_PRINTING || state == JOURNAL_PAUSED)
		follow(p);
	else if (j->found.state != JOURNAL_NONE)
		follow_head(p);
	if (state == JOURNAL_NONE && j->written_state == JOURNAL_NONE)
		return;
	if (state == j->written_state && (state == JOURNAL_FAILED || p->now_ns < j->due_ns))
		return;
	if (state == JOURNAL_NONE && j->written_state == JOURNAL_FAILED)
		return; /* the file was put away; until another print begins it is worth an offer */
	take_state(p, state);
	j->found = j->now; /* another print than the one that was found */
	if (state != JOURNAL_FAILED)
		j->found.state = JOURNAL_NONE;
	write_record(p);
}

/* ---- life ---- */

void journal_use(struct print *p, struct slot_disk disk)
{
	struct journal *j = &p->journal;

	journal_free(p);
	memset(j, 0, sizeof(*j));
	j->disk = disk;
	j->mark = calloc(JOURNAL_MARKS, sizeof(*j->mark));
}

void journal_init(struct print *p)
{
	const char *path = p->cfg->journal_path;
	struct journal_record found = { 0 };
	struct slot_file *f;
	char *full = NULL;
	int slot;

	if (path && strcmp(path, "none") == 0)
		return;
	if (path)
		full = print_path(path);
	else if (p->sd.folder && p->threads &&
		 asprintf(&full, "%s/.stepd-journal", p->sd.folder) < 0)
		full = NULL;
	if (!full)
		return;
	f = journal_file_open(full, p->threads, &found, &slot);
	if (!f)
		gcode_reply(p->g, REPLY_ERROR, "job journal %.200s: %s: none is kept", full,
			    strerror(-slot));
	free(full);
	if (!f)
		return;
	journal_use(p, slot_file_disk(f));
	p->journal.file = f;
	if (slot < 0)
		return;
	p->journal.found = p->journal.now = found;
	p->journal.slot = (uint32_t)(slot + 1) % SLOTS;
}

void journal_free(struct print *p)
{
	slot_file_close(p->journal.file);
	free(p->journal.mark);
	p->journal.file = NULL;
	p->journal.mark = NULL;
}
