/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dictionary.h - the data dictionary of one MCU: message ids, pin names, constants.
 *
 * Fetched with `identify`, zlib-compressed JSON (docs/PROTOCOL.md section 3). All of it is outside
 * input. Threads: PLAN.
 */
#ifndef DAEMON_DICTIONARY_H
#define DAEMON_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct json_object;

enum { DICTIONARY_INFLATED_MAX = 1 << 20 };

struct dictionary {
	struct json_object *root;
	struct wire_dict ids;
};

/* Inflate and parse. Any content is safe. Returns 0, or -1 with a message in err (then *d holds
 * nothing). */
int dictionary_parse(struct dictionary *d, const uint8_t *data, size_t size, char *err,
		     size_t err_size);
void dictionary_free(struct dictionary *d);

/* Look label up in an enumeration such as "pin". Ranges ("PA0": [0, 16]) are resolved.
 * Returns false if the enumeration has no such label. */
bool dictionary_enum(const struct dictionary *d, const char *enumeration, const char *label,
		     uint32_t *value);

/* The label of a value, e.g. of a static_string_id; into buf. Returns false if there is none
 * (buf is "#value" then). */
bool dictionary_label(const struct dictionary *d, const char *enumeration, uint32_t value,
		      char *buf, size_t size);

/* A constant of section "config"; missing if it isn't there or is no number. */
double dictionary_number(const struct dictionary *d, const char *name, double missing);
/* The same as a whole number within min .. max; missing if it is none. */
uint32_t dictionary_whole(const struct dictionary *d, const char *name, uint32_t min, uint32_t max,
			  uint32_t missing);
/* The same for a text; or the top-level strings "version", "app". NULL if missing. */
const char *dictionary_text(const struct dictionary *d, const char *name);

#endif
