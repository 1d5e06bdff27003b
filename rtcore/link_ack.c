/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_ack.c - what the firmware's answers tell: round trips, losses, what is to be repeated. */
#include "link_private.h"

static void rtt_sample(struct link *link, int64_t rtt_ns)
{
	rtt_ns = link_max_ns(rtt_ns, 0);
	if (!link->has_rtt) {
		/* RFC 6298 with a cautious start: ten times the first sample, within reason */
		link->rtt_ns = link->rtt_min_ns = rtt_ns;
		link->srtt_ns = link_max_ns(link_min_ns(10 * rtt_ns, LINK_RTO_FIRST_NS), rtt_ns);
		link->rttvar_ns = rtt_ns / 2;
		link->has_rtt = true;
		return;
	}
	link->rtt_ns = (7 * link->rtt_ns + rtt_ns) / 8;
	link->rtt_max_ns = link_max_ns(rtt_ns, link->rtt_max_ns - link->rtt_max_ns / 512);
	link->rtt_min_ns = link_min_ns(rtt_ns, link->rtt_min_ns + (rtt_ns - link->rtt_min_ns) / 256);
	int64_t off = link->srtt_ns - rtt_ns;
	link->rttvar_ns = (3 * link->rttvar_ns + (off < 0 ? -off : off)) / 4;
	link->srtt_ns = (7 * link->srtt_ns + rtt_ns) / 8;
}

static void note_loss(struct link *link)
{
	bool was = link_damaging(link);

	link->loss = (uint16_t)(link->loss + (65536 - link->loss) / 16);
	if (!was && link_damaging(link)) /* what seemed late may have been lost */
		link->rtt_max_ns = link->rtt_ns;
}

static void note_arrival(struct link *link, unsigned int bytes)
{
	link->loss = (uint16_t)(link->loss - (link->loss * bytes + 16383) / 16384);
}

/* Repeat the frames in flight from the oldest to before end. */
void link_start_resend(struct link *link, uint64_t end, bool alone)
{
	link->resending = true;
	link->recovering |= alone;
	/* for a firmware that lost its place; but it would also complete a frame that lost a byte,
	 * and leave it to the CRC alone */
	link->syncs = link_damaging(link) ? 0 : 1;
	link->nak_doubt = false;
	link->flush = true;
	link->sampling = false;
	link->resend = link->acked;
	link->resend_end = end;
	link->stats.retransmits++;
}

/* What the acknowledgement of a frame tells about the line. */
static void judge_ack(struct link *link, const struct link_slot *slot, bool empty, int64_t rx_ns)
{
	/* The answers come in the order of the sendings: so the count is sure now. */
	if (slot->resends == 0) {
		link->answered = slot->order + (empty ? 1 : 0);
		link->guessed = false;
	}
	/* Perhaps the first sending was only late; then the next time-out must not come so soon. */
	else if (link->timeouts_row != 0 && !link_damaging(link))
		link->rtt_max_ns = link_max_ns(
			link->rtt_max_ns, link_min_ns(rx_ns - slot->first_ns, LINK_LATE_MAX_NS));
}

static void ack_frames(struct link *link, unsigned int count, bool empty, int64_t rx_ns)
{
	uint64_t end = link->acked + count;

	if (link->seq_known)
		link->stay_ns = link_max_ns(link->stay_ns,
					    rx_ns - link_slot(link, link->acked)->first_ns);
	/* its first sending was refused for its number, so this answers the second */
	if (!link->seq_known) {
		rtt_sample(link, rx_ns - link_slot(link, link->acked)->sent_ns);
		link->timeouts_row = 0;
	} else if (link->sampling && link->sample < end) {
		/* an older one's acknowledgement was lost: how long that took is not known */
		if (link->sample + 1 == end &&
		    (link->probes_row == 0 || rx_ns < link->probe_ns + link->rtt_min_ns / 2))
			rtt_sample(link, rx_ns - link_slot(link, link->sample)->sent_ns);
		link->sampling = false;
	}
	for (; link->acked < end; link->acked++) {
		unsigned int len = link_slot(link, link->acked)->len;

		link->unacked_bytes -= len;
		note_arrival(link, len);
	}
	if (link_damaging(link)) { /* waiting costs more there, and samples are rare */
		link->rtt_max_ns -= link->rtt_max_ns / 64;
		link->srtt_ns -= (link->srtt_ns - link->rtt_min_ns) / 64;
		link->rttvar_ns -= link->rttvar_ns / 64;
	}
	link->seq_known = true;
	link->lost = false;
	link->nak_doubt = false;
	link->progress_ns = rx_ns;
	if (link->resending && link->resend < link->acked)
		link->resend = link->acked;
	judge_ack(link, link_slot(link, end - 1), empty, rx_ns);
	link->timeouts_row = 0;
	/* progress ends the back-off: otherwise a lossy line would crawl, since a frame that was
	 * repeated gives no sample */
	link->rto_ns = link_rto_base_ns(link);
	if (link->acked < link->sent) {
		int64_t left_ns = link_slot(link, link->acked)->sent_ns;

		link->rto_at_ns = link_max_ns(rx_ns, left_ns) + link->rto_ns;
	}
}

