/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_faults.c - what is decided about faults, and that no configuration gets below the floor.
 *
 * Shown: each class has the reaction of the table and no rule weakens it further than it may; latched until
 * cleared, and not cleared while the cause is there; told once, not at each sample; a bad contact ends in a
 * pause; two components at once are taken one level up; three recoveries an hour; more faults than there is
 * room for; random reports leave the latched ones true. And the configuration (its floor: test_fault_floors).
 * How: fault_raise() with times of its own; configuration texts through config_check(). Repeat: STEPD_SEED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/config/machine_config.h"
#include "daemon/faults/faults.h"
#include "tests/oracle/refmotion.h"

static struct fault_decision raise_at(struct faults *f, enum fault_class_id class,
				      const char *component, double now_s)
{
	struct fault_report r = { .class = class,
				  .component = component,
				  .detail = "detail",
				  .severity = 1.0,
				  .now_s = now_s };
	struct fault_decision d;

	fault_raise(f, &r, &d);
	assert_non_null(strstr(d.text, component));
	assert_non_null(strstr(d.text, fault_classes[class].advice));
	return d;
}

static bool cause_there(void *ctx, const struct fault_latched *l, char why[FAULT_TEXT_MAX])
{
	(void)l;
	if (!*(bool *)ctx)
		return false;
	snprintf(why, FAULT_TEXT_MAX, "reads -54 degC");
	return true;
}

static void test_table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FAULT_CLASSES; i++) {
		const struct fault_class *c = &fault_classes[i];
		struct faults f;
		struct fault_decision d;
		enum fault_class_id id;

		assert_true(c->weakest <= c->reaction);
		assert_true(fault_class_find(c->name, &id));
		assert_int_equal(id, i);
		for (int r = -1; r < FAULT_REACTIONS; r++) {
			struct fault_rule rule = { .class = id,
						   .component = "it",
						   .has_reaction = r >= 0,
						   .reaction = (enum fault_reaction)(r < 0 ? 0
											   : r) };
			enum fault_reaction want = r < 0 ? c->reaction : (enum fault_reaction)r;

			if (want < c->weakest)
				want = c->weakest;
			if (want == FAULT_HOLD && c->scope == FAULT_SCOPE_DRIVER &&
			    want < c->reaction)
				want = FAULT_PAUSE; /* steps may be lost */
			faults_init(&f, &rule, 1);
			d = raise_at(&f, id, "it", 1.0);
			assert_int_equal(d.reaction, want);
			assert_int_equal(f.latched_count, want >= FAULT_HOLD);
			assert_int_equal(d.news, want >= FAULT_WARN);
			/* the rule is only for the component that it names */
			faults_init(&f, &rule, 1);
			assert_int_equal(raise_at(&f, id, "other", 1.0).reaction, c->reaction);
		}
	}
}

/* The longest of everything: what to do next is still there to its end. */
static void test_long_texts(void **state)
{
	char component[80], detail[200];

	(void)state;
	memset(component, 'c', sizeof(component) - 1);
	memset(detail, 'd', sizeof(detail) - 1);
	component[sizeof(component) - 1] = detail[sizeof(detail) - 1] = 0;
	for (unsigned i = 0; i < FAULT_CLASSES; i++) {
		struct fault_report r = { .class = (enum fault_class_id)i,
					  .component = component,
					  .detail = detail,
					  .severity = 3,
					  .now_s = 2 };
		struct fault_decision d;
		struct faults f;

		faults_init(&f, NULL, 0);
		raise_at(&f, FAULT_CLASS_DRIVER_ERROR, "other", 1.0);
		fault_raise(&f, &r, &d);
		assert_non_null(strstr(d.text, fault_classes[i].advice));
	}
}

