/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire.h - the wire format: VLQ integers, CRC frames, messages. Shared by host and firmware.
 *
 * Pure functions over caller's buffers; the only state is struct wire_rx and struct wire_dict,
 * which the caller places. No 64-bit division, no floating point.
 * Threads: any, reentrant; one thread at a time for each struct.
 * Errors:  all input is untrusted: a result says what was wrong, nothing is asserted about it.
 * Facts:   docs/PROTOCOL.md sections 1-3.
 */
#ifndef RTCORE_WIRE_H
#define RTCORE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WIRE_FRAME_MIN = 5,
	WIRE_FRAME_MAX = 64,
	WIRE_PAYLOAD_MAX = 59,
	WIRE_HEADER = 2,  /* len and seq, before the payload */
	WIRE_TRAILER = 3, /* crc and 0x7e, after it */
	WIRE_SYNC = 0x7e,
	WIRE_SEQ_MASK = 0x0f,
	WIRE_SEQ_DEST = 0x10,
	WIRE_FIELDS_MAX = 9,
	WIRE_FIELD_BITS = 3,
	WIRE_FOREIGN_FIELDS_MAX = 16,
	WIRE_VLQ_MAX = 5,
	WIRE_ID_MIN = -4096, /* ids take at most two VLQ bytes */
	WIRE_ID_MAX = 12287,
	WIRE_ID_NONE = INT16_MIN, /* no such message; -1 is a valid id */
	WIRE_QUEUE_STEP_MAX = 15,
};

/* Tables of constants stay in flash where that is an address space of its own. */
#ifdef __AVR__
#define WIRE_ROM __flash
#else
#define WIRE_ROM
#endif

/* Chips do without the names of messages, and without statistics. */
#ifdef __linux__
#define WIRE_HOST
#endif

/* ---- messages: generated from messages.def ---- */

enum msg_kind { MSG_COMMAND, MSG_RESPONSE };
enum { MSG_IN_SHUTDOWN = 1, MSG_EXTENSION = 2, MSG_OLD = 4, MSG_CAN = 8, MSG_STAMP = 16 };
/* By size; 0 is none. */
enum msg_field_type { MSG_F_c = 1, MSG_F_hu, MSG_F_hi, MSG_F_u, MSG_F_i, MSG_F_s, MSG_F_ds };

/* A byte string field; points into the frame it was decoded from, or to the caller's bytes. */
struct msg_bytes {
	const uint8_t *data;
	uint8_t len;
};

/* Number i of those of 16 bits, low byte first, that a byte string holds; the caller knows there are so many. */
static inline uint16_t msg_bytes_le16(struct msg_bytes b, uint32_t i)
{
	return (uint16_t)(b.data[2 * i] | b.data[2 * i + 1] << 8);
}

typedef uint8_t msg_ctype_c;
typedef uint16_t msg_ctype_hu;
typedef uint32_t msg_ctype_u;
typedef int16_t msg_ctype_hi;
typedef int32_t msg_ctype_i;
typedef struct msg_bytes msg_ctype_s;
typedef struct msg_bytes msg_ctype_ds;

#define MSG(name, kind, flags, fields) MSG_ID_##name,
#define F(type, name)
enum msg_id {
#include "messages.def"
	MSG_ID_COUNT
};

/* struct msg_<name>, one member a field; empty (a GNU extension) for a message without fields. */
#define MSG(name, kind, flags, fields) \
	struct msg_##name { \
		fields \
	};
#define F(type, name) msg_ctype_##type name;
#include "messages.def"

/* Room for any one message, as wire_decode() needs it when the id comes from the wire. */
#define MSG(name, kind, flags, fields) struct msg_##name name;
#define F(type, name)
union msg_any {
#include "messages.def"
};

struct msg_desc {
	uint32_t fields : 27; /* enum msg_field_type of each in WIRE_FIELD_BITS, the first one lowest */
	uint32_t flags : 5; /* MSG_IN_SHUTDOWN, … */
#ifdef WIRE_HOST
	const char *name;   /* "queue_step" */
	const char *format; /* "queue_step oid=%c interval=%u count=%hu add=%hi", exact */
	uint8_t kind;       /* enum msg_kind */
	uint8_t field_count;
	uint8_t size;                     /* of struct msg_<name> */
	uint8_t types[WIRE_FIELDS_MAX];   /* the fields once more, one by one */
	uint8_t offsets[WIRE_FIELDS_MAX]; /* of the member in struct msg_<name> */
#endif
};

/* Indexed by enum msg_id. */
extern const WIRE_ROM struct msg_desc msg_table[MSG_ID_COUNT];

/* The message with exactly this format string, or with this name: enum msg_id, or -1. Linear. */
int wire_find_format(const char *format);
int wire_find_name(const char *name);

/* ---- integers and ids ---- */

/* Write v at p, which has room for WIRE_VLQ_MAX bytes. Signed and unsigned values of 32 bits are
 * the same here: cast. Returns: the end of what was written. */
uint8_t *wire_put_vlq(uint8_t *p, uint32_t v);

/* Read one integer from [p, end). Returns: the byte after it, or NULL (cut off, or over 5 bytes). */
const uint8_t *wire_get_vlq(const uint8_t *p, const uint8_t *end, uint32_t *v);

