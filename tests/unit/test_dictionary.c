// SPDX-License-Identifier: GPL-2.0-or-later
/* test_dictionary.c - the data dictionary of an MCU, good and hostile.
 *
 * Shown: what a good one says is found (ids, pins in ranges, constants, labels); a broken one of any
 * kind gives an error that names what is wrong, and whatever is accepted can be asked about without
 * harm. Mutations of text and compressed bytes are seeded: STEPD_SEED repeats, STEPD_TEST_SIZE scales. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "daemon/dictionary.h"
#include "mcu/boards/sim/sim.h"

static const char good[] =
	"{\"version\":\"v1\",\"app\":\"test\",\"commands\":{"
	"\"identify offset=%u count=%c\":1,\"get_uptime\":4,\"get_clock\":5,"
	"\"queue_step oid=%c interval=%u count=%hu add=%hi\":22,\"foreign thing=%u\":-3},"
	"\"responses\":{\"identify_response offset=%u data=%.*s\":0,\"clock clock=%u\":-5,"
	"\"uptime high=%u clock=%u\":96,\"stats count=%u sum=%u sumsq=%u\":97},"
	"\"enumerations\":{\"pin\":{\"PA0\":[0,16],\"PB0\":[16,16],\"PC13\":45,\"ADC\":[60,2],"
	"\"odd\":\"text\",\"neg\":-1,\"short\":[1],\"words\":[\"a\",\"b\"],\"PZ0\":[-4,16]},"
	"\"static_string_id\":{\"Timer too close\":1,\"Odd\":[10,3]},\"flat\":7},"
	"\"config\":{\"CLOCK_FREQ\":50000000,\"RECEIVE_WINDOW\":192,\"MCU\":\"chip\",\"HALF\":0.5,"
	"\"BIG\":1e300,\"NEG\":-7,\"NOT\":NaN}}";

static uint8_t *deflate_text(const char *text, size_t len, uLongf *size)
{
	uint8_t *data;

	*size = compressBound(len);
	data = malloc(*size);
	assert_non_null(data);
	assert_int_equal(compress(data, size, (const Bytef *)text, len), Z_OK);
	return data;
}

static int parse(struct dictionary *d, const char *text, char err[256])
{
	uLongf size;
	uint8_t *data = deflate_text(text, strlen(text), &size);
	int rc = dictionary_parse(d, data, size, err, 256);

	free(data);
	return rc;
}

static void good_one(void **state)
{
	struct dictionary d;
	char err[256] = "", buf[32];
	uint32_t n;

	(void)state;
	assert_int_equal(parse(&d, good, err), 0);
	assert_int_equal(wire_dict_wire_id(&d.ids, MSG_ID_get_clock), 5);
	assert_int_equal(wire_dict_wire_id(&d.ids, MSG_ID_queue_step), 22);
	assert_int_equal(wire_dict_wire_id(&d.ids, MSG_ID_reset), WIRE_ID_NONE);
	assert_int_equal(wire_dict_response(&d.ids, -5), MSG_ID_clock);
	assert_int_equal(wire_dict_response(&d.ids, 97), MSG_ID_stats);

	assert_true(dictionary_enum(&d, "pin", "PA0", &n) && n == 0);
	assert_true(dictionary_enum(&d, "pin", "PA15", &n) && n == 15);
	assert_true(dictionary_enum(&d, "pin", "PB9", &n) && n == 25);
	assert_true(dictionary_enum(&d, "pin", "PC13", &n) && n == 45);
	assert_true(dictionary_enum(&d, "pin", "ADC1", &n) && n == 61);
	static const char *const absent[] = {
		"PA16", "PC14",  "PC12",  "PD0", "",     "PA", "odd",
		"neg",  "short", "words", "PZ1", "ADC2", "5",  "PA99999999999999999999",
		"PA-1"
	};
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		if (dictionary_enum(&d, "pin", absent[i], &n))
			fail_msg("there is a pin '%s': %u", absent[i], n);
	assert_false(dictionary_enum(&d, "flat", "x", &n));
	assert_false(dictionary_enum(&d, "absent", "x", &n));

	assert_true(dictionary_label(&d, "static_string_id", 1, buf, sizeof(buf)));
	assert_string_equal(buf, "Timer too close");
	assert_true(dictionary_label(&d, "static_string_id", 12, buf, sizeof(buf)));
	assert_string_equal(buf, "Odd2");
	assert_true(dictionary_label(&d, "pin", 17, buf, sizeof(buf)));
	assert_string_equal(buf, "PB1");
	assert_false(dictionary_label(&d, "static_string_id", 4000000000u, buf, sizeof(buf)));
	assert_string_equal(buf, "#4000000000");
	assert_true(dictionary_label(&d, "static_string_id", 1, buf, 6)); /* cut, terminated */
	assert_string_equal(buf, "Timer");

	assert_true(dictionary_number(&d, "CLOCK_FREQ", 0) == 50e6);
	assert_true(dictionary_number(&d, "HALF", 0) == 0.5);
	assert_true(dictionary_number(&d, "MCU", -1) == -1);
	assert_true(dictionary_number(&d, "ABSENT", -1) == -1);
	assert_int_equal(dictionary_whole(&d, "RECEIVE_WINDOW", 0, 65535, 0), 192);
	assert_int_equal(dictionary_whole(&d, "BIG", 0, 65535, 3), 3);
	assert_int_equal(dictionary_whole(&d, "NEG", 0, 65535, 3), 3);
	assert_int_equal(dictionary_whole(&d, "NOT", 0, 65535, 3), 3);
	assert_int_equal(dictionary_whole(&d, "HALF", 1, 65535, 3), 3);
	assert_string_equal(dictionary_text(&d, "MCU"), "chip");
	assert_string_equal(dictionary_text(&d, "version"), "v1");
	assert_null(dictionary_text(&d, "CLOCK_FREQ"));
	assert_null(dictionary_text(&d, "ABSENT"));
	dictionary_free(&d);
	dictionary_free(&d);
}

