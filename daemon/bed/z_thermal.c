// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bed/z_thermal.h"

#include <errno.h>
#include <math.h>

#include "daemon/gcode/gcode_path.h"
#include "daemon/machine/machine.h"

/* A look every so often, and then a part of at most so much; less than the least is left for later. */
#define LOOK_S 0.5
#define PART_MM 0.005
#define LEAST_MM 0.0005

static void forward(const void *ctx, double mm[MOVE_AXES])
{
	mm[AXIS_Z] += ((const struct z_thermal *)ctx)->by_mm;
}

static void inverse(const void *ctx, double mm[MOVE_AXES])
{
	mm[AXIS_Z] -= ((const struct z_thermal *)ctx)->by_mm;
}

void z_thermal_init(struct machine *m)
{
	const struct transform link = { forward, inverse, &m->z_thermal };
	const struct machine_z_thermal *cfg = &m->mc->z_thermal;
	struct gcode_place place;

	m->z_thermal = (struct z_thermal){
		.enabled = true, .coeff_mm_k = cfg->coeff_mm_k, .smooth_degc = NAN, .ref_degc = NAN
	};
	if (!cfg->present)
		return;
	gcode_place_take(&m->gcode, &place);
	transform_chain_set(&m->gcode.chain, TRANSFORM_THERMAL, &link);
	gcode_place_put(&m->gcode, &place);
}

void z_thermal_homed(struct machine *m)
{
	m->z_thermal.by_mm = 0;
	m->z_thermal.ref_degc = m->z_thermal.smooth_degc;
}

/* Where it should be now. */
static double wanted_mm(const struct machine *m)
{
	const struct z_thermal *z = &m->z_thermal;
	double most_mm = m->mc->z_thermal.most_mm;
	double by_mm = -z->coeff_mm_k * (z->smooth_degc - z->ref_degc);

	if (!z->enabled)
		return 0;
	return fmin(fmax(by_mm, -most_mm), most_mm);
}

/* Only in motion that is the G-code's own: what probes and homes knows where it is. */
static bool may_follow(const struct machine *m)
{
	return m->status.moving && m->homed & 1u << AXIS_Z && m->homing.state == HOMING_IDLE &&
	       !m->acts.running && !m->manual_probe.active && !m->sidetrack.state &&
	       planner_position(m->planner)[AXIS_Z] < m->mc->z_thermal.off_above_mm;
}

void z_thermal_poll(struct machine *m)
{
	const struct machine_z_thermal *cfg = &m->mc->z_thermal;
	struct z_thermal *z = &m->z_thermal;
	const struct heat_sensor_status *sensor = &m->heaters.status.sensor[cfg->sensor];
	double now_s = machine_now_s(m), passed_s = now_s - z->looked_s, by_mm;
	char err[GCODE_ERR_MAX];

	if (!cfg->present || passed_s < LOOK_S || sensor->state != HEAT_SENSOR_GOOD)
		return;
	z->looked_s = now_s;
	if (z->smooth_degc == z->smooth_degc)
		z->smooth_degc += (sensor->degc - z->smooth_degc) *
				  (1 - exp(-passed_s / fmax(cfg->smooth_s, 1e-3)));
	else
		z->smooth_degc = sensor->degc;
	if (z->ref_degc != z->ref_degc && m->homed & 1u << AXIS_Z)
		z->ref_degc = z->smooth_degc; /* homed before the first value */
	if (z->ref_degc != z->ref_degc || !may_follow(m))
		return;
	by_mm = fmin(fmax(wanted_mm(m) - z->by_mm, -PART_MM), PART_MM);
	if (fabs(by_mm) >= LEAST_MM && machine_nudge(m, by_mm, err) == 0)
		z->by_mm += by_mm;
}

static enum gcode_result set(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct z_thermal *z = &m->z_thermal;
	double enable, coeff, ref;

	if (!m->mc->z_thermal.present)
		return gcode_fail(g, "expected a [z_thermal_adjust]");
	if (!gcode_param_number(g, l, "ENABLE", z->enabled, &enable) ||
	    !gcode_param_number(g, l, "TEMP_COEFF", z->coeff_mm_k, &coeff) ||
	    !gcode_param_number(g, l, "REF_TEMP", z->ref_degc, &ref))
		return GCODE_ERROR;
	if (enable != 0 && enable != 1)
		return gcode_fail(g, "ENABLE=%g: expected 0 or 1", enable);
	if (!(fabs(coeff) <= 1))
		return gcode_fail(g, "TEMP_COEFF=%g: expected -1 to 1 mm/K", coeff);
	if (ref == ref && !(ref > -273.15 && ref <= 1000))
		return gcode_fail(g, "REF_TEMP=%g: expected -273.15 to 1000 degrees", ref);
	z->enabled = enable != 0;
	z->coeff_mm_k = coeff;
	z->ref_degc = ref;
	gcode_reply(
		g, REPLY_INFO,
		"z_thermal_adjust: %s, %g mm/K from %.2f degrees; %.2f now, Z is moved by %.4f mm",
		z->enabled ? "on" : "off", z->coeff_mm_k, z->ref_degc, z->smooth_degc, z->by_mm);
	return GCODE_OK;
}

const struct gcode_command z_thermal_commands[] = {
	{ "SET_Z_THERMAL_ADJUST", GCODE_EXTENDED, GCODE_NOW, set,
	  "[ENABLE=<0|1>] [TEMP_COEFF=<mm/K>] [REF_TEMP=<degrees>]",
	  "how Z follows the temperature of the frame" },
};
const unsigned z_thermal_command_count = sizeof(z_thermal_commands) / sizeof(*z_thermal_commands);
