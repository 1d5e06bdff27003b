/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link.c - go-back-N over a ring of frame slots. */
#include <string.h>

#include "link_private.h"

#define NS_PER_S ((int64_t)1000000000)

_Static_assert((LINK_SLOTS & (LINK_SLOTS - 1)) == 0, "slots are found by a mask");
_Static_assert((int)LINK_UNACKED_MAX < (int)WIRE_SEQ_MASK, "an ack names one frame in flight only");

/* Make frame number link->fill the one that is being filled. */
static void open_slot(struct link *link)
{
	struct link_slot *slot = link_slot(link, link->fill);

	slot->len = 0;
	slot->due_ns = slot->late_ns = INT64_MAX;
	slot->sent_ns = slot->first_ns = 0;
	slot->resends = 0;
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

void link_set_can(struct link *link, uint32_t bit_hz)
{
	link->byte_ns = (uint32_t)(WIRE_CAN_BYTE_BITS * NS_PER_S / bit_hz);
	link->can_ns = (uint32_t)(WIRE_CAN_FRAME_BITS * NS_PER_S / bit_hz);
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
	link->fill += link_slot(link, link->fill)->len != 0;
	link->acked = link->sent = link->fill;
	link->last_empty = link->fill;
	/* a host begins at 1 */
	link->seq_shift = (uint8_t)((1 - link->fill) & WIRE_SEQ_MASK);
	link->seq_known = false;
	link->resending = link->recovering = link->sampling = link->has_rtt = false;
	link->guessed = link->heard = link->heard_well = link->nak_doubt = false;
	link->timeouts_row = link->probes_row = 0;
	link->loss = 0;
	link->answered = link->sendings;
	link->lost = link->flush = link->late = link->blocked = false;
	link->unacked_bytes = 0;
	link->rto_ns = LINK_RTO_FIRST_NS;
	link->srtt_ns = link->rttvar_ns = link->rtt_ns = 0;
	link->rtt_min_ns = link->rtt_max_ns = 0;
	open_slot(link);
}

/* ---- outgoing commands ---- */

/* A long frame is damaged more often and costs more to repeat. */
static size_t payload_max(const struct link *link)
{
	if (link->loss < LINK_LOSS_BIG)
		return WIRE_PAYLOAD_MAX;
	return link->loss < LINK_LOSS_HUGE ? LINK_PAYLOAD_BIG : LINK_PAYLOAD_HUGE;
}

bool link_push(struct link *link, const uint8_t *msg, size_t len, int64_t due_ns, uint64_t *ticket)
{
	struct link_slot *slot = link_slot(link, link->fill);

	if (len == 0 || len > WIRE_PAYLOAD_MAX)
		return false;
	if (slot->len != 0 && slot->len + len > payload_max(link)) {
		if (link->fill + 1 - link->acked >= LINK_FRAMES_MAX)
			return false;
		link->fill++;
		open_slot(link);
		slot = link_slot(link, link->fill);
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

uint32_t link_drop_unsent(struct link *link)
{
	uint32_t dropped = (uint32_t)(link->fill - link->sent);

	dropped += link_slot_view(link, link->fill)->len != 0;
	link->fill = link->sent;
	link->blocked = false;
	open_slot(link);
	return dropped;
}

/* ---- transmission ---- */

/* Account for bytes given to the line. Returns: when the last of them will have left. */
static int64_t put_on_wire(struct link *link, size_t bytes, int64_t now_ns)
{
	link->stats.bytes_sent += bytes;
	link->wire_free_ns = link_max_ns(link->wire_free_ns, now_ns) + link_wire_ns(link, bytes);
	return link->wire_free_ns;
}

/* A line that still answers now and then must not fall silent for seconds; one that does not is
 * asked ever more rarely.
 */
static int64_t rto_backoff_max(const struct link *link)
{
	if (link->lost)
		return LINK_RTO_MAX_NS;
	return link_max_ns(link_rto_base_ns(link), LINK_RTO_ALIVE_NS);
}

/* Either the answers are lost or late, or the frames are. The oldest frame alone tells: if it had
 * arrived, it is refused with the number that the firmware waits for; if not, all behind it has to
 * be repeated once it is acknowledged. On a line that damages nothing it is late rather than lost: what is due goes on
 * meanwhile, and if it was lost, a NAK for what is behind it says so.
 */
static void time_out(struct link *link)
{
	bool late = link->seq_known && !link->guessed && !link_damaging(link);

	link->stats.timeouts++;
	/* Chance takes a repeat as often as the first; only silence is asked ever more rarely. */
	if (late || link->timeouts_row >= LINK_TIMEOUTS_STEADY)
		link->rto_ns = link_min_ns(2 * link->rto_ns, rto_backoff_max(link));
	if (link->timeouts_row < UINT8_MAX)
		link->timeouts_row++;
	link_start_resend(link, link->acked + 1, !late);
	/* One 0x7e lets the firmware find the frame behind it, unless it waits for the rest of a
	 * frame whose length byte was damaged: end that, too. */
	if (link->timeouts_row > 1)
		link->syncs = LINK_SYNC_MAX;
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
	if (now_ns >= link->rto_at_ns)
		time_out(link);
}

/* Account for the sending of a frame that has been copied to the line. */
static void count_sending(struct link *link, struct link_slot *slot, int64_t now_ns)
{
	slot->sent_ns = put_on_wire(link, slot->len, now_ns);
	if (link->can_ns != 0) /* the acknowledgement */
		link->wire_free_ns += link_wire_ns(link, WIRE_FRAME_MIN);
	slot->order = link->sendings++;
	link->heard = false;
	link->probes_row = 0;
	link->stats.frames_sent++;
}

static size_t resend_frames(struct link *link, int64_t now_ns, uint8_t *buf, size_t cap)
{
	size_t at = 0;

	memset(buf, WIRE_SYNC, link->syncs);
	at += link->syncs;
	put_on_wire(link, at, now_ns);
	link->syncs = 0;
	for (; link->resend < link->resend_end; link->resend++) {
		struct link_slot *slot = link_slot(link, link->resend);

		if (cap - at < slot->len)
			return at;
		memcpy(buf + at, slot->frame, slot->len);
		at += slot->len;
		if (slot->resends < UINT8_MAX)
			slot->resends++;
		count_sending(link, slot, now_ns);
		link->stats.frames_resent++;
	}
	link->resending = false;
	if (link->acked < link->sent)
		link->rto_at_ns = link_slot(link, link->acked)->sent_ns + link->rto_ns;
	return at;
}

uint32_t link_window(const struct link *link)
{
	return link->receive_window == 0 && link->byte_ns != 0 ? LINK_WINDOW_SERIAL
							       : link->receive_window;
}

/* The limits of the firmware, and ours: until its count is known, one frame at a time. */
static bool may_send(const struct link *link)
{
	uint64_t unacked = link->sent - link->acked;
	uint32_t window = link_window(link);

	if (link->blocked || link->recovering)
		return false;
	if (unacked == 0)
		return true;
	if (!link->seq_known)
		return false;
	if (link_damaging(link)) {
		if (unacked >= LINK_UNACKED_LOSSY)
			return false;
		/* what keeps the line busy until the first is answered */
		int64_t busy = 2 * WIRE_FRAME_MAX;

		if (link->byte_ns != 0)
			busy += link->rtt_min_ns / link->byte_ns;
		if (busy < window)
			window = (uint32_t)busy;
	}
	return link_has_room(window, unacked, link->unacked_bytes);
}

/* When frame number link->sent may go: INT64_MIN = now, INT64_MAX = there is none. */
static int64_t send_at_ns(const struct link *link)
{
	const struct link_slot *slot = link_slot_view(link, link->sent);

	if (link->sent < link->fill || slot->len == WIRE_PAYLOAD_MAX)
		return INT64_MIN;
	if (slot->len == 0)
		return INT64_MAX;
	return slot->due_ns < INT64_MIN + link->lead_ns ? INT64_MIN : slot->due_ns - link->lead_ns;
}

static size_t send_frame(struct link *link, int64_t now_ns, uint8_t *buf)
{
	uint64_t number = link->sent;
	struct link_slot *slot = link_slot(link, number);

	slot->len = (uint8_t)wire_frame_finish(slot->frame, link_seq(link, number), slot->len);
	memcpy(buf, slot->frame, WIRE_FRAME_MAX); /* more than it is, but of a constant length */
	if (link->acked == number) /* the line was silent: nothing to be late for before */
		link->progress_ns = now_ns;
	link->sent++;
	if (link->fill < link->sent) {
		link->fill = link->sent;
		open_slot(link);
	}
	count_sending(link, slot, now_ns);
	slot->first_ns = slot->sent_ns;
	if (link->acked == number)
		link->rto_at_ns = slot->sent_ns + link->rto_ns;
	if (!link->sampling) {
		link->sampling = true;
		link->sample = number;
	}
	link->unacked_bytes += slot->len;
	return slot->len;
}

/* Whether the next frame would come too late, behind what the line has still to carry. */
static bool too_late(struct link *link, int64_t now_ns)
{
	const struct link_slot *slot = link_slot(link, link->sent);
	int64_t out_ns = link_max_ns(now_ns, link->wire_free_ns) + link_wire_ns(link, slot->len);

	if (link->late_margin_ns == INT64_MIN || slot->late_ns > out_ns + link->late_margin_ns)
		return false;
	link->late = link->blocked = true;
	return true;
}

/* When to ask what the firmware waits for; INT64_MAX: not. On a lossy line the last frame in
 * flight may be damaged so that the firmware waits for more of it, or its answer is lost.
 */
static int64_t probe_at_ns(const struct link *link)
{
	if (link->probes_row >= LINK_PROBES_MAX || link->acked == link->sent || !link->seq_known ||
	    !(link->nak_doubt || link->recovering || link_damaging(link)))
		return INT64_MAX;
	return link_quiet_at_ns(link);
}

/* An empty frame whose number the firmware surely refuses, which tells what it waits for. Nothing
 * is repeated in vain if the answers are only late. There is no 0x7e before it: that would complete
 * a frame that lost a byte, and leave it to the CRC alone.
 */
static size_t probe(struct link *link, int64_t now_ns, uint8_t *buf)
{
	uint8_t refused = (link_seq(link, link->acked) + WIRE_SEQ_MASK) & WIRE_SEQ_MASK;
	size_t len = wire_frame_build(buf, refused, NULL, 0);

	put_on_wire(link, len, now_ns);
	link->probes_row++;
	link->probe_ns = link->wire_free_ns;
	link->sendings++;
	link->heard = false;
	link->recovering = true;
	link->stats.probes++;
	return len;
}

size_t link_transmit(struct link *link, int64_t now_ns, uint8_t *buf, size_t cap)
{
	size_t at = 0;

	if (cap < LINK_TRANSMIT_MIN)
		return 0;
	link_recover(link, now_ns);
	check_timers(link, now_ns);
	while (link->resending && at == 0) {
		at = resend_frames(link, now_ns, buf, cap);
		if (link->resending)
			return at;
		if (at == 0) /* it was acknowledged before it could be repeated */
			link_recover(link, now_ns);
	}
	while (cap - at >= WIRE_FRAME_MAX && may_send(link) && send_at_ns(link) <= now_ns &&
	       !too_late(link, now_ns))
		at += send_frame(link, now_ns, buf + at);
	if (at == 0 && now_ns >= probe_at_ns(link))
		at = probe(link, now_ns, buf);
	return at;
}

int64_t link_deadline_ns(const struct link *link)
{
	int64_t at_ns = INT64_MAX;

	if (link->resending)
		return INT64_MIN;
	if (may_send(link))
		at_ns = send_at_ns(link);
	if (link->recovering && link->heard && !link_idle(link))
		at_ns = link_settled_at_ns(link);
	if (link->acked < link->sent) {
		at_ns = link_min_ns(at_ns, link_min_ns(link->rto_at_ns, probe_at_ns(link)));
		if (!link->lost)
			at_ns = link_min_ns(at_ns, link->progress_ns + LINK_LOST_NS);
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
	const struct link_slot *slot = link_slot_view(link, ticket);
	out->sent_ns = slot->sent_ns;
	out->resent = slot->resends != 0;
	out->acked = ticket < link->acked;
	return true;
}

int64_t link_take_stay_ns(struct link *link, int64_t now_ns)
{
	int64_t stay_ns = link->stay_ns;

	link->stay_ns = 0;
	return link_max_ns(stay_ns, link_age_ns(link, now_ns));
}

bool link_idle(const struct link *link)
{
	return link->acked == link->fill && link_slot_view(link, link->fill)->len == 0;
}
