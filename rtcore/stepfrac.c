/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stepfrac.c - what runs with a fractional interval and add need beyond others. See steprun.h.
 *
 * Such a run's steps come at the ticks nearest to what is fitted: off by half a tick at most, their
 * distances by less than one. Rounding the fit to units of 2^-s and 4^-s can make y + y^2 ticks over n
 * steps, y = n / 2^(s+1): s is the least that keeps this within a share of the tolerance.
 */
#include "steprun.h"

enum {
	STEPFRAC_SHIFT_MAX = 16, /* of queue_step_frac */
	STEPFRAC_AIM = STEPCOMPRESS_SLOTS,
};

/* Share of the tolerance. Little of it is lost, since what is rounded is the middle of what passes, and most
 * runs are shorter than they could be. At 128 microsteps, 16 MHz and 4 us, the demo's first 4,000 lines: 0.3 needs 87,148
 * commands and 861 KB, 1 87,333 and 814, 2 87,636 and 743, 3 87,875 and 739. */
#define STEPFRAC_ROUNDING 2.0
/* Runs are shorter for their tolerance than whole ticks make them: more slots for them, with less between. */
#define STEPFRAC_MARGIN 0.98

void stepfrac_begin(struct steprun *w)
{
	w->tol -= 0.5;
	w->slack += 1.0;
	w->least = ceil(w->least);
	w->aim = STEPFRAC_AIM;
	w->margin = STEPFRAC_MARGIN;
	w->units = 1.0 / (sqrt(1.0 + 4.0 * STEPFRAC_ROUNDING * steprun_max(w->tol, 0.01)) - 1.0);
}

void stepfrac_units(struct stepgen *sg, const struct steprun *w)
{
	double units = w->units * (double)(STEPCOMPRESS_SLOTS * sg->fit.stride);
	double first = steprun_ticks(w, w->t_s[0]) + w->tol; /* has to fit, too */

	sg->shift = 0;
	for (double scale = 1.0; scale < units && 2.0 * scale * first < 0x1p32; scale *= 2.0)
		if (++sg->shift == STEPFRAC_SHIFT_MAX)
			break;
	stepcompress_unit(&sg->fit, sg->shift);
}

bool stepfrac_finish(const struct steprun_fit *fit, int32_t shift, struct step_run *out)
{
	double scale, n = (double)fit->n, last = fit->interval + fit->add * (n - 1.0);

	/* A single step comes at the same clock without a fraction. */
	out->shift = (uint8_t)(fit->n > 1 ? shift : 0);
	scale = (double)(UINT32_C(1) << out->shift);
	if (!(fit->interval * scale < 0x1p32 - 1.0 && fabs(fit->add) * scale * scale < INT32_MAX &&
	      n * fit->interval < 0x1p30 && n * last < 0x1p30))
		return false;
	out->interval = (uint32_t)(fit->interval * scale + 0.5);
	out->add = (int32_t)(fit->add * scale * scale);
	out->first_clock = out->base_clock + (uint64_t)step_run_ticks(out, 1);
	out->last_clock = out->base_clock + (uint64_t)step_run_ticks(out, fit->n);
	return true;
}
