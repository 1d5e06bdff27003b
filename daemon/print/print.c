// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/print/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gcode/gcode_script.h"
#include "daemon/machine/machine.h"
#include "daemon/textbuf.h"

char *print_path(const char *path)
{
	const char *home = getenv("HOME");
	char *full;

	if (path[0] != '~' || path[1] != '/' || !home)
		return strdup(path);
	return asprintf(&full, "%s%s", home, path + 1) < 0 ? NULL : full;
}

/* ---- buttons ---- */

static void run_button(struct print *p, size_t i)
{
	const struct machine_button *b = &p->cfg->button[i];

	gcode_lines_queue(p->g, b->section, NULL, p->button[i].told ? &b->press : &b->release);
}

static void button_changed(struct print *p, size_t i, const struct button_change *c)
{
	struct button_edge *e = &p->button[i];

	button_edge_take(e, c);
	/* Without a delay each change counts, also one that is over already. */
	if (p->cfg->button[i].debounce_s > 0 || e->told == e->level)
		return;
	e->told = e->level;
	run_button(p, i);
}

/* Those that have settled since, in the order in which they did. */
static void gcode_buttons_poll(struct print *p)
{
	for (;;) {
		int64_t first_ns = INT64_MAX;
		size_t first = 0;

		for (size_t i = 0; i < p->cfg->button_count; i++) {
			const struct button_edge *e = &p->button[i];
			int64_t at_ns = e->since_ns + (int64_t)(p->cfg->button[i].debounce_s * 1e9);

			if (e->level != e->told && at_ns <= p->now_ns && at_ns < first_ns) {
				first_ns = at_ns;
				first = i;
			}
		}
		if (first_ns == INT64_MAX)
			return;
		p->button[first].told = p->button[first].level;
		run_button(p, first);
	}
}

static enum gcode_result query_button(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;
	char name[GCODE_LABEL_MAX], since[100];

	if (!gcode_param_name(g, l, "BUTTON", "", name, sizeof(name)))
		return GCODE_ERROR;
	for (size_t i = 0; i < p->cfg->button_count; i++) {
		const struct button_edge *e = &p->button[i];

		if (strcasecmp(p->cfg->button[i].name, name) != 0)
			continue;
		button_edge_text(p->m, e, since, sizeof(since));
		gcode_reply(g, REPLY_INFO, "%s: %s%s%s", p->cfg->button[i].name,
			    e->level ? "PRESSED" : "RELEASED", e->since_ns ? ", " : "",
			    e->since_ns ? since : "");
		return GCODE_OK;
	}
	return gcode_fail(g, "BUTTON=%s: expected the name of a gcode_button", name);
}

const struct gcode_command print_button_commands[] = {
	{ "QUERY_BUTTON", GCODE_EXTENDED, GCODE_NOW, query_button, "BUTTON=<name>",
	  "how a button is, and since when" },
};
const unsigned print_button_command_count = sizeof(print_button_commands) /
					    sizeof(*print_button_commands);

static bool add_button(struct print *p, size_t i)
{
	const struct machine_button *cfg = &p->cfg->button[i];
	const struct button_input in = { .pin = &cfg->pin,
					 .changed = button_changed,
					 .index = i,
					 .ohm_min = cfg->range_ohm[0],
					 .ohm_max = cfg->range_ohm[1],
					 .pullup_ohm = cfg->pullup_ohm };

	return in.ohm_max > 0 ? buttons_add_analog(&p->buttons, &in) : buttons_add(&p->buttons, &in);
}

static bool add_inputs(struct print *p)
{
	bool ok = true;

	for (size_t i = 0; i < p->cfg->filament_count; i++)
		ok &= buttons_add(&p->buttons,
				  &(struct button_input){ .pin = &p->cfg->filament[i].pin,
							  .changed = filament_changed,
							  .index = i });
	for (size_t i = 0; i < p->cfg->button_count; i++)
		ok &= add_button(p, i);
	return ok;
}

