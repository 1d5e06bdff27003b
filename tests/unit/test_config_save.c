/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_config_save.c - saved values in the configuration file, whatever happens on the way there.
 *
 * Shown: the block holds what is saved, and the user's own text stays as it is but for the options that are
 * replaced; what is saved is read back as it was; an option of an included file is refused with its place. Killed
 * at every call that touches the disk, and in the middle of every write, the file is the old or the new one;
 * with any of these calls failing, too, and then the error says why.
 * How: files in a folder of the test's own; a child process that ends at call number n.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/config/config.h"
#include "daemon/config/config_save.h"
#include "tests/simlib/simrun.h"

static const char written[] = "# my printer\n"
			      "[probe]\n"
			      "pin: ^PB1 # left\n"
			      "Z_Offset: 1.5\n"
			      "\n"
			      "x_offset = 3\n"
			      "[gcode_macro A]\n"
			      "gcode:\n"
			      "  G1 X1\n"
			      "  z_offset: no option\n"
			      "[bed_mesh]\n"
			      "speed: 20";

static void put(const char *path, const char *text)
{
	FILE *f = simrun_create(path);

	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static char *get(const char *path)
{
	char *text = simrun_read(path, NULL);

	assert_non_null(text);
	return text;
}

static const char *value_of(struct config *c, const char *section, const char *option)
{
	struct config_section *s = config_section(c, section);
	struct config_option *o = s ? config_option(s, option) : NULL;

	return o ? o->value : "(none)";
}

/* What the file says of an option, as it is read. */
static void reads(const char *path, const char *section, const char *option, const char *value)
{
	struct config *c = config_new();

	assert_int_equal(config_read_file(c, path), 0);
	assert_int_equal(c->warnings, 0);
	assert_string_equal(value_of(c, section, option), value);
	config_free(c);
}

static void save(struct config_save *s, const char *path)
{
	char err[CONFIG_SAVE_ERR_MAX] = "";

	if (config_save_write(s, path, NULL, NULL, 0, err) != 0)
		fail_msg("%s", err);
	assert_int_equal(s->count, 0);
}

static void test_block(void **state)
{
	const char *path = simrun_path("printer.cfg");
	struct config_save s = { 0 };
	char *text, *again;

	(void)state;
	put(path, written);
	config_save_set(&s, "probe", "z_offset", "1.4", true);
	config_save_set(&s, "probe", "z_offset", "1.25", true); /* the last one counts */
	config_save_set(&s, "bed_mesh default", "points", "\n0.1, 0.2\n0.3, 0.4", true);
	config_save_set(&s, "bed_mesh default", "x_count", "2", true);
	save(&s, path);
	text = get(path);
	assert_non_null(strstr(text, "# my printer\n[probe]\npin: ^PB1 # left\n#Z_Offset: 1.5\n\n"
				     "x_offset = 3\n[gcode_macro A]\ngcode:\n  G1 X1\n"
				     "  z_offset: no option\n[bed_mesh]\nspeed: 20\n\n#*# <---"));
	assert_non_null(strstr(text, "#*# [probe]\n#*# z_offset = 1.25\n#*#\n"
				     "#*# [bed_mesh default]\n#*# points =\n#*# \t0.1, 0.2\n"
				     "#*# \t0.3, 0.4\n#*# x_count = 2\n#*#\n"));
	reads(path, "probe", "z_offset", "1.25");
	reads(path, "probe", "x_offset", "3");
	reads(path, "bed_mesh default", "points", "0.1, 0.2\n0.3, 0.4");
	/* Once more: what is not replaced stays, in its place. */
	config_save_set(&s, "probe", "z_offset", "1.3", true);
	config_save_set(&s, "probe", "x_offset", "4", true);
	save(&s, path);
	reads(path, "probe", "z_offset", "1.3");
	reads(path, "probe", "x_offset", "4");
	reads(path, "bed_mesh default", "x_count", "2");
	/* A profile goes, the other stays; a second save of the same changes nothing. */
	config_save_remove(&s, "bed_mesh default", true);
	config_save_set(&s, "bed_mesh other", "x_count", "5", true);
	save(&s, path);
	reads(path, "bed_mesh default", "x_count", "(none)");
	reads(path, "bed_mesh other", "x_count", "5");
	free(text);
	text = get(path);
	config_save_set(&s, "bed_mesh other", "x_count", "5", true);
	save(&s, path);
	again = get(path);
	assert_string_equal(text, again);
	free(text);
	free(again);
}

/* What stands behind the block is the user's, too. */
static void test_text_behind(void **state)
{
	const char *path = simrun_path("printer.cfg");
	struct config_save s = { 0 };

	(void)state;
	put(path,
	    "[probe]\npin: PB1\n\n#*# <------ SAVE_CONFIG ----->\n#*# [probe]\n#*# z_offset = 1\n"
	    "[fan]\npin: PA1\n");
	config_save_set(&s, "probe", "z_offset", "2", true);
	save(&s, path);
	reads(path, "fan", "pin", "PA1");
	reads(path, "probe", "z_offset", "2");
}

static void test_included(void **state)
{
	const char *path = simrun_path("printer.cfg"), *more = simrun_path("more.cfg");
	char err[CONFIG_SAVE_ERR_MAX], *text;
	struct config_save s = { 0 };

	(void)state;
	put(more, "[probe]\npin: PB1\nz_offset: 1\n");
	put(path, "[include more.cfg]\n[fan]\npin: PA1\n");
	config_save_set(&s, "probe", "z_offset", "2", true);
	assert_int_equal(config_save_write(&s, path, NULL, NULL, 0, err), -EINVAL);
	assert_non_null(strstr(err, "more.cfg:3: [probe] z_offset is set in an included file"));
	text = get(path);
	assert_string_equal(text, "[include more.cfg]\n[fan]\npin: PA1\n");
	free(text);
	/* Still there; another option of that section may be saved. */
	assert_int_equal(s.count, 1);
	config_save_free(&s);
	config_save_set(&s, "probe", "speed", "7", true);
	save(&s, path);
	reads(path, "probe", "z_offset", "1");
	reads(path, "probe", "speed", "7");
}

static void test_mode_and_link(void **state)
{
	const char *path = simrun_path("printer.cfg"), *name = simrun_path("name.cfg");
	struct config_save s = { 0 };
	struct stat st;

	(void)state;
	put(path, "[fan]\npin: PA1\n");
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(symlink("printer.cfg", name), 0);
	config_save_set(&s, "fan", "max_power", "0.5", false);
	save(&s, name);
	assert_int_equal(lstat(name, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	reads(path, "fan", "max_power", "0.5");
}

/* ---- the disk ---- */

/* Call number `at` ends the process, or fails with errno `error`; a write has done half by then. */
struct breaker {
	int calls, at, error;
};

static bool breaks(struct breaker *b)
{
	if (b->calls++ != b->at)
		return false;
	if (!b->error)
		_exit(3);
	errno = b->error;
	return true;
}

static int b_open(void *ctx, const char *path, int flags, mode_t mode)
{
	return breaks(ctx) ? -1 : open(path, flags, mode);
}

static ssize_t b_write(void *ctx, int fd, const void *bytes, size_t len)
{
	struct breaker *b = ctx;

	/* A few bytes at a time, so that there is a middle. */
	len = len > 50 ? 50 : len;
	if (b->calls == b->at && write(fd, bytes, len / 2) < 0)
		return -1;
	return breaks(b) ? -1 : write(fd, bytes, len);
}

static int b_fsync(void *ctx, int fd)
{
	return breaks(ctx) ? -1 : fsync(fd);
}

static int b_close(void *ctx, int fd)
{
	bool broken = breaks(ctx);
	int rc = close(fd);

	return broken ? -1 : rc;
}

static int b_link(void *ctx, const char *from, const char *to)
{
	return breaks(ctx) ? -1 : link(from, to);
}

static int b_rename(void *ctx, const char *from, const char *to)
{
	return breaks(ctx) ? -1 : rename(from, to);
}

static void remove_backups(void)
{
	char path[600];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s", simrun_path("printer.cfg"));
	*strrchr(path, '/') = '\0';
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)))
		if (!strncmp(e->d_name, "printer-", 8))
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

/* Returns the child's exit status: 0 saved, 1 refused, 3 killed; *calls: how many there were. */
static int broken_save(const char *path, int at, int error, char err[CONFIG_SAVE_ERR_MAX])
{
	int status, out[2];
	pid_t pid;
	ssize_t n;

	remove_backups();
	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct breaker b = { .at = at, .error = error };
		const struct config_save_io io = { &b,      b_open, b_write, b_fsync,
						   b_close, b_link, b_rename };
		struct config_save s = { 0 };
		char why[CONFIG_SAVE_ERR_MAX] = "";

		config_save_set(&s, "probe", "z_offset", "2.75", true);
		status = config_save_write(&s, path, &io, NULL, 0, why) != 0;
		n = write(out[1], why, sizeof(why));
		_exit(n == (ssize_t)sizeof(why) ? status : 4);
	}
	close(out[1]);
	memset(err, 0, CONFIG_SAVE_ERR_MAX);
	n = read(out[0], err, CONFIG_SAVE_ERR_MAX);
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && n >= 0);
	return WEXITSTATUS(status);
}

