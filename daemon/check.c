// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/check.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config/machine_config.h"
#include "daemon/overrides.h"

int check_main(int argc, char **argv)
{
	static const char usage[] = "usage: stepd check [-o SECTION.OPTION=VALUE …] FILE…\n";
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	struct overrides overrides = { .count = 0 };
	int c;

	while ((c = getopt_long(argc, argv, "ho:", longs, NULL)) == 'o')
		if (!overrides_add(&overrides, optarg))
			break;
	if (c == 'h') {
		fputs(usage, stdout);
		return 0;
	}
	if (c == -1 && optind >= argc)
		fputs("stepd check: expected a FILE\n", stderr);
	if (c != -1 || optind >= argc) {
		fputs(usage, stderr);
		return 2;
	}
	return config_check((const char *const *)argv + optind, (size_t)(argc - optind),
			    overrides.text, overrides.count, stdout);
}
