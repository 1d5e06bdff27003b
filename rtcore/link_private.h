/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_private.h - what link.c (queue and sending) and link_ack.c (answers) share. */
#ifndef RTCORE_LINK_PRIVATE_H
#define RTCORE_LINK_PRIVATE_H

#include "link.h"

static inline struct link_slot *link_slot(struct link *link, uint64_t number)
{
	return &link->slots[number & (LINK_SLOTS - 1)];
}

static inline uint8_t link_seq(const struct link *link, uint64_t number)
{
	return (uint8_t)((number + link->seq_shift) & WIRE_SEQ_MASK);
}

/* Bytes are damaged, not only late. */
static inline bool link_damaging(const struct link *link)
{
	return link->loss >= LINK_LOSSY;
}

static inline int64_t link_max_ns(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static inline int64_t link_min_ns(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Within this an answer has most probably come, if there is one. */
static inline int64_t link_answer_ns(const struct link *link)
{
	if (!link->has_rtt)
		return LINK_RTO_FIRST_NS;
	return link_max_ns(link->srtt_ns + link_max_ns(4 * link->rttvar_ns, 1000000),
			   link->rtt_max_ns + 1000000);
}

/* From when on all that was sent has most probably been answered. */
static inline int64_t link_quiet_at_ns(const struct link *link)
{
	return link_max_ns(link->heard_ns, link->wire_free_ns) + link_answer_ns(link);
}

/* The time-out without back-off. */
static inline int64_t link_rto_base_ns(const struct link *link)
{
	return link_min_ns(link_max_ns(link_answer_ns(link), LINK_RTO_MIN_NS), LINK_RTO_MAX_NS);
}

/* While recovering: when there is nothing left to wait for. */
static inline int64_t link_settled_at_ns(const struct link *link)
{
	int64_t at_ns = link->wire_free_ns + link->rtt_min_ns;

	if (link->answered != link->sendings)
		return link_quiet_at_ns(link);
	if (!link->guessed)
		return at_ns;
	/* on a busy line answers are not further apart */
	return link_max_ns(at_ns,
			   link->heard_ns + link_wire_ns(link, WIRE_FRAME_MAX) + link->rtt_min_ns);
}

/* Repeat the frames in flight from the oldest to before end. alone: nothing new until that is clear. */
void link_start_resend(struct link *link, uint64_t end, bool alone);

/* After a repeat: go on, or repeat again, once the answers are in. */
void link_recover(struct link *link, int64_t now_ns);

#endif
