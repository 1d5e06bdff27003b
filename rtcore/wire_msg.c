/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire_msg.c - the message table made from messages.def, and the dictionary of an MCU. */
#include "wire.h"

#include <string.h>

/* messages.def gives each message its fields as F(type, name) F(type, name) ... Here F makes them
 * a comma list of (type, name) pairs, and MAP applies a macro to each of up to nine: f(m, pair, what
 * comes of the pairs behind it).
 */
#define MAP_0(f, m)
#define MAP_1(f, m, x) f(m, x, )
#define MAP_2(f, m, x, ...) f(m, x, MAP_1(f, m, __VA_ARGS__))
#define MAP_3(f, m, x, ...) f(m, x, MAP_2(f, m, __VA_ARGS__))
#define MAP_4(f, m, x, ...) f(m, x, MAP_3(f, m, __VA_ARGS__))
#define MAP_5(f, m, x, ...) f(m, x, MAP_4(f, m, __VA_ARGS__))
#define MAP_6(f, m, x, ...) f(m, x, MAP_5(f, m, __VA_ARGS__))
#define MAP_7(f, m, x, ...) f(m, x, MAP_6(f, m, __VA_ARGS__))
#define MAP_8(f, m, x, ...) f(m, x, MAP_7(f, m, __VA_ARGS__))
#define MAP_9(f, m, x, ...) f(m, x, MAP_8(f, m, __VA_ARGS__))
#define MAP_PICK(f, m, a, b, c, d, e, g, h, i, j, map, ...) map
#define MAP(...) \
	MAP_PICK(__VA_ARGS__, MAP_9, MAP_8, MAP_7, MAP_6, MAP_5, MAP_4, MAP_3, MAP_2, MAP_1, \
		 MAP_0, ) \
	(__VA_ARGS__)

#define TYPE_OF(type, name) type
#define NAME_OF(type, name) name
#define PASTE(a, b) PASTE_(a, b)
#define PASTE_(a, b) a##b
#define STRING(a) STRING_(a)
#define STRING_(a) #a

#define FORMAT_c "%c"
#define FORMAT_hu "%hu"
#define FORMAT_u "%u"
#define FORMAT_hi "%hi"
#define FORMAT_i "%i"
#define FORMAT_s "%*s"
#define FORMAT_ds "%.*s"

#define FIELD_FORMAT(m, f, ...) " " STRING(NAME_OF f) "=" PASTE(FORMAT_, TYPE_OF f) __VA_ARGS__
#define FIELD_TYPE(m, f, ...) PASTE(MSG_F_, TYPE_OF f), __VA_ARGS__
#define FIELD_OFFSET(m, f, ...) offsetof(m, NAME_OF f), __VA_ARGS__
#define FIELD_ONE(m, f, ...) +1 __VA_ARGS__
#define FIELD_PACK(m, f, ...) \
	+PASTE(MSG_F_, TYPE_OF f) + (UINT32_C(1) << WIRE_FIELD_BITS) * (0 __VA_ARGS__)

