/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics_dual.c - [dual_carriage]: a second carriage on an axis. See kinematics.h. */
#include <math.h>
#include <string.h>

#include "daemon/config/machine_load.h"
#include "daemon/kinematics/kinematics.h"

/* Not said: as far as the two carriages' ranges differ, at the end where they differ less. */
void kinematics_dual_pair(struct machine_load *l, struct config_section *s, struct machine_rail *a,
			  int first)
{
	struct machine_rail *b = &l->mc->rails[first];
	const struct field distance = { .option = "safe_distance",
					.kind = FIELD_DOUBLE,
					.offset = offsetof(struct machine_rail, safe_distance_mm),
					.hi = 100000,
					.fallback =
						fmin(fabs(a->position_min_mm - b->position_min_mm),
						     fabs(a->position_max_mm - b->position_max_mm)),
					.unit = "mm" };

	fields_load(l, s, &distance, 1, a);
	a->partner = first;
	b->partner = (int)(a - l->mc->rails);
	b->safe_distance_mm = a->safe_distance_mm;
}

void kinematics_dual_refused(struct machine_load *l)
{
	struct config_section *s = config_section(l->c, "dual_carriage");

	if (!s || l->mc->kinematics->dual)
		return;
	config_report(l->c, CONFIG_ERROR, s->place,
		      "[dual_carriage] not with kinematics %s: expected cartesian, hybrid_corexy, "
		      "hybrid_corexz or generic_cartesian",
		      l->mc->kinematics->name);
}

void kinematics_load_dual(struct machine_load *l, const double *second)
{
	static const struct field axis = {
		.option = "axis", .kind = FIELD_CHOICE, .choices = "x y", .flags = FIELD_REQUIRED
	};
	struct config_section *s = l->mc->kinematics->dual ? section_use(l, "dual_carriage") : NULL;
	struct machine_rail *a;
	int on = AXIS_X;

	if (!s)
		return;
	if (!second)
		fields_load(l, s, &axis, 1, &on);
	a = rail_load(l, "dual_carriage", on, 0, NULL);
	if (!a || isnan(a->position_max_mm))
		return;
	for (size_t i = 0; second && i < a->stepper_count; i++) {
		double *carriage = l->mc->steppers[a->stepper[i]].carriage;

		carriage[AXIS_Y] = second[AXIS_Y];
		carriage[AXIS_Z] = second[AXIS_Z];
	}
	kinematics_dual_pair(l, s, a, on);
}
