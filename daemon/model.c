// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/model.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config/machine_config.h"
#include "daemon/config/machine_print.h"
#include "daemon/kinematics/kinematics.h"
#include "daemon/overrides.h"
#include "mcu/boards/sim/chip_temperature.h"
#include "mcu/boards/sim/thermal.h"

static const char axis_letter[] = "xyzeuvwabcdf";

/* Of several that do the same, the first. */
static const struct pin *real_pin(const struct machine_config *mc, const struct pin *pin)
{
	const struct machine_multi_pin *multi = machine_config_multi(mc, pin);

	return multi ? &multi->pin[0] : pin;
}

/* A name without blanks. */
static void put_name(const char *key, const char *name)
{
	printf(" %s=", key);
	for (const char *p = name; *p; p++)
		putchar(*p == ' ' || *p == '\t' ? '_' : *p);
}

static const struct machine_tmc *driver_of(const struct machine_config *mc,
					   const struct machine_stepper *motor)
{
	for (size_t i = 0; i < mc->tmc_count; i++)
		if (mc->tmc[i].motor == motor)
			return &mc->tmc[i];
	return NULL;
}

static void put_stepper(const struct machine_config *mc, const struct machine_stepper *s,
			const double weight[KINEMATICS_MODEL_AXES])
{
	const struct machine_tmc *driver = driver_of(mc, s);

	printf("stepper");
	for (int axis = 0; axis < KINEMATICS_MODEL_AXES; axis++)
		if (weight[axis] != 0)
			printf(" %c=%.17g", axis_letter[axis], weight[axis]);
	printf(" step=%s dir=%s steps_per_mm=%.17g mcu=%d name=%s invert_dir=%d "
	       "invert_step=%d both_edges=%d lock=%d\n",
	       s->step_pin.name, s->dir_pin.name, 1 / s->step_distance_mm, s->step_pin.mcu, s->name,
	       s->dir_pin.invert, s->step_pin.invert,
	       /* of a driver that another process has; else its registers say it */
	       driver && driver->bus.mcu != s->step_pin.mcu && machine_both_edges(s),
	       4 * s->microsteps);
}

/* A stall is one at the pin of a driver that looks for it. */
static void put_endstop(const struct machine_config *mc, const struct kinematics_model_endstop *e)
{
	printf("endstop axis=%c pin=%s trigger=%.17g mcu=%d at_max=%d invert=%d",
	       axis_letter[e->axis], e->pin->name, e->trigger_mm, e->pin->mcu, e->at_max,
	       e->pin->invert);
	for (size_t r = 0; r < mc->rail_count; r++)
		for (size_t i = 0; i < mc->rails[r].endstop_count; i++) {
			const struct machine_endstop *from = &mc->rails[r].endstop[i];

			if (from->driver && pin_same(&from->pin, e->pin) &&
			    mc->tmc[from->driver - 1].bus.mcu == e->pin->mcu) {
				put_name("driver", mc->tmc[from->driver - 1].section);
				printf("\n");
				return;
			}
		}
	printf("\n");
}

static void put_probe(const struct machine_config *mc)
{
	const struct machine_sim_bed *bed = &mc->sim_bed;
	const struct machine_probe *p = &mc->probe;

	printf("bed height=%.17g slope_x=%.17g slope_y=%.17g shape=%.17g\n", bed->height_mm,
	       bed->slope_x, bed->slope_y, bed->shape_mm);
	if (p->kind == MACHINE_PROBE_NONE || p->kind >= MACHINE_PROBE_SENSORS || p->pin.mcu < 0)
		return;
	printf("probe pin=%s mcu=%d x=%.17g y=%.17g z=%.17g hysteresis=%.17g noise=%.17g invert=%d",
	       p->pin.name, p->pin.mcu, p->offset_mm[0], p->offset_mm[1], p->offset_mm[2],
	       bed->probe_hysteresis_mm, bed->probe_noise_mm, p->pin.invert);
	if (p->kind == MACHINE_PROBE_BLTOUCH)
		printf(" control=%s control_mcu=%d", p->control_pin.name, p->control_pin.mcu);
	printf("\n");
}

