/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_docs.c - docs/GCODE.md and docs/CONFIG.md say what the program does.
 *
 * Shown: each command of the interpreter's tables stands in the page's table with all its parameters, and
 * with the mark ! if and only if it runs out of band; each command in the page exists. Each option that
 * is acted on stands in the tables below its section's heading; no option there is one that isn't.
 * How: which options are acted on is not a list: the configuration is checked with each known
 * option in turn, and the program's note "not used yet" tells. Repeat: run it from the top of the
 * source tree; no seed.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/batch/batch.h"
#include "daemon/extruders.h"
#include "daemon/fans.h"
#include "daemon/faults/react.h"
#include "daemon/heaters.h"
#include "daemon/journal/journal.h"
#include "daemon/leds.h"
#include "daemon/manual.h"
#include "daemon/motors.h"
#include "daemon/outputs.h"
#include "daemon/probe/probe.h"
#include "daemon/shapers.h"
#include "daemon/tmc/tmc.h"
#include "daemon/config/config_names.h"
#include "daemon/config/machine_config.h"
#include "daemon/dual.h"
#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_objects.h"
#include "daemon/journal/journal.h"
#include "daemon/print/print.h"
#include "tests/simlib/simrun.h"

enum { WORD_MAX = 64, LINE_MAX_BYTES = 1024 };

static unsigned problems;

#define PROBLEM(...) (print_message(__VA_ARGS__), problems++)

static char *page(const char *path)
{
	char *text = simrun_read(path, NULL);

	if (!text)
		fail_msg("%s can't be read", path);
	return text;
}

/* Whether word stands in text, with nothing of a name around it. */
static bool has_word(const char *text, const char *word, size_t len)
{
	for (const char *p = text; (p = strstr(p, word)) != NULL; p++) {
		bool starts = p == text || (!isalnum((unsigned char)p[-1]) && p[-1] != '_');

		if (starts && !isalnum((unsigned char)p[len]) && p[len] != '_')
			return true;
	}
	return false;
}

/* Copy the line at text to line; returns the next one, NULL at the end. */
static const char *next_line(const char *text, char line[LINE_MAX_BYTES])
{
	size_t len = strcspn(text, "\n");

	assert_true(len < LINE_MAX_BYTES);
	memcpy(line, text, len);
	line[len] = '\0';
	return text[len] ? text + len + 1 : NULL;
}

/* The first cell of a row of a table to cell; false if line is none. */
static bool first_cell(const char *line, char cell[LINE_MAX_BYTES])
{
	size_t len = line[0] == '|' ? strcspn(line + 1, "|") : 0;

	if (!len || strncmp(line, "|---", 4) == 0)
		return false;
	memcpy(cell, line + 1, len);
	cell[len] = '\0';
	return true;
}

/* ---- commands ---- */

/* The row of the table whose first cell names the command. */
static bool find_row(const char *text, const char *name, char line[LINE_MAX_BYTES],
		     char cell[LINE_MAX_BYTES])
{
	char quoted[WORD_MAX + 2];

	snprintf(quoted, sizeof(quoted), "`%s`", name);
	while (text) {
		text = next_line(text, line);
		if (first_cell(line, cell) && strstr(cell, quoted))
			return true;
	}
	return false;
}

static void check_command(const char *text, const struct gcode_command *c)
{
	char line[LINE_MAX_BYTES], cell[LINE_MAX_BYTES], word[WORD_MAX];
	const char *p = c->params;

	if (!find_row(text, c->name, line, cell)) {
		PROBLEM("%s is not in docs/GCODE.md\n", c->name);
		return;
	}
	if ((strchr(cell, '!') != NULL) != ((c->flags & GCODE_NOW) != 0))
		PROBLEM("%s: the mark ! is %s\n", c->name, strchr(cell, '!') ? "wrong" : "missing");
	for (; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
		size_t len;

		p += *p == '[';
		len = strcspn(p, "=< ].");
		assert_true(len < sizeof(word));
		memcpy(word, p, len);
		word[len] = '\0';
		if (len && !has_word(line, word, len))
			PROBLEM("%s: parameter %s is not in its row of docs/GCODE.md\n", c->name,
				word);
	}
}

static bool known_command(const struct gcode *g, const char *name)
{
	for (unsigned t = 0; t < g->table_count; t++) {
		for (unsigned i = 0; i < g->tables[t].count; i++)
			if (strcmp(g->tables[t].commands[i].name, name) == 0)
				return true;
	}
	return false;
}