static void test_roles(void **state)
{
	static const struct {
		enum fault_role role;
		enum fault_reaction reaction;
	} want[] = { { FAULT_ROLE_MOTION, FAULT_STOP_MOTION },
		     { FAULT_ROLE_HEATER, FAULT_DISABLE },
		     { FAULT_ROLE_OPTIONAL, FAULT_WARN } };
	struct fault_rule weaker = { .class = FAULT_CLASS_LINK_LOST,
				     .component = "mcu",
				     .has_reaction = true,
				     .reaction = FAULT_CONTINUE };
	struct fault_rule clock = { .class = FAULT_CLASS_CLOCK,
				    .component = "mcu",
				    .has_reaction = true,
				    .reaction = FAULT_WARN };
	struct faults f;
	struct fault_decision d;

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		struct fault_report r = { .class = FAULT_CLASS_LINK_LOST,
					  .component = "mcu",
					  .role = want[i].role };

		for (size_t rules = 0; rules < 2; rules++) {
			faults_init(&f, &weaker, rules);
			fault_raise(&f, &r, &d);
			assert_int_equal(d.reaction, want[i].reaction);
		}
	}
	/* a clock may only be taken lightly while it is within twice its bound */
	for (int i = 0; i < 2; i++) {
		struct fault_report r = { .class = FAULT_CLASS_CLOCK,
					  .component = "mcu",
					  .severity = i ? 2.0 : 1.9 };

		faults_init(&f, &clock, 1);
		fault_raise(&f, &r, &d);
		assert_int_equal(d.reaction, i ? FAULT_HOLD : FAULT_WARN);
	}
}

static void test_latch(void **state)
{
	struct fault_rule rule = { .class = FAULT_CLASS_SENSOR,
				   .component = "extruder",
				   .gcode = (char *)"PARK" };
	struct faults f;
	struct fault_decision d;
	char why[FAULT_TEXT_MAX], text[2000];
	bool there = true;
	size_t kept;

	(void)state;
	faults_init(&f, &rule, 1);
	d = raise_at(&f, FAULT_CLASS_SENSOR, "extruder", 10.0);
	assert_int_equal(d.reaction, FAULT_DISABLE);
	assert_true(d.news && d.pause);
	assert_string_equal(d.gcode, "PARK");
	for (int i = 0; i < 100; i++) { /* each sample says so again */
		d = raise_at(&f, FAULT_CLASS_SENSOR, "extruder", 10.3 + 0.3 * i);
		assert_int_equal(d.reaction, FAULT_DISABLE);
		assert_false(d.news);
		assert_null(d.gcode);
		assert_false(d.escalated);
	}
	assert_int_equal(f.latched_count, 1);
	assert_int_equal(f.latched[0].count, 101);
	assert_non_null(fault_of(&f, FAULT_SCOPE_HEATER, "extruder"));
	assert_null(fault_of(&f, FAULT_SCOPE_HEATER, "heater_bed"));
	faults_text(&f, 50.0, text, sizeof(text));
	assert_non_null(
		strstr(text, "heater_sensor extruder: sensor out of range: detail; disable"));
	fault_over(&f, FAULT_CLASS_SENSOR, "extruder"); /* it stays all the same */
	assert_int_equal(f.latched_count, 1);
	assert_int_equal(faults_clear(&f, FAULT_CLASSES, NULL, cause_there, &there, &kept, why), 0);
	assert_int_equal(kept, 1);
	assert_string_equal(why, "reads -54 degC");
	there = false;
	assert_int_equal(
		faults_clear(&f, FAULT_CLASS_RUNAWAY, NULL, cause_there, &there, &kept, why), 0);
	assert_int_equal(
		faults_clear(&f, FAULT_CLASSES, "heater_bed", cause_there, &there, &kept, why), 0);
	assert_int_equal(
		faults_clear(&f, FAULT_CLASS_SENSOR, "extruder", cause_there, &there, &kept, why),
		1);
	assert_int_equal(kept, 0);
	assert_null(fault_of(&f, FAULT_SCOPE_HEATER, "extruder"));
	d = raise_at(&f, FAULT_CLASS_SENSOR, "extruder", 90.0); /* news again */
	assert_true(d.news);
	/* one that doesn't stay is over by itself */
	raise_at(&f, FAULT_CLASS_FILAMENT, "runout", 91.0);
	assert_int_equal(f.latched_count, 2);
	fault_over(&f, FAULT_CLASS_FILAMENT, "runout");
	assert_int_equal(f.latched_count, 1);
	/* or with all that were answered alike, but for those that stay */
	raise_at(&f, FAULT_CLASS_FILAMENT, "runout", 92.0);
	assert_int_equal(f.latched_count, 2);
	faults_over(&f, f.latched[0].reaction);
	faults_over(&f, FAULT_CONTINUE);
	assert_int_equal(f.latched[0].class, FAULT_CLASS_SENSOR);
	faults_over(&f, f.latched[f.latched_count - 1].reaction);
	assert_int_equal(f.latched_count, 1);
}

