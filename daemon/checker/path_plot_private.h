/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path_plot_private.h - shared by path_plot.c (data) and path_plot_gp.c (gnuplot). Units: mm, s. */
#ifndef PATH_PLOT_PRIVATE_H
#define PATH_PLOT_PRIVATE_H

#include <stdio.h>

#include "path_plot.h"

#define PLOT_PATH_MAX 4096

struct plot_line {
	double start_s, end_s, x0, y0, x1, y1;
	bool extrudes;
};

struct plot_point {
	double t, x, y;
};

struct plot {
	char *prefix, *title;
	bool whole, svg, layer_done;
	double tolerance_us;
	unsigned layer, layer_wanted;
	double z_mm, start_s, end_s; /* of the layer kept */
	struct plot_line *line;
	uint32_t lines, line_cap;
	struct plot_point *point;
	uint32_t points, stride, skip;
	double zoom_x, zoom_y, zoom_mm;
};

FILE *plot_file(const struct plot *p, const char *suffix, char *path, size_t path_len);

/* Write PREFIX.gp. 0 or -errno. */
int plot_script(const struct plot *p, const struct checker_result *r);
/* Run gnuplot on it; one sentence in msg. 0, -ENOENT without gnuplot, -EIO if it failed. */
int plot_run(const struct plot *p, bool with_error, char *msg, size_t msg_len);

#endif
