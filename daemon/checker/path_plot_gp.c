// SPDX-License-Identifier: GPL-2.0-or-later
/* path_plot_gp.c - the gnuplot script, and running it. */
#include "path_plot_private.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "daemon/gnuplot.h"

/* The closest view: a step of 12.5 um is a few per cent of it. */
#define ZOOM_CLOSE_MM 0.3

static void put_output(FILE *f, const struct plot *p, const char *what, int width, int height)
{
	char suffix[64];

	snprintf(suffix, sizeof(suffix), "-%s.%s", what, p->svg ? "svg" : "png");
	gnuplot_output(f, p->svg, width, height, p->prefix, suffix);
}

struct box {
	double x0, x1, y0, y1;
};

static struct box extent(const struct plot *p)
{
	struct box b = { HUGE_VAL, -HUGE_VAL, HUGE_VAL, -HUGE_VAL };
	bool any = false;

	for (uint32_t i = 0; i < p->lines; i++)
		any |= p->line[i].extrudes;
	for (uint32_t i = 0; i < p->lines; i++) {
		const struct plot_line *l = &p->line[i];

		if (any && !l->extrudes)
			continue;
		b.x0 = fmin(b.x0, fmin(l->x0, l->x1));
		b.x1 = fmax(b.x1, fmax(l->x0, l->x1));
		b.y0 = fmin(b.y0, fmin(l->y0, l->y1));
		b.y1 = fmax(b.y1, fmax(l->y0, l->y1));
	}
	if (b.x0 > b.x1)
		b = (struct box){ 0, 1, 0, 1 };
	return b;
}

static bool has_kind(const struct plot *p, bool extrudes)
{
	for (uint32_t i = 0; i < p->lines; i++) {
		const struct plot_line *l = &p->line[i];

		if (l->extrudes == extrudes && (l->x0 != l->x1 || l->y0 != l->y1))
			return true;
	}
	return false;
}

/* Planned below, executed above; each split into extrusion and travel. */
static void put_curves(FILE *f, const struct plot *p, const char *planned_style,
		       const char *executed_style, bool titles)
{
	static const char *const name[2][2] = { { "planned travel", "planned" },
						{ "executed travel", "executed steps" } };
	static const char *const colour[2][2] = { { "#d4d4d4", "#a8a8a8" },
						  { "#e08030", "#0060c0" } };
	const char *sep = "plot ";

	for (int e = 0; e < 2; e++) {
		for (int extrudes = 0; extrudes < 2; extrudes++) {
			if (!has_kind(p, extrudes))
				continue;
			fputs(sep, f);
			sep = ", \\\n     ";
			gnuplot_quoted(f, p->prefix, e ? "-executed.dat" : "-planned.dat");
			fprintf(f, " index %d with %s lc rgb '%s' ", !extrudes,
				e ? executed_style : planned_style, colour[e][extrudes]);
			if (titles)
				fprintf(f, "title '%s'", name[e][extrudes]);
			else
				fputs("notitle", f);
		}
	}
	fputs(p->lines ? "\n" : "plot 0 notitle\n", f);
}

static void put_range(FILE *f, struct box b)
{
	fprintf(f, "set xrange [%.4f:%.4f]\nset yrange [%.4f:%.4f]\n", b.x0, b.x1, b.y0, b.y1);
}

static struct box zoom_box(const struct plot *p, double size_mm)
{
	double h = size_mm / 2;

	return (struct box){ p->zoom_x - h, p->zoom_x + h, p->zoom_y - h, p->zoom_y + h };
}

static void put_rectangle(FILE *f, struct box b, const char *colour)
{
	fprintf(f,
		"set object 1 rectangle from %.4f,%.4f to %.4f,%.4f front fs empty "
		"border lc rgb '%s' lw 2\n",
		b.x0, b.y0, b.x1, b.y1, colour);
}

