/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_printer.c - the printer model, and the process mcu-sim.
 *
 * Shown: axes follow the motors (cartesian, CoreXY, inverted pins, both edges), switches with
 * hysteresis, one printer moved by two MCUs, sensors' noise repeats; mcu-sim serves hosts that come and go, and leaves a complete trace on SIGTERM.
 * How: edges fed by hand; a real process on a real pty, found beside this test's build directory,
 * or skipped if it is not built. Repeat: no random input but the seeded noise.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_mcu_peer.h"

static void pulse(struct printer *p, uint8_t mcu, uint8_t pin, int n)
{
	for (int i = 0; i < n; i++) {
		printer_edge(p, mcu, pin, true);
		printer_edge(p, mcu, pin, false);
	}
}

static void test_kinematics(void **state)
{
	struct printer p;

	(void)state;
	printer_init(&p, PRINTER_COREXY, 1);
	p.start_mm[PRINTER_X] = 100;
	p.start_mm[PRINTER_Z] = 5;
	assert_int_equal(printer_add_stepper(&p, &(struct printer_stepper){ .step_pin = 0,
									    .dir_pin = 1,
									    .axis = PRINTER_X,
									    .steps_per_mm = 80 }),
			 0);
	assert_int_equal(printer_add_stepper(&p, &(struct printer_stepper){ .step_pin = 2,
									    .dir_pin = 3,
									    .axis = PRINTER_Y,
									    .steps_per_mm = 80,
									    .both_edges = true }),
			 1);
	assert_int_equal(printer_add_stepper(&p, &(struct printer_stepper){ .mcu = 1,
									    .step_pin = 0,
									    .dir_pin = 1,
									    .axis = PRINTER_Z,
									    .steps_per_mm = 400,
									    .invert_dir = true,
									    .invert_step = true }),
			 2);
	printer_edge(&p, 0, 1, true);
	printer_edge(&p, 0, 3, true);
	pulse(&p, 0, 0, 800); /* A +10 mm */
	pulse(&p, 0, 2, 160); /* B +4 mm */
	assert_true(printer_axis_mm(&p, PRINTER_X) == 107);
	assert_true(printer_axis_mm(&p, PRINTER_Y) == 3);
	pulse(&p, 1, 0, 400); /* dir 0 is up for an inverted motor */
	assert_true(printer_axis_mm(&p, PRINTER_Z) == 6);
	pulse(&p, 1, 2, 400); /* nothing is connected there */
	assert_true(printer_axis_mm(&p, PRINTER_E) == 0);
	assert_int_equal(p.steppers[0].edge_count, 800);
	assert_int_equal(p.steppers[1].pos_steps, 320);
}

static void test_bad_parts(void **state)
{
	struct printer p;
	struct printer_stepper s = { .step_pin = 0, .dir_pin = 1, .steps_per_mm = 80 };

	(void)state;
	printer_init(&p, PRINTER_CARTESIAN, 1);
	assert_int_equal(printer_add_stepper(&p, &s), 0);
	assert_int_equal(printer_add_stepper(&p, &s), -EBUSY);
	s.step_pin = s.dir_pin = 9;
	assert_int_equal(printer_add_stepper(&p, &s), -EINVAL);
	s = (struct printer_stepper){ .step_pin = 2, .dir_pin = 3, .steps_per_mm = 0 };
	assert_int_equal(printer_add_stepper(&p, &s), -EINVAL);
	s = (struct printer_stepper){ .step_pin = 2, .dir_pin = 3, .steps_per_mm = 1, .mcu = 8 };
	assert_int_equal(printer_add_stepper(&p, &s), -EINVAL);
	assert_int_equal(printer_add_endstop(&p, &(struct printer_endstop){ .pin = 1 }), -EBUSY);
	assert_int_equal(printer_set_sensor(&p, 0, 0, 1, 0), -EINVAL);
	assert_int_equal(printer_read(&p, 0, 50), -1);
	assert_int_equal(printer_adc(&p, 0, 50, 4095), 2047);
}