/* Read a message id. Returns: the first byte of the fields, or NULL (cut off, or over 2 bytes). */
const uint8_t *wire_get_id(const uint8_t *p, const uint8_t *end, int16_t *wire_id);

/* ---- messages ---- */

/* Encode id and fields of *msg (a struct msg_<name> that fits desc) into buf[0..cap).
 * Returns: bytes written, or 0 if they do not fit. */
size_t wire_encode(uint8_t *buf, size_t cap, int16_t wire_id, const WIRE_ROM struct msg_desc *desc,
		   const void *msg);

/* The same for the message that is nearly all of the traffic. buf has WIRE_QUEUE_STEP_MAX bytes.
 * Returns: bytes written. */
size_t wire_encode_queue_step(uint8_t *buf, int16_t wire_id, const struct msg_queue_step *msg);

/* Decode the fields that follow an id. Integers are truncated to their type; strings point into
 * bytes. Returns: bytes read, 0..len, or -1 if they are cut off or malformed (then *msg is
 * partly written). */
int wire_decode(const WIRE_ROM struct msg_desc *desc, const uint8_t *bytes, size_t len, void *msg);

/* ---- frames ---- */

/* CRC-16/MCRF4XX of len bytes. */
uint16_t wire_crc(const uint8_t *bytes, size_t len);

/* Complete a frame whose payload already stands at frame[WIRE_HEADER]. Only the low 4 bits of seq
 * count. Asserts nothing: payload_len must be at most WIRE_PAYLOAD_MAX. Returns: frame length. */
size_t wire_frame_finish(uint8_t *frame, uint8_t seq, size_t payload_len);

/* The same with the payload elsewhere (NULL if empty). frame has WIRE_FRAME_MAX bytes. */
size_t wire_frame_build(uint8_t *frame, uint8_t seq, const uint8_t *payload, size_t payload_len);

enum wire_rx_result {
	WIRE_RX_MORE,  /* all input taken, no whole frame yet */
	WIRE_RX_FRAME, /* *frame is valid until the next call, and while the input is */
	WIRE_RX_ERROR, /* bytes are being discarded up to and including the next 0x7e */
};

struct wire_frame {
	uint8_t seq; /* 0..15 */
	uint8_t payload_len;
	const uint8_t *payload;
};

struct wire_rx {
	uint8_t buf[WIRE_FRAME_MAX];
	uint8_t have;    /* bytes in buf */
	uint8_t done;    /* bytes at the start of buf that the last frame used */
	bool discarding; /* skip to the next 0x7e */
#ifdef WIRE_HOST
	/* statistics, free running */
	uint32_t frames;
	uint32_t bad_len, bad_seq, bad_crc; /* bad_crc counts a missing final 0x7e too */
	uint32_t discarded_bytes;
#endif
};

void wire_rx_init(struct wire_rx *rx);

/* Take bytes from *bytes (both arguments advance) until something is to be reported. Call again
 * until WIRE_RX_MORE: only then everything is taken. Cost: O(bytes), plus 64*64 byte moves for
 * each corrupt frame at worst. */
enum wire_rx_result wire_rx_next(struct wire_rx *rx, const uint8_t **bytes, size_t *len,
				 struct wire_frame *frame);

/* ---- the dictionary of one MCU ---- */

/* Which ids this MCU's firmware gave to the messages that stepd knows. The daemon fills it from
 * the identify data, rtcore reads it. Ids that are not in it belong to messages stepd does not
 * know; since a firmware frame holds one response, skipping such a one is skipping its frame. */
struct wire_dict {
	int16_t wire_ids[MSG_ID_COUNT]; /* WIRE_ID_NONE: the firmware lacks it */
	/* the responses among them, sorted by wire id */
	uint16_t response_count;
	struct {
		int16_t wire_id;
		int16_t msg_id;
	} responses[MSG_ID_COUNT];
};

/* Empty but for the two fixed ids, identify_response = 0 and identify = 1. */
void wire_dict_init(struct wire_dict *dict);

/* The ids of stepd's own firmware: wire id = enum msg_id. */
void wire_dict_init_own(struct wire_dict *dict);

/* Enter a message. Returns: false if the id is out of range or another response has it. */
bool wire_dict_set(struct wire_dict *dict, enum msg_id msg_id, int16_t wire_id);

/* The id to send a command with, or WIRE_ID_NONE. */
static inline int16_t wire_dict_wire_id(const struct wire_dict *dict, enum msg_id msg_id)
{
	return dict->wire_ids[msg_id];
}

/* The response that a received id means: enum msg_id, or -1 if stepd does not know it. */
int wire_dict_response(const struct wire_dict *dict, int16_t wire_id);

/* A foreign format string taken apart. */
struct wire_format {
	uint8_t name_len; /* the message name is the first name_len characters */
	uint8_t field_count;
	uint8_t types[WIRE_FOREIGN_FIELDS_MAX]; /* enum msg_field_type; %s counts as MSG_F_s */
};

/* Returns: false if it is not "name field=%type ...", or has over WIRE_FOREIGN_FIELDS_MAX fields. */
bool wire_format_parse(const char *format, struct wire_format *out);

/* Length of the fields of a message with these types. Returns: 0..len, or -1 as wire_decode(). */
int wire_skip(const uint8_t *types, size_t field_count, const uint8_t *bytes, size_t len);

#endif
