// SPDX-License-Identifier: GPL-2.0-or-later
/* test_fault_keep.c - the record of heater faults that outlives the daemon.
 *
 * Shown: what is in it, of all classes and reactions, is what stays of heaters from disable up; it keeps when each came and
 * changes only with what is latched; of two slots the newer whole one counts, every flipped bit and every torn end of
 * one leaves the other and is told, nothing is believed of two; what is sealed but makes no sense is no record; as many
 * as can be latched fit; what is restored is latched as disable, and is told again if it comes as something stronger.
 * Repeat: no seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "daemon/faults/fault_keep.h"

static struct fault_decision raise_now(struct faults *f, enum fault_class_id class,
				       const char *component)
{
	struct fault_report r = { .class = class, .component = component, .severity = 9, .now_s = 1 };
	struct fault_decision d;

	fault_raise(f, &r, &d);
	return d;
}

static void which(void **state)
{
	struct fault_record r = { 0 };
	struct faults f;
	char why[FAULT_TEXT_MAX];
	size_t kept;

	(void)state;
	faults_init(&f, NULL, 0);
	for (unsigned i = 0; i < FAULT_CLASSES; i++)
		raise_now(&f, i, "extruder");
	assert_true(f.latched_count > 8);
	assert_true(fault_keep_take(&r, &f, 1000));
	assert_int_equal(r.count, 3);
	assert_string_equal(r.fault[0].class, "heater_sensor");
	assert_string_equal(r.fault[1].class, "heater_deviation");
	assert_string_equal(r.fault[2].class, "thermal_runaway");
	assert_false(fault_keep_take(&r, &f, 2000));
	assert_int_equal(r.head.sequence, 1);
	raise_now(&f, FAULT_CLASS_SENSOR, "heater_bed");
	raise_now(&f, FAULT_CLASS_SENSOR, "extruder"); /* again: nothing new */
	assert_true(fault_keep_take(&r, &f, 3000));
	assert_int_equal(r.count, 4);
	assert_int_equal(r.head.sequence, 2);
	assert_int_equal(r.fault[0].wall_s, 1000);
	assert_string_equal(r.fault[3].component, "heater_bed");
	assert_int_equal(r.fault[3].wall_s, 3000);
	/* one goes and one comes at once */
	faults_clear(&f, FAULT_CLASS_HEATING, "extruder", NULL, NULL, &kept, why);
	raise_now(&f, FAULT_CLASS_HEATING, "heater_bed");
	assert_true(fault_keep_take(&r, &f, 4000));
	assert_int_equal(r.count, 4);
	assert_int_equal(r.fault[3].wall_s, 4000);
	faults_clear(&f, FAULT_CLASSES, NULL, NULL, NULL, &kept, why);
	assert_true(fault_keep_take(&r, &f, 5000));
	assert_int_equal(r.count, 0);
	assert_int_equal(r.head.sequence, 4);
}

/* As many as there can be, with names as long as can be. */
static struct fault_record full(uint64_t sequence)
{
	struct fault_record r = { .head.sequence = sequence, .count = FAULT_LATCHED_MAX };

	for (unsigned i = 0; i < FAULT_LATCHED_MAX; i++) {
		memset(r.fault[i].component, 'a', FAULT_NAME_MAX - 1);
		snprintf(r.fault[i].class, FAULT_CLASS_NAME_MAX, "heater_sensor");
		r.fault[i].wall_s = 100 + i;
	}
	return r;
}