/* One motor on MCU 0; switches of that axis on MCU 1. */
static void test_switches(void **state)
{
	struct printer p;

	(void)state;
	printer_init(&p, PRINTER_CARTESIAN, 1);
	printer_add_stepper(
		&p, &(struct printer_stepper){ .step_pin = 0, .dir_pin = 1, .steps_per_mm = 10 });
	printer_add_endstop(&p, &(struct printer_endstop){ .mcu = 1,
							   .pin = 0,
							   .trigger_mm = 5,
							   .hysteresis_mm = 0.25,
							   .at_max = true });
	printer_add_endstop(&p, &(struct printer_endstop){
					.mcu = 1, .pin = 1, .trigger_mm = -1, .invert = true });
	assert_int_equal(printer_read(&p, 1, 0), 0);
	assert_int_equal(printer_read(&p, 1, 1), 1);
	printer_edge(&p, 0, 1, true);
	pulse(&p, 0, 0, 49);
	assert_int_equal(printer_read(&p, 1, 0), 0);
	/* pressed at 5.0, back to 4.8 without a look in between: still pressed */
	pulse(&p, 0, 0, 1);
	printer_edge(&p, 0, 1, false);
	pulse(&p, 0, 0, 2);
	assert_int_equal(printer_read(&p, 1, 0), 1);
	pulse(&p, 0, 0, 1);
	assert_int_equal(printer_read(&p, 1, 0), 0);
	pulse(&p, 0, 0, 56);
	assert_int_equal(printer_read(&p, 1, 1), 1);
	pulse(&p, 0, 0, 1); /* -1.0 */
	assert_int_equal(printer_read(&p, 1, 1), 0);
}

static void test_noise(void **state)
{
	struct printer a, b;
	int low = 65535, high = 0;

	(void)state;
	printer_init(&a, PRINTER_CARTESIAN, 42);
	printer_init(&b, PRINTER_CARTESIAN, 42);
	printer_set_sensor(&a, 0, 7, 1000, 5);
	printer_set_sensor(&b, 0, 7, 900, 3);
	printer_set_sensor(&b, 0, 7, 1000, 5);
	for (int i = 0; i < 1000; i++) {
		int v = printer_adc(&a, 0, 7, 4095);

		assert_int_equal(v, printer_adc(&b, 0, 7, 4095));
		low = v < low ? v : low;
		high = v > high ? v : high;
	}
	assert_int_equal(low, 995);
	assert_int_equal(high, 1005);
	printer_set_sensor(&a, 0, 7, 1, 5);
	for (int i = 0; i < 100; i++)
		assert_in_range(printer_adc(&a, 0, 7, 4095), 0, 6);
}

/* ---- the process ---- */

