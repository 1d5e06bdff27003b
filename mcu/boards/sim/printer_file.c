/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "printer_file.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "printer.h"
#include "printer_file_private.h"
#include "printer_models.h"
#include "sim.h"

enum { LINE_MAX_BYTES = 512 };

int printer_file_complain(struct printer_file *f, const char *format, ...)
{
	va_list args;
	int n = snprintf(f->err, f->err_size, "%s:%u: ", f->path, f->line);

	va_start(args, format);
	if (n >= 0 && (size_t)n < f->err_size)
		vsnprintf(f->err + n, f->err_size - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

/* Everything that any kind of part has. */
struct part {
	char name[PRINTER_NAME_MAX];
	const char *pin, *step, *dir, *control, *driver;
	int axis;                     /* -1: not given */
	double of_axis[PRINTER_AXES]; /* start position; weight of a stepper */
	bool weighted;
	double mcu, steps_per_mm, trigger, hysteresis, at_max, invert, invert_dir, invert_step;
	double both_edges, lock, value, noise, height, slope_x, slope_y, shape, control_mcu;
};

static const char axis_letters[] = "xyzeuvwabcdf";
_Static_assert(sizeof(axis_letters) == PRINTER_AXES + 1, "a letter for each axis");

static int axis_of(const char *text)
{
	const char *axis = strlen(text) == 1 ? strchr(axis_letters, text[0]) : NULL;

	return axis ? (int)(axis - axis_letters) : -1;
}

int printer_file_number(struct printer_file *f, double *to, const char *key, const char *text,
			double max)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !isfinite(v) || fabs(v) > max)
		return printer_file_complain(f, "%s=%s: expected a number up to %g", key, text, max);
	*to = v;
	return 0;
}

static int set_value(struct printer_file *f, struct part *part, const char *key, const char *text)
{
	const struct {
		const char *key;
		double *to;
		double max;
	} numbers[] = {
		{ "mcu", &part->mcu, PRINTER_MCUS_MAX - 1 },
		{ "steps_per_mm", &part->steps_per_mm, 1e6 },
		{ "trigger", &part->trigger, 1e6 },
		{ "hysteresis", &part->hysteresis, 1e3 },
		{ "at_max", &part->at_max, 1 },
		{ "invert", &part->invert, 1 },
		{ "invert_dir", &part->invert_dir, 1 },
		{ "invert_step", &part->invert_step, 1 },
		{ "both_edges", &part->both_edges, 1 },
		{ "lock", &part->lock, 1e6 },
		{ "value", &part->value, 65535 },
		{ "noise", &part->noise, 65535 },
		{ "height", &part->height, 1e3 },
		{ "slope_x", &part->slope_x, 1 },
		{ "slope_y", &part->slope_y, 1 },
		{ "shape", &part->shape, 10 },
		{ "control_mcu", &part->control_mcu, PRINTER_MCUS_MAX - 1 },
	};

	if (!strcmp(key, "name"))
		return snprintf(part->name, sizeof(part->name), "%s", text) < 0 ? -EINVAL : 0;
	if (!strcmp(key, "axis")) {
		part->axis = axis_of(text);
		return part->axis < 0
			       ? printer_file_complain(f, "axis=%s: expected x, y, z or e", text)
			       : 0;
	}
	if (!strcmp(key, "control") || !strcmp(key, "driver")) {
		*(key[0] == 'c' ? &part->control : &part->driver) = text;
		return 0;
	}
	if (!strcmp(key, "pin") || !strcmp(key, "step") || !strcmp(key, "dir")) {
		*(key[0] == 'p' ? &part->pin : key[0] == 's' ? &part->step : &part->dir) = text;
		return 0;
	}
	if (axis_of(key) >= 0) {
		part->weighted = true;
		return printer_file_number(f, &part->of_axis[axis_of(key)], key, text, 1e6);
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!strcmp(key, numbers[i].key))
			return printer_file_number(f, numbers[i].to, key, text, numbers[i].max);
	return printer_file_complain(f, "unknown key \"%s\"", key);
}

static int read_part(struct printer_file *f, struct part *part)
{
	char *word;
	int err;

	*part = (struct part){ .axis = -1 };
	while ((word = strtok_r(NULL, " \t\r\n", &f->rest))) {
		char *value = strchr(word, '=');

		if (!value)
			return printer_file_complain(f, "\"%s\": expected key=value", word);
		*value++ = '\0';
		err = set_value(f, part, word, value);
		if (err)
			return err;
	}
	if (part->mcu < 0)
		return printer_file_complain(f, "mcu=%g: expected 0..%d", part->mcu,
					     PRINTER_MCUS_MAX - 1);
	return 0;
}

bool printer_file_absent(const struct printer_file *f, double mcu)
{
	return mcu < 0 || mcu >= f->sim_count || !f->sims[(unsigned int)mcu];
}

