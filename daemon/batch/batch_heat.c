// SPDX-License-Identifier: GPL-2.0-or-later
/* The warm parts of the printer model, as the configuration says; what they did, as figures and a picture. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/batch/batch.h"
#include "daemon/gnuplot.h"

/* ---- from the configuration to the model ---- */

/* Whose temperature that is. */
static const struct machine_heater *heater_on(const struct batch *b, size_t sensor)
{
	for (size_t i = 0; i < b->mc->heater_count; i++)
		if (b->mc->heaters[i].sensor == (int)sensor)
			return &b->mc->heaters[i];
	return NULL;
}

/* What heats that: of what is made of several, the first. */
static const struct machine_heater *heater_of(const struct batch *b, size_t sensor)
{
	const struct machine_heater *own = heater_on(b, sensor);

	for (size_t i = 0; !own && i < b->mc->heater_count; i++)
		if (__builtin_ffs((int)b->mc->sensors[b->mc->heaters[i].sensor].members) ==
		    (int)sensor + 1)
			own = &b->mc->heaters[i];
	return own;
}

/* Whether there is something behind it that gets warm. */
static bool has_body(const struct machine_sensor *cfg)
{
	return cfg->source != MACHINE_SENSOR_HOST && cfg->source != MACHINE_SENSOR_COMBINED;
}

/* The motor that pushes filament through what that sensor measures, and whether the part fan blows at it. */
static int extruder_on(const struct batch *b, size_t sensor)
{
	for (size_t i = 0; i < b->mc->extruder_count; i++) {
		const struct machine_extruder *e = &b->mc->extruders[i];

		if (e->heater < 0 || b->mc->heaters[e->heater].sensor != (int)sensor)
			continue;
		for (size_t k = 0; e->has_stepper && k < b->m->motors; k++)
			if (b->m->motor[k].cfg == &e->stepper)
				return (int)k;
	}
	return -1;
}

static void set_curve(struct thermal_body *t, const struct machine_sensor *cfg)
{
	struct sensor_curve curve;

	for (int i = 0; i < THERMAL_CURVE; i++)
		t->share[i] =
			(float)chip_temperature_share(THERMAL_FROM_DEGC + i * THERMAL_STEP_DEGC);
	if (cfg->source == MACHINE_SENSOR_I2C || cfg->source == MACHINE_SENSOR_DS18B20 ||
	    (cfg->source == MACHINE_SENSOR_SPI && cfg->chip != SENSOR_CHIP_MAX31865))
		return;
	machine_sensor_sim_curve(cfg, &curve);
	for (int i = 0; i < THERMAL_CURVE; i++)
		t->share[i] = (float)sensor_ratio(&curve, THERMAL_FROM_DEGC + i * THERMAL_STEP_DEGC);
}

static bool pin_number(struct batch *b, const struct pin *pin, uint8_t *mcu, uint16_t *number)
{
	int n = batch_world_pin(b, pin);

	*mcu = (uint8_t)pin->mcu;
	*number = (uint16_t)n;
	return n >= 0;
}

/* Of several that do the same, the first. */
static const struct pin *real_pin(const struct batch *b, const struct pin *pin)
{
	const struct machine_multi_pin *multi = machine_config_multi(b->mc, pin);

	return multi ? &multi->pin[0] : pin;
}

