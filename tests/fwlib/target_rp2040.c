/* SPDX-License-Identifier: GPL-2.0-or-later */
/* target_rp2040.c - an RP2040's image in rp2040js (npm), which a runner in JavaScript drives: run_rp2040.mjs says with which words.
 *
 * Both wait for each other, so virtual time is exact and the same each time. The machine sees each edge when it comes.
 */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FREQ_HZ = 12000000,
	ADC_FIRST_PIN = 26,
	LINE_MAX_BYTES = 1024,
	FD_IN = 3,
	FD_OUT,
	I2C_BUSES = 15,
	SPI_BUSES = 7
};
#define RUNNER "tests/fwlib/run_rp2040.mjs"

struct target_rp2040 {
	struct target t;
	pid_t pid;
	FILE *to, *from;
	uint64_t clock;
	struct printer_chip *spoken_to[2]; /* on I2C, by unit */
};

static const char *package(char path[512])
{
	const char *build = getenv("STEPD_BUILD");

	snprintf(path, 512, "%s/node_modules/rp2040js", build ? build : "build");
	return path;
}

bool target_has_rp2040(void)
{
	char path[512];

	return access("/usr/bin/node", X_OK) == 0 && access(package(path), R_OK) == 0;
}

static inline struct target_rp2040 *of(const struct target *t)
{
	return (struct target_rp2040 *)t;
}

static void die(const struct target_rp2040 *r, const char *what)
{
	fprintf(stderr, "%s: %s (%s)\n", r->t.name, what, strerror(errno));
	abort();
}

/* ---- the machine's side ---- */

static void see_pin(struct target_rp2040 *r, uint16_t pin, uint32_t *driven, uint32_t *levels)
{
	int level = printer_read(r->t.printer, 0, (uint8_t)pin);

	if (level < 0 || pin >= 32)
		return;
	*driven |= 1u << pin;
	*levels |= (uint32_t)level << pin;
}

/* The pins that the machine drives, and how. */
static void say_inputs(struct target_rp2040 *r)
{
	const struct printer *p = r->t.printer;
	uint32_t driven = 0, levels = 0, wires = 0;

	for (int i = 0; i < p->endstop_count; i++)
		see_pin(r, p->endstops[i].pin, &driven, &levels);
	for (int i = 0; i < p->input_count; i++)
		see_pin(r, p->inputs[i].pin, &driven, &levels);
	for (int i = 0; i < p->bus_count; i++) {
		const struct printer_bus *bus = &p->buses[i];

		for (int k = 0; bus->number < 0 && k < (bus->kind == PRINTER_SPI ? 3 : 2); k++) {
			see_pin(r, bus->pin[k], &driven, &levels);
			wires |= 1u << bus->pin[k];
		}
	}
	fprintf(r->to, "i %x %x %x\n", driven, levels, wires);
}

static void on_edge(struct target_rp2040 *r, const char *line)
{
	unsigned pin, level;
	double clock;

	if (sscanf(line, "e %u %u %lf", &pin, &level, &clock) != 3)
		die(r, line);
	r->clock = (uint64_t)clock;
	r->t.edge_s = clock / FREQ_HZ;
	r->t.printer->now_s = (double)r->clock / FREQ_HZ;
	printer_edge(r->t.printer, 0, (uint8_t)pin, level);
	if (r->t.hooks.edge)
		r->t.hooks.edge(r->t.hooks.ctx, (uint16_t)pin, level, r->clock);
	say_inputs(r);
}

static void on_bytes(struct target_rp2040 *r, const char *hex)
{
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
		uint8_t b = (uint8_t)byte;

		if (r->t.hooks.bytes)
			r->t.hooks.bytes(r->t.hooks.ctx, &b, 1);
	}
}

/* Which buses a unit serves: rp2040_spi.c, rp2040_i2c.c. */
static unsigned on_spi(struct target_rp2040 *r, unsigned unit, unsigned byte)
{
	uint8_t got = 0xff, b;

	for (unsigned bus = 0; bus < SPI_BUSES; bus++) {
		if (bus / 4 != unit)
			continue;
		b = (uint8_t)byte;
		printer_spi(r->t.printer, 0, bus, &b, 1);
		got &= b;
	}
	return got;
}

