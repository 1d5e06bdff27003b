/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire.c - integers, message coding and frames. The message table is in wire_msg.c. */
#include "wire.h"

#include <string.h>

/* An encoding of n groups after the first covers [-32, 96) * 128^n: shifted up by 32 * 128^n, that
 * is one unsigned range check.
 */
static inline bool vlq_fits(uint32_t v, unsigned int shift)
{
	return v + (UINT32_C(32) << shift) < UINT32_C(128) << shift;
}

static inline uint8_t *vlq_put(uint8_t *p, uint32_t v)
{
	if (vlq_fits(v, 0))
		goto one;
	if (vlq_fits(v, 7))
		goto two;
	if (vlq_fits(v, 14))
		goto three;
	if (!vlq_fits(v, 21))
		*p++ = (uint8_t)(0x80 | v >> 28);
	*p++ = (uint8_t)(0x80 | (v >> 21 & 0x7f));
three:
	*p++ = (uint8_t)(0x80 | (v >> 14 & 0x7f));
two:
	*p++ = (uint8_t)(0x80 | (v >> 7 & 0x7f));
one:
	*p++ = (uint8_t)(v & 0x7f);
	return p;
}

uint8_t *wire_put_vlq(uint8_t *p, uint32_t v)
{
	return vlq_put(p, v);
}

static const uint8_t *vlq_get(const uint8_t *p, const uint8_t *end, uint32_t *v, unsigned int max)
{
	if (p >= end)
		return NULL;
	uint32_t acc = (*p & 0x60) == 0x60 ? UINT32_MAX : 0;
	do {
		if (p >= end || max-- == 0)
			return NULL;
		acc = acc << 7 | (*p & 0x7f);
	} while (*p++ & 0x80);
	*v = acc;
	return p;
}

const uint8_t *wire_get_vlq(const uint8_t *p, const uint8_t *end, uint32_t *v)
{
	return vlq_get(p, end, v, WIRE_VLQ_MAX);
}

const uint8_t *wire_get_id(const uint8_t *p, const uint8_t *end, int16_t *wire_id)
{
	uint32_t v = 0;

	p = vlq_get(p, end, &v, 2);
	*wire_id = (int16_t)v;
	return p;
}

/* The fields of a message, one after the other, with the places that the compiler gives them in a structure. */
struct walk {
	uint32_t left; /* types to come, as in struct msg_desc */
	uint8_t end;   /* of the last one */
};

static inline bool is_string(uint8_t type)
{
	return type >= MSG_F_s;
}

static inline uint8_t field_size(uint8_t type)
{
	if (is_string(type))
		return sizeof(struct msg_bytes);
	return type >= MSG_F_u ? 4 : type >= MSG_F_hu ? 2 : 1;
}

/* Returns: the type, and where it is; 0 at the end. */
static inline uint8_t walk_next(struct walk *w, uint8_t *offset)
{
	uint8_t type = w->left & ((1 << WIRE_FIELD_BITS) - 1);
	uint8_t size = field_size(type), mask = 0;

	if (_Alignof(uint32_t) > 1)
		mask = (uint8_t)((is_string(type) ? _Alignof(struct msg_bytes) : size) - 1);
	*offset = (uint8_t)((w->end + mask) & ~mask);
	w->end = (uint8_t)(*offset + size);
	w->left >>= WIRE_FIELD_BITS;
	return type;
}

static uint32_t field_value(uint8_t type, const void *field)
{
	switch (type) {
	case MSG_F_c:
		return *(const uint8_t *)field;
	case MSG_F_hu:
		return *(const uint16_t *)field;
	case MSG_F_hi: {
		const int16_t *value = field;

		return (uint32_t)*value;
	}
	default:
		return *(const uint32_t *)field; /* %u, or %i through its unsigned twin */
	}
}