/* A single glitch is told once; a contact that comes and goes for a minute ends in a pause. */
static void test_glitches(void **state)
{
	struct faults f;
	unsigned told = 0;
	double paused_s = 0.0;

	(void)state;
	faults_init(&f, NULL, 0);
	for (int i = 0; i < 1000; i++) { /* one in 4 s, for an hour */
		struct fault_decision d = raise_at(&f, FAULT_CLASS_GLITCH, "extruder",
						   100.0 + 4.0 * i);

		assert_int_equal(d.reaction, FAULT_WARN);
		told += d.news;
	}
	assert_true(told > 100 && told <= 400);
	assert_int_equal(f.latched_count, 0);
	for (int i = 0; i < 60; i++) { /* a second apart */
		struct fault_decision d = raise_at(&f, FAULT_CLASS_GLITCH, "extruder", 9000.0 + i);

		assert_true(d.reaction == FAULT_WARN || d.reaction == FAULT_PAUSE);
		if (d.reaction == FAULT_PAUSE && d.news)
			paused_s = i;
	}
	assert_true(paused_s >= FAULT_REPEATS_MAX && paused_s < 60.0);
	assert_int_equal(f.latched_count, 1);
}

static void test_two_at_once(void **state)
{
	struct faults f;
	struct fault_decision d;
	char why[FAULT_TEXT_MAX];
	size_t kept;

	(void)state;
	faults_init(&f, NULL, 0);
	raise_at(&f, FAULT_CLASS_GLITCH, "heater_bed", 1.0); /* nothing that is latched */
	d = raise_at(&f, FAULT_CLASS_SENSOR, "extruder", 2.0);
	assert_int_equal(d.reaction, FAULT_DISABLE);
	d = raise_at(&f, FAULT_CLASS_HEATING, "extruder", 3.0); /* the same component */
	assert_int_equal(d.reaction, FAULT_DISABLE);
	assert_false(d.escalated);
	d = raise_at(&f, FAULT_CLASS_PART_FAN, "fan", 4.0); /* only warned of */
	assert_int_equal(d.reaction, FAULT_WARN);
	d = raise_at(&f, FAULT_CLASS_SENSOR, "heater_bed", 5.0);
	assert_true(d.escalated);
	assert_int_equal(d.reaction, FAULT_STOP_MOTION);
	d = raise_at(&f, FAULT_CLASS_LINK_LOST, "mcu", 6.0); /* no component */
	assert_int_equal(d.reaction, FAULT_STOP_MOTION);
	faults_clear(&f, FAULT_CLASSES, NULL, NULL, NULL, &kept, why);
	assert_int_equal(f.latched_count, 0);
	d = raise_at(&f, FAULT_CLASS_SENSOR, "heater_bed", 7.0);
	assert_int_equal(d.reaction, FAULT_DISABLE);
}

static void test_recoveries(void **state)
{
	struct faults f;

	(void)state;
	faults_init(&f, NULL, 0);
	for (double t = 0.0; t < 20.0 * FAULT_RECOVERY_S; t += 60.0) {
		static double at[1000];
		static unsigned n;

		if (fault_recover(&f, t))
			at[n++] = t;
		assert_true(n < 1000);
		if (n > FAULT_RECOVERIES)
			assert_true(at[n - 1] - at[n - 1 - FAULT_RECOVERIES] >= FAULT_RECOVERY_S);
		if (t == 19.0 * FAULT_RECOVERY_S)
			assert_int_equal(n, 20 * FAULT_RECOVERIES - 2);
	}
}

