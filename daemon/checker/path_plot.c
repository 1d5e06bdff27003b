// SPDX-License-Identifier: GPL-2.0-or-later
/* path_plot.c - collects the layer to draw and writes the data files. */
#include "path_plot_private.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LAYER_DEFAULT = 3,
	POINTS_MAX = 400000, /* executed; then every second is dropped */
	MOVES_KEPT_MAX = 200000,
};

int plot_open(struct plot **out, const char *prefix, const struct plot_options *opt)
{
	struct plot *p = calloc(1, sizeof(*p));
	const char *title;

	*out = NULL;
	if (!p)
		return -ENOMEM;
	p->layer_wanted = opt->layer ? opt->layer : LAYER_DEFAULT;
	p->whole = opt->whole_print;
	p->svg = opt->svg;
	p->tolerance_us = opt->tolerance_us > 0 ? opt->tolerance_us : 12.5;
	p->stride = 1;
	p->prefix = strdup(prefix);
	title = opt->title && strrchr(opt->title, '/') ? strrchr(opt->title, '/') + 1 : opt->title;
	p->title = strdup(title ? title : "");
	p->point = malloc(POINTS_MAX * sizeof(*p->point));
	if (!p->prefix || !p->title || !p->point) {
		plot_free(p);
		return -ENOMEM;
	}
	*out = p;
	return 0;
}

void plot_free(struct plot *p)
{
	if (!p)
		return;
	free(p->prefix);
	free(p->title);
	free(p->point);
	free(p->line);
	free(p);
}

static bool extrudes(const struct move *m)
{
	return m->dir[AXIS_E] > 0 && (m->dir[AXIS_X] != 0 || m->dir[AXIS_Y] != 0);
}

/* Extrusion at a new height: the layers before it are of no interest any more. */
static void layer_begin(struct plot *p, double z_mm, double start_s)
{
	if (p->whole || p->layer_done)
		return;
	if (p->layer == p->layer_wanted) {
		p->layer_done = true;
		p->end_s = start_s;
		return;
	}
	/* Keep the travel that led here out; count anew. */
	p->layer++;
	p->z_mm = z_mm;
	p->lines = 0;
	p->points = 0;
	p->stride = 1;
	p->skip = 0;
	p->start_s = start_s;
}

int plot_planned_move(struct plot *p, const struct move *m, double start_s)
{
	struct plot_line *l;

	if (extrudes(m) && (p->layer == 0 || fabs(m->start_mm[AXIS_Z] - p->z_mm) > 1e-6))
		layer_begin(p, m->start_mm[AXIS_Z], start_s);
	if (p->layer_done || p->lines == MOVES_KEPT_MAX)
		return 0;
	if (p->lines == p->line_cap) {
		uint32_t cap = p->line_cap ? 2 * p->line_cap : 1024;

		l = realloc(p->line, cap * sizeof(*l));
		if (!l)
			return -ENOMEM;
		p->line = l;
		p->line_cap = cap;
	}
	l = &p->line[p->lines++];
	*l = (struct plot_line){ .start_s = start_s,
				 .end_s = start_s + m->accel_s + m->cruise_s + m->decel_s,
				 .x0 = m->start_mm[AXIS_X],
				 .y0 = m->start_mm[AXIS_Y],
				 .x1 = m->start_mm[AXIS_X] + m->dir[AXIS_X] * m->length_mm,
				 .y1 = m->start_mm[AXIS_Y] + m->dir[AXIS_Y] * m->length_mm,
				 .extrudes = extrudes(m) };
	if (!p->layer_done)
		p->end_s = l->end_s;
	return 0;
}

int plot_executed_point(struct plot *p, double time_s, double x_mm, double y_mm)
{
	if (time_s < p->start_s || (p->layer_done && time_s > p->end_s))
		return 0;
	if (p->skip) {
		p->skip--;
		return 0;
	}
	if (p->points == POINTS_MAX) {
		for (uint32_t i = 0; i < POINTS_MAX / 2; i++)
			p->point[i] = p->point[2 * i];
		p->points = POINTS_MAX / 2;
		p->stride *= 2;
	}
	p->skip = p->stride - 1;
	p->point[p->points++] = (struct plot_point){ time_s, x_mm, y_mm };
	return 0;
}