size_t wire_encode(uint8_t *buf, size_t cap, int16_t wire_id, const WIRE_ROM struct msg_desc *desc,
		   const void *msg)
{
	struct walk w = { .left = desc->fields };
	uint8_t small[WIRE_VLQ_MAX];
	size_t at = 0;
	size_t n = (size_t)(vlq_put(small, (uint32_t)wire_id) - small);
	uint8_t type, offset;

	if (n > cap)
		return 0;
	memcpy(buf, small, n);
	at = n;
	while ((type = walk_next(&w, &offset))) {
		const void *field = (const uint8_t *)msg + offset;

		if (is_string(type)) {
			const struct msg_bytes *b = field;

			if (cap - at < 1u + b->len)
				return 0;
			buf[at++] = b->len;
			if (b->len != 0)
				memcpy(buf + at, b->data, b->len);
			at += b->len;
			continue;
		}
		n = (size_t)(vlq_put(small, field_value(type, field)) - small);
		if (cap - at < n)
			return 0;
		memcpy(buf + at, small, n);
		at += n;
	}
	return at;
}

size_t wire_encode_queue_step(uint8_t *buf, int16_t wire_id, const struct msg_queue_step *msg)
{
	uint8_t *p = vlq_put(buf, (uint32_t)wire_id);

	p = vlq_put(p, msg->oid);
	p = vlq_put(p, msg->interval);
	p = vlq_put(p, msg->count);
	p = vlq_put(p, (uint32_t)msg->add);
	return (size_t)(p - buf);
}

/* One field. Writes it at out unless out is NULL. Returns: the byte after it, or NULL. */
static const uint8_t *field_get(uint8_t type, const uint8_t *p, const uint8_t *end, void *out)
{
	uint32_t v = 0;

	if (is_string(type)) {
		if (p >= end || *p > end - p - 1)
			return NULL;
		if (out) {
			struct msg_bytes *b = out;

			b->len = *p;
			b->data = p + 1;
		}
		return p + 1 + *p;
	}
	p = vlq_get(p, end, &v, WIRE_VLQ_MAX);
	if (!p || !out)
		return p;
	switch (type) {
	case MSG_F_c:
		*(uint8_t *)out = (uint8_t)v;
		break;
	case MSG_F_hu:
		*(uint16_t *)out = (uint16_t)v;
		break;
	case MSG_F_hi:
		*(int16_t *)out = (int16_t)v;
		break;
	default:
		*(uint32_t *)out = v;
		break;
	}
	return p;
}

int wire_decode(const WIRE_ROM struct msg_desc *desc, const uint8_t *bytes, size_t len, void *msg)
{
	const uint8_t *p = bytes, *end = bytes + len;
	struct walk w = { .left = desc->fields };
	uint8_t type, offset;

	while ((type = walk_next(&w, &offset))) {
		p = field_get(type, p, end, (uint8_t *)msg + offset);
		if (!p)
			return -1;
	}
	return (int)(p - bytes);
}

int wire_skip(const uint8_t *types, size_t field_count, const uint8_t *bytes, size_t len)
{
	const uint8_t *p = bytes, *end = bytes + len;

	for (size_t i = 0; i < field_count; i++) {
		p = field_get(types[i], p, end, NULL);
		if (!p)
			return -1;
	}
	return (int)(p - bytes);
}

size_t wire_frame_finish(uint8_t *frame, uint8_t seq, size_t payload_len)
{
	size_t at = WIRE_HEADER + payload_len;

	frame[0] = (uint8_t)(at + WIRE_TRAILER);
	frame[1] = (uint8_t)(WIRE_SEQ_DEST | (seq & WIRE_SEQ_MASK));
	uint16_t crc = wire_crc(frame, at);
	frame[at++] = (uint8_t)(crc >> 8);
	frame[at++] = (uint8_t)crc;
	frame[at++] = WIRE_SYNC;
	return at;
}

size_t wire_frame_build(uint8_t *frame, uint8_t seq, const uint8_t *payload, size_t payload_len)
{
	if (payload_len != 0)
		memcpy(frame + WIRE_HEADER, payload, payload_len);
	return wire_frame_finish(frame, seq, payload_len);
}

#ifdef WIRE_HOST
#define COUNT(rx, counter, n) ((rx)->counter += (n))
#else
#define COUNT(rx, counter, n) ((void)(rx))
#endif

void wire_rx_init(struct wire_rx *rx)
{
	memset(rx, 0, sizeof(*rx));
}

