/* SPDX-License-Identifier: GPL-2.0-or-later */
/* target_simavr.c - an image in simavr (libsimavr 1.6), one instruction after the other.
 *
 * Its timers run at CPU speed, so that cycles are the firmware's ticks. Known to differ from the chip:
 * after sei two instructions run before an interrupt, interrupts are entered in no time, and a byte
 * on the serial line takes 11 bits. The two-wire unit tells of an address as of
 * data, and that it is ready while it is not, and an alarm at 0 of timer 1 never comes (the firmware's clock
 * then misses a turn of the timer): these are put right here.
 */
#include "target.h"

#ifndef HAVE_SIMAVR

bool target_has_simavr(void)
{
	return false;
}

struct target *target_simavr_new(const char *chip, const char *elf, const struct target_hooks *hooks)
{
	(void)chip;
	(void)elf;
	(void)hooks;
	return NULL;
}

#else

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <simavr/avr_adc.h>
#include <simavr/avr_extint.h>
#include <simavr/avr_ioport.h>
#include <simavr/avr_spi.h>
#include <simavr/avr_timer.h>
#include <simavr/avr_twi.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>

enum {
	FREQ_HZ = 16000000,
	ADC_STEPS = 1024,
	SUPPLY_MV = 5000,
	BYTE_CYCLES = 11 * 64, /* at 250 kbaud */
	RX_MAX = 4096,
	PORTS = 12,
	TWI_STATUS = 0xb9,     /* TWSR */
	TWI_CONTROL = 0xbc,    /* TWCR */
	TIMER1_CONTROL = 0x81, /* TCCR1B: not 0 once the firmware's clock runs */
	TIMER1_ALARM = 0x88,   /* OCR1A, two bytes */
};

struct pin {
	struct target_simavr *owner;
	uint16_t number;
};

struct target_simavr {
	struct target t;
	avr_t *avr;
	uint8_t rx[RX_MAX]; /* to the chip */
	unsigned int rx_in, rx_out;
	bool big;                     /* an atmega2560 */
	bool moved;                   /* an edge: inputs may be different now */
	avr_cycle_count_t clock_zero; /* when the firmware's clock was 0 */
	uint16_t clock_low;           /* timer 1 after the last instruction */
	avr_timer_t *timer;
	struct pin pins[PORTS * 8];
	uint8_t levels[PORTS * 8];
	avr_ioport_external_t outside[PORTS];
	struct printer_chip *spoken_to; /* on I2C */
	bool addressing;
};

bool target_has_simavr(void)
{
	return true;
}

static inline struct target_simavr *of(const struct target *t)
{
	return (struct target_simavr *)t;
}

static uint64_t simavr_clock(const struct target *t)
{
	return of(t)->avr->cycle - of(t)->clock_zero;
}

static avr_irq_t *port_irq(struct target_simavr *s, uint16_t pin)
{
	return avr_io_getirq(s->avr, (uint32_t)AVR_IOCTL_IOPORT_GETIRQ('A' + pin / 8), pin % 8);
}

static void drive_input(struct target_simavr *s, uint8_t pin)
{
	uint8_t port = pin / 8, mask = (uint8_t)(1 << pin % 8);
	int level = printer_read(s->t.printer, 0, pin);
	avr_ioport_external_t *e = &s->outside[port];

	if (level < 0 || ((e->mask & mask) && level == (e->value & mask ? 1 : 0)))
		return;
	e->mask |= mask;
	e->value = level ? e->value | mask : e->value & ~mask;
	avr_ioctl(s->avr, (uint32_t)AVR_IOCTL_IOPORT_SET_EXTERNAL('A' + port), e);
	avr_raise_irq(port_irq(s, pin), (uint32_t)level);
}

/* What the machine does to the chip's inputs. simavr lets a pull-up win over a pin's level whenever
 * the port is written, unless it knows the level as that of the port's outside. */
static void drive_inputs(struct target_simavr *s)
{
	const struct printer *p = s->t.printer;

	s->moved = false;
	for (int i = 0; i < p->endstop_count; i++)
		drive_input(s, p->endstops[i].pin);
	for (int i = 0; i < p->input_count; i++)
		drive_input(s, p->inputs[i].pin);
}

/* Lines of buses, which chips pull low, too: what the firmware does to them, edge by edge, and what it sees of the
 * chips while it lets go. */