#ifdef WIRE_HOST
#define FOR_HOST(msg, msg_kind, ...) \
	.name = #msg, .format = #msg MAP(FIELD_FORMAT, __VA_ARGS__), .kind = MSG_##msg_kind, \
	.field_count = 0 MAP(FIELD_ONE, __VA_ARGS__), .size = sizeof(struct msg_##msg), \
	.types = { MAP(FIELD_TYPE, __VA_ARGS__) }, .offsets = { MAP(FIELD_OFFSET, __VA_ARGS__) },
#else
#define FOR_HOST(msg, ...)
#endif
#define MSG(msg, msg_kind, msg_flags, msg_fields) \
	[MSG_ID_##msg] = { .fields = 0 MAP(FIELD_PACK, struct msg_##msg msg_fields), \
			   .flags = msg_flags, \
			   FOR_HOST(msg, msg_kind, struct msg_##msg msg_fields) },
#define F(type, name) , (type, name)

const WIRE_ROM struct msg_desc msg_table[MSG_ID_COUNT] = {
#include "messages.def"
};

/* stepd's own ids are enum msg_id: the two fixed ones must come out right. */
_Static_assert(MSG_ID_identify_response == 0 && MSG_ID_identify == 1, "fixed message ids");

#ifdef WIRE_HOST
/* On the wire, an earlier form of a message has its name, without the suffix by which the table tells them apart. */
static bool has_format(const struct msg_desc *m, const char *format)
{
	static const char suffix[] = "__old";
	size_t len = strlen(m->name), cut = sizeof(suffix) - 1, wire_len = len;

	if (len > cut && strcmp(m->name + len - cut, suffix) == 0)
		wire_len -= cut;
	return strncmp(m->name, format, wire_len) == 0 &&
	       strcmp(m->format + len, format + wire_len) == 0;
}

int wire_find_format(const char *format)
{
	for (int i = 0; i < MSG_ID_COUNT; i++)
		if (has_format(&msg_table[i], format))
			return i;
	return -1;
}

int wire_find_name(const char *name)
{
	for (int i = 0; i < MSG_ID_COUNT; i++)
		if (strcmp(msg_table[i].name, name) == 0)
			return i;
	return -1;
}

void wire_dict_init(struct wire_dict *dict)
{
	memset(dict, 0, sizeof(*dict));
	for (int i = 0; i < MSG_ID_COUNT; i++)
		dict->wire_ids[i] = WIRE_ID_NONE;
	wire_dict_set(dict, MSG_ID_identify_response, 0);
	wire_dict_set(dict, MSG_ID_identify, 1);
}

void wire_dict_init_own(struct wire_dict *dict)
{
	wire_dict_init(dict);
	for (int i = 0; i < MSG_ID_COUNT; i++)
		wire_dict_set(dict, (enum msg_id)i, (int16_t)i);
}

/* First response whose id is wire_id or above. */
static unsigned int response_lower_bound(const struct wire_dict *dict, int16_t wire_id)
{
	unsigned int lo = 0, hi = dict->response_count;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (dict->responses[mid].wire_id < wire_id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void response_remove(struct wire_dict *dict, int16_t wire_id)
{
	unsigned int at = response_lower_bound(dict, wire_id);

	dict->response_count--;
	memmove(&dict->responses[at], &dict->responses[at + 1],
		(dict->response_count - at) * sizeof(dict->responses[0]));
}

bool wire_dict_set(struct wire_dict *dict, enum msg_id msg_id, int16_t wire_id)
{
	if (wire_id < WIRE_ID_MIN || wire_id > WIRE_ID_MAX)
		return false;
	if (msg_table[msg_id].kind == MSG_RESPONSE) {
		int owner = wire_dict_response(dict, wire_id);

		if (owner >= 0)
			return owner == (int)msg_id;
		if (dict->wire_ids[msg_id] != WIRE_ID_NONE)
			response_remove(dict, dict->wire_ids[msg_id]);
		unsigned int at = response_lower_bound(dict, wire_id);
		memmove(&dict->responses[at + 1], &dict->responses[at],
			(dict->response_count - at) * sizeof(dict->responses[0]));
		dict->responses[at].wire_id = wire_id;
		dict->responses[at].msg_id = (int16_t)msg_id;
		dict->response_count++;
	}
	dict->wire_ids[msg_id] = wire_id;
	return true;
}

int wire_dict_response(const struct wire_dict *dict, int16_t wire_id)
{
	unsigned int at = response_lower_bound(dict, wire_id);

	if (at == dict->response_count || dict->responses[at].wire_id != wire_id)
		return -1;
	return dict->responses[at].msg_id;
}

/* Length of the word at s: up to a blank, '=', '%' or the end. */
static size_t word_len(const char *s)
{
	return strcspn(s, " =%");
}

static int type_of_format(const char *s, size_t len)
{
	static const char names[][5] = {
		[MSG_F_c] = FORMAT_c,   [MSG_F_hu] = FORMAT_hu, [MSG_F_u] = FORMAT_u,
		[MSG_F_hi] = FORMAT_hi, [MSG_F_i] = FORMAT_i,   [MSG_F_s] = FORMAT_s,
		[MSG_F_ds] = FORMAT_ds,
	};

	for (int i = MSG_F_c; i < (int)(sizeof(names) / sizeof(names[0])); i++)
		if (strlen(names[i]) == len && memcmp(s, names[i], len) == 0)
			return i;
	return len == 2 && memcmp(s, "%s", 2) == 0 ? MSG_F_s : -1;
}

bool wire_format_parse(const char *format, struct wire_format *out)
{
	const char *s = format;
	size_t n = word_len(s);

	memset(out, 0, sizeof(*out));
	if (n == 0 || n > UINT8_MAX)
		return false;
	out->name_len = (uint8_t)n;
	for (s += n; *s == ' ';) {
		s++;
		n = word_len(s);
		if (n == 0 || s[n] != '=' || out->field_count == WIRE_FOREIGN_FIELDS_MAX)
			return false;
		s += n + 1;
		n = strcspn(s, " ");
		int type = type_of_format(s, n);
		if (type < 0)
			return false;
		out->types[out->field_count++] = (uint8_t)type;
		s += n;
	}
	return *s == '\0';
}
#endif
