/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "printer_bed.h"

#include <math.h>
#include <stddef.h>

#include "printer.h"

/* Pulses of a BLTouch's control pin, from its data sheet: each stands for the widths around it. */
static const double PULSE_NEAR_S = 50e-6;
static const double DOWN_S = 650e-6, TOUCH_S = 1162e-6, UP_S = 1475e-6, TEST_S = 1780e-6,
		    STORE_S = 1884e-6, SIGNAL_5V_S = 1988e-6, SIGNAL_OD_S = 2091e-6,
		    RESET_S = 2190e-6;
/* A switch that was pushed in without touch mode says so for this long. */
static const double SIGNAL_S = 10e-3;
/* Without a pulse for so long, the next one counts even if it is like the last. */
static const double PAUSE_S = 50e-3;

/* ---- the surface and what is over it ---- */

void printer_bed_shape(struct printer_bed *b, double shape_mm)
{
	/* Shares of the whole, and lengths. */
	static const struct {
		double share, x_mm, y_mm, phase;
	} waves[] = {
		{ 0.6, 310, 420, 0.7 },
		{ 0.4, -230, 170, 2.1 },
	};
	_Static_assert(sizeof(waves) / sizeof(*waves) <= PRINTER_WAVES, "room for all");

	for (size_t i = 0; i < sizeof(waves) / sizeof(*waves); i++)
		b->wave[i] = (struct printer_wave){ shape_mm * waves[i].share / 2,
						    2 * M_PI / waves[i].x_mm,
						    2 * M_PI / waves[i].y_mm, waves[i].phase };
}

double printer_bed_mm(const struct printer *p, double x_mm, double y_mm)
{
	const struct printer_bed *b = &p->bed;
	double z = b->height_mm + b->slope_x * x_mm + b->slope_y * y_mm;

	for (int i = 0; i < PRINTER_WAVES; i++)
		if (b->wave[i].amplitude_mm != 0)
			z += b->wave[i].amplitude_mm *
			     sin(b->wave[i].per_x * x_mm + b->wave[i].per_y * y_mm +
				 b->wave[i].phase);
	return z;
}

/* Solve a 3 x 3 system by Cramer's rule. */
static void solve3(const double a[3][3], const double b[3], double x[3])
{
	double det = 0;

	for (int k = 0; k < 3; k++)
		det += a[0][k] * (a[1][(k + 1) % 3] * a[2][(k + 2) % 3] -
				  a[1][(k + 2) % 3] * a[2][(k + 1) % 3]);
	for (int k = 0; k < 3; k++) {
		double m[3][3], d = 0;

		for (int r = 0; r < 3; r++)
			for (int c = 0; c < 3; c++)
				m[r][c] = c == k ? b[r] : a[r][c];
		for (int c = 0; c < 3; c++)
			d += m[0][c] * (m[1][(c + 1) % 3] * m[2][(c + 2) % 3] -
					m[1][(c + 2) % 3] * m[2][(c + 1) % 3]);
		x[k] = d / det;
	}
}

static double corner_mm(const struct printer *p, int i)
{
	const struct printer_corner *c = &p->bed.corner[i];
	const struct printer_stepper *s = &p->steppers[c->stepper];

	return c->off_mm + (double)s->pos_steps / s->steps_per_mm;
}

/* Two corners tilt along their line only. */
static double line_mm(const struct printer *p, double x_mm, double y_mm)
{
	const struct printer_corner *a = &p->bed.corner[0], *b = &p->bed.corner[1];
	double dx = b->x_mm - a->x_mm, dy = b->y_mm - a->y_mm;
	double share = ((x_mm - a->x_mm) * dx + (y_mm - a->y_mm) * dy) / (dx * dx + dy * dy);

	return corner_mm(p, 0) + share * (corner_mm(p, 1) - corner_mm(p, 0));
}

/* The plane through three corners; of four as near to all as it gets. */
static double corners_mm(const struct printer *p, double x_mm, double y_mm)
{
	const struct printer_bed *b = &p->bed;
	double a[3][3] = { { 0 } }, rhs[3] = { 0 }, plane[3], mx = 0, my = 0;

	if (b->corners == 2)
		return line_mm(p, x_mm, y_mm);
	for (int i = 0; i < b->corners; i++) {
		mx += b->corner[i].x_mm / b->corners;
		my += b->corner[i].y_mm / b->corners;
	}
	for (int i = 0; i < b->corners; i++) {
		double at[3] = { 1, b->corner[i].x_mm - mx, b->corner[i].y_mm - my };
		double h = corner_mm(p, i);

		for (int r = 0; r < 3; r++) {
			rhs[r] += at[r] * h;
			for (int k = 0; k < 3; k++)
				a[r][k] += at[r] * at[k];
		}
	}
	solve3((const double(*)[3])a, rhs, plane);
	return plane[0] + plane[1] * (x_mm - mx) + plane[2] * (y_mm - my);
}

static void axes_xyz(const struct printer *p, double xyz_mm[3])
{
	double axis_mm[PRINTER_AXES];

	if (!p->nozzle) {
		for (int k = 0; k < 3; k++)
			xyz_mm[k] = printer_axis_mm(p, (enum printer_axis)k);
		return;
	}
	for (int k = 0; k < PRINTER_AXES; k++)
		axis_mm[k] = printer_axis_mm(p, (enum printer_axis)k);
	p->nozzle(p->nozzle_ctx, axis_mm, xyz_mm);
}

