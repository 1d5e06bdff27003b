// SPDX-License-Identifier: GPL-2.0-or-later
/* Bed, probe and noise of the simulated printer, from [stepd_sim] and the probe's section. */
#include <math.h>
#include <string.h>

#include "daemon/batch/batch.h"

/* Shares of bed_shape, from the lowest to the highest, and lengths of the waves. */
static const struct {
	double share, x_mm, y_mm, phase;
} waves[] = {
	{ 0.6, 310, 420, 0.7 },
	{ 0.4, -230, 170, 2.1 },
};

static void nozzle(void *ctx, const double axis_mm[PRINTER_AXES], double xyz_mm[3])
{
	const struct batch *b = ctx;
	double joint[MACHINE_STEPPER_MAX] = { 0 };

	for (size_t i = 0; i < b->mc->stepper_count; i++)
		for (int k = 0; k < KINEMATICS_MODEL_AXES; k++)
			joint[i] += b->model.weight[i][k] * axis_mm[k];
	if (!b->mc->kinematics->forward(b->mc, joint, xyz_mm))
		xyz_mm[0] = xyz_mm[1] = xyz_mm[2] = NAN;
}

static void shape(struct printer_bed *bed, const struct machine_sim_bed *cfg)
{
	_Static_assert(sizeof(waves) / sizeof(*waves) <= PRINTER_WAVES, "room for all");

	bed->height_mm = cfg->height_mm;
	bed->slope_x = cfg->slope_x;
	bed->slope_y = cfg->slope_y;
	for (size_t i = 0; cfg->shape_mm > 0 && i < sizeof(waves) / sizeof(*waves); i++)
		bed->wave[i] = (struct printer_wave){ cfg->shape_mm * waves[i].share / 2,
						      2 * M_PI / waves[i].x_mm,
						      2 * M_PI / waves[i].y_mm, waves[i].phase };
}

bool batch_bed_start(struct batch *b)
{
	const struct machine_sim_bed *cfg = &b->mc->sim_bed;
	const struct machine_probe *probe = &b->mc->probe;
	struct printer_probe p = {
		.mcu = (uint8_t)probe->pin.mcu,
		.invert = probe->pin.invert,
		.x_mm = probe->offset_mm[0],
		.y_mm = probe->offset_mm[1],
		.z_mm = probe->offset_mm[2],
		.noise_mm = cfg->probe_noise_mm,
		.hysteresis_mm = cfg->probe_hysteresis_mm,
		.servo = probe->kind == MACHINE_PROBE_BLTOUCH,
	};
	int pin, control = 0;

	if (p.servo)
		p.control_mcu = (uint8_t)probe->control_pin.mcu;
	shape(&b->printer.bed, cfg);
	for (int i = 0; i < b->printer.endstop_count; i++) {
		b->printer.endstops[i].noise_mm = cfg->endstop_noise_mm;
		b->printer.endstops[i].hysteresis_mm = cfg->endstop_hysteresis_mm;
	}
	b->printer.watched = cfg->endstop_hysteresis_mm > 0;
	if (b->mc->kinematics->forward) {
		b->printer.nozzle = nozzle;
		b->printer.nozzle_ctx = b;
	}
	if (probe->kind == MACHINE_PROBE_NONE || probe->kind >= MACHINE_PROBE_SENSORS ||
	    probe->pin.mcu < 0)
		return true;
	pin = batch_world_pin(b, &probe->pin);
	if (p.servo)
		control = batch_world_pin(b, &probe->control_pin);
	if (pin < 0 || control < 0)
		return false;
	p.pin = (uint8_t)pin;
	p.control_pin = (uint8_t)control;
	return printer_add_probe(&b->printer, &p) == 0;
}
