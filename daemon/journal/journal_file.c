// SPDX-License-Identifier: GPL-2.0-or-later
/* journal_file.c - see journal_file.h. */
#include "daemon/journal/journal_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JOURNAL_MAGIC 0x4a64702eu

void journal_seal(const struct journal_record *r, uint8_t slot[SLOT_BYTES])
{
	struct journal_record sealed = *r;

	sealed.magic = JOURNAL_MAGIC;
	sealed.version = JOURNAL_VERSION;
	memset(slot, 0, SLOT_BYTES);
	memcpy(slot, &sealed, sizeof(sealed));
	slot_seal(slot);
}

bool journal_unseal(const uint8_t slot[SLOT_BYTES], struct journal_record *r)
{
	struct journal_record in;

	memcpy(&in, slot, sizeof(in));
	if (!slot_whole(slot) || in.magic != JOURNAL_MAGIC || in.version != JOURNAL_VERSION ||
	    in.heaters > HEAT_HEATERS || !memchr(in.file, 0, sizeof(in.file)) ||
	    !memchr(in.fault, 0, sizeof(in.fault)))
		return false;
	for (uint32_t i = 0; i < in.heaters; i++)
		if (!memchr(in.heater[i].name, 0, JOURNAL_NAME_MAX))
			return false;
	*r = in;
	return true;
}

int journal_newest(const uint8_t *slots, struct journal_record *r)
{
	struct journal_record in;
	int newest = -1;

	for (int i = 0; i < SLOTS; i++) {
		if (!journal_unseal(slots + i * SLOT_BYTES, &in) ||
		    (newest >= 0 && in.sequence <= r->sequence))
			continue;
		*r = in;
		newest = i;
	}
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
