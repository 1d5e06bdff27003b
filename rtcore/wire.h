/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire.h - the wire format: VLQ integers, CRC frames, messages. Shared by host and firmware.
 *
 * Pure functions over caller's buffers; no state but struct wire_rx. Threads: any, reentrant.
 * Facts: docs/PROTOCOL.md sections 1-3. All input is untrusted.
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
	WIRE_SYNC = 0x7e,
	WIRE_SEQ_MASK = 0x0f,
	WIRE_SEQ_DEST = 0x10,
	WIRE_FIELDS_MAX = 9,
	WIRE_VLQ_MAX = 5,
};

/* ---- messages: generated from messages.def ---- */

enum msg_kind { MSG_COMMAND, MSG_RESPONSE };
enum { MSG_IN_SHUTDOWN = 1 };
enum msg_field_type { MSG_F_c, MSG_F_hu, MSG_F_u, MSG_F_hi, MSG_F_i, MSG_F_s, MSG_F_ds };

/* A byte string field; points into the frame it was decoded from, or to the caller's bytes. */
struct msg_bytes {
	const uint8_t *data;
	uint8_t len;
};

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

struct msg_desc {
	const char *name;   /* "queue_step" */
	const char *format; /* "queue_step oid=%c interval=%u count=%hu add=%hi", exact */
	uint8_t kind;       /* enum msg_kind */
	uint8_t flags;      /* MSG_IN_SHUTDOWN */
	uint8_t field_count;
	uint8_t types[WIRE_FIELDS_MAX];    /* enum msg_field_type */
	uint8_t offsets[WIRE_FIELDS_MAX]; /* of the member in struct msg_<name> */
};
#endif
