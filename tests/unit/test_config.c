/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_config.c - reading configuration files: what inih would get wrong, and the rules of files.
 *
 * Shown: long lines and long names arrive whole and inject nothing; comments, indentation,
 * line ends, includes, the #*# block, repeated options and overrides follow the rules of
 * docs/CONFIG.md; every option knows its line.
 * How: texts are written to a scratch folder and read. Repeat: run it, no input, no seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/config/config.h"
#include "daemon/config/config_names.h"

static char dir[] = "/tmp/stepd-config-XXXXXX";
static char path_buf[8][256];

static const char *path(const char *name)
{
	static int next;
	char *p = path_buf[next++ % 8];

	snprintf(p, sizeof(path_buf[0]), "%s/%s", dir, name);
	return p;
}

static void write_bytes(const char *name, const void *bytes, size_t n)
{
	FILE *f = fopen(path(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static void write_text(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static struct config *read_text(const char *text)
{
	struct config *c = config_new();

	write_text("a.cfg", text);
	config_read_file(c, path("a.cfg"));
	return c;
}

static const char *value(const struct config *c, const char *section, const char *option)
{
	const struct config_section *s = config_section(c, section);
	const struct config_option *o = s ? config_option(s, option) : NULL;

	return o ? o->value : NULL;
}

static int line_of(const struct config *c, const char *section, const char *option)
{
	return config_option(config_section(c, section), option)->place.line;
}

/* All findings as one text, with the scratch folder left out. */
static const char *findings(struct config *c)
{
	static char text[8192];
	char *raw = NULL, *to = text;
	size_t size = 0, n = strlen(dir);
	FILE *f = open_memstream(&raw, &size);

	config_print(c, CONFIG_NOTE, f);
	fclose(f);
	for (const char *p = raw; *p && to < text + sizeof(text) - 1;) {
		if (!strncmp(p, dir, n) && p[n] == '/')
			p += n + 1;
		else
			*to++ = *p++;
	}
	*to = 0;
	free(raw);
	return text;
}

static void plain(void **state)
{
	struct config *c = read_text("[printer]\n"
				     "kinematics: corexy\n"
				     "max_velocity = 300 \n"
				     "  Max_Accel:3000\n"
				     "\n"
				     "[heater_fan  my fan]\n"
				     "a = b = c : d\n"
				     "e : f = g\n"
				     "empty:\n");

	(void)state;
	assert_string_equal(findings(c), "");
	assert_string_equal(value(c, "printer", "kinematics"), "corexy");
	assert_string_equal(value(c, "printer", "max_velocity"), "300\nMax_Accel:3000");
	assert_string_equal(value(c, "heater_fan  my fan", "a"), "b = c : d");
	assert_string_equal(value(c, "heater_fan  my fan", "e"), "f = g");
	assert_string_equal(value(c, "heater_fan  my fan", "empty"), "");
	assert_int_equal(line_of(c, "heater_fan  my fan", "empty"), 9);
	config_free(c);
}

/* A block that is indented as a whole is no continuation of anything. */
static void indentation(void **state)
{
	struct config *c = read_text("  [a]\n"
				     "  One: 1\n"
				     "  two: 2\n"
				     "\tthree\n"
				     "    three: too\n"
				     " four: 4\n"
				     "[b]\n"
				     "   x: 1\n"
				     "   y: 2\n");

	(void)state;
	assert_string_equal(value(c, "a", "one"), "1");
	/* A tab is one blank: less than two blanks, so the line is an option without a value. */
	assert_string_equal(findings(c), "a.cfg:4: 'three': expected [section] or option: value\n");
	assert_string_equal(value(c, "a", "two"), "2");
	assert_string_equal(value(c, "a", "three"), "too");
	assert_string_equal(value(c, "a", "four"), "4");
	assert_string_equal(value(c, "b", "y"), "2");
	config_free(c);
}

static void comments(void **state)
{
	struct config *c = read_text("# [not]\n"
				     "; [this] = neither\n"
				     "[a] # comment\n"
				     "pin: PA1#glued\n"
				     "speed: 5 ; after a blank\n"
				     "path: /tmp/a;b\n"
				     "gcode: ; nothing here\n"
				     "  G1 X1 ; go = there\n"
				     "# at the margin: still inside\n"
				     "  ; a whole line\n"
				     "  G1 Y=1 : 2 # end\n"
				     "\n"
				     "  [not a section]\n"
				     "next: 1\n");

	(void)state;
	assert_string_equal(findings(c), "");
	assert_string_equal(value(c, "a", "pin"), "PA1");
	assert_string_equal(value(c, "a", "speed"), "5");
	assert_string_equal(value(c, "a", "path"), "/tmp/a;b");
	assert_string_equal(value(c, "a", "gcode"), "G1 X1\n\n\nG1 Y=1 : 2\n\n[not a section]");
	assert_int_equal(line_of(c, "a", "next"), 14);
	config_free(c);
}

/* 10 KB in one line, full of what would be a key, a section or a comment on a line of its own. */
static void long_lines(void **state)
{
	static const char bait[] = "\tinject=1 [inject] inject:2 a;b ";
	char text[24000] = "[a]\none: ", expect[12000] = "";
	size_t n = 0;

	(void)state;
	while (n < 10240)
		n += (size_t)sprintf(expect + n, "%s", bait);
	strcat(text, expect);
	strcat(text, "\nmulti:\n    ");
	strcat(text, expect);
	strcat(text, "\nlast: 1\n");
	/* The values are trimmed at both ends. */
	expect[n - 1] = 0;

	struct config *c = read_text(text);

	assert_string_equal(findings(c), "");
	assert_int_equal(c->section_count, 1);
	assert_int_equal(c->sections[0]->option_count, 3);
	assert_string_equal(value(c, "a", "one"), expect + 1);
	assert_string_equal(value(c, "a", "multi"), expect + 1);
	assert_int_equal(line_of(c, "a", "last"), 5);
	config_free(c);
}

/* Every length around the limits of inih (49, 199) and of the pieces it is given (60). */
static void all_lengths(void **state)
{
	(void)state;
	for (int n = 1; n < 420; n++) {
		char name[512], text[2100], expect[512];

		memset(name, 'n', (size_t)n);
		name[n] = 0;
		memset(expect, '=', (size_t)n);
		expect[n] = 0;
		snprintf(text, sizeof(text), "[%s]\n%s: %s\nm:\n %s\n", name, name, expect, expect);
		struct config *c = read_text(text);

		assert_string_equal(findings(c), "");
		assert_int_equal(c->sections[0]->option_count, 2);
		assert_string_equal(value(c, name, name), expect);
		assert_string_equal(value(c, name, "m"), expect);
		config_free(c);
	}
}

static void line_ends_and_bom(void **state)
{
	struct config *c =
		read_text("\xef\xbb\xbf[a]\r\nx: 1\r\ny:\r\n  2\r\n  3 \xc2\xb5m\r\nlast: 4");

	(void)state;
	assert_string_equal(findings(c), "");
	assert_string_equal(value(c, "a", "x"), "1");
	assert_string_equal(value(c, "a", "y"), "2\n3 \xc2\xb5m");
	assert_string_equal(value(c, "a", "last"), "4");
	config_free(c);
}

static void bad_lines(void **state)
{
	static const char text[] = "early: 1\n"
				   "[a\n"
				   "late: 1\n"
				   "[b]\n"
				   "no value here\n"
				   "= 3\n"
				   "[]\n"
				   "[c]\n"
				   "ok: 1\n";
	struct config *c = read_text(text);

	(void)state;
	assert_string_equal(findings(c),
			    "a.cfg:1: 'early': expected a [section] before the first option\n"
			    "a.cfg:2: '[a': expected ] at the end of a section\n"
			    "a.cfg:3: 'late': expected a [section] before the first option\n"
			    "a.cfg:5: 'no value here': expected [section] or option: value\n"
			    "a.cfg:6: '= 3': expected [section] or option: value\n"
			    "a.cfg:7: []: expected the name of a section\n");
	assert_string_equal(value(c, "c", "ok"), "1");
	config_free(c);

	write_bytes("a.cfg", "[a]\nx: 1\0\n", 10);
	c = config_new();
	assert_int_equal(config_read_file(c, path("a.cfg")), -1);
	assert_string_equal(findings(c), "a.cfg:2: expected text, found a zero byte\n");
	config_free(c);
}

static void unreadable(void **state)
{
	struct config *c = config_new();

	(void)state;
	assert_int_equal(config_read_file(c, path("none.cfg")), -1);
	assert_int_equal(config_read_file(c, dir), -1);
	assert_non_null(strstr(findings(c), "none.cfg: can't open: No such file or directory\n"));
	assert_non_null(strstr(findings(c), ": can't read: Is a directory\n"));
	config_free(c);
}

static void repeats(void **state)
{
	struct config *c = read_text("[a]\nx: 1\ny: 1\n[b]\nz: 1\n[a]\nx: 2\n");

	(void)state;
	assert_string_equal(value(c, "a", "x"), "2");
	assert_string_equal(value(c, "a", "y"), "1");
	assert_int_equal(c->section_count, 2);
	assert_string_equal(config_option(config_section(c, "a"), "x")->earlier->value, "1");
	assert_non_null(strstr(findings(c), "a.cfg:7: note: [a] x: set again, replaces the value "
					    "from "));
	assert_non_null(strstr(findings(c), "a.cfg:2\n"));
	config_free(c);
}

static void includes(void **state)
{
	mkdir(path("sub"), 0700);
	write_text("sub/1.cfg", "[one]\nx: 1\n[shared]\nwho: 1\n");
	write_text("sub/2.cfg", "[two]\nx: 2\n[include ../deep.cfg]\n[shared]\nwho: 2\n");
	write_text("deep.cfg", "[deep]\nx: 3\n");
	struct config *c = read_text("[shared]\nwho: main\n"
				     "[include sub/*.cfg] # both\n"
				     "[include nothing/*.cfg]\n"
				     "[after]\nx: 4\n");

	(void)state;
	assert_int_equal(c->errors, 0);
	assert_string_equal(value(c, "one", "x"), "1");
	assert_string_equal(value(c, "deep", "x"), "3");
	assert_string_equal(value(c, "shared", "who"), "2");
	assert_string_equal(value(c, "after", "x"), "4");
	struct config_place place = config_option(config_section(c, "deep"), "x")->place;

	assert_non_null(strstr(c->files[place.file], "sub/../deep.cfg"));
	assert_int_equal(place.line, 2);
	assert_int_equal(line_of(c, "after", "x"), 6);
	config_free(c);
}

static void include_errors(void **state)
{
	struct config *c;

	(void)state;
	write_text("b.cfg", "[include c.cfg]\n");
	write_text("c.cfg", "[x]\ny: 1\n[include a.cfg]\n");
	c = read_text("[include b.cfg]\n[include ./a.cfg]\n[include gone.cfg]\n[include .]\ny: 1\n");
	assert_string_equal(findings(c),
			    "a.cfg:2: [include] './a.cfg' includes itself\n"
			    "a.cfg:3: [include] can't read 'gone.cfg': No such file or directory\n"
			    "a.cfg:4: [include] '.' is not a regular file\n"
			    "a.cfg:5: 'y': expected a [section] before the first option\n"
			    "c.cfg:3: [include] 'a.cfg' includes itself, through other files\n");
	assert_string_equal(value(c, "x", "y"), "1");
	config_free(c);
}

/* Two files that each include the next twice double at each level: the number of files ends it. */
static void include_bomb(void **state)
{
	char name[32], text[128];

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "bomb%d.cfg", i);
		snprintf(text, sizeof(text), "[include bomb%d.cfg]\n[include bomb%d.cfg]\n", i + 1,
			 i + 1);
		write_text(name, text);
	}
	struct config *c = config_new();

	assert_int_equal(config_read_file(c, path("bomb0.cfg")), -1);
	assert_non_null(strstr(findings(c), "expected at most 32 files within each other"));
	assert_true(c->files_read > CONFIG_FILES_MAX);
	config_free(c);
}

static void autosave(void **state)
{
	struct config *c = read_text("[extruder]\ncontrol: pid\npid_kp: 1\n"
				     "#*# <--------- SAVE_CONFIG --------->\n"
				     "#*# DO NOT EDIT THIS BLOCK OR BELOW.\n"
				     "#*#\n"
				     "#*# [extruder]\n"
				     "#*# pid_kp = 24.5\n"
				     "#*#\n"
				     "#*# [bed_mesh default]\n"
				     "#*# points =\n"
				     "#*# \t  0.1, 0.2\n"
				     "#*# \t  0.3, 0.4\n"
				     "#*# algo = bicubic\n");

	(void)state;
	assert_string_equal(findings(c), "");
	struct config_option *kp = config_option(config_section(c, "extruder"), "pid_kp");

	assert_string_equal(kp->value, "24.5");
	assert_int_equal(kp->origin, CONFIG_AUTOSAVE);
	assert_int_equal(kp->place.line, 8);
	assert_string_equal(kp->earlier->value, "1");
	assert_int_equal(kp->earlier->origin, CONFIG_WRITTEN);
	assert_string_equal(value(c, "bed_mesh default", "points"), "0.1, 0.2\n0.3, 0.4");
	assert_int_equal(config_section(c, "bed_mesh default")->origin, CONFIG_AUTOSAVE);
	assert_string_equal(value(c, "bed_mesh default", "algo"), "bicubic");
	config_free(c);
}

static void autosave_misplaced(void **state)
{
	struct config *c;

	(void)state;
	write_text("b.cfg", "[b]\nx: 1\n#*# [b]\n#*# x = 2\n");
	c = read_text("[include b.cfg]\n#*# [a]\n#*# x = 1\ny: 1\n[a]\nz: 2\n");
	assert_string_equal(findings(c),
			    "a.cfg:4: warning: text after the #*# block: expected the block to end "
			    "the file; move this above it\n"
			    "a.cfg:4: 'y': expected a [section] before the first option\n"
			    "b.cfg:3: warning: the #*# block of an included file is ignored\n");
	assert_string_equal(value(c, "b", "x"), "1");
	assert_string_equal(value(c, "a", "x"), "1");
	assert_string_equal(value(c, "a", "z"), "2");
	config_free(c);
}

static void overrides(void **state)
{
	struct config *c = read_text("[stepper_x]\nmicrosteps: 16\n");

	(void)state;
	assert_int_equal(config_override(c, "stepper_x.microsteps=128"), 0);
	assert_int_equal(config_override(c, "mcu z.serial=/dev/a=b.c"), 0);
	assert_int_equal(config_override(c, "gcode_macro v1.2.Gcode = M117 a:b"), 0);
	assert_int_equal(config_override(c, "a.b="), 0);
	assert_string_equal(value(c, "stepper_x", "microsteps"), "128");
	assert_string_equal(value(c, "mcu z", "serial"), "/dev/a=b.c");
	assert_string_equal(value(c, "gcode_macro v1.2", "gcode"), "M117 a:b");
	assert_string_equal(value(c, "a", "b"), "");
	assert_string_equal(findings(c), "");
	assert_int_equal(config_override(c, "nothing"), -1);
	assert_int_equal(config_override(c, "a=b.c"), -1);
	assert_int_equal(config_override(c, ".a=b"), -1);
	assert_int_equal(config_override(c, "a.=b"), -1);
	assert_string_equal(findings(c), "-o nothing: expected SECTION.OPTION=VALUE\n"
					 "-o a=b.c: expected SECTION.OPTION=VALUE\n"
					 "-o .a=b: expected SECTION.OPTION=VALUE\n"
					 "-o a.=b: expected SECTION.OPTION=VALUE\n");
	config_free(c);
}

static void limits(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	for (int i = 0; i <= CONFIG_SECTIONS_MAX; i++)
		fprintf(f, "[s%d]\n", i);
	fprintf(f, "[s0]\n");
	for (int i = 0; i <= CONFIG_OPTIONS_MAX; i++)
		fprintf(f, "o%d: 1\n", i);
	fclose(f);
	struct config *c = read_text(text);

	free(text);
	assert_string_equal(findings(c),
			    "a.cfg:4097: too many sections: expected at most 4096\n"
			    "a.cfg:8195: [s0] too many options in one section: expected at most "
			    "4096\n");
	config_free(c);

	text = malloc(CONFIG_FILE_BYTES_MAX + 100);
	memset(text, '\n', CONFIG_FILE_BYTES_MAX + 100);
	write_bytes("a.cfg", text, CONFIG_FILE_BYTES_MAX + 100);
	free(text);
	c = config_new();
	assert_int_equal(config_read_file(c, path("a.cfg")), -1);
	assert_non_null(strstr(findings(c), "too long: expected at most 4 MiB a file"));
	config_free(c);
}

/* Messages show neither control characters nor half of a UTF-8 character. */
static void quoting(void **state)
{
	char buf[CONFIG_QUOTE_MAX], text[200];

	(void)state;
	assert_string_equal(config_quote(buf, "a\nb\x1b[31m"), "a\\nb?[31m");
	for (int shift = 0; shift < 3; shift++) {
		size_t n = 0;

		while (n < (size_t)shift)
			text[n++] = 'x';
		while (n < 150)
			n += (size_t)sprintf(text + n, "€");
		config_quote(buf, text);
		size_t whole = strlen(buf) - 3;

		assert_string_equal(buf + whole, "…");
		assert_int_equal((whole - (size_t)shift) % 3, 0);
		assert_memory_equal(buf, text, whole);
	}
}

static void nearest(void **state)
{
	static const struct {
		const char *typed, *near;
	} sections[] = {
		{ "steper_x", "stepper_x" },
		{ "extuder1", "extruder1" },
		{ "printr", "printer" },
		{ "heater_fan", "heater_fan NAME" },
		{ "heater_fn hotend", "heater_fan hotend" },
		{ "prinetr", "printer" },
		{ "bed_mehs", "bed_mesh" },
		{ "moonraker", NULL },
		{ "tmc2290 stepper_x", "tmc2209 stepper_x" },
	};
	char buf[CONFIG_NEAREST_MAX];
	const struct config_kind *kind = config_kind_find("stepper_z1");

	(void)state;
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		const char *near = config_nearest_section(sections[i].typed, buf);

		assert_null(config_kind_find(sections[i].typed));
		if (!sections[i].near && near)
			fail_msg("'%s': near '%s'", sections[i].typed, near);
		if (sections[i].near) {
			assert_non_null(near);
			assert_string_equal(near, sections[i].near);
		}
	}
	assert_non_null(kind);
	assert_string_equal(config_nearest_option(kind, "rotaton_distance", buf),
			    "rotation_distance");
	assert_string_equal(config_nearest_option(kind, "microstep", buf), "microsteps");
	assert_string_equal(config_nearest_option(kind, "dri_pin", buf), "dir_pin");
	assert_null(config_nearest_option(kind, "something_else", buf));
	kind = config_kind_find("gcode_macro A");
	assert_true(config_kind_has(kind, "variable_x"));
	assert_false(config_kind_has(kind, "variabl_x"));
	assert_null(config_kind_find("gcode_macro"));
	assert_null(config_kind_find("mcu2"));
	assert_non_null(config_kind_find("extruder7"));
	assert_null(config_kind_find("extruder7a"));
}

static int scratch(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int clean(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),          cmocka_unit_test(indentation),
		cmocka_unit_test(comments),       cmocka_unit_test(long_lines),
		cmocka_unit_test(all_lengths),    cmocka_unit_test(line_ends_and_bom),
		cmocka_unit_test(bad_lines),      cmocka_unit_test(unreadable),
		cmocka_unit_test(repeats),        cmocka_unit_test(includes),
		cmocka_unit_test(include_errors), cmocka_unit_test(include_bomb),
		cmocka_unit_test(autosave),       cmocka_unit_test(autosave_misplaced),
		cmocka_unit_test(overrides),      cmocka_unit_test(limits),
		cmocka_unit_test(quoting),        cmocka_unit_test(nearest),
	};

	return cmocka_run_group_tests(tests, scratch, clean);
}