static void own_firmware(void **state)
{
	struct sim *sim = sim_new(&(struct sim_cfg){ .freq_hz = 16000000 });
	struct dictionary d;
	const uint8_t *data;
	char err[256];
	size_t len;
	uint32_t n;

	(void)state;
	assert_non_null(sim);
	assert_int_equal(sim_pins_add(sim, "P1.22") >= 0, 1);
	assert_int_equal(sim_start(sim), 0);
	data = sim_dict_zlib(sim, &len);
	assert_int_equal(dictionary_parse(&d, data, len, err, sizeof(err)), 0);
	for (int i = 0; i < MSG_ID_COUNT; i++)
		assert_int_equal(wire_dict_wire_id(&d.ids, (enum msg_id)i),
				 msg_table[i].flags & (MSG_OLD | MSG_CAN | MSG_STAMP) ? WIRE_ID_NONE
										      : i);
	assert_true(dictionary_number(&d, "CLOCK_FREQ", 0) == 16e6);
	for (int i = 0; i < 16; i++) {
		char name[16];

		snprintf(name, sizeof(name), "PG%d", i);
		assert_true(dictionary_enum(&d, "pin", name, &n));
		assert_int_equal((int)n, sim_pin_number(sim, name));
	}
	assert_true(dictionary_enum(&d, "pin", "P1.22", &n));
	dictionary_free(&d);
	sim_free(sim);
}

/* A text in place of another in the good dictionary, and a word that the error must have. */
static const struct {
	const char *from, *to, *says;
} broken[] = {
	{ "{\"version\"", "\"version\"", "JSON" },
	{ "NaN}}", "NaN}", "JSON" },
	{ "{\"version\"", "[{\"version\"", "JSON" },
	{ "\"commands\":{", "\"commandz\":{", "commands" },
	{ "\"responses\":{", "\"responses\":null,\"r\":{", "responses" },
	{ "\"get_clock\":5", "\"get_clock\":65541", "get_clock" },      /* 5 + 2^16 */
	{ "\"get_clock\":5", "\"get_clock\":4294967301", "get_clock" }, /* 5 + 2^32 */
	{ "\"get_clock\":5", "\"get_clock\":5000000000000000000000", "get_clock" },
	{ "\"get_clock\":5", "\"get_clock\":-5000", "get_clock" },
	{ "\"get_clock\":5", "\"get_clock\":\"5\"", "get_clock" },
	{ "\"get_clock\":5", "\"get_clock\":5.5", "get_clock" },
	{ "\"get_clock\":5", "\"get_clock\":null", "get_clock" },
	{ "\"get_clock\":5", "\"get_clock\":[5]", "get_clock" },
	{ "\"get_clock\":5", "\"get_clock\":4", "get_clock" }, /* the id of get_uptime */
	{ "\"get_clock\":5", "\"get_clock\":1", "get_clock" }, /* the id of identify */
	{ "clock=%u\":96", "clock=%u\":-5", "id -5" },         /* two responses */
	{ "sumsq=%u\":97", "sumsq=%u\":0", "stats" },          /* the id of identify_response */
};

static void broken_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		char text[4096], err[256] = "";
		const char *at = strstr(good, broken[i].from);
		struct dictionary d;

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, broken[i].to,
			 at + strlen(broken[i].from));
		if (parse(&d, text, err) == 0)
			fail_msg("accepted: %s", broken[i].to);
		if (!strstr(err, broken[i].says))
			fail_msg("%s: error '%s' lacks '%s'", broken[i].to, err, broken[i].says);
		assert_null(d.root);
	}
}

