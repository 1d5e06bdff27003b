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
#include "sim.h"

enum { LINE_MAX_BYTES = 512 };

struct file {
	struct printer *printer;
	struct sim *const *sims;
	unsigned int sim_count;
	const char *path;
	unsigned int line;
	char *err;
	size_t err_size;
	char *rest;                /* of the line, where words are taken from */
	struct printer_body *body; /* the last warm part; NULL: none, or of an absent MCU */
	int readings;              /* that it has */
};

static int __attribute__((format(printf, 2, 3))) complain(struct file *f, const char *format, ...)
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
	const char *pin, *step, *dir, *control;
	int axis;                     /* -1: not given */
	double of_axis[PRINTER_AXES]; /* start position; weight of a stepper */
	bool weighted;
	double mcu, steps_per_mm, trigger, hysteresis, at_max, invert, invert_dir, invert_step;
	double both_edges, value, noise, height, slope_x, slope_y, control_mcu;
};

static const char axis_letters[] = "xyzeuvwabcdf";
_Static_assert(sizeof(axis_letters) == PRINTER_AXES + 1, "a letter for each axis");

static int axis_of(const char *text)
{
	const char *axis = strlen(text) == 1 ? strchr(axis_letters, text[0]) : NULL;

	return axis ? (int)(axis - axis_letters) : -1;
}

static int set_number(struct file *f, double *to, const char *key, const char *text, double max)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !isfinite(v) || fabs(v) > max)
		return complain(f, "%s=%s: expected a number up to %g", key, text, max);
	*to = v;
	return 0;
}

static int set_value(struct file *f, struct part *part, const char *key, const char *text)
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
		{ "value", &part->value, 65535 },
		{ "noise", &part->noise, 65535 },
		{ "height", &part->height, 1e3 },
		{ "slope_x", &part->slope_x, 1 },
		{ "slope_y", &part->slope_y, 1 },
		{ "control_mcu", &part->control_mcu, PRINTER_MCUS_MAX - 1 },
	};

	if (!strcmp(key, "name"))
		return snprintf(part->name, sizeof(part->name), "%s", text) < 0 ? -EINVAL : 0;
	if (!strcmp(key, "axis")) {
		part->axis = axis_of(text);
		return part->axis < 0 ? complain(f, "axis=%s: expected x, y, z or e", text) : 0;
	}
	if (!strcmp(key, "control")) {
		part->control = text;
		return 0;
	}
	if (!strcmp(key, "pin") || !strcmp(key, "step") || !strcmp(key, "dir")) {
		*(key[0] == 'p' ? &part->pin : key[0] == 's' ? &part->step : &part->dir) = text;
		return 0;
	}
	if (axis_of(key) >= 0) {
		part->weighted = true;
		return set_number(f, &part->of_axis[axis_of(key)], key, text, 1e6);
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!strcmp(key, numbers[i].key))
			return set_number(f, numbers[i].to, key, text, numbers[i].max);
	return complain(f, "unknown key \"%s\"", key);
}

static int read_part(struct file *f, struct part *part)
{
	char *word;
	int err;

	*part = (struct part){ .axis = -1 };
	while ((word = strtok_r(NULL, " \t\r\n", &f->rest))) {
		char *value = strchr(word, '=');

		if (!value)
			return complain(f, "\"%s\": expected key=value", word);
		*value++ = '\0';
		err = set_value(f, part, word, value);
		if (err)
			return err;
	}
	if (part->mcu < 0)
		return complain(f, "mcu=%g: expected 0..%d", part->mcu, PRINTER_MCUS_MAX - 1);
	return 0;
}

static bool is_absent(const struct file *f, const struct part *part)
{
	unsigned int mcu = (unsigned int)part->mcu;

	return mcu >= f->sim_count || !f->sims[mcu];
}

static int pin_of(struct file *f, const struct part *part, const char *key, const char *name)
{
	int pin;

	if (!name)
		return complain(f, "%s= is missing", key);
	pin = sim_pins_add(f->sims[(unsigned int)part->mcu], name);
	if (pin == -ENOSPC)
		return complain(f, "%s=%s: over %d pins", key, name, SIM_PINS_MAX);
	return pin < 0 ? complain(f, "%s=%s: not a pin name", key, name) : pin;
}

static int add_result(struct file *f, int result)
{
	if (result == -EBUSY)
		return complain(f, "a pin is used twice");
	if (result == -ENOSPC)
		return complain(f, "too many parts of this kind");
	return result < 0 ? complain(f, "values out of range") : 0;
}

