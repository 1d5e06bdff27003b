/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_doctor.c - `stepd doctor` on machines made of files.
 *
 * Shown: a machine that is set up as docs/RT-SETUP.md says is fit; each thing that is not so is found, named
 * and comes with what to do; a missing file is no finding of its own; the configuration's CPU, priority
 * and serial devices are looked at; JSON says the same; wrong arguments give the usage or a reason.
 * How: a folder with proc/, sys/ and dev/ that --root names; one file is changed at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/doctor/doctor.h"

static char root[] = "/tmp/stepd-doctor.XXXXXX";
static char output[16384];

struct file {
	const char *path, *text; /* text NULL: not there */
};

#define CPU "/sys/devices/system/cpu"
#define USB "/sys/devices/usb1/1-1"
static const struct file good[] = {
	{ "/proc/version", "Linux version 6.1.0-30-rt-arm64 #1 SMP PREEMPT_RT Debian\n" },
	{ "/proc/sys/kernel/osrelease", "6.1.0-30-rt-arm64\n" },
	{ "/proc/sys/kernel/sched_rt_runtime_us", "-1\n" },
	{ "/proc/sys/kernel/sched_rt_period_us", "1000000\n" },
	{ "/proc/sys/kernel/io_uring_disabled", "0\n" },
	{ "/proc/sys/kernel/timer_migration", "0\n" },
	{ "/sys/devices/system/clocksource/clocksource0/current_clocksource", "arch_sys_counter\n" },
	{ "/sys/devices/system/clocksource/clocksource0/available_clocksource",
	  "arch_sys_counter\n" },
	{ "/proc/cmdline",
	  "root=/dev/mmcblk0p2 isolcpus=managed_irq,domain,3 nohz_full=3 rcu_nocbs=3\n" },
	{ CPU "/online", "0-3\n" },
	{ CPU "/isolated", "3\n" },
	{ CPU "/nohz_full", "3\n" },
	{ CPU "/cpu3/cpufreq/scaling_governor", "performance\n" },
	{ CPU "/cpu3/cpuidle/state0/latency", "1\n" },
	{ CPU "/cpu3/cpuidle/state0/name", "WFI\n" },
	{ CPU "/cpu3/cpuidle/state0/disable", "0\n" },
	{ CPU "/cpu3/cpuidle/state1/latency", "400\n" },
	{ CPU "/cpu3/cpuidle/state1/name", "cpu-sleep\n" },
	{ CPU "/cpu3/cpuidle/state1/disable", "1\n" },
	{ "/proc/irq/11/smp_affinity_list", "0-2\n" },
	{ "/proc/irq/12/smp_affinity_list", "0-3\n" },
	{ "/proc/irq/12/effective_affinity_list", "2\n" },
	{ "/proc/self/status", "Name:\tstepd\nCapEff:\t0000000000000000\n" },
	{ "/proc/self/limits",
	  "Limit                     Soft Limit           Hard Limit\n"
	  "Max locked memory         unlimited            unlimited            bytes\n"
	  "Max realtime priority     95                   95                   \n" },
	{ "/sys/class/net/can0/type", "280\n" },
	{ "/sys/class/net/can0/tx_queue_len", "128\n" },
	{ "/sys/class/net/can0/flags", "0x40041\n" },
	{ "/sys/class/net/eth0/type", "1\n" },
	{ "/sys/class/net/eth0/tx_queue_len", "10\n" },
	{ "/dev/ttyUSB0", "" },
	{ "/dev/ttyS1", "" },
	{ USB "/idVendor", "0403\n" },
	{ USB "/power/control", "on\n" },
	{ USB "/power/autosuspend_delay_ms", "2000\n" },
	{ USB "/1-1:1.0/ttyUSB0/latency_timer", "1\n" },
	{ "/sys/class/tty/ttyS1/flags", "0x2000\n" },
};
#undef USB