/* build/…/tests/unit/test_mcu_printer -> build/…/mcu-sim; STEPD_MCU_SIM overrides. */
static bool find_program(char path[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (getenv("STEPD_MCU_SIM")) {
		snprintf(path, PATH_MAX, "%s", getenv("STEPD_MCU_SIM"));
		return !access(path, X_OK);
	}
	assert_true(len > 0);
	self[len] = '\0';
	snprintf(path, PATH_MAX, "%.4000s/../../mcu-sim", dirname(self));
	return !access(path, X_OK);
}

/* Read one frame within 5 s. */
static struct wire_frame host_read(int fd, struct wire_rx *rx)
{
	static uint8_t buf[256];
	static const uint8_t *at;
	static size_t left;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct wire_frame frame;

	for (;;) {
		enum wire_rx_result result = wire_rx_next(rx, &at, &left, &frame);
		ssize_t n;

		if (result == WIRE_RX_FRAME)
			return frame;
		assert_int_equal(result, WIRE_RX_MORE);
		assert_int_equal(poll(&pfd, 1, 5000), 1);
		n = read(fd, buf, sizeof(buf));
		assert_true(n > 0);
		at = buf;
		left = (size_t)n;
	}
}

static uint8_t host_seq;

static void host_send(int fd, enum msg_id id, const void *msg)
{
	uint8_t frame[WIRE_FRAME_MAX];
	size_t len = wire_encode(frame + WIRE_HEADER, WIRE_PAYLOAD_MAX, (int16_t)id, &msg_table[id],
				 msg);

	len = wire_frame_finish(frame, host_seq++, len);
	assert_int_equal(write(fd, frame, len), (ssize_t)len);
}

/* Send a query and take its answer and acknowledgement. */
static void host_ask(int fd, struct wire_rx *rx, enum msg_id id, const void *msg, enum msg_id want,
		     union msg_any *answer)
{
	struct wire_frame frame;
	int16_t got;
	const uint8_t *p;

	host_send(fd, id, msg);
	frame = host_read(fd, rx);
	p = wire_get_id(frame.payload, frame.payload + frame.payload_len, &got);
	assert_non_null(p);
	assert_int_equal(got, want);
	wire_decode(&msg_table[want], p, (size_t)(frame.payload + frame.payload_len - p), answer);
	assert_int_equal(host_read(fd, rx).payload_len, 0);
}

static int host_open(const char *path, struct wire_rx *rx)
{
	int fd = open(path, O_RDWR | O_NOCTTY);

	assert_true(fd >= 0);
	wire_rx_init(rx);
	return fd;
}

/* The host's own commands of one session: a clock, and at the first one two edges of a pin. */
static uint32_t session(const char *path, bool first)
{
	struct wire_rx rx;
	int fd = host_open(path, &rx);
	union msg_any answer;
	struct msg_allocate_oids oids = { .count = 1 };
	struct msg_config_digital_out out = { .pin = 3 };
	uint32_t clock;

	host_ask(fd, &rx, MSG_ID_get_clock, &oids, MSG_ID_clock, &answer);
	clock = answer.clock.clock;
	if (first) {
		struct msg_finalize_config finalize = { .crc = 1 };
		struct msg_queue_digital_out on = { .clock = clock + 100000, .on_ticks = 1 };
		struct msg_queue_digital_out off = { .clock = clock + 123456, .on_ticks = 0 };

		host_send(fd, MSG_ID_allocate_oids, &oids);
		host_send(fd, MSG_ID_config_digital_out, &out);
		host_send(fd, MSG_ID_finalize_config, &finalize);
		host_send(fd, MSG_ID_queue_digital_out, &on);
		host_send(fd, MSG_ID_queue_digital_out, &off);
		for (int i = 0; i < 5; i++)
			assert_int_equal(host_read(fd, &rx).payload_len, 0);
	}
	/* leave an answer unread: it must not reach the next host */
	host_send(fd, MSG_ID_get_clock, &oids);
	usleep(50000);
	close(fd);
	return clock;
}

static void check_trace(const char *path, uint32_t clock)
{
	char text[4096], expected[200];
	FILE *f = fopen(path, "r");
	size_t len;

	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	text[len] = '\0';
	fclose(f);
	snprintf(expected, sizeof(expected), "# stepd trace 1 freq_hz=1000000\n%u PA3 1\n%u PA3 0\n",
		 clock + 100000, clock + 123456);
	assert_string_equal(text, expected);
}

static void test_process(void **state)
{
	char program[PATH_MAX], dir[] = "/tmp/stepd-test-XXXXXX", tty[64], trace[64], line[100];
	uint32_t first, second;
	int out[2], status;
	pid_t pid;

	(void)state;
	/* Under qemu-user the kernel can't start a program of the other architecture. */
	if (getenv("STEPD_EMULATED") || !find_program(program)) {
		print_message("mcu-sim is not built, or can't be started: skipped\n");
		skip();
	}
	assert_non_null(mkdtemp(dir));
	snprintf(tty, sizeof(tty), "%s/tty", dir);
	snprintf(trace, sizeof(trace), "%s/trace", dir);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when an assertion ends the test */
		dup2(out[1], 1);
		execl(program, program, "--pty", tty, "--trace", trace, "--freq", "1000000",
		      (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	assert_true(read(out[0], line, sizeof(line)) > 0); /* it is ready when it has said so */
	assert_memory_equal(line, "pty /dev/pts/", 13);
	host_seq = 0;
	first = session(tty, true);
	usleep(200000);
	second = session(tty, false);
	/* real time: 250 ms and a little at 1 MHz */
	assert_in_range(second - first, 240000, 5000000);
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	check_trace(trace, first);
	assert_int_equal(access(tty, F_OK), -1);
	unlink(trace);
	rmdir(dir);
	close(out[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinematics), cmocka_unit_test(test_bad_parts),
		cmocka_unit_test(test_switches),   cmocka_unit_test(test_noise),

		cmocka_unit_test(test_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
