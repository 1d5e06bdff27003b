/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_printer_file.c - the printer of mcu-sim as a file describes it.
 *
 * Shown: motors, switches, sensors, warm parts, drivers alone and in chains, converters, inputs, fans and probes that measure
 * are what their lines say; parts of MCUs that are not there are left out; each wrong line is refused with its number and what is expected.
 * Repeat: no seed.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mcu/boards/sim/printer.h"
#include "mcu/boards/sim/printer_file.h"
#include "mcu/boards/sim/printer_models.h"
#include "mcu/boards/sim/sim.h"

static struct printer_models models;

static char *temp_file(const char *text)
{
	static char path[64];
	int fd;

	strcpy(path, "/tmp/stepd-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

static const char good_file[] = "# a comment\n"
				"kinematics corexy\n"
				"start x=10 y=20.5\r\n"
				"stepper axis=x name=a step=PA0 dir=PA1 steps_per_mm=80 # inline\n"
				"stepper axis=y step=P1.22 dir=P1.23 steps_per_mm=80 both_edges=1\n"
				"endstop axis=x pin=P0.4 trigger=0 hysteresis=0.1\n"
				"sensor pin=ar5 value=2000 noise=3\n"
				"stepper mcu=1 axis=z step=PA0 dir=PA1 steps_per_mm=400\n";

static void test_file(void **state)
{
	static const char *const bad[] = {
		"gadget x=1",
		"stepper axis=x step=PA0 dir=PA1",
		"stepper axis=q step=PA0 dir=PA1",
		"stepper axis=x step=PA0 steps_per_mm=80",
		"endstop axis=x pin=P,1 trigger=0",
		"endstop axis=x pin=P!1 trigger=0",
		"endstop pin=PA4 trigger=0",
		"start x=nan",
		"start x=1e300",
		"start x",
		"kinematics delta",
		"kinematics",
		"sensor pin=PA3 value=-1",
		"sensor pin=PA3 value=70000",
		"sensor pin=PA3 mcu=9",
		"sensor pin=PA3 mcu=-1",
		"sensor pin=PA3\nsensor pin=PA4\nendstop axis=x pin=PA3",
		"sensor pin=PA3 colour=7",
	};
	char err[200];

	(void)state;
	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		struct sim *s = sim_new(&(struct sim_cfg){ 0 });
		struct printer p;
		char *path = temp_file(i ? bad[i - 1] : good_file);

		printer_init(&p, PRINTER_CARTESIAN, 1);
		err[0] = '\0';
		if (!i) {
			assert_int_equal(
				printer_file_load(&p, &models, &s, 1, path, err, sizeof(err)), 0);
			assert_int_equal(p.kinematics, PRINTER_COREXY);
			assert_int_equal(p.stepper_count, 2); /* mcu=1 is not here */
			assert_int_equal(p.endstop_count, 1);
			assert_int_equal(p.sensor_count, 1);
			assert_string_equal(p.steppers[0].name, "a");
			assert_int_equal(p.steppers[1].step_pin, sim_pin_number(s, "P1.22"));
			assert_true(printer_axis_mm(&p, PRINTER_Y) == 20.5);
		} else {
			assert_int_equal(
				printer_file_load(&p, &models, &s, 1, path, err, sizeof(err)),
				-EINVAL);
			assert_non_null(strstr(err, strchr(bad[i - 1], '\n') ? ":3: " : ":1: "));
		}
		unlink(path);
		sim_free(s);
	}
	assert_int_equal(printer_file_load(&(struct printer){ 0 }, &models, NULL, 0, "/nonexistent",
					   err, sizeof(err)),
			 -ENOENT);
}

/* A warm part: what it is made of, what its sensor reads, and how it warms by its pin. */
static void test_warm(void **state)
{
	static const char *const bad[] = {
		"warm name=a sensor=PA1 capacity=12 loss=0.1\n", /* no lag */
		"warm capacity=12 loss=0.1 lag=1\n",
		"warm sensor=PA1 capacity=12 loss=-0.1 lag=1\n",
		"warm sensor=PA1 capacity=12 loss=0.1 lag=1 heater=PA1\n",
		"warm sensor=PA1 capacity=12 loss=0.1 lag=1 fridge=1\n",
		"reading share=1.5\n",
	};
	static const char good[] =
		"stepper axis=e step=PB0 dir=PB1 steps_per_mm=100 name=ext\n"
		"warm name=hot sensor=PA1 heater=PA2 capacity=12 loss=0.1 lag=1 power=40 ambient=20 "
		"stepper=ext\n"
		"reading share=0.9\nreading share=0.8\n"
		"warm name=far sensor=PA1 mcu=1 capacity=12 loss=0.1 lag=1\nreading share=0.5\n";
	char err[200];

	(void)state;
	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		struct sim *s = sim_new(&(struct sim_cfg){ 0 });
		struct printer *p = calloc(1, sizeof(*p));
		char *path = temp_file(i ? bad[i - 1] : good);
		uint8_t heater;

		assert_non_null(p);
		printer_init(p, PRINTER_CARTESIAN, 1);
		assert_int_equal(printer_file_load(p, &models, &s, 1, path, err, sizeof(err)),
				 i ? -EINVAL : 0);
		if (!i) {
			heater = (uint8_t)sim_pin_number(s, "PA2");
			assert_int_equal(p->body_count, 1);
			assert_int_equal(p->bodies[0].stepper, 0);
			assert_true(p->bodies[0].thermal.share[0] == 0.9f);
			assert_true(p->bodies[0].thermal.share[500] == 0.8f);
			assert_true(printer_timed(p, 0, heater));
			printer_edge(p, 0, heater, 1);
			p->now_s = 5;
			printer_edge(p, 0, heater, 0);
			/* 200 J into 12 J/K, less what is lost at 0.1 W/K */
			assert_true(fabs(p->bodies[0].thermal.energy_j - 200) < 1e-6);
			assert_true(fabs(p->bodies[0].thermal.body_degc - 36.33) < 0.02);
			assert_int_equal(printer_adc(p, 0, (uint8_t)sim_pin_number(s, "PA1"), 1000),
					 800);
		}
		unlink(path);
		sim_free(s);
		free(p);
	}
}