static void test_crowd(void **state)
{
	struct faults f;
	struct fault_decision d = { 0 };
	char name[20];

	(void)state;
	faults_init(&f, NULL, 0);
	for (int i = 0; i < 2 * FAULT_LATCHED_MAX; i++) { /* those that don't stay make room */
		snprintf(name, sizeof(name), "runout%d", i);
		d = raise_at(&f, FAULT_CLASS_FILAMENT, name, i);
		assert_true(d.reaction < FAULT_SHUTDOWN);
	}
	for (int i = 0; i <= FAULT_LATCHED_MAX; i++) {
		snprintf(name, sizeof(name), "mcu%d", i);
		d = raise_at(&f, FAULT_CLASS_LINK_LOST, name, i);
		assert_int_equal(d.reaction,
				 i < FAULT_LATCHED_MAX ? FAULT_STOP_MOTION : FAULT_SHUTDOWN);
	}
	assert_true(d.news);
	assert_int_equal(f.latched_count, FAULT_LATCHED_MAX);
}

/* All that can be latched, of every class, with the longest words and counts: FAULTS says all of it. */
static void test_longest_text(void **state)
{
	static char text[FAULTS_TEXT_MAX];
	struct faults f;
	size_t most = 0;

	(void)state;
	for (unsigned c = 0; c < FAULT_CLASSES; c++) {
		size_t lines = 0;

		faults_init(&f, NULL, 0);
		for (int i = 0; i < FAULT_LATCHED_MAX; i++) {
			struct fault_latched *l = &f.latched[f.latched_count++];

			l->class = (enum fault_class_id)c;
			l->reaction = FAULT_STOP_MOTION;
			memset(l->component, 'c', sizeof(l->component) - 1);
			memset(l->detail, 'd', sizeof(l->detail) - 1);
			l->count = UINT64_MAX;
		}
		memset(f.count, 0xff, sizeof(f.count));
		faults_text(&f, 1e9, text, sizeof(text));
		for (const char *p = text; (p = strchr(p, '\n')); p++)
			lines++;
		assert_int_equal(lines, FAULT_LATCHED_MAX + FAULT_CLASSES);
		most = strlen(text) > most ? strlen(text) : most;
	}
	printf("at most %zu bytes\n", most);
}

static void test_random(void **state)
{
	static const char *const names[] = { "extruder", "heater_bed", "mcu", "fan", "stepper_x" };
	uint64_t rng = ref_seed("faults");
	struct faults f;
	double t = 0.0;

	(void)state;
	faults_init(&f, NULL, 0);
	for (int i = 0; i < 200000; i++) {
		enum fault_class_id id = (enum fault_class_id)(ref_random(&rng) % FAULT_CLASSES);
		const char *name = names[ref_random(&rng) % 5];
		char why[FAULT_TEXT_MAX], text[8000];
		size_t kept, had = f.latched_count;

		t += ref_loguniform(&rng, 1e-3, 1e3);
		if (ref_random(&rng) % 8 == 0) {
			size_t n = faults_clear(&f, id, name, NULL, NULL, &kept, why);

			assert_int_equal(f.latched_count, had - n);
			continue;
		}
		struct fault_decision d = raise_at(&f, id, name, t);
		const struct fault_class *c = &fault_classes[id];

		assert_true(d.reaction >=
			    ((c->flags & FAULT_BY_ROLE) ? FAULT_STOP_MOTION : c->weakest));
		assert_true(f.latched_count >= had && f.latched_count <= had + 1);
		if (d.reaction >= FAULT_DISABLE && f.latched_count < FAULT_LATCHED_MAX)
			assert_non_null(fault_of(&f, c->scope, name));
		faults_text(&f, t, text, sizeof(text));
	}
}

/* ---- configuration ---- */

static char file[] = "/tmp/stepd-faults-XXXXXX";

#define HEATER(pin, sensor) \
	"heater_pin: " pin "\nsensor_type: EPCOS 100K B57560G104F\nsensor_pin: " sensor \
	"\ncontrol: watermark\n" \
	"min_temp: 0\nmax_temp: 100\n"