static void not_zlib(void **state)
{
	struct dictionary d;
	char err[256] = "";
	uLongf size;
	uint8_t *data = deflate_text(good, strlen(good), &size);

	(void)state;
	assert_int_equal(dictionary_parse(&d, data, 0, err, sizeof(err)), -1);
	for (uLongf cut = 1; cut < size; cut++) {
		assert_int_equal(dictionary_parse(&d, data, cut, err, sizeof(err)), -1);
		assert_non_null(strstr(err, "inflate"));
	}
	assert_int_equal(
		dictionary_parse(&d, (const uint8_t *)good, strlen(good), err, sizeof(err)), -1);
	free(data);
}

static void bomb(void **state)
{
	size_t len = (size_t)DICTIONARY_INFLATED_MAX * 64;
	char *text = malloc(len), err[256] = "";
	struct dictionary d;
	uLongf size;
	uint8_t *data;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', len);
	data = deflate_text(text, len, &size);
	assert_true(size < 256 * 1024); /* what a session would take */
	assert_int_equal(dictionary_parse(&d, data, size, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "at most"));
	free(data);
	memset(text, '[', DICTIONARY_INFLATED_MAX); /* deep */
	data = deflate_text(text, DICTIONARY_INFLATED_MAX, &size);
	assert_int_equal(dictionary_parse(&d, data, size, err, sizeof(err)), -1);
	free(data);
	free(text);
}

/* Ask everything that the daemon asks. */
static void use(const struct dictionary *d)
{
	char buf[32];
	uint32_t n;

	for (int i = 0; i < 300; i += 7) {
		snprintf(buf, sizeof(buf), "PA%d", i);
		dictionary_enum(d, "pin", buf, &n);
		dictionary_label(d, "static_string_id", (uint32_t)i * 40000000u, buf, sizeof(buf));
		dictionary_label(d, "pin", (uint32_t)i, buf, sizeof(buf));
		assert_true(memchr(buf, 0, sizeof(buf)));
	}
	n = dictionary_whole(d, "RECEIVE_WINDOW", 0, UINT16_MAX, 0);
	assert_true(n <= UINT16_MAX);
	dictionary_number(d, "CLOCK_FREQ", 0);
	dictionary_text(d, "MCU");
	dictionary_text(d, "version");
	for (int i = 0; i < MSG_ID_COUNT; i++) {
		int16_t id = wire_dict_wire_id(&d->ids, (enum msg_id)i);

		if (id != WIRE_ID_NONE && msg_table[i].kind == MSG_RESPONSE)
			assert_int_equal(wire_dict_response(&d->ids, id), i);
	}
}

static void mutations(void **state)
{
	const char *seed_text = getenv("STEPD_SEED"), *size_text = getenv("STEPD_TEST_SIZE");
	uint32_t seed = seed_text ? (uint32_t)strtoul(seed_text, NULL, 0) : 20240603;
	int count = 3000 * (size_text ? atoi(size_text) : 1), accepted = 0;
	static const char bits[] = "{}[]\",:0123456789-.eE%\\ PAnultrue";
	char err[256];

	(void)state;
	printf("seed %u\n", seed);
	srand(seed);
	for (int i = 0; i < count; i++) {
		char text[sizeof(good)];
		struct dictionary d;
		uLongf size;
		uint8_t *data;

		memcpy(text, good, sizeof(good));
		for (int k = rand() % 4; k >= 0 && i % 2; k--)
			text[(size_t)rand() % (sizeof(good) - 1)] =
				(char)(rand() % 4 ? bits[(size_t)rand() % (sizeof(bits) - 1)]
						  : 1 + rand() % 255);
		data = deflate_text(text, strlen(text), &size);
		for (int k = rand() % 3; k >= 0 && i % 2 == 0; k--)
			data[(size_t)rand() % size] ^= (uint8_t)(1 << rand() % 8);
		err[0] = 0;
		if (dictionary_parse(&d, data, size, err, sizeof(err)) == 0) {
			accepted++;
			use(&d);
		} else {
			assert_true(err[0]);
			assert_null(d.root);
			use(&d); /* holds nothing, and says so */
		}
		dictionary_free(&d);
		free(data);
	}
	printf("%d of %d accepted\n", accepted, count);
	assert_in_range(accepted, count / 20, count - count / 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_one),    cmocka_unit_test(own_firmware),
		cmocka_unit_test(broken_ones), cmocka_unit_test(not_zlib),
		cmocka_unit_test(bomb),        cmocka_unit_test(mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
