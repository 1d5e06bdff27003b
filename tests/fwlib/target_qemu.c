/* SPDX-License-Identifier: GPL-2.0-or-later */
/* target_qemu.c - a Cortex-M image in QEMU, on the machine netduinoplus2 (STM32F405).
 *
 * The machine runs with -icount: its time is the number of instructions, 8 ns each. All that is seen of it is QEMU's trace
 * of what it writes and reads where, which comes through a pipe of a page: QEMU waits when that is full, so the machine
 * is never ahead of target_run() by more than a millisecond, however busy this one is. Levels of pins, duties and the
 * bytes it sends are in the trace (QEMU has no GPIO ports); the clock of an edge is what the firmware last read from its
 * counter before. Inputs read 0, and conversions some number.
 */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define QEMU "qemu-system-arm"
#define MACHINE "netduinoplus2"

enum {
	FREQ_HZ = 84000000,
	PINS = 128,
	GPIO = 0x40020000, /* 0x400 bytes a port */
	GPIO_BSRR = 0x18,
	CLOCK = 0x40000c24, /* TIM5's counter */
	TIM2 = 0x40000000,  /* the first of those that do PWM, 0x400 bytes each */
	TIMERS = 3,
	TIM_ARR = 0x2c,
	TIM_CCR1 = 0x34,
	SERIAL_DATA = 0x40011004, /* USART1 */
	BYTE_TICKS = 8400,        /* as at 100 kbaud */
	SILENCE_MS_MAX = 60000,
	FD_SERIAL = 3,
	FD_TRACE,
};

struct target_qemu {
	struct target t;
	pid_t pid;
	int serial, trace;
	uint64_t clock;
	bool levels[PINS];
	uint32_t period[TIMERS], compare[TIMERS][4];
	char line[256]; /* of the trace, as far as it has come */
	size_t line_len;
	size_t bytes_out;     /* that the chip has not taken */
	uint64_t taken_clock; /* of the last one */
};

bool target_has_qemu(void)
{
	return access("/usr/bin/" QEMU, X_OK) == 0;
}

static inline struct target_qemu *of(const struct target *t)
{
	return (struct target_qemu *)t;
}

static void die(const struct target_qemu *q, const char *what)
{
	fprintf(stderr, "%s: %s (%s)\n", q->t.name, what, strerror(errno));
	abort();
}

static uint64_t qemu_clock(const struct target *t)
{
	return of(t)->clock;
}

/* ---- the trace ---- */

static void set_level(struct target_qemu *q, uint16_t pin, bool level)
{
	if (q->levels[pin] == level)
		return;
	q->levels[pin] = level;
	if (pin < PRINTER_PINS)
		printer_edge(q->t.printer, 0, (uint8_t)pin, level);
	if (q->t.hooks.edge)
		q->t.hooks.edge(q->t.hooks.ctx, pin, level, q->clock);
}

static void on_write(struct target_qemu *q, uint32_t addr, uint32_t value)
{
	uint32_t port = (addr - GPIO) / 0x400, timer = (addr - TIM2) / 0x400, reg = addr % 0x400;

	if (addr >= GPIO && port < PINS / 16 && reg == GPIO_BSRR) {
		for (uint16_t bit = 0; bit < 16; bit++)
			if ((value | value >> 16) & 1u << bit)
				set_level(q, (uint16_t)(port * 16 + bit), value & 1u << bit);
	} else if (addr == SERIAL_DATA) {
		uint8_t byte = (uint8_t)value;

		if (q->t.hooks.bytes)
			q->t.hooks.bytes(q->t.hooks.ctx, &byte, 1);
	} else if (timer < TIMERS && reg == TIM_ARR) {
		q->period[timer] = value + 1;
	} else if (timer < TIMERS && reg >= TIM_CCR1 && reg < TIM_CCR1 + 16) {
		q->compare[timer][(reg - TIM_CCR1) / 4] = value;
	}
}

/* The counter was read. It only goes back at a reset. */
static void on_clock(struct target_qemu *q, uint32_t value)
{
	uint32_t passed = value - (uint32_t)q->clock;

	q->clock = passed < UINT32_MAX / 2 ? q->clock + passed : value;
}

static void on_line(struct target_qemu *q, const char *line)
{
	const char *at = strstr(line, " addr 0x"), *val = strstr(line, " value 0x");
	uint32_t addr, value;

	if (!at || !val || strncmp(line, "memory_region_ops_", 18) != 0)
		return;
	addr = (uint32_t)strtoul(at + 6, NULL, 16);
	value = (uint32_t)strtoul(val + 7, NULL, 16);
	if (line[18] == 'w')
		on_write(q, addr, value);
	else if (addr == CLOCK)
		on_clock(q, value);
	else if (addr == SERIAL_DATA && q->bytes_out) {
		q->bytes_out--;
		q->taken_clock = q->clock;
	}
}

