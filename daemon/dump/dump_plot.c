// SPDX-License-Identifier: GPL-2.0-or-later
/* Three panels over one time axis: speed along the path, time between steps, positions of the steppers; in
 * each the fault and the changes of parameters. Data and script go to gnuplot in one file. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/dump/dump.h"
#include "daemon/gnuplot.h"

enum { WIDTH = 1000, HEIGHT = 900, POINTS_MAX = 200000, PER_SEGMENT = 24, MARKS_MAX = 20 };

#define PAUSE_S 0.02

static const char *const colours[] = { "#0060c0", "#e08030", "#008040", "#a02080",
				       "#806000", "#00a0a0", "#c00000", "#606060" };

static const char *colour(unsigned stepper)
{
	return colours[stepper % (sizeof(colours) / sizeof(colours[0]))];
}

/* Times in ms from the middle of the window: gnuplot's tics are readable so. */
static double ms(const struct dump *d, double t_s)
{
	return (t_s - d->opt.at_s) * 1e3;
}

/* ---- data blocks ---- */

static void put_speed(const struct dump *d, FILE *f)
{
	fputs("$speed << EOD\n", f);
	for (size_t i = 0, points = 0; i < d->view.phases && points < POINTS_MAX; i++) {
		const struct flight_phase *p = &d->view.phase[i].p;
		double end_s = p->start_s + p->dur_s;

		if (d->view.phase[i].manual >= 0 || !dump_shown(d, p->start_s, end_s))
			continue;
		fprintf(f, "%.6f %.6f\n%.6f %.6f\n", ms(d, p->start_s), p->v_mm_s, ms(d, end_s),
			dump_phase_speed(&d->view.phase[i], end_s));
		points++;
	}
	fputs("EOD\n", f);
}

/* Steps of the runs: time, time since the step before unless that is a pause, counter. */
static bool put_steps(const struct dump *d, FILE *f, unsigned stepper, double origin)
{
	const struct dump_run *before = NULL;
	size_t points = 0;

	fprintf(f, "$steps%u << EOD\n", stepper);
	for (size_t i = 0; i < d->view.runs; i++) {
		const struct dump_run *r = &d->view.run[i];
		double last_s = before ? before->last_s : NAN;

		if (r->stepper != (int)stepper)
			continue;
		before = r;
		if (!dump_shown(d, r->r.first_s, r->last_s))
			continue;
		for (unsigned k = 1; k <= r->r.count && points < POINTS_MAX; k++) {
			double t_s = r->r.first_s + dump_run_step_s(r, k);
			int64_t count = r->r.count_steps -
					(r->up ? 1 : -1) * (int64_t)(r->r.count - k);

			if (dump_shown(d, t_s, t_s)) {
				if (t_s - last_s <= PAUSE_S)
					fprintf(f, "%.6f %.4f", ms(d, t_s), (t_s - last_s) * 1e6);
				else
					fprintf(f, "%.6f NaN", ms(d, t_s));
				fprintf(f, " %.3f\n", (double)count - origin);
				points++;
			}
			last_s = t_s;
		}
	}
	fputs("EOD\n", f);
	return points > 0;
}

/* Polynomials: time, time a step takes at that speed, position. at_fault: those told again at a fault. */
static bool put_polynomials(const struct dump *d, FILE *f, unsigned stepper, double origin,
			    bool at_fault)
{
	size_t points = 0;

	fprintf(f, "$%s%u << EOD\n", at_fault ? "fault" : "exact", stepper);
	for (size_t i = 0; i < d->view.segments && points < POINTS_MAX; i++) {
		const struct dump_segment *s = &d->view.segment[i];

		if (s->stepper != (int)stepper || s->at_fault != at_fault ||
		    !dump_shown(d, s->p.start_s, s->p.start_s + s->p.dur_s))
			continue;
		for (int k = 0; k <= PER_SEGMENT; k++) {
			double t = s->p.dur_s * k / PER_SEGMENT;
			double v = fabs(dump_segment_speed(&s->p, t));

			fprintf(f, "%.6f ", ms(d, s->p.start_s + t));
			if (v > 1 / PAUSE_S)
				fprintf(f, "%.4f", 1e6 / v);
			else
				fputs("NaN", f);
			fprintf(f, " %.3f\n", dump_segment_at(&s->p, t) - origin);
			points++;
		}
		fputc('\n', f);
	}
	fputs("EOD\n", f);
	return points > 0;
}

/* ---- the panels ---- */

static void put_line(FILE *f, double x, const char *colour_, int dash)
{
	fprintf(f,
		"set arrow from first %.6f,graph 0 to first %.6f,graph 1 nohead front lc rgb '%s' "
		"lw 1.5 dt %d\n",
		x, x, colour_, dash);
}

