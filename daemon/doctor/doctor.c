// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/doctor.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/config/machine_config.h"
#include "daemon/doctor/doctor_checks.h"
#include "daemon/overrides.h"

static const char usage[] =
	"usage: stepd doctor [-c CONFIG…] [-o SECTION.OPTION=VALUE …] [--json] [--root DIR]\n"
	"  -c CONFIG    look at its serial devices, CPU and priority too\n"
	"  --json       one object, for programs\n"
	"  --root DIR   read DIR/proc, DIR/sys and DIR/dev instead: of a machine that was copied there\n"
	"Exit status: 0 fit for real time, 1 not (lines marked BAD), 2 usage or configuration.\n";

static const char *const level_names[] = { "ok", "advice", "BAD", "skipped" };

void doctor_found(struct doctor *d, enum doctor_level level, const char *name, const char *found,
		  const char *how, ...)
{
	struct doctor_finding *f = &d->finding[d->findings];
	va_list ap;

	if (d->findings == DOCTOR_FINDINGS)
		return;
	d->findings++;
	f->level = level;
	f->name = name;
	snprintf(f->found, sizeof(f->found), "%s", found);
	va_start(ap, how);
	vsnprintf(f->how, sizeof(f->how), how, ap);
	va_end(ap);
}

bool doctor_line(const struct doctor *d, char *text, size_t room, const char *path, ...)
{
	char full[DOCTOR_TEXT], rest[DOCTOR_TEXT];
	va_list ap;
	FILE *f;
	bool ok;

	va_start(ap, path);
	vsnprintf(rest, sizeof(rest), path, ap);
	va_end(ap);
	snprintf(full, sizeof(full), "%s%s", d->root, rest);
	text[0] = '\0';
	f = fopen(full, "re");
	if (!f)
		return false;
	ok = fgets(text, (int)room, f) != NULL || !ferror(f);
	text[strcspn(text, "\n")] = '\0';
	fclose(f);
	return ok;
}

bool doctor_in_list(const char *list, int cpu)
{
	while (*list) {
		char *end;
		long lo, hi;

		if (!isdigit((unsigned char)*list)) { /* "managed_irq,domain,1" */
			list++;
			continue;
		}
		lo = hi = strtol(list, &end, 10);
		if (*end == '-')
			hi = strtol(end + 1, &end, 10);
		if (cpu >= lo && cpu <= hi)
			return true;
		list = end;
	}
	return false;
}

bool doctor_boot_option(const struct doctor *d, const char *option, char *value, size_t room)
{
	char line[4096], *save = NULL;
	size_t len = strlen(option);
	bool found = false;

	if (!doctor_line(d, line, sizeof(line), "/proc/cmdline"))
		return false;
	/* the last one counts */
	for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (strncmp(word, option, len) == 0 && (word[len] == '=' || !word[len])) {
			snprintf(value, room, "%s", word[len] ? word + len + 1 : "");
			found = true;
		}
	return found;
}

static void print_text(const struct doctor *d, FILE *out)
{
	size_t bad = 0, advice = 0;

	for (size_t i = 0; i < d->findings; i++) {
		const struct doctor_finding *f = &d->finding[i];

		fprintf(out, "%-8s %-22s %s\n", level_names[f->level], f->name, f->found);
		if (f->how[0])
			fprintf(out, "         %-22s -> %s\n", "", f->how);
		bad += f->level == DOCTOR_BAD;
		advice += f->level == DOCTOR_ADVICE;
	}
	if (bad)
		fprintf(out, "not fit for real time: %zu to change, %zu to better\n", bad, advice);
	else
		fprintf(out, "fit for real time%s\n",
			advice ? "; the advice gives it more margin" : "");
}

static void print_json(const struct doctor *d, FILE *out, int status)
{
	static const char *const words[] = { "ok", "advice", "bad", "skipped" };
	struct json_object *root = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(root, "fit", json_object_new_boolean(status == 0));
	json_object_object_add(root, "cpu", json_object_new_int(d->cpu));
	for (size_t i = 0; i < d->findings; i++) {
		const struct doctor_finding *f = &d->finding[i];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "name", json_object_new_string(f->name));
		json_object_object_add(o, "level", json_object_new_string(words[f->level]));
		json_object_object_add(o, "found", json_object_new_string(f->found));
		if (f->how[0])
			json_object_object_add(o, "how", json_object_new_string(f->how));
		json_object_array_add(list, o);
	}
	json_object_object_add(root, "checks", list);
	fprintf(out, "%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY));
	json_object_put(root);
}

static void take_can(struct doctor *d, const char *name)
{
	for (size_t i = 0; i < d->cans; i++)
		if (strcmp(d->can[i], name) == 0)
			return;
	if (d->cans < DOCTOR_DEVICES)
		d->can[d->cans++] = name;
}

/* What the configuration asks of the machine. */
static void take_config(struct doctor *d, const struct machine_config *mc)
{
	d->cpu = mc->stepd.rt_cpu;
	d->priority = mc->stepd.rt_priority;
	for (size_t i = 0; i < mc->mcu_count; i++) {
		if (mc->mcu[i].host)
			d->gpio = true;
		else if (mc->mcu[i].serial && d->serials < DOCTOR_DEVICES)
			d->serial[d->serials++] = mc->mcu[i].serial;
		if (mc->mcu[i].canbus_uuid)
			take_can(d, mc->mcu[i].canbus_interface);
	}
}

int doctor_run(int argc, char **argv, FILE *out)
{
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' },
					       { "json", no_argument, NULL, 'j' },
					       { "root", required_argument, NULL, 'r' },
					       { 0 } };
	struct overrides overrides = { .count = 0 };
	struct machine_config *mc = NULL;
	struct doctor d = { .root = "", .cpu = -1, .priority = 1 };
	const char *config[8];
	size_t configs = 0;
	struct stat st;
	bool json = false;
	int c, status = 0;

	optind = 0;
	while ((c = getopt_long(argc, argv, "c:o:h", longs, NULL)) != -1) {
		if (c == 'c' && configs < sizeof(config) / sizeof(config[0])) {
			config[configs++] = optarg;
		} else if (c == 'o' && overrides_add(&overrides, optarg)) {
			continue;
		} else if (c == 'j') {
			json = true;
		} else if (c == 'r') {
			d.root = optarg;
		} else {
			fputs(usage, c == 'h' ? out : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (optind < argc || (overrides.count && !configs)) {
		fputs(usage, stderr);
		return 2;
	}
	if (d.root[0] && (stat(d.root, &st) || !S_ISDIR(st.st_mode))) {
		fprintf(stderr,
			"stepd doctor: --root %s: %s, expected a folder with proc/ and sys/\n",
			d.root, stat(d.root, &st) ? strerror(errno) : "not a folder");
		return 2;
	}
	if (configs) {
		mc = machine_config_load(config, configs, overrides.text, overrides.count, stderr);
		if (!mc)
			return 2;
		take_config(&d, mc);
	}
	doctor_check_kernel(&d);
	doctor_check_cpu(&d);
	doctor_check_rights(&d);
	doctor_check_devices(&d);
	for (size_t i = 0; i < d.findings; i++)
		if (d.finding[i].level == DOCTOR_BAD)
			status = 1;
	if (json)
		print_json(&d, out, status);
	else
		print_text(&d, out);
	machine_config_free(mc);
	return status;
}

int doctor_main(int argc, char **argv)
{
	return doctor_run(argc, argv, stdout);
}
