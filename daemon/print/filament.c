// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/print/filament.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_script.h"
#include "daemon/machine/machine.h"
#include "daemon/print/print.h"

/* What inputs say at first is no event. */
static const int64_t START_NS = 2000000000;

void filament_init(struct print *p)
{
	for (size_t i = 0; i < p->cfg->filament_count; i++)
		p->filament[i].quiet_ns = p->filament[i].due_ns = PRINT_NS_NEVER;
}

void filament_start(struct print *p)
{
	for (size_t i = 0; i < p->cfg->filament_count; i++) {
		struct filament *f = &p->filament[i];

		f->quiet_ns = p->now_ns + START_NS;
		f->due_ns = PRINT_NS_NEVER;
		f->e_mm = p->m->status.position_mm[AXIS_E];
		f->runout_mm = p->cfg->filament[i].detection_length_mm;
		f->present = f->handled = p->cfg->filament[i].motion;
	}
}

void filament_changed(struct print *p, size_t i, const struct button_change *c)
{
	struct filament *f = &p->filament[i];

	button_edge_take(&f->edge, c);
	if (p->cfg->filament[i].motion)
		f->pending = true;
}

/* A motion sensor's runout is seen by what its input doesn't do: that has no time of its own. */
static void tell(struct print *p, const struct machine_filament *cfg, const struct filament *f,
		 const char *what)
{
	char at[100];

	button_edge_text(p->m, &f->edge, at, sizeof(at));
	gcode_reply(p->g, REPLY_INFO, "filament sensor %s: %s%s%s", cfg->name, what,
		    cfg->motion ? "" : " ", cfg->motion ? "" : at);
}

static void runout(struct print *p, const struct machine_filament *cfg, struct filament *f)
{
	tell(p, cfg, f, "runout");
	if (!cfg->pause_on_runout) /* no less than a word */
		react_noted(p->m, FAULT_CLASS_FILAMENT, cfg->name, NULL);
	if (!cfg->pause_on_runout && !cfg->runout.text)
		return;
	f->acting = true;
	f->due_ns = p->now_ns;
	if (!cfg->pause_on_runout)
		return;
	if (react(p->m, FAULT_CLASS_FILAMENT, cfg->name, NULL) >= FAULT_PAUSE)
		pause_send(p); /* at once; the rest of it in its turn */
	f->due_ns += (int64_t)(cfg->pause_delay_s * 1e9);
}

static void insert(struct print *p, const struct machine_filament *cfg, struct filament *f)
{
	if (!cfg->insert.text)
		return;
	tell(p, cfg, f, "inserted");
	f->acting = true;
	gcode_lines_queue(p->g, cfg->section, NULL, &cfg->insert);
}

/* What has changed while it was not to be acted on is acted on later, if it still is so. */
static void act(struct print *p, size_t i)
{
	const struct machine_filament *cfg = &p->cfg->filament[i];
	struct filament *f = &p->filament[i];

	/* On the way back to a print it is not known yet as printing. */
	if (f->acting || sidetrack_busy(&p->m->sidetrack) || p->now_ns < f->quiet_ns) {
		if (!f->started)
			f->handled = f->present;
		return;
	}
	f->started = true;
	if (f->present == f->handled)
		return;
	f->handled = f->present;
	if (f->off)
		return;
	if (f->present && !idle_printing(p))
		insert(p, cfg, f);
	else if (!f->present && idle_printing(p) && !p->pause.on)
		runout(p, cfg, f);
}

static bool motion_present(struct print *p, size_t i)
{
	const struct machine_filament *cfg = &p->cfg->filament[i];
	struct filament *f = &p->filament[i];
	double e_mm = p->m->status.position_mm[AXIS_E];

	if (p->m->extruder == cfg->extruder)
		f->at_mm += e_mm - f->e_mm;
	f->e_mm = e_mm;
	if (f->pending) {
		f->pending = false;
		f->runout_mm = f->at_mm + cfg->detection_length_mm;
	}
	return f->at_mm < f->runout_mm;
}

void filament_poll(struct print *p)
{
	for (size_t i = 0; i < p->cfg->filament_count; i++) {
		const struct machine_filament *cfg = &p->cfg->filament[i];
		struct filament *f = &p->filament[i];

		if (p->now_ns >= f->due_ns) {
			f->due_ns = PRINT_NS_NEVER;
			gcode_lines_queue(p->g, cfg->section, NULL, &cfg->runout);
		}
		if (f->acting && f->due_ns == PRINT_NS_NEVER && !gcode_script_pending(p->g) &&
		    !gcode_busy(p->g)) {
			f->acting = false;
			f->quiet_ns = p->now_ns + (int64_t)(cfg->event_delay_s * 1e9);
		}
		if (cfg->motion)
			f->present = motion_present(p, i);
		else if (button_edge_settled(&f->edge, cfg->debounce_s, p->now_ns))
			f->present = f->edge.told;
		act(p, i);
	}
}

/* ---- commands ---- */

static bool find(struct gcode *g, const struct gcode_line *l, struct print *p, size_t *i)
{
	char name[GCODE_LABEL_MAX];

	if (!gcode_param_name(g, l, "SENSOR", "", name, sizeof(name)))
		return false;
	for (*i = 0; *i < p->cfg->filament_count; (*i)++) {
		if (strcasecmp(p->cfg->filament[*i].name, name) == 0)
			return true;
	}
	gcode_fail(g, "SENSOR=%s: expected the name of a filament sensor", name);
	return false;
}

static enum gcode_result query(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;
	size_t i;

	if (!find(g, l, p, &i))
		return GCODE_ERROR;
	gcode_reply(g, REPLY_INFO, "Filament Sensor %s: %s", p->cfg->filament[i].name,
		    p->filament[i].present ? "filament detected" : "filament not detected");
	return GCODE_OK;
}

static enum gcode_result enable(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;
	bool on;
	size_t i;

	if (!find(g, l, p, &i) || !gcode_param_flag(g, l, "ENABLE", &on))
		return GCODE_ERROR;
	p->filament[i].off = !on;
	return GCODE_OK;
}

const struct gcode_command filament_commands[] = {
	{ "QUERY_FILAMENT_SENSOR", GCODE_EXTENDED, GCODE_NOW, query, "SENSOR=<name>",
	  "whether there is filament" },
	{ "SET_FILAMENT_SENSOR", GCODE_EXTENDED, 0, enable, "SENSOR=<name> ENABLE=<0,1>",
	  "heed a filament sensor or not" },
};
const unsigned filament_command_count = sizeof(filament_commands) / sizeof(*filament_commands);