/* labels: only in the first panel. */
static void put_marks(const struct dump *d, FILE *f, bool labels)
{
	const struct dump_check *c = &d->check;
	char text[256];
	int rows = 0;

	fputs("unset arrow\nunset label\n", f);
	for (size_t i = 0; i < d->view.events && rows < MARKS_MAX; i++) {
		const struct dump_event *e = &d->view.event[i];
		bool link = e->rec->kind == FLIGHT_LINK;

		if ((e->rec->kind != FLIGHT_PARAM && !link) || !dump_shown(d, e->at_s, e->at_s) ||
		    !dump_event_text(d, e, text, sizeof(text)))
			continue;
		put_line(f, ms(d, e->at_s), link ? "#808000" : "#008040", 3);
		if (!labels)
			continue;
		text[60] = 0;
		fputs("set label ", f);
		gnuplot_quoted(f, text, "");
		fprintf(f, " at first %.6f,graph %.2f offset 0.5,0 noenhanced front tc rgb '%s'\n",
			ms(d, e->at_s), 0.94 - 0.08 * (rows % 11), link ? "#808000" : "#008040");
		rows++;
	}
	if (!c->fault || !dump_shown(d, c->at_s, c->at_s))
		return;
	put_line(f, ms(d, c->at_s), "#c00000", 1);
	if (labels)
		fprintf(f,
			"set label '%s' at first %.6f,graph 0.08 offset 0.5,0 noenhanced front tc rgb "
			"'#c00000'\n",
			c->fault->rec->kind == FLIGHT_FAULT ? "fault" : "emergency stop",
			ms(d, c->at_s));
}

/* column 2: intervals, 3: positions. */
static void put_curves(const struct dump *d, FILE *f, const bool steps[], const bool exact[],
		       const bool fault[], int column)
{
	const char *sep = "plot ";

	for (unsigned i = 0; i < d->log.identity.steppers; i++) {
		const char *name = dump_stepper_name(&d->view, i);

		if (exact[i]) {
			fprintf(f, "%s$exact%u using 1:%d with lines lw 1.5 lc rgb '%s' title ",
				sep, i, column, colour(i));
			gnuplot_quoted(f, name, ": segments");
			sep = ", \\\n     ";
		}
		if (steps[i]) {
			fprintf(f,
				"%s$steps%u using 1:%d with points pt 7 ps 0.3 lc rgb '%s' title ",
				sep, i, column, colour(i));
			gnuplot_quoted(f, name, ": steps");
			sep = ", \\\n     ";
		}
		if (fault[i]) {
			fprintf(f,
				"%s$fault%u using 1:%d with lines lw 3 dt 2 lc rgb '#c00000' title ",
				sep, i, column);
			gnuplot_quoted(f, name, ": at the fault");
			sep = ", \\\n     ";
		}
	}
	fputs(sep[0] == 'p' ? "plot NaN notitle\n" : "\n", f);
}

void dump_plot_script(const struct dump *d, FILE *f, bool svg)
{
	bool steps[ENGINE_STEPPERS] = { false }, exact[ENGINE_STEPPERS] = { false };
	bool fault[ENGINE_STEPPERS] = { false };
	char title[512];

	fputs("set encoding utf8\n", f);
	put_speed(d, f);
	for (unsigned i = 0; i < d->log.identity.steppers; i++) {
		double origin = 0;

		if (!dump_stepper_shown(d, (int)i))
			continue;
		/* Positions from where the stepper is when the window begins. */
		for (size_t k = d->view.segments; k-- > 0;)
			if (d->view.segment[k].stepper == (int)i && !d->view.segment[k].at_fault) {
				origin = d->view.segment[k].p.p;
				if (d->view.segment[k].p.start_s <= d->from_s)
					break;
			}
		steps[i] = put_steps(d, f, i, origin);
		exact[i] = put_polynomials(d, f, i, origin, false);
		fault[i] = put_polynomials(d, f, i, origin, true);
	}
	gnuplot_output(f, svg, WIDTH, HEIGHT, d->opt.plot, "");
	dump_fault_text(d, title, sizeof(title));
	fputs("set multiplot layout 3,1 title ", f);
	gnuplot_quoted(f, title[0] ? title : "flight record", "");
	fprintf(f,
		" noenhanced\nset tics out nomirror\nset border 3 lc rgb '#606060'\n"
		"set grid lc rgb '#e0e0e0' lw 0.5\nset lmargin 12\nset rmargin 3\n"
		"set xrange [%.6f:%.6f]\nset key outside top right horizontal noenhanced\n",
		ms(d, d->from_s), ms(d, d->to_s));
	put_marks(d, f, true);
	fputs("set ylabel 'speed along the path, mm/s'\nset yrange [0:*]\n"
	      "plot $speed using 1:2 with lines lw 1.5 lc rgb '#404040' notitle\n",
	      f);
	put_marks(d, f, false);
	fputs("set ylabel 'time between steps, µs'\nset yrange [*:*]\nset logscale y\n", f);
	put_curves(d, f, steps, exact, fault, 2);
	fprintf(f,
		"unset key\nunset logscale y\nset ylabel 'position, steps'\n"
		"set xlabel 'ms from machine time %.6f s'\n",
		d->opt.at_s);
	put_curves(d, f, steps, exact, fault, 3);
	fputs("unset multiplot\nunset output\n", f);
}

int dump_plot(const struct dump *d, char *err, size_t err_size)
{
	const char *dot = strrchr(d->opt.plot, '.');
	char script[64];
	FILE *f;
	int rc;

	if (!dot || (strcmp(dot, ".svg") != 0 && strcmp(dot, ".png") != 0)) {
		snprintf(err, err_size, "--plot '%s': expected a name that ends in .svg or .png",
			 d->opt.plot);
		return -1;
	}
	f = tmpfile();
	if (!f) {
		snprintf(err, err_size, "no file for gnuplot's script: %s", strerror(errno));
		return -1;
	}
	dump_plot_script(d, f, strcmp(dot, ".svg") == 0);
	snprintf(script, sizeof(script), "/proc/%d/fd/%d", (int)getpid(), fileno(f));
	rc = fflush(f) != 0 ? -EIO : gnuplot_run(script, err, err_size);
	fclose(f);
	return rc < 0 ? -1 : 0;
}
