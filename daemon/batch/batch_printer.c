// SPDX-License-Identifier: GPL-2.0-or-later
/* The simulated printer as the configuration has it: motors, endstops, buttons, sensors on the pins of the MCUs. */
#include <stdio.h>
#include <string.h>

#include "daemon/batch/batch.h"
#include "daemon/kinematics/kinematics.h"
#include "daemon/print/print.h"

static bool add_motor(struct batch *b, const struct machine_motor *motor, const double *weight)
{
	const struct machine_stepper *cfg = motor->cfg;
	int step = batch_world_pin(b, &cfg->step_pin), dir = batch_world_pin(b, &cfg->dir_pin);
	struct printer_stepper s = { .mcu = motor->mcu,
				     .axis = PRINTER_E,
				     .steps_per_mm = 1 / cfg->step_distance_mm,
				     .lock_steps = 4 * (unsigned)cfg->microsteps,
				     .invert_dir = cfg->dir_pin.invert,
				     .invert_step = cfg->step_pin.invert };

	if (step < 0 || dir < 0)
		return false;
	if (weight)
		memcpy(s.weight, weight, sizeof(s.weight));
	s.step_pin = (uint8_t)step;
	s.dir_pin = (uint8_t)dir;
	snprintf(s.name, sizeof(s.name), "%.20s", cfg->name);
	return printer_add_stepper(&b->printer, &s) >= 0;
}

static void add_stamp(struct batch *b, uint8_t mcu, uint8_t pin)
{
	if (b->mc->mcu[mcu].host && b->stamps < BATCH_STAMPS_MAX)
		b->stamp[b->stamps++] =
			(struct batch_stamp){ .mcu = mcu, .pin = pin, .at_ns = INT64_MIN };
}

static bool add_endstop(struct batch *b, const struct kinematics_model_endstop *from)
{
	struct printer_endstop e = { .mcu = (uint8_t)from->pin->mcu,
				     .axis = (enum printer_axis)from->axis,
				     .trigger_mm = from->trigger_mm,
				     .at_max = from->at_max,
				     .invert = from->pin->invert };
	int pin = batch_world_pin(b, from->pin);

	if (pin < 0)
		return false;
	e.pin = (uint8_t)pin;
	if (printer_add_endstop(&b->printer, &e) < 0)
		return false;
	add_stamp(b, e.mcu, e.pin);
	return true;
}

/* Levels before anything has moved. */
static void stamps_start(struct batch *b)
{
	for (int i = 0; i < b->stamps; i++)
		b->stamp[i].level = printer_read(&b->printer, b->stamp[i].mcu, b->stamp[i].pin) > 0;
}

/* The motor of an extruder, -1: it has none. */
static int8_t extruder_motor(const struct batch *b, int extruder)
{
	for (size_t i = 0; i < b->m->motors; i++)
		if (b->m->motor[i].cfg == &b->mc->extruders[extruder].stepper)
			return (int8_t)i;
	return -1;
}

/* Buttons and filament sensors. Motion sensors see four edges a detection_length. */
static bool add_inputs(struct batch *b)
{
	const struct machine_print *cfg = b->mc->print;
	const struct buttons *buttons = &b->m->print->buttons;

	for (size_t i = 0; i < buttons->inputs; i++) {
		const struct pin *pin = buttons->input[i].pin;
		struct printer_input in = { .mcu = (uint8_t)pin->mcu,
					    .invert = pin->invert,
					    .stepper = -1 };
		int number = batch_world_pin(b, pin);
		double ohm = (buttons->input[i].ohm_min + buttons->input[i].ohm_max) / 2;

		if (number < 0)
			return false;
		in.pin = (uint8_t)number;
		if (ohm > 0)
			in.share = ohm / (ohm + buttons->input[i].pullup_ohm);
		if (i < cfg->filament_count && cfg->filament[i].motion) {
			in.stepper = extruder_motor(b, cfg->filament[i].extruder);
			in.edge_mm = cfg->filament[i].detection_length_mm / 4;
		}
		if (printer_add_input(&b->printer, &in) < 0) {
			snprintf(b->error, sizeof(b->error), "pin '%s' has another use already",
				 pin->name);
			return false;
		}
		b->printer.inputs[i].on = i < cfg->filament_count;
		add_stamp(b, in.mcu, in.pin);
	}
	return true;
}

/* Pins of parts that only switch, and those of sync lines. */
static bool add_pins(struct batch *b)
{
	for (size_t i = 0; i < b->m->outputs; i++)
		if (batch_world_pin(b, b->m->output[i].pin) < 0)
			return false;
	for (size_t i = 0; i < b->mc->static_count; i++)
		if (batch_world_pin(b, &b->mc->statics[i].pin) < 0)
			return false;
	for (size_t i = 0; i < b->m->mcus; i++) {
		const struct pin *pin = &b->mc->mcu[i].sync_pin;

		b->mcu[i].stamps.sync_pin = pin->set ? batch_world_pin(b, pin) : -1;
		if (pin->set && b->mcu[i].stamps.sync_pin < 0)
			return false;
	}
	return true;
}

/* A more exact word may be there already. */
static bool refuse(struct batch *b, const char *section)
{
	if (!b->error[0])
		snprintf(b->error, sizeof(b->error),
			 "[%s] cannot be connected to the simulated printer", section);
	return false;
}

static bool add_motors(struct batch *b)
{
	const struct machine *m = b->m;
	double manual[ENGINE_STEPPERS][KINEMATICS_MODEL_AXES] = { { 0 } };

	for (size_t i = 0; i < m->manuals; i++)
		manual[m->manual[i].motor][b->model.manual_axis[i]] = 1;
	for (size_t i = 0; i < m->motors; i++)
		if (!add_motor(b, &m->motor[i],
			       i < b->mc->stepper_count ? b->model.weight[i]
			       : m->motor[i].manual     ? manual[i]
							: NULL))
			return refuse(b, m->motor[i].cfg->name);
	return true;
}

bool batch_printer_build(struct batch *b)
{
	struct kinematics_model *model = &b->model;
	_Static_assert(sizeof(model->start_mm) == sizeof(b->printer.start_mm), "the same axes");

	kinematics_model(b->mc, model);
	printer_init(&b->printer, PRINTER_CARTESIAN, b->opt.seed);
	memcpy(b->printer.start_mm, model->start_mm, sizeof(b->printer.start_mm));
	if (!add_motors(b))
		return false;
	for (size_t i = 0; i < model->endstops; i++)
		if (!add_endstop(b, &model->endstop[i])) {
			if (!b->error[0])
				snprintf(b->error, sizeof(b->error),
					 "endstop %zu cannot be connected", i);
			return false;
		}
	if (!add_pins(b))
		return false;
	if (!batch_bed_start(b))
		return refuse(b, b->mc->probe.section);
	if (!batch_heat_build(b) || !add_inputs(b) || !batch_bus_start(b) || !batch_parts_build(b))
		return false;
	stamps_start(b);
	return true;
}