bool print_configure(struct print *p, struct session *s)
{
	return buttons_configure(&p->buttons, s) && buttons_analog_configure(&p->buttons, s);
}

bool print_hear(struct print *p, const struct ev_message *msg)
{
	const struct session *s = &p->m->session[msg->mcu];
	int16_t wire_id;
	const uint8_t *fields = wire_get_id(msg->bytes, msg->bytes + msg->len, &wire_id);
	int id = fields ? wire_dict_response(&s->dict.ids, wire_id) : -1;
	union msg_any any;

	if ((id != MSG_ID_buttons_state && id != MSG_ID_buttons_edge &&
	     id != MSG_ID_analog_in_state && id != MSG_ID_analog_in_state__old) ||
	    wire_decode(&msg_table[id], fields, (size_t)(msg->bytes + msg->len - fields), &any) < 0)
		return false;
	if (id == MSG_ID_analog_in_state__old)
		return buttons_analog_state(p, msg, any.analog_in_state__old.oid,
					    any.analog_in_state__old.value);
	if (id == MSG_ID_analog_in_state)
		return any.analog_in_state.values.len == 2 &&
		       buttons_analog_state(p, msg, any.analog_in_state.oid,
					    msg_bytes_le16(any.analog_in_state.values, 0));
	if (id == MSG_ID_buttons_edge)
		buttons_edge(p, msg, &any.buttons_edge);
	else
		buttons_state(p, msg, &any.buttons_state);
	return true;
}

/* ---- life ---- */

static bool add_tables(struct print *p)
{
	struct gcode *g = p->g;

	return gcode_add_table(g, gcode_macro_commands, gcode_macro_count, &p->cfg->macros) &&
	       gcode_add_table(g, print_timer_commands, print_timer_command_count, p) &&
	       gcode_add_table(g, sdcard_commands, sdcard_command_count, p) &&
	       gcode_add_table(g, journal_commands, journal_command_count, p) &&
	       gcode_add_table(g, pause_commands, pause_command_count, p) &&
	       gcode_add_table(g, print_stats_commands, print_stats_command_count, p) &&
	       gcode_add_table(g, idle_commands, idle_command_count, p) &&
	       gcode_add_table(g, variables_commands, variables_command_count, p) &&
	       gcode_add_table(g, filament_commands, filament_command_count, p) &&
	       gcode_add_table(g, print_button_commands, print_button_command_count, p);
}

static bool attach(struct print *p, char *err, size_t err_size)
{
	if (!add_tables(p) || !add_inputs(p)) {
		snprintf(err, err_size, "too many tables of commands, or inputs");
		return false;
	}
	if (p->cfg->variables_path) {
		p->variables.path = print_path(p->cfg->variables_path);
		if (!p->variables.path || !variables_load(&p->variables, err, err_size))
			return false;
	}
	p->g->respond_type = (enum gcode_respond)p->cfg->respond_type;
	p->g->respond_prefix = p->cfg->respond_prefix;
	return gcode_macros_attach(p->g, &p->cfg->macros, err, err_size);
}

struct print *print_new(struct machine *m, bool threads, char *err, size_t err_size)
{
	struct print *p = calloc(1, sizeof(*p));

	if (!p) {
		snprintf(err, err_size, "out of memory");
		return NULL;
	}
	p->m = m;
	p->cfg = m->mc->print;
	p->g = &m->gcode;
	p->threads = threads;
	for (size_t i = 0; i < MACHINE_DELAYED_MAX; i++)
		p->timer[i].due_ns = PRINT_NS_NEVER;
	print_stats_reset(&p->stats);
	sdcard_init(p);
	journal_init(p);
	idle_init(p);
	filament_init(p);
	if (attach(p, err, err_size))
		return p;
	print_free(p);
	return NULL;
}

