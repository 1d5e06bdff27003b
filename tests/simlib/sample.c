// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/sample.h"

#include <math.h>
#include <stdbool.h>

#include "tests/oracle/refmotion.h"

#define LINE_E 0.033

struct pen {
	FILE *f;
	const struct sample *s;
	uint64_t rng;
	double x, y, z, e;
};

/* Whether the line keeps off the middle, and inside. */
static bool clear(const struct pen *p, double x, double y)
{
	double dx = x - p->x, dy = y - p->y, l2 = dx * dx + dy * dy;
	double at = l2 > 0 ? -(p->x * dx + p->y * dy) / l2 : 0;

	at = fmin(fmax(at, 0), 1);
	return hypot(p->x + at * dx, p->y + at * dy) >= p->s->least_mm &&
	       hypot(x, y) <= p->s->far_mm;
}

static void shapers(struct pen *p)
{
	static const char *const types[] = { "none", "zv",       "mzv",     "zvd",
					     "ei",   "2hump_ei", "3hump_ei" };

	fprintf(p->f, "SET_INPUT_SHAPER SHAPER_TYPE_X=%s SHAPER_TYPE_Y=%s SHAPER_TYPE_Z=%s",
		types[ref_random(&p->rng) % 7], types[ref_random(&p->rng) % 7],
		types[ref_random(&p->rng) % 2]);
	fprintf(p->f, " SHAPER_FREQ_X=%.1f SHAPER_FREQ_Y=%.1f SHAPER_FREQ_Z=%.1f\n",
		ref_uniform(&p->rng, 30, 90), ref_uniform(&p->rng, 30, 90),
		ref_uniform(&p->rng, 30, 90));
}

static void go(struct pen *p, double x, double y, double z, double feed_mm_s)
{
	x = round(x * 1e4) / 1e4;
	y = round(y * 1e4) / 1e4;
	z = fmin(fmax(z, p->s->low_mm), p->s->high_mm);
	if (!clear(p, x, y))
		return;
	if (p->s->shapers && ref_random(&p->rng) % p->s->shapers == 0)
		shapers(p);
	if (p->s->axes == 2)
		p->e += LINE_E * hypot(x - p->x, y - p->y);
	p->x = x;
	p->y = y;
	p->z = z;
	fprintf(p->f, "G1 X%.4f Y%.4f Z%.4f", p->s->x_mm + x, p->s->y_mm + y, z);
	if (p->s->axes == 2)
		fprintf(p->f, " E%.5f", p->e);
	fprintf(p->f, " F%.1f\n", 60 * feed_mm_s);
}

static double feed(struct pen *p)
{
	return ref_loguniform(&p->rng, 5, 400);
}

static void line(struct pen *p)
{
	double a = ref_uniform(&p->rng, -M_PI, M_PI);
	double r = ref_uniform(&p->rng, p->s->least_mm, p->s->far_mm);

	go(p, r * cos(a), r * sin(a), p->z, feed(p));
}

static void circle(struct pen *p)
{
	double a = atan2(p->y, p->x), r = hypot(p->x, p->y), v = feed(p);
	double step = ref_uniform(&p->rng, 0.05, 1) / fmax(r, 0.1);

	if (ref_random(&p->rng) >> 63)
		step = -step;
	for (int i = 0; i < 150; i++)
		go(p, r * cos(a + i * step), r * sin(a + i * step), p->z, v);
}

static void tiny(struct pen *p)
{
	double size = ref_loguniform(&p->rng, 0.001, 0.1), v = feed(p);

	for (int i = 0; i < 80; i++)
		go(p, p->x + ref_uniform(&p->rng, -size, size),
		   p->y + ref_uniform(&p->rng, -size, size), p->z, v);
}

static void reversals(struct pen *p)
{
	double dx = ref_uniform(&p->rng, -4, 4), dy = ref_uniform(&p->rng, -4, 4), v = feed(p);

	for (int i = 0; i < 12; i++, dx *= -0.9, dy *= -0.9)
		go(p, p->x + dx, p->y + dy, p->z, v);
}

static void hop(struct pen *p)
{
	double z = p->z;

	go(p, p->x, p->y, z + ref_uniform(&p->rng, 0.1, 5), 20);
	line(p);
	go(p, p->x, p->y, z + ref_uniform(&p->rng, -0.2, 0.5), 20);
}

static void climb(struct pen *p)
{
	double top = ref_uniform(&p->rng, p->s->low_mm, p->s->high_mm);

	for (int i = 0; i < 10; i++)
		go(p, p->x + ref_uniform(&p->rng, -2, 2), p->y + ref_uniform(&p->rng, -2, 2),
		   p->z + (top - p->z) * 0.1, feed(p));
}

void sample_write(FILE *f, const struct sample *s)
{
	static void (*const piece[])(struct pen *) = { line, circle, tiny, reversals, hop, climb };
	struct pen p = { .f = f, .s = s, .rng = s->seed * 0x9E3779B97F4A7C15ULL + 1 };

	fprintf(f, "; made from seed %llu\nG90\nM82\nG21\nG92 E0\n", (unsigned long long)s->seed);
	p.x = 0.5 * (s->least_mm + s->far_mm);
	p.z = s->low_mm;
	fprintf(f, "G1 X%.4f Y%.4f Z%.4f F6000\n", s->x_mm + p.x, s->y_mm, p.z);
	for (unsigned i = 0; i < s->pieces; i++)
		piece[ref_random(&p.rng) % (sizeof(piece) / sizeof(*piece))](&p);
	fprintf(f, "M400\n");
}
