// SPDX-License-Identifier: GPL-2.0-or-later
/* fault_keep.c - see fault_keep.h. */
#include "daemon/faults/fault_keep.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/machine/machine.h"

#define KEEP_MAGIC 0x4c64702eu
#define AGAIN_NS ((int64_t)5 * 1000 * 1000 * 1000)

/* ---- records ---- */

static bool is_valid(const uint8_t slot[SLOT_BYTES])
{
	enum fault_class_id class;
	struct fault_record r;

	memcpy(&r, slot, sizeof(r));
	if (r.count > FAULT_LATCHED_MAX)
		return false;
	for (uint32_t i = 0; i < r.count; i++)
		if (!memchr(r.fault[i].class, 0, FAULT_CLASS_NAME_MAX) ||
		    !memchr(r.fault[i].component, 0, FAULT_NAME_MAX) ||
		    !fault_class_find(r.fault[i].class, &class))
			return false;
	return true;
}

static const struct slot_kind kind = { KEEP_MAGIC, FAULT_KEEP_VERSION, is_valid };

void fault_keep_seal(const struct fault_record *r, uint8_t slot[SLOT_BYTES])
{
	slot_seal(&kind, r, sizeof(*r), slot);
}

int fault_keep_newest(const uint8_t *slots, struct fault_record *r, bool *damaged)
{
	int newest = slot_newest(&kind, slots, damaged);

	if (newest >= 0)
		memcpy(r, slots + (size_t)newest * SLOT_BYTES, sizeof(*r));
	else
		memset(r, 0, sizeof(*r));
	return newest;
}

static bool is_kept(const struct fault_latched *l)
{
	const struct fault_class *c = &fault_classes[l->class];

	return c->scope == FAULT_SCOPE_HEATER && c->flags & FAULT_STAYS &&
	       l->reaction >= FAULT_DISABLE;
}

/* Of the record, the one of that latch. NULL: none. */
static const struct fault_kept *kept_of(const struct fault_record *r, const struct fault_latched *l)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (strcmp(r->fault[i].class, fault_classes[l->class].name) == 0 &&
		    strcmp(r->fault[i].component, l->component) == 0)
			return &r->fault[i];
	return NULL;
}

bool fault_keep_take(struct fault_record *r, const struct faults *f, int64_t wall_s)
{
	struct fault_record next = { .head.sequence = r->head.sequence + 1 };
	uint32_t had = 0;

	for (size_t i = 0; i < f->latched_count; i++) {
		const struct fault_latched *l = &f->latched[i];
		const struct fault_kept *was = kept_of(r, l);
		struct fault_kept *k = &next.fault[next.count];

		if (!is_kept(l))
			continue;
		next.count++;
		had += was != NULL;
		snprintf(k->class, sizeof(k->class), "%s", fault_classes[l->class].name);
		snprintf(k->component, sizeof(k->component), "%s", l->component);
		k->wall_s = was ? was->wall_s : wall_s;
	}
	if (had == r->count && next.count == r->count)
		return false;
	*r = next;
	return true;
}

/* ---- at the start ---- */

void fault_keep_open(struct machine *m, const char *path)
{
	struct fault_keep *k = &m->react.keep;
	uint8_t slots[SLOT_FILE_BYTES];
	int slot;

	if (!path)
		return;
	k->path = path;
	k->file = slot_file_open(path, m->hooks.threads, slots, &k->open_error);
	if (!k->file)
		return;
	k->disk = slot_file_disk(k->file);
	slot = fault_keep_newest(slots, &k->found, &k->damaged);
	k->slot = (uint32_t)(slot + 1) % SLOTS;
	k->renew = k->damaged ? SLOTS : 0;
	k->now = k->found;
	k->sent = k->safe = k->now.head.sequence;
}

