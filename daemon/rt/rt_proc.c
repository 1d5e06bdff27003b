// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/rt/rt_proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool proc_value(const char *text, const char *key, uint64_t *value)
{
	const char *at = strstr(text, key);

	return at && sscanf(at + strlen(key), "%" SCNu64, value) == 1;
}

static bool read_proc(int tid, const char *name, char *buf, size_t size)
{
	char path[64];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", tid, name);
	f = fopen(path, "r");
	if (!f)
		return false;
	n = fread(buf, 1, size - 1, f);
	buf[n] = 0;
	fclose(f);
	return n > 0;
}

bool rt_proc_read(int tid, struct rt_proc *out)
{
	char buf[4096];
	const char *after_name;

	if (!read_proc(tid, "stat", buf, sizeof(buf)))
		return false;
	after_name = strrchr(buf, ')'); /* the name may hold spaces */
	if (!after_name ||
	    sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %" SCNu64 " %*u %" SCNu64,
		   &out->minor_faults, &out->major_faults) != 2)
		return false;
	return read_proc(tid, "status", buf, sizeof(buf)) &&
	       proc_value(buf, "\nvoluntary_ctxt_switches:", &out->voluntary_switches) &&
	       proc_value(buf, "nonvoluntary_ctxt_switches:", &out->involuntary_switches);
}