static const char base[] =
	"[mcu]\nserial: /dev/ttyACM0\n"
	"[printer]\nkinematics: none\nmax_velocity: 300\nmax_accel: 3000\n"
	"[heater_generic chamber]\n" HEATER(
		"PA1", "PF1") "shutdown_on_error: false\non_error_gcode: M117 chamber\n";

/* Exit status of `stepd check` for the base and more; its output in text. */
static int check(const char *more, char *text, size_t cap)
{
	const char *paths[] = { file };
	FILE *f = fopen(file, "w"), *out;
	int rc;

	assert_non_null(f);
	fputs(base, f);
	fputs(more, f);
	fclose(f);
	out = tmpfile();
	assert_non_null(out);
	rc = config_check(paths, 1, NULL, 0, out);
	rewind(out);
	text[fread(text, 1, cap - 1, out)] = '\0';
	fclose(out);
	return rc;
}

static void test_config(void **state)
{
	static const struct {
		const char *more, *expect; /* NULL: is taken */
	} cases[] = {
		{ "[fault heater_sensor chamber]\nreaction: Stop-Motion\ngcode: PARK\n", NULL },
		{ "[fault sensor chamber]\n",
		  "'sensor': expected a class: sensor_glitch, heater_sensor" },
		{ "[fault heater_sensor]\n", "expected the name of a component" },
		{ "[fault heater_sensor bed]\n", "'bed': expected the name of a heater" },
		{ "[fault link_lost toool]\n", "'toool': expected the name of an MCU" },
		{ "[fault heater_sensor chamber]\nreaction: ignore\n",
		  "value 'ignore': expected disable, stop-motion or shutdown" },
		{ "[fault heater_sensor chamber]\nreacton: disable\n", "reaction" },
		{ "[heater_generic two]\n" HEATER(
			  "PA2", "PF2") "shutdown_on_error: true\non_error_gcode: M117\n",
		  "never runs: shutdown_on_error is set" },
		{ "[heater_generic two]\n" HEATER("PA2", "PF2") "shutdown_on_error: perhaps\n",
		  "shutdown_on_error" },
	};
	char text[8000];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int rc = check(cases[i].more, text, sizeof(text));

		if (cases[i].expect && !strstr(text, cases[i].expect))
			fail_msg("%s-> %s", cases[i].more, text);
		if (!cases[i].expect && rc)
			fail_msg("%s-> %s", cases[i].more, text);
	}
}

/* The options that users asked for become rules; what is more exact wins. */
static void test_heater_options(void **state)
{
	const char *paths[] = { file };
	char text[8000];
	struct machine_config *mc;
	struct faults f;
	struct fault_decision d;

	(void)state;
	assert_int_equal(
		check("[heater_generic two]\n" HEATER(
			      "PA2", "PF2") "shutdown_on_error: true\n"
					    "[fault heater_sensor two]\nreaction: stop-motion\n",
		      text, sizeof(text)),
		0);
	mc = machine_config_load(paths, 1, NULL, 0, NULL);
	assert_non_null(mc);
	faults_init(&f, mc->faults.rule, mc->faults.rules);
	d = raise_at(&f, FAULT_CLASS_SENSOR, "chamber", 0.0);
	assert_int_equal(d.reaction, FAULT_DISABLE);
	assert_string_equal(d.gcode, "M117 chamber");
	faults_init(&f, mc->faults.rule, mc->faults.rules);
	d = raise_at(&f, FAULT_CLASS_HEATING, "two", 0.0);
	assert_int_equal(d.reaction, FAULT_SHUTDOWN);
	faults_init(&f, mc->faults.rule, mc->faults.rules);
	d = raise_at(&f, FAULT_CLASS_SENSOR, "two", 0.0);
	assert_int_equal(d.reaction, FAULT_STOP_MOTION);
	machine_config_free(mc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),        cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_roles),        cmocka_unit_test(test_latch),
		cmocka_unit_test(test_glitches),     cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_recoveries),   cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_longest_text), cmocka_unit_test(test_random),
		cmocka_unit_test(test_config),       cmocka_unit_test(test_heater_options),
	};
	int fd = mkstemp(file), rc;

	if (fd < 0)
		return 2;
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	return rc;
}
