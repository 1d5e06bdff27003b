/* SPDX-License-Identifier: GPL-2.0-or-later */
/* target_qemu.c - a Cortex-M image in QEMU, on the machine netduinoplus2 (STM32F405).
 *
 * The machine runs with -icount: its time is the number of instructions, 8 ns each. All that is seen of it is QEMU's trace
 * of what it writes and reads where, which comes through a pipe of a page: QEMU waits when that is full, so the machine
 * is never ahead of target_run() by more than a millisecond, however busy this one is. Levels of pins, duties and the
 * bytes it sends are in the trace (QEMU has no GPIO ports); the clock of an edge is what the firmware last read from its
 * counter before.
 * Inputs: QEMU stops at each read of an input register or a result of the converter (its debugger port), and goes on behind it with
 * the machine's levels in the processor's register. The image is not concerned.
 */
#include "gdb_remote.h"
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
	GPIO_PUPDR = 0x0c,
	GPIO_IDR = 0x10,
	GPIO_BSRR = 0x18,
	CLOCK = 0x40000c24, /* TIM5's counter */
	TIM2 = 0x40000000,  /* the first of those that do PWM, 0x400 bytes each */
	TIMERS = 3,
	TIM_ARR = 0x2c,
	TIM_CCR1 = 0x34,
	SERIAL_DATA = 0x40011004, /* USART1 */
	ADC_CHANNEL = 0x40012034,
	ADC_RESULT = 0x4001204c,
	BYTE_TICKS = 8400,    /* as at 100 kbaud */
	LONG_TICKS = 168000,  /* 2 ms: this machine is busy */
	LONG_WAITS_MAX = 500, /* of 2 ms each; a reset may have swallowed what is waited for */
	SILENCE_MS_MAX = 60000,
	FD_SERIAL = 3,
	FD_TRACE,
	FD_DEBUG,
	FDS = 3,
};

struct target_qemu {
	struct target t;
	pid_t pid;
	int serial, trace;
	uint64_t clock;
	bool levels[PINS], pulled_up[PINS];
	uint32_t adc_channel;
	struct gdb_remote debug;
	uint32_t period[TIMERS], compare[TIMERS][4];
	char line[256]; /* of the trace, as far as it has come */
	size_t line_len;
	size_t bytes_out;        /* that the chip has not taken */
	uint64_t taken_clock;    /* of the last one */
	unsigned int long_waits; /* since then */
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
	q->t.edge_s = (double)q->clock / FREQ_HZ;
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
	} else if (addr >= GPIO && port < PINS / 16 && reg == GPIO_PUPDR) {
		/* read back as 0 in QEMU, so only what is set is known */
		for (uint32_t bit = 0; bit < 16; bit++)
			if (value >> 2 * bit & 3)
				q->pulled_up[port * 16 + bit] = (value >> 2 * bit & 3) == 1;
	} else if (addr == ADC_CHANNEL) {
		q->adc_channel = value;
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
		q->long_waits = 0;
	}
}

