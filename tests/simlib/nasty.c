// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/nasty.h"

#include <math.h>
#include <stdbool.h>

#include "tests/oracle/refmotion.h"

#define LOW_MM 10.0
#define HIGH_MM 290.0
#define TOP_MM 50.0
/* Filament per mm of path: a 0.4 x 0.2 mm line. */
#define LINE_E 0.033

struct nasty {
	FILE *f;
	uint64_t rng;
	double x, y, z, e;     /* where the nozzle is; e: filament fed */
	double zero_x, zero_e; /* G92: machine position of the user's zero */
	double inch;           /* mm a user unit */
	bool relative, relative_e;
};

static double uniform(struct nasty *n, double low, double high)
{
	return ref_uniform(&n->rng, low, high);
}

static int pick(struct nasty *n, int below)
{
	return (int)uniform(n, 0, below) % below;
}

static double clamp(double v, double low, double high)
{
	return fmin(fmax(v, low), high);
}

/* Rounded to what the file says, so that relative moves don't drift from what is tracked here. */
static double rounded(double mm)
{
	return round(mm * 1e5) / 1e5;
}

/* One word: the user's number for a change from `from` to `to`. */
static void word(struct nasty *n, char letter, double from, double to, double zero, bool relative)
{
	fprintf(n->f, " %c%.8f", letter, (relative ? to - from : to - zero) / n->inch);
}

/* A straight move; e_mm: filament that goes with it. */
static void go(struct nasty *n, double x, double y, double z, double e_mm, double feed_mm_min)
{
	double to_e = rounded(n->e + e_mm);

	x = rounded(clamp(x, LOW_MM, HIGH_MM));
	y = rounded(clamp(y, LOW_MM, HIGH_MM));
	z = rounded(clamp(z, 0, TOP_MM));
	fprintf(n->f, "G1");
	if (x != n->x)
		word(n, 'X', n->x, x, n->zero_x, n->relative);
	if (y != n->y)
		word(n, 'Y', n->y, y, 0, n->relative);
	if (z != n->z)
		word(n, 'Z', n->z, z, 0, n->relative);
	if (to_e != n->e)
		word(n, 'E', n->e, to_e, n->zero_e, n->relative || n->relative_e);
	if (feed_mm_min > 0)
		fprintf(n->f, " F%.4f", feed_mm_min / n->inch);
	fprintf(n->f, "\n");
	n->x = x;
	n->y = y;
	n->z = z;
	n->e = to_e;
}

static void extrude_to(struct nasty *n, double x, double y, double feed_mm_min)
{
	x = clamp(x, LOW_MM, HIGH_MM);
	y = clamp(y, LOW_MM, HIGH_MM);
	go(n, x, y, n->z, LINE_E * hypot(x - n->x, y - n->y), feed_mm_min);
}

static double feed(struct nasty *n)
{
	return exp(uniform(n, log(300), log(24000)));
}

/* ---- the pieces ---- */

static void travel(struct nasty *n)
{
	go(n, uniform(n, LOW_MM, HIGH_MM), uniform(n, LOW_MM, HIGH_MM), n->z, 0, feed(n));
}

static void arc(struct nasty *n)
{
	double r = exp(uniform(n, log(0.3), log(15))), at = uniform(n, 0, 6.28);
	double cx = clamp(n->x, LOW_MM + r, HIGH_MM - r), cy = clamp(n->y, LOW_MM + r, HIGH_MM - r);
	int segments = 20 + pick(n, 400);
	double turn = 0.05 / r * (pick(n, 2) ? 1 : -1), f = feed(n);

	for (int i = 0; i < segments; i++, at += turn)
		extrude_to(n, cx + r * cos(at), cy + r * sin(at), i ? 0 : f);
}

static void tiny(struct nasty *n)
{
	double size = exp(uniform(n, log(0.0005), log(0.05))), f = feed(n);

	for (int i = 0, count = 20 + pick(n, 150); i < count; i++)
		extrude_to(n, n->x + uniform(n, -size, size), n->y + uniform(n, -size, size),
			   i ? 0 : f);
}

static void reversals(struct nasty *n)
{
	double dx = uniform(n, -3, 3), dy = uniform(n, -3, 3), shrink = uniform(n, 0.8, 1);

	for (int i = 0, count = 4 + pick(n, 30); i < count; i++) {
		extrude_to(n, n->x + dx, n->y + dy, feed(n));
		dx *= -shrink;
		dy *= -shrink;
	}
}

static void speed_changes(struct nasty *n)
{
	double angle = uniform(n, 0, 6.28), step = exp(uniform(n, log(0.05), log(5)));

	for (int i = 0, count = 5 + pick(n, 40); i < count; i++)
		extrude_to(n, n->x + step * cos(angle), n->y + step * sin(angle), feed(n));
}

