/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pins.h - pin descriptions as printer configurations write them: `^!mcu_name:PA5`.
 *
 * Syntax: any of `^` (pull-up) or `~` (pull-down), then `!` (inverted), in either order, then
 * optionally a chip name and a colon, then the pin's name. Which names a chip knows is
 * not decided here: that is in the MCU's dictionary. Pure; any thread.
 */
#ifndef DAEMON_PINS_H
#define DAEMON_PINS_H

#include <stdbool.h>
#include <stddef.h>

enum { PIN_CHIP_MAX = 64, PIN_NAME_MAX = 64, PIN_MAIN_MCU = 0, PIN_NO_MCU = -1 };

enum pin_pull { PIN_PULL_NONE = 0, PIN_PULL_UP = 1, PIN_PULL_DOWN = -1 };

/* What the place that uses a pin lets its description contain. */
enum pin_allow { PIN_ALLOW_INVERT = 1, PIN_ALLOW_PULL = 2 };

struct pin {
	bool set;           /* false: the configuration names no pin here */
	bool invert;        /* `!`: the logical 1 is the low level */
	enum pin_pull pull; /* inputs only */
	int mcu;            /* index in machine_config.mcu[], or PIN_NO_MCU for a virtual chip;
				  * pin_parse() leaves PIN_NO_MCU, machine_config_load() fills it in */
	const char *file; /* where the configuration names it; NULL: nowhere. As long as that lives */
	int line;
	char chip[PIN_CHIP_MAX]; /* "mcu" if the text names none */
	char name[PIN_NAME_MAX]; /* as the MCU calls it, aliases of [board_pins] resolved */
};

/* Parse text (leading and trailing blanks ignored). allow: enum pin_allow bits.
 * Returns 0, or -EINVAL: *out is then unset and err says what was expected (no trailing dot). */
int pin_parse(const char *text, unsigned allow, struct pin *out, char *err, size_t err_size);

/* Same chip and same pin name, whatever the modifiers. */
bool pin_same(const struct pin *a, const struct pin *b);

#endif
