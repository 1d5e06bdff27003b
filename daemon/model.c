// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/model.h"

#include <getopt.h>
#include <stdio.h>

#include "daemon/config/machine_config.h"
#include "daemon/overrides.h"

static const char axis_letter[] = "xyze";

static void put_stepper(const struct machine_stepper *s, int axis)
{
	printf("stepper axis=%c step=%s dir=%s steps_per_mm=%.17g mcu=%d name=%s invert_dir=%d "
	       "invert_step=%d\n",
	       axis_letter[axis], s->step_pin.name, s->dir_pin.name, 1 / s->step_distance_mm,
	       s->step_pin.mcu, s->name, s->dir_pin.invert, s->step_pin.invert);
}

static void put_endstop(const struct machine_axis *a, int axis)
{
	if (a->endstop_pin.set && a->endstop_pin.mcu >= 0)
		printf("endstop axis=%c pin=%s trigger=%.17g mcu=%d at_max=%d invert=%d\n",
		       axis_letter[axis], a->endstop_pin.name, a->position_endstop_mm,
		       a->endstop_pin.mcu, a->homing_positive, a->endstop_pin.invert);
}

static void put_model(const struct machine_config *mc)
{
	const struct machine_axis *a = mc->axes;

	printf("# written by stepd model\nkinematics %s\n",
	       mc->kinematics == KINEMATICS_COREXY ? "corexy" : "cartesian");
	/* Somewhere on the bed, so that homing has a way to go. */
	printf("start");
	for (int i = 0; i < MACHINE_AXES; i++)
		printf(" %c=%.17g", axis_letter[i],
		       a[i].position_min_mm + 0.1 * (a[i].position_max_mm - a[i].position_min_mm));
	printf("\n");
	for (int axis = 0; axis < MACHINE_AXES; axis++) {
		for (size_t i = 0; i < a[axis].stepper_count; i++)
			put_stepper(&mc->steppers[a[axis].stepper[i]], axis);
		put_endstop(&a[axis], axis);
	}
	if (mc->extruder_count > 0 && mc->extruders[0].has_stepper)
		put_stepper(&mc->extruders[0].stepper, MACHINE_AXES);
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
