// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bed/bed_screws.h"

#include <errno.h>

#include "daemon/machine/machine.h"

#define MASK_XY (1u << AXIS_X | 1u << AXIS_Y)

static const struct machine_screw_round *round_of(const struct machine *m)
{
	const struct machine_bed_screws *cfg = &m->mc->bed_screws;

	return m->bed_screws.fine ? &cfg->fine : &cfg->coarse;
}

static void arrived(struct machine *m, const char *error)
{
	const struct bed_screws *b = &m->bed_screws;

	if (error)
		m->manual_probe.active = false;
	else
		machine_say(
			m, REPLY_INFO,
			"%s%s: turn it until the nozzle just touches, then ADJUSTED; ACCEPT if it was "
			"right; ABORT",
			round_of(m)->name[b->at], b->fine ? ", fine" : "");
	gcode_resume(&m->gcode, error);
}

static void up(struct machine *m)
{
	const struct machine_bed_screws *cfg = &m->mc->bed_screws;

	acts_begin(m);
	acts_move_axis(m, AXIS_Z, cfg->travel_z_mm, cfg->probe_speed_mm_s);
}

static void go(struct machine *m)
{
	const struct machine_bed_screws *cfg = &m->mc->bed_screws;
	const double *at_mm = round_of(m)->at_mm[m->bed_screws.at];
	const double to_mm[MOVE_AXES] = { at_mm[0], at_mm[1] };

	up(m);
	acts_move(m, MASK_XY, to_mm, cfg->speed_mm_s);
	acts_move_axis(m, AXIS_Z, cfg->probe_height_mm, cfg->probe_speed_mm_s);
	acts_run(m, arrived);
}

static void given_up(struct machine *m, const char *error)
{
	gcode_resume(&m->gcode, error ? error : "given up by ABORT");
}

static void done(struct machine *m, const char *error)
{
	if (!error)
		machine_say(m, REPLY_INFO, "all screws are accepted");
	gcode_resume(&m->gcode, error);
}

static void ends(struct machine *m, void (*then)(struct machine *m, const char *error))
{
	m->manual_probe.active = false;
	up(m);
	acts_run(m, then);
}

static void heard(struct machine *m, enum manual_word word)
{
	struct bed_screws *b = &m->bed_screws;
	size_t count = round_of(m)->count;

	if (word == MANUAL_ABORT) {
		ends(m, given_up);
		return;
	}
	b->accepted = word == MANUAL_ACCEPT ? b->accepted + 1 : 0;
	b->at = (b->at + 1) % count;
	if (b->accepted == count) {
		if (b->fine || m->mc->bed_screws.fine.count == 0) {
			ends(m, done);
			return;
		}
		*b = (struct bed_screws){ .fine = true };
	}
	go(m);
}

static enum gcode_result adjust(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;

	(void)l;
	if (!m->mc->bed_screws.coarse.count)
		return gcode_fail(g, "expected a [bed_screws]");
	if (!manual_probe_can_start(g, m))
		return GCODE_ERROR;
	m->bed_screws = (struct bed_screws){ .fine = false };
	manual_probe_guide(m, heard);
	go(m);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

const struct gcode_command bed_screws_commands[] = {
	{ "BED_SCREWS_ADJUST", GCODE_EXTENDED, 0, adjust, "",
	  "go from screw to screw of the bed: ACCEPT, ADJUSTED or ABORT at each" },
};
const unsigned bed_screws_command_count = sizeof(bed_screws_commands) / sizeof(*bed_screws_commands);
