/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_oid.c - the arena and the objects in it. */
#include <stdalign.h>
#include <string.h>

#include "mcu.h"

static size_t aligned(size_t size)
{
	const size_t step = alignof(max_align_t);

	return (size + step - 1) / step * step;
}

size_t mcu_arena_room(const struct mcu *m)
{
	return m->cfg.arena_size - m->arena_used;
}

void *mcu_arena_reserve(struct mcu *m, size_t size)
{
	uint8_t *p = (uint8_t *)m->cfg.arena + m->arena_used;
	size_t need = aligned(size);

	if (need > mcu_arena_room(m))
		return NULL;
	m->arena_used += need;
	return p;
}

void *mcu_arena_take(struct mcu *m, size_t size)
{
	void *p = mcu_arena_reserve(m, size);

	return p ? memset(p, 0, size) : NULL;
}

void mcu_config_clear(struct mcu *m)
{
	m->oids = NULL;
	m->oid_count = 0;
	m->oids_allocated = false;
	m->is_config = false;
	m->config_crc = 0;
	m->arena_used = 0;
	memset(&m->moves, 0, sizeof(m->moves));
}

void *mcu_oid_new(struct mcu *m, uint8_t oid, enum mcu_oid_type type, size_t size)
{
	void *object;

	if (m->is_config) {
		mcu_shutdown(m, MCU_REASON_ALREADY_FINALIZED);
		return NULL;
	}
	if (oid >= m->oid_count || m->oids[oid].type != MCU_OID_NONE) {
		mcu_shutdown(m, MCU_REASON_OID_IN_USE);
		return NULL;
	}
	object = mcu_arena_take(m, size);
	if (!object) {
		mcu_shutdown(m, MCU_REASON_NO_MEMORY);
		return NULL;
	}
	m->oids[oid].type = (uint8_t)type;
	m->oids[oid].object = object;
	return object;
}

void mcu_oid_fail(struct mcu *m, uint8_t oid, enum mcu_reason reason)
{
	m->oids[oid].type = MCU_OID_NONE;
	mcu_shutdown(m, reason);
}

void *mcu_oid_get(struct mcu *m, uint8_t oid, enum mcu_oid_type type)
{
	if (oid >= m->oid_count || m->oids[oid].type != type) {
		mcu_shutdown(m, MCU_REASON_INVALID_OID);
		return NULL;
	}
	return m->oids[oid].object;
}

void mcu_oid_each(struct mcu *m, enum mcu_oid_type type, mcu_object_fn *fn)
{
	for (uint8_t oid = 0; oid < m->oid_count; oid++)
		if (m->oids[oid].type == type)
			fn(m, m->oids[oid].object, oid);
}