static const char *when_text(const struct fault_kept *f, char text[40])
{
	time_t at = (time_t)f->wall_s;
	struct tm tm;

	if (!localtime_r(&at, &tm) || strftime(text, 40, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(text, 40, "?");
	return text;
}

static void restore(struct machine *m)
{
	struct fault_keep *k = &m->react.keep;
	double now_s = (double)m->now_ns * 1e-9, age_s;
	char detail[80], when[40];
	enum fault_class_id class;

	for (uint32_t i = 0; i < k->found.count; i++) {
		const struct fault_kept *f = &k->found.fault[i];

		if (heaters_find(m, f->component, strlen(f->component)) < 0 ||
		    !fault_class_find(f->class, &class))
			continue;
		age_s = fmax(difftime(time(NULL), (time_t)f->wall_s), 0);
		snprintf(detail, sizeof(detail), "of %s, before this start", when_text(f, when));
		fault_restore(&m->react.faults, class, f->component, detail, now_s - age_s);
	}
}

/* Once somebody can hear it. */
static void tell(struct machine *m)
{
	const struct fault_keep *k = &m->react.keep;
	char when[40];

	if (k->open_error)
		machine_say(m, REPLY_ERROR,
			    "%s: %s: faults of heaters are not kept: a RESTART would drop them",
			    k->path, strerror(k->open_error));
	if (k->damaged)
		machine_say(m, REPLY_ERROR,
			    "%s: damaged: %s; if a heater was off for a fault, look at it "
			    "before you heat it",
			    k->path,
			    k->found.head.sequence ? "of the faults of heaters an older state counts"
						   : "nothing in it is believed");
	for (uint32_t i = 0; i < k->found.count; i++) {
		const struct fault_kept *f = &k->found.fault[i];
		bool there = heaters_find(m, f->component, strlen(f->component)) >= 0;

		machine_say(
			m, REPLY_INFO,
			there ? "%s: its fault %s of %s, before this start, is still latched: it is off "
				"until CLEAR_FAULT"
			      : "%s: its fault %s of %s is dropped: there is no such heater any more",
			f->component, f->class, when_text(f, when));
	}
}

/* ---- from then on ---- */

/* Whether a write has ended, or none was under way. A slot that did not get there is written again: the other one is
 * whole. */
static bool written(struct fault_keep *k, int *error)
{
	*error = k->disk.error(k->disk.ctx);
	if (*error == SLOT_BUSY)
		return false;
	if (k->writing && *error == 0) {
		k->slot = (k->slot + 1) % SLOTS;
		k->safe = k->sent;
	}
	if (!k->writing)
		*error = 0;
	k->writing = false;
	return true;
}

static void write_record(struct machine *m)
{
	struct fault_keep *k = &m->react.keep;
	uint8_t slot[SLOT_BYTES];

	fault_keep_seal(&k->now, slot);
	k->sent = k->now.head.sequence;
	k->writing = k->disk.write(k->disk.ctx, (uint64_t)k->slot * SLOT_BYTES, slot, sizeof(slot));
	k->again_ns = k->writing ? 0 : m->now_ns + AGAIN_NS;
}

void fault_keep_poll(struct machine *m)
{
	struct fault_keep *k = &m->react.keep;
	int error;

	if (!k->restored)
		restore(m);
	k->restored = true;
	if (!k->told && m->state != MACHINE_CONNECTING) {
		tell(m);
		k->told = true;
	}
	if (!k->file)
		return;
	fault_keep_take(&k->now, &m->react.faults, (int64_t)time(NULL));
	if (!written(k, &error))
		return;
	if (error) {
		k->again_ns = m->now_ns + AGAIN_NS;
		if (error != k->told_error)
			machine_say(m, REPLY_ERROR, "%s: %s: faults of heaters are not kept",
				    k->path, strerror(error));
		k->told_error = error;
	}
	if (k->safe == k->now.head.sequence && k->renew > 0) {
		k->renew--;
		k->now.head.sequence++;
	}
	if (k->safe != k->now.head.sequence && m->now_ns >= k->again_ns)
		write_record(m);
}

void fault_keep_close(struct machine *m)
{
	struct fault_keep *k = &m->react.keep;
	uint8_t slot[SLOT_BYTES];
	uint32_t at;
	int error;

	if (!k->file)
		return;
	if (k->restored)
		fault_keep_take(&k->now, &m->react.faults, (int64_t)time(NULL));
	written(k, &error);
	/* beside one that is under way, if that is an older one */
	at = (k->slot + (k->writing && k->sent != k->now.head.sequence)) % SLOTS;
	if (k->safe != k->now.head.sequence) {
		fault_keep_seal(&k->now, slot);
		slot_file_last(k->file, (uint64_t)at * SLOT_BYTES, slot);
	}
	slot_file_close(k->file);
	k->file = NULL;
}