static bool on_bus(const struct machine_sensor *s)
{
	return s->source == MACHINE_SENSOR_SPI || s->source == MACHINE_SENSOR_I2C ||
	       s->source == MACHINE_SENSOR_DS18B20;
}

/* The warm parts, as `stepd batch` has them. */
static void put_warm(const struct machine_config *mc, size_t i)
{
	const struct machine_sensor *s = &mc->sensors[i];
	const struct machine_warm *w = &s->warm;
	struct sensor_curve curve;

	if (s->source == MACHINE_SENSOR_HOST || s->source == MACHINE_SENSOR_COMBINED)
		return;
	printf("warm");
	put_name("name", s->name);
	printf(" sensor=%s mcu=%d noise=%d ambient=%.17g power=%.17g capacity=%.17g "
	       "loss=%.17g fan_loss=%.17g lag=%.17g filament=%.17g",
	       on_bus(s) ? "none" : s->pin.name, machine_sensor_mcu(s), w->noise, w->ambient_degc,
	       w->power_w, w->capacity_j_k, w->loss_w_k, w->fan_loss_w_k, w->lag_s,
	       w->filament_j_k_mm);
	for (size_t k = 0; k < mc->heater_count; k++) {
		const struct machine_heater *h = &mc->heaters[k];
		const struct pin *pin = real_pin(mc, &h->pin), *fan = real_pin(mc, &mc->fan.pin);

		if (h->sensor != (int)i || h->param.cooling)
			continue;
		printf(" heater=%s heater_mcu=%d heater_invert=%d", pin->name, pin->mcu,
		       pin->invert);
		if (h->extruder == 0 && mc->extruders[0].has_stepper)
			printf(" stepper=%s", mc->extruders[0].name);
		if (h->extruder == 0 && mc->fan.pin.set)
			printf(" fan=%s fan_mcu=%d fan_invert=%d", fan->name, fan->mcu, fan->invert);
	}
	printf("\n");
	machine_sensor_sim_curve(s, &curve);
	for (int k = 0; k < THERMAL_CURVE; k++) {
		double degc = THERMAL_FROM_DEGC + k * THERMAL_STEP_DEGC;
		bool degrees = on_bus(s) && !(s->source == MACHINE_SENSOR_SPI &&
					      s->chip == SENSOR_CHIP_MAX31865);

		printf("reading share=%.9g\n",
		       degrees ? chip_temperature_share(degc) : sensor_ratio(&curve, degc));
	}
}

/* ---- chips ---- */

static void put_bus(const struct machine_bus *bus)
{
	printf(" mcu=%d", bus->mcu);
	if (bus->kind == MACHINE_BUS_UART) {
		printf(" tx=%s rx=%s", bus->pin[0].name, bus->pin[1].name);
		for (int i = 0; i < bus->selects; i++)
			printf("%s%s%s", i ? "," : " select=", bus->select[i].invert ? "!" : "",
			       bus->select[i].name);
		return;
	}
	if (bus->kind == MACHINE_BUS_I2C) {
		printf(" address=%d", bus->address);
		if (bus->software)
			printf(" scl=%s sda=%s", bus->pin[0].name, bus->pin[1].name);
		else if (*bus->name)
			printf(" i2c=%s", bus->name);
		return;
	}
	printf(" cs=%s cs_high=%d mode=%d", bus->cs.name, bus->cs.invert, bus->mode);
	if (bus->software)
		printf(" sclk=%s mosi=%s miso=%s", bus->pin[0].name, bus->pin[1].name,
		       bus->pin[2].name);
	else if (*bus->name)
		printf(" spi=%s", bus->name);
}

static void put_drivers(const struct machine_config *mc)
{
	for (size_t i = 0; i < mc->tmc_count; i++) {
		const struct machine_tmc *t = &mc->tmc[i];

		printf("driver chip=%s address=%d stepper=%s", t->chip->name + 3, t->uart_address,
		       t->motor->name);
		put_name("name", t->section);
		put_bus(&t->bus);
		if (t->chain_length)
			printf(" chain=%d position=%d", t->chain_length, t->chain_position);
		printf("\n");
	}
}