static void follow_line(struct target_simavr *s, uint16_t pin)
{
	const uint8_t *reg = &s->avr->data[0x20 + 3 * (pin / 8)];
	bool out = reg[1] >> pin % 8 & 1, level = !out || (reg[2] >> pin % 8 & 1);

	if (s->levels[pin] != level) {
		s->levels[pin] = level;
		printer_edge(s->t.printer, 0, (uint8_t)pin, level);
	}
	if (!out)
		drive_input(s, (uint8_t)pin);
}

static void follow_lines(struct target_simavr *s)
{
	struct printer *p = s->t.printer;

	p->now_s = (double)s->avr->cycle / FREQ_HZ;
	for (int i = 0; i < p->bus_count; i++)
		for (int k = 0;
		     p->buses[i].number < 0 && k < (p->buses[i].kind == PRINTER_SPI ? 3 : 2); k++)
			follow_line(s, p->buses[i].pin[k]);
}

/* Something on a bus may happen at any time. */
static bool has_wires(const struct target_simavr *s)
{
	for (int i = 0; i < s->t.printer->bus_count; i++)
		if (s->t.printer->buses[i].number < 0)
			return true;
	return false;
}

static void on_spi(struct avr_irq_t *irq, uint32_t value, void *param)
{
	struct target_simavr *s = param;
	uint8_t byte = (uint8_t)value;

	(void)irq;
	printer_spi(s->t.printer, 0, 0, &byte, 1);
	avr_raise_irq(avr_io_getirq(s->avr, AVR_IOCTL_SPI_GETIRQ(0), SPI_IRQ_INPUT), byte);
}

/* 0x28 and 0x30, of data that was taken or not: 0x18 and 0x20, if it was an address. */
static void on_twi_status(struct avr_irq_t *irq, uint32_t value, void *param)
{
	struct target_simavr *s = param;

	(void)irq;
	if (s->addressing && (value == 0x28 || value == 0x30))
		s->avr->data[TWI_STATUS] = (uint8_t)(value - 0x10);
	s->addressing = false;
}

/* The two-wire unit: its chips answer at once. */
static void on_twi(struct avr_irq_t *irq, uint32_t value, void *param)
{
	struct target_simavr *s = param;
	avr_irq_t *in = avr_io_getirq(s->avr, AVR_IOCTL_TWI_GETIRQ(0), TWI_IRQ_INPUT);
	avr_twi_msg_irq_t m = { .u.v = value };
	uint8_t what = m.u.twi.msg, address = m.u.twi.addr;
	bool taken = false;

	(void)irq;
	s->avr->data[TWI_CONTROL] &= 0x7f; /* not done yet */
	if (what & TWI_COND_START) {
		s->addressing = true;
		s->spoken_to = printer_own_i2c_chip(s->t.printer, 0, 0, address >> 1);
		taken = s->spoken_to && s->spoken_to->ops->start(s->spoken_to, address & 1);
	} else if (what & TWI_COND_WRITE) {
		taken = s->spoken_to && s->spoken_to->ops->write(s->spoken_to, m.u.twi.data);
	} else if (what & TWI_COND_READ) {
		uint8_t byte = s->spoken_to ? s->spoken_to->ops->read(s->spoken_to) : 0xff;

		avr_raise_irq(in, avr_twi_irq_msg(TWI_COND_READ, address, byte));
	}
	if (taken)
		avr_raise_irq(in, avr_twi_irq_msg(TWI_COND_ACK, address, 1));
}

static void on_pin(struct avr_irq_t *irq, uint32_t value, void *param)
{
	struct pin *pin = param;
	struct target_simavr *s = pin->owner;

	(void)irq;
	value &= 1;
	if (printer_bus_pin(s->t.printer, 0, pin->number) || s->levels[pin->number] == value)
		return;
	s->levels[pin->number] = (uint8_t)value;
	s->t.printer->now_s = (double)s->avr->cycle / FREQ_HZ;
	s->t.edge_s = (double)simavr_clock(&s->t) / FREQ_HZ;
	printer_edge(s->t.printer, 0, (uint8_t)pin->number, value);
	if (s->t.hooks.edge)
		s->t.hooks.edge(s->t.hooks.ctx, pin->number, value, simavr_clock(&s->t));
	s->moved = true;
}