static void take_trace(struct target_qemu *q)
{
	char buf[256];
	ssize_t n = read(q->trace, buf, sizeof(buf));

	if (n <= 0)
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

/* What the machine does to a port's pins; a pin that nobody drives is as it is pulled, or as it drives itself. */
static uint32_t port_levels(struct target_qemu *q, uint32_t port)
{
	uint32_t levels = 0;

	for (uint32_t bit = 0; bit < 16; bit++) {
		uint32_t pin = port * 16 + bit;
		int level = pin < PRINTER_PINS ? printer_read(q->t.printer, 0, (uint8_t)pin) : -1;

		if (level < 0)
			level = q->levels[pin] || q->pulled_up[pin];
		levels |= (uint32_t)level << bit;
	}
	return levels;
}

/* Of the converter's inputs: PA0.., PB0.., PC0... */
static uint8_t adc_pin(uint32_t channel)
{
	return (uint8_t)(channel < 8    ? channel
			 : channel < 10 ? 16 + channel - 8
					: 32 + channel - 10);
}

/* The machine stands at a read, and all that it did before is in the trace. */
static void answer_read(struct target_qemu *q, uint32_t address)
{
	struct pollfd fd = { .fd = q->trace, .events = POLLIN };

	while (poll(&fd, 1, 0) > 0)
		take_trace(q);
	q->t.printer->now_s = (double)q->clock / FREQ_HZ;
	gdb_load(&q->debug,
		 address == ADC_RESULT
			 ? printer_adc(q->t.printer, 0, adc_pin(q->adc_channel), q->t.adc_max)
			 : port_levels(q, (address - GPIO) / 0x400));
	gdb_continue(&q->debug);
}

/* Some more of the trace, or a read to be answered. */
static void read_trace(struct target_qemu *q)
{
	struct pollfd fds[2] = { { .fd = q->trace, .events = POLLIN },
				 { .fd = q->debug.fd, .events = POLLIN } };
	uint32_t address;

	if (poll(fds, 2, SILENCE_MS_MAX) <= 0)
		die(q, "it has stopped");
	if (fds[0].revents)
		take_trace(q);
	else if (gdb_stopped(&q->debug, &address))
		answer_read(q, address);
}

/* It has not taken what was sent, for some time: QEMU needs a moment for that. Also takes what it sends, which is in
 * the trace, too. */
static void wait_for_serial(struct target_qemu *q)
{
	static const struct timespec moment = { .tv_nsec = 50000 }, longer = { .tv_nsec = 2000000 };
	uint64_t waited = q->clock - q->taken_clock;
	char buf[4096];

	while (recv(q->serial, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	if (!q->bytes_out || waited <= BYTE_TICKS)
		return;
	if (waited > LONG_TICKS && q->long_waits < LONG_WAITS_MAX) {
		q->long_waits++;
		nanosleep(&longer, NULL);
	} else {
		nanosleep(&moment, NULL);
	}
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
	close(q->debug.fd);
	free(q);
}

/* ---- start ---- */

static void exec_qemu(const char *elf, const int fds[FDS])
{
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < FDS; i++) /* above what they become */
		if (dup2(fds[i], 100 + i) < 0)
			_exit(126);
	for (int i = 0; i < FDS; i++)
		if (dup2(100 + i, FD_SERIAL + i) < 0 || close(100 + i))
			_exit(126);
	dup2(null, 0);
	dup2(null, 1);
	execlp(QEMU, QEMU, "-M", MACHINE, "-kernel", elf, "-display", "none", "-monitor", "none",
	       "-icount", "shift=3,sleep=off", "-S", "-chardev", "socket,id=debug,fd=5", "-gdb",
	       "chardev:debug", "-chardev", "socket,id=serial,fd=3", "-serial", "chardev:serial",
	       "-trace", "memory_region_ops_write", "-trace", "memory_region_ops_read", "-D",
	       "/dev/fd/4", (char *)NULL);
	_exit(127);
}

struct target *target_qemu_new(const char *elf, const struct target_hooks *hooks)
{
	static const struct target_ops ops = { qemu_send, qemu_run,  qemu_clock,
					       qemu_pwm,  qemu_free, NULL };
	struct target_qemu *q = calloc(1, sizeof(*q));
	int serial[2], trace[2], debug[2];

	if (!q)
		return NULL;
	q->t = (struct target){ .ops = &ops,
				.name = MACHINE,
				.hooks = *hooks,
				.freq_hz = FREQ_HZ,
				.adc_max = 4095,
				.pwm_max = 32768,
				.groups = "spi tmcuart" };
	q->t.printer = &q->t.own_printer;
	printer_init(q->t.printer, PRINTER_CARTESIAN, 1);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, serial) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, debug) || pipe2(trace, O_CLOEXEC) ||
	    fcntl(trace[0], F_SETPIPE_SZ, 4096) < 0)
		die(q, "sockets");
	q->pid = fork();
	if (q->pid == 0)
		exec_qemu(elf, (const int[FDS]){ serial[1], trace[1], debug[1] });
	if (q->pid < 0)
		die(q, "fork");
	close(serial[1]);
	close(trace[1]);
	close(debug[1]);
	q->serial = serial[0];
	q->trace = trace[0];
	gdb_start(&q->debug, debug[0]);
	for (uint32_t port = 0; port < PINS / 16; port++)
		gdb_watch_read(&q->debug, GPIO + port * 0x400 + GPIO_IDR);
	gdb_watch_read(&q->debug, ADC_RESULT);
	gdb_continue(&q->debug);
	return &q->t;
}