static void write_file(const struct file *f)
{
	char path[512], *slash;
	FILE *out;

	snprintf(path, sizeof(path), "%s%s", root, f->path);
	if (!f->text) {
		unlink(path);
		return;
	}
	for (slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(f->text, out);
	fclose(out);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	char path[512];

	(void)state;
	if (!mkdtemp(root))
		return -1;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		write_file(&good[i]);
	snprintf(path, sizeof(path), "%s/sys/class/tty/ttyUSB0", root);
	mkdir(path, 0755);
	strncat(path, "/device", sizeof(path) - strlen(path) - 1);
	return symlink("../../../devices/usb1/1-1/1-1:1.0/ttyUSB0", path);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* With these arguments behind "doctor --root ROOT". */
static int doctor(int argc, const char *const *argv)
{
	const char *all[24] = { "doctor", "--root", root };
	FILE *out = fmemopen(output, sizeof(output), "w");
	int status;

	for (int i = 0; i < argc; i++)
		all[3 + i] = argv[i];
	assert_non_null(out);
	status = doctor_run(3 + argc, (char **)(uintptr_t)all, out);
	fclose(out);
	return status;
}

static const char *const configured[] = { "-c", "etc/sim-corexy.cfg",
					  "-o", "mcu.serial=/dev/ttyUSB0",
					  "-o", "stepd.rt_cpu=3",
					  "-o", "stepd.rt_priority=80" };
enum { CONFIGURED = sizeof(configured) / sizeof(configured[0]) };

static void test_fit(void **state)
{
	(void)state;
	assert_int_equal(doctor(0, NULL), 0);
	assert_non_null(strstr(output, "fit for real time\n"));
	assert_null(strstr(output, "BAD"));
	assert_null(strstr(output, "advice"));
	assert_non_null(strstr(output, "CPU 3 (isolated: 3)"));
	assert_int_equal(doctor(CONFIGURED, configured), 0);
	assert_null(strstr(output, "->"));
	assert_non_null(strstr(output, "ttyUSB0: the USB device stays awake"));
	assert_non_null(strstr(output, "can0 holds 128 frames"));
	assert_null(strstr(output, "eth0"));
}

static void test_findings(void **state)
{
	static const struct {
		struct file file;
		int status;
		const char *name, *found, *how;
	} cases[] = {
		{ { "/proc/version", "Linux version 6.1.0 #1 SMP PREEMPT_DYNAMIC\n" },
		  1,
		  "preemption",
		  "not PREEMPT_RT",
		  "linux-image-rt-arm64" },
		{ { "/proc/sys/kernel/osrelease", "5.15.0\n" },
		  0,
		  "kernel version",
		  "5.15.0",
		  "6.1 or newer" },
		{ { "/proc/sys/kernel/sched_rt_runtime_us", "950000\n" },
		  0,
		  "rt throttling",
		  "950000 of each 1000000 us",
		  "sched_rt_runtime_us=-1" },
		{ { "/proc/sys/kernel/sched_rt_runtime_us", "50000\n" },
		  1,
		  "rt throttling",
		  "50000 of each",
		  "sched_rt_runtime_us=-1" },
		{ { "/proc/sys/kernel/timer_migration", "1\n" },
		  0,
		  "timers",
		  "those of CPU 3 run on another",
		  "timer_migration=0" },
		{ { "/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n" },
		  1,
		  "clock source",
		  "hpet",
		  "available: arch_sys_counter" },
		{ { "/proc/sys/kernel/io_uring_disabled", "2\n" },
		  1,
		  "io_uring",
		  "off",
		  "io_uring_disabled=0" },
		{ { CPU "/isolated", "\n" },
		  1,
		  "isolated CPU",
		  "CPU 3 is not isolated (isolated: none)",
		  "isolcpus=managed_irq,domain,3" },
		{ { CPU "/isolated", "1-2\n" },
		  1,
		  "isolated CPU",
		  "(isolated: 1-2)",
		  "irqaffinity=0-2" },
		{ { "/proc/cmdline", "isolcpus=3 rcu_nocbs=3\n" },
		  0,
		  NULL,
		  NULL,
		  NULL }, /* the file counts */
		{ { "/proc/cmdline", "nohz_full=1-2 rcu_nocbs=3\n" },
		  0,
		  "nohz_full",
		  "not for CPU 3",
		  "nohz_full=3" },
		{ { "/proc/cmdline", "nohz_full=3 rcu_nocbs=1\n" },
		  0,
		  "rcu_nocbs",
		  "not for CPU 3",
		  "rcu_nocbs=3" },
		{ { "/proc/irq/12/effective_affinity_list", "3\n" },
		  0,
		  "interrupts",
		  "1 of 2 go to CPU 3, the first is 12",
		  "irqaffinity=0" },
		{ { CPU "/cpu3/cpufreq/scaling_governor", "ondemand\n" },
		  0,
		  "CPU governor",
		  "ondemand",
		  "performance" },
		{ { CPU "/cpu3/cpuidle/state1/disable", "0\n" },
		  0,
		  "idle states",
		  "cpu-sleep, 400 us",
		  "over 20 us on CPU 3" },
		{ { "/proc/self/limits", "Max locked memory         65536                65536\n"
					 "Max realtime priority     95                   95\n" },
		  1,
		  "locked memory",
		  "64 KiB, wanted 64 MiB",
		  "memlock unlimited" },
		{ { "/proc/self/limits", "Max locked memory         unlimited            unlimited\n"
					 "Max realtime priority     0                    0\n" },
		  1,
		  "real-time priority",
		  "the limit is 0, wanted 80",
		  "rtprio 80" },
		{ { "/sys/devices/usb1/1-1/power/control", "auto\n" },
		  1,
		  "USB autosuspend",
		  "may be suspended",
		  "1-1/power/control" },
		{ { "/sys/devices/usb1/1-1/1-1:1.0/ttyUSB0/latency_timer", "16\n" },
		  1,
		  "serial latency",
		  "waits 16 ms",
		  "ttyUSB0/device/latency_timer" },
		{ { "/dev/ttyUSB0", NULL },
		  1,
		  "serial device",
		  "/dev/ttyUSB0: No such file",
		  "connected" },
		{ { "/sys/class/net/can0/tx_queue_len", "10\n" },
		  0,
		  "CAN queue",
		  "can0 holds 10 frames",
		  "txqueuelen 128" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *line;
		size_t k = 0;

		while (strcmp(good[k].path, cases[i].file.path) != 0)
			k++; /* there is one */
		write_file(&cases[i].file);
		assert_int_equal(doctor(CONFIGURED, configured), cases[i].status);
		write_file(&good[k]);
		if (!cases[i].name) {
			assert_null(strstr(output, "->"));
			continue;
		}
		line = strstr(output, cases[i].name);
		assert_non_null(line);
		assert_non_null(strstr(line, cases[i].found));
		assert_non_null(strstr(line, "->"));
		assert_non_null(strstr(line, cases[i].how));
		/* and nothing else */
		assert_null(strstr(strstr(line, "->") + 1, "->"));
		assert_ptr_equal(strstr(output, "->"), strstr(line, "->"));
	}
	assert_int_equal(doctor(CONFIGURED, configured), 0);
}
#undef CPU

static void test_rights(void **state)
{
	static const struct file by_limits = { "/proc/self/limits", "nothing of use\n" },
				 none = { "/proc/self/status", "CapEff:\t0000000000000000\n" },
				 both = { "/proc/self/status", "CapEff:\t0000000000804000\n" };

	(void)state;
	write_file(&by_limits);
	write_file(&both);
	assert_int_equal(doctor(CONFIGURED, configured), 0);
	assert_non_null(strstr(output, "CAP_SYS_NICE"));
	assert_non_null(strstr(output, "CAP_IPC_LOCK"));
	write_file(&none);
	assert_int_equal(doctor(CONFIGURED, configured), 1);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		write_file(&good[i]);
}

static void test_uart(void **state)
{
	static const char *const uart[] = { "-c", "etc/sim-corexy.cfg", "-o",
					    "mcu.serial=/dev/ttyS1" };
	static const struct file off = { "/sys/class/tty/ttyS1/flags", "0x0\n" },
				 on = { "/sys/class/tty/ttyS1/flags", "0x2000\n" };

	(void)state;
	assert_int_equal(doctor(4, uart), 0);
	assert_non_null(strstr(output, "ttyS1: low latency on"));
	write_file(&off);
	assert_int_equal(doctor(4, uart), 0);
	assert_non_null(strstr(output, "setserial /dev/ttyS1 low_latency"));
	write_file(&on);
}

static void test_can(void **state)
{
	static const char *const can[] = { "-c", "etc/sim-corexy.cfg",
					   "-o", "mcu.serial=",
					   "-o", "mcu.canbus_uuid=11aabbccddee",
					   "-o", "mcu.canbus_interface=can0" };
	static const char *const other[] = { "-c", "etc/sim-corexy.cfg",
					     "-o", "mcu.serial=",
					     "-o", "mcu.canbus_uuid=11aabbccddee",
					     "-o", "mcu.canbus_interface=eth0" };
	static const struct file down = { "/sys/class/net/can0/flags", "0x40040\n" },
				 up = { "/sys/class/net/can0/flags", "0x40041\n" };

	(void)state;
	assert_int_equal(doctor(8, can), 0);
	assert_non_null(strstr(output, "can0 is up"));
	write_file(&down);
	assert_int_equal(doctor(8, can), 1);
	assert_non_null(strstr(output, "can0 is down"));
	assert_non_null(strstr(output, "ip link set can0 up type can bitrate 1000000"));
	assert_int_equal(doctor(CONFIGURED, configured), 0); /* nobody asks for it */
	write_file(&up);
	assert_int_equal(doctor(8, other), 1);
	assert_non_null(strstr(output, "there is no CAN interface eth0"));
}

static void test_gpio(void **state)
{
	static const char *const lines[] = { "-c", "tests/data/gpio-only.cfg" };
	static const struct file chip = { "/dev/gpiochip4", "" }, none = { "/dev/gpiochip4", NULL };

	(void)state;
	assert_int_equal(doctor(2, lines), 1);
	assert_non_null(strstr(output, "GPIO chip"));
	assert_non_null(strstr(output, "there is none"));
	assert_null(strstr(output, "klipper_host_mcu"));
	write_file(&chip);
	assert_int_equal(doctor(2, lines), 0);
	assert_non_null(strstr(output, "/dev/gpiochip4: may be used"));
	write_file(&none);
}

static void test_json(void **state)
{
	static const char *const json[] = { "--json" };
	static const struct file slow = { "/proc/version", "Linux version 6.1.0 PREEMPT\n" };
	struct json_object *o, *fit, *list, *how;

	(void)state;
	write_file(&slow);
	assert_int_equal(doctor(1, json), 1);
	write_file(&good[0]);
	o = json_tokener_parse(output);
	assert_non_null(o);
	assert_true(json_object_object_get_ex(o, "fit", &fit) && !json_object_get_boolean(fit));
	assert_true(json_object_object_get_ex(o, "checks", &list));
	assert_string_equal(json_object_get_string(json_object_object_get(
				    json_object_array_get_idx(list, 0), "level")),
			    "bad");
	assert_true(json_object_object_get_ex(json_object_array_get_idx(list, 0), "how", &how));
	json_object_put(o);
}

static void test_arguments(void **state)
{
	static const char *const wrong[][2] = {
		{ "--nonsense", NULL },        { "more", NULL },
		{ "-o", "mcu.serial=/dev/x" }, { "-c", "/nonexistent.cfg" },
		{ "--root", "/nonexistent" },  { "--root", "/dev/null" },
	};
	static const char *const help[] = { "--help" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(doctor(wrong[i][1] ? 2 : 1, wrong[i]), 2);
	assert_int_equal(doctor(1, help), 0);
	assert_non_null(strstr(output, "usage: stepd doctor"));
}

/* A container or a strange board may have none of it: no crash, and what can't be told is skipped. */
static void test_empty(void **state)
{
	char dir[] = "/tmp/stepd-doctor-empty.XXXXXX";
	const char *argv[] = { "--root", dir };

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(doctor(2, argv), 1);
	assert_non_null(strstr(output, "skipped  clock source"));
	assert_non_null(strstr(output, "not fit for real time"));
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fit),    cmocka_unit_test(test_findings),
		cmocka_unit_test(test_rights), cmocka_unit_test(test_uart),
		cmocka_unit_test(test_can),    cmocka_unit_test(test_gpio),
		cmocka_unit_test(test_json),   cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