/* All that is quoted in the first cells below "## Commands". */
static void check_page_commands(const struct gcode *g, const char *text)
{
	char line[LINE_MAX_BYTES], cell[LINE_MAX_BYTES];
	unsigned rows = 0;

	text = strstr(text, "\n## Commands\n");
	assert_non_null(text);
	for (text++; text;) {
		text = next_line(text, line);
		if (strncmp(line, "## ", 3) == 0 && rows)
			break;
		if (!first_cell(line, cell))
			continue;
		rows++;
		for (char *p = strtok(cell, "`"); p; p = strtok(NULL, "`")) {
			if (isupper((unsigned char)*p) && !known_command(g, p))
				PROBLEM("docs/GCODE.md names %s, which there is not\n", p);
		}
	}
	assert_true(rows > 40);
}

static void no_reply(void *ctx, enum reply_kind kind, const char *text)
{
	(void)ctx;
	(void)kind;
	(void)text;
}

static void commands(void **state)
{
	static const struct gcode_ops ops = { .reply = no_reply };
	static struct gcode_objects objects;
	static struct gcode_meshes meshes;
	static struct gcode g;
	char *text = page("docs/GCODE.md");
	unsigned count = 0;

	(void)state;
	problems = 0;
	gcode_init(&g, &ops, NULL);
	gcode_objects_attach(&g, &objects);
	gcode_mesh_attach(&g, &meshes);
	gcode_add_table(&g, heaters_commands, heaters_command_count, NULL);
	gcode_add_table(&g, fans_commands, fans_command_count, NULL);
	gcode_add_table(&g, outputs_commands, outputs_command_count, NULL);
	gcode_add_table(&g, tmc_commands, tmc_command_count, NULL);
	gcode_add_table(&g, angle_commands, angle_command_count, NULL);
	gcode_add_table(&g, angle_calibrate_commands, angle_calibrate_command_count, NULL);
	gcode_add_table(&g, leds_commands, leds_command_count, NULL);
	gcode_add_table(&g, batch_events_commands, batch_events_command_count, NULL);
	gcode_add_table(&g, shapers_commands, shapers_command_count, NULL);
	gcode_add_table(&g, extruders_commands, extruders_command_count, NULL);
	gcode_add_table(&g, extruders_tools, MACHINE_EXTRUDER_MAX, NULL);
	gcode_add_table(&g, manual_commands, manual_command_count, NULL);
	gcode_add_table(&g, force_move_commands, force_move_command_count, NULL);
	gcode_add_table(&g, motors_commands, motors_command_count, NULL);
	gcode_add_table(&g, gcode_macro_commands, gcode_macro_count, NULL);
	gcode_add_table(&g, print_timer_commands, print_timer_command_count, NULL);
	gcode_add_table(&g, sdcard_commands, sdcard_command_count, NULL);
	gcode_add_table(&g, journal_commands, journal_command_count, NULL);
	gcode_add_table(&g, pause_commands, pause_command_count, NULL);
	gcode_add_table(&g, print_stats_commands, print_stats_command_count, NULL);
	gcode_add_table(&g, idle_commands, idle_command_count, NULL);
	gcode_add_table(&g, variables_commands, variables_command_count, NULL);
	gcode_add_table(&g, filament_commands, filament_command_count, NULL);
	gcode_add_table(&g, print_button_commands, print_button_command_count, NULL);
	gcode_add_table(&g, react_commands, react_command_count, NULL);
	dual_attach(&g, NULL);
	probe_attach(&g, NULL);
	assert_true(g.table_count < GCODE_TABLES); /* none was left out for want of room */
	for (unsigned t = 0; t < g.table_count; t++) {
		for (unsigned i = 0; i < g.tables[t].count; i++, count++)
			check_command(text, &g.tables[t].commands[i]);
	}
	assert_true(count > 50);
	check_page_commands(&g, text);
	free(text);
	assert_int_equal(problems, 0);
}

/* ---- options ---- */

/* Whether the program acts on the option: it does not say that it doesn't. The section is one that the
 * base configuration has, or has with the override. */
