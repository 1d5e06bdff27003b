/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pins.c - pin descriptions: every sign, chip names, and each way to get one wrong.
 *
 * How: a table of texts with what must come out of them. Repeat: run it, no input, no seed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/pins.h"

enum { BOTH = PIN_ALLOW_INVERT | PIN_ALLOW_PULL };

static void accepts(void **state)
{
	static const struct {
		const char *text, *chip, *name;
		unsigned allow;
		bool invert;
		enum pin_pull pull;
	} cases[] = {
		{ "PA5", "mcu", "PA5", 0, false, PIN_PULL_NONE },
		{ "  PA5\t", "mcu", "PA5", 0, false, PIN_PULL_NONE },
		{ "!PA5", "mcu", "PA5", PIN_ALLOW_INVERT, true, PIN_PULL_NONE },
		{ "^PA5", "mcu", "PA5", BOTH, false, PIN_PULL_UP },
		{ "~ PA5", "mcu", "PA5", BOTH, false, PIN_PULL_DOWN },
		{ "^!P1.22", "mcu", "P1.22", BOTH, true, PIN_PULL_UP },
		{ "! ^ zmcu : gpio12", "zmcu", "gpio12", BOTH, true, PIN_PULL_UP },
		{ "host:gpiochip0/gpio17", "host", "gpiochip0/gpio17", 0, false, PIN_PULL_NONE },
		{ "probe:z_virtual_endstop", "probe", "z_virtual_endstop", BOTH, false,
		  PIN_PULL_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pin pin;
		char err[160];

		assert_int_equal(pin_parse(cases[i].text, cases[i].allow, &pin, err, sizeof(err)),
				 0);
		assert_true(pin.set);
		assert_string_equal(pin.chip, cases[i].chip);
		assert_string_equal(pin.name, cases[i].name);
		assert_int_equal(pin.invert, cases[i].invert);
		assert_int_equal(pin.pull, cases[i].pull);
		assert_int_equal(pin.mcu, PIN_NO_MCU);
	}
}

static void rejects(void **state)
{
	static const struct {
		const char *text, *message;
		unsigned allow;
	} cases[] = {
		{ "", "expected a pin name", BOTH },
		{ "!", "expected a pin name", BOTH },
		{ "mcu:", "expected a pin name", BOTH },
		{ ":PA1", "expected an MCU name", BOTH },
		{ "!PA5", "expected a pin without ^ or ~ and without ! before its name, found '!'",
		  0 },
		{ "^PA5",
		  "expected a pin without ^ or ~ and at most one ! before its name, found '^'",
		  PIN_ALLOW_INVERT },
		{ "!!PA5",
		  "expected a pin with at most one of ^ or ~ and at most one ! before its name, "
		  "found '!'",
		  BOTH },
		{ "^~PA5",
		  "expected a pin with at most one of ^ or ~ and at most one ! before its name, "
		  "found '~'",
		  BOTH },
		{ "PA5 PA6", "expected a pin name without blanks and ^ ~ ! : , ; =", BOTH },
		{ "PA5, PA6", "expected a pin name without blanks and ^ ~ ! : , ; =", BOTH },
		{ "a:b:c", "expected a pin name without blanks and ^ ~ ! : , ; =", BOTH },
		{ "mcu !:PA5", "expected an MCU name without blanks and ^ ~ ! : , ; =", BOTH },
		{ "P234567890123456789012345678901234567890123456789012345678901234",
		  "expected a pin name of at most 63 characters", BOTH },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pin pin;
		char err[160];

		memset(&pin, 0x55, sizeof(pin));
		assert_int_equal(pin_parse(cases[i].text, cases[i].allow, &pin, err, sizeof(err)),
				 -EINVAL);
		assert_string_equal(err, cases[i].message);
		assert_false(pin.set);
		assert_int_equal(pin.mcu, PIN_NO_MCU);
	}
}

/* The message is cut, not written beyond its buffer. */
static void short_buffer(void **state)
{
	struct pin pin;
	char err[9] = "12345678";

	(void)state;
	assert_int_equal(pin_parse("", 0, &pin, err, 4), -EINVAL);
	assert_string_equal(err, "exp");
	assert_string_equal(err + 4, "5678");
}

static void same(void **state)
{
	struct pin a, b;
	char err[160];

	(void)state;
	assert_int_equal(pin_parse("!PA5", BOTH, &a, err, sizeof(err)), 0);
	assert_int_equal(pin_parse("^mcu:PA5", BOTH, &b, err, sizeof(err)), 0);
	assert_true(pin_same(&a, &b));
	assert_int_equal(pin_parse("z:PA5", BOTH, &b, err, sizeof(err)), 0);
	assert_false(pin_same(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),
		cmocka_unit_test(rejects),
		cmocka_unit_test(short_buffer),
		cmocka_unit_test(same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
