// SPDX-License-Identifier: GPL-2.0-or-later
/* test_cli.c - the command line of stepd: right and wrong arguments, files and devices.
 *
 * Shown: for each call the exit status and a word that the output must have on the right stream; usage
 * errors are 2, help and version 0, what cannot be done 1; nothing hangs (10 s each), nothing dies of
 * a signal. How: the program $STEPD_BUILD/stepd is run in a scratch folder. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/capability.h>
#include <linux/securebits.h>

enum { ARGS_MAX = 16, TEXT_MAX = 65536, LIMIT_S = 10 };

static char dir[256], program[512], printer_cfg[512];
static char out[TEXT_MAX], err[TEXT_MAX];

/* A socket that nobody listens to. */
static void make_deaf_socket(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), here = open(".", O_RDONLY | O_DIRECTORY);

	assert_true(fd >= 0 && here >= 0);
	strcpy(at.sun_path, "deaf"); /* the folder's name may be too long for it */
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(fchdir(here), 0);
	close(fd);
	close(here);
}

static void slurp(const char *name, char *text)
{
	char path[512];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, TEXT_MAX - 1, f);
	text[n] = 0;
	fclose(f);
}

static bool cannot_run; /* programs can't be started, e.g. under qemu-user */
static bool powerless;  /* root without its rights */

static void child(char *const argv[])
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	int in = open("/dev/null", O_RDONLY), o, e;

	if (chdir(dir) < 0)
		_exit(126);
	o = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	e = open("err", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(in, 0);
	dup2(o, 1);
	dup2(e, 2);
	alarm(LIMIT_S);
	if (powerless &&
	    (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) < 0 || /* else exec gives them back */
	     syscall(SYS_capset, &head, none) < 0))
		_exit(125);
	execv(program, argv);
	_exit(127);
}

/* Runs `stepd ARGS…`, words separated by blanks; @ stands for a good configuration. after_ms > 0: ends it
 * then with SIGTERM. Returns the exit status, or 128 + signal. */
