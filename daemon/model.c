// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/model.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config/machine_config.h"
#include "daemon/kinematics/kinematics.h"
#include "daemon/overrides.h"
#include "mcu/boards/sim/thermal.h"

static const char axis_letter[] = "xyzeuvwabcdf";

static void put_stepper(const struct machine_stepper *s, const double weight[KINEMATICS_MODEL_AXES])
{
	printf("stepper");
	for (int axis = 0; axis < KINEMATICS_MODEL_AXES; axis++)
		if (weight[axis] != 0)
			printf(" %c=%.17g", axis_letter[axis], weight[axis]);
	printf(" step=%s dir=%s steps_per_mm=%.17g mcu=%d name=%s invert_dir=%d "
	       "invert_step=%d\n",
	       s->step_pin.name, s->dir_pin.name, 1 / s->step_distance_mm, s->step_pin.mcu, s->name,
	       s->dir_pin.invert, s->step_pin.invert);
}

static void put_probe(const struct machine_config *mc)
{
	const struct machine_sim_bed *bed = &mc->sim_bed;
	const struct machine_probe *p = &mc->probe;

	printf("bed height=%.17g slope_x=%.17g slope_y=%.17g\n", bed->height_mm, bed->slope_x,
	       bed->slope_y);
	if (p->kind == MACHINE_PROBE_NONE || p->pin.mcu < 0)
		return;
	printf("probe pin=%s mcu=%d x=%.17g y=%.17g z=%.17g hysteresis=%.17g noise=%.17g invert=%d",
	       p->pin.name, p->pin.mcu, p->offset_mm[0], p->offset_mm[1], p->offset_mm[2],
	       bed->probe_hysteresis_mm, bed->probe_noise_mm, p->pin.invert);
	if (p->kind == MACHINE_PROBE_BLTOUCH)
		printf(" control=%s control_mcu=%d", p->control_pin.name, p->control_pin.mcu);
	printf("\n");
}

/* The warm parts, as `stepd batch` has them. */
static void put_warm(const struct machine_config *mc, size_t i)
{
	const struct machine_sensor *s = &mc->sensors[i];
	const struct machine_warm *w = &s->warm;
	struct sensor_curve curve;

	if (s->source == MACHINE_SENSOR_HOST || s->source == MACHINE_SENSOR_SPI)
		return;
	printf("warm");
	if (!strpbrk(s->name, " \t"))
		printf(" name=%s", s->name);
	printf(" sensor=%s mcu=%d noise=%d ambient=%.17g power=%.17g capacity=%.17g "
	       "loss=%.17g fan_loss=%.17g lag=%.17g filament=%.17g",
	       s->pin.name, s->pin.mcu, w->noise, w->ambient_degc, w->power_w, w->capacity_j_k,
	       w->loss_w_k, w->fan_loss_w_k, w->lag_s, w->filament_j_k_mm);
	for (size_t k = 0; k < mc->heater_count; k++) {
		const struct machine_heater *h = &mc->heaters[k];

		if (h->sensor != (int)i || h->param.cooling)
			continue;
		printf(" heater=%s heater_mcu=%d heater_invert=%d", h->pin.name, h->pin.mcu,
		       h->pin.invert);
		if (h->extruder == 0 && mc->extruders[0].has_stepper)
			printf(" stepper=%s", mc->extruders[0].name);
		if (h->extruder == 0 && mc->fan.pin.set)
			printf(" fan=%s fan_mcu=%d fan_invert=%d", mc->fan.pin.name,
			       mc->fan.pin.mcu, mc->fan.pin.invert);
	}
	printf("\n");
	machine_sensor_sim_curve(s, &curve);
	for (int k = 0; k < THERMAL_CURVE; k++)
		printf("reading share=%.9g\n",
		       sensor_ratio(&curve, THERMAL_FROM_DEGC + k * THERMAL_STEP_DEGC));
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
		put_stepper(&mc->steppers[i], model.weight[i]);
	for (size_t i = 0; i < model.endstops; i++)
		printf("endstop axis=%c pin=%s trigger=%.17g mcu=%d at_max=%d invert=%d\n",
		       axis_letter[model.endstop[i].axis], model.endstop[i].pin->name,
		       model.endstop[i].trigger_mm, model.endstop[i].pin->mcu,
		       model.endstop[i].at_max, model.endstop[i].pin->invert);
	put_probe(mc);
	for (size_t i = 0; i < mc->manual_count; i++) {
		double weight[KINEMATICS_MODEL_AXES] = { 0 };

		weight[model.manual_axis[i]] = 1;
		put_stepper(&mc->manuals[i].stepper, weight);
	}
	if (mc->extruder_count > 0 && mc->extruders[0].has_stepper)
		put_stepper(&mc->extruders[0].stepper, extruder);
	for (size_t i = 0; i < mc->sensor_count; i++)
		put_warm(mc, i);
}

int model_main(int argc, char **argv)
{
	static const char usage[] = "usage: stepd model -c CONFIG [-o SECTION.OPTION=VALUE …]\n";
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	struct overrides overrides = { .count = 0 };
	const char *paths[1] = { NULL };
	struct machine_config *mc;
	int c;

	while ((c = getopt_long(argc, argv, "c:o:", longs, NULL)) != -1) {
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