static void put_converters(const struct machine_config *mc)
{
	for (size_t i = 0; i < mc->sensor_count; i++) {
		const struct machine_sensor *s = &mc->sensors[i];

		if (!on_bus(s) || (s->source == MACHINE_SENSOR_DS18B20 && !s->pin.set))
			continue;
		if (s->source == MACHINE_SENSOR_DS18B20) {
			printf("thermometer serial=%s pin=%s mcu=%d", s->serial, s->pin.name,
			       s->pin.mcu);
			put_name("body", s->name);
			printf("\n");
			continue;
		}
		if (s->source == MACHINE_SENSOR_I2C)
			printf("climate type=%s", s->i2c_name);
		else
			printf("converter chip=%s", sensor_chip_name(s->chip) + 3);
		put_name("body", s->name);
		put_bus(&s->bus);
		printf("\n");
	}
}

static void put_eddy(const struct machine_config *mc)
{
	const struct machine_probe *p = &mc->probe;

	if (p->kind != MACHINE_PROBE_EDDY)
		return;
	printf("eddy x=%.17g y=%.17g clock=%.17g noise=%.17g", p->offset_mm[0], p->offset_mm[1],
	       p->eddy.clock_hz, mc->sim_bed.probe_noise_mm);
	if (p->eddy.intb.set)
		printf(" intb=%s", p->eddy.intb.name);
	if (p->eddy.drift.sensor >= 0)
		put_name("body", mc->sensors[p->eddy.drift.sensor].name);
	put_name("name", p->section);
	put_bus(&p->eddy.bus);
	printf("\n");
}

static void put_load_cell(const struct machine_config *mc)
{
	static const char *const chips[] = {
		[MACHINE_HX711] = "711", [MACHINE_HX717] = "717", [MACHINE_ADS1220] = "1220"
	};
	const struct machine_load_cell *c = &mc->probe.cell;

	if (mc->probe.kind != MACHINE_PROBE_LOAD_CELL)
		return;
	printf("load_cell chip=%s rate=%.17g zero=%.17g noise=%.17g", chips[c->chip], c->rate_hz,
	       c->reference_counts, mc->sim_bed.probe_noise_mm);
	if (c->counts_per_gram > 0)
		printf(" counts_per_gram=%.17g", c->counts_per_gram);
	put_name("name", mc->probe.section);
	if (c->chip == MACHINE_ADS1220) {
		printf(" ready=%s", c->data_ready.name);
		put_bus(&c->bus);
	} else {
		printf(" mcu=%d dout=%s sclk=%s", c->mcu, c->dout.name, c->sclk.name);
	}
	printf("\n");
}

/* ---- inputs and fans ---- */

static void put_inputs(const struct machine_config *mc)
{
	const struct machine_print *cfg = mc->print;

	for (size_t i = 0; i < cfg->filament_count; i++) {
		const struct machine_filament *s = &cfg->filament[i];

		printf("input pin=%s mcu=%d invert=%d on=1", s->pin.name, s->pin.mcu, s->pin.invert);
		put_name("name", s->name);
		if (s->motion) /* four edges a detection_length, as in `stepd batch` */
			printf(" stepper=%s edge=%.17g", mc->extruders[s->extruder].name,
			       s->detection_length_mm / 4);
		printf("\n");
	}
	for (size_t i = 0; i < cfg->button_count; i++) {
		const struct machine_button *s = &cfg->button[i];
		double ohm = (s->range_ohm[0] + s->range_ohm[1]) / 2;

		printf("input pin=%s mcu=%d invert=%d", s->pin.name, s->pin.mcu, s->pin.invert);
		if (s->range_ohm[1] > 0)
			printf(" share=%.9g", ohm / (ohm + s->pullup_ohm));
		put_name("name", s->name);
		printf("\n");
	}
}