static bool add_body(struct batch *b, size_t i)
{
	const struct machine_sensor *cfg = &b->mc->sensors[i];
	const struct machine_heater *heater = heater_of(b, i);
	struct printer_body body = { .heater_pin = PRINTER_PINS,
				     .fan_pin = PRINTER_PINS,
				     .noise = (uint16_t)cfg->warm.noise,
				     .stepper = extruder_on(b, i) };
	struct thermal_body *t = &body.thermal;

	snprintf(t->name, sizeof(t->name), "%s", cfg->name);
	t->power_w = cfg->warm.power_w;
	t->capacity_j_k = cfg->warm.capacity_j_k;
	t->loss_w_k = cfg->warm.loss_w_k;
	t->fan_loss_w_k = cfg->warm.fan_loss_w_k;
	t->lag_s = cfg->warm.lag_s;
	t->ambient_degc = cfg->warm.ambient_degc;
	t->filament_j_k_mm = cfg->warm.filament_j_k_mm;
	set_curve(t, cfg);
	body.sensor_mcu = (uint8_t)machine_sensor_mcu(cfg);
	body.sensor_pin = PRINTER_PINS;
	if (!cfg->bus.kind && cfg->source != MACHINE_SENSOR_DS18B20 &&
	    !pin_number(b, &cfg->pin, &body.sensor_mcu, &body.sensor_pin))
		return false;
	if (heater) {
		const struct pin *pin = real_pin(b, &heater->pin);

		if (!pin_number(b, pin, &body.heater_mcu, &body.heater_pin))
			return false;
		body.heater_invert = pin->invert;
	}
	/* One fan, one part: that of the first extruder. */
	if (b->mc->fan.pin.set && b->mc->extruder_count && b->mc->extruders[0].heater >= 0 &&
	    b->mc->heaters[b->mc->extruders[0].heater].sensor == (int)i) {
		const struct pin *pin = real_pin(b, &b->mc->fan.pin);

		if (!pin_number(b, pin, &body.fan_mcu, &body.fan_pin))
			return false;
		body.fan_invert = pin->invert;
	}
	b->body_of[i] = printer_add_body(&b->printer, &body);
	if (b->body_of[i] < 0)
		snprintf(b->error, sizeof(b->error),
			 "[%s] its sensor cannot be connected to the simulated printer", cfg->name);
	return b->body_of[i] >= 0;
}

bool batch_heat_build(struct batch *b)
{
	for (size_t i = 0; i < b->mc->sensor_count; i++) {
		b->body_of[i] = -1;
		b->heat[i] = (struct batch_heat){ .min_degc = INFINITY, .max_degc = -INFINITY };
		if (has_body(&b->mc->sensors[i]) && !add_body(b, i))
			return false;
	}
	b->heat_every_s = 0.5;
	if (b->opt.plot && b->mc->sensor_count)
		b->heat_sample = calloc(BATCH_HEAT_SAMPLES, sizeof(*b->heat_sample));
	return true;
}

/* ---- what happens ---- */

static void watch_sensor(struct batch *b, size_t i)
{
	const struct heat_status *st = &b->m->heaters.status;
	const struct machine_heater *heater = heater_on(b, i);
	struct batch_heat *h = &b->heat[i];
	double degc = st->sensor[i].degc, target_degc;

	if (st->sensor[i].state != HEAT_SENSOR_GOOD)
		return;
	h->min_degc = fmin(h->min_degc, degc);
	h->max_degc = fmax(h->max_degc, degc);
	target_degc = heater ? st->heater[heater - b->mc->heaters].target_degc : 0;
	/* a lower target is approached from above, and not overshot before it is passed */
	h->below = target_degc > 0 &&
		   ((h->below && target_degc >= h->target_degc) || degc <= target_degc);
	h->target_degc = target_degc;
	if (h->below)
		h->over_degc = fmax(h->over_degc, degc - target_degc);
}

/* When the list is full, every other sample goes, and there are half as many from then on. */
static void keep_sample(struct batch *b)
{
	const struct heat_status *st = &b->m->heaters.status;
	double at_s = (double)(b->now_ns - b->ready_ns) * 1e-9;
	struct batch_heat_sample *s;

	if (b->heat_samples &&
	    at_s < (double)b->heat_sample[b->heat_samples - 1].at_s + b->heat_every_s)
		return;
	if (b->heat_samples == BATCH_HEAT_SAMPLES) {
		for (uint32_t i = 0; i < BATCH_HEAT_SAMPLES / 2; i++)
			b->heat_sample[i] = b->heat_sample[2 * i];
		b->heat_samples /= 2;
		b->heat_every_s *= 2;
	}
	s = &b->heat_sample[b->heat_samples++];
	s->at_s = (float)at_s;
	for (size_t i = 0; i < b->mc->sensor_count; i++)
		s->degc[i] = st->sensor[i].state == HEAT_SENSOR_GOOD ? (float)st->sensor[i].degc
								     : NAN;
	for (size_t i = 0; i < b->mc->heater_count; i++) {
		s->target_degc[i] = (float)st->heater[i].target_degc;
		s->power[i] = (float)st->heater[i].power;
	}
}

void batch_heat_watch(struct batch *b)
{
	if (b->m->heaters.sequence == b->heat_seen)
		return;
	b->heat_seen = b->m->heaters.sequence;
	for (size_t i = 0; i < b->mc->sensor_count; i++)
		watch_sensor(b, i);
	if (b->heat_sample && b->m->state == MACHINE_READY)
		keep_sample(b);
}

