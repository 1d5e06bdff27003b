/* SPDX-License-Identifier: GPL-2.0-or-later */
/* eddyscene.h - a machine with an eddy-current probe, and how far its results are from the model's truth.
 *
 * Threads: one. Errors: the test fails and shows what was said. Units: _mm.
 */
#ifndef TESTS_SIMLIB_EDDYSCENE_H
#define TESTS_SIMLIB_EDDYSCENE_H

#include "tests/simlib/probescene.h"

#define EDDY \
	"probe_eddy_current coil.sensor_type=ldc1612", "probe_eddy_current coil.z_offset=1", \
		"probe_eddy_current coil.x_offset=20", "probe_eddy_current coil.y_offset=-7"
/* Height of the bed under the coil. */
static inline double bed_mm(const struct scene *s)
{
	double xyz[3];

	printer_nozzle_mm(&s->b.printer, xyz);
	return printer_bed_mm(&s->b.printer, xyz[0] + s->b.eddy.x_mm, xyz[1] + s->b.eddy.y_mm);
}

/* What PROBE has found is off the truth by so much: the nozzle at z_offset over the bed under the coil. */
static inline double eddy_off_mm(const struct scene *s, double found_mm)
{
	const double offset_mm[] = { s->b.eddy.x_mm, s->b.eddy.y_mm,
				     s->b.m->probe.offset_mm[AXIS_Z] };

	return found_off_mm(s, found_mm, offset_mm);
}

/* … within a microstep and limit_mm. */
static inline void eddy_agrees(const struct scene *s, double found_mm, double limit_mm,
			       const char *what)
{
	double off_mm = eddy_off_mm(s, found_mm);

	if (!(fabs(off_mm) <= limit_mm + MICROSTEP_Z_MM))
		fail_msg("%s: off by %.5f mm, expected %.5f", what, off_mm,
			 limit_mm + MICROSTEP_Z_MM);
}

/* A table as PROBE_EDDY_CURRENT_CALIBRATE finds it, without the time that takes. */
static inline void eddy_table(struct scene *s)
{
	struct eddy *e = &s->b.m->eddy;

	e->count = 81;
	for (size_t i = 0; i < e->count; i++) {
		e->height_mm[i] = 0.05 * (double)(i + 1);
		e->hz[i] = e->drift.cold_hz[i] = chip_ldc1612_hz(&s->b.eddy, e->height_mm[i]);
	}
}

/* By hand: the nozzle to where it touches the bed of the model. */
static inline void eddy_calibrate(struct scene *s)
{
	double xyz[3];
	char line[40];

	run(s, "PROBE_EDDY_CURRENT_CALIBRATE\n");
	printer_nozzle_mm(&s->b.printer, xyz);
	snprintf(line, sizeof(line), "TESTZ Z=%.6f\n",
		 printer_bed_mm(&s->b.printer, xyz[0], xyz[1]) - xyz[2]);
	run(s, line);
	run(s, "ACCEPT\n");
}

/* Each point of the mesh against the bed there. */
static inline void mesh_agrees(const struct scene *s, double limit_mm)
{
	const struct bedmesh_points *p = points(s);
	double xyz[3], lower_mm, worst = 0;

	printer_nozzle_mm(&s->b.printer, xyz);
	lower_mm = s->b.m->status.position_mm[AXIS_Z] - xyz[2];
	for (uint32_t y = 0; y < p->y_count; y++)
		for (uint32_t x = 0; x < p->x_count; x++) {
			double at_x = p->min_x + (p->max_x - p->min_x) * x / (p->x_count - 1);
			double at_y = p->min_y + (p->max_y - p->min_y) * y / (p->y_count - 1);
			double truth = printer_bed_mm(&s->b.printer, at_x, at_y) + lower_mm;

			worst = fmax(worst, fabs(p->z[(size_t)y * p->x_count + x] - truth));
		}
	printf("worst of %u x %u points: %.2f um\n", p->x_count, p->y_count, 1e3 * worst);
	assert_true(worst <= limit_mm);
}

#endif
