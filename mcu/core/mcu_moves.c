/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu_moves.h"

#include "mcu.h"

void mcu_moves_init(struct mcu *m, uint16_t count_max)
{
	size_t room = mcu_arena_room(m) / sizeof(struct mcu_move);
	uint16_t count = room < count_max ? (uint16_t)room : count_max;

	/* not cleared: with 12 KiB of slots that would hold an AVR's interrupt off for longer than its clock may be left alone */
	m->moves.slots = mcu_arena_reserve(m, count * sizeof(struct mcu_move));
	m->moves.count = m->moves.slots ? count : 0;
	mcu_moves_clear(m);
}

void mcu_moves_clear(struct mcu *m)
{
	struct mcu_moves *pool = &m->moves;

	pool->free = NULL;
	for (uint16_t i = pool->count; i > 0; i--)
		mcu_moves_put(pool, &pool->slots[i - 1]);
}

struct mcu_move *mcu_moves_take(struct mcu *m)
{
	struct mcu_move *move = m->moves.free;

	if (move)
		m->moves.free = move->next;
	else
		mcu_shutdown(m, MCU_REASON_MOVE_OVERFLOW);
	return move;
}

void mcu_moveq_drop(struct mcu_moves *pool, struct mcu_moveq *q)
{
	struct mcu_move *move;

	while ((move = mcu_moveq_pop(q)))
		mcu_moves_put(pool, move);
}