static void put_path(FILE *f, const struct plot *p)
{
	struct box b = extent(p), near = zoom_box(p, p->zoom_mm), close = zoom_box(p, ZOOM_CLOSE_MM);
	double margin = 0.03 * fmax(b.x1 - b.x0, b.y1 - b.y0) + 0.5;
	char layer[64] = "whole print";

	if (!p->whole)
		snprintf(layer, sizeof(layer), "layer %u, z = %.4g mm", p->layer, p->z_mm);
	put_output(f, p, "path", 1600, 1000);
	fputs("unset key\nset clip two\nset tics out nomirror\nset border 3 lc rgb '#606060'\n"
	      "set grid lc rgb '#d0d0d0' lw 0.5\nset multiplot\nset label 1 ",
	      f);
	gnuplot_quoted(f, p->title,
		       p->title[0] ? ": planned and executed path" : "Planned and executed path");
	fputs(" at screen 0.02,0.98 noenhanced\nset size ratio -1\n", f);

	fprintf(f, "set title '%s' noenhanced\nset xlabel 'X, mm'\nset ylabel 'Y, mm'\n", layer);
	fputs("set origin 0,0\nset size 0.62,0.95\n", f);
	put_range(f, (struct box){ b.x0 - margin, b.x1 + margin, b.y0 - margin, b.y1 + margin });
	put_rectangle(f, near, "#c00000");
	fputs("set key at screen 0.99,0.99 right top horizontal samplen 2\n", f);
	put_curves(f, p, "lines lw 2.5", "lines lw 0.8", true);

	fputs("unset label 1\nunset key\nunset xlabel\nunset ylabel\nset origin 0.62,0.475\nset size 0.38,0.475\n"
	      "set border 15 lc rgb '#c00000'\n",
	      f);
	fprintf(f, "set title 'red: %.3g mm%s' noenhanced\n", p->zoom_mm,
		p->stride > 1 ? ", steps thinned out" : "");
	put_range(f, near);
	put_rectangle(f, close, "#008040");
	put_curves(f, p, "lines lw 4", "lines lw 1", false);

	fputs("unset object 1\nset origin 0.62,0\nset border 15 lc rgb '#008040'\n", f);
	fprintf(f, "set title 'green: %.3g mm, %s' noenhanced\n", ZOOM_CLOSE_MM,
		p->stride > 1 ? "steps thinned out" : "every step a point");
	put_range(f, close);
	put_curves(f, p, "lines lw 4", "linespoints lw 1 pt 7 ps 0.35", false);
	fputs("unset multiplot\nunset output\nreset\n", f);
}

static void put_error(FILE *f, const struct plot *p, const struct checker_result *r)
{
	const struct checker_error *e = &r->all;
	double range = fmax(1.25 * p->tolerance_us, fmin(e->max_us * 1.1, CHECKER_HIST_US));

	put_output(f, p, "error", 1200, 720);
	fputs("set title ", f);
	gnuplot_quoted(f, p->title,
		       p->title[0] ? ": step-time error, executed minus exact"
				   : "Step-time error, executed minus exact");
	fputs(" noenhanced offset 0,1\n", f);
	fprintf(f,
		"set label 1 '%llu steps, %llu violations    rms %.2f µs, p99 %.2f µs, "
		"p99.9 %.2f µs, max %.2f µs' at graph 0.5,1.035 center noenhanced\n",
		(unsigned long long)e->steps, (unsigned long long)r->violations, e->rms_us,
		e->p99_us, e->p999_us, e->max_us);
	fprintf(f,
		"set xrange [%.3f:%.3f]\nset xlabel 'error, µs'\n"
		"set ylabel 'steps in each 0.1 µs, log scale'\nset tmargin 4.5\n",
		-range, range);
	fputs("set tics out nomirror\nset border 3 lc rgb '#606060'\nset grid lc rgb '#e8e8e8'\n"
	      "set logscale y\nset format y '%.0f'\nunset key\nset style fill solid 1.0 border\n",
	      f);
	/* gnuplot finds no range where there is no step */
	fprintf(f, "set yrange [0.7:%s]\n", e->steps ? "*" : "10");
	for (int side = -1; side <= 1; side += 2) {
		fprintf(f,
			"set arrow from first %.3f,graph 0 to first %.3f,graph 1 nohead front "
			"lc rgb '#c00000' lw 2 dt 2\n",
			side * p->tolerance_us, side * p->tolerance_us);
		fprintf(f,
			"set label '%s%.4g µs' at first %.3f,graph 0.95 %s offset %d,0 "
			"tc rgb '#c00000' front\n",
			side < 0 ? "−" : "+", p->tolerance_us, side * p->tolerance_us,
			side < 0 ? "right" : "left", side);
	}
	fputs("plot ", f);
	gnuplot_quoted(f, p->prefix, "-error.dat");
	fputs(" using 1:($2 > 0 ? $2 : NaN) with boxes lc rgb '#0060c0'\nunset output\n", f);
}

int plot_script(const struct plot *p, const struct checker_result *r)
{
	char path[PLOT_PATH_MAX];
	FILE *f = plot_file(p, ".gp", path, sizeof(path));
	int bad;

	if (!f)
		return -errno;
	fputs("set encoding utf8\n", f);
	put_path(f, p);
	if (r)
		put_error(f, p, r);
	bad = ferror(f);
	return fclose(f) || bad ? -EIO : 0;
}

int plot_run(const struct plot *p, bool with_error, char *msg, size_t msg_len)
{
	char path[PLOT_PATH_MAX];
	const char *ext = p->svg ? "svg" : "png";
	size_t used;
	int ret;

	snprintf(path, sizeof(path), "%s.gp", p->prefix);
	ret = gnuplot_run(path, msg, msg_len);
	used = strlen(msg);
	if (ret == -ENOENT)
		snprintf(msg + used, msg_len - used, "; then: gnuplot %s", path);
	if (ret)
		return ret;
	if (with_error)
		snprintf(msg, msg_len, "wrote %s-path.%s and %s-error.%s", p->prefix, ext,
			 p->prefix, ext);
	else
		snprintf(msg, msg_len, "wrote %s-path.%s", p->prefix, ext);
	return 0;
}
