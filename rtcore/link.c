/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link.c - go-back-N over a ring of frame slots. */
#include "link.h"

#include <string.h>

#define NS_PER_S ((int64_t)1000000000)

/* Frames that may be in the ring at once. */
enum { LINK_FRAMES_MAX = LINK_SLOTS - LINK_SLOTS_KEPT };

_Static_assert((LINK_SLOTS & (LINK_SLOTS - 1)) == 0, "slots are found by a mask");
_Static_assert((int)LINK_UNACKED_MAX < (int)WIRE_SEQ_MASK, "an ack names one frame in flight only");

static struct link_slot *slot_of(struct link *link, uint64_t number)
{
	return &link->slots[number & (LINK_SLOTS - 1)];
}

static const struct link_slot *slot_view(const struct link *link, uint64_t number)
{
	return &link->slots[number & (LINK_SLOTS - 1)];
}

static uint8_t seq_of(const struct link *link, uint64_t number)
{
	return (uint8_t)((number + link->seq_shift) & WIRE_SEQ_MASK);
}

static int64_t max_ns(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t min_ns(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Make frame number link->fill the one that is being filled. */
static void open_slot(struct link *link)
{
	struct link_slot *slot = slot_of(link, link->fill);

	slot->len = 0;
	slot->due_ns = INT64_MAX;
	slot->late_ns = INT64_MAX;
	slot->sent_ns = 0;
	slot->resent = false;
}

void link_init(struct link *link, uint32_t baud, uint32_t receive_window)
{
	memset(link, 0, sizeof(*link));
	link->byte_ns = baud != 0 ? (uint32_t)(10 * NS_PER_S / baud) : 0;
	link->receive_window = receive_window;
	link->lead_ns = LINK_LEAD_NS;
	link->late_margin_ns = INT64_MIN;
	wire_rx_init(&link->rx);
	link_restart(link);
}

void link_set_window(struct link *link, uint32_t receive_window)
{
	link->receive_window = receive_window;
}

void link_set_lead(struct link *link, int64_t lead_ns)
{
	link->lead_ns = lead_ns;
}

void link_set_late_margin(struct link *link, int64_t margin_ns)
{
	link->late_margin_ns = margin_ns;
}

bool link_take_late(struct link *link)
{
	bool late = link->late;

	link->late = false;
	return late;
}

void link_restart(struct link *link)
{
	/* frame numbers go on, so that old tickets stay old */
	link->fill += slot_of(link, link->fill)->len != 0;
	link->acked = link->sent = link->fill;
	link->burst_end = link->last_empty = link->fill;
	/* a host begins at 1 */
	link->seq_shift = (uint8_t)((1 - link->fill) & WIRE_SEQ_MASK);
	link->seq_known = false;
	link->resending = link->sampling = link->has_rtt = false;
	link->timeouts_row = link->loss = 0;
	link->lost = link->flush = link->late = false;
	link->unacked_bytes = 0;
	link->rto_ns = LINK_RTO_FIRST_NS;
	link->nak_at_ns = INT64_MAX;
	link->srtt_ns = link->rttvar_ns = link->rtt_ns = 0;
	open_slot(link);
}

/* ---- outgoing commands ---- */

/* A long frame is damaged more often and costs more to repeat. */
static size_t payload_max(const struct link *link)
{
	return link->loss < 64 ? (size_t)WIRE_PAYLOAD_MAX : (size_t)LINK_PAYLOAD_LOSSY;
}

bool link_push(struct link *link, const uint8_t *msg, size_t len, int64_t due_ns, uint64_t *ticket)
{
	struct link_slot *slot = slot_of(link, link->fill);

	if (len == 0 || len > WIRE_PAYLOAD_MAX)
		return false;
	if (slot->len != 0 && slot->len + len > payload_max(link)) {
		if (link->fill + 1 - link->acked >= LINK_FRAMES_MAX)
			return false;
		link->fill++;
		open_slot(link);
		slot = slot_of(link, link->fill);
	}
	memcpy(slot->frame + WIRE_HEADER + slot->len, msg, len);
	slot->len = (uint8_t)(slot->len + len);
	if (due_ns < slot->due_ns)
		slot->due_ns = due_ns;
	if (due_ns != LINK_DUE_NOW && due_ns < slot->late_ns)
		slot->late_ns = due_ns;
	if (ticket)
		*ticket = link->fill;
	link->stats.messages_pushed++;
	return true;
}

size_t link_room(const struct link *link, size_t max_len)
{
	size_t used = (size_t)(link->fill - link->acked) + 1;
	/* a frame is left for the next one only when a command does not fit */
	size_t max = payload_max(link);
	size_t per_frame = max_len < max ? max - (max_len - 1) : 1;
	size_t tail = slot_view(link, link->fill)->len;
	size_t room = tail < per_frame ? per_frame - tail : 0;

	return room + (used < LINK_FRAMES_MAX ? (LINK_FRAMES_MAX - used) * per_frame : 0);
}

uint32_t link_drop_unsent(struct link *link)
{
	uint32_t dropped = (uint32_t)(link->fill - link->sent);

	dropped += slot_view(link, link->fill)->len != 0;
	link->fill = link->sent;
	open_slot(link);
	return dropped;
}

/* ---- acknowledgements ---- */

static void rtt_sample(struct link *link, int64_t rtt_ns)
{
	rtt_ns = max_ns(rtt_ns, 0);
	if (!link->has_rtt) {
		/* RFC 6298 with a cautious start: ten times the first sample */
		link->rtt_ns = rtt_ns;
		link->srtt_ns = 10 * rtt_ns;
		link->rttvar_ns = rtt_ns / 2;
		link->has_rtt = true;
		return;
	}
	link->rtt_ns = (7 * link->rtt_ns + rtt_ns) / 8;
	int64_t off = link->srtt_ns - rtt_ns;
	link->rttvar_ns = (3 * link->rttvar_ns + (off < 0 ? -off : off)) / 4;
	link->srtt_ns = (7 * link->srtt_ns + rtt_ns) / 8;
}

/* Within this an answer has come, if there is one. */
static int64_t answer_ns(const struct link *link)
{
	return link->has_rtt ? 2 * link->rtt_ns + 1000000 : LINK_RTO_MIN_NS;
}

/* The time-out without back-off. */
static int64_t rto_base(const struct link *link)
{
	if (!link->has_rtt)
		return LINK_RTO_FIRST_NS;
	int64_t rto = link->srtt_ns + max_ns(4 * link->rttvar_ns, 1000000);
	return min_ns(max_ns(rto, LINK_RTO_MIN_NS), LINK_RTO_MAX_NS);
}

static void ack_frames(struct link *link, unsigned int count, int64_t rx_ns)
{
	uint64_t end = link->acked + count;

	if (link->sampling && link->sample < end) {
		rtt_sample(link, rx_ns - slot_of(link, link->sample)->sent_ns);
		link->sampling = false;
	}
	for (; link->acked < end; link->acked++) {
		const struct link_slot *slot = slot_of(link, link->acked);

		link->unacked_bytes -= slot->len;
		link->loss = (uint8_t)(link->loss - link->loss / 16 + (slot->resent ? 15 : 0));
	}
	link->seq_known = true;
	link->lost = false;
	link->timeouts_row = 0;
	link->nak_at_ns = INT64_MAX;
	link->progress_ns = rx_ns;
	/* progress ends the back-off: otherwise a lossy line would crawl, since a frame that was
	 * repeated gives no sample */
	link->rto_ns = rto_base(link);
	if (link->acked < link->sent) {
		int64_t left_ns = slot_of(link, link->acked)->sent_ns;

		link->rto_at_ns = max_ns(rx_ns, left_ns) + link->rto_ns;
	}
	if (link->resending && link->resend < link->acked)
		link->resend = link->acked;
}

static void start_resend(struct link *link)
{
	link->resending = true;
	link->syncs = 1;
	link->nak_at_ns = INT64_MAX;
	link->flush = true;
	link->sampling = false;
	link->resend = link->acked;
	link->resend_end = link->sent;
	link->burst_end = link->sent;
	link->stats.retransmits++;
}

/* The firmware repeats that it waits for frame link->acked. */
static void nak(struct link *link, int64_t rx_ns)
{
	uint64_t number = link->acked;

	if (number == link->sent)
		return;
	if (number > link->burst_end || link->stats.frames_resent == 0) {
		link->stats.naks++;
		start_resend(link);
		return;
	}
	/* Each frame behind a bad one is answered with the same NAK, and so is each that is
	 * repeated though it had arrived. After a resending a NAK is therefore believed only if
	 * nothing is acknowledged until all that is in flight must have been answered.
	 */
	if (link->nak_at_ns == INT64_MAX)
		link->nak_at_ns = max_ns(rx_ns, slot_of(link, link->sent - 1)->sent_ns) +
				  answer_ns(link);
}

/* A frame number that fits nothing in flight, before the firmware has acknowledged anything: that
 * is its own count, from an earlier session or from its reset.
 */
static void adopt_seq(struct link *link, uint8_t seq)
{
	link->seq_shift = (uint8_t)((seq - link->acked) & WIRE_SEQ_MASK);
	if (link->acked == link->sent)
		return;
	struct link_slot *slot = slot_of(link, link->acked);
	wire_frame_finish(slot->frame, seq, slot->len - (size_t)WIRE_FRAME_MIN);
	start_resend(link);
}

static void receive_seq(struct link *link, const struct wire_frame *frame, int64_t rx_ns)
{
	unsigned int ahead = (frame->seq - seq_of(link, link->acked)) & WIRE_SEQ_MASK;

	if (ahead > link->sent - link->acked) {
		if (link->seq_known)
			link->stats.bad_acks++;
		else
			adopt_seq(link, frame->seq);
		return;
	}
	if (ahead != 0)
		ack_frames(link, ahead, rx_ns);
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

void link_receive(struct link *link, const uint8_t *bytes, size_t len, int64_t rx_ns,
		  link_handler handler, void *ctx)
{
	enum wire_rx_result result;
	struct wire_frame frame;

	link->stats.bytes_received += len;
	while ((result = wire_rx_next(&link->rx, &bytes, &len, &frame)) != WIRE_RX_MORE) {
		if (result != WIRE_RX_FRAME)
			continue;
		link->stats.frames_received++;
		receive_seq(link, &frame, rx_ns);
		if (frame.payload_len != 0 && handler)
			handler(ctx, frame.payload, frame.payload_len, rx_ns);
	}
}

/* ---- transmission ---- */

/* Account for bytes given to the line. Returns: when the last of them will have left. */
static int64_t put_on_wire(struct link *link, size_t bytes, int64_t now_ns)
{
	link->stats.bytes_sent += bytes;
	link->wire_free_ns = max_ns(link->wire_free_ns, now_ns) + link_wire_ns(link, bytes);
	return link->wire_free_ns;
}

/* A line that still answers now and then must not fall silent for seconds; one that does not is
 * asked ever more rarely.
 */
static int64_t rto_backoff_max(const struct link *link)
{
	if (link->lost)
		return LINK_RTO_MAX_NS;
	return max_ns(rto_base(link), LINK_RTO_ALIVE_NS);
}

static void check_timers(struct link *link, int64_t now_ns)
{
	if (link->acked == link->sent)
		return;
	if (!link->lost && now_ns - link->progress_ns >= LINK_LOST_NS) {
		link->lost = true;
		link->stats.lost_count++;
	}
	if (link->resending)
		return;
	if (now_ns >= link->nak_at_ns) {
		link->stats.naks++;
		start_resend(link);
	} else if (now_ns >= link->rto_at_ns) {
		link->stats.timeouts++;
		link->rto_ns = min_ns(2 * link->rto_ns, rto_backoff_max(link));
		start_resend(link);
		/* One 0x7e lets the firmware find the frame behind it, unless it waits for the
		 * rest of a frame whose length byte was damaged: end that, too.
		 */
		if (link->timeouts_row > 0)
			link->syncs = LINK_SYNC_MAX;
		if (link->timeouts_row < UINT8_MAX)
			link->timeouts_row++;
	}
}

static size_t resend_frames(struct link *link, int64_t now_ns, uint8_t *buf, size_t cap)
{
	size_t at = 0;

	memset(buf, WIRE_SYNC, link->syncs);
	at += link->syncs;
	put_on_wire(link, at, now_ns);
	link->syncs = 0;
	for (; link->resend < link->resend_end; link->resend++) {
		struct link_slot *slot = slot_of(link, link->resend);

		if (cap - at < slot->len)
			return at;
		memcpy(buf + at, slot->frame, slot->len);
		at += slot->len;
		slot->resent = true;
		slot->sent_ns = put_on_wire(link, slot->len, now_ns);
		link->stats.frames_sent++;
		link->stats.frames_resent++;
	}
	link->resending = false;
	if (link->acked < link->sent)
		link->rto_at_ns = slot_of(link, link->acked)->sent_ns + link->rto_ns;
	return at;
}

/* The limits of the firmware, and ours: until its count is known, one frame at a time. */
static bool may_send(const struct link *link)
{
	uint64_t unacked = link->sent - link->acked;

	if (unacked >= (link->seq_known ? LINK_UNACKED_MAX : 1))
		return false;
	uint32_t window = link->receive_window;
	if (window == 0 && link->byte_ns != 0)
		window = LINK_WINDOW_SERIAL;
	return window == 0 || unacked == 0 || link->unacked_bytes + WIRE_FRAME_MAX <= window;
}

/* When frame number link->sent may go: INT64_MIN = now, INT64_MAX = there is none. */
static int64_t send_at_ns(const struct link *link)
{
	const struct link_slot *slot = slot_view(link, link->sent);

	if (link->sent < link->fill || slot->len == WIRE_PAYLOAD_MAX)
		return INT64_MIN;
	if (slot->len == 0)
		return INT64_MAX;
	return slot->due_ns < INT64_MIN + link->lead_ns ? INT64_MIN : slot->due_ns - link->lead_ns;
}

/* Whether the next frame would come too late. */
static bool too_late(struct link *link, int64_t now_ns)
{
	if (link->late_margin_ns == INT64_MIN ||
	    slot_of(link, link->sent)->late_ns > now_ns + link->late_margin_ns)
		return false;
	link->late = true;
	return true;
}

static size_t send_frame(struct link *link, int64_t now_ns, uint8_t *buf)
{
	uint64_t number = link->sent;
	struct link_slot *slot = slot_of(link, number);

	slot->len = (uint8_t)wire_frame_finish(slot->frame, seq_of(link, number), slot->len);
	memcpy(buf, slot->frame, slot->len);
	if (link->acked == number) /* the line was silent: nothing to be late for before */
		link->progress_ns = now_ns;
	link->sent++;
	if (link->fill < link->sent) {
		link->fill = link->sent;
		open_slot(link);
	}
	slot->sent_ns = put_on_wire(link, slot->len, now_ns);
	if (link->acked == number)
		link->rto_at_ns = slot->sent_ns + link->rto_ns;
	if (!link->sampling) {
		link->sampling = true;
		link->sample = number;
	}
	link->unacked_bytes += slot->len;
	link->stats.frames_sent++;
	return slot->len;
}

size_t link_transmit(struct link *link, int64_t now_ns, uint8_t *buf, size_t cap)
{
	size_t at = 0;

	if (cap < LINK_TRANSMIT_MIN)
		return 0;
	check_timers(link, now_ns);
	if (link->resending) {
		at = resend_frames(link, now_ns, buf, cap);
		if (link->resending)
			return at;
	}
	while (cap - at >= WIRE_FRAME_MAX && may_send(link) && send_at_ns(link) <= now_ns &&
	       !too_late(link, now_ns))
		at += send_frame(link, now_ns, buf + at);
	return at;
}

int64_t link_deadline_ns(const struct link *link)
{
	int64_t at_ns = INT64_MAX;

	if (link->resending)
		return INT64_MIN;
	if (may_send(link))
		at_ns = send_at_ns(link);
	if (link->acked < link->sent) {
		at_ns = min_ns(at_ns, min_ns(link->rto_at_ns, link->nak_at_ns));
		if (!link->lost)
			at_ns = min_ns(at_ns, link->progress_ns + LINK_LOST_NS);
	}
	return at_ns;
}

bool link_take_flush(struct link *link)
{
	bool flush = link->flush;

	link->flush = false;
	return flush;
}

bool link_sent(const struct link *link, uint64_t ticket, struct link_sent *out)
{
	if (ticket >= link->sent || link->fill - ticket >= LINK_SLOTS)
		return false;
	const struct link_slot *slot = slot_view(link, ticket);
	out->sent_ns = slot->sent_ns;
	out->resent = slot->resent;
	out->acked = ticket < link->acked;
	return true;
}

bool link_idle(const struct link *link)
{
	return link->acked == link->fill && slot_view(link, link->fill)->len == 0;
}
