// SPDX-License-Identifier: GPL-2.0-or-later
/* Bed, probe and noise of the simulated printer, from [stepd_sim] and the probe's section. */
#include <math.h>
#include <string.h>

#include "daemon/batch/batch.h"

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
	b->printer.bed.height_mm = cfg->height_mm;
	b->printer.bed.slope_x = cfg->slope_x;
	b->printer.bed.slope_y = cfg->slope_y;
	printer_bed_shape(&b->printer.bed, cfg->shape_mm);
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