double printer_height_mm(const struct printer *p, double x_mm, double y_mm)
{
	double xyz[3];

	if (p->bed.corners > 1)
		return p->start_mm[PRINTER_Z] + corners_mm(p, x_mm, y_mm);
	axes_xyz(p, xyz);
	return xyz[2];
}

void printer_nozzle_mm(const struct printer *p, double xyz_mm[3])
{
	axes_xyz(p, xyz_mm);
	if (p->bed.corners > 1)
		xyz_mm[2] = printer_height_mm(p, xyz_mm[0], xyz_mm[1]);
}

double printer_trigger_mm(const struct printer *p, double x_mm, double y_mm)
{
	const struct printer_probe *pr = &p->probe;

	return printer_bed_mm(p, x_mm + pr->x_mm, y_mm + pr->y_mm) + pr->z_mm + pr->twist_x * x_mm +
	       pr->twist_y * y_mm;
}

/* ---- the probe ---- */

/* How far the probe is above the height at which it triggers. */
static double clear_mm(const struct printer *p)
{
	const struct printer_probe *pr = &p->probe;
	double xyz[3], z;

	axes_xyz(p, xyz);
	z = p->bed.corners > 1 ? printer_height_mm(p, xyz[0] + pr->x_mm, xyz[1] + pr->y_mm) : xyz[2];
	return z - printer_trigger_mm(p, xyz[0], xyz[1]) - pr->off_mm;
}

/* The switch of a probe without a servo. */
static bool switch_read(struct printer *p)
{
	struct printer_probe *pr = &p->probe;
	double clear = clear_mm(p);

	if (clear <= 0) {
		pr->pressed = true;
	} else if (clear > pr->hysteresis_mm && pr->pressed) {
		pr->pressed = false;
		pr->off_mm = pr->noise_mm * printer_noise(p);
	}
	return pr->pressed;
}

/* A BLTouch: its pin goes in by itself once it is pushed, but for touch mode. */
static bool touch_read(struct printer *p)
{
	struct printer_probe *pr = &p->probe;

	if (pr->state == PRINTER_PIN_ALARM)
		return true;
	if (pr->touch_mode)
		return pr->state == PRINTER_PIN_UP ||
		       (pr->state == PRINTER_PIN_DOWN && switch_read(p));
	if (pr->state == PRINTER_PIN_DOWN && clear_mm(p) <= 0) {
		pr->state = PRINTER_PIN_UP;
		pr->triggered_s = p->now_s;
		pr->off_mm = pr->noise_mm * printer_noise(p);
		pr->pressed = true;
	}
	if (pr->pressed && p->now_s - pr->triggered_s > SIGNAL_S)
		pr->pressed = false;
	return pr->pressed;
}

bool printer_probe_read(struct printer *p)
{
	struct printer_probe *pr = &p->probe;
	bool on = pr->servo ? touch_read(p) : switch_read(p);

	if (pr->stuck_open || pr->stuck_closed)
		on = pr->stuck_closed;
	return on != pr->invert;
}

static bool is_pulse(double s, double of_s)
{
	return fabs(s - of_s) < PULSE_NEAR_S;
}

/* The pin comes out: not where something is in its way. */
static void deploy(struct printer *p)
{
	struct printer_probe *pr = &p->probe;

	pr->pressed = false;
	pr->deployments++;
	pr->state = pr->jammed || clear_mm(p) <= 0 ? PRINTER_PIN_ALARM : PRINTER_PIN_DOWN;
}

/* A mode of the signal; behind STORE it is kept. */
static void signal_mode(struct printer_probe *pr, double s)
{
	bool is_5v = is_pulse(s, SIGNAL_5V_S), is_od = is_pulse(s, SIGNAL_OD_S);

	if (is_5v || is_od)
		pr->signal = is_5v ? PRINTER_SIGNAL_5V : PRINTER_SIGNAL_OD;
	if ((is_5v || is_od) && pr->storing)
		pr->stored = pr->signal;
	pr->storing = is_pulse(s, STORE_S);
}

static void pulse(struct printer *p, double s)
{
	struct printer_probe *pr = &p->probe;

	if (is_pulse(s, pr->pulse_s))
		return; /* the same again */
	pr->pulse_s = s;
	pr->pulses++;
	if (is_pulse(s, RESET_S))
		pr->state = PRINTER_PIN_UP;
	else if (pr->state == PRINTER_PIN_ALARM)
		return;
	pr->touch_mode = is_pulse(s, TOUCH_S);
	signal_mode(pr, s);
	if (is_pulse(s, DOWN_S))
		deploy(p);
	else if (is_pulse(s, UP_S))
		pr->state = pr->jammed ? PRINTER_PIN_ALARM : PRINTER_PIN_UP;
	else if (is_pulse(s, TEST_S)) {
		pr->state = PRINTER_PIN_TEST;
		pr->tests++;
	}
	if (!is_pulse(s, TOUCH_S))
		pr->pressed = false;
}

void printer_probe_control(struct printer *p, bool level)
{
	struct printer_probe *pr = &p->probe;

	if (level && p->now_s - pr->high_s > PAUSE_S)
		pr->pulse_s = 0;
	if (level)
		pr->high_s = p->now_s;
	else if (pr->high_s > 0)
		pulse(p, p->now_s - pr->high_s);
}
