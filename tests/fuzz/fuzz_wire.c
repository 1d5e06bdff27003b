/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_wire.c - everything the host does with bytes from an MCU, fed with arbitrary ones.
 *
 * Shown: no input crashes the receiver, the decoder, the link or the clock estimate, reads over an
 * end, or breaks the link's own order. How: each input is cut into pieces by its own bytes. Some
 * go in as they are, some wrapped into valid frames, so that the fuzzer gets past the CRC, some as
 * a dictionary's format string; between them time passes, commands are pushed and frames sent.
 * Build: clang -fsanitize=fuzzer,address,undefined. Repeat: run it on the file it has written.
 */
#include <stdlib.h>
#include <string.h>

#include "clocksync.h"
#include "link.h"
#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct host {
	struct link link;
	struct clocksync sync;
	struct wire_dict dict;
	struct clockmap map;
	int64_t now_ns;
	unsigned int sum; /* of what was decoded, so that it is read */
};

#define CHECK(x) \
	do { \
		if (!(x)) \
			abort(); \
	} while (0)

static void read_fields(struct host *h, const struct msg_desc *d, const union msg_any *msg)
{
	for (unsigned int i = 0; i < d->field_count; i++) {
		const uint8_t *field = (const uint8_t *)msg + d->offsets[i];
		struct msg_bytes bytes;

		if (d->types[i] != MSG_F_s && d->types[i] != MSG_F_ds) {
			h->sum += *field;
			continue;
		}
		memcpy(&bytes, field, sizeof(bytes));
		for (unsigned int k = 0; k < bytes.len; k++)
			h->sum += bytes.data[k];
	}
}

static void on_response(void *ctx, const uint8_t *payload, size_t len, int64_t rx_ns)
{
	struct host *h = ctx;
	union msg_any any;
	int16_t wire_id = 0;
	/* a copy of its own, so that reading over the payload's end is seen */
	uint8_t *copy = malloc(len);

	CHECK(copy);
	memcpy(copy, payload, len);
	const uint8_t *p = wire_get_id(copy, copy + len, &wire_id);
	int id = p ? wire_dict_response(&h->dict, wire_id) : -1;
	if (id >= 0) {
		const struct msg_desc *d = &msg_table[id];
		size_t rest = (size_t)(copy + len - p);
		int n = wire_decode(d, p, rest, &any);

		CHECK(n <= (int)rest);
		CHECK(n == wire_skip(d->types, d->field_count, p, rest));
		if (n >= 0)
			read_fields(h, d, &any);
		if (n >= 0 && id == MSG_ID_uptime)
			clocksync_uptime(&h->sync, &h->link, &any.uptime, len + 5, rx_ns);
		if (n >= 0 && id == MSG_ID_clock)
			clocksync_reply(&h->sync, &h->link, &any.clock, len + 5, rx_ns);
	}
	free(copy);
}

static void receive(struct host *h, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));

	CHECK(copy);
	memcpy(copy, bytes, len);
	link_receive(&h->link, copy, len, h->now_ns, on_response, h);
	free(copy);
}

static void send(struct host *h, uint8_t what)
{
	uint8_t buf[512];
	size_t n;

	clocksync_ask(&h->sync, &h->link, &h->dict, h->now_ns);
	if (what & 1)
		link_push(&h->link, buf, 0, 0, NULL);
	for (unsigned int i = 0; i < (what >> 2); i++) {
		struct msg_queue_step m = { .oid = what, .interval = h->sum, .count = (uint16_t)i };
		size_t len = wire_encode_queue_step(buf, MSG_ID_queue_step, &m);

		link_push(&h->link, buf, len, h->now_ns + what * 1000000, NULL);
	}
	while ((n = link_transmit(&h->link, h->now_ns, buf, sizeof(buf))) > 0)
		CHECK(n <= sizeof(buf));
	const struct link *l = &h->link;
	CHECK(l->acked <= l->sent && l->sent <= l->fill);
	CHECK(l->sent - l->acked <= LINK_UNACKED_MAX);
	CHECK(l->fill - l->acked < LINK_SLOTS);
	CHECK(link_deadline_ns(l) > h->now_ns);
	CHECK(clocksync_rate_hz(&h->sync) > 0.0);
	if (clocksync_ready(&h->sync)) {
		h->sum += (unsigned int)clocksync_clock(&h->sync, h->now_ns);
		clocksync_secondary_map(&h->sync, &h->sync, h->now_ns,
					clocksync_now_s(&h->sync, h->now_ns), &h->map);
		CHECK(h->map.freq_hz > 0.0);
	}
}

/* A dictionary's format strings are outside input, too. */
static void parse_format(struct host *h, const uint8_t *bytes, size_t len)
{
	char *text = malloc(len + 1);
	struct wire_format f;

	CHECK(text);
	memcpy(text, bytes, len);
	text[len] = '\0';
	if (wire_format_parse(text, &f)) {
		CHECK(f.name_len <= len && f.field_count <= WIRE_FOREIGN_FIELDS_MAX);
		h->sum += (unsigned int)wire_skip(f.types, f.field_count, bytes, len);
	}
	h->sum += (unsigned int)wire_find_format(text);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host *h = calloc(1, sizeof(*h));

	CHECK(h);
	if (size < 2)
		goto out;
	link_init(&h->link, data[0] & 1 ? 250000 : 0, data[0] & 2 ? 192 : 0);
	clocksync_init(&h->sync, 16e6, 0);
	clocksync_primary_map(&h->sync, &h->map);
	wire_dict_init_own(&h->dict);
	for (size_t at = 1; at + 2 <= size;) {
		uint8_t head = data[at++], what = data[at++];
		size_t len = head & 63;

		if (len > size - at)
			len = size - at;
		h->now_ns += (int64_t)what * 100000;
		if (head & 64) {
			receive(h, data + at, len);
		} else if (head & 128) {
			uint8_t frame[WIRE_FRAME_MAX];
			size_t n = len > WIRE_PAYLOAD_MAX ? (size_t)WIRE_PAYLOAD_MAX : len;

			/* often the number that the link waits for */
			receive(h, frame,
				wire_frame_build(
					frame,
					(uint8_t)(h->link.acked + h->link.seq_shift + (what & 3)),
					data + at, n));
		} else {
			parse_format(h, data + at, len);
		}
		at += len;
		send(h, what);
	}
out:
	free(h);
	return 0;
}
