// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/doctor/doctor_checks.h"

#define CPU_DIR "/sys/devices/system/cpu"

enum {
	IDLE_STATES = 16,
	IDLE_LATENCY_US_MAX = 20, /* leaving a deeper state takes longer than a good wake-up does */
};

/* The highest numbered CPU that is there: the one to give away. */
static int last_cpu(const struct doctor *d)
{
	char text[DOCTOR_TEXT];
	const char *p;

	if (!doctor_line(d, text, sizeof(text), CPU_DIR "/online"))
		return 0;
	p = strrchr(text, '-');
	if (!p)
		p = strrchr(text, ',');
	return atoi(p ? p + 1 : text);
}

static int first_of(const char *list)
{
	for (int i = 0; i < DOCTOR_CPUS; i++)
		if (doctor_in_list(list, i))
			return i;
	return -1;
}

static void check_isolated(struct doctor *d)
{
	char list[DOCTOR_TEXT], text[DOCTOR_TEXT];
	bool known = doctor_line(d, list, sizeof(list), CPU_DIR "/isolated");
	int last = last_cpu(d), cpu = d->cpu;

	if (cpu < 0)
		cpu = first_of(list);
	if (!known) {
		doctor_found(d, DOCTOR_SKIP, "isolated CPU", "can't be read", "%s", "");
	} else if (cpu >= 0 && doctor_in_list(list, cpu)) {
		snprintf(text, sizeof(text), "CPU %d (isolated: %.300s)", cpu, list);
		doctor_found(d, DOCTOR_OK, "isolated CPU", text, "%s", "");
	} else if (last == 0) {
		doctor_found(
			d, DOCTOR_ADVICE, "isolated CPU", "the machine has one CPU", "%s",
			"the rt thread shares it with everything else: expect a smaller margin");
		cpu = 0;
	} else {
		char others[32] = "0";

		if (cpu < 0)
			snprintf(text, sizeof(text), "none");
		else
			snprintf(text, sizeof(text), "CPU %d is not isolated (isolated: %.200s)",
				 cpu, list[0] ? list : "none");
		cpu = cpu >= 0 ? cpu : last;
		if (cpu > 1)
			snprintf(others, sizeof(others), "0-%d", cpu - 1);
		doctor_found(d, DOCTOR_BAD, "isolated CPU", text,
			     "kernel command line: isolcpus=managed_irq,domain,%d nohz_full=%d "
			     "rcu_nocbs=%d irqaffinity=%s",
			     cpu, cpu, cpu, others);
	}
	d->cpu = cpu;
}

/* nohz_full and rcu_nocbs of the rt thread's CPU: no tick, no callbacks of the kernel there. */
static void check_quiet(struct doctor *d)
{
	static const struct {
		const char *option, *file, *why;
	} quiet[] = {
		{ "nohz_full", CPU_DIR "/nohz_full", "its timer tick goes on" },
		{ "rcu_nocbs", NULL, "the kernel's clean-up runs there" },
	};
	char list[DOCTOR_TEXT], text[DOCTOR_TEXT];

	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
		bool there = doctor_boot_option(d, quiet[i].option, list, sizeof(list));

		if (!there && quiet[i].file)
			there = doctor_line(d, list, sizeof(list), "%s", quiet[i].file);
		/* nohz_full implies rcu_nocbs for its CPUs */
		if (!there && !quiet[i].file)
			there = doctor_boot_option(d, "nohz_full", list, sizeof(list));
		if (there && (doctor_in_list(list, d->cpu) || strcmp(list, "all") == 0)) {
			doctor_found(d, DOCTOR_OK, quiet[i].option, list, "%s", "");
			continue;
		}
		snprintf(text, sizeof(text), "not for CPU %d: %s", d->cpu, quiet[i].why);
		doctor_found(d, DOCTOR_ADVICE, quiet[i].option, text, "kernel command line: %s=%d",
			     quiet[i].option, d->cpu);
	}
}

/* A CPU without a tick hands the timers that it sets to one with a tick, where they wait for what is not to be interrupted there. */
static void check_timers(struct doctor *d)
{
	char moved[DOCTOR_TEXT], list[DOCTOR_TEXT], text[DOCTOR_TEXT];

	if (!doctor_line(d, moved, sizeof(moved), "/proc/sys/kernel/timer_migration"))
		doctor_found(d, DOCTOR_SKIP, "timers", "kernel.timer_migration can't be read", "%s",
			     "");
	else if (atoi(moved) == 0)
		doctor_found(d, DOCTOR_OK, "timers", "stay on the CPU that sets them", "%s", "");
	else if (!doctor_line(d, list, sizeof(list), CPU_DIR "/nohz_full") ||
		 !doctor_in_list(list, d->cpu))
		doctor_found(d, DOCTOR_OK, "timers", "stay on a CPU that has a tick", "%s", "");
	else {
		snprintf(text, sizeof(text), "those of CPU %d run on another, which may be busy",
			 d->cpu);
		doctor_found(d, DOCTOR_ADVICE, "timers", text, "%s",
			     "sysctl -w kernel.timer_migration=0 (to keep: a line in "
			     "/etc/sysctl.d/stepd.conf)");
	}
}