static int stepd(const char *args, int after_ms)
{
	char words[16384], *argv[256] = { program };
	int argc = 1, status;
	pid_t pid;

	snprintf(words, sizeof(words), "%s", args);
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " ")) {
		assert_true(argc < 255);
		argv[argc++] = strcmp(w, "@") == 0 ? printer_cfg : w;
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(argv);
	if (after_ms > 0) {
		struct timespec ts = { after_ms / 1000, after_ms % 1000 * 1000000L };

		nanosleep(&ts, NULL);
		kill(pid, SIGTERM);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	slurp("out", out);
	slurp("err", err);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

/* says: what standard error must hold; a leading '>' means standard output. */
static const struct {
	const char *args;
	int status;
	const char *says;
} calls[] = {
	{ "", 2, "usage: stepd -c CONFIG" },
	{ "--help", 0, ">usage: stepd -c CONFIG" },
	{ "--version", 0, ">stepd " },
	{ "-h", 0, ">usage: stepd -c CONFIG" },
	{ "nonsense", 2, "stepd: unknown command 'nonsense': expected one of these, or -c CONFIG" },
	{ "broken.cfg", 2, "unknown command 'broken.cfg'" },
	/* run */
	{ "run --help", 0, ">usage: stepd -c CONFIG" },
	{ "run", 2, "expected -c CONFIG" },
	{ "-o a.b=c", 2, "expected -c CONFIG" },
	{ "-c", 2, "requires an argument" },
	{ "-c @ --nonsense", 2, "nonsense" },
	{ "-c @ surplus", 2, "'surplus' is one argument too many" },
	{ "-c missing.cfg", 1, "missing.cfg" },
	{ "-c .", 1, "cannot be used" },
	{ "-c broken.cfg", 1, "broken.cfg:2" },
	{ "-c @ -o nonsense", 1, "nonsense" },
	{ "-c @ -o mcu.serial=missing.tty", 1,
	  "cannot open serial device 'missing.tty': No such file" },
	{ "-c @ -o mcu.serial=plain", 1, "'plain' is not a serial device" },
	{ "-c @ -o mcu.serial=/dev/null", 1, "'/dev/null' is not a serial device" },
	{ "-c @ -o mcu.serial=deaf", 1, "cannot connect to the socket 'deaf': Connection refused" },
	{ "-c @ -o mcu.serial=", 1, "serial" },
	{ "-c @ --rt-report missing/report", 1, "--rt-report missing/report: No such file" },
	{ "-c @ --trace missing/plan", 1, "cannot write the plan trace 'missing/plan'" },
	{ "-c @ --trace plan -o stepd.flight_file=", 1, "--trace needs the flight recorder" },
	{ "-c @ -o stepd.flight_file=plain", 1, "found something else; not touched" },
	{ "-c @ -o stepd.flight_file=missing/a/b", 1, "missing/a" },
	/* check */
	{ "check --help", 0, ">usage: stepd check" },
	{ "check -h", 0, ">usage: stepd check" },
	{ "check", 2, "stepd check: expected a FILE" },
	{ "check --nonsense", 2,
	  "stepd check: unrecognized option '--nonsense'\nusage: stepd check" },
	{ "check -c @", 2, "stepd check: invalid option -- 'c'" },
	{ "check @", 0, ">: ok, corexy" },
	{ "check missing.cfg", 1, ">missing.cfg" },
	{ "check broken.cfg", 1, ">broken.cfg:2" },
	{ "check @ -o printer.max_velocity=-5", 1, ">max_velocity" },
	{ "check -o printer.max_velocity=-5 @", 1, ">max_velocity" },
	/* model */
	{ "model --help", 0, ">usage: stepd model" },
	{ "model", 2, "usage: stepd model" },
	{ "model -c @ surplus", 2, "usage: stepd model" },
	{ "model -c missing.cfg", 1, "missing.cfg" },
	{ "model -c @", 0, ">stepper x=1" },
	/* batch */
	{ "batch --help", 0, ">usage: stepd batch" },
	{ "batch", 2, "expected -c CONFIG" },
	{ "batch -c @", 2, "expected one G-code file" },
	{ "batch -c @ a b", 2, "expected one G-code file" },
	{ "batch -c @ --seed x good.gcode", 2, "--seed 'x'" },
	{ "batch -c @ --seed -1 good.gcode", 2, "--seed '-1'" },
	{ "batch -c @ --wire-faults 99999999 good.gcode", 2, "--wire-faults '99999999'" },
	{ "batch -c @ --nonsense good.gcode", 2, "nonsense" },
	{ "batch -c @ --no-mcu --trace t good.gcode", 2,
	  "expected no --trace, --plot or --events with --no-mcu" },
	{ "batch -c missing.cfg good.gcode", 1, "missing.cfg" },
	{ "batch -c @ missing.gcode", 1,
	  "stepd batch: missing.gcode: No such file or directory: expected a G-code file" },
	{ "batch -c @ .", 1, "." },
	{ "batch -c @ --trace missing/t good.gcode", 1, "missing/t" },
	{ "batch -c @ good.gcode", 0, ">0 violations" },
	{ "batch -c @ empty.gcode", 0, ">0 violations" },
	{ "batch -c @ --json good.gcode", 0, ">\"violations\"" },
	{ "batch -c @ bad.gcode", 1, "line 2" },
	{ "batch -c @ --flight missing/f good.gcode", 1, "flight recorder 'missing/f'" },
	{ "batch -c @ --flight plain good.gcode", 1, "found something else; not touched" },
	{ "batch -c @ --flight good.flight good.gcode", 0, ">0 violations" },
	/* dump, of what the last one left */
	{ "dump --help", 0, ">usage: stepd dump" },
	{ "dump", 2, "expected one FILE" },
	{ "dump a b", 2, "expected one FILE" },
	{ "dump missing.flight", 1, "missing.flight: No such file" },
	{ "dump plain", 1, "too few for a flight record" },
	{ "dump .", 1, "expected a regular file" },
	{ "dump --at x good.flight", 2, "--at 'x'" },
	{ "dump --window 0 good.flight", 2, "--window '0'" },
	{ "dump --stepper nobody good.flight", 2, "expected one of stepper_x stepper_y" },
	{ "dump --plot picture.txt good.flight", 1, "ends in .svg or .png" },
	{ "dump good.flight", 0, ">no fault in the record" },
	{ "dump --json good.flight", 0, ">\"findings\":[" },
	/* canbus-query */
	{ "canbus-query --help", 0, ">usage: stepd canbus-query" },
	{ "canbus-query --nonsense", 2, "usage: stepd canbus-query" },
	{ "canbus-query a b", 2, "usage: stepd canbus-query" },
	{ "canbus-query nocan9", 1, "CAN interface 'nocan9': " },
	{ "-c @ -o mcu.serial= -o mcu.canbus_uuid=11aabbccddee -o mcu.canbus_interface=nocan9", 1,
	  "CAN interface 'nocan9': " },
	{ "batch -c @ -o mcu.serial= -o mcu.canbus_uuid=11aabbccddee good.gcode", 0,
	  ">0 violations" },
	{ "batch --no-mcu -c @ -o mcu.serial= -o mcu.canbus_uuid=11aabbccddee good.gcode", 0,
	  ">moves" },
	/* verify */
	{ "verify --help", 0, ">usage: stepd verify" },
	{ "verify", 2,
	  "stepd verify: expected a PLAN_TRACE (stepd --trace) and 1 to 16 EDGE_TRACEs" },
	{ "verify plain plain --layer x", 2, "stepd verify: --layer x: expected a whole number" },
	{ "verify missing.plan missing.edges", 2, "missing.plan" },
	{ "verify plain plain", 2, "plain" },
};

static void every_call(void **state)
{
	int bad = 0;

	(void)state;
	if (cannot_run)
		skip();
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int status = stepd(calls[i].args, 0);
		bool on_out = calls[i].says[0] == '>';

		if (status == calls[i].status && strstr(on_out ? out : err, calls[i].says + on_out))
			continue;
		bad++;
		printf("stepd %s: status %d, expected %d and '%s'\n--- out: %.400s\n--- err: %.400s\n",
		       calls[i].args, status, calls[i].status, calls[i].says, out, err);
	}
	assert_int_equal(bad, 0);
}

static void too_many_overrides(void **state)
{
	static const char *const commands[] = { "-c @", "check @", "model -c @",
						"batch -c @ good.gcode" };
	char args[8192];

	(void)state;
	if (cannot_run)
		skip();
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		for (int over = 0; over < 2; over++) {
			int status;

			snprintf(args, sizeof(args), "%s", commands[i]);
			for (int k = 0; k < 64 + over; k++)
				strcat(args, " -o printer.max_velocity=300");
			if (i == 0 && !over)
				continue; /* would start the daemon */
			status = stepd(args, 0);
			if (status != (over ? 2 : 0) ||
			    (over && !strstr(err, "more than 64 overrides")))
				fail_msg("%s: status %d, %s", commands[i], status, err);
		}
}

/* The printer's configuration is not for everyone to read. */
static void unreadable_configuration(void **state)
{
	int status;

	(void)state;
	if (cannot_run)
		skip();
	write_file("secret.cfg", "[printer]\n", 0);
	powerless = geteuid() == 0;
	status = stepd("check secret.cfg", 0);
	powerless = false;
	if (status == 125)
		skip();
	assert_int_equal(status, 1);
	assert_non_null(strstr(out, "Permission denied"));
}

/* A machine with notes only starts without a word about them, in batch as in the daemon. */
static void notes_are_for_check(void **state)
{
	(void)state;
	if (cannot_run)
		skip();
	write_file("notes.cfg", "[include printer.cfg]\n[resonance_tester]\nmin_freq: 5\n", 0600);
	assert_int_equal(stepd("check notes.cfg", 0), 0);
	assert_non_null(strstr(out, "note: [resonance_tester]"));
	assert_int_equal(stepd("batch -c notes.cfg --quiet good.gcode", 0), 0);
	assert_null(strstr(err, "note:"));
}

/* A pty with nobody behind it: the daemon starts, says after a while that nobody answers, and ends
 * when it is told to. And what it does when its FIFOs' places are taken. */
static void nobody_answers(void **state)
{
	int pty = posix_openpt(O_RDWR | O_NOCTTY);
	char args[1024];
	static const char *const places[] = { "gcode_fifo=plain",       "gcode_fifo=plain/gcode",
					      "gcode_fifo=.",           "out_of_band_fifo=plain",
					      "reply_file=plain/reply", "reply_file=." };

	(void)state;
	if (cannot_run)
		skip();
	assert_true(pty >= 0);
	assert_int_equal(grantpt(pty), 0);
	assert_int_equal(unlockpt(pty), 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(args, sizeof(args),
			 "-c @ -o mcu.serial=%s -o stepd.out_of_band_fifo= "
			 "-o stepd.gcode_fifo=ok -o stepd.reply_file=ok2 -o stepd.%s",
			 ptsname(pty), places[i]);
		if (stepd(args, 0) != 1 || !strstr(err, strchr(places[i], '=') + 1))
			fail_msg("%s: %s", places[i], err);
	}
	snprintf(args, sizeof(args),
		 "-c @ -o mcu.serial=%s -o stepd.gcode_fifo=gcode -o stepd.out_of_band_fifo=now "
		 "-o stepd.reply_file=replies",
		 ptsname(pty));
	if (stepd(args, 700) == 1 && strstr(err, "io_uring is not available")) {
		close(pty);
		skip();
	}
	if (stepd(args, 700) != 0)
		fail_msg("%s", err);
	assert_non_null(strstr(err, "rt thread: scheduling"));
	assert_null(strstr(err, "ready"));
	close(pty);
}

static int set_up(void **state)
{
	const char *build = getenv("STEPD_BUILD");
	char *here = realpath(build ? build : "build", NULL);
	char *cfg = realpath("etc/sim-corexy.cfg", NULL);
	char include[768];

	(void)state;
	if (!here || !cfg)
		return -1;
	snprintf(program, sizeof(program), "%s/stepd", here);
	snprintf(dir, sizeof(dir), "%s/test_cli.XXXXXX", here);
	if (access(program, X_OK) < 0) {
		printf("there is no %s: set STEPD_BUILD\n", program);
		return -1;
	}
	if (!mkdtemp(dir))
		return -1;
	snprintf(printer_cfg, sizeof(printer_cfg), "%s/printer.cfg", dir);
	snprintf(include, sizeof(include), "[include %s]\n[stepd]\nflight_file: flight\n", cfg);
	write_file("printer.cfg", include, 0600);
	write_file("broken.cfg", "[printer]\nkinematics: hovercraft\n", 0600);
	write_file("plain", "just text\n", 0600);
	make_deaf_socket();
	write_file("empty.gcode", "", 0600);
	write_file("good.gcode", "SET_KINEMATIC_POSITION X=0 Y=0 Z=0\nG1 X5 Y5 F3000\n", 0600);
	write_file("bad.gcode", "SET_KINEMATIC_POSITION X=0 Y=0 Z=0\nG1 Xnan F3000\n", 0600);
	free(here);
	free(cfg);
	cannot_run = stepd("--version", 0) >= 126;
	return 0;
}

static int tear_down(void **state)
{
	char command[512];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call),
		cmocka_unit_test(too_many_overrides),
		cmocka_unit_test(unreadable_configuration),
		cmocka_unit_test(notes_are_for_check),
		cmocka_unit_test(nobody_answers),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
