/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printer_axes.c - where the axes are by their motors. */
#include "printer.h"

#include <math.h>
#include <string.h>

static void weights_of(const struct printer *p, const struct printer_stepper *s,
		       double weight[PRINTER_AXES])
{
	bool any = false;

	memcpy(weight, s->weight, sizeof(s->weight));
	for (int k = 0; k < PRINTER_AXES; k++)
		any |= weight[k] != 0;
	if (any)
		return;
	weight[s->axis] = 1;
	if (p->kinematics != PRINTER_COREXY || s->axis > PRINTER_Y)
		return;
	weight[PRINTER_X] = 1;
	weight[PRINTER_Y] = s->axis == PRINTER_X ? 1 : -1;
}

/* One row of the elimination: weights of the axes, and which motors' sum it is. */
struct row {
	double weight[PRINTER_AXES], motor[PRINTER_STEPPERS_MAX];
	int pivot;
};

static void row_take(struct row *r, const struct row *from, double factor)
{
	for (int k = 0; k < PRINTER_AXES; k++)
		r->weight[k] -= factor * from->weight[k];
	for (int i = 0; i < PRINTER_STEPPERS_MAX; i++)
		r->motor[i] -= factor * from->motor[i];
}

/* Gauss-Jordan over the motors in order; those that add nothing new are left out. */
static int eliminate(const struct printer *p, struct row rows[PRINTER_AXES])
{
	int n = 0;

	for (int i = 0; i < p->stepper_count && n < PRINTER_AXES; i++) {
		struct row *r = &rows[n];
		double top = 0;

		memset(r, 0, sizeof(*r));
		weights_of(p, &p->steppers[i], r->weight);
		r->motor[i] = 1;
		for (int j = 0; j < n; j++)
			row_take(r, &rows[j], r->weight[rows[j].pivot]);
		for (int k = 0; k < PRINTER_AXES; k++)
			if (fabs(r->weight[k]) > top) {
				top = fabs(r->weight[k]);
				r->pivot = k;
			}
		if (top < 1e-9)
			continue;
		row_take(r, r, 1 - 1 / r->weight[r->pivot]);
		for (int j = 0; j < n; j++)
			row_take(&rows[j], r, rows[j].weight[r->pivot]);
		n++;
	}
	return n;
}

static void solve(struct printer *p)
{
	struct row rows[PRINTER_AXES];
	int n = eliminate(p, rows);

	memset(p->inverse, 0, sizeof(p->inverse));
	for (int j = 0; j < n; j++)
		memcpy(p->inverse[rows[j].pivot], rows[j].motor, sizeof(rows[j].motor));
}

void printer_set_kinematics(struct printer *p, enum printer_kinematics kinematics)
{
	p->kinematics = kinematics;
	solve(p);
}

double printer_axis_mm(const struct printer *p, enum printer_axis axis)
{
	double mm = p->start_mm[axis];

	for (int i = 0; i < p->stepper_count; i++)
		if (p->inverse[axis][i] != 0)
			mm += p->inverse[axis][i] *
			      ((double)p->steppers[i].pos_steps / p->steppers[i].steps_per_mm);
	return mm;
}