static unsigned on_i2c(struct target_rp2040 *r, char what, unsigned unit, unsigned value, bool read)
{
	struct printer_chip **c = &r->spoken_to[unit % 2];

	switch (what) {
	case 's':
		*c = NULL;
		for (unsigned bus = unit; bus < I2C_BUSES && !*c; bus += 2)
			*c = printer_own_i2c_chip(r->t.printer, 0, bus, (uint8_t)value);
		return *c && (*c)->ops->start(*c, read);
	case 'o':
		return *c && (*c)->ops->write(*c, (uint8_t)value);
	case 'n':
		return *c ? (*c)->ops->read(*c) : 0xff;
	default:
		return 0;
	}
}

static void on_line(struct target_rp2040 *r, char *line)
{
	unsigned a = 0, b = 0, c = 0;

	if (line[0] == 'e') {
		on_edge(r, line);
		return;
	}
	if (line[0] == 'g') {
		r->t.printer->now_s = strtod(line + 1, NULL) / FREQ_HZ;
		say_inputs(r);
		return;
	}
	if (line[0] == 't') {
		on_bytes(r, line + 2);
		return;
	}
	sscanf(line + 1, "%u %u %u", &a, &b, &c);
	if (line[0] == 'a')
		b = printer_adc(r->t.printer, 0, (uint8_t)(ADC_FIRST_PIN + a), r->t.adc_max);
	else if (line[0] == 'x')
		b = on_spi(r, a, b);
	else
		b = on_i2c(r, line[0], a, b, c);
	fprintf(r->to, "%u\n", b);
}

static char *next_line(struct target_rp2040 *r, char line[LINE_MAX_BYTES])
{
	fflush(r->to);
	if (!fgets(line, LINE_MAX_BYTES, r->from))
		die(r, "the runner has stopped");
	return line;
}

/* ---- the target ---- */

static void rp2040_run(struct target *t, uint64_t ticks)
{
	struct target_rp2040 *r = of(t);
	char line[LINE_MAX_BYTES];

	say_inputs(r);
	fprintf(r->to, "r %lu\n", (unsigned long)ticks);
	while (next_line(r, line)[0] != 'd')
		on_line(r, line);
	r->clock = strtoul(line + 1, NULL, 10);
}

static void rp2040_send(struct target *t, const uint8_t *bytes, size_t len)
{
	struct target_rp2040 *r = of(t);

	fputs("b ", r->to);
	for (; len; len--)
		fprintf(r->to, "%02x", *bytes++);
	fputc('\n', r->to);
}

static uint64_t rp2040_clock(const struct target *t)
{
	return of(t)->clock;
}

static uint16_t rp2040_pwm(const struct target *t, uint16_t pin)
{
	struct target_rp2040 *r = of(t);
	char line[LINE_MAX_BYTES];

	fprintf(r->to, "w %u\n", pin);
	return (uint16_t)atoi(next_line(r, line));
}

static void rp2040_free(struct target *t)
{
	struct target_rp2040 *r = of(t);

	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
	}
	fclose(r->to);
	fclose(r->from);
	free(r);
}

static void exec_runner(const char *image, bool usb, int in, int out)
{
	char path[512];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(in, 100) < 0 || dup2(out, 101) < 0 || dup2(100, FD_IN) < 0 || dup2(101, FD_OUT) < 0)
		_exit(126);
	execlp("node", "node", RUNNER, package(path), image, usb ? "usb" : "uart", (char *)NULL);
	_exit(127);
}

struct target *target_rp2040_new(const char *image, bool usb, const struct target_hooks *hooks)
{
	static const struct target_ops ops = { rp2040_send, rp2040_run,  rp2040_clock,
					       rp2040_pwm,  rp2040_free, NULL };
	struct target_rp2040 *r = calloc(1, sizeof(*r));
	int to[2], from[2];

	if (!r)
		return NULL;
	r->t = (struct target){ .ops = &ops,
				.name = "rp2040",
				.hooks = *hooks,
				.freq_hz = FREQ_HZ,
				.adc_max = 4095,
				.pwm_max = 32768,
				.groups = "spi i2c tmcuart" };
	r->t.printer = &r->t.own_printer;
	printer_init(r->t.printer, PRINTER_CARTESIAN, 1);
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		die(r, "pipes");
	r->pid = fork();
	if (r->pid == 0)
		exec_runner(image, usb, to[0], from[1]);
	if (r->pid < 0)
		die(r, "fork");
	close(to[0]);
	close(from[1]);
	r->to = fdopen(to[1], "w");
	r->from = fdopen(from[0], "r");
	if (!r->to || !r->from)
		die(r, "pipes");
	signal(SIGPIPE, SIG_IGN);
	return &r->t;
}
