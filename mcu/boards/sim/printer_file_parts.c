// SPDX-License-Identifier: GPL-2.0-or-later
/* printer_file_parts.c - lines of a printer file for inputs, fans and lights. */
#include <errno.h>
#include <string.h>

#include "printer.h"
#include "printer_file_private.h"
#include "printer_models.h"

/* What printer_add_…() returned; that part's name, if it has one. */
static int named(struct printer_file *f, enum printer_part_kind kind, int index, const char *name)
{
	if (index >= 0 && name && !printer_events_name(&f->models->events, kind, index, name))
		index = -ENOSPC;
	return printer_file_result(f, index);
}

int printer_file_input(struct printer_file *f)
{
	struct printer_input in = { .stepper = -1 };
	const char *pin = NULL, *stepper = NULL, *name = NULL;
	double mcu = 0, invert = 0, on = 0;
	const struct printer_file_key keys[] = {
		{ "pin", &pin, NULL, 0, false },
		{ "name", &name, NULL, 0, false },
		{ "stepper", &stepper, NULL, 0, false },
		{ "mcu", NULL, &mcu, PRINTER_MCUS_MAX - 1, false },
		{ "invert", NULL, &invert, 1, false },
		{ "on", NULL, &on, 1, false },
		{ "edge", NULL, &in.edge_mm, 1e3, false },
		{ "share", NULL, &in.share, 1, false },
	};
	int result = printer_file_line(f, keys, sizeof(keys) / sizeof(*keys), &mcu);
	int number, index;

	if (result <= 0)
		return result;
	number = printer_file_pin(f, mcu, "pin", pin);
	if (number < 0)
		return number;
	for (int i = 0; stepper && i < f->printer->stepper_count; i++)
		if (!strcmp(f->printer->steppers[i].name, stepper))
			in.stepper = (int8_t)i;
	in.mcu = (uint8_t)mcu;
	in.pin = (uint8_t)number;
	in.invert = invert != 0;
	index = printer_add_input(f->printer, &in);
	if (index >= 0)
		f->printer->inputs[index].on = on != 0;
	return named(f, PART_INPUT, index, name);
}

int printer_file_fan(struct printer_file *f)
{
	struct printer_rotor r = { .rpm = 6000, .lag_s = 0.4 };
	const char *pin = NULL, *tacho = NULL, *name = NULL;
	double mcu = 0, tacho_mcu = 0, invert = 0, ppr = 2;
	const struct printer_file_key keys[] = {
		{ "pin", &pin, NULL, 0, false },
		{ "name", &name, NULL, 0, false },
		{ "tacho", &tacho, NULL, 0, false },
		{ "mcu", NULL, &mcu, PRINTER_MCUS_MAX - 1, false },
		{ "tacho_mcu", NULL, &tacho_mcu, PRINTER_MCUS_MAX - 1, false },
		{ "invert", NULL, &invert, 1, false },
		{ "rpm", NULL, &r.rpm, 1e5, false },
		{ "lag", NULL, &r.lag_s, 100, false },
		{ "ppr", NULL, &ppr, 100, false },
	};
	int result = printer_file_line(f, keys, sizeof(keys) / sizeof(*keys), &mcu);
	int number, tacho_number;

	if (result <= 0 || printer_file_absent(f, tacho_mcu))
		return result < 0 ? result : 0;
	number = printer_file_pin(f, mcu, "pin", pin);
	tacho_number = number < 0 ? number : printer_file_pin(f, tacho_mcu, "tacho", tacho);
	if (tacho_number < 0)
		return tacho_number;
	r.mcu = (uint8_t)mcu;
	r.pin = (uint8_t)number;
	r.tacho_mcu = (uint8_t)tacho_mcu;
	r.tacho_pin = (uint8_t)tacho_number;
	r.invert = invert != 0;
	r.ppr = (int)ppr;
	return named(f, PART_ROTOR, printer_add_rotor(f->printer, &r), name);
}

int printer_file_light(struct printer_file *f)
{
	const char *pin = NULL, *clock = NULL, *name = NULL;
	double mcu = 0, lights = 1;
	const struct printer_file_key keys[] = {
		{ "pin", &pin, NULL, 0, false },
		{ "clock", &clock, NULL, 0, false },
		{ "name", &name, NULL, 0, false },
		{ "mcu", NULL, &mcu, PRINTER_MCUS_MAX - 1, false },
		{ "lights", NULL, &lights, PRINTER_LIGHT_BYTES, false },
	};
	int result = printer_file_line(f, keys, sizeof(keys) / sizeof(*keys), &mcu);
	struct printer_light l = { .clocked = clock != NULL };
	int number, clock_number;

	if (result <= 0)
		return result;
	number = printer_file_pin(f, mcu, "pin", pin);
	clock_number = clock && number >= 0 ? printer_file_pin(f, mcu, "clock", clock) : 0;
	if (number < 0 || clock_number < 0)
		return -EINVAL;
	l.mcu = (uint8_t)mcu;
	l.pin = (uint8_t)number;
	l.clock_pin = (uint8_t)clock_number;
	l.frame_bits = 32 * (uint32_t)lights;
	return named(f, PART_LIGHT, printer_add_light(f->printer, &l), name);
}
