// SPDX-License-Identifier: GPL-2.0-or-later
/* Devices and their objects in the MCUs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/bus.h"
#include "daemon/machine/machine.h"

enum { UART_BAUD = 40000, UART_BAUD_AVR = 9000, BUS_NAMES_MAX = 256 };

void bus_init(struct bus *b, struct machine *m)
{
	memset(b, 0, sizeof(*b));
	b->m = m;
}

void bus_free(struct bus *b)
{
	for (size_t i = 0; i < b->ports; i++)
		free(b->port[i].queue);
	b->ports = b->devices = 0;
}

/* Serial lines are shared, and so are chips in a chain: same select pin. */
static bool same_port(const struct machine_bus *a, const struct machine_bus *b)
{
	if (a->kind != b->kind || a->mcu != b->mcu)
		return false;
	if (a->kind == MACHINE_BUS_SPI)
		return pin_same(&a->cs, &b->cs);
	return a->kind == MACHINE_BUS_UART && pin_same(&a->pin[0], &b->pin[0]) &&
	       pin_same(&a->pin[1], &b->pin[1]);
}

int bus_add(struct bus *b, const struct machine_bus *cfg)
{
	size_t port = 0;

	while (port < b->ports && !same_port(b->port[port].cfg, cfg))
		port++;
	if (b->devices == BUS_DEVICES_MAX)
		return -1;
	if (port == b->ports) {
		struct bus_port *p = &b->port[port];

		p->cfg = cfg;
		p->queue = calloc(BUS_QUEUE_MAX, sizeof(*p->queue));
		if (!p->queue)
			return -1;
		memset(p->selected, -1, sizeof(p->selected));
		b->ports++;
	} else if (cfg->selects > b->port[port].cfg->selects) {
		b->port[port].cfg = cfg; /* the one that names the pins */
	}
	b->device[b->devices].cfg = cfg;
	b->device[b->devices].port = (uint8_t)port;
	return (int)b->devices++;
}

static bool has(const struct session *s, enum msg_id id)
{
	return wire_dict_wire_id(&s->dict.ids, id) != WIRE_ID_NONE;
}

static bool pins_of(struct session *s, const struct machine_bus *cfg, uint32_t pin[3],
		    unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (!session_pin(s, &cfg->pin[i], UINT16_MAX, &pin[i]))
			return false;
	return true;
}

/* Ticks of half a bit. */
static uint32_t half_bit(const struct session *s, double rate_hz)
{
	return (uint32_t)fmax(1, ceil(dictionary_number(&s->dict, "CLOCK_FREQ", 0) / (2 * rate_hz)));
}

/* Number of the MCU's bus, of that name or its first one. */
static bool find_bus(struct session *s, const struct machine_bus *cfg, const char *enumeration,
		     const char *kind, uint32_t *number)
{
	char names[BUS_NAMES_MAX] = "", label[64];
	size_t used = 0;

	*number = 0;
	if (*cfg->name && dictionary_enum(&s->dict, enumeration, cfg->name, number))
		return true;
	if (!*cfg->name && dictionary_label(&s->dict, enumeration, 0, label, sizeof(label)))
		return true;
	for (uint32_t i = 0; i < 64 && used < sizeof(names); i++)
		if (dictionary_label(&s->dict, enumeration, i, label, sizeof(label)))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 used ? ", " : "", label);
	if (!used)
		snprintf(s->error, sizeof(s->error),
			 "mcu '%s': its firmware has no %s bus, and [%s] needs one; expected pins "
			 "for one in software, or another firmware",
			 s->name, kind, cfg->section);
	else
		snprintf(s->error, sizeof(s->error),
			 "mcu '%s': it has no %s bus '%s' for [%s]; expected one of: %s", s->name,
			 kind, cfg->name, cfg->section, names);
	return false;
}