int printer_file_pin(struct printer_file *f, double mcu, const char *key, const char *name)
{
	int pin;

	if (!name)
		return printer_file_complain(f, "%s= is missing", key);
	pin = sim_pins_add(f->sims[(unsigned int)mcu], name);
	if (pin == -ENOSPC)
		return printer_file_complain(f, "%s=%s: over %d pins", key, name, SIM_PINS_MAX);
	return pin < 0 ? printer_file_complain(f, "%s=%s: not a pin name", key, name) : pin;
}

int printer_file_result(struct printer_file *f, int result)
{
	if (result == -EBUSY)
		return printer_file_complain(f, "a pin is used twice");
	if (result == -ENOSPC)
		return printer_file_complain(f, "too many parts of this kind");
	return result < 0 ? printer_file_complain(f, "values out of range") : 0;
}

static int add_stepper(struct printer_file *f, const struct part *part)
{
	struct printer_stepper s = {
		.mcu = (uint8_t)part->mcu,
		.axis = (enum printer_axis)part->axis,
		.steps_per_mm = part->steps_per_mm,
		.invert_dir = part->invert_dir != 0,
		.invert_step = part->invert_step != 0,
		.both_edges = part->both_edges != 0,
		.lock_steps = part->lock > 0 ? (unsigned)part->lock : 0,
	};
	int step = printer_file_pin(f, part->mcu, "step", part->step);
	int dir = step < 0 ? step : printer_file_pin(f, part->mcu, "dir", part->dir), index;

	if (dir < 0)
		return dir;
	if (part->axis < 0 && !part->weighted)
		return printer_file_complain(f, "axis= is missing");
	if (part->axis < 0)
		s.axis = PRINTER_X;
	memcpy(s.weight, part->of_axis, sizeof(s.weight));
	if (!(part->steps_per_mm > 0))
		return printer_file_complain(f, "steps_per_mm= is missing or not positive");
	memcpy(s.name, part->name, sizeof(s.name));
	s.step_pin = (uint8_t)step;
	s.dir_pin = (uint8_t)dir;
	index = printer_add_stepper(f->printer, &s);
	if (index >= 0 && *s.name &&
	    !printer_events_name(&f->models->events, PART_MOTOR, index, s.name))
		return printer_file_result(f, -ENOSPC);
	return printer_file_result(f, index);
}

static int add_endstop(struct printer_file *f, const struct part *part)
{
	struct printer_endstop e = {
		.mcu = (uint8_t)part->mcu,
		.axis = (enum printer_axis)part->axis,
		.trigger_mm = part->trigger,
		.hysteresis_mm = part->hysteresis,
		.noise_mm = part->noise,
		.at_max = part->at_max != 0,
		.invert = part->invert != 0,
	};
	int pin = printer_file_pin(f, part->mcu, "pin", part->pin);

	if (pin < 0)
		return pin;
	if (part->axis < 0)
		return printer_file_complain(f, "axis= is missing");
	if (part->driver) {
		const struct chip_tmc *driver = printer_file_driver(f, part->driver);

		if (!driver)
			return printer_file_complain(
				f, "driver=%s: expected the name of a driver above", part->driver);
		e.watched = &driver->stall_shown;
	}
	memcpy(e.name, part->name, sizeof(e.name));
	e.pin = (uint8_t)pin;
	return printer_file_result(f, printer_add_endstop(f->printer, &e));
}

static int add_probe(struct printer_file *f, const struct part *part)
{
	struct printer_probe pr = {
		.mcu = (uint8_t)part->mcu,
		.control_mcu = (uint8_t)part->control_mcu,
		.x_mm = part->of_axis[PRINTER_X],
		.y_mm = part->of_axis[PRINTER_Y],
		.z_mm = part->of_axis[PRINTER_Z],
		.hysteresis_mm = part->hysteresis,
		.noise_mm = part->noise,
		.invert = part->invert != 0,
		.servo = part->control != NULL,
	};
	int pin = printer_file_pin(f, part->mcu, "pin", part->pin), servo = 0;

	if (pr.servo && printer_file_absent(f, part->control_mcu))
		return printer_file_complain(f, "control_mcu=%g: there is none", part->control_mcu);
	if (pr.servo)
		servo = printer_file_pin(f, part->control_mcu, "control", part->control);
	if (pin < 0 || servo < 0)
		return -EINVAL;
	pr.pin = (uint8_t)pin;
	pr.control_pin = (uint8_t)servo;
	return printer_file_result(f, printer_add_probe(f->printer, &pr));
}