FILE *plot_file(const struct plot *p, const char *suffix, char *path, size_t path_len)
{
	if ((size_t)snprintf(path, path_len, "%s%s", p->prefix, suffix) >= path_len) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return fopen(path, "w");
}

static int file_close(FILE *f)
{
	int bad = ferror(f);

	return fclose(f) || bad ? -EIO : 0;
}

/* Two blocks: extrusion, travel; a blank line lifts the pen. */
static int write_planned(const struct plot *p)
{
	char path[PLOT_PATH_MAX];
	FILE *f = plot_file(p, "-planned.dat", path, sizeof(path));

	if (!f)
		return -errno;
	for (int kind = 1; kind >= 0; kind--) {
		const struct plot_line *last = NULL;

		for (uint32_t i = 0; i < p->lines; i++) {
			const struct plot_line *l = &p->line[i];

			if (l->extrudes != kind)
				continue;
			if (last != l - 1)
				fprintf(f, "\n%.5f %.5f\n", l->x0, l->y0);
			fprintf(f, "%.5f %.5f\n", l->x1, l->y1);
			last = l;
		}
		fputs("\n\n", f);
	}
	return file_close(f);
}

static int write_executed(const struct plot *p)
{
	char path[PLOT_PATH_MAX];
	FILE *f = plot_file(p, "-executed.dat", path, sizeof(path));

	if (!f)
		return -errno;
	for (int kind = 1; kind >= 0; kind--) {
		uint32_t line = 0;
		bool down = false;

		for (uint32_t i = 0; i < p->points && line < p->lines; i++) {
			const struct plot_point *x = &p->point[i];

			while (line + 1 < p->lines && x->t > p->line[line].end_s)
				line++;
			if (x->t > p->end_s + 1e-3)
				break;
			if (p->line[line].extrudes == kind)
				fprintf(f, "%.5f %.5f\n", x->x, x->y);
			else if (down)
				fputc('\n', f);
			down = p->line[line].extrudes == kind;
		}
		fputs("\n\n", f);
	}
	return file_close(f);
}

static int write_histogram(const struct plot *p, const struct checker_error *e)
{
	char path[PLOT_PATH_MAX];
	FILE *f = plot_file(p, "-error.dat", path, sizeof(path));

	if (!f)
		return -errno;
	fputs("# error_us steps\n", f);
	for (int i = 0; i < CHECKER_HIST_BINS; i++)
		fprintf(f, "%.2f %llu\n", (i + 0.5) / CHECKER_HIST_PER_US - CHECKER_HIST_US,
			(unsigned long long)e->hist[i + 1]);
	return file_close(f);
}

/* The corner to enlarge: between long extruding legs, as near a right angle as there is. */
static void choose_corner(struct plot *p)
{
	double best = -1;

	p->zoom_mm = 2;
	for (uint32_t i = 0; i < p->lines; i++) {
		const struct plot_line *a = &p->line[i ? i - 1 : 0], *b = &p->line[i];
		double ax = a->x1 - a->x0, ay = a->y1 - a->y0, la = hypot(ax, ay);
		double bx = b->x1 - b->x0, by = b->y1 - b->y0, lb = hypot(bx, by);
		double shorter = fmin(fmin(la, lb), 3), score;

		if (!a->extrudes || !b->extrudes || shorter <= 0)
			continue;
		score = shorter * fabs(ax * by - ay * bx) / (la * lb) + 1e-3 * shorter;
		/* Lines along the axes show no steps: prefer slanted ones. */
		score *= 1 + fmin(fabs(ax), fabs(ay)) / la;
		if (score > best) {
			best = score;
			p->zoom_x = b->x0;
			p->zoom_y = b->y0;
		}
	}
	if (best < 0 && p->lines) {
		p->zoom_x = p->line[p->lines / 2].x0;
		p->zoom_y = p->line[p->lines / 2].y0;
	}
}

int plot_finish(struct plot *p, const struct checker_result *r, char *msg, size_t msg_len)
{
	int ret;

	choose_corner(p);
	ret = write_planned(p);
	if (!ret)
		ret = write_executed(p);
	if (!ret && r)
		ret = write_histogram(p, &r->all);
	if (!ret)
		ret = plot_script(p, r);
	if (ret)
		snprintf(msg, msg_len, "can't write the files of plot %s: %s", p->prefix,
			 strerror(-ret));
	else
		ret = plot_run(p, r != NULL, msg, msg_len);
	plot_free(p);
	return ret;
}