/* Of the converter's inputs: PA0.., of the atmega2560 PF0... simavr takes no values for its others, PK0... */
static uint8_t adc_pin(const struct target_simavr *s, uint32_t channel)
{
	return (uint8_t)(s->big ? 5 * 8 + channel : channel);
}

static void on_adc(struct avr_irq_t *irq, uint32_t value, void *param)
{
	struct target_simavr *s = param;
	union {
		avr_adc_mux_t mux;
		uint32_t v;
	} e = { .v = value };
	uint16_t reading = printer_adc(s->t.printer, 0, adc_pin(s, e.mux.src), ADC_STEPS - 1);

	(void)irq;
	/* half a step up, against rounding */
	avr_raise_irq(avr_io_getirq(s->avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0 + e.mux.src),
		      (reading * 2u + 1) * SUPPLY_MV / (2 * ADC_STEPS));
}

static void on_byte(struct avr_irq_t *irq, uint32_t value, void *param)
{
	struct target *t = param;
	uint8_t byte = (uint8_t)value;

	(void)irq;
	if (t->hooks.bytes)
		t->hooks.bytes(t->hooks.ctx, &byte, 1);
}

/* The next byte arrives; again as long as there are more. */
static avr_cycle_count_t feed(struct avr_t *avr, avr_cycle_count_t when, void *param)
{
	struct target_simavr *s = param;

	(void)when;
	if (s->rx_out == s->rx_in)
		return 0;
	avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT),
		      s->rx[s->rx_out++ % RX_MAX]);
	return when + BYTE_CYCLES;
}

static void simavr_send(struct target *t, const uint8_t *bytes, size_t len)
{
	struct target_simavr *s = of(t);

	if (s->rx_in - s->rx_out + len > RX_MAX)
		abort();
	for (; len; len--)
		s->rx[s->rx_in++ % RX_MAX] = *bytes++;
	/* a reset of the chip has cancelled it */
	if (!avr_cycle_timer_status(s->avr, feed, s))
		avr_cycle_timer_register(s->avr, BYTE_CYCLES, feed, s);
}

/* A sleeping chip is moved on to its next event: this is one. */
static avr_cycle_count_t stop_here(struct avr_t *avr, avr_cycle_count_t when, void *param)
{
	(void)avr;
	(void)when;
	(void)param;
	return 0;
}

/* Timer 1 has come to 0, and that is its alarm. */
static void follow_alarm(struct target_simavr *s)
{
	avr_t *avr = s->avr;
	uint16_t low;

	if (!avr->data[TIMER1_CONTROL])
		s->clock_zero = avr->cycle;
	low = (uint16_t)(avr->cycle - s->clock_zero);
	if (low < s->clock_low && !avr->data[TIMER1_ALARM] && !avr->data[TIMER1_ALARM + 1])
		avr_raise_interrupt(avr, &s->timer->comp[AVR_TIMER_COMPA].interrupt);
	s->clock_low = low;
}

static void simavr_run(struct target *t, uint64_t ticks)
{
	avr_t *avr = of(t)->avr;
	avr_cycle_count_t end = avr->cycle + ticks;
	bool wires;

	avr_cycle_timer_register(avr, ticks, stop_here, t);
	of(t)->moved = true;
	wires = has_wires(of(t));
	while (avr->cycle < end) {
		int state = avr_run(avr);

		if (state == cpu_Done || state == cpu_Crashed) {
			fprintf(stderr, "%s: the chip has crashed at pc 0x%x\n", t->name, avr->pc);
			abort();
		}
		follow_alarm(of(t));
		if (of(t)->moved)
			drive_inputs(of(t));
		if (wires)
			follow_lines(of(t));
	}
	avr_cycle_timer_cancel(avr, stop_here, t);
}

/* simavr does not know this mode of the timers: registers of those of 8 bits. */
static uint16_t simavr_pwm(const struct target *t, uint16_t pin)
{
	static const struct {
		uint8_t pin[2]; /* of a 40-pin chip, and of the atmega2560 */
		uint8_t control, com, compare;
	} channels[] = { { { 11, 15 }, 0x44, 0x80, 0x47 },
			 { { 12, 53 }, 0x44, 0x20, 0x48 },
			 { { 31, 12 }, 0xb0, 0x80, 0xb3 },
			 { { 30, 62 }, 0xb0, 0x20, 0xb4 } };
	const uint8_t *data = of(t)->avr->data;

	for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++)
		if (channels[i].pin[of(t)->big] == pin &&
		    data[channels[i].control] & channels[i].com)
			return data[channels[i].compare];
	return 0;
}

