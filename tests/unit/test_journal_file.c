// SPDX-License-Identifier: GPL-2.0-or-later
/* test_journal_file.c - slots of the job journal on a real file, and what is read back of damaged ones.
 *
 * Shown: of two slots the newer whole one counts; every flipped bit and every torn end of one leaves the other; bytes that
 * are sealed but make no sense are no record; the file keeps its size; a missing folder, a folder in its place and
 * a file of another size are told or put right; so is a disk on which only a part of it has room. Repeat: no seed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "daemon/journal/journal_file.h"

enum { BYTES = SLOTS * SLOT_BYTES };

static struct journal_record record(uint64_t sequence)
{
	struct journal_record r = { .head.sequence = sequence,
				    .state = JOURNAL_PRINTING,
				    .size = 1000 };

	r.at.offset = 10 * sequence;
	r.heaters = 1;
	snprintf(r.file, sizeof(r.file), "a/b.gcode");
	snprintf(r.heater[0].name, sizeof(r.heater[0].name), "extruder");
	return r;
}

static void put(uint8_t *slots, int slot, uint64_t sequence)
{
	struct journal_record r = record(sequence);

	journal_seal(&r, slots + slot * SLOT_BYTES);
}

static void damage(void **state)
{
	static uint8_t whole[BYTES], slots[BYTES];
	struct journal_record r;

	(void)state;
	assert_int_equal(journal_newest(slots, &r), -1);
	put(whole, 0, 7);
	assert_int_equal(journal_newest(whole, &r), 0);
	put(whole, 1, 8);
	assert_int_equal(journal_newest(whole, &r), 1);
	assert_true(r.head.sequence == 8 && r.at.offset == 80);
	assert_string_equal(r.file, "a/b.gcode");
	for (size_t bit = 0; bit < SLOT_BYTES * 8u; bit++) {
		memcpy(slots, whole, BYTES);
		slots[SLOT_BYTES + bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(journal_newest(slots, &r), 0);
		assert_true(r.head.sequence == 7);
	}
	for (size_t n = 0; n < SLOT_BYTES; n++) { /* 9 comes in, and ends after n bytes */
		memcpy(slots, whole, BYTES);
		put(slots, 0, 9);
		memcpy(slots + n, whole + n, SLOT_BYTES - n);
		assert_true(journal_newest(slots, &r) >= 0);
		assert_true(r.head.sequence == 8 || r.head.sequence == 9);
	}
}

/* A seal over nonsense. */
static void nonsense(void **state)
{
	static uint8_t slots[BYTES];
	struct journal_record r, bad[6];

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		bad[i] = record(1);
	bad[0].heaters = 1000;
	memset(bad[1].file, 'x', sizeof(bad[1].file));
	memset(bad[2].fault, 'x', sizeof(bad[2].fault));
	memset(bad[3].heater[0].name, 'x', sizeof(bad[3].heater[0].name));
	for (unsigned i = 0; i < 4; i++) {
		journal_seal(&bad[i], slots);
		assert_int_equal(journal_newest(slots, &r), -1);
	}
	journal_seal(&bad[4], slots);
	assert_int_equal(journal_newest(slots, &r), 0);
	for (size_t at = 0; at < 8; at += 4) { /* magic, version */
		uint32_t crc;

		journal_seal(&bad[5], slots);
		slots[at]++;
		crc = (uint32_t)crc32(0, slots, SLOT_BYTES - sizeof(crc));
		memcpy(slots + SLOT_BYTES - sizeof(crc), &crc, sizeof(crc));
		assert_int_equal(journal_newest(slots, &r), -1);
	}
}

static void file(void **state)
{
	char folder[] = "/tmp/test_journalXXXXXX", path[64], absent[80];
	struct journal_record r = { 0 };
	struct slot_file *f;
	struct slot_disk disk;
	uint8_t slot[SLOT_BYTES];
	struct stat st;
	int at;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/journal", folder);
	snprintf(absent, sizeof(absent), "%s/none/journal", folder);
	assert_null(journal_file_open(absent, false, &r, &at));
	assert_int_equal(at, -ENOENT);
	assert_null(journal_file_open(folder, false, &r, &at));
	assert_int_equal(at, -EISDIR);
	for (uint64_t n = 1; n < 6; n++) {
		bool threads = n % 2;
		int tries = 0;

		f = journal_file_open(path, threads, &r, &at);
		assert_non_null(f);
		assert_int_equal(at, n == 1 ? -1 : (int)(n % 2));
		assert_true(n == 1 || r.head.sequence == n - 1);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, BYTES);
		disk = slot_file_disk(f);
		r = record(n);
		journal_seal(&r, slot);
		assert_true(disk.write(disk.ctx, (n + 1) % 2 * SLOT_BYTES, slot, sizeof(slot)));
		while (disk.error(disk.ctx) == SLOT_BUSY && tries++ < 10000)
			usleep(1000);
		assert_int_equal(disk.error(disk.ctx), 0);
		slot_file_close(f);
	}
	assert_int_equal(truncate(path, SLOT_BYTES + 5), 0); /* slot 0 is whole */
	f = journal_file_open(path, false, &r, &at);
	assert_non_null(f);
	assert_int_equal(at, 0);
	assert_true(r.head.sequence == 5);
	slot_file_close(f);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, BYTES);
	unlink(path);
	rmdir(folder);
}

/* The limit of a file's size stands for the end of the disk. */
static void no_room(void **state)
{
	struct rlimit was, less;
	struct journal_record r;
	char path[] = "/tmp/stepd-journal-XXXXXX";
	int slot = 0;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	less = (struct rlimit){ .rlim_cur = SLOT_BYTES + 1, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
	errno = EEXIST; /* of something before it */
	assert_null(journal_file_open(path, false, &r, &slot));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(slot, -ENOSPC);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damage),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(file),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
