/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_restore.h - the interpreter's states by name, for others than their commands.
 *
 * Owner: struct gcode. Threads: PLAN. Units: _mm_s along the path.
 */
#ifndef DAEMON_GCODE_GCODE_RESTORE_H
#define DAEMON_GCODE_GCODE_RESTORE_H

#include "daemon/gcode/gcode.h"

/* What SAVE_GCODE_STATE keeps but for its name, and all of it taken back, position and E as well: nothing moves. */
void gcode_state_keep(const struct gcode *g, struct gcode_saved *s);
void gcode_state_put(struct gcode *g, const struct gcode_saved *s);

/* As SAVE_GCODE_STATE. False: too many names; an error is given. */
bool gcode_state_save(struct gcode *g, const char *name);
/* As RESTORE_GCODE_STATE MOVE=1, from a handler; speed_mm_s > 0. */
enum gcode_result gcode_state_restore(struct gcode *g, const char *name, double speed_mm_s);

#endif
