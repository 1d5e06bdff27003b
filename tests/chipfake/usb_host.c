/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usb_host.h"

#include <string.h>

enum { TURNS = 100 };

static void ask(const struct usb_unit *u, const struct usb_request *r)
{
	const uint8_t bytes[8] = {
		r->type,
		r->request,
		(uint8_t)r->value,
		(uint8_t)(r->value >> 8),
		(uint8_t)r->index,
		(uint8_t)(r->index >> 8),
		(uint8_t)r->length,
		(uint8_t)(r->length >> 8),
	};

	u->setup(bytes);
}

/* A packet that comes in the end. */
static int await_in(const struct usb_unit *u, uint8_t *bytes)
{
	int len = HOST_NAK;

	for (int i = 0; i < TURNS && len == HOST_NAK; i++)
		len = u->in(0, bytes);
	assert_int_not_equal(len, HOST_NAK);
	return len;
}

static int await_out(const struct usb_unit *u, const uint8_t *bytes, uint8_t len)
{
	int done = HOST_NAK;

	for (int i = 0; i < TURNS && done == HOST_NAK; i++)
		done = u->out(0, bytes, len);
	assert_int_not_equal(done, HOST_NAK);
	return done;
}

int usb_host_get(const struct usb_unit *u, const struct usb_request *r,
		 uint8_t answer[HOST_ANSWER_MAX])
{
	int got = 0, len;

	ask(u, r);
	do {
		uint8_t packet[HOST_PACKET];

		len = await_in(u, packet);
		if (len == HOST_STALL)
			return HOST_STALL;
		assert_true(got + len <= r->length && got + len <= HOST_ANSWER_MAX);
		memcpy(answer + got, packet, (size_t)len);
		got += len;
	} while (len == HOST_PACKET && got < r->length);
	assert_int_equal(await_out(u, NULL, 0), 0);
	return got;
}

int usb_host_set(const struct usb_unit *u, const struct usb_request *r, const uint8_t *data)
{
	uint8_t nothing[HOST_PACKET];

	ask(u, r);
	if (r->length && await_out(u, data, (uint8_t)r->length) == HOST_STALL)
		return HOST_STALL;
	return await_in(u, nothing);
}

static void expect_name(const struct usb_unit *u, uint16_t which, const char *name)
{
	const struct usb_request r = { 0x80, 6, (uint16_t)(0x300 | which), 0x409, 255 };
	uint8_t text[HOST_ANSWER_MAX];
	int len = usb_host_get(u, &r, text);

	assert_int_equal(len, 2 + 2 * (int)strlen(name));
	assert_int_equal(text[0], len);
	assert_int_equal(text[1], 3);
	for (int i = 0; name[i]; i++)
		assert_int_equal(text[2 + 2 * i] | text[3 + 2 * i] << 8, name[i]);
}

void usb_host_enumerate(const struct usb_unit *u)
{
	uint8_t d[HOST_ANSWER_MAX];

	u->reset();
	assert_int_equal(u->address(), 0);
	/* all of 18 bytes, and what fits in 8 */
	assert_int_equal(usb_host_get(u, &(struct usb_request){ 0x80, 6, 0x100, 0, 64 }, d), 18);
	assert_memory_equal(d, ((const uint8_t[]){ 18, 1, 0, 2, 2, 0, 0, 64, 0x09, 0x12, 1, 0 }),
			    12);
	assert_int_equal(usb_host_get(u, &(struct usb_request){ 0x80, 6, 0x100, 0, 8 }, d), 8);
	assert_int_equal(usb_host_set(u, &(struct usb_request){ 0, 5, 42, 0, 0 }, NULL), 0);
	assert_int_equal(u->address(), 42);
	assert_int_equal(usb_host_get(u, &(struct usb_request){ 0x80, 6, 0x200, 0, 9 }, d), 9);
	assert_int_equal(d[2] | d[3] << 8, 67);
	assert_int_equal(usb_host_get(u, &(struct usb_request){ 0x80, 6, 0x200, 0, 255 }, d), 67);
	/* each part says its length; together they fill it; the last are the endpoints of the data */
	for (int at = 0; at < 67; at += d[at])
		assert_true(d[at] >= 4 && at + d[at] <= 67);
	assert_memory_equal(d + 53,
			    ((const uint8_t[]){ 7, 5, 0x01, 2, 64, 0, 0, 7, 5, 0x81, 2, 64, 0, 0 }),
			    14);
	expect_name(u, 1, "stepd");
	expect_name(u, 2, "stepd_fake");
	expect_name(u, 3, "00112233445566778899AABB");
	assert_int_equal(usb_host_get(u, &(struct usb_request){ 0x80, 8, 0, 0, 1 }, d), 1);
	assert_int_equal(d[0], 0);
	assert_int_equal(u->in(1, d), HOST_NAK); /* no data before it is configured */
	assert_int_equal(usb_host_set(u, &(struct usb_request){ 0, 9, 1, 0, 0 }, NULL), 0);
	assert_int_equal(usb_host_get(u, &(struct usb_request){ 0x80, 8, 0, 0, 1 }, d), 1);
	assert_int_equal(d[0], 1);
	assert_int_equal(usb_host_set(u, &(struct usb_request){ 0x21, 0x22, 3, 0, 0 }, NULL), 0);
}

void usb_host_refusals(const struct usb_unit *u)
{
	static const struct usb_request refused[] = {
		{ 0x80, 6, 0x600, 0, 10 }, /* a qualifier: it has one speed */
		{ 0x80, 6, 0x3ee, 0, 255 }, { 0x00, 9, 2, 0, 0 }, { 0x00, 3, 1, 0, 0 },
		{ 0x21, 0x20, 0, 0, 3 },    { 0xc0, 1, 0, 0, 8 }, { 0x21, 0x77, 0, 0, 0 },
	};
	uint8_t d[HOST_ANSWER_MAX];

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const struct usb_request *r = &refused[i];

		assert_int_equal(r->type & 0x80 ? usb_host_get(u, r, d) : usb_host_set(u, r, d),
				 HOST_STALL);
		/* and goes on */
		assert_int_equal(usb_host_get(u, &(struct usb_request){ 0x80, 0, 0, 0, 2 }, d), 2);
	}
}

void usb_host_line_coding(const struct usb_unit *u)
{
	const uint8_t coding[7] = { 0x00, 0xc2, 0x01, 0x00, 0, 0, 8 }; /* 115200 8N1 */
	uint8_t d[HOST_ANSWER_MAX];

	assert_int_equal(usb_host_get(u, &(struct usb_request){ 0xa1, 0x21, 0, 0, 7 }, d), 7);
	assert_memory_equal(d, ((const uint8_t[]){ 0x90, 0xd0, 0x03, 0, 0, 0, 8 }), 7);
	assert_int_equal(usb_host_set(u, &(struct usb_request){ 0x21, 0x20, 0, 0, 7 }, coding), 0);
	assert_int_equal(usb_host_get(u, &(struct usb_request){ 0xa1, 0x21, 0, 0, 7 }, d), 7);
	assert_memory_equal(d, coding, 7);
}
