// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/bedscene.h"

#include <unistd.h>

#include "daemon/kinematics/kinematics.h"
#include "tests/simlib/eddyscene.h"
#include "tests/oracle/refmotion.h"

#define SUMS \
	.middle_mm = 145, .half_mm = 85, .offset_mm = { 20, -7 }, .fast_mm_s = 200, .beams = true
#define XYZ "stepper_x", "stepper_y", "stepper_z"

const struct bed_kind bed_kinds[] = {
	{ "cartesian", SUMS, .third = { "stepper_x", "stepper_z" }, .motors = { XYZ },
	  .z_motors = true },
	{ "corexy", SUMS, .third = { "stepper_x", "stepper_z" }, .motors = { XYZ },
	  .z_motors = true },
	{ "corexz", SUMS, .third = { "stepper_z", "stepper_y" }, .motors = { XYZ } },
	{ "hybrid_corexy", SUMS, .third = { "stepper_x", "stepper_z" }, .motors = { XYZ },
	  .z_motors = true },
	{ "hybrid_corexz", SUMS, .third = { "stepper_z", "stepper_y" }, .motors = { XYZ } },
	{ "generic_cartesian", SUMS, .third = { "stepper a", "stepper z1" },
	  .motors = { "stepper a", "stepper b", "stepper y", "stepper z", "stepper z1" },
	  .z_motors = true },
	{ "dual_carriage", SUMS, .third = { "stepper_y", "stepper_z" },
	  .motors = { XYZ, "dual_carriage" }, .z_motors = true },
	{ "delta", .round = true, .half_mm = 90, .offset_mm = { 4, -3 }, .fast_mm_s = 150,
	  .third = { "stepper_b" }, .motors = { "stepper_a", "stepper_b", "stepper_c" } },
	{ "deltesian", .half_mm = 80, .offset_mm = { 4, -3 }, .fast_mm_s = 150,
	  .third = { "stepper_left" }, .motors = { "stepper_left", "stepper_right", "stepper_y" },
	  .beams = true },
	{ "polar", .round = true, .half_mm = 90, .offset_mm = { 4, -3 }, .fast_mm_s = 100,
	  .third = { "stepper_z", "stepper_bed" },
	  .motors = { "stepper_bed", "stepper_arm", "stepper_z" } },
	{ "rotary_delta", .round = true, .half_mm = 80, .offset_mm = { 4, -3 }, .fast_mm_s = 100,
	  .third = { "stepper_c" }, .motors = { "stepper_a", "stepper_b", "stepper_c" },
	  .more = "[printer]\nminimum_z_position: -5\n" },
	{ "winch", .half_mm = 300, .offset_mm = { 30, 10 }, .fast_mm_s = 200,
	  .third = { "stepper_d" },
	  .motors = { "stepper_a", "stepper_b", "stepper_c", "stepper_d" } },
};
const size_t bed_kind_count = sizeof(bed_kinds) / sizeof(*bed_kinds);

static uint64_t rng = 1;
static const double drift_ppm[3] = { 0, 80, -70 };

static void write_motors(FILE *f, const struct bed_kind *k)
{
	for (int i = 0; i < 2 && k->third[i]; i++)
		fprintf(f,
			"[%s]\nstep_pin: third:P%c0\ndir_pin: third:P%c1\nenable_pin: !third:P%c2\n",
			k->third[i], 'A' + i, 'A' + i, 'A' + i);
}

static void write_probe(FILE *f, const struct bed_kind *k, enum bed_layout layout, bool eddy)
{
	if (eddy)
		fprintf(f, BED_EDDY "sensor_type: ldc1612\n%s",
			layout ? "i2c_mcu: second\nintb_pin: second:PE5\n" : "");
	else
		fprintf(f, "[probe]\npin: ^%sPE3\nspeed: 5\n", layout ? "second:" : "");
	fprintf(f, "z_offset: 1.5\nx_offset: %g\ny_offset: %g\n", k->offset_mm[0], k->offset_mm[1]);
}

struct scene *bed_open(const struct bed_kind *k, enum bed_layout layout, const char *lines)
{
	const char *path = simrun_path("bed.cfg");
	char folder[SIMRUN_ARG_LEN];
	FILE *f = simrun_create(path);
	struct scene *s;

	assert_non_null(getcwd(folder, sizeof(folder)));
	fprintf(f,
		"[include %s/etc/sim-%s.cfg]\n[stepd]\nstartup_gcode:\n"
		"[stepd_sim]\nbed_slope_x: 0.0007\nbed_slope_y: -0.0004\n",
		folder, k->name);
	write_probe(f, k, layout, strstr(lines, BED_EDDY));
	if (layout)
		fprintf(f, "[mcu second]\nserial: /run/stepd/second\n[stepd_sim second]\n"
			   "clock_hz: 180000000\nclock_ppm: 80\n");
	if (layout == BED_THREE_MCUS) {
		fprintf(f, "[mcu third]\nserial: /run/stepd/third\n[stepd_sim third]\n"
			   "clock_hz: 16000000\nclock_ppm: -70\n");
		write_motors(f, k);
	}
	fprintf(f, "%s%s", k->more ? k->more : "", lines);
	fclose(f);
	s = open_scene(path, NULL);
	rng = s->b.printer.rng;
	if (s->b.m->probe.sensor) {
		struct printer_probe *p = &s->b.printer.probe;

		/* No switch: this says only where bed_trigger_mm() has it. */
		*p = (struct printer_probe){ .x_mm = k->offset_mm[0],
					     .y_mm = k->offset_mm[1],
					     .z_mm = 1.5 };
		eddy_table(s);
	}
	run(s, "G28\n");
	assert_int_equal(s->b.m->homed, 7);
	bed_wander(s);
	return s;
}