static const char *new_text(const char *path)
{
	static char *text;
	char err[CONFIG_SAVE_ERR_MAX];

	free(text);
	put(path, written);
	assert_int_equal(broken_save(path, -1, 0, err), 0);
	text = get(path);
	return text;
}

static void test_killed(void **state)
{
	const char *path = simrun_path("printer.cfg"), *new = new_text(path);
	char err[CONFIG_SAVE_ERR_MAX], *text;
	int olds = 0, news = 0, at = 0;

	(void)state;
	for (;; at++) {
		int status;

		assert_true(at < 1000);
		put(path, written);
		status = broken_save(path, at, 0, err);
		text = get(path);
		if (strcmp(text, written) == 0)
			olds++;
		else if (strcmp(text, new) == 0)
			news++;
		else
			fail_msg("killed at call %d: neither the old nor the new file:\n%s", at,
				 text);
		free(text);
		if (status == 0)
			break; /* there are no more calls */
		assert_int_equal(status, 3);
		/* What is left behind does not disturb the next one. */
		assert_int_equal(broken_save(path, -1, 0, err), 0);
		reads(path, "probe", "z_offset", "2.75");
	}
	print_message("%d calls; the old file %d times, the new one %d times\n", at, olds, news);
	assert_true(olds > 10 && news >= 3);
}