static int add_stepper(struct file *f, const struct part *part)
{
	struct printer_stepper s = {
		.mcu = (uint8_t)part->mcu,
		.axis = (enum printer_axis)part->axis,
		.steps_per_mm = part->steps_per_mm,
		.invert_dir = part->invert_dir != 0,
		.invert_step = part->invert_step != 0,
		.both_edges = part->both_edges != 0,
	};
	int step = pin_of(f, part, "step", part->step);
	int dir = step < 0 ? step : pin_of(f, part, "dir", part->dir);

	if (dir < 0)
		return dir;
	if (part->axis < 0 && !part->weighted)
		return complain(f, "axis= is missing");
	if (part->axis < 0)
		s.axis = PRINTER_X;
	memcpy(s.weight, part->of_axis, sizeof(s.weight));
	if (!(part->steps_per_mm > 0))
		return complain(f, "steps_per_mm= is missing or not positive");
	memcpy(s.name, part->name, sizeof(s.name));
	s.step_pin = (uint8_t)step;
	s.dir_pin = (uint8_t)dir;
	return add_result(f, printer_add_stepper(f->printer, &s));
}

static int add_endstop(struct file *f, const struct part *part)
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
	int pin = pin_of(f, part, "pin", part->pin);

	if (pin < 0)
		return pin;
	if (part->axis < 0)
		return complain(f, "axis= is missing");
	memcpy(e.name, part->name, sizeof(e.name));
	e.pin = (uint8_t)pin;
	return add_result(f, printer_add_endstop(f->printer, &e));
}

static int add_probe(struct file *f, const struct part *part)
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
	struct part control = { .mcu = part->control_mcu };
	int pin = pin_of(f, part, "pin", part->pin), servo = 0;

	if (pr.servo && (part->control_mcu < 0 || is_absent(f, &control)))
		return complain(f, "control_mcu=%g: there is none", part->control_mcu);
	if (pr.servo)
		servo = pin_of(f, &control, "control", part->control);
	if (pin < 0 || servo < 0)
		return -EINVAL;
	pr.pin = (uint8_t)pin;
	pr.control_pin = (uint8_t)servo;
	return add_result(f, printer_add_probe(f->printer, &pr));
}

static int add_sensor(struct file *f, const struct part *part)
{
	int pin = pin_of(f, part, "pin", part->pin);

	if (pin < 0)
		return pin;
	if (part->value < 0 || part->noise < 0)
		return complain(f, "value= and noise= must not be negative");
	return add_result(f, printer_set_sensor(f->printer, (uint8_t)part->mcu, (uint8_t)pin,
						(uint16_t)part->value, (uint16_t)part->noise));
}

/* ---- warm parts ---- */

struct warm {
	const char *name, *sensor, *heater, *fan, *stepper;
	double mcu, heater_mcu, fan_mcu, heater_invert, fan_invert, noise, share;
	double power, capacity, loss, fan_loss, lag, ambient, filament;
};

static int set_warm(struct file *f, struct warm *w, const char *key, const char *text)
{
	const struct {
		const char *key, **to;
	} words[] = { { "name", &w->name },
		      { "sensor", &w->sensor },
		      { "heater", &w->heater },
		      { "fan", &w->fan },
		      { "stepper", &w->stepper } };
	const struct {
		const char *key;
		double *to, max;
	} numbers[] = {
		{ "mcu", &w->mcu, PRINTER_MCUS_MAX - 1 },
		{ "heater_mcu", &w->heater_mcu, PRINTER_MCUS_MAX - 1 },
		{ "fan_mcu", &w->fan_mcu, PRINTER_MCUS_MAX - 1 },
		{ "heater_invert", &w->heater_invert, 1 },
		{ "fan_invert", &w->fan_invert, 1 },
		{ "noise", &w->noise, 65535 },
		{ "share", &w->share, 1 },
		{ "power", &w->power, 1e6 },
		{ "capacity", &w->capacity, 1e6 },
		{ "loss", &w->loss, 1e6 },
		{ "fan_loss", &w->fan_loss, 1e6 },
		{ "lag", &w->lag, 1e6 },
		{ "ambient", &w->ambient, 1e4 },
		{ "filament", &w->filament, 1e3 },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(key, words[i].key) != 0)
			continue;
		*words[i].to = text;
		return 0;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strcmp(key, numbers[i].key) != 0)
			continue;
		if (set_number(f, numbers[i].to, key, text, numbers[i].max))
			return -EINVAL;
		return *numbers[i].to < 0 && strcmp(key, "ambient") != 0
			       ? complain(f, "%s=%s: expected no negative number", key, text)
			       : 0;
	}
	return complain(f, "unknown key \"%s\"", key);
}