static void limits(struct nasty *n)
{
	for (int i = 0, count = 5 + pick(n, 40); i < count; i++) {
		if (i % 2 == 0)
			switch (pick(n, 4)) {
			case 0:
				fprintf(n->f, "M204 S%.0f\n", uniform(n, 200, 10000));
				break;
			case 1:
				fprintf(n->f, "SET_VELOCITY_LIMIT ACCEL=%.0f\n",
					uniform(n, 200, 10000));
				break;
			case 2:
				fprintf(n->f, "SET_VELOCITY_LIMIT SQUARE_CORNER_VELOCITY=%.2f\n",
					uniform(n, 0, 15));
				break;
			default:
				fprintf(n->f,
					"SET_VELOCITY_LIMIT VELOCITY=%.1f MINIMUM_CRUISE_RATIO=%.2f\n",
					uniform(n, 50, 500), uniform(n, 0, 0.9));
			}
		extrude_to(n, n->x + uniform(n, -8, 8), n->y + uniform(n, -8, 8), i ? 0 : feed(n));
	}
	fprintf(n->f, "SET_VELOCITY_LIMIT VELOCITY=500 ACCEL=10000 SQUARE_CORNER_VELOCITY=5 "
		      "MINIMUM_CRUISE_RATIO=0.5\n");
}

static void extruder_only(struct nasty *n)
{
	for (int i = 0, count = 1 + pick(n, 12); i < count; i++)
		go(n, n->x, n->y, n->z, exp(uniform(n, log(0.001), log(6))) * (pick(n, 2) ? 1 : -1),
		   uniform(n, 60, 6000));
}

/* Retract, the last part while wiping back, hop, travel, down, prime. */
static void retract(struct nasty *n)
{
	double hop = uniform(n, 0.05, 2), z = n->z, wiped_e;

	go(n, n->x, n->y, n->z, -0.6, 2400);
	wiped_e = n->e;
	go(n, n->x + uniform(n, -2, 2), n->y + uniform(n, -2, 2), n->z, -0.2, 4800);
	wiped_e -= n->e;
	go(n, n->x, n->y, z + hop, 0, 1200);
	travel(n);
	go(n, n->x, n->y, z, 0, 900);
	go(n, n->x, n->y, n->z, 0.6 + wiped_e, 1800);
}

static void climb(struct nasty *n)
{
	if (n->z > TOP_MM - 5)
		go(n, n->x, n->y, 0.2, 0, 1200);
	go(n, n->x, n->y, n->z + uniform(n, 0.01, 0.3), 0, 0);
	/* A spiral: all four axes at once. */
	for (int i = 0; i < 20; i++)
		go(n, n->x + uniform(n, -2, 2), n->y + uniform(n, -2, 2), n->z + 0.004, 0.04,
		   i ? 0 : feed(n));
}

static void modes(struct nasty *n)
{
	switch (pick(n, 6)) {
	case 0:
		n->relative_e = !n->relative_e;
		fprintf(n->f, n->relative_e ? "M83\n" : "M82\n");
		break;
	case 1:
		n->relative = !n->relative;
		fprintf(n->f, n->relative ? "G91\n" : "G90\n");
		break;
	case 2:
		fprintf(n->f, "G92 E0\n");
		n->zero_e = n->e;
		break;
	case 3:
		fprintf(n->f, "G92 X%.5f\n", 100.0 / n->inch);
		n->zero_x = n->x - 100;
		break;
	case 4:
		n->inch = n->inch == 1 ? 25.4 : 1;
		fprintf(n->f, n->inch == 1 ? "G21\n" : "G20\n");
		break;
	default:
		fprintf(n->f, "M220 S%d\n", 50 + pick(n, 150));
		break;
	}
}

static void pauses(struct nasty *n)
{
	switch (pick(n, 4)) {
	case 0:
		fprintf(n->f, "G4 P%d\n", 1 + pick(n, 60));
		break;
	case 1:
		fprintf(n->f, "M400\n");
		break;
	case 2:
		fprintf(n->f, "M106 S%d\n", pick(n, 256));
		break;
	default:
		fprintf(n->f, "M107\nG4 P0\n");
		break;
	}
}

void nasty_write(FILE *f, uint64_t seed, unsigned pieces)
{
	static void (*const piece[])(struct nasty * n) = { arc,           tiny,   reversals,
							   speed_changes, limits, extruder_only,
							   retract,       climb,  modes,
							   modes,         pauses, travel };
	struct nasty n = { .f = f, .rng = seed * 0x9E3779B97F4A7C15ULL + 1, .inch = 1 };

	fprintf(f, "; made from seed %llu\nG90\nM82\nG21\n", (unsigned long long)seed);
	go(&n, 150, 150, 0.2, 0, 6000);
	for (unsigned i = 0; i < pieces; i++)
		piece[pick(&n, (int)(sizeof(piece) / sizeof(piece[0])))](&n);
	fprintf(f, "M220 S100\nM400\n");
}
