// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/sos.h"

#include <math.h>

/* Of the analog prototype (n2 s^2 + n1 s + n0) / (d2 s^2 + d1 s + d0), whose frequency is 1: s = (z - 1) / (z + 1) / k. */
static struct sos_section bilinear(double share, const double n[3], const double d[3])
{
	double k = tan(M_PI * share), kk = k * k, one = d[2] + d[1] * k + d[0] * kk;

	return (struct sos_section){
		.b = { (n[2] + n[1] * k + n[0] * kk) / one, 2 * (n[0] * kk - n[2]) / one,
		       (n[2] - n[1] * k + n[0] * kk) / one },
		.a = { 2 * (d[0] * kk - d[2]) / one, (d[2] - d[1] * k + d[0] * kk) / one },
	};
}

/* The same of the first order: (n1 s + n0) / (s + 1). */
static struct sos_section first_order(double share, double n1, double n0)
{
	double k = tan(M_PI * share);

	return (struct sos_section){ .b = { (n1 + n0 * k) / (1 + k), (n0 * k - n1) / (1 + k) },
				     .a = { (k - 1) / (1 + k) } };
}

/* s^2 + sqrt(2) s + 1 */
static const double butterworth[3] = { 1, M_SQRT2, 1 };

struct sos_section sos_lowpass(double share, int order)
{
	static const double low[3] = { 1, 0, 0 };

	return order == 1 ? first_order(share, 0, 1) : bilinear(share, low, butterworth);
}

/* What is at rest gives nothing, also after the words were rounded: their sum is 0. */
struct sos_section sos_highpass(double share, int order)
{
	static const double high[3] = { 0, 0, 1 };
	struct sos_section s = order == 1 ? first_order(share, 1, 0)
					  : bilinear(share, high, butterworth);
	double unit = ldexp(1, SOS_INT_BITS - 31);

	s.b[0] = round(s.b[0] / unit) * unit;
	s.b[1] = -order * s.b[0];
	s.b[2] = order == 1 ? 0 : s.b[0];
	return s;
}

struct sos_section sos_notch(double share, double quality)
{
	static const double zero[3] = { 1, 0, 1 };
	const double d[3] = { 1, 1 / quality, 1 };

	return bilinear(share, zero, d);
}

int32_t sos_word(double coefficient)
{
	double word = round(ldexp(coefficient, 31 - SOS_INT_BITS));

	return (int32_t)fmin(fmax(word, INT32_MIN), INT32_MAX);
}
