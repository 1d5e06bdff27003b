// SPDX-License-Identifier: GPL-2.0-or-later
/* Buses of the simulated MCUs and the chips at them, as the configuration has them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/batch/batch.h"

static bool take_pin(struct batch *b, const struct pin *pin, uint16_t *to)
{
	int n = batch_world_pin(b, pin);

	*to = (uint16_t)n;
	return n >= 0;
}

/* Index of the printer's bus, -1. */
static int add_bus(struct batch *b, const struct machine_bus *cfg)
{
	struct printer_bus bus = { .kind = cfg->kind == MACHINE_BUS_SPI   ? PRINTER_SPI
					   : cfg->kind == MACHINE_BUS_I2C ? PRINTER_I2C
									  : PRINTER_UART,
				   .mcu = (uint8_t)cfg->mcu,
				   .number = -1 };
	int pins = cfg->kind == MACHINE_BUS_SPI ? 3 : 2;
	bool own = cfg->kind != MACHINE_BUS_UART && !cfg->software;

	if (own && !*cfg->name)
		bus.number = 0;
	else if (own)
		bus.number = sim_bus_add(b->mcu[cfg->mcu].sim,
					 cfg->kind == MACHINE_BUS_SPI ? SIM_SPI : SIM_I2C,
					 cfg->name);
	if (own && bus.number < 0)
		return -1;
	for (int i = 0; !own && i < pins; i++)
		if (!take_pin(b, &cfg->pin[i], &bus.pin[i]))
			return -1;
	return printer_add_bus(&b->printer, &bus);
}

static bool add_chip(struct batch *b, const struct machine_bus *cfg, const char *name,
		     const struct printer_chip_ops *ops, void *model)
{
	struct printer_chip c = { .ops = ops,
				  .model = model,
				  .cs_pin = PRINTER_NO_PIN,
				  .cs_active_high = cfg->cs.invert,
				  .falling = cfg->mode == 1 || cfg->mode == 2,
				  .address = (uint8_t)cfg->address,
				  .selects = (uint8_t)cfg->selects };
	int bus = add_bus(b, cfg);

	if (bus < 0 || (cfg->kind == MACHINE_BUS_SPI && !take_pin(b, &cfg->cs, &c.cs_pin)))
		return false;
	c.bus = (uint8_t)bus;
	for (int i = 0; i < cfg->selects; i++) {
		if (!take_pin(b, &cfg->select[i], &c.select_pin[i]))
			return false;
		c.select_level[i] = !cfg->select[i].invert;
	}
	snprintf(c.name, sizeof(c.name), "%s", name);
	return printer_add_chip(&b->printer, &c) >= 0;
}

/* The chips in a chain with this one, whose printer_chip is that of the first of them. */
static bool add_chain(struct batch *b, size_t i)
{
	const struct machine_tmc *t = &b->mc->tmc[i];
	struct chip_tmc_chain *chain = &b->chain[i];

	chain->length = t->chain_length ? (unsigned)t->chain_length : 1;
	chain->chip[t->chain_length ? t->chain_position - 1 : 0] = &b->tmc[i];
	for (size_t k = 0; k < b->mc->tmc_count; k++) {
		const struct machine_tmc *o = &b->mc->tmc[k];

		if (k == i || o->bus.kind != MACHINE_BUS_SPI || !pin_same(&o->bus.cs, &t->bus.cs))
			continue;
		if (k < i)
			return true; /* it has taken this one */
		if (o->chain_position > 0 && o->chain_position <= t->chain_length)
			chain->chip[o->chain_position - 1] = &b->tmc[k];
	}
	for (unsigned k = 0; k < chain->length; k++)
		if (!chain->chip[k]) {
			snprintf(b->error, sizeof(b->error),
				 "[%s] chain_length %d: the simulated printer needs all chips of a chain",
				 t->section, t->chain_length);
			return false;
		}
	return add_chip(b, &t->bus, t->section, &chip_tmc_spi, chain);
}

/* Switches that are a driver's stall close only while it is told to look for one. */
static void stall_endstops(struct batch *b)
{
	for (size_t r = 0; r < b->mc->rail_count; r++)
		for (size_t i = 0; i < b->mc->rails[r].endstop_count; i++) {
			const struct machine_endstop *from = &b->mc->rails[r].endstop[i];
			int pin = from->driver ? batch_world_pin(b, &from->pin) : -1;

			for (int k = 0; pin >= 0 && k < b->printer.endstop_count; k++)
				if (b->printer.endstops[k].mcu == from->pin.mcu &&
				    b->printer.endstops[k].pin == pin)
					b->printer.endstops[k].watched =
						&b->tmc[from->driver - 1].stall_shown;
		}
}

/* A motor makes of edges what its driver's registers say. */
static void driven_motors(struct batch *b)
{
	for (size_t i = 0; i < b->m->motors; i++)
		for (size_t k = 0; k < b->mc->tmc_count; k++)
			if (b->mc->tmc[k].motor == b->m->motor[i].cfg) {
				b->printer.steppers[i].driver_edges = &b->tmc[k].both_edges;
				b->tmc[k].motor = &b->printer.steppers[i];
				b->tmc[k].printer = &b->printer;
			}
}

