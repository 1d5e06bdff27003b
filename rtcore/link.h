/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link.h - reliable delivery of commands to one MCU: go-back-N over wire.h frames.
 *
 * Commands are packed into frames as they are pushed; a frame stays in its slot of one fixed ring
 * until the firmware has acknowledged it: nothing is copied or allocated on the way.
 * Owner:   the caller places struct link (about 23 KiB).
 * Threads: one at a time (RT in the daemon).
 * Units:   _ns = host CLOCK_MONOTONIC; baud in bits/s, ten of them a byte.
 * Errors:  all received bytes are untrusted; faults are counted in link_stats.
 * Files:   link.c queue and sending, link_ack.c answers.
 * Facts:   docs/PROTOCOL.md section 4.
 *
 * Each turn: link_receive() what has come in, link_push() what is to go out, link_transmit(), then
 * sleep until link_deadline_ns() or new bytes.
 */
#ifndef RTCORE_LINK_H
#define RTCORE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"
#include "wire_can.h"

enum {
	LINK_SLOTS = 256,     /* frames in the ring; a power of two */
	LINK_SLOTS_KEPT = 16, /* of these stay readable for link_sent() after their ack */
	LINK_FRAMES_MAX = LINK_SLOTS - LINK_SLOTS_KEPT,
	LINK_UNACKED_MAX = 12,          /* frames in flight */
	LINK_UNACKED_LOSSY = 4,         /* and on a lossy line: what follows a loss is lost, too */
	LINK_WINDOW_SERIAL = 256,       /* bytes */
	LINK_SYNC_MAX = WIRE_FRAME_MAX, /* 0x7e that end any half frame */
	LINK_TIMEOUTS_STEADY = 4,       /* time-outs in a row before they grow */
	LINK_PROBES_MAX = 3,            /* before the time-out comes */

	LINK_TRANSMIT_MIN = 2 * WIRE_FRAME_MAX, /* smallest useful buffer for link_transmit() */

	/* link.loss, in 1/65536: damage adds 1/16 of the way to 1, and an acknowledged byte takes
	 * away 1/16384 of it. In damages per byte, these limits are about 1 in ... */
	LINK_LOSSY = 6000,     /* 10000; the first damage makes 4096, the second exceeds it */
	LINK_LOSS_BIG = 45000, /* 500: from there on frames of at most so many command bytes */
	LINK_PAYLOAD_BIG = 40,
	LINK_LOSS_HUGE = 58000, /* 130 */
	LINK_PAYLOAD_HUGE = 24,
};

#define LINK_LEAD_NS ((int64_t)100 * 1000 * 1000)      /* default of link_set_lead() */
#define LINK_RTO_FIRST_NS ((int64_t)100 * 1000 * 1000) /* before there is a sample */
#define LINK_RTO_MIN_NS ((int64_t)5 * 1000 * 1000)
#define LINK_RTO_MAX_NS ((int64_t)5 * 1000 * 1000 * 1000)
#define LINK_RTO_ALIVE_NS \
	((int64_t)100 * 1000 * 1000)                 /* most it backs off until the link is lost */
#define LINK_PAUSE_NS ((int64_t)3 * 1000 * 1000)     /* within a frame from the firmware */
#define LINK_UNSTEADY_NS ((int64_t)4 * 1000 * 1000)  /* round trips up to here count as steady */
#define LINK_LATE_MAX_NS ((int64_t)25 * 1000 * 1000) /* a late answer counts as at most so late */
#define LINK_LOST_NS ((int64_t)1000 * 1000 * 1000)
#define LINK_DUE_NOW INT64_MIN /* due_ns of a command that goes out at once */

struct link_slot {
	int64_t due_ns;  /* of the most urgent command in it */
	int64_t late_ns; /* the same of those that have a time at all; INT64_MAX: none */
	int64_t sent_ns; /* when its last byte left the wire, as far as known; the latest sending */
	int64_t first_ns; /* the same of its first sending */
	uint32_t order;   /* link.sendings before its latest one */
	uint8_t resends;
	uint8_t len; /* payload bytes before it is sent, frame bytes after */
	uint8_t frame[WIRE_FRAME_MAX];
};

