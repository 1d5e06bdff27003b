// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/print/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gcode/gcode_script.h"
#include "daemon/machine.h"
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

static void button_changed(struct print *p, size_t i, bool pressed)
{
	const struct machine_button *b = &p->cfg->button[i];

	/* Without a delay each change counts, also one that is over already. */
	button_edge_take(&p->button[i], pressed, p->now_ns);
	if (b->debounce_s > 0 || !button_edge_settled(&p->button[i], 0, p->now_ns))
		return;
	gcode_lines_queue(p->g, b->section, NULL, pressed ? &b->press : &b->release);
}

static void gcode_buttons_poll(struct print *p)
{
	for (size_t i = 0; i < p->cfg->button_count; i++) {
		const struct machine_button *b = &p->cfg->button[i];

		if (button_edge_settled(&p->button[i], b->debounce_s, p->now_ns))
			gcode_lines_queue(p->g, b->section, NULL,
					  p->button[i].told ? &b->press : &b->release);
	}
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
		ok &= buttons_add(&p->buttons, &(struct button_input){ .pin = &p->cfg->button[i].pin,
								       .changed = button_changed,
								       .index = i });
	return ok;
}

bool print_configure(struct print *p, struct session *s)
{
	return buttons_configure(&p->buttons, s);
}

bool print_hear(struct print *p, const struct ev_message *msg)
{
	const struct session *s = &p->m->session[msg->mcu];
	int16_t wire_id;
	const uint8_t *fields = wire_get_id(msg->bytes, msg->bytes + msg->len, &wire_id);
	union msg_any any;

	if (!fields || wire_dict_response(&s->dict.ids, wire_id) != MSG_ID_buttons_state ||
	    wire_decode(&msg_table[MSG_ID_buttons_state], fields,
			(size_t)(msg->bytes + msg->len - fields), &any) < 0)
		return false;
	buttons_state(p, msg->mcu, &any.buttons_state);
	return true;
}

/* ---- life ---- */

static bool add_tables(struct print *p)
{
	struct gcode *g = p->g;

	return gcode_add_table(g, gcode_macro_commands, gcode_macro_count, &p->cfg->macros) &&
	       gcode_add_table(g, print_timer_commands, print_timer_command_count, p) &&
	       gcode_add_table(g, sdcard_commands, sdcard_command_count, p) &&
	       gcode_add_table(g, pause_commands, pause_command_count, p) &&
	       gcode_add_table(g, print_stats_commands, print_stats_command_count, p) &&
	       gcode_add_table(g, idle_commands, idle_command_count, p) &&
	       gcode_add_table(g, variables_commands, variables_command_count, p) &&
	       gcode_add_table(g, filament_commands, filament_command_count, p);
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
	gcode_script_abort(p->g);
	gcode_script_forget(p->g);
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
	if (sdcard_printing(&p->sd) || p->pause.sd_stopped)
		sdcard_fail(p, "the machine has stopped");
	pause_clear(p);
}

void print_poll(struct print *p, int64_t now_ns, bool input_waiting)
{
	p->now_ns = now_ns;
	sdcard_job_poll(p);
	variables_poll(p);
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
	sdcard_poll(p, !input_waiting);
}

int64_t print_next_ns(const struct print *p)
{
	int64_t next_ns = idle_next_ns(p);

	for (size_t i = 0; i < p->cfg->delayed_count; i++) {
		if (p->timer[i].due_ns < next_ns)
			next_ns = p->timer[i].due_ns;
	}
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
