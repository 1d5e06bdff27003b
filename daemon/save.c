// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/save.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config.h"
#include "daemon/config/config_util.h"
#include "daemon/machine/machine.h"

void save_set(struct machine *m, bool live, const char *section, const char *option,
	      const char *format, ...)
{
	char *value;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&value, format, args);
	va_end(args);
	if (n < 0)
		return;
	config_save_set(&m->save, section, option, value, live);
	free(value);
}

void save_remove(struct machine *m, const char *section)
{
	config_save_remove(&m->save, section, true);
}

/* What of it needs a restart, the first such option; NULL: nothing. z_offset, if it is there, needs none. */
static const struct config_pending *needs_restart(const struct machine *m, double *z_offset_mm)
{
	const struct config_pending *restart = NULL;

	for (size_t i = 0; i < m->save.count; i++) {
		const struct config_pending *p = &m->save.pending[i];

		if (!p->live && !restart)
			restart = p;
		if (p->option && m->probe.cfg->section && !strcmp(p->option, "z_offset") &&
		    !strcmp(p->section, m->probe.cfg->section))
			*z_offset_mm = strtod(p->value, NULL);
	}
	return restart;
}

static void save_now(struct machine *m, const char *error)
{
	const char *path = m->mc->store->files[0];
	char backup[PATH_MAX], err[CONFIG_SAVE_ERR_MAX];
	double z_offset_mm = m->probe.offset_mm[AXIS_Z];
	const struct config_pending *restart;
	char why[160] = "";

	if (error) {
		gcode_resume(&m->gcode, error);
		return;
	}
	restart = needs_restart(m, &z_offset_mm);
	if (restart)
		snprintf(why, sizeof(why), "; restarting for [%.80s] %.60s", restart->section,
			 restart->option ? restart->option : "");
	if (config_save_write(&m->save, path, NULL, backup, sizeof(backup), err) < 0) {
		gcode_resume(&m->gcode, err);
		return;
	}
	m->probe.offset_mm[AXIS_Z] = z_offset_mm;
	machine_say(m, REPLY_INFO, "saved in %.180s; as it was before: %.180s%s", path, backup, why);
	gcode_resume(&m->gcode, NULL);
	if (why[0])
		m->restart_wanted = true;
}

static enum gcode_result save(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;

	(void)l;
	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	if (m->save.count == 0) {
		gcode_reply(g, REPLY_INFO, "nothing to save");
		return GCODE_OK;
	}
	if (!m->hooks.save_config)
		return gcode_fail(g, "a simulation does not change its configuration");
	/* Once the machine rests: the disk may take a while. */
	acts_begin(m);
	acts_run(m, save_now);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

const struct gcode_command save_commands[] = {
	{ "SAVE_CONFIG", GCODE_EXTENDED, 0, save, "",
	  "write what commands have found into the configuration" },
};
const unsigned save_command_count = sizeof(save_commands) / sizeof(*save_commands);
