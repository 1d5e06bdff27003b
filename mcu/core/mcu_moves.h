/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_moves.h - the pool of move slots that steppers and queued outputs share, and queues of them.
 *
 * A slot is taken when a command queues something and goes back when the entry becomes current.
 * Owner:   struct mcu; the memory comes from its arena at finalize_config.
 * Threads: the firmware's.
 */
#ifndef MCU_MOVES_H
#define MCU_MOVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mcu;

struct mcu_move {
	struct mcu_move *next;
	union {
		uint32_t interval; /* step */
		uint32_t clock;    /* outputs */
	};
	union {
		struct {
			int32_t add; /* in 2^-(2 shift) ticks; the interval in 2^-shift */
			uint16_t count;
			uint8_t shift;
			bool dir;
		} step;
		uint32_t value; /* outputs: on_ticks or duty */
	};
};

/* First in, first out. Empty when zeroed. */
struct mcu_moveq {
	struct mcu_move *head, *tail;
};

struct mcu_moves {
	struct mcu_move *free;
	struct mcu_move *slots;
	uint16_t count;
};

/* Build the pool: at most count_max slots, fewer if the arena has no room for them. */
void mcu_moves_init(struct mcu *m, uint16_t count_max);

/* All slots are free again; every queue must be dropped along with it. */
void mcu_moves_clear(struct mcu *m);

/* Take a slot. Returns: NULL after a shutdown, "Move queue overflow". */
struct mcu_move *mcu_moves_take(struct mcu *m);

static inline void mcu_moves_put(struct mcu_moves *pool, struct mcu_move *move)
{
	move->next = pool->free;
	pool->free = move;
}

static inline void mcu_moveq_push(struct mcu_moveq *q, struct mcu_move *move)
{
	move->next = NULL;
	if (q->head)
		q->tail->next = move;
	else
		q->head = move;
	q->tail = move;
}

/* Returns: NULL if empty. */
static inline struct mcu_move *mcu_moveq_pop(struct mcu_moveq *q)
{
	struct mcu_move *move = q->head;

	if (move)
		q->head = move->next;
	return move;
}

/* Give back everything that is queued. */
void mcu_moveq_drop(struct mcu_moves *pool, struct mcu_moveq *q);
#endif
