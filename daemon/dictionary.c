// SPDX-License-Identifier: GPL-2.0-or-later
#include "dictionary.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static char *inflate_text(const uint8_t *data, size_t size, char *err, size_t err_size)
{
	char *text = malloc(DICTIONARY_INFLATED_MAX + 1);
	uLongf length = DICTIONARY_INFLATED_MAX;
	int rc;

	if (!text) {
		snprintf(err, err_size, "out of memory");
		return NULL;
	}
	rc = uncompress((Bytef *)text, &length, data, size);
	if (rc != Z_OK) {
		snprintf(err, err_size,
			 "the dictionary (%zu bytes) does not inflate to at most %d bytes: zlib error %d",
			 size, DICTIONARY_INFLATED_MAX, rc);
		free(text);
		return NULL;
	}
	text[length] = 0;
	return text;
}

static bool enter_id(struct dictionary *d, enum msg_id msg, struct json_object *id)
{
	int64_t n = json_object_get_int64(id);

	if (!json_object_is_type(id, json_type_int) || n < INT16_MIN || n > INT16_MAX)
		return false;
	/* Two commands of one id: who knows which the firmware would take it for. */
	for (int i = 0; msg_table[msg].kind == MSG_COMMAND && i < MSG_ID_COUNT; i++)
		if (i != (int)msg && msg_table[i].kind == MSG_COMMAND && d->ids.wire_ids[i] == n)
			return false;
	return wire_dict_set(&d->ids, msg, (int16_t)n);
}

/* Enter the ids of one of the objects "commands" and "responses". Formats that stepd doesn't know
 * are passed over; a bad id is an error. */
static int enter_ids(struct dictionary *d, const char *section, enum msg_kind kind, char *err,
		     size_t err_size)
{
	struct json_object *list;

	if (!json_object_object_get_ex(d->root, section, &list) ||
	    !json_object_is_type(list, json_type_object)) {
		snprintf(err, err_size, "the dictionary has no object '%s'", section);
		return -1;
	}
	json_object_object_foreach(list, format, id)
	{
		int msg = wire_find_format(format);

		if (msg < 0 || msg_table[msg].kind != kind)
			continue;
		if (!enter_id(d, (enum msg_id)msg, id)) {
			snprintf(err, err_size,
				 "the dictionary gives '%s' the id %s; expected a free number of at most 14 bits",
				 format, json_object_to_json_string(id));
			return -1;
		}
	}
	return 0;
}

int dictionary_parse(struct dictionary *d, const uint8_t *data, size_t size, char *err,
		     size_t err_size)
{
	char *text = inflate_text(data, size, err, err_size);
	enum json_tokener_error jerr = json_tokener_success;

	d->root = NULL;
	wire_dict_init(&d->ids);
	if (!text)
		return -1;
	d->root = json_tokener_parse_verbose(text, &jerr);
	free(text);
	if (!d->root || !json_object_is_type(d->root, json_type_object)) {
		snprintf(err, err_size, "the dictionary is not a JSON object: %s",
			 json_tokener_error_desc(jerr));
		dictionary_free(d);
		return -1;
	}
	if (enter_ids(d, "commands", MSG_COMMAND, err, err_size) < 0 ||
	    enter_ids(d, "responses", MSG_RESPONSE, err, err_size) < 0) {
		dictionary_free(d);
		return -1;
	}
	return 0;
}

void dictionary_free(struct dictionary *d)
{
	if (d->root)
		json_object_put(d->root);
	d->root = NULL;
	wire_dict_init(&d->ids);
}

static struct json_object *enumeration_of(const struct dictionary *d, const char *name)
{
	struct json_object *all, *one;

	if (!d->root || !json_object_object_get_ex(d->root, "enumerations", &all) ||
	    !json_object_object_get_ex(all, name, &one) ||
	    !json_object_is_type(one, json_type_object))
		return NULL;
	return one;
}

