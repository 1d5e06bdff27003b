/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "series.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct series *series_add(struct series_set *set, const char *name)
{
	struct series *s = &set->series[set->count];

	if (set->count == SERIES_MAX)
		return NULL;
	set->count++;
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->count = 0;
	return s;
}

void series_value(struct series *s, int64_t ns)
{
	if (s->count < SERIES_VALUES_MAX)
		s->us[s->count++] = (double)ns / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double share(const struct series *s, double part)
{
	size_t i = (size_t)(part * (double)s->count);

	return s->us[i < s->count ? i : s->count - 1];
}

static int write_data(const struct series *s, const char *folder)
{
	char path[400];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.dat", folder, s->name);
	for (char *c = path + strlen(folder) + 1; *c; c++)
		if (*c == ' ' || *c == '/')
			*c = '-';
	f = fopen(path, "we");
	for (size_t i = 0; f && i < s->count; i++)
		fprintf(f, "%.3f %.6f\n", s->us[i], (double)(i + 1) / (double)s->count);
	return !f || fclose(f) != 0 ? -errno : 0;
}

static struct json_object *row(const struct series *s)
{
	static const struct {
		const char *key;
		double part;
	} parts[] = { { "p50_us", 0.5 }, { "p99_us", 0.99 }, { "p999_us", 0.999 }, { "max_us", 1 } };
	struct json_object *o = json_object_new_object();

	printf("%-28s %7zu", s->name, s->count);
	json_object_object_add(o, "count", json_object_new_int64((int64_t)s->count));
	for (size_t k = 0; k < 4; k++) {
		printf(" %10.1f", share(s, parts[k].part));
		json_object_object_add(o, parts[k].key,
				       json_object_new_double(share(s, parts[k].part)));
	}
	printf("\n");
	return o;
}

int series_results(struct series_set *set, const char *json, const char *folder)
{
	struct json_object *root = json_object_new_object();
	int err = 0;

	printf("%-28s %7s %10s %10s %10s %10s\n", "", "count", "p50_us", "p99_us", "p99.9_us",
	       "max_us");
	for (size_t i = 0; i < set->count; i++) {
		struct series *s = &set->series[i];

		if (s->count == 0)
			continue;
		qsort(s->us, s->count, sizeof(s->us[0]), compare);
		json_object_object_add(root, s->name, row(s));
		if (folder && !err)
			err = write_data(s, folder);
	}
	if (json && json_object_to_file_ext(json, root, JSON_C_TO_STRING_PRETTY) < 0)
		err = errno ? -errno : -EIO;
	json_object_put(root);
	return err;
}
