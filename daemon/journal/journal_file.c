// SPDX-License-Identifier: GPL-2.0-or-later
/* journal_file.c - see journal_file.h. */
#include "daemon/journal/journal_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JOURNAL_MAGIC 0x4a64702eu

static bool is_valid(const uint8_t slot[SLOT_BYTES])
{
	struct journal_record r;

	memcpy(&r, slot, sizeof(r));
	if (r.heaters > HEAT_HEATERS || !memchr(r.file, 0, sizeof(r.file)) ||
	    !memchr(r.fault, 0, sizeof(r.fault)))
		return false;
	for (uint32_t i = 0; i < r.heaters; i++)
		if (!memchr(r.heater[i].name, 0, JOURNAL_NAME_MAX))
			return false;
	return true;
}

static const struct slot_kind kind = { JOURNAL_MAGIC, JOURNAL_VERSION, is_valid };

void journal_seal(const struct journal_record *r, uint8_t slot[SLOT_BYTES])
{
	slot_seal(&kind, r, sizeof(*r), slot);
}

int journal_newest(const uint8_t *slots, struct journal_record *r)
{
	int newest = slot_newest(&kind, slots, NULL);

	if (newest >= 0)
		memcpy(r, slots + newest * SLOT_BYTES, sizeof(*r));
	return newest;
}

struct slot_file *journal_file_open(const char *path, bool threads, struct journal_record *r,
				    int *slot)
{
	uint8_t *slots = malloc(SLOT_FILE_BYTES);
	struct slot_file *f = NULL;
	int error = ENOMEM;

	if (slots)
		f = slot_file_open(path, threads, slots, &error);
	*slot = f ? journal_newest(slots, r) : -error;
	free(slots);
	return f;
}