int bed_first_layout(void)
{
	return simrun_sanitized() ? BED_LAYOUTS - 1 : 0;
}

void bed_wander(struct scene *s)
{
	for (size_t i = 0; i < s->b.mc->mcu_count; i++)
		scene_clock_rate(s, (int)i, drift_ppm[i] + ref_uniform(&rng, -5, 5));
}

/* ---- truth ---- */

double bed_microstep_mm(struct scene *s)
{
	struct printer *p = &s->b.printer;
	double at[3], up[3], sum = 0;

	printer_nozzle_mm(p, at);
	for (int i = 0; i < p->stepper_count; i++) {
		p->steppers[i].pos_steps++;
		printer_nozzle_mm(p, up);
		p->steppers[i].pos_steps--;
		sum += fabs(up[2] - at[2]);
	}
	return sum;
}

/* The nozzle in truth when the machine names it so: each motor's joint is off by what it is off now. */
static void truth_of(struct scene *s, const double named_mm[MOVE_AXES], double xyz[3])
{
	const struct machine_config *mc = s->b.mc;
	double joint[MACHINE_STEPPER_MAX], now[3], named_now[MOVE_AXES];

	if (!mc->kinematics->forward) {
		printer_nozzle_mm(&s->b.printer, now);
		machine_steppers_to_axes(s->b.m, s->b.m->status.stepper_at_steps, named_now);
		for (int i = 0; i < 3; i++)
			xyz[i] = named_mm[i] + now[i] - named_now[i];
		return;
	}
	for (size_t i = 0; i < mc->stepper_count; i++) {
		const struct machine_stepper *m = &mc->steppers[i];

		joint[i] = m->joint.kind == KIN_LINEAR ? 0 : kin_position(&m->joint, named_mm);
		for (size_t r = 0; r < mc->rail_count && m->joint.kind == KIN_LINEAR; r++)
			if (mc->rails[r].axis >= 0)
				joint[i] += m->carriage[r] * named_mm[mc->rails[r].axis];
		joint[i] -= s->b.m->status.stepper_at_steps[i] * m->step_distance_mm;
		for (int a = 0; a < KINEMATICS_MODEL_AXES; a++)
			joint[i] += s->b.model.weight[i][a] *
				    printer_axis_mm(&s->b.printer, (enum printer_axis)a);
	}
	assert_true(mc->kinematics->forward(mc, joint, xyz));
}

/* The name of Z at which the nozzle is that far over the bed, or over where the probe triggers. */
static double named_mm(struct scene *s, double x_mm, double y_mm, bool probe, double height_mm)
{
	double at[MOVE_AXES] = { x_mm, y_mm, height_mm }, xyz[3];

	for (int i = 0; i < 4; i++) {
		truth_of(s, at, xyz);
		at[2] -= xyz[2] - height_mm -
			 (probe ? printer_trigger_mm(&s->b.printer, xyz[0], xyz[1])
				: printer_bed_mm(&s->b.printer, xyz[0], xyz[1]));
	}
	return at[2];
}

double bed_trigger_mm(struct scene *s, double x_mm, double y_mm)
{
	return named_mm(s, x_mm, y_mm, true, 0);
}

double bed_nozzle_mm(struct scene *s, double x_mm, double y_mm, double height_mm)
{
	return named_mm(s, x_mm, y_mm, false, height_mm);
}

void bed_points_agree(struct scene *s, const char *what)
{
	const struct probe_points *p = &s->b.m->points;
	double limit_mm = bed_microstep_mm(s) + s->b.printer.probe.noise_mm, worst = 0;

	for (size_t i = 0; i < p->count; i++) {
		double at_mm[MOVE_AXES], off;

		probe_points_nozzle(s->b.m, i, at_mm);
		off = p->z_mm[i] - bed_trigger_mm(s, at_mm[AXIS_X], at_mm[AXIS_Y]);
		worst = fmax(worst, fabs(off));
		if (!(fabs(off) <= limit_mm))
			fail_msg("%s: place %zu at %.2f, %.2f: found %.5f mm, off by %.5f, more than %.5f",
				 what, i, at_mm[0], at_mm[1], p->z_mm[i], off, limit_mm);
	}
	printf("%s: %zu places, off by %.2f um at most, a microstep is %.2f um\n", what, p->count,
	       1e3 * worst, 1e3 * limit_mm);
}
