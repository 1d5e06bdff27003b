// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checker/checker_print.h"

static void print_row(FILE *f, const char *name, const struct checker_error *e, int64_t position,
		      int64_t off)
{
	fprintf(f, "%-16s %11llu %8.3f %8.3f %8.3f %8.3f %10.4f %11lld %6lld\n", name,
		(unsigned long long)e->steps, e->rms_us, e->p99_us, e->p999_us, e->max_us,
		e->peak_steps, (long long)position, (long long)off);
}

void checker_print(FILE *f, const struct checker_config *cfg, const struct checker_result *r)
{
	fprintf(f, "%-16s %11s %8s %8s %8s %8s %10s %11s %6s\n", "stepper", "steps", "rms us",
		"p99 us", "p99.9 us", "max us", "peak steps", "position", "off");
	for (uint32_t i = 0; i < r->steppers; i++)
		print_row(f, cfg->stepper[i].name, &r->stepper[i], r->position_steps[i],
			  r->position_error_steps[i]);
	print_row(f, "all", &r->all, 0, r->position_error_worst_steps);
	fprintf(f, "%llu moves, %.3f s, %llu violations", (unsigned long long)r->moves, r->end_s,
		(unsigned long long)r->violations);
	for (int k = 0; k < CHECKER_KINDS; k++)
		if (r->by_kind[k])
			fprintf(f, ", %s %llu", checker_kind_name((enum checker_kind)k),
				(unsigned long long)r->by_kind[k]);
	fputc('\n', f);
	for (uint32_t i = 0; i < r->listed; i++)
		fprintf(f, "  %s: %s\n", checker_kind_name(r->list[i].kind), r->list[i].text);
	if (r->violations > r->listed)
		fprintf(f, "  and %llu more\n", (unsigned long long)(r->violations - r->listed));
}

void checker_print_json_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < ' ' || c >= 0x7f)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

void checker_print_json(FILE *f, const struct checker_config *cfg, const struct checker_result *r)
{
	const char *sep = "";

	fputs("\"steps\": {", f);
	for (uint32_t i = 0; i < r->steppers; i++) {
		fputs(i ? ", " : "", f);
		checker_print_json_string(f, cfg->stepper[i].name);
		fprintf(f, ": %llu", (unsigned long long)r->executed[i]);
	}
	fprintf(f,
		"}, \"step_error_us\": {\"rms\": %.4f, \"p99\": %.4f, \"p999\": %.4f, "
		"\"max\": %.4f, \"mean\": %.4f}, \"peak_error_steps\": %.4f, "
		"\"position_error_steps\": %lld, \"violations\": %llu, \"violations_by_kind\": {",
		r->all.rms_us, r->all.p99_us, r->all.p999_us, r->all.max_us, r->all.mean_us,
		r->all.peak_steps, (long long)r->position_error_worst_steps,
		(unsigned long long)r->violations);
	for (int k = 0; k < CHECKER_KINDS; k++) {
		if (!r->by_kind[k])
			continue;
		fprintf(f, "%s\"%s\": %llu", sep, checker_kind_name((enum checker_kind)k),
			(unsigned long long)r->by_kind[k]);
		sep = ", ";
	}
	fputs("}, \"violation_list\": [", f);
	for (uint32_t i = 0; i < r->listed; i++) {
		fputs(i ? ", " : "", f);
		checker_print_json_string(f, r->list[i].text);
	}
	fputc(']', f);
}