static void damage(void **state)
{
	static uint8_t whole[SLOT_FILE_BYTES], slots[SLOT_FILE_BYTES];
	struct fault_record r = full(7), was;
	bool damaged;

	(void)state;
	assert_int_equal(fault_keep_newest(slots, &r, &damaged), -1);
	assert_true(!damaged && r.count == 0 && r.head.sequence == 0);
	r = full(7);
	fault_keep_seal(&r, whole);
	assert_int_equal(fault_keep_newest(whole, &r, &damaged), 0);
	assert_false(damaged);
	was = full(8);
	was.count = 1;
	fault_keep_seal(&was, whole + SLOT_BYTES);
	assert_int_equal(fault_keep_newest(whole, &r, &damaged), 1);
	assert_true(!damaged && r.head.sequence == 8 && r.count == 1);
	assert_memory_equal(r.fault, was.fault, sizeof(r.fault));
	for (size_t bit = 0; bit < SLOT_BYTES * 8u; bit++) {
		memcpy(slots, whole, sizeof(slots));
		slots[SLOT_BYTES + bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(fault_keep_newest(slots, &r, &damaged), 0);
		assert_true(damaged && r.head.sequence == 7 && r.count == FAULT_LATCHED_MAX);
		slots[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(fault_keep_newest(slots, &r, &damaged), -1);
		assert_true(damaged && r.head.sequence == 0 && r.count == 0);
	}
	was = full(9);
	fault_keep_seal(&was, slots);
	for (size_t n = 0; n < SLOT_BYTES; n++) { /* 9 comes in, and ends after n bytes */
		memcpy(slots + SLOT_BYTES, whole + SLOT_BYTES, SLOT_BYTES);
		memcpy(slots + n, whole + n, SLOT_BYTES - n);
		assert_true(fault_keep_newest(slots, &r, &damaged) >= 0);
		assert_true(r.head.sequence >= 8);
		fault_keep_seal(&was, slots);
	}
}

/* Sealed, but no record of this version. */
static void senseless(void **state)
{
	static uint8_t slots[SLOT_FILE_BYTES];
	struct fault_record bad[4], r;
	bool damaged;

	(void)state;
	for (int i = 0; i < 4; i++)
		bad[i] = full(1);
	bad[0].count = FAULT_LATCHED_MAX + 1;
	memset(bad[1].fault[3].component, 'a', FAULT_NAME_MAX);
	memset(bad[2].fault[31].class, 'a', FAULT_CLASS_NAME_MAX);
	snprintf(bad[3].fault[5].class, FAULT_CLASS_NAME_MAX, "no_such_class");
	for (int i = 0; i < 4; i++) {
		fault_keep_seal(&bad[i], slots);
		assert_int_equal(fault_keep_newest(slots, &r, &damaged), -1);
		assert_true(damaged && r.count == 0);
	}
	for (size_t at = 0; at < 8; at += 4) { /* magic, version */
		uint32_t crc;

		r = full(1);
		fault_keep_seal(&r, slots);
		slots[at]++;
		crc = (uint32_t)crc32(0, slots, SLOT_BYTES - sizeof(crc));
		memcpy(slots + SLOT_BYTES - sizeof(crc), &crc, sizeof(crc));
		assert_int_equal(fault_keep_newest(slots, &r, &damaged), -1);
		assert_true(damaged);
	}
}

static void restored(void **state)
{
	struct fault_decision d;
	struct faults f;
	char text[FAULTS_TEXT_MAX];

	(void)state;
	faults_init(&f, NULL, 0);
	fault_restore(&f, FAULT_CLASS_RUNAWAY, "extruder", "of then", -100);
	fault_restore(&f, FAULT_CLASS_SENSOR, "heater_bed", "of then", 0);
	assert_int_equal(f.latched_count, 2);
	assert_int_equal(fault_of(&f, FAULT_SCOPE_HEATER, "extruder")->reaction, FAULT_DISABLE);
	faults_text(&f, 10, text, sizeof(text));
	assert_non_null(strstr(text, "heats while off: of then; disable, for 110 s"));
	d = raise_now(&f, FAULT_CLASS_RUNAWAY, "extruder");
	assert_true(d.news && d.reaction == FAULT_SHUTDOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which),
		cmocka_unit_test(damage),
		cmocka_unit_test(senseless),
		cmocka_unit_test(restored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