static void test_failing(void **state)
{
	static const int errors[] = { ENOSPC, EIO, EROFS };
	const char *path = simrun_path("printer.cfg"), *new = new_text(path);
	char err[CONFIG_SAVE_ERR_MAX], *text;

	(void)state;
	for (size_t e = 0; e < 3; e++)
		for (int at = 0;; at++) {
			int status;

			assert_true(at < 1000);
			put(path, written);
			status = broken_save(path, at, errors[e], err);
			text = get(path);
			if (status == 1 && !strstr(err, strerror(errors[e])))
				fail_msg("call %d: %s", at, err);
			if (status == 1 && strstr(err, "the file is as it was"))
				assert_string_equal(text, written);
			else
				assert_string_equal(text, new);
			free(text);
			assert_int_equal(access(simrun_path("printer.cfg.new"), F_OK), -1);
			if (status == 0 && !*err && at > 20)
				break;
		}
}

static void test_backup(void **state)
{
	const char *path = simrun_path("printer.cfg");
	char backup[400], err[CONFIG_SAVE_ERR_MAX], *text;
	struct config_save s = { 0 };

	(void)state;
	put(path, written);
	for (int i = 0; i < 3; i++) { /* within a second, too */
		char *before = get(path);

		config_save_set(&s, "probe", "z_offset", i == 0 ? "1" : i == 1 ? "2" : "3", true);
		assert_int_equal(config_save_write(&s, path, NULL, backup, sizeof(backup), err), 0);
		text = get(backup);
		assert_string_equal(text, before);
		free(text);
		free(before);
		unlink(backup);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_block, simrun_teardown),
		cmocka_unit_test_teardown(test_text_behind, simrun_teardown),
		cmocka_unit_test_teardown(test_included, simrun_teardown),
		cmocka_unit_test_teardown(test_mode_and_link, simrun_teardown),
		cmocka_unit_test_teardown(test_killed, simrun_teardown),
		cmocka_unit_test_teardown(test_failing, simrun_teardown),
		cmocka_unit_test_teardown(test_backup, simrun_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
