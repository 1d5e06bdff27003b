/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probescene.h - machines with a probe that measures, for tests: their parts, and what they say.
 *
 * Threads: one. Errors: the test fails and shows what was said. Units: _mm.
 */
#ifndef TESTS_SIMLIB_PROBESCENE_H
#define TESTS_SIMLIB_PROBESCENE_H

#include "tests/simlib/scene_expect.h"
#include "tests/simlib/simconfig.h"
#include "tests/simlib/simrun.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_START "stepd.startup_gcode="
#define PROBE "probe.pin=^PE3", "probe.z_offset=1.5", "probe.x_offset=20", "probe.y_offset=-7"
#define BED \
	"stepd_sim.bed_shape=0.6", "stepd_sim.bed_slope_x=0.0007", "stepd_sim.bed_slope_y=-0.0004"
#define SECOND "mcu second.serial=/run/stepd/sim-second", "stepd_sim second.clock_ppm=60"
#define Z_ON_SECOND \
	"stepper_z.step_pin=second:PC0", "stepper_z.dir_pin=second:PC1", \
		"stepper_z.enable_pin=!second:PC2"
#define MICROSTEP_Z_MM 0.0025

static inline struct scene *open_scene(const char *config, const char *const *overrides)
{
	struct scene *s = scene_open(config, overrides);

	assert_non_null(s);
	s->b.printer.rng = simrun_seed(1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	return s;
}

/* A configuration file for SAVE_CONFIG: the cartesian machine over a bed with a shape, and more. */
static inline const char *write_config(const char *more)
{
	return simconfig_copy("etc/sim-cartesian.cfg",
			      "[stepd]\nstartup_gcode:\n"
			      "[stepd_sim]\nbed_shape: 0.6\nbed_slope_x: 0.0007\n%s",
			      more);
}

/* As a start of the daemon from that file. */
static inline struct scene *open_saving(const char *path)
{
	struct scene *s = open_scene(path, NULL);

	s->b.m->hooks.save_config = true;
	return s;
}

/* The number behind the last such text. */
static inline double said_number(const struct scene *s, const char *text)
{
	const char *at = NULL;

	for (const char *p = s->said; (p = strstr(p, text)); p++)
		at = p + strlen(text);
	if (!at)
		fail_msg("expected \"%s\", heard: %s", text, s->said);
	return strtod(at, NULL);
}

/* How high the nozzle is over the bed in truth. */
static inline double over_bed_mm(const struct scene *s)
{
	double xyz[3];

	printer_nozzle_mm(&s->b.printer, xyz);
	return xyz[2] - printer_bed_mm(&s->b.printer, xyz[0], xyz[1]);
}

/* The motors of Z hold the plane there, askew by so much. */
static inline void corners(struct scene *s, int count, const double at[][3])
{
	static const char *const names[] = { "stepper_z", "stepper_z1", "stepper_z2", "stepper_z3" };
	struct printer *p = &s->b.printer;

	for (int i = 0; i < count; i++)
		for (uint8_t k = 0; k < p->stepper_count; k++)
			if (!strcmp(p->steppers[k].name, names[i]))
				p->bed.corner[i] = (struct printer_corner){ k, at[i][0], at[i][1],
									    at[i][2] };
	p->bed.corners = (uint8_t)count;
}

/* The nozzle down to the bed as somebody with a sheet of paper does it. */
static inline void touch_down(struct scene *s, double within_mm)
{
	char line[60];

	for (int i = 0; i < 20 && fabs(over_bed_mm(s)) > within_mm; i++) {
		snprintf(line, sizeof(line), "TESTZ Z=%.4f\n", -0.7 * over_bed_mm(s));
		run(s, line);
	}
	assert_true(fabs(over_bed_mm(s)) <= within_mm);
}

/* A height that was found is off the truth by so much: the nozzle at offset_mm[2] over the bed at offset_mm[0, 1] from it. */
static inline double found_off_mm(const struct scene *s, double found_mm, const double offset_mm[3])
{
	double xyz[3];

	printer_nozzle_mm(&s->b.printer, xyz);
	return found_mm - offset_mm[2] -
	       printer_bed_mm(&s->b.printer, xyz[0] + offset_mm[0], xyz[1] + offset_mm[1]) -
	       (s->b.m->status.position_mm[AXIS_Z] - xyz[2]);
}

/* How high the nozzle is when the probe triggers there, in truth. */
static inline double trigger_mm(const struct scene *s)
{
	double xyz[3];

	printer_nozzle_mm(&s->b.printer, xyz);
	return printer_trigger_mm(&s->b.printer, xyz[0], xyz[1]);
}

/* What PROBE found is off the model's truth by so much. */
static inline double probe_off_mm(struct scene *s)
{
	run(s, "PROBE\n");
	return said_number(s, "Result is z=") - trigger_mm(s) - scene_lower_mm(s);
}

/* Places all over the bed, to be reached at different speeds. */
enum { PROBE_PLACES = 4 };
static const char *const probe_place[PROBE_PLACES] = { "G1 X30 Y40 Z5 F6000\n", "G1 X250 Y30 Z3\n",
						       "G1 X141.5 Y155.3 Z8\n",
						       "G1 X20.2 Y260.9 Z4.321\n" };

/* At each of them PROBE finds the truth within limit_mm. */
static inline void probe_places(struct scene *s, double limit_mm)
{
	for (int i = 0; i < PROBE_PLACES; i++) {
		double off;

		run(s, probe_place[i]);
		off = probe_off_mm(s);
		if (!(fabs(off) <= limit_mm))
			fail_msg("%s: off by %.5f mm, expected %.5f", probe_place[i], off, limit_mm);
	}
}

/* Of the mesh that holds. */
static inline const struct bedmesh_points *points(const struct scene *s)
{
	assert_non_null(s->b.m->meshes.mesh.z);
	return &s->b.m->meshes.points;
}

#endif