struct link_stats {
	uint64_t bytes_sent, frames_sent; /* with repeats */
	uint64_t bytes_received, frames_received;
	uint64_t messages_pushed;
	uint64_t frames_resent;
	uint32_t retransmits; /* bursts, of these: */
	uint32_t timeouts, naks;
	uint32_t bad_acks; /* frames whose sequence number made no sense */
	uint32_t lost_count;
	uint32_t probes; /* questions what the firmware waits for */
};

struct link {
	/* absolute frame numbers: acked <= sent <= fill; slots [acked, sent) are in flight,
	 * [sent, fill) wait, and slot fill is being filled if it has bytes */
	uint64_t acked, sent, fill;
	uint64_t resend; /* next frame to repeat, while resending */
	uint64_t resend_end;
	uint64_t last_empty; /* highest n of an empty frame */
	uint64_t sample;     /* frame whose round trip is being measured */
	bool resending, sampling, has_rtt;
	bool seq_known;  /* the firmware has acknowledged something */
	bool recovering; /* something was repeated or asked: nothing new until that is clear */
	bool guessed;    /* answered may be ahead of the truth */
	bool nak_doubt;  /* a NAK came that is old news, unless an answer was lost */
	bool heard;      /* anything since the last sending */
	bool heard_well; /* the last frame was in order */
	bool lost;
	bool flush;
	bool late;               /* see link_take_late() */
	bool blocked;            /* nothing new is sent until link_drop_unsent() */
	uint8_t seq_shift;       /* sequence number = (frame number + seq_shift) mod 16 */
	uint8_t syncs;           /* 0x7e to send before the repeated frames */
	uint8_t probes_row;      /* since a frame was sent */
	uint8_t timeouts_row;    /* since the last ack */
	uint16_t loss;           /* see LINK_LOSSY */
	uint32_t sendings;       /* of frames and probes, with repeats: each gets one answer ... */
	uint32_t answered;       /* ... in this order: so many have been, as far as known */
	uint32_t byte_ns;        /* 0 = unknown */
	uint32_t can_ns;         /* on CAN: what each frame of 8 bytes or less takes beside them */
	uint32_t receive_window; /* bytes, 0 = unknown */
	uint32_t unacked_bytes;
	int64_t lead_ns;
	int64_t late_margin_ns; /* INT64_MIN: lateness is nobody's concern */
	int64_t wire_free_ns;   /* when the line will have taken all that was handed out */
	int64_t rto_at_ns;      /* while something is unacked */
	int64_t bytes_ns;       /* last bytes received */
	int64_t heard_ns;       /* last frame of any kind */
	int64_t probe_ns;       /* when the latest probe left the wire */
	int64_t progress_ns;    /* last ack, or first byte after silence */
	int64_t srtt_ns, rttvar_ns, rto_ns;
	int64_t rtt_ns, rtt_min_ns, rtt_max_ns; /* plain average and, lately, least and longest */
	int64_t stay_ns;                        /* see link_take_stay_ns() */
	struct link_stats stats;
	struct wire_rx rx;
	struct link_slot slots[LINK_SLOTS];
};

/* baud 0: the transport has no rate of its own (USB, pty). receive_window 0: unknown (then a line
 * with a baud rate is given LINK_WINDOW_SERIAL, which keeps it busy: more would only have to be
 * repeated after a loss). */
void link_init(struct link *link, uint32_t baud, uint32_t receive_window);

/* The window as the dictionary states it (RECEIVE_WINDOW); 0 = no limit but 12 frames. */
void link_set_window(struct link *link, uint32_t receive_window);

/* The link is on a CAN bus of that bit rate. Bytes go in frames of 8 there, and answers take the bus, too. */
void link_set_can(struct link *link, uint32_t bit_hz);

/* A frame that is not full goes out this long before its most urgent command is due. */
void link_set_lead(struct link *link, int64_t lead_ns);

/* From here on a frame is not sent (for the first time) if it would leave the line, behind what that has to carry,
 * later than margin_ns before the earliest due_ns in it, those of LINK_DUE_NOW not counted: it stays, and all behind
 * it. Default: it is. */
void link_set_late_margin(struct link *link, int64_t margin_ns);

/* True once when such a frame was met: link_drop_unsent() is the way on. */
bool link_take_late(struct link *link);

/* Start over after the MCU was reset or reconnected: all commands in the link are gone and the
 * sequence number is unknown again; statistics stay. */
