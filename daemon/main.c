// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "daemon/batch/batch.h"
#include "daemon/canbus.h"
#include "daemon/check.h"
#include "daemon/doctor/doctor.h"
#include "daemon/dump/dump.h"
#include "daemon/model.h"
#include "daemon/run.h"
#include "daemon/verify.h"
#include "daemon/version.h"

static const char usage_text[] =
	"usage: stepd -c CONFIG [-o SECTION.OPTION=VALUE …]   run the printer\n"
	"       stepd check FILE [-o …]                       only check a configuration\n"
	"       stepd batch -c CONFIG FILE.gcode [--json …]   run a file under a virtual clock\n"
	"       stepd model -c CONFIG [-o …]                  the printer as mcu-sim --printer reads it\n"
	"       stepd verify PLAN EDGES… [--json] [--plot P]  check a recorded run\n"
	"       stepd doctor [-c CONFIG] [--json]             is this machine fit for real time?\n"
	"       stepd canbus-query [INTERFACE]                which boards on CAN have no node id?\n"
	"       stepd dump FILE [--json] [--plot OUT.svg …]   what the flight recorder holds\n"
	"       stepd --version\n"
	"Each command says more with --help.\n";

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*main)(int argc, char **argv);
	} commands[] = {
		{ "run", run_main },       { "check", check_main },
		{ "model", model_main },   { "batch", batch_main },
		{ "verify", verify_main }, { "dump", dump_main },
		{ "doctor", doctor_main }, { "canbus-query", canbus_query_main },
	};

	const char *command = argc >= 2 ? argv[1] : "";
	char name[32] = "stepd"; /* who complains of an option */

	if (strcmp(command, "--version") == 0) {
		puts("stepd " STEPD_VERSION);
		return 0;
	}
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
		fputs(usage_text, stdout);
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(command, commands[i].name) != 0)
			continue;
		snprintf(name, sizeof(name), "stepd %s", command);
		argv[1] = name;
		return commands[i].main(argc - 1, argv + 1);
	}
	if (command[0] == '-') {
		argv[0] = name;
		return run_main(argc, argv);
	}
	if (*command)
		fprintf(stderr, "stepd: unknown command '%s': expected one of these, or -c CONFIG\n",
			command);
	fputs(usage_text, stderr);
	return 2;
}
