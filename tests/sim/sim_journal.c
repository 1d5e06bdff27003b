// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_journal.c - the job journal: power is cut at any instant, and what was printed is known.
 *
 * Shown: at 1,000 random instants of a print (with a pause in it), on a disk whose writes take up to half a second and are
 * torn in sectors of 512 bytes at the cut, the journal is readable, at most 1 s old, and the head was then on the very
 * line of the file that it names. A disk that fails or hangs is told, and the journal goes on when it is well again.
 * How: tests/simlib/printjob.h. Repeat: STEPD_SEED=n, printed.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/simlib/printjob.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

enum { CUTS = 1000, SECTOR = 512, BYTES = SLOTS * SLOT_BYTES, PLACES = 1 << 14 };
#define WRITE_S_MAX 0.48 /* two, and the looks between them, take no second */

/* ---- a disk in virtual time ---- */

static struct vdisk {
	struct scene *s;
	uint64_t random;
	uint8_t image[BYTES], coming[SLOT_BYTES];
	uint64_t offset;
	double until_s; /* the write is on its way */
	bool writing;
	int error;
	unsigned writes;
} vdisk;

static void vdisk_settle(void)
{
	if (!vdisk.writing || printjob_now_s(vdisk.s) < vdisk.until_s)
		return;
	if (!vdisk.error)
		memcpy(vdisk.image + vdisk.offset, vdisk.coming, sizeof(vdisk.coming));
	vdisk.writing = false;
}

static int vdisk_error(void *ctx)
{
	(void)ctx;
	vdisk_settle();
	return vdisk.writing ? SLOT_BUSY : vdisk.error;
}

static bool vdisk_write(void *ctx, uint64_t offset, const uint8_t *bytes, size_t len)
{
	(void)ctx;
	assert_int_equal(len, sizeof(vdisk.coming));
	assert_false(vdisk.writing);
	memcpy(vdisk.coming, bytes, len);
	vdisk.offset = offset;
	vdisk.until_s = printjob_now_s(vdisk.s) + random_uniform(&vdisk.random, 0.001, WRITE_S_MAX);
	vdisk.writing = true;
	vdisk.writes++;
	return true;
}

/* What is on it if the power goes now: of a write under way any of its sectors, one of them half. */
static void vdisk_cut(uint8_t image[BYTES])
{
	vdisk_settle();
	memcpy(image, vdisk.image, BYTES);
	if (!vdisk.writing)
		return;
	for (size_t at = 0; at < sizeof(vdisk.coming); at += SECTOR) {
		double what = random_uniform(&vdisk.random, 0, 3);
		size_t n = what < 1 ? 0 : what < 2.5 ? SECTOR : SECTOR / 3;

		memcpy(image + vdisk.offset + at, vdisk.coming + at, n);
		if (what > 2.9)
			memset(image + vdisk.offset + at, (int)(what * 1e6), SECTOR);
	}
}

static void use_vdisk(struct scene *s, unsigned long seed)
{
	memset(&vdisk, 0, sizeof(vdisk));
	vdisk.s = s;
	vdisk.random = seed;
	journal_use(s->b.m->print, (struct slot_disk){ .write = vdisk_write, .error = vdisk_error });
}

/* ---- where the head really was ---- */

static struct {
	int64_t at_ns;
	double mm[2];
} place[PLACES];
static unsigned places;

static void note_place(const struct scene *s)
{
	place[places % PLACES].at_ns = s->b.now_ns;
	for (int a = 0; a < 2; a++)
		place[places % PLACES].mm[a] = scene_truth_mm(s, a);
	places++;
}

static double from_line(const double p[2], const double a[2], const double b[2])
{
	double dx = b[0] - a[0], dy = b[1] - a[1], n = dx * dx + dy * dy;
	double t = n > 0 ? ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / n : 0;

	t = t < 0 ? 0 : t > 1 ? 1 : t;
	return hypot(a[0] + t * dx - p[0], a[1] + t * dy - p[1]);
}

/* The head's distance, at the record's time, from the line of the file at its offset. */
static double off_by_mm(const char *file, const struct journal_record *r)
{
	double to[2];
	unsigned i = places;

	assert_true(r->at.offset < r->size);
	assert_true(r->at.offset == 0 || file[r->at.offset - 1] == '\n');
	if (sscanf(file + r->at.offset, "G1 X%lf Y%lf", &to[0], &to[1]) != 2)
		fail_msg("at offset %llu: %.20s", (unsigned long long)r->at.offset,
			 file + r->at.offset);
	while (i > 0 && places - i < PLACES && place[(i - 1) % PLACES].at_ns > r->mono_ns)
		i--;
	assert_true(i > 0 && r->mono_ns - place[(i - 1) % PLACES].at_ns < 20000000);
	return from_line(place[(i - 1) % PLACES].mm, r->at.position_mm, to);
}

