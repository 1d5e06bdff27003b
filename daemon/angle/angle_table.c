// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/angle/angle_table.h"

#include <math.h>

enum { HARMONICS = 8, ROUNDS = 8 };
#define MOST 0.0625
#define WENT 0.05

double angle_wrapped(double turns)
{
	return turns - round(turns);
}

static double at(const struct angle_table *t, double turns)
{
	double place = (turns - floor(turns)) * ANGLE_TABLE, share = place - floor(place);
	int i = (int)place % ANGLE_TABLE;

	return t->turns[i] + share * (t->turns[(i + 1) % ANGLE_TABLE] - t->turns[i]);
}

double angle_table_correct(const struct angle_table *t, double turns)
{
	double shaft = turns - at(t, turns);

	return shaft - floor(shaft);
}

/* A series by the discrete Fourier transform; no constant. */
struct series {
	double c[HARMONICS + 1], s[HARMONICS + 1];
};

static void series_make(struct series *f, const double *of, unsigned n)
{
	for (int h = 1; h <= HARMONICS; h++) {
		f->c[h] = f->s[h] = 0;
		for (unsigned i = 0; i < n; i++) {
			f->c[h] += of[i] * cos(2 * M_PI * h * i / n) * 2 / n;
			f->s[h] += of[i] * sin(2 * M_PI * h * i / n) * 2 / n;
		}
	}
}

static double series_at(const struct series *f, double turns)
{
	double sum = 0;

	for (int h = 1; h <= HARMONICS; h++)
		sum += f->c[h] * cos(2 * M_PI * h * turns) + f->s[h] * sin(2 * M_PI * h * turns);
	return sum;
}

bool angle_table_fit(const double *there, const double *back, unsigned stops, struct angle_fit *out)
{
	double off[ANGLE_STOPS_MAX], first = there[0], sign, mean = 0;
	struct series f;

	out->went = out->most = out->left = 0;
	for (unsigned i = 0; i < stops; i++)
		out->went += angle_wrapped(there[(i + 1) % stops] - there[i]);
	sign = out->went < 0 ? -1 : 1;
	if (fabs(fabs(out->went) - 1) > WENT)
		return false;
	for (unsigned i = 0; i < stops; i++) {
		double one = angle_wrapped(there[i] - first - sign * i / stops);

		off[i] = one + angle_wrapped(back[i] - there[i]) / 2;
		mean += off[i] / stops;
	}
	for (unsigned i = 0; i < stops; i++) {
		off[i] -= mean;
		out->most = fmax(out->most, fabs(off[i]));
	}
	series_make(&f, off, stops);
	out->table.known = true;
	/* at what it says, not at where the shaft is: the one from the other, in a few rounds */
	for (int i = 0; i < ANGLE_TABLE; i++) {
		double says = (double)i / ANGLE_TABLE, d = 0;

		for (int k = 0; k < ROUNDS; k++)
			d = series_at(&f, sign * (says - d - first - mean));
		out->table.turns[i] = d;
	}
	for (unsigned i = 0; i < stops; i++) {
		double says = first + mean + sign * i / stops + off[i];
		double left = angle_wrapped(angle_table_correct(&out->table, says) - first - mean -
					    sign * i / stops);

		out->left = fmax(out->left, fabs(left));
	}
	return out->most <= MOST;
}
