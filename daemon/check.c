// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/check.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config/machine_config.h"

enum { OVERRIDES_MAX = 64 };

int check_main(int argc, char **argv)
{
	const char *overrides[OVERRIDES_MAX];
	size_t count = 0;
	int c;

	while ((c = getopt(argc, argv, "o:")) == 'o' && count < OVERRIDES_MAX)
		overrides[count++] = optarg;
	if (c != -1 || optind >= argc) {
		fputs("usage: stepd check [-o SECTION.OPTION=VALUE …] FILE…\n", stderr);
		return 2;
	}
	return config_check((const char *const *)argv + optind, (size_t)(argc - optind), overrides,
			    count, stdout);
}