static int add_sensor(struct printer_file *f, const struct part *part)
{
	int pin = printer_file_pin(f, part->mcu, "pin", part->pin);

	if (pin < 0)
		return pin;
	if (part->value < 0 || part->noise < 0)
		return printer_file_complain(f, "value= and noise= must not be negative");
	return printer_file_result(f, printer_set_sensor(f->printer, (uint8_t)part->mcu,
							 (uint8_t)pin, (uint16_t)part->value,
							 (uint16_t)part->noise));
}

static int set_key(struct printer_file *f, const struct printer_file_key *k, const char *text)
{
	if (k->word) {
		*k->word = text;
		return 0;
	}
	if (printer_file_number(f, k->number, k->key, text, k->max))
		return -EINVAL;
	return *k->number < 0 && !k->negative
		       ? printer_file_complain(f, "%s=%s: expected no negative number", k->key, text)
		       : 0;
}

int printer_file_keys(struct printer_file *f, const struct printer_file_key *keys, size_t count)
{
	char *word;

	while ((word = strtok_r(NULL, " \t\r\n", &f->rest))) {
		char *value = strchr(word, '=');
		size_t i = 0;

		if (!value)
			return printer_file_complain(f, "\"%s\": expected key=value", word);
		*value++ = '\0';
		while (i < count && strcmp(keys[i].key, word) != 0)
			i++;
		if (i == count)
			return printer_file_complain(f, "unknown key \"%s\"", word);
		if (set_key(f, &keys[i], value))
			return -EINVAL;
	}
	return 0;
}

int printer_file_line(struct printer_file *f, const struct printer_file_key *keys, size_t count,
		      const double *mcu)
{
	if (printer_file_keys(f, keys, count))
		return -EINVAL;
	return !printer_file_absent(f, *mcu);
}

/* ---- warm parts ---- */

struct warm {
	const char *name, *sensor, *heater, *fan, *stepper;
	double mcu, heater_mcu, fan_mcu, heater_invert, fan_invert, noise, share;
	double power, capacity, loss, fan_loss, lag, ambient, filament;
};

/* A pin of an MCU that may be absent: then there is nothing at it. */
static int warm_pin(struct printer_file *f, double mcu, const char *key, const char *name,
		    uint8_t *to_mcu, uint16_t *to)
{
	int pin;

	*to = PRINTER_PINS;
	if (!name || printer_file_absent(f, mcu))
		return 0;
	pin = printer_file_pin(f, mcu, key, name);
	*to_mcu = (uint8_t)mcu;
	*to = (uint16_t)pin;
	return pin < 0 ? pin : 0;
}

static int add_warm(struct printer_file *f, const struct warm *w)
{
	struct printer_body b = { .heater_invert = w->heater_invert != 0,
				  .fan_invert = w->fan_invert != 0,
				  .noise = (uint16_t)w->noise,
				  .stepper = -1 };
	int index;

	f->body = NULL;
	f->readings = 0;
	if (printer_file_absent(f, w->mcu))
		return 0;
	b.thermal.power_w = w->power;
	b.thermal.capacity_j_k = w->capacity;
	b.thermal.loss_w_k = w->loss;
	b.thermal.fan_loss_w_k = w->fan_loss;
	b.thermal.lag_s = w->lag;
	b.thermal.ambient_degc = w->ambient;
	b.thermal.filament_j_k_mm = w->filament;
	if (w->name)
		snprintf(b.thermal.name, sizeof(b.thermal.name), "%s", w->name);
	for (int i = 0; w->stepper && i < f->printer->stepper_count; i++)
		if (!strcmp(f->printer->steppers[i].name, w->stepper))
			b.stepper = i;
	if (!w->sensor)
		return printer_file_complain(f, "sensor= is missing");
	if (warm_pin(f, w->mcu, "sensor", strcmp(w->sensor, "none") ? w->sensor : NULL,
		     &b.sensor_mcu, &b.sensor_pin) ||
	    warm_pin(f, w->heater_mcu, "heater", w->heater, &b.heater_mcu, &b.heater_pin) ||
	    warm_pin(f, w->fan_mcu, "fan", w->fan, &b.fan_mcu, &b.fan_pin))
		return -EINVAL;
	index = printer_add_body(f->printer, &b);
	if (index >= 0)
		f->body = &f->printer->bodies[index];
	if (index >= 0 && w->name &&
	    !printer_events_name(&f->models->events, PART_BODY, index, w->name))
		index = -ENOSPC;
	return printer_file_result(f, index);
}

static int add_reading(struct printer_file *f, double share)
{
	if (f->readings == THERMAL_CURVE)
		return printer_file_complain(f, "over %d readings", THERMAL_CURVE);
	for (int i = f->readings++; f->body && i < THERMAL_CURVE; i++)
		f->body->thermal.share[i] = (float)share;
	return 0;
}