/* Interrupts that the kernel may deliver to the rt thread's CPU. */
static void check_interrupts(struct doctor *d)
{
	char path[DOCTOR_TEXT], list[DOCTOR_TEXT], text[DOCTOR_TEXT], first[8] = "";
	int there = 0, seen = 0;
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/proc/irq", d->root);
	dir = opendir(path);
	if (!dir) {
		doctor_found(d, DOCTOR_SKIP, "interrupts", "/proc/irq can't be read", "%s", "");
		return;
	}
	while ((e = readdir(dir))) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		/* where they go; where that isn't told, where they may go */
		if (!doctor_line(d, list, sizeof(list), "/proc/irq/%.16s/effective_affinity_list",
				 e->d_name) ||
		    !list[0])
			if (!doctor_line(d, list, sizeof(list), "/proc/irq/%.16s/smp_affinity_list",
					 e->d_name))
				continue;
		seen++;
		if (doctor_in_list(list, d->cpu) && there++ == 0)
			snprintf(first, sizeof(first), "%.7s", e->d_name);
	}
	closedir(dir);
	if (there == 0 || d->cpu == 0) {
		snprintf(text, sizeof(text), "none of %d goes to CPU %d", seen, d->cpu);
		doctor_found(d, d->cpu == 0 ? DOCTOR_SKIP : DOCTOR_OK, "interrupts",
			     d->cpu == 0 ? "the rt thread is on CPU 0, where interrupts go" : text,
			     "%s", "");
		return;
	}
	snprintf(text, sizeof(text), "%d of %d go to CPU %d, the first is %s", there, seen, d->cpu,
		 first);
	doctor_found(d, DOCTOR_ADVICE, "interrupts", text,
		     "kernel command line: irqaffinity=0; stop irqbalance, or give it "
		     "IRQBALANCE_BANNED_CPULIST=%d; of a running machine: echo 0 "
		     ">/proc/irq/%s/smp_affinity_list",
		     d->cpu, first);
}

static void check_frequency(struct doctor *d)
{
	char text[DOCTOR_TEXT];

	if (!doctor_line(d, text, sizeof(text), CPU_DIR "/cpu%d/cpufreq/scaling_governor", d->cpu))
		doctor_found(d, DOCTOR_SKIP, "CPU governor", "the frequency is not scaled here",
			     "%s", "");
	else if (strcmp(text, "performance") == 0)
		doctor_found(d, DOCTOR_OK, "CPU governor", text, "%s", "");
	else
		doctor_found(d, DOCTOR_ADVICE, "CPU governor", text,
			     "echo performance >" CPU_DIR
			     "/cpu%d/cpufreq/scaling_governor (to keep: "
			     "cpufreq.default_governor=performance on the kernel's command line)",
			     d->cpu);
}

static void check_idle(struct doctor *d)
{
	char name[DOCTOR_TEXT], latency[DOCTOR_TEXT], off[DOCTOR_TEXT], text[DOCTOR_TEXT];
	long worst = -1;
	int state = 0;

	for (; state < IDLE_STATES; state++) {
		if (!doctor_line(d, latency, sizeof(latency),
				 CPU_DIR "/cpu%d/cpuidle/state%d/latency", d->cpu, state))
			break;
		doctor_line(d, off, sizeof(off), CPU_DIR "/cpu%d/cpuidle/state%d/disable", d->cpu,
			    state);
		if (atol(off) == 0 && atol(latency) > worst) {
			worst = atol(latency);
			doctor_line(d, name, sizeof(name), CPU_DIR "/cpu%d/cpuidle/state%d/name",
				    d->cpu, state);
		}
	}
	if (worst < 0) {
		doctor_found(d, DOCTOR_SKIP, "idle states", "none are managed here", "%s", "");
		return;
	}
	snprintf(text, sizeof(text), "deepest %.40s, %ld us to leave", name, worst);
	if (worst <= IDLE_LATENCY_US_MAX)
		doctor_found(d, DOCTOR_OK, "idle states", text, "%s", "");
	else
		doctor_found(d, DOCTOR_ADVICE, "idle states", text,
			     "switch off states of over %d us on CPU %d: echo 1 >" CPU_DIR
			     "/cpu%d/cpuidle/stateN/disable (x86, for all CPUs: "
			     "processor.max_cstate=1 on the kernel's command line)",
			     IDLE_LATENCY_US_MAX, d->cpu, d->cpu);
}

void doctor_check_cpu(struct doctor *d)
{
	check_isolated(d);
	check_quiet(d);
	check_timers(d);
	check_interrupts(d);
	check_frequency(d);
	check_idle(d);
}