/* Split "PA10" into its stem "PA" and number 10. Returns the stem's length; number -1 if none. */
static size_t split_label(const char *label, long *number)
{
	size_t stem = strlen(label);

	while (stem > 0 && isdigit((unsigned char)label[stem - 1]))
		stem--;
	*number = label[stem] && strlen(label + stem) < 9 ? strtol(label + stem, NULL, 10) : -1;
	return stem;
}

static bool whole(struct json_object *v, int64_t max, uint32_t *out)
{
	int64_t n = json_object_get_int64(v);

	if (!json_object_is_type(v, json_type_int) || n < 0 || n > max)
		return false;
	*out = (uint32_t)n;
	return true;
}

/* Values are numbers, or first and count. Anything else names nothing. */
static bool range_of(struct json_object *v, uint32_t *first, uint32_t *count)
{
	*count = 1;
	if (!json_object_is_type(v, json_type_array))
		return whole(v, UINT32_MAX, first);
	return json_object_array_length(v) == 2 &&
	       whole(json_object_array_get_idx(v, 0), INT32_MAX, first) &&
	       whole(json_object_array_get_idx(v, 1), INT32_MAX, count);
}

bool dictionary_enum(const struct dictionary *d, const char *enumeration, const char *label,
		     uint32_t *value)
{
	struct json_object *list = enumeration_of(d, enumeration), *exact;
	uint32_t first, count;
	long number;
	size_t stem = split_label(label, &number);

	if (!list)
		return false;
	if (json_object_object_get_ex(list, label, &exact) && range_of(exact, &first, &count)) {
		*value = first;
		return true;
	}
	json_object_object_foreach(list, name, v)
	{
		long start;

		if (number < 0 || !json_object_is_type(v, json_type_array) ||
		    split_label(name, &start) != stem || strncmp(name, label, stem) != 0 ||
		    !range_of(v, &first, &count))
			continue;
		start = start < 0 ? 0 : start; /* "ADC" stands for ADC0, ADC1, … */
		if (number >= start && (uint32_t)(number - start) < count) {
			*value = first + (uint32_t)(number - start);
			return true;
		}
	}
	return false;
}

bool dictionary_label(const struct dictionary *d, const char *enumeration, uint32_t value,
		      char *buf, size_t size)
{
	struct json_object *list = enumeration_of(d, enumeration);

	snprintf(buf, size, "#%u", value);
	if (!list)
		return false;
	json_object_object_foreach(list, name, v)
	{
		uint32_t first, count;
		long start;
		size_t stem;

		if (!range_of(v, &first, &count) || value < first || value - first >= count)
			continue;
		if (json_object_is_type(v, json_type_int)) {
			snprintf(buf, size, "%s", name);
			return true;
		}
		stem = split_label(name, &start);
		snprintf(buf, size, "%.*s%ld", (int)stem, name,
			 (start < 0 ? 0 : start) + (long)(value - first));
		return true;
	}
	return false;
}

static struct json_object *constant(const struct dictionary *d, const char *name)
{
	struct json_object *config, *v;

	if (d->root && json_object_object_get_ex(d->root, "config", &config) &&
	    json_object_object_get_ex(config, name, &v))
		return v;
	return NULL;
}

double dictionary_number(const struct dictionary *d, const char *name, double missing)
{
	struct json_object *v = constant(d, name);

	if (!v ||
	    (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double)))
		return missing;
	return json_object_get_double(v);
}

uint32_t dictionary_whole(const struct dictionary *d, const char *name, uint32_t min, uint32_t max,
			  uint32_t missing)
{
	double v = dictionary_number(d, name, missing);

	return v >= min && v <= max ? (uint32_t)v : missing; /* NaN is neither */
}

const char *dictionary_text(const struct dictionary *d, const char *name)
{
	struct json_object *v = constant(d, name);

	if (!v && d->root)
		json_object_object_get_ex(d->root, name, &v);
	return v && json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}
