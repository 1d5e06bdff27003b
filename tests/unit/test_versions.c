/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_versions.c - MCUs whose firmware is of one version, or of several.
 *
 * Shown: nothing is said of one MCU, of equal ones, and of those without a dictionary; different ones are told by name, also one that has
 * no version; a short buffer cuts the text. How: sessions with a dictionary that has a version only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "daemon/session.h"
#include "daemon/versions.h"

enum { MCUS = 3 };
static struct session sessions[MCUS];
static const char *const names[MCUS] = { "mcu", "tool", "bed" };

/* NULL: no dictionary; "": one without a version. */
static bool mixed(const char *a, const char *b, const char *c, char *text, size_t size)
{
	const char *const versions[MCUS] = { a, b, c };
	bool is;

	for (int i = 0; i < MCUS; i++) {
		char json[128];

		sessions[i].name = names[i];
		if (versions[i])
			snprintf(json, sizeof(json), *versions[i] ? "{\"version\":\"%s\"}" : "{%s}",
				 versions[i]);
		sessions[i].dict.root = versions[i] ? json_tokener_parse(json) : NULL;
	}
	is = versions_mixed(sessions, MCUS, text, size);
	for (int i = 0; i < MCUS; i++)
		json_object_put(sessions[i].dict.root);
	return is;
}

static void test_equal(void **state)
{
	char text[16] = "as before";

	(void)state;
	assert_false(mixed(NULL, NULL, NULL, text, sizeof(text)));
	assert_false(mixed("v1", NULL, NULL, text, sizeof(text)));
	assert_false(mixed("v1", NULL, "v1", text, sizeof(text)));
	assert_false(mixed("v1", "v1", "v1", text, sizeof(text)));
	assert_false(mixed("", "", NULL, text, sizeof(text)));
	assert_string_equal(text, "as before");
}

static void test_mixed(void **state)
{
	char text[256], cut[64];

	(void)state;
	assert_true(mixed("stepd 12ab", NULL, "v0.12.0-33", text, sizeof(text)));
	assert_string_equal(text,
			    "the MCUs' firmware is of different versions: 'mcu' stepd 12ab, 'bed' "
			    "v0.12.0-33, each is used as its own dictionary says");
	assert_true(mixed("v1", "v1", "", text, sizeof(text)));
	assert_non_null(strstr(text, "'tool' v1, 'bed' (none),"));
	assert_true(mixed("v1", "v2", "v3", cut, sizeof(cut)));
	assert_int_equal(strlen(cut), sizeof(cut) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