static void cuts(void **state)
{
	unsigned long seed = simrun_seed(11);
	struct scene *s = printjob_open("[stepd]\ninject_faults: True\n");
	char path[SIMRUN_PATH_MAX];
	double oldest_s = 0, worst_mm = 0;
	unsigned torn = 0;
	char *file;

	(void)state;
	use_vdisk(s, seed);
	printjob_begin(s, "");
	snprintf(path, sizeof(path), "%s", simrun_path("card/print.gcode"));
	file = simrun_read(path, NULL);
	assert_non_null(file);
	for (int i = 0; i < 500; i++) {
		scene_pass(s, 0.002);
		note_place(s);
	}
	for (unsigned i = 0; i < CUTS; i++) {
		double until_s = printjob_now_s(s) + random_uniform(&vdisk.random, 0.001, 0.08);
		struct journal_record r;
		uint8_t image[BYTES];
		double age_s;

		while (printjob_now_s(s) < until_s) {
			scene_pass(s, 0.002);
			note_place(s);
		}
		if (i == 300)
			scene_now(s, "INJECT_FAULT CLASS=filament COMPONENT=runout");
		if (i == 350)
			batch_lines(&s->b, "G91\nG1 X30 F3000\nG90\n");
		if (i == 400)
			batch_lines(&s->b, "RESUME\n");
		torn += vdisk.writing;
		vdisk_cut(image);
		assert_true(journal_newest(image, &r) >= 0);
		age_s = (double)(s->b.now_ns - r.mono_ns) * 1e-9;
		oldest_s = fmax(oldest_s, age_s);
		assert_true(age_s <= 1.0);
		assert_string_equal(r.file, "print.gcode");
		assert_true(r.state == JOURNAL_PRINTING || r.state == JOURNAL_PAUSED);
		assert_true(r.heater[HOTEND].target_degc == 205 && r.homed == 7);
		if (r.state == JOURNAL_PRINTING && (i < 300 || i > 450))
			worst_mm = fmax(worst_mm, off_by_mm(file, &r));
	}
	free(file);
	print_message(
		"%u writes, %u cuts in one of them; at most %.2f s old, %.3f mm off its line\n",
		vdisk.writes, torn, oldest_s, worst_mm);
	assert_true(torn > CUTS / 10);
	assert_true(worst_mm < 0.05);
	s->errors = 0;
	printjob_completes(s);
	scene_pass(s, 2);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* It is told once; the print goes on; when the disk is well again so is the journal. */
static void failing_disk(void **state)
{
	struct scene *s = printjob_open("");
	struct journal_record r;
	uint8_t image[BYTES];

	(void)state;
	use_vdisk(s, 5);
	printjob_begin(s, "");
	assert_true(journal_newest(vdisk.image, &r) >= 0);
	vdisk.error = EIO;
	scene_pass(s, 10);
	assert_int_equal(s->errors, 1);
	assert_true(scene_said(s, "job journal: "));
	vdisk_cut(image);
	assert_true(journal_newest(image, &r) >= 0); /* the older one is still whole */
	vdisk.error = 0;
	scene_pass(s, 2);
	vdisk_cut(image);
	assert_true(journal_newest(image, &r) >= 0);
	assert_true(s->b.now_ns - r.mono_ns < 1000000000);
	scene_hush(s);
	while (!vdisk.writing) /* one that hangs: told once, and nothing waits for it */
		scene_pass(s, 0.01);
	vdisk.until_s = printjob_now_s(s) + 12;
	scene_pass(s, 4);
	assert_int_equal(s->errors, 0);
	scene_pass(s, 7.5);
	assert_int_equal(s->errors, 1);
	assert_true(scene_said(s, "its disk has taken nothing for 5 s"));
	scene_pass(s, 2);
	vdisk_cut(image);
	assert_true(journal_newest(image, &r) >= 0);
	assert_true(s->b.now_ns - r.mono_ns < 1000000000);
	s->errors = 0;
	printjob_completes(s);
	assert_true(scene_exact(s));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts),
		cmocka_unit_test(failing_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
