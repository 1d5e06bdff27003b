/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_config_fuzz.c - damaged configuration files neither crash nor hang what reads and checks them.
 *
 * Shown: whatever the bytes, reading ends, every option lies within the file, the INI library
 * agrees with the reader, and a check ends with its summary line and the status that it says.
 * How: parts of whole configurations with bytes that mean something flipped, cut, moved and
 * inserted; worth most under ASan and UBSan. Repeat: STEPD_SEED=<printed seed>, from the top of the
 * source tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/config/config.h"
#include "daemon/config/machine_config.h"
#include "tests/simlib/random.h"

enum { ROUNDS = 300 };

static char file[] = "/tmp/stepd-fuzz-XXXXXX";

static void write_bytes(const char *bytes, size_t n)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static uint64_t rng_state;

static uint32_t rng(uint32_t below)
{
	return random_below(&rng_state, below);
}

static void seed(void)
{
	const char *given = getenv("STEPD_SEED");

	rng_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	print_message("STEPD_SEED=%llu\n", (unsigned long long)rng_state);
}

static char *slurp(const char *name, size_t *n)
{
	FILE *f = fopen(name, "r");
	char *text = malloc(1 << 16);

	assert_non_null(f);
	*n = fread(text, 1, 1 << 16, f);
	fclose(f);
	return text;
}

static void mutate(char *text, size_t length, uint32_t count)
{
	static const char special[] = "[]=:;#*\n\r \t!^~,.-{}%|nc019\xef\xbb\xbf\xff\x01";

	for (; count > 0; count--) {
		size_t at = rng((uint32_t)length);

		if (rng(8))
			text[at] = special[rng(sizeof(special) - 1)];
		else
			memmove(text + at, text, length - at);
	}
}

static void check_places(const struct config *c, const char *text, size_t length)
{
	int lines = 1;

	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	for (size_t i = 0; i < c->section_count; i++) {
		for (size_t j = 0; j < c->sections[i]->option_count; j++) {
			const struct config_option *o = c->sections[i]->options[j];

			assert_in_range(o->place.line, 1, lines);
			assert_true(strlen(o->value) <= length);
		}
	}
	for (size_t i = 0; i < c->finding_count; i++)
		assert_null(strstr(c->findings[i].text, "INI library"));
}

static void reading(void **state)
{
	size_t n;
	char *original = slurp("tests/data/voron-like.cfg", &n);
	char *text = malloc(n);

	(void)state;
	seed();
	for (int round = 0; round < ROUNDS; round++) {
		size_t from = rng((uint32_t)n), length = 1 + rng(2000);

		if (length > n - from)
			length = n - from;
		memcpy(text, original + from, length);
		mutate(text, length, rng(20));
		write_bytes(text, length);
		struct config *c = config_new();

		config_read_file(c, file);
		check_places(c, text, length);
		config_free(c);
	}
	free(text);
	free(original);
}

/* Few bytes wrong in a whole file: most of it is well-formed, so that the checks see it. */
static void checking(void **state)
{
	static const char *const names[] = { "tests/data/voron-like.cfg",
					     "tests/data/ender-like.cfg", "etc/sim-corexy.cfg" };
	const char *const paths[] = { file };
	int usable = 0;

	(void)state;
	seed();
	for (int round = 0; round < ROUNDS; round++) {
		size_t n, size = 0;
		char *text = slurp(names[round % 3], &n), *out = NULL;
		FILE *f = open_memstream(&out, &size);

		mutate(text, n, rng(4));
		write_bytes(text, n);
		int status = config_check(paths, 1, NULL, 0, f);

		fclose(f);
		assert_non_null(strstr(out, status ? ": can't be used\n" : ": ok, "));
		if (!status)
			assert_non_null(strstr(out, ": 0 errors, "));
		usable += !status;
		free(out);
		free(text);
	}
	/* Some rounds change nothing: so a test that rejects everything fails. */
	assert_in_range(usable, 1, ROUNDS - 1);
}

static int scratch(void **state)
{
	int fd = mkstemp(file);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int clean(void **state)
{
	(void)state;
	return unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading),
		cmocka_unit_test(checking),
	};

	return cmocka_run_group_tests(tests, scratch, clean);
}