void link_restart(struct link *link);

/* Append one encoded command, 1..WIRE_PAYLOAD_MAX bytes. It is sent in the order of pushing; a
 * frame that is not full waits until the lead before the earliest due_ns in it. O(1).
 * *ticket (may be NULL) then names its frame for link_sent().
 * Returns: false if there is no room or len is out of range: nothing changed. */
bool link_push(struct link *link, const uint8_t *msg, size_t len, int64_t due_ns, uint64_t *ticket);

/* Commands that surely fit now, whatever their length: each takes a new frame at worst. */
static inline uint32_t link_room(const struct link *link)
{
	return LINK_FRAMES_MAX - 1 - (uint32_t)(link->fill - link->acked);
}

/* Forget what has not been sent (emergency). Frames in flight stay. Returns: frames dropped. */
uint32_t link_drop_unsent(struct link *link);

/* A response: payload = id and fields; valid during the call. The handler may push. */
typedef void (*link_handler)(void *ctx, const uint8_t *payload, size_t len, int64_t rx_ns);

/* Bytes that arrived at rx_ns. Acks take effect before the handler sees the frame's response. */
void link_receive(struct link *link, const uint8_t *bytes, size_t len, int64_t rx_ns,
		  link_handler handler, void *ctx);

/* Bytes to write now, at most cap (>= LINK_TRANSMIT_MIN). Also notices time-outs and a lost link:
 * call link_receive() first. That was all if at least WIRE_FRAME_MAX bytes of buf are left. */
size_t link_transmit(struct link *link, int64_t now_ns, uint8_t *buf, size_t cap);

/* When link_transmit() has to be called again if nothing is received or pushed; INT64_MAX: never;
 * in the past: now. */
int64_t link_deadline_ns(const struct link *link);

/* True once when a retransmission begins: bytes still in the kernel's output buffer are useless and
 * may be flushed by those who can. */
bool link_take_flush(struct link *link);

struct link_sent {
	int64_t sent_ns; /* estimated instant its last byte left, latest sending */
	bool resent;     /* more than once: no clock sample from it */
	bool acked;
};

/* What became of the frame that holds a command. False: not sent yet, or too long ago. */
bool link_sent(const struct link *link, uint64_t ticket, struct link_sent *out);

/* The slot of a frame that has not been acknowledged, or of one that is being filled. */
static inline const struct link_slot *link_slot_view(const struct link *link, uint64_t number)
{
	return &link->slots[number & (LINK_SLOTS - 1)];
}

/* How long ago the oldest frame in flight was sent first; 0: none is in flight. */
static inline int64_t link_age_ns(const struct link *link, int64_t now_ns)
{
	return link->acked < link->sent ? now_ns - link_slot_view(link, link->acked)->first_ns : 0;
}

/* The longest time from a frame's first sending to its acknowledgement since this was asked last, repeats and all; of the
 * oldest one that is still in flight, so far. */
int64_t link_take_stay_ns(struct link *link, int64_t now_ns);

/* Bytes that may be in flight as frames are now; 0: no limit but LINK_UNACKED_MAX frames. */
uint32_t link_window(const struct link *link);
/* Whether one more frame may follow so many that are in flight, of so many bytes together. */
static inline bool link_has_room(uint32_t window, uint64_t frames, uint32_t bytes)
{
	return frames == 0 ||
	       (frames < LINK_UNACKED_MAX && (window == 0 || bytes + WIRE_FRAME_MAX <= window));
}

/* Time that a frame of so many bytes takes on the wire; 0 if the rate is unknown. */
static inline int64_t link_wire_ns(const struct link *link, size_t bytes)
{
	return (int64_t)bytes * link->byte_ns +
	       (int64_t)((bytes + WIRE_CAN_DATA - 1) / WIRE_CAN_DATA) * link->can_ns;
}

static inline uint32_t link_unacked(const struct link *link)
{
	return (uint32_t)(link->sent - link->acked);
}

/* Frames had to be repeated or were late: what is due should be handed over earlier. */
static inline bool link_lossy(const struct link *link)
{
	return link->loss >= LINK_LOSSY || link->rtt_max_ns >= LINK_UNSTEADY_NS;
}

/* Nothing unsent and nothing unacknowledged. */
bool link_idle(const struct link *link);

#endif
