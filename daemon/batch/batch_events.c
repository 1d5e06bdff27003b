// SPDX-License-Identifier: GPL-2.0-or-later
/* What breaks in the simulated printer: by the file of --events, and by BREAK_PART in the G-code. docs/DIAGNOSE.md has the components and
 * actions, which have their names in the configuration. */
#include <stdio.h>

#include "daemon/batch/batch.h"
#include "daemon/config/machine_print.h"
#include "daemon/gcode/gcode_command.h"

static double mcu_s(void *ctx, int mcu)
{
	return batch_world_mcu_s(ctx, mcu);
}

static enum gcode_result break_part(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	char part[PRINTER_PART_NAME], action[PRINTER_ACTION_MAX + 8], text[128], err[GCODE_ERR_MAX];
	struct batch *b = ctx;

	if (!gcode_param_name(g, l, "PART", "", part, sizeof(part)) ||
	    !gcode_param_name(g, l, "ACTION", "", action, sizeof(action)))
		return GCODE_ERROR;
	snprintf(text, sizeof(text), "%s %s", part, action);
	if (!printer_events_do(&b->events, text, err, sizeof(err)))
		return gcode_fail(g, "%s", err);
	return GCODE_OK;
}

const struct gcode_command batch_events_commands[] = {
	{ "BREAK_PART", GCODE_EXTENDED, GCODE_NOW, break_part, "PART=<name> ACTION=<words>",
	  "break or mend a part of the simulated printer; in `stepd batch` only" },
};
const unsigned batch_events_command_count = sizeof(batch_events_commands) /
					    sizeof(*batch_events_commands);

static bool name_chips(struct batch *b)
{
	struct printer_events *e = &b->events;
	bool taken[PRINTER_CHIPS_MAX] = { false }, ok = true;

	for (size_t i = 0; i < b->mc->tmc_count; i++) {
		int chip = printer_chip_find(&b->printer, b->mc->tmc[i].section);

		ok &= printer_events_name_driver(e, &b->tmc[i], b->mc->tmc[i].section);
		if (chip >= 0)
			taken[chip] = true;
	}
	for (size_t i = 0; i < b->mc->sensor_count; i++) {
		if (b->body_of[i] >= 0)
			ok &= printer_events_name(e, PART_BODY, b->body_of[i],
						  b->mc->sensors[i].name);
		if (b->chip_of[i] < 0)
			continue;
		ok &= printer_events_name(e, PART_CHIP, b->chip_of[i], b->mc->sensors[i].name);
		taken[b->chip_of[i]] = true;
	}
	for (int i = 0; i < b->printer.chip_count; i++)
		if (!taken[i])
			ok &= printer_events_name(e, PART_CHIP, i, b->printer.chips[i].name);
	return ok;
}

/* As batch_parts.c and batch_world.c have added them. */
static bool name_others(struct batch *b)
{
	const struct machine_print *cfg = b->mc->print;
	struct printer_events *e = &b->events;
	bool ok = true;

	for (int i = 0; i < b->printer.stepper_count; i++)
		ok &= printer_events_name(e, PART_MOTOR, i, b->printer.steppers[i].name);
	for (size_t i = 0; i < b->m->tachos.count; i++)
		ok &= printer_events_name(e, PART_ROTOR, (int)i, b->m->tachos.tacho[i].name);
	for (size_t i = 0; i < cfg->filament_count; i++)
		ok &= printer_events_name(e, PART_INPUT, (int)i, cfg->filament[i].name);
	for (size_t i = 0; i < cfg->button_count; i++)
		ok &= printer_events_name(e, PART_INPUT, (int)(cfg->filament_count + i),
					  cfg->button[i].name);
	for (size_t i = 0; i < b->mc->led_count; i++)
		if (b->light_of[i] >= 0)
			ok &= printer_events_name(e, PART_LIGHT, b->light_of[i],
						  b->mc->leds[i].name);
	return ok;
}

bool batch_events_load(struct batch *b)
{
	b->events.printer = &b->printer;
	b->events.mcu_s = mcu_s;
	b->events.ctx = b;
	if (!gcode_add_table(&b->m->gcode, batch_events_commands, batch_events_command_count, b)) {
		snprintf(b->error, sizeof(b->error), "no room for BREAK_PART");
		return false;
	}
	if (!name_chips(b) || !name_others(b)) {
		snprintf(b->error, sizeof(b->error), "over %d parts of the printer have names",
			 PRINTER_PARTS_MAX);
		return false;
	}
	return !b->opt.events ||
	       printer_events_load(&b->events, b->opt.events, b->error, sizeof(b->error));
}

int64_t batch_events_next_ns(const struct batch *b)
{
	int64_t next_ns = printer_events_next_ns(&b->events);

	return b->ready_ns == 0 || next_ns == INT64_MAX ? INT64_MAX : b->ready_ns + next_ns;
}

void batch_events_run(struct batch *b)
{
	if (b->ready_ns)
		printer_events_run(&b->events, b->now_ns - b->ready_ns);
}