static void put_lights(const struct machine_config *mc)
{
	for (size_t i = 0; i < mc->led_count; i++) {
		const struct machine_led *l = &mc->leds[i];

		if (l->kind == MACHINE_LED_PWM || machine_led_chip(l))
			continue;
		printf("light pin=%s mcu=%d lights=%zu", l->pin[0].name, l->pin[0].mcu, l->lights);
		if (l->kind == MACHINE_LED_DOTSTAR)
			printf(" clock=%s", l->pin[1].name);
		put_name("name", l->name);
		printf("\n");
	}
}

static void put_fan(const struct machine_config *mc, const struct machine_fan *fan,
		    const struct pin *drive, const char *name)
{
	const struct pin *pin = real_pin(mc, drive), *tacho = &fan->tachometer_pin;

	if (!tacho->set)
		return;
	printf("fan pin=%s mcu=%d invert=%d tacho=%s tacho_mcu=%d ppr=%d", pin->name, pin->mcu,
	       pin->invert, tacho->name, tacho->mcu, fan->tachometer_ppr);
	put_name("name", name);
	printf("\n");
}

static void put_fans(const struct machine_config *mc)
{
	put_fan(mc, &mc->fan, &mc->fan.pin, "fan");
	for (size_t i = 0; i < mc->auto_fan_count; i++)
		put_fan(mc, &mc->auto_fans[i].fan, &mc->auto_fans[i].fan.pin, mc->auto_fans[i].name);
	for (size_t i = 0; i < mc->heater_count; i++)
		put_fan(mc, &mc->heaters[i].fan, &mc->heaters[i].pin, mc->heaters[i].name);
}

static void put_model(const struct machine_config *mc)
{
	static const double extruder[KINEMATICS_MODEL_AXES] = { [AXIS_E] = 1 };
	struct kinematics_model model;

	kinematics_model(mc, &model);
	printf("# written by stepd model: %s\nstart", mc->kinematics->name);
	for (int axis = 0; axis < KINEMATICS_MODEL_AXES; axis++)
		if (model.start_mm[axis] != 0)
			printf(" %c=%.17g", axis_letter[axis], model.start_mm[axis]);
	printf("\n");
	for (size_t i = 0; i < mc->stepper_count; i++)
		put_stepper(mc, &mc->steppers[i], model.weight[i]);
	for (size_t i = 0; i < mc->manual_count; i++) {
		double weight[KINEMATICS_MODEL_AXES] = { 0 };

		weight[model.manual_axis[i]] = 1;
		put_stepper(mc, &mc->manuals[i].stepper, weight);
	}
	for (size_t i = 0; i < mc->extruder_count; i++)
		if (mc->extruders[i].has_stepper)
			put_stepper(mc, &mc->extruders[i].stepper, extruder);
	for (size_t i = 0; i < mc->extruder_stepper_count; i++)
		put_stepper(mc, &mc->extruder_steppers[i].stepper, extruder);
	put_drivers(mc);
	for (size_t i = 0; i < model.endstops; i++)
		put_endstop(mc, &model.endstop[i]);
	put_probe(mc);
	for (size_t i = 0; i < mc->sensor_count; i++)
		put_warm(mc, i);
	put_converters(mc);
	put_eddy(mc);
	put_load_cell(mc);
	put_inputs(mc);
	put_fans(mc);
	put_lights(mc);
}

int model_main(int argc, char **argv)
{
	static const char usage[] = "usage: stepd model -c CONFIG [-o SECTION.OPTION=VALUE …]\n";
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	struct overrides overrides = { .count = 0 };
	const char *paths[1] = { NULL };
	struct machine_config *mc;
	int c;

	while ((c = getopt_long(argc, argv, "hc:o:", longs, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (c == 'c')
			paths[0] = optarg;
		else if (c != 'o' || !overrides_add(&overrides, optarg))
			break;
	}
	if (c != -1 || !paths[0] || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	mc = machine_config_load(paths, 1, overrides.text, overrides.count, stderr);
	if (!mc)
		return 1;
	put_model(mc);
	machine_config_free(mc);
	return 0;
}