/* Between a warm part and its MCU. */
static bool add_thermometer(struct batch *b, size_t i)
{
	const struct machine_sensor *s = &b->mc->sensors[i];
	struct printer_bus bus = { .kind = PRINTER_ONEWIRE,
				   .mcu = (uint8_t)s->pin.mcu,
				   .number = -1 };
	struct printer_chip c = { .ops = &chip_ds18b20_onewire,
				  .model = &b->thermometer[i],
				  .cs_pin = PRINTER_NO_PIN };
	int index;

	b->thermometer[i] = (struct chip_ds18b20){ .serial = s->serial,
						   .printer = &b->printer,
						   .body = b->body_of[i] };
	if (!s->pin.set || !take_pin(b, &s->pin, &bus.pin[0]))
		return false;
	index = printer_add_bus(&b->printer, &bus);
	c.bus = (uint8_t)index;
	snprintf(c.name, sizeof(c.name), "%s", s->section);
	return index >= 0 && printer_add_chip(&b->printer, &c) >= 0;
}

static bool add_converter(struct batch *b, size_t i)
{
	const struct machine_sensor *s = &b->mc->sensors[i];

	if (s->source == MACHINE_SENSOR_DS18B20)
		return add_thermometer(b, i);
	if (s->source == MACHINE_SENSOR_I2C) {
		b->climate[i] = (struct chip_climate){ .type = s->i2c_name,
						       .printer = &b->printer,
						       .body = b->body_of[i] };
		return add_chip(b, &s->bus, s->bus.section, &chip_climate_i2c, &b->climate[i]);
	}
	b->converter[i] = (struct chip_temperature){ .type = atoi(sensor_chip_name(s->chip) + 3),
						     .printer = &b->printer,
						     .body = b->body_of[i] };
	return add_chip(b, &s->bus, s->bus.section, &chip_temperature_spi, &b->converter[i]);
}

static bool add_converters(struct batch *b)
{
	for (size_t i = 0; i < b->mc->sensor_count; i++) {
		const struct machine_sensor *s = &b->mc->sensors[i];

		b->chip_of[i] = -1;
		if (s->source != MACHINE_SENSOR_SPI && s->source != MACHINE_SENSOR_I2C &&
		    s->source != MACHINE_SENSOR_DS18B20)
			continue;
		b->chip_of[i] = b->printer.chip_count;
		if (add_converter(b, i))
			continue;
		if (!b->error[0])
			snprintf(b->error, sizeof(b->error),
				 "[%s] its sensor cannot be connected to the simulated printer",
				 s->section);
		return false;
	}
	return true;
}

static bool line_of(struct batch *b, int chip, const struct pin *pin, uint16_t *to)
{
	return chip >= 0 && take_pin(b, pin, to) &&
	       printer_chip_pin(&b->printer, (unsigned)chip, *to) == 0;
}

/* A chip on a bus that drives a pin beside it. */
static bool add_chip_with_pin(struct batch *b, const struct machine_bus *cfg, const char *name,
			      const struct printer_chip_ops *ops, void *model,
			      const struct pin *pin, uint16_t *to)
{
	return add_chip(b, cfg, name, ops, model) &&
	       (!pin->set || line_of(b, b->printer.chip_count - 1, pin, to));
}

static bool add_eddy(struct batch *b)
{
	const struct machine_probe *p = &b->mc->probe;
	struct chip_ldc1612 *c = &b->eddy;

	if (p->kind != MACHINE_PROBE_EDDY)
		return true;
	*c = chip_ldc1612_usual;
	c->printer = &b->printer;
	c->clock_hz = p->eddy.clock_hz;
	c->x_mm = p->offset_mm[0];
	c->y_mm = p->offset_mm[1];
	c->noise_mm = b->mc->sim_bed.probe_noise_mm;
	if (p->eddy.drift.sensor >= 0)
		c->body = b->body_of[p->eddy.drift.sensor];
	chip_ldc1612_start(c);
	return add_chip_with_pin(b, &p->eddy.bus, p->section, &chip_ldc1612_i2c, c, &p->eddy.intb,
				 &c->intb_pin);
}

/* A chip of the probe's that has no bus. Returns: its index, or below 0. */
static int add_lines(struct batch *b, int mcu, const struct printer_chip_ops *ops, void *model)
{
	struct printer_bus lines = { .kind = PRINTER_LINES, .mcu = (uint8_t)mcu, .number = 0 };
	struct printer_chip chip = { .ops = ops, .model = model, .cs_pin = PRINTER_NO_PIN };
	int bus = printer_add_bus(&b->printer, &lines);

	chip.bus = (uint8_t)bus;
	snprintf(chip.name, sizeof(chip.name), "%s", b->mc->probe.section);
	return bus < 0 ? bus : printer_add_chip(&b->printer, &chip);
}

