// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checker/plan_trace.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { PAYLOAD_MAX = 4096 };

/* Payload size of each kind; -1: not a kind of this version. */
static long payload_size(uint32_t kind)
{
	switch (kind) {
	case PLAN_TRACE_SETUP:
		return sizeof(struct plan_trace_setup);
	case PLAN_TRACE_MCU:
		return sizeof(struct plan_trace_mcu);
	case PLAN_TRACE_STEPPER:
		return sizeof(struct plan_trace_stepper);
	case PLAN_TRACE_MOVE:
		return sizeof(struct plan_trace_move);
	case PLAN_TRACE_MANUAL:
		return sizeof(struct plan_trace_manual);
	case PLAN_TRACE_POSITION:
		return sizeof(struct plan_trace_position);
	case PLAN_TRACE_MAP:
		return sizeof(struct plan_trace_map);
	case PLAN_TRACE_HALT:
	case PLAN_TRACE_CUT:
	case PLAN_TRACE_STOP:
		return sizeof(struct plan_trace_halt);
	case PLAN_TRACE_RESYNC:
		return sizeof(struct plan_trace_resync);
	case PLAN_TRACE_SHAPER:
		return sizeof(struct plan_trace_shaper);
	case PLAN_TRACE_EXTRUDE:
		return sizeof(struct plan_trace_extrude);
	case PLAN_TRACE_WEIGHTS:
		return sizeof(struct plan_trace_weights);
	case PLAN_TRACE_END:
		return 0;
	default:
		return -1;
	}
}

static void *payload(const struct plan_trace_rec *rec)
{
	return (char *)(uintptr_t)rec + offsetof(struct plan_trace_rec, setup);
}

int plan_trace_begin(FILE *f)
{
	struct plan_trace_header h = { .magic = PLAN_TRACE_MAGIC,
				       .version = PLAN_TRACE_VERSION,
				       .byte_order = PLAN_TRACE_BYTE_ORDER,
				       .move_size = sizeof(struct move) };

	return fwrite(&h, sizeof(h), 1, f) == 1 ? 0 : -EIO;
}

int plan_trace_put(FILE *f, const struct plan_trace_rec *rec)
{
	long size = payload_size(rec->kind);
	uint32_t head[2] = { rec->kind, (uint32_t)size };

	if (size < 0)
		return -EINVAL;
	if (fwrite(head, sizeof(head), 1, f) != 1)
		return -EIO;
	if (size > 0 && fwrite(payload(rec), (size_t)size, 1, f) != 1)
		return -EIO;
	return 0;
}

int plan_trace_put_move(FILE *f, const struct move *m, double start_s)
{
	struct plan_trace_rec rec = { .kind = PLAN_TRACE_MOVE };

	rec.move.move = *m;
	rec.move.start_s = start_s;
	return plan_trace_put(f, &rec);
}

int plan_trace_put_map(FILE *f, uint32_t mcu, double from_s, uint64_t clock0, double t0_s,
		       double freq_hz)
{
	struct plan_trace_rec rec = { .kind = PLAN_TRACE_MAP };

	rec.map = (struct plan_trace_map){
		.mcu = mcu, .clock0 = clock0, .from_s = from_s, .t0_s = t0_s, .freq_hz = freq_hz
	};
	return plan_trace_put(f, &rec);
}

int plan_trace_open(FILE *f, char *err, size_t err_len)
{
	struct plan_trace_header h;

	if (fread(&h, sizeof(h), 1, f) != 1 || memcmp(h.magic, PLAN_TRACE_MAGIC, sizeof(h.magic)))
		snprintf(err, err_len, "not a plan trace: it does not start with %s",
			 PLAN_TRACE_MAGIC);
	else if (h.byte_order != PLAN_TRACE_BYTE_ORDER)
		snprintf(err, err_len, "plan trace was written on a machine of other byte order");
	else if (h.version != PLAN_TRACE_VERSION)
		snprintf(err, err_len, "plan trace has version %u, expected %u", h.version,
			 PLAN_TRACE_VERSION);
	else if (h.move_size != sizeof(struct move))
		snprintf(err, err_len, "plan trace has moves of %u bytes, expected %zu",
			 h.move_size, sizeof(struct move));
	else
		return 0;
	return -EPROTO;
}

int plan_trace_get(FILE *f, struct plan_trace_rec *rec, char *err, size_t err_len)
{
	char skipped[PAYLOAD_MAX];
	uint32_t head[2];
	size_t got;

	for (;;) {
		long size;

		got = fread(head, 1, sizeof(head), f);
		if (got == 0 && feof(f))
			return 0;
		if (got != sizeof(head))
			break;
		size = payload_size(head[0]);
		if (head[1] > PAYLOAD_MAX || (size >= 0 && head[1] != (uint32_t)size)) {
			snprintf(err, err_len,
				 "offset %ld: record of kind %u has %u bytes, expected %ld",
				 ftell(f) - (long)sizeof(head), head[0], head[1], size);
			return -EPROTO;
		}
		if (fread(size < 0 ? skipped : payload(rec), 1, head[1], f) != head[1])
			break;
		if (size >= 0) {
			rec->kind = (enum plan_trace_kind)head[0];
			return 1;
		}
	}
	snprintf(err, err_len, "offset %ld: the last record is cut short", ftell(f));
	return -EPROTO;
}