static bool configure_spi(struct session *s, const struct machine_bus *cfg, uint8_t oid)
{
	struct msg_config_spi c = { .oid = oid, .cs_active_high = cfg->cs.invert };
	struct msg_spi_set_bus bus = { .oid = oid,
				       .mode = (uint32_t)cfg->mode,
				       .rate = (uint32_t)cfg->rate_hz };
	struct msg_spi_set_sw_bus sw = { .oid = oid, .mode = (uint32_t)cfg->mode };
	struct msg_spi_set_software_bus old = { .oid = oid,
						.mode = (uint32_t)cfg->mode,
						.rate = (uint32_t)cfg->rate_hz };
	uint32_t pin[3];

	if (!session_pin(s, &cfg->cs, UINT16_MAX, &c.pin) ||
	    !session_config(s, MSG_ID_config_spi, &c))
		return false;
	if (!cfg->software)
		return find_bus(s, cfg, "spi_bus", "SPI", &bus.spi_bus) &&
		       session_config(s, MSG_ID_spi_set_bus, &bus);
	if (!pins_of(s, cfg, pin, 3))
		return false;
	sw.sclk_pin = old.sclk_pin = pin[0];
	sw.mosi_pin = old.mosi_pin = pin[1];
	sw.miso_pin = old.miso_pin = pin[2];
	sw.pulse_ticks = half_bit(s, cfg->rate_hz);
	if (!has(s, MSG_ID_spi_set_sw_bus) && has(s, MSG_ID_spi_set_software_bus))
		return session_config(s, MSG_ID_spi_set_software_bus, &old);
	return session_config(s, MSG_ID_spi_set_sw_bus, &sw);
}

static bool configure_i2c(struct session *s, const struct machine_bus *cfg, struct bus_port *p)
{
	struct msg_config_i2c c = { .oid = p->oid };
	struct msg_i2c_set_bus bus = { .oid = p->oid,
				       .rate = (uint32_t)cfg->rate_hz,
				       .address = (uint32_t)cfg->address };
	struct msg_i2c_set_sw_bus sw = { .oid = p->oid, .address = (uint32_t)cfg->address };
	struct msg_i2c_set_software_bus old = { .oid = p->oid,
						.rate = (uint32_t)cfg->rate_hz,
						.address = (uint32_t)cfg->address };
	uint32_t pin[3];

	p->old = !has(s, MSG_ID_i2c_transfer) && has(s, MSG_ID_i2c_read) && has(s, MSG_ID_i2c_write);
	if (!session_config(s, MSG_ID_config_i2c, &c))
		return false;
	if (!cfg->software)
		return find_bus(s, cfg, "i2c_bus", "I2C", &bus.i2c_bus) &&
		       session_config(s, MSG_ID_i2c_set_bus, &bus);
	if (!pins_of(s, cfg, pin, 2))
		return false;
	sw.scl_pin = old.scl_pin = pin[0];
	sw.sda_pin = old.sda_pin = pin[1];
	sw.pulse_ticks = half_bit(s, cfg->rate_hz);
	if (!has(s, MSG_ID_i2c_set_sw_bus) && has(s, MSG_ID_i2c_set_software_bus))
		return session_config(s, MSG_ID_i2c_set_software_bus, &old);
	return session_config(s, MSG_ID_i2c_set_sw_bus, &sw);
}

static bool configure_uart(struct session *s, const struct machine_bus *cfg, struct bus_port *p)
{
	const char *chip = dictionary_text(&s->dict, "MCU");
	int baud = chip && !strncmp(chip, "at", 2) ? UART_BAUD_AVR : UART_BAUD;
	struct msg_config_tmcuart c = { .oid = p->oid, .pull_up = cfg->pin[1].pull == PIN_PULL_UP };
	uint32_t pin[3];

	if (!pins_of(s, cfg, pin, 2))
		return false;
	c.tx_pin = pin[0];
	c.rx_pin = pin[1];
	c.bit_time = (uint32_t)lround(dictionary_number(&s->dict, "CLOCK_FREQ", 0) / baud);
	if (!session_config(s, MSG_ID_config_tmcuart, &c))
		return false;
	for (int i = 0; i < cfg->selects; i++) {
		struct msg_config_digital_out out = { .oid = 0 };

		if (!session_oid(s, &p->select_oid[i]) ||
		    !session_pin(s, &cfg->select[i], UINT16_MAX, &out.pin))
			return false;
		out.oid = p->select_oid[i];
		if (!session_config(s, MSG_ID_config_digital_out, &out))
			return false;
	}
	return true;
}

bool bus_configure(struct bus *b, struct session *s)
{
	for (struct bus_port *p = b->port; p < b->port + b->ports; p++) {
		if (p->cfg->mcu != s->mcu)
			continue;
		session_for(s, "[%s]", p->cfg->section);
		if (!session_oid(s, &p->oid))
			return false;
		if (!(p->cfg->kind == MACHINE_BUS_SPI   ? configure_spi(s, p->cfg, p->oid)
		      : p->cfg->kind == MACHINE_BUS_I2C ? configure_i2c(s, p->cfg, p)
							: configure_uart(s, p->cfg, p)))
			return false;
	}
	session_for(s, NULL);
	return true;
}