static bool acted_on_by(const char *path, const char *section, const char *option, size_t count)
{
	char override[256], *out = NULL;
	/* Of the chips of load cells, the one that has options of its own. */
	const char *const overrides[] = { override, strcmp(option, "sensor_type") != 0
							    ? "load_cell_probe.sensor_type=ads1220"
							    : override };
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);
	bool used;

	if (strcmp(section, "stepd_sim NAME") == 0)
		section = "stepd_sim mcu"; /* the name of one that there is */
	snprintf(override, sizeof(override), "%s.%s=1", section, option);
	config_check(&path, 1, overrides, count, f);
	fclose(f);
	if (strstr(out, "unknown option") || strstr(out, "unknown section"))
		fail_msg("[%s] %s:\n%s", section, option, out);
	snprintf(override, sizeof(override), "[%s] is accepted but not used yet", section);
	used = !strstr(out, override);
	snprintf(override, sizeof(override), "[%s] accepted but not used yet: %s", section, option);
	used = used && !strstr(out, override);
	free(out);
	return used;
}

/* By any kind of machine. */
static bool acted_on(const char *section, const char *option)
{
	static const char *const kinds[] = {
		"cartesian",         "delta",         "deltesian", "polar", "winch", "rotary_delta",
		"generic_cartesian", "dual_carriage", "heated"
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		char path[64];

		snprintf(path, sizeof(path), "etc/sim-%s.cfg", kinds[i]);
		if (acted_on_by(path, section, option, 1))
			return true;
	}
	if (strcmp(section, "load_cell_probe") == 0)
		return acted_on_by("etc/sim-cartesian.cfg", section, option, 2);
	return false;
}

/* Whether a heading is about this section: "### [mcu], [mcu NAME]". */
static bool heading_names(const char *line, const char *section)
{
	char name[WORD_MAX + 2];

	snprintf(name, sizeof(name), "[%s]", section);
	return line[0] == '#' && strstr(line, name);
}

/* Whether the option stands in a table below a heading about the section. */
static bool documented(const char *text, const char *section, const char *option)
{
	char line[LINE_MAX_BYTES], cell[LINE_MAX_BYTES];
	bool inside = false;

	while (text) {
		text = next_line(text, line);
		if (line[0] == '#')
			inside = heading_names(line, section);
		else if (inside && first_cell(line, cell) && has_word(cell, option, strlen(option)))
			return true;
	}
	return false;
}

/* Options of a motor or a carriage stand once, with the first one. */
static bool documented_somewhere(const char *text, const char *section, const char *option)
{
	return documented(text, section, option) ||
	       ((strcmp(section, "extruder") == 0 || strncmp(section, "stepper", 7) == 0 ||
		 strncmp(section, "extruder_stepper", 16) == 0 ||
		 strncmp(section, "manual_stepper", 14) == 0 || strstr(section, "carriage")) &&
		documented(text, "stepper_x", option));
}

/* The sections that a pattern of the table of names stands for, in one example each. */
static void examples(const char *pattern, char example[2][WORD_MAX])
{
	size_t base = strcspn(pattern, "#?+");

	snprintf(example[0], WORD_MAX, "%.*s%s", (int)base, pattern,
		 pattern[base] == '+' ? " NAME" : "");
	snprintf(example[1], WORD_MAX, "%.*s NAME", (int)base, pattern);
	if (pattern[base] != '?')
		example[1][0] = '\0';
}

static unsigned check_kind(const char *text, const struct config_kind *kind, const char *section)
{
	char option[WORD_MAX];
	const char *p = kind->options;
	unsigned found = 0;

	for (; *(p += strspn(p, " ")); p += strcspn(p, " ")) {
		size_t len = strcspn(p, " ");

		assert_true(len < sizeof(option));
		memcpy(option, p, len);
		option[len] = '\0';
		if (strchr(option, '*'))
			continue;
		bool used = acted_on(section, option);
		bool told = documented_somewhere(text, section, option);

		found += used;
		if (used && !told)
			PROBLEM("[%s] %s is not in docs/CONFIG.md\n", section, option);
		/* Sections with a name of their own share the table; less may be read of them. */
		if (!used && !strchr(section, ' ') && documented(text, section, option))
			PROBLEM("[%s] %s is in docs/CONFIG.md and not acted on\n", section, option);
	}
	return found;
}

static void options(void **state)
{
	char *text = page("docs/CONFIG.md");
	unsigned found = 0;

	(void)state;
	problems = 0;
	for (const struct config_kind *kind = config_kinds; kind->pattern; kind++) {
		char example[2][WORD_MAX];

		examples(kind->pattern, example);
		for (int i = 0; i < 2; i++)
			if (example[i][0])
				found += check_kind(text, kind, example[i]);
	}
	print_message("%u options are acted on\n", found);
	assert_true(found > 100);
	free(text);
	assert_int_equal(problems, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