static void resend_refused(struct link *link, uint64_t end)
{
	link->stats.naks++;
	if (!link->guessed)
		note_loss(link);
	link_start_resend(link, end, true);
}

/* The firmware repeats that it waits for frame link->acked. Each frame behind a bad one is answered
 * so, too, and each that is repeated though it had arrived: only the answer to the frame itself, or
 * to what was sent after it, is news.
 */
static void nak(struct link *link, int64_t rx_ns)
{
	const struct link_slot *slot = link_slot(link, link->acked);
	int64_t from_ns = slot->sent_ns - link_wire_ns(link, slot->len) + link->rtt_min_ns / 2;

	if (link->acked == link->sent || link->recovering)
		return;
	if ((int32_t)(link->answered - slot->order) > 0 && rx_ns >= from_ns)
		resend_refused(link, link->sent);
	else
		link->nak_doubt = true;
}

/* A frame number that fits nothing in flight, before the firmware has acknowledged anything: that
 * is its own count, from an earlier session or from its reset.
 */
static void adopt_seq(struct link *link, uint8_t seq)
{
	link->seq_shift = (uint8_t)((seq - link->acked) & WIRE_SEQ_MASK);
	if (link->acked == link->sent)
		return;
	struct link_slot *slot = link_slot(link, link->acked);
	wire_frame_finish(slot->frame, seq, slot->len - (size_t)WIRE_FRAME_MIN);
	link_start_resend(link, link->sent, true);
}

static void receive_seq(struct link *link, const struct wire_frame *frame, int64_t rx_ns)
{
	unsigned int ahead = (frame->seq - link_seq(link, link->acked)) & WIRE_SEQ_MASK;

	if (ahead > link->sent - link->acked) {
		if (link->seq_known)
			link->stats.bad_acks++;
		else
			adopt_seq(link, frame->seq);
		return;
	}
	link->heard_ns = rx_ns;
	link->heard = true;
	if (frame->payload_len == 0 && link->answered != link->sendings)
		link->answered++;
	if (ahead != 0)
		ack_frames(link, ahead, frame->payload_len == 0, rx_ns);
	if (frame->payload_len != 0)
		return;
	/* The first empty frame with a number is the ack that follows the responses; the same
	 * again is a NAK.
	 */
	if (link->acked > link->last_empty)
		link->last_empty = link->acked;
	else
		nak(link, rx_ns);
}

static void receive_bytes(struct link *link, const uint8_t *bytes, size_t len, int64_t rx_ns,
			  link_handler handler, void *ctx)
{
	enum wire_rx_result result;
	struct wire_frame frame;

	while ((result = wire_rx_next(&link->rx, &bytes, &len, &frame)) != WIRE_RX_MORE) {
		if (result != WIRE_RX_FRAME) {
			if (link->heard_well)
				note_loss(link);
			link->heard_well = false;
			continue;
		}
		link->heard_well = true;
		link->stats.frames_received++;
		receive_seq(link, &frame, rx_ns);
		if (frame.payload_len != 0 && handler)
			handler(ctx, frame.payload, frame.payload_len, rx_ns);
	}
}

/* If the length byte of an acknowledgement was damaged, the next dozen of them would be taken for
 * the rest of it. So on a bad line a pause ends it, unless it is five bytes, which are only late.
 */
static bool half_frame(const struct link *link, int64_t rx_ns)
{
	return link_damaging(link) && link->rx.have > link->rx.done &&
	       link->rx.buf[link->rx.done] > WIRE_FRAME_MIN &&
	       rx_ns - link->bytes_ns >=
		       link_max_ns(link->srtt_ns + 4 * link->rttvar_ns, LINK_PAUSE_NS);
}

void link_receive(struct link *link, const uint8_t *bytes, size_t len, int64_t rx_ns,
		  link_handler handler, void *ctx)
{
	uint8_t fill[LINK_SYNC_MAX] = { 0 };

	if (len != 0 && half_frame(link, rx_ns)) { /* with anything but a 0x7e for its last byte */
		fill[sizeof(fill) - 1] = WIRE_SYNC;
		receive_bytes(link, fill, sizeof(fill), rx_ns, handler, ctx);
	}
	link->bytes_ns = rx_ns;
	link->stats.bytes_received += len;
	receive_bytes(link, bytes, len, rx_ns, handler, ctx);
}

/* After a repeat, nothing is sent until all answers are in or can't be expected any more: then what
 * the firmware waits for is certain. Otherwise the answers to what was repeated in vain would be
 * taken for NAKs, and what they caused for others, without end.
 */
void link_recover(struct link *link, int64_t now_ns)
{
	if (!link->recovering || link->resending)
		return;
	if (link->acked == link->sent && !link->guessed) { /* the count tells old news */
		link->recovering = false;
		return;
	}
	if (!link->heard || now_ns < link_settled_at_ns(link))
		return;
	bool sure = link->answered == link->sendings;

	link->guessed = link->guessed || !sure;
	link->answered = link->sendings;
	link->recovering = false;
	if (link->acked != link->sent) /* if in doubt, ask with the oldest alone */
		resend_refused(link, sure ? link->sent : link->acked + 1);
}