/* An endless loop (rjmp to itself) where no image reaches, and the chip is there. */
static void simavr_hang(struct target *t)
{
	avr_t *avr = of(t)->avr;

	avr->pc = avr->flashend - 1;
	avr->flash[avr->pc] = 0xff;
	avr->flash[avr->pc + 1] = 0xcf;
}

static void simavr_free(struct target *t)
{
	avr_terminate(of(t)->avr);
	free(of(t)->avr);
	free(t);
}

/* Virtual time passes by itself. */
static void no_sleep(avr_t *avr, avr_cycle_count_t cycles)
{
	(void)avr;
	(void)cycles;
}

static void connect(struct target_simavr *s)
{
	uint32_t flags = 0;

	for (avr_io_t *io = s->avr->io_port; io; io = io->next)
		if (!strcmp(io->kind, "timer") && ((avr_timer_t *)io)->name == '1')
			s->timer = (avr_timer_t *)io;
	avr_ioctl(s->avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
	/* else a low level at one of these pins, in use or not, is looked at each cycle */
	for (uint8_t i = 0; i < EXTINT_COUNT; i++)
		avr_extint_set_strict_lvl_trig(s->avr, i, 0);
	avr_irq_register_notify(avr_io_getirq(s->avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT),
				on_byte, s);
	avr_irq_register_notify(avr_io_getirq(s->avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_OUT_TRIGGER),
				on_adc, s);
	avr_irq_register_notify(avr_io_getirq(s->avr, AVR_IOCTL_SPI_GETIRQ(0), SPI_IRQ_OUTPUT),
				on_spi, s);
	avr_irq_register_notify(avr_io_getirq(s->avr, AVR_IOCTL_TWI_GETIRQ(0), TWI_IRQ_OUTPUT),
				on_twi, s);
	avr_irq_register_notify(avr_io_getirq(s->avr, AVR_IOCTL_TWI_GETIRQ(0), TWI_IRQ_STATUS),
				on_twi_status, s);
	for (uint16_t port = 0; port < PORTS; port++)
		s->outside[port].name = (unsigned int)('A' + port) & 0x7f;
	for (uint16_t pin = 0; pin < PORTS * 8; pin++) {
		avr_irq_t *irq = port_irq(s, pin);

		s->pins[pin] = (struct pin){ s, pin };
		if (irq)
			avr_irq_register_notify(irq, on_pin, &s->pins[pin]);
	}
}

/* Errors only, and not among a test's words. */
static void log_error(avr_t *avr, const int level, const char *format, va_list ap)
{
	(void)avr;
	if (level == LOG_ERROR)
		vfprintf(stderr, format, ap);
}

struct target *target_simavr_new(const char *chip, const char *elf, const struct target_hooks *hooks)
{
	static const struct target_ops ops = { simavr_send, simavr_run,  simavr_clock,
					       simavr_pwm,  simavr_free, simavr_hang };
	struct target_simavr *s = calloc(1, sizeof(*s));
	elf_firmware_t image;

	memset(&image, 0, sizeof(image));
	if (!s)
		return NULL;
	avr_global_logger_set(log_error);
	if (elf_read_firmware(elf, &image) || !(s->avr = avr_make_mcu_by_name(chip))) {
		fprintf(stderr, "simavr: can't load %s for %s\n", elf, chip);
		free(s);
		return NULL;
	}
	s->t = (struct target){ .ops = &ops,
				.name = chip,
				.hooks = *hooks,
				.freq_hz = FREQ_HZ,
				.adc_max = ADC_STEPS - 1,
				.pwm_max = 255 };
	s->big = !strcmp(chip, "atmega2560");
	s->t.printer = &s->t.own_printer;
	printer_init(s->t.printer, PRINTER_CARTESIAN, 1);
	avr_init(s->avr);
	strcpy(image.mmcu, chip);
	image.frequency = FREQ_HZ;
	image.vcc = image.avcc = image.aref = SUPPLY_MV;
	avr_load_firmware(s->avr, &image);
	s->avr->sleep = no_sleep;
	s->avr->log = 1; /* errors */
	connect(s);
	return &s->t;
}
#endif