/* ---- chips, inputs, fans ---- */

static const char chips_file[] =
	"stepper axis=x step=PA0 dir=PA1 steps_per_mm=80 name=stepper_x\n"
	"stepper axis=e step=PA2 dir=PA3 steps_per_mm=100 name=ext\n"
	"driver chip=2209 name=x stepper=stepper_x tx=PC0 address=3 select=PC1,!PC2\n"
	"driver chip=5160 name=c1 cs=PC3 spi=spi1 mode=3 chain=2 position=1\n"
	"driver chip=2130 name=c2 cs=PC3 spi=spi1 mode=3 chain=2 position=2\n"
	"driver chip=2660 name=soft cs=PC4 cs_high=1 sclk=PD0 mosi=PD1 miso=PD2\n"
	"driver chip=2209 name=far mcu=1 tx=PC0\n"
	"endstop axis=x pin=PB0 trigger=0 driver=x\n"
	"warm name=hot sensor=none capacity=12 loss=0.1 lag=1 heater=PB1 power=40\n"
	"reading share=0.5\n"
	"converter chip=31855 body=hot cs=PC5\n"
	"climate type=BME280 body=hot i2c=i2c1 address=118\nclimate type=LM75 body=hot scl=PC6 sda=PC7 address=72\n"
	"thermometer serial=28-0316a2798eff body=hot pin=PC8\n"
	"thermometer serial=28-0316a2798efe body=hot pin=PC8\n"
	"input pin=PB2 on=1\ninput pin=PB3 stepper=ext edge=2 invert=1\n"
	"fan pin=PB4 tacho=PB5 rpm=3000 ppr=4\n"
	"input pin=PB2 mcu=1\nfan pin=PB4 tacho=PB5 mcu=1\nconverter chip=6675 mcu=1 body=no cs=PC5\n";