static int read_warm(struct printer_file *f, bool reading)
{
	struct warm w = { .ambient = 25 };
	const struct printer_file_key keys[] = {
		{ "name", &w.name, NULL, 0, false },
		{ "sensor", &w.sensor, NULL, 0, false },
		{ "heater", &w.heater, NULL, 0, false },
		{ "fan", &w.fan, NULL, 0, false },
		{ "stepper", &w.stepper, NULL, 0, false },
		{ "mcu", NULL, &w.mcu, PRINTER_MCUS_MAX - 1, false },
		{ "heater_mcu", NULL, &w.heater_mcu, PRINTER_MCUS_MAX - 1, false },
		{ "fan_mcu", NULL, &w.fan_mcu, PRINTER_MCUS_MAX - 1, false },
		{ "heater_invert", NULL, &w.heater_invert, 1, false },
		{ "fan_invert", NULL, &w.fan_invert, 1, false },
		{ "noise", NULL, &w.noise, 65535, false },
		{ "share", NULL, &w.share, 1, false },
		{ "power", NULL, &w.power, 1e6, false },
		{ "capacity", NULL, &w.capacity, 1e6, false },
		{ "loss", NULL, &w.loss, 1e6, false },
		{ "fan_loss", NULL, &w.fan_loss, 1e6, false },
		{ "lag", NULL, &w.lag, 1e6, false },
		{ "ambient", NULL, &w.ambient, 1e4, true },
		{ "filament", NULL, &w.filament, 1e3, false },
	};

	if (printer_file_keys(f, keys, sizeof(keys) / sizeof(*keys)))
		return -EINVAL;
	return reading ? add_reading(f, w.share) : add_warm(f, &w);
}

static int read_line(struct printer_file *f, char *line)
{
	char *kind, *value;
	struct part part;
	int err;

	line[strcspn(line, "#")] = '\0';
	kind = strtok_r(line, " \t\r\n", &f->rest);
	if (!kind)
		return 0;
	if (!strcmp(kind, "kinematics")) {
		value = strtok_r(NULL, " \t\r\n", &f->rest);
		if (!value || (strcmp(value, "cartesian") && strcmp(value, "corexy")))
			return printer_file_complain(f,
						     "kinematics %s: expected cartesian or corexy",
						     value ? value : "");
		printer_set_kinematics(f->printer,
				       value[1] == 'o' ? PRINTER_COREXY : PRINTER_CARTESIAN);
		return 0;
	}
	if (!strcmp(kind, "warm") || !strcmp(kind, "reading"))
		return read_warm(f, kind[0] == 'r');
	if (printer_file_has(kind))
		return printer_file_chip(f, kind);
	err = read_part(f, &part);
	if (err)
		return err;
	if (!strcmp(kind, "start")) {
		memcpy(f->printer->start_mm, part.of_axis, sizeof(part.of_axis));
		return 0;
	}
	if (!strcmp(kind, "bed")) {
		f->printer->bed.height_mm = part.height;
		f->printer->bed.slope_x = part.slope_x;
		f->printer->bed.slope_y = part.slope_y;
		printer_bed_shape(&f->printer->bed, part.shape);
		return 0;
	}
	if (strcmp(kind, "stepper") && strcmp(kind, "endstop") && strcmp(kind, "sensor") &&
	    strcmp(kind, "probe"))
		return printer_file_complain(
			f,
			"\"%s\": expected kinematics, start, bed, stepper, endstop, probe, "
			"sensor, warm, reading, driver, converter, climate, thermometer, "
			"input, fan, light, eddy or load_cell",
			kind);
	if (printer_file_absent(f, part.mcu))
		return 0;
	if (kind[0] == 'e')
		return add_endstop(f, &part);
	if (kind[0] == 'p')
		return add_probe(f, &part);
	return kind[1] == 't' ? add_stepper(f, &part) : add_sensor(f, &part);
}

int printer_file_load(struct printer *p, struct printer_models *models, struct sim *const *sims,
		      unsigned int sim_count, const char *path, char *err, size_t err_size)
{
	struct printer_file f = { .printer = p,
				  .models = models,
				  .sims = sims,
				  .sim_count = sim_count,
				  .path = path,
				  .err = err,
				  .err_size = err_size };
	char line[LINE_MAX_BYTES];
	FILE *file = fopen(path, "re");
	int result = 0;

	models->events.printer = p;
	if (!file) {
		result = -errno;
		snprintf(err, err_size, "%s: %s", path, strerror(errno));
		return result;
	}
	while (!result && fgets(line, sizeof(line), file)) {
		f.line++;
		if (!strchr(line, '\n') && !feof(file))
			result = printer_file_complain(&f, "line over %d bytes", LINE_MAX_BYTES - 2);
		else
			result = read_line(&f, line);
	}
	fclose(file);
	return result ? result : printer_file_end(&f);
}