static void rx_drop(struct wire_rx *rx, unsigned int n)
{
	rx->have = (uint8_t)(rx->have - n);
	memmove(rx->buf, rx->buf + n, rx->have);
}

/* Drop everything up to and including the next 0x7e. Returns: false if it is yet to come. */
static bool rx_discard(struct wire_rx *rx, const uint8_t **bytes, size_t *len)
{
	const uint8_t *sync = memchr(rx->buf, WIRE_SYNC, rx->have);

	if (sync) {
		unsigned int n = (unsigned int)(sync - rx->buf) + 1;

		COUNT(rx, discarded_bytes, n);
		rx_drop(rx, n);
		rx->discarding = false;
		return true;
	}
	COUNT(rx, discarded_bytes, rx->have);
	rx->have = 0;
	sync = *len != 0 ? memchr(*bytes, WIRE_SYNC, *len) : NULL;
	size_t n = sync ? (size_t)(sync - *bytes) + 1 : *len;
	COUNT(rx, discarded_bytes, (uint32_t)n);
	*bytes += n;
	*len -= n;
	rx->discarding = !sync;
	return sync;
}

/* Judge a frame from its first byte, of which there are have > 0. Returns: bytes wanted before the next
 * look, 0 for a good frame, or -1 for an error (counted).
 */
static int rx_check(struct wire_rx *rx, const uint8_t *frame, size_t have)
{
	unsigned int len = frame[0];

	if (len < WIRE_FRAME_MIN || len > WIRE_FRAME_MAX) {
		COUNT(rx, bad_len, 1);
		return -1;
	}
	if (have == 1)
		return 2;
	if ((frame[1] & ~WIRE_SEQ_MASK) != WIRE_SEQ_DEST) {
		COUNT(rx, bad_seq, 1);
		return -1;
	}
	if (have < len)
		return (int)len;
	uint16_t crc = wire_crc(frame, len - WIRE_TRAILER);
	if (frame[len - 3] != crc >> 8 || frame[len - 2] != (crc & 0xff) ||
	    frame[len - 1] != WIRE_SYNC) {
		COUNT(rx, bad_crc, 1);
		return -1;
	}
	return 0;
}

/* Pass over n bytes at the start of what is there. */
static void rx_take(struct wire_rx *rx, const uint8_t **bytes, size_t *len, unsigned int n)
{
	if (rx->have != 0) {
		rx_drop(rx, n);
	} else {
		*bytes += n;
		*len -= n;
	}
}

/* A frame is judged where it came in if it is whole there, else in rx->buf. */
enum wire_rx_result wire_rx_next(struct wire_rx *rx, const uint8_t **bytes, size_t *len,
				 struct wire_frame *frame)
{
	const uint8_t *at;

	if (rx->done != 0)
		rx_drop(rx, rx->done);
	rx->done = 0;
	for (;;) {
		if (rx->discarding && !rx_discard(rx, bytes, len))
			return WIRE_RX_MORE;
		at = rx->have != 0 ? rx->buf : *bytes;
		size_t have = rx->have != 0 ? rx->have : *len;
		if (have == 0)
			return WIRE_RX_MORE;
		if (*at == WIRE_SYNC) {
			rx_take(rx, bytes, len, 1);
			continue;
		}
		int want = rx_check(rx, at, have);
		if (want < 0) {
			rx->discarding = true;
			return WIRE_RX_ERROR;
		}
		if (want == 0)
			break;
		size_t n = (size_t)want - rx->have;
		if (n > *len)
			n = *len;
		if (n == 0)
			return WIRE_RX_MORE;
		memcpy(rx->buf + rx->have, *bytes, n);
		rx->have = (uint8_t)(rx->have + n);
		*bytes += n;
		*len -= n;
	}
	COUNT(rx, frames, 1);
	frame->seq = at[1] & WIRE_SEQ_MASK;
	frame->payload_len = (uint8_t)(at[0] - WIRE_FRAME_MIN);
	frame->payload = at + WIRE_HEADER;
	if (rx->have != 0) /* it stays there for the caller */
		rx->done = at[0];
	else
		rx_take(rx, bytes, len, at[0]);
	return WIRE_RX_FRAME;
}
