/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_sync.c - [mcu] sync_pin, sync_line, stamp_module: see machine_load.h. */
#include <stdlib.h>
#include <string.h>

#include "daemon/config/machine_load.h"

#define LINE_MAX_NUMBER 65534

/* "gpiochip0/gpio17": chip by name or label, then the line's number. */
static void line_load(struct machine_load *l, const struct config_section *s,
		      struct machine_mcu *mcu, const char *text)
{
	const char *slash = strrchr(text, '/'), *number = slash ? slash + 1 : "";
	size_t len = slash ? (size_t)(slash - text) : 0;
	char *end = NULL;
	unsigned long line;

	if (!strncmp(number, "gpio", 4))
		number += 4;
	line = *number >= '0' && *number <= '9' ? strtoul(number, &end, 10) : 0;
	if (len == 0 || len >= sizeof(mcu->sync_chip) || !end || *end || line > LINE_MAX_NUMBER) {
		value_error(
			l, s, "sync_line",
			"expected CHIP/gpioN, such as gpiochip0/gpio17; the chip by its name or label");
		return;
	}
	memcpy(mcu->sync_chip, text, len);
	mcu->sync_line = (unsigned)line;
}

static void load(struct machine_load *l, struct config_section *s, struct machine_mcu *mcu)
{
	char *text = NULL;
	const struct field fields[] = {
		{ "sync_pin", FIELD_PIN, 0, offsetof(struct machine_mcu, sync_pin), .lo = 0,
		  .hi = PIN_ALONE },
		{ "stamp_module", FIELD_BOOL, 0, offsetof(struct machine_mcu, stamp_module),
		  .fallback = 1 },
	};
	const struct field line = { "sync_line", FIELD_TEXT, 0, 0, .hi = 80, .unit = "CHIP/gpioN" };

	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), mcu);
	fields_load(l, s, &line, 1, &text);
	if (text)
		line_load(l, s, mcu, text);
	free(text);
	if (mcu->sync_pin.set && mcu->sync_pin.mcu != mcu - l->mc->mcu)
		value_error(l, s, "sync_pin", "expected a pin of this MCU: %s%s", mcu->name,
			    ":… or without a name for [mcu]");
	if (mcu->sync_pin.set != (config_option(s, "sync_line") != NULL))
		config_report(l->c, CONFIG_ERROR,
			      place_of(s, mcu->sync_pin.set ? "sync_pin" : "sync_line"),
			      "[%s] %s: missing: expected both sync_pin and sync_line, or none",
			      s->name, mcu->sync_pin.set ? "sync_line" : "sync_pin");
}

void sync_lines_load(struct machine_load *l)
{
	char name[MACHINE_NAME_MAX + 8];

	for (size_t i = 0; i < l->mc->mcu_count; i++) {
		struct machine_mcu *mcu = &l->mc->mcu[i];
		struct config_section *s;

		if (strcmp(mcu->name, "mcu") != 0)
			snprintf(name, sizeof(name), "mcu %s", mcu->name);
		s = config_section(l->c, strcmp(mcu->name, "mcu") ? name : "mcu");
		if (s)
			load(l, s, mcu);
	}
}