static bool add_hx71x(struct batch *b)
{
	const struct machine_load_cell *p = &b->mc->probe.cell;
	int chip = add_lines(b, p->mcu, &chip_hx71x_pins, &b->hx71x);

	b->hx71x = (struct chip_hx71x){ .cell = &b->load_cell };
	return line_of(b, chip, &p->dout, &b->hx71x.dout_pin) &&
	       line_of(b, chip, &p->sclk, &b->hx71x.sclk_pin);
}

/* What listens to its control pin. */
static bool add_effector(struct batch *b)
{
	const struct machine_probe *p = &b->mc->probe;

	if (p->kind != MACHINE_PROBE_EFFECTOR || !p->control_pin.set)
		return true;
	b->effector = (struct chip_effector){ .printer = &b->printer };
	chip_effector_start(&b->effector);
	return line_of(b, add_lines(b, p->control_pin.mcu, &chip_effector_pins, &b->effector),
		       &p->control_pin, &b->effector.control_pin);
}

static bool add_load_cell(struct batch *b)
{
	const struct machine_load_cell *p = &b->mc->probe.cell;

	if (b->mc->probe.kind != MACHINE_PROBE_LOAD_CELL)
		return true;
	b->load_cell = chip_load_cell_usual;
	b->load_cell.printer = &b->printer;
	b->load_cell.rate_hz = p->rate_hz;
	if (p->counts_per_gram > 0)
		b->load_cell.counts_per_gram = p->counts_per_gram;
	b->load_cell.zero_counts = p->reference_counts;
	b->load_cell.noise_grams += b->load_cell.grams_per_mm * b->mc->sim_bed.probe_noise_mm;
	if (p->chip != MACHINE_ADS1220)
		return add_hx71x(b);
	b->ads1220 = (struct chip_ads1220){ .cell = &b->load_cell };
	return add_chip_with_pin(b, &p->bus, b->mc->probe.section, &chip_ads1220_spi, &b->ads1220,
				 &p->data_ready, &b->ads1220.data_ready_pin);
}

/* Lights behind chips. */
static bool add_lights(struct batch *b)
{
	for (size_t i = 0; i < b->mc->led_count; i++) {
		const struct machine_led *led = &b->mc->leds[i];

		b->pca[i].type = led->kind == MACHINE_LED_PCA9533 ? 9533 : 9632;
		if (machine_led_chip(led) &&
		    !add_chip(b, &led->bus, led->name, &chip_pca_i2c, &b->pca[i])) {
			snprintf(b->error, sizeof(b->error),
				 "[%s] cannot be connected to the simulated printer",
				 led->bus.section);
			return false;
		}
	}
	return true;
}

/* Magnets on the motors' shafts; no two stand alike. */
static bool add_angles(struct batch *b)
{
	for (size_t i = 0; i < b->m->angles.count; i++) {
		const struct machine_angle *a = &b->mc->angle[i];
		const struct machine_stepper *s = a->motor ? a->motor : b->m->motor[0].cfg;
		int motor = b->m->angles.sensor[i].motor;

		b->angle[i] = (struct chip_angle){
			.type = (enum chip_angle_type)a->chip,
			.printer = &b->printer,
			.stepper = motor < 0 ? 0 : motor,
			.steps_per_turn = (double)s->full_steps_per_rotation * s->microsteps,
			.start_turns = 0.137 + 0.31 * (double)i,
			.reverse = i & 1
		};
		if (b->m->motors && add_chip(b, &a->bus, a->section, &chip_angle_spi, &b->angle[i]))
			continue;
		snprintf(b->error, sizeof(b->error),
			 "[%s] cannot be connected to the simulated printer", a->section);
		return false;
	}
	return true;
}

static bool add_probe(struct batch *b)
{
	if (add_eddy(b) && add_load_cell(b) && add_effector(b))
		return true;
	snprintf(b->error, sizeof(b->error), "[%s] cannot be connected to the simulated printer",
		 b->mc->probe.section);
	return false;
}

bool batch_bus_start(struct batch *b)
{
	for (size_t i = 0; i < b->mc->tmc_count; i++)
		chip_tmc_start(&b->tmc[i], atoi(b->mc->tmc[i].chip->name + 3),
			       (uint8_t)b->mc->tmc[i].uart_address);
	for (size_t i = 0; i < b->mc->tmc_count; i++) {
		const struct machine_tmc *t = &b->mc->tmc[i];

		if (t->bus.kind == MACHINE_BUS_SPI
			    ? add_chain(b, i)
			    : add_chip(b, &t->bus, t->section, &chip_tmc_uart, &b->tmc[i]))
			continue;
		if (!b->error[0])
			snprintf(b->error, sizeof(b->error),
				 "[%s] cannot be connected to the simulated printer", t->section);
		return false;
	}
	stall_endstops(b);
	driven_motors(b);
	return add_converters(b) && add_lights(b) && add_probe(b) && add_angles(b);
}
