// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/overrides.h"

#include <stdio.h>

bool overrides_add(struct overrides *o, const char *text)
{
	if (o->count == OVERRIDES_MAX) {
		fprintf(stderr,
			"stepd: -o %s: there are more than %d overrides; "
			"put them into a configuration file\n",
			text, OVERRIDES_MAX);
		return false;
	}
	o->text[o->count++] = text;
	return true;
}