/* Some more of the trace. */
static void read_trace(struct target_qemu *q)
{
	struct pollfd fd = { .fd = q->trace, .events = POLLIN };
	char buf[256];
	ssize_t n;

	if (poll(&fd, 1, SILENCE_MS_MAX) <= 0 || (n = read(q->trace, buf, sizeof(buf))) <= 0)
		die(q, "it has stopped");
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] != '\n') {
			if (q->line_len < sizeof(q->line) - 1)
				q->line[q->line_len++] = buf[i];
			continue;
		}
		q->line[q->line_len] = '\0';
		q->line_len = 0;
		on_line(q, q->line);
	}
}

/* It has not taken what was sent, for some time: QEMU needs a moment for that. Also takes what it sends, which is in
 * the trace, too. */
static void wait_for_serial(struct target_qemu *q)
{
	static const struct timespec moment = { .tv_nsec = 50000 };
	char buf[4096];

	while (recv(q->serial, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	if (q->bytes_out && q->clock - q->taken_clock > BYTE_TICKS)
		nanosleep(&moment, NULL);
}

static void qemu_run(struct target *t, uint64_t ticks)
{
	struct target_qemu *q = of(t);
	uint64_t passed = 0;

	while (passed < ticks) {
		uint64_t before = q->clock;

		wait_for_serial(q);
		read_trace(q);
		/* 0 after a reset */
		passed += q->clock > before ? q->clock - before : 0;
	}
}

static void qemu_send(struct target *t, const uint8_t *bytes, size_t len)
{
	struct target_qemu *q = of(t);

	if (write(q->serial, bytes, len) != (ssize_t)len)
		die(q, "serial line");
	q->bytes_out += len;
	q->taken_clock = q->clock;
}

/* Of a pin that is an output of TIM3. */
static uint16_t qemu_pwm(const struct target *t, uint16_t pin)
{
	static const uint8_t pins[4] = { 6, 7, 16, 17 };
	const struct target_qemu *q = of(t);

	for (int i = 0; i < 4; i++)
		if (pins[i] == pin && q->period[1])
			return (uint16_t)((uint64_t)q->compare[1][i] * t->pwm_max / q->period[1]);
	return 0;
}

static void qemu_free(struct target *t)
{
	struct target_qemu *q = of(t);

	if (q->pid > 0) {
		kill(q->pid, SIGKILL);
		waitpid(q->pid, NULL, 0);
	}
	close(q->serial);
	close(q->trace);
	free(q);
}

/* ---- start ---- */

static void exec_qemu(const char *elf, const int fds[2])
{
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 2; i++) /* above what they become */
		if (dup2(fds[i], 100 + i) < 0)
			_exit(126);
	for (int i = 0; i < 2; i++)
		if (dup2(100 + i, FD_SERIAL + i) < 0 || close(100 + i))
			_exit(126);
	dup2(null, 0);
	dup2(null, 1);
	execlp(QEMU, QEMU, "-M", MACHINE, "-kernel", elf, "-display", "none", "-monitor", "none",
	       "-icount", "shift=3", "-chardev", "socket,id=serial,fd=3", "-serial",
	       "chardev:serial", "-trace", "memory_region_ops_write", "-trace",
	       "memory_region_ops_read", "-D", "/dev/fd/4", (char *)NULL);
	_exit(127);
}

struct target *target_qemu_new(const char *elf, const struct target_hooks *hooks)
{
	static const struct target_ops ops = { qemu_send, qemu_run, qemu_clock, qemu_pwm,
					       qemu_free };
	struct target_qemu *q = calloc(1, sizeof(*q));
	int serial[2], trace[2];

	if (!q)
		return NULL;
	q->t = (struct target){ .ops = &ops,
				.name = MACHINE,
				.hooks = *hooks,
				.freq_hz = FREQ_HZ,
				.adc_max = 4095,
				.pwm_max = 32768,
				.no_inputs = true,
				.groups = "spi tmcuart" };
	q->t.printer = &q->t.own_printer;
	printer_init(q->t.printer, PRINTER_CARTESIAN, 1);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, serial) || pipe2(trace, O_CLOEXEC) ||
	    fcntl(trace[0], F_SETPIPE_SZ, 4096) < 0)
		die(q, "sockets");
	q->pid = fork();
	if (q->pid == 0)
		exec_qemu(elf, (const int[]){ serial[1], trace[1] });
	if (q->pid < 0)
		die(q, "fork");
	close(serial[1]);
	close(trace[1]);
	q->serial = serial[0];
	q->trace = trace[0];
	return &q->t;
}