static void test_chips(void **state)
{
	struct sim *s = sim_new(&(struct sim_cfg){ 0 });
	struct printer *p = calloc(1, sizeof(*p));
	char *path = temp_file(chips_file), err[200] = "";

	(void)state;
	assert_non_null(p);
	printer_init(p, PRINTER_CARTESIAN, 1);
	memset(&models, 0, sizeof(models));
	if (printer_file_load(p, &models, &s, 1, path, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(models.tmcs, 4);
	assert_int_equal(models.tmc[0].kind, 2209);
	assert_int_equal(models.tmc[0].address, 3);
	assert_int_equal(p->chips[0].selects, 2);
	assert_true(p->chips[0].select_level[0] && !p->chips[0].select_level[1]);
	assert_ptr_equal(p->steppers[0].driver_edges, &models.tmc[0].both_edges);
	assert_null(p->steppers[1].driver_edges);
	assert_ptr_equal(p->endstops[0].watched, &models.tmc[0].stall_shown);
	assert_int_equal(models.chains, 2);
	assert_int_equal(models.chain[0].length, 2);
	assert_ptr_equal(models.chain[0].chip[1], &models.tmc[2]);
	assert_int_equal(p->chip_count, 8); /* a chain is one */
	assert_int_equal(models.thermometers, 2);
	assert_string_equal(models.thermometer[1].serial, "28-0316a2798efe");
	assert_int_equal(p->chips[6].bus, p->chips[7].bus);
	assert_int_equal(p->buses[p->chips[7].bus].kind, PRINTER_ONEWIRE);
	assert_int_equal(models.climates, 2);
	assert_string_equal(models.climate[1].type, "LM75");
	assert_int_equal(p->chips[5].address, 72);
	assert_int_equal(p->buses[p->chips[5].bus].kind, PRINTER_I2C);
	assert_true(p->chips[2].cs_active_high);
	assert_int_equal(p->buses[p->chips[1].bus].kind, PRINTER_SPI);
	assert_true(p->buses[p->chips[1].bus].number >= 0 && p->buses[p->chips[2].bus].number < 0);
	assert_int_equal(models.converters, 1);
	assert_int_equal(models.converter[0].body, 0);
	assert_int_equal(p->input_count, 2);
	assert_int_equal(printer_read(p, 0, (uint8_t)sim_pin_number(s, "PB2")), 1);
	assert_int_equal(p->inputs[1].stepper, 1);
	assert_int_equal(p->rotor_count, 1);
	assert_int_equal(p->rotors[0].ppr, 4);
	/* a motor makes of edges what its driver says */
	printer_edge(p, 0, (uint8_t)sim_pin_number(s, "PA0"), 1);
	printer_edge(p, 0, (uint8_t)sim_pin_number(s, "PA0"), 0);
	assert_int_equal(p->steppers[0].edge_count, 1);
	models.tmc[0].both_edges = true;
	printer_edge(p, 0, (uint8_t)sim_pin_number(s, "PA0"), 1);
	printer_edge(p, 0, (uint8_t)sim_pin_number(s, "PA0"), 0);
	assert_int_equal(p->steppers[0].edge_count, 3);
	unlink(path);
	sim_free(s);
	free(p);
}

/* Probes that measure, on a bed with waves. */
static void test_probes(void **state)
{
	static const char text[] =
		"bed height=0.5 slope_x=0.001 shape=0.6\n"
		"warm name=coil sensor=none capacity=12 loss=0.1 lag=1\nreading share=0.5\n"
		"eddy name=probe_eddy_current_coil address=42 x=20 y=-7 clock=40000000 noise=0.01 "
		"intb=PE5 body=coil\n"
		"eddy address=42 mcu=1\n"
		"load_cell chip=717 name=load_cell_probe rate=320 counts_per_gram=-210 zero=-31000 "
		"noise=0.002 dout=PG0 sclk=PG1\n";
	static const char spi[] = "load_cell chip=1220 spi=spi1 cs=PE5 ready=PE6 rate=660\n";
	char err[200] = "";

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sim *s = sim_new(&(struct sim_cfg){ 0 });
		struct printer *p = calloc(1, sizeof(*p));
		char *path = temp_file(i ? spi : text), action[2][60];

		assert_non_null(p);
		printer_init(p, PRINTER_CARTESIAN, 1);
		memset(&models, 0, sizeof(models));
		models.events.printer = p;
		if (printer_file_load(p, &models, &s, 1, path, err, sizeof(err)))
			fail_msg("%s", err);
		unlink(path);
		if (i) {
			assert_int_equal(models.ads1220.data_ready_pin, sim_pin_number(s, "PE6"));
			assert_ptr_equal(models.ads1220.cell, &models.load_cell);
			assert_int_equal(p->chips[0].cs_pin, sim_pin_number(s, "PE5"));
			assert_true(models.load_cell.rate_hz == 660);
		} else {
			assert_true(fabs(printer_bed_mm(p, 50, 0) - 0.55) <= 0.3);
			assert_true(fabs(printer_bed_mm(p, 50, 0) - 0.55) > 0.2);
			assert_int_equal(p->chip_count, 2); /* mcu=1 is not here */
			assert_int_equal(p->chips[0].address, 42);
			assert_int_equal(models.eddy.body, 0);
			assert_int_equal(models.eddy.intb_pin, sim_pin_number(s, "PE5"));
			assert_true(models.eddy.x_mm == 20 && models.eddy.y_mm == -7);
			assert_true(models.eddy.clock_hz == 40e6 && models.eddy.noise_mm == 0.01);
			assert_int_equal(p->buses[p->chips[1].bus].kind, PRINTER_LINES);
			assert_int_equal(models.hx71x.sclk_pin, sim_pin_number(s, "PG1"));
			assert_true(models.load_cell.counts_per_gram == -210);
			assert_true(models.load_cell.zero_counts == -31000);
			assert_true(fabs(models.load_cell.noise_grams - 6) < 1e-9);
			strcpy(action[0], "probe_eddy_current_coil open");
			strcpy(action[1], "load_cell_probe silent");
			for (int k = 0; k < 2; k++)
				if (!printer_events_do(&models.events, action[k], err, sizeof(err)))
					fail_msg("%s", err);
			assert_true(models.eddy.open && models.load_cell.silent);
		}
		sim_free(s);
		free(p);
	}
}

static void test_chip_errors(void **state)
{
	static const char *const bad[][2] = {
		{ "driver chip=2225 name=a tx=PC0", ":1: chip=2225: expected 2130, 2208" },
		{ "driver chip=2209 tx=PC0", ":1: name=: expected a name of its own" },
		{ "driver chip=2209 name=a tx=PC0\ndriver chip=2209 name=a tx=PC1",
		  ":2: name=a: expected a name of its own" },
		{ "driver chip=2209 name=a", ":1: cs= is missing" },
		{ "driver chip=2209 name=a tx=P!", ":1: tx=P!: not a pin name" },
		{ "driver chip=2209 name=a tx=PC0 select=PC1,PC2,PC3,PC4",
		  ":1: select=PC1,PC2,PC3,PC4: expected up to 3 pins" },
		{ "driver chip=2209 name=a tx=PC0 address=200",
		  ":1: address=200: expected a number up to 127" },
		{ "driver chip=5160 name=a cs=PC0 sclk=PC1", ":1: mosi= is missing" },
		{ "driver chip=5160 name=a cs=PC0 chain=2 position=3",
		  ":1: position=3: expected at most chain=2" },
		{ "driver chip=5160 name=a cs=PC0 chain=2 position=1\n"
		  "driver chip=5160 name=b cs=PC0 chain=2 position=1",
		  ":2: position=1: expected a free place of its chain" },
		{ "driver chip=5160 name=a cs=PC0 chain=2 position=1",
		  ":1: position 2 of a chain of 2 drivers is missing" },
		{ "endstop axis=x pin=PA0 trigger=0 driver=a",
		  ":1: driver=a: expected the name of a driver above" },
		{ "converter chip=31855 body=a cs=PC0",
		  ":1: body=a: expected the name of a warm part" },
		{ "converter chip=31850 cs=PC0",
		  ":1: chip=31850: expected 6675, 31855, 31856 or 31865" },
		{ "climate type=LM75 body=a", ":1: body=a: expected the name of a warm part" },
		{ "warm name=a sensor=none capacity=1 loss=1 lag=1\nclimate body=a",
		  ":2: type=: expected a sensor_type on I2C" },
		{ "warm name=a sensor=none capacity=1 loss=1 lag=1\nclimate type=LM75 body=a scl=PC0",
		  ":2: sda= is missing" },
		{ "thermometer body=a", ":1: serial=: expected one as 28-0316a2798eff" },
		{ "thermometer body=a serial=28-0316a2798eff", ":1: pin= is missing" },
		{ "thermometer body=a serial=28-0316a2798eff pin=PC0",
		  ":1: body=a: expected the name of a warm part" },
		{ "input pin=PC0\ninput pin=PC0", ":2: a pin is used twice" },
		{ "input", ":1: pin= is missing" },
		{ "fan pin=PC0", ":1: tacho= is missing" },
		{ "fan pin=PC0 tacho=PC1 rpm=-5", ":1: rpm=-5: expected no negative number" },
		{ "fan pin=PC0 tacho=PC1 colour=1", ":1: unknown key \"colour\"" },
		{ "eddy address=42 clock=5", ":1: clock=5: expected 1e6 or more" },
		{ "eddy address=42 body=a", ":1: body=a: expected the name of a warm part" },
		{ "eddy address=42\neddy address=43", ":2: eddy: expected one at most" },
		{ "eddy address=42 scl=PC0", ":1: sda= is missing" },
		{ "load_cell dout=PC0 sclk=PC1", ":1: chip=0: expected 711, 717 or 1220" },
		{ "load_cell chip=711 dout=PC0", ":1: sclk= is missing" },
		{ "load_cell chip=711 dout=PC0 sclk=PC0", ":1: a pin is used twice" },
		{ "load_cell chip=711 dout=PC0 sclk=PC1 rate=0", ":1: rate=0: expected 1 or more" },
		{ "load_cell chip=1220 ready=PC0", ":1: cs= is missing" },
		{ "load_cell chip=1220 cs=PC0", ":1: ready= is missing" },
		{ "load_cell chip=711 dout=PC0 sclk=PC1\nload_cell chip=711 dout=PC2 sclk=PC3",
		  ":2: load_cell: expected one at most" },
		{ "bed shape=11", ":1: shape=11: expected a number up to 10" },
	};
	char err[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct sim *s = sim_new(&(struct sim_cfg){ 0 });
		struct printer *p = calloc(1, sizeof(*p));
		char *path = temp_file(bad[i][0]);

		assert_non_null(p);
		printer_init(p, PRINTER_CARTESIAN, 1);
		memset(&models, 0, sizeof(models));
		err[0] = 0;
		if (printer_file_load(p, &models, &s, 1, path, err, sizeof(err)) != -EINVAL ||
		    !strstr(err, bad[i][1]))
			fail_msg("%s: \"%s\", expected \"%s\"", bad[i][0], err, bad[i][1]);
		unlink(path);
		sim_free(s);
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),        cmocka_unit_test(test_warm),
		cmocka_unit_test(test_chips),       cmocka_unit_test(test_probes),
		cmocka_unit_test(test_chip_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