/* ---- the picture ---- */

static void put_data(FILE *f, const struct batch *b)
{
	fputs("$t << EOD\n", f);
	for (uint32_t k = 0; k < b->heat_samples; k++) {
		const struct batch_heat_sample *s = &b->heat_sample[k];

		fprintf(f, "%.2f", (double)s->at_s);
		for (size_t i = 0; i < b->mc->sensor_count; i++)
			fprintf(f, " %.2f", (double)s->degc[i]);
		for (size_t i = 0; i < b->mc->heater_count; i++)
			fprintf(f, " %.1f", 100 * (double)s->power[i]);
		fputc('\n', f);
	}
	fputs("EOD\n", f);
}

/* A heater's target where it changes: dashes begin anew at each point. */
static void put_target(FILE *f, const struct batch *b, size_t heater)
{
	float was = -1;

	fprintf(f, "$target%zu << EOD\n", heater);
	for (uint32_t k = 0; k < b->heat_samples; k++) {
		const struct batch_heat_sample *s = &b->heat_sample[k];

		if (s->target_degc[heater] != was || k + 1 == b->heat_samples)
			fprintf(f, "%.2f %.1f\n", (double)s->at_s, (double)s->target_degc[heater]);
		was = s->target_degc[heater];
	}
	fputs("EOD\n", f);
}

/* The number of the sensor that a heater goes by: its colour. */
static size_t sensor_of(const struct batch *b, size_t heater)
{
	size_t i = 0;

	while (i < b->mc->sensor_count &&
	       strcmp(b->mc->sensors[i].name, b->mc->heaters[heater].name) != 0)
		i++;
	return i;
}

/* Temperatures above, power below. */
static void put_plot(FILE *f, const struct batch *b)
{
	size_t sensors = b->mc->sensor_count;

	fprintf(f,
		"set multiplot\nset lmargin 9\nset rmargin 24\nset grid\nset border 3\nset tics nomirror\n"
		"set xrange [0:%.1f]\nset key outside right top Left reverse noenhanced\n"
		"set size 1,0.68\nset origin 0,0.32\nset title 'temperatures (dashed: targets)'\n"
		"set ylabel '°C'\nset yrange [*<0:*]\nplot ",
		(double)b->heat_sample[b->heat_samples - 1].at_s);
	for (size_t i = 0; i < sensors; i++) {
		fprintf(f, "%s$t using 1:%zu with lines lw 2 lc %zu title ", i ? ", " : "", 2 + i,
			i + 1);
		gnuplot_quoted(f, b->mc->sensors[i].name, "");
	}
	for (size_t i = 0; i < b->mc->heater_count; i++)
		fprintf(f, ", $target%zu using 1:2 with steps dt 2 lc %zu notitle", i,
			sensor_of(b, i) + 1);
	if (b->mc->heater_count)
		fputs("\nset size 1,0.34\nset origin 0,0\nset title 'power of the heaters'\n"
		      "set xlabel 'time, s'\nset ylabel '%'\nset yrange [0:105]\nplot ",
		      f);
	for (size_t i = 0; i < b->mc->heater_count; i++) {
		fprintf(f, "%s$t using 1:%zu with lines lc %zu title ", i ? ", " : "",
			2 + sensors + i, sensor_of(b, i) + 1);
		gnuplot_quoted(f, b->mc->heaters[i].name, "");
	}
	fputs("\nunset multiplot\n", f);
}

void batch_heat_plot(struct batch *b)
{
	char script[400], msg[512];
	FILE *f;

	if (b->heat_samples == 0)
		return;
	snprintf(script, sizeof(script), "%s-temp.gp", b->opt.plot);
	f = fopen(script, "w");
	if (!f) {
		fprintf(stderr, "// cannot write '%s'\n", script);
		return;
	}
	gnuplot_output(f, false, 1200, 600, b->opt.plot, "-temp.png");
	put_data(f, b);
	for (size_t i = 0; i < b->mc->heater_count; i++)
		put_target(f, b, i);
	put_plot(f, b);
	if (fclose(f) == 0 && gnuplot_run(script, msg, sizeof(msg)) < 0)
		fprintf(stderr, "// %s\n", msg);
}
