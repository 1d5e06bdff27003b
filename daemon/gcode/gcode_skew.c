// SPDX-License-Identifier: GPL-2.0-or-later
/* Skew correction: SET_SKEW and its kin. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_path.h"

#define DEGREES(rad) ((rad) * (180 / M_PI))

static void use_skew(struct gcode *g, const struct skew *skew)
{
	const struct transform link = { skew_forward, skew_inverse, &g->skews.now };
	bool off = skew->xy == 0 && skew->xz == 0 && skew->yz == 0;
	struct gcode_place place;

	gcode_place_take(g, &place);
	g->skews.now = *skew;
	transform_chain_set(&g->chain, TRANSFORM_SKEW, off ? NULL : &link);
	gcode_place_put(g, &place);
}

static enum gcode_result get_skew(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	const struct skew *s = &g->skews.now;
	const double factor[3] = { s->xy, s->xz, s->yz };
	static const char *const plane[3] = { "XY", "XZ", "YZ" };

	(void)l;
	(void)ctx;
	for (int i = 0; i < 3; i++)
		gcode_reply(g, REPLY_INFO, "%s skew: %.6f radians, %.4f degrees", plane[i],
			    atan(factor[i]), DEGREES(atan(factor[i])));
	return GCODE_OK;
}

/* Lengths AC, BD and AD to the factor. False: error replied. */
static bool measure(struct gcode *g, const char *what, const double length[3], double *factor)
{
	if (skew_measure(length[0], length[1], length[2], factor))
		return true;
	gcode_fail(g,
		   "%s%g, %g, %g: expected the diagonals AC and BD and the side AD of a square "
		   "that is at most 45 degrees out of true",
		   what, length[0], length[1], length[2]);
	return false;
}

static enum gcode_result set_skew(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct skew skew = g->skews.now;
	const struct {
		const char *key, *what;
		double *to;
	} row[] = {
		{ "XY", "XY=", &skew.xy },
		{ "XZ", "XZ=", &skew.xz },
		{ "YZ", "YZ=", &skew.yz },
	};
	bool clear;

	if (!l->params)
		return get_skew(g, l, ctx);
	if (!gcode_param_flag(g, l, "CLEAR", &clear))
		return GCODE_ERROR;
	if (clear)
		skew = (struct skew){ 0 };
	for (int i = 0; i < 3; i++) {
		const struct gcode_param *p = gcode_param_find(l, row[i].key);
		double length[3];

		if (!p)
			continue;
		if (!gcode_param_list(p, 3, length))
			return gcode_fail(g, "%s: expected three lengths, %s140.4,142.8,99.8",
					  row[i].key, row[i].what);
		if (!measure(g, row[i].what, length, row[i].to))
			return GCODE_ERROR;
	}
	use_skew(g, &skew);
	return GCODE_OK;
}

static enum gcode_result calc_skew(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	static const char *const key[3] = { "AC", "BD", "AD" };
	double length[3], factor;

	(void)ctx;
	for (int i = 0; i < 3; i++) {
		if (!gcode_param_number(g, l, key[i], 0, &length[i]))
			return GCODE_ERROR;
	}
	if (!measure(g, "AC, BD, AD: ", length, &factor))
		return GCODE_ERROR;
	gcode_reply(g, REPLY_INFO, "skew: %.6f radians, %.4f degrees", atan(factor),
		    DEGREES(atan(factor)));
	return GCODE_OK;
}

/* ---- profiles ---- */

static struct gcode_skew_profile *find_profile(struct gcode_skews *s, const char *name)
{
	for (uint32_t i = 0; i < s->count; i++) {
		if (strcmp(s->profile[i].name, name) == 0)
			return &s->profile[i];
	}
	return NULL;
}

static void keep(struct gcode *g, const char *name, const char *option, double factor)
{
	char section[GCODE_LABEL_MAX + 24], value[32];

	snprintf(section, sizeof(section), "skew_correction %s", name);
	snprintf(value, sizeof(value), "%.9f", factor);
	if (g->ops->save)
		g->ops->save(g->ops->ctx, section, option, value);
}

static enum gcode_result save_profile(struct gcode *g, struct gcode_skew_profile *p,
				      const char *name)
{
	struct gcode_skews *s = &g->skews;

	if (!p && s->count == GCODE_SKEW_PROFILES)
		return gcode_fail(g, "SAVE=%s: expected one of the %d profiles there are", name,
				  GCODE_SKEW_PROFILES);
	if (!p)
		p = &s->profile[s->count++];
	memcpy(p->name, name, strlen(name) + 1);
	p->skew = s->now;
	keep(g, name, "xy_skew", p->skew.xy);
	keep(g, name, "xz_skew", p->skew.xz);
	keep(g, name, "yz_skew", p->skew.yz);
	gcode_reply(g, REPLY_INFO,
		    "profile %s is kept; SAVE_CONFIG writes it into the configuration", name);
	return GCODE_OK;
}

static void remove_profile(struct gcode *g, struct gcode_skew_profile *p)
{
	struct gcode_skews *s = &g->skews;
	char section[GCODE_LABEL_MAX + 24];

	snprintf(section, sizeof(section), "skew_correction %s", p->name);
	if (g->ops->save)
		g->ops->save(g->ops->ctx, section, NULL, NULL);
	gcode_reply(g, REPLY_INFO,
		    "profile %s is gone; SAVE_CONFIG takes it out of the configuration", p->name);
	memmove(p, p + 1, sizeof(*p) * (size_t)(s->profile + --s->count - p));
	memset(&s->profile[s->count], 0, sizeof(*p));
}

static enum gcode_result skew_profile(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	static const char *const verb[] = { "LOAD", "SAVE", "REMOVE" };
	struct gcode_skew_profile *p;
	char name[GCODE_LABEL_MAX];
	int which = -1;

	(void)ctx;
	for (int i = 0; i < 3; i++) {
		if (gcode_param_find(l, verb[i]))
			which = i;
	}
	if (l->params != 1)
		return gcode_fail(g, "expected one of LOAD, SAVE and REMOVE");
	if (!gcode_param_name(g, l, verb[which], "", name, sizeof(name)))
		return GCODE_ERROR;
	p = find_profile(&g->skews, name);
	if (which == 1)
		return save_profile(g, p, name);
	if (!p)
		return gcode_fail(g,
				  "%s=%s: expected the name of a profile, from a section "
				  "[skew_correction NAME] or SKEW_PROFILE SAVE",
				  verb[which], name);
	if (which == 0)
		use_skew(g, &p->skew);
	else
		remove_profile(g, p);
	return GCODE_OK;
}

const struct gcode_command gcode_skew_commands[] = {
	{ "SET_SKEW", GCODE_EXTENDED, 0, set_skew,
	  "[XY=<ac,bd,ad>] [XZ=<ac,bd,ad>] [YZ=<ac,bd,ad>] [CLEAR=<1>]",
	  "correct skew as measured at a square; alone: report it" },
	{ "GET_CURRENT_SKEW", GCODE_EXTENDED, GCODE_NOW, get_skew, "",
	  "the skew that is corrected" },
	{ "CALC_MEASURED_SKEW", GCODE_EXTENDED, GCODE_NOW, calc_skew, "AC=<mm> BD=<mm> AD=<mm>",
	  "the skew of a square; nothing changes" },
	{ "SKEW_PROFILE", GCODE_EXTENDED, 0, skew_profile,
	  "[LOAD=<name>] [SAVE=<name>] [REMOVE=<name>]", "named skews" },
};
const unsigned gcode_skew_count = sizeof(gcode_skew_commands) / sizeof(*gcode_skew_commands);