/* A pin of an MCU that may be absent: then there is nothing at it. */
static int warm_pin(struct file *f, double mcu, const char *key, const char *name, uint8_t *to_mcu,
		    uint16_t *to)
{
	struct part part = { .mcu = mcu };
	int pin;

	*to = PRINTER_PINS;
	if (!name || is_absent(f, &part))
		return 0;
	pin = pin_of(f, &part, key, name);
	*to_mcu = (uint8_t)mcu;
	*to = (uint16_t)pin;
	return pin < 0 ? pin : 0;
}

static int add_warm(struct file *f, const struct warm *w)
{
	struct printer_body b = { .heater_invert = w->heater_invert != 0,
				  .fan_invert = w->fan_invert != 0,
				  .noise = (uint16_t)w->noise,
				  .stepper = -1 };
	int index;

	f->body = NULL;
	f->readings = 0;
	if (is_absent(f, &(struct part){ .mcu = w->mcu }))
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
		return complain(f, "sensor= is missing");
	if (warm_pin(f, w->mcu, "sensor", w->sensor, &b.sensor_mcu, &b.sensor_pin) ||
	    warm_pin(f, w->heater_mcu, "heater", w->heater, &b.heater_mcu, &b.heater_pin) ||
	    warm_pin(f, w->fan_mcu, "fan", w->fan, &b.fan_mcu, &b.fan_pin))
		return -EINVAL;
	index = printer_add_body(f->printer, &b);
	if (index >= 0)
		f->body = &f->printer->bodies[index];
	return add_result(f, index);
}

static int add_reading(struct file *f, double share)
{
	if (f->readings == THERMAL_CURVE)
		return complain(f, "over %d readings", THERMAL_CURVE);
	for (int i = f->readings++; f->body && i < THERMAL_CURVE; i++)
		f->body->thermal.share[i] = (float)share;
	return 0;
}

static int read_warm(struct file *f, bool reading)
{
	struct warm w = { .ambient = 25 };
	char *word;

	while ((word = strtok_r(NULL, " \t\r\n", &f->rest))) {
		char *value = strchr(word, '=');

		if (!value)
			return complain(f, "\"%s\": expected key=value", word);
		*value++ = '\0';
		if (set_warm(f, &w, word, value))
			return -EINVAL;
	}
	return reading ? add_reading(f, w.share) : add_warm(f, &w);
}

static int read_line(struct file *f, char *line)
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
			return complain(f, "kinematics %s: expected cartesian or corexy",
					value ? value : "");
		printer_set_kinematics(f->printer,
				       value[1] == 'o' ? PRINTER_COREXY : PRINTER_CARTESIAN);
		return 0;
	}
	if (!strcmp(kind, "warm") || !strcmp(kind, "reading"))
		return read_warm(f, kind[0] == 'r');
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
		return 0;
	}
	if (strcmp(kind, "stepper") && strcmp(kind, "endstop") && strcmp(kind, "sensor") &&
	    strcmp(kind, "probe"))
		return complain(f,
				"\"%s\": expected kinematics, start, bed, stepper, endstop, probe, "
				"sensor, warm or reading",
				kind);
	if (is_absent(f, &part))
		return 0;
	if (kind[0] == 'e')
		return add_endstop(f, &part);
	if (kind[0] == 'p')
		return add_probe(f, &part);
	return kind[1] == 't' ? add_stepper(f, &part) : add_sensor(f, &part);
}

int printer_file_load(struct printer *p, struct sim *const *sims, unsigned int sim_count,
		      const char *path, char *err, size_t err_size)
{
	struct file f = { .printer = p,
			  .sims = sims,
			  .sim_count = sim_count,
			  .path = path,
			  .err = err,
			  .err_size = err_size };
	char line[LINE_MAX_BYTES];
	FILE *file = fopen(path, "re");
	int result = 0;

	if (!file) {
		result = -errno;
		snprintf(err, err_size, "%s: %s", path, strerror(errno));
		return result;
	}
	while (!result && fgets(line, sizeof(line), file)) {
		f.line++;
		if (!strchr(line, '\n') && !feof(file))
			result = complain(&f, "line over %d bytes", LINE_MAX_BYTES - 2);
		else
			result = read_line(&f, line);
	}
	fclose(file);
	return result;
}