void print_free(struct print *p)
{
	if (!p)
		return;
	gcode_script_inner_stop(p->g);
	gcode_script_abort(p->g);
	gcode_script_forget(p->g);
	journal_free(p);
	sdcard_free(p);
	variables_free(&p->variables);
	gcode_macros_detach(&p->cfg->macros);
	free(p);
}

void print_heaters_off(struct print *p)
{
	static const char name[] = "TURN_OFF_HEATERS";
	struct gcode_line l = { .code = GCODE_EXTENDED, .text = name, .text_len = sizeof(name) - 1 };
	void *ctx;

	if (gcode_find(p->g, &l, &ctx))
		gcode_script_queue(p->g, "heaters off", NULL, name);
}

void print_fault(struct print *p)
{
	gcode_script_forget(p->g);
	for (size_t i = 0; i < p->cfg->filament_count; i++)
		p->filament[i].due_ns = PRINT_NS_NEVER;
	if (sdcard_printing(&p->sd) || p->pause.sd_stopped)
		sdcard_fail(p, "the machine has stopped");
	pause_clear(p);
}

void print_poll(struct print *p, int64_t now_ns, bool input_waiting)
{
	p->now_ns = now_ns;
	buttons_tell(p);
	sdcard_job_poll(p);
	variables_poll(p);
	journal_poll(p);
	if (p->m->state == MACHINE_FAULT)
		idle_poll(p);
	if (p->m->state != MACHINE_READY)
		return;
	if (!p->started) {
		p->started = true;
		timers_start(p);
		filament_start(p);
	}
	buttons_poll(p);
	print_stats_poll(p);
	timers_poll(p);
	gcode_buttons_poll(p);
	filament_poll(p);
	idle_poll(p);
	idle_held_poll(p);
	sdcard_poll(p, !input_waiting);
}

int64_t print_next_ns(const struct print *p)
{
	int64_t next_ns = idle_next_ns(p);

	for (size_t i = 0; i < p->cfg->delayed_count; i++) {
		if (p->timer[i].due_ns < next_ns)
			next_ns = p->timer[i].due_ns;
	}
	for (size_t i = 0; i < p->cfg->filament_count; i++)
		if (p->filament[i].due_ns < next_ns)
			next_ns = p->filament[i].due_ns;
	return next_ns;
}

bool print_has_lines(struct print *p)
{
	return sdcard_has_lines(&p->sd);
}

bool print_active(const struct print *p)
{
	return p->sd.printing || p->sd.job || p->variables.job;
}

/* ---- STATUS ---- */

static double progress(const struct print *p)
{
	if (p->g->progress >= 0)
		return p->g->progress;
	return p->sd.size ? 100.0 * (double)p->sd.position / (double)p->sd.size : 0;
}

void print_status(struct print *p, struct textbuf *t)
{
	const struct print_stats *s = &p->stats;

	textbuf_put(t,
		    "print: %s%s%s, %.1f %%, byte %llu/%llu, total %.1f s, printing %.1f s, filament "
		    "%.2f mm",
		    print_stats_name(s), *s->file ? ", " : "", s->file, progress(p),
		    (unsigned long long)p->sd.position, (unsigned long long)p->sd.size,
		    print_stats_total_s(s, p->now_ns), print_stats_print_s(s, p->now_ns),
		    s->filament_mm);
	if (p->g->minutes_left >= 0)
		textbuf_put(t, ", %g min left", p->g->minutes_left);
	if (s->layers >= 0)
		textbuf_put(t, ", layer %d/%d", s->layer, s->layers);
	textbuf_put(t, "%s%s\n", *s->message ? ": " : "", s->message);
	textbuf_put(t, "pause: %s, idle_timeout: %s\n", p->pause.on ? "paused" : "no",
		    idle_state(p));
	for (size_t i = 0; i < p->cfg->filament_count; i++)
		textbuf_put(t, "filament sensor %s: %s%s\n", p->cfg->filament[i].name,
			    p->filament[i].present ? "filament" : "no filament",
			    p->filament[i].off ? ", off" : "");
}
