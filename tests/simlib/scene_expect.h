/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scene_expect.h - lines for the machine of scene.h whose outcome a cmocka test expects.
 *
 * Threads: one. Errors: the test fails and shows what was said.
 */
#ifndef TESTS_SIMLIB_SCENE_EXPECT_H
#define TESTS_SIMLIB_SCENE_EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/simlib/scene.h"

/* They run without an error. */
static inline void run(struct scene *s, const char *lines)
{
	scene_hush(s);
	assert_true(scene_run(s, lines));
	if (s->errors)
		fail_msg("%s: %s", lines, s->said);
}

/* They give one error, with this text, and the machine stays ready. */
static inline void refused(struct scene *s, const char *lines, const char *text)
{
	scene_hush(s);
	assert_true(scene_run(s, lines));
	if (s->errors != 1 || !scene_said(s, text))
		fail_msg("%s: expected \"%s\", heard: %s", lines, text, s->said);
	scene_hush(s);
}

#endif
