/* SPDX-License-Identifier: GPL-2.0-or-later */
/* batch.h - `stepd batch`: the whole machine in one process under a virtual clock.
 *
 * Planner, rt core, firmware and printer model linked together, deterministic and seeded. Every
 * executed step is compared with the exact motion by the checker.
 * Threads: one, which plays both the planner's and the rt role. Units: _ns virtual host time.
 */
#ifndef DAEMON_BATCH_BATCH_H
#define DAEMON_BATCH_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/gcode/gcode_file.h"
#include "daemon/gcode/gcode_line.h"
#include "daemon/batch/batch_null.h"
#include "daemon/batch/vcanbus.h"
#include "daemon/checker/checker.h"
#include "daemon/checker/path_plot.h"
#include "daemon/checker/path_recon.h"
#include "daemon/config/machine_config.h"
#include "daemon/flight_file.h"
#include "daemon/kinematics/kinematics.h"
#include "daemon/machine/machine.h"
#include "daemon/print/buttons.h"
#include "daemon/overrides.h"
#include "daemon/vwire.h"
#include "mcu/boards/sim/chip_climate.h"
#include "mcu/boards/sim/chip_ads1220.h"
#include "mcu/boards/sim/chip_effector.h"
#include "mcu/boards/sim/chip_hx71x.h"
#include "mcu/boards/sim/chip_angle.h"
#include "mcu/boards/sim/chip_ldc1612.h"
#include "mcu/boards/sim/chip_ds18b20.h"
#include "mcu/boards/sim/chip_pca.h"
#include "mcu/boards/sim/chip_temperature.h"
#include "mcu/boards/sim/chip_tmc.h"
#include "mcu/boards/sim/printer.h"
#include "mcu/boards/sim/printer_events.h"
#include "mcu/boards/sim/sim.h"
#include "mcu/boards/sim/trace.h"

struct batch_options {
	const char *config, *gcode;
	struct overrides overrides;
	const char *trace;  /* file for pin edges; with several MCUs ".NAME" is appended */
	const char *plot;   /* prefix of pictures */
	const char *flight; /* file for the flight recorder */
	const char *events; /* file of what breaks when */
	bool json, no_mcu, quiet, help;
	uint64_t seed;
	uint32_t wire_faults_ppm; /* of the bytes each: lost, flipped, repeated, delayed */
};

/* An endstop or input on a GPIO line of this machine, whose edges the kernel stamps. */
struct batch_stamp {
	uint8_t mcu, pin;
	bool level;
	int64_t at_ns; /* since when it has that; INT64_MIN: from the start */
};

/* How late the host's stamps are: exponential, and now and then much more. All 0: not at all. */
struct batch_lateness {
	double mean_s, slow_chance, slow_s;
};

/* How the host stamps what one MCU sends, and the edges of its sync line, where the configuration has one. */
struct batch_stamps {
	struct batch_lateness bytes, edges;
	bool cut; /* the line's wire */
	uint64_t rng;
	int64_t edge_ns;  /* of the edge that is to be handed over; 0: none */
	int32_t sync_pin; /* -1: none */
};

/* A CAN interface, and the bus it is on. */
struct batch_can {
	const char *name;
	struct vcanbus bus;
};

enum { BATCH_READ_BYTES = 1024 };

/* One simulated MCU at the end of its two wires, or on a bus. */
struct batch_mcu {
	struct batch *b;
	int index;
	struct sim *sim;
	struct sim_hooks hooks; /* as sim has them */
	struct batch_null null; /* answers instead of sim once active (--no-mcu) */
	struct trace *trace;
	struct vwire to, from;
	struct batch_stamps stamps;
	struct batch_can *can;         /* NULL: it has the wires */
	uint8_t out[BATCH_READ_BYTES]; /* on its way to the bus */
	uint32_t out_len, sent;
	int64_t retry_ns;
	double ticks_per_ns; /* of its true clock */
	uint64_t start_clock;
	uint64_t boot_clock; /* sim_boot_clock() by which the checker's map of it is told */
	double nominal_hz;
	int8_t motor_of_oid[256]; /* -1: no motor */
};

/* Distribution of the secondary MCUs' clock-sync error. */
struct batch_sync_error {
	uint64_t samples;
	double sum2_us2, max_us;
	uint64_t bins[1001]; /* of 0.1 us, the last one holds the rest */
};

/* What one heater or sensor did, for the summary and the picture. */
struct batch_heat {
	double min_degc, max_degc;
	double over_degc; /* the most above a target that was approached from below */
	double target_degc;
	bool below; /* it was below this target */
};

struct batch_heat_sample {
	float at_s, degc[MACHINE_SENSOR_MAX], target_degc[MACHINE_HEATER_MAX],
		power[MACHINE_HEATER_MAX];
};

enum {
	BATCH_HEAT_SAMPLES = 8192,
	BATCH_STAMPS_MAX = MACHINE_ENDSTOPS + BUTTONS_INPUTS_MAX,
};

struct batch {
	struct batch_options opt;
	struct machine_config *mc;
	struct machine *m;
	struct gcode_numbering numbering;
	struct printer printer;
	struct chip_tmc tmc[MACHINE_TMC_MAX]; /* as in the configuration */
	struct chip_tmc_chain chain[MACHINE_TMC_MAX];
	struct chip_temperature converter[MACHINE_SENSOR_MAX]; /* of MACHINE_SENSOR_SPI */
	struct chip_climate climate[MACHINE_SENSOR_MAX];       /* of MACHINE_SENSOR_I2C */
	struct chip_ds18b20 thermometer[MACHINE_SENSOR_MAX];   /* of MACHINE_SENSOR_DS18B20 */
	struct chip_pca pca[MACHINE_LED_MAX];                  /* of MACHINE_LED_PCA… */
	int chip_of[MACHINE_SENSOR_MAX];                       /* of the printer; -1: none */
	struct chip_ldc1612 eddy;                              /* the probe's */
	struct chip_load_cell load_cell;                       /* likewise, with one of these: */
	struct chip_hx71x hx71x;
	struct chip_ads1220 ads1220;
	struct chip_effector effector;
	struct chip_angle angle[MACHINE_ANGLE_MAX]; /* as in the configuration */
	struct kinematics_model model;              /* of it */
	struct batch_mcu mcu[ENGINE_MCUS];
	struct batch_stamp stamp[BATCH_STAMPS_MAX];
	int stamps;
	struct batch_can can[ENGINE_MCUS];
	size_t cans;
	struct checker *checker;
	struct plot *plot;
	struct checker_result result;
	struct batch_sync_error sync_error;
	struct flight_file flight;
	struct printer_events events;    /* since the machine was ready, … */
	int64_t ready_ns;                /* … at this time */
	int body_of[MACHINE_SENSOR_MAX]; /* of the printer; -1: none */
	int light_of[MACHINE_LED_MAX];   /* likewise */
	struct batch_heat heat[MACHINE_SENSOR_MAX];
	uint32_t heat_seen;                    /* number of the status then */
	struct batch_heat_sample *heat_sample; /* for the picture; NULL without */
	uint32_t heat_samples;
	double heat_every_s;
	bool checking; /* steps are compared: after set-up */
	bool null_active;
	int64_t now_ns, next_sync_sample_ns;
	uint64_t lines, errors;
	double first_move_s, last_move_s; /* start of the first, end of the last; first < 0: none */
	uint64_t moves;
	struct move move; /* the last one: some of it may still be taken back */
	double move_s;    /* when it starts */
	bool move_waits;  /* to be told to the checker */
	bool stopping; /* by a trigger or a fault: the checker hears of it when something follows */
	struct plan_shaper shaper; /* at first, from shaper_s on */
	double shaper_s;
	double stop_s;
	uint32_t halted;         /* motors that it stopped */
	struct path_recon recon; /* for the picture */
	char error[512];
	/* Replies go here instead of standard error, if set. */
	void (*heard)(void *ctx, enum reply_kind kind, const char *text);
	void *heard_ctx;
	/* Told of each step that the firmware makes once checking has begun. May be NULL. */
	void (*stepped)(void *ctx, int motor, int dir, uint64_t clock);
	void *stepped_ctx;
	int64_t made_steps[ENGINE_STEPPERS]; /* by each motor, in the host's sign, since the start */
	int64_t begun_steps[ENGINE_STEPPERS]; /* of these before its MCU began to count anew */
};

/* batch_run.c: b is zero but for opt (and heard). Bring the machine up, run its startup_gcode.
 * Returns false with the reason in b->error. batch_close() in any case. */
bool batch_open(struct batch *b);
void batch_close(struct batch *b);
/* Run the file to its end. Returns false with the reason in b->error. */
bool batch_print(struct batch *b, struct gcode_file *f);
/* Give the machine these lines, as soon as it takes them; they need not have been executed. Ends
 * early if the machine stops. */
void batch_lines(struct batch *b, const char *text);
/* Let time pass until motion has ended. Returns whether the machine is still ready. */
bool batch_settle(struct batch *b);
/* One turn of planner, rt core and the world. */
void batch_turn(struct batch *b, bool input_waiting);

/* batch_world.c: the machine around the engine. False: b->error. */
bool batch_world_start(struct batch *b);
void batch_world_stop(struct batch *b);
/* Let virtual time pass until until_ns, or until bytes have reached the host, which takes them. */
void batch_world_run(struct batch *b, int64_t until_ns);
/* Hand the wires what the engine has to send. */
void batch_world_transmit(struct batch *b);
/* Sample the error of the secondary MCUs' clock maps. */
void batch_world_sync_error(struct batch *b);
/* Number of the pin in its simulated MCU; < 0: b->error. */
int batch_world_pin(struct batch *b, const struct pin *pin);
/* Time since power-on of that MCU now, in its own clock. */
double batch_world_mcu_s(const struct batch *b, int mcu);

/* batch_printer.c: all parts of the printer, on the pins of MCUs that have not been started. False: b->error. */
bool batch_printer_build(struct batch *b);
/* batch_bus.c: what is at the MCUs' buses. */
bool batch_bus_start(struct batch *b);
/* batch_bed.c: bed and probe of the printer, once its motors and endstops are there. */
bool batch_bed_start(struct batch *b);

/* batch_can.c: MCUs on CAN. */
void batch_can_join(struct batch *b, struct batch_mcu *u);
void batch_can_transmit(struct batch *b, struct batch_mcu *u) RUNS_ON(role_rt);
/* The firmware has something to send: as much as its controller has room for. */
void batch_can_fill(struct batch_mcu *u, int64_t now_ns);
/* When something happens on the buses; INT64_MAX: never. */
int64_t batch_can_next_ns(const struct batch *b);
/* Let happen what has, up to now. Returns whether bytes have reached the host, which takes them. */
bool batch_can_run(struct batch *b);
/* Hook of the machine. */
void batch_can_address(void *ctx, int mcu, char *absent, size_t size);

/* batch_check.c: the engine's observer and the firmware's steps, to the checker. */
void batch_check_observer(struct batch *b, struct engine_observer *o);
bool batch_check_start(struct batch *b);
void batch_check_step(struct batch *b, int motor, int dir, uint64_t clock);
/* Hook of the machine: a trigger stopped this motor. */
void batch_check_halted(void *ctx, int motor, double at_s);
void batch_check_finish(struct batch *b);

/* batch_parts.c: fans that turn, lights. After the warm parts. */
bool batch_parts_build(struct batch *b);

/* batch_heat.c: the warm parts of the printer model, what they did, and its picture. */
bool batch_heat_build(struct batch *b);
void batch_heat_watch(struct batch *b);
/* PREFIX-temp.png, if there is a plot and something was warm. */
void batch_heat_plot(struct batch *b);

/* batch_events.c: what breaks. Parts get their names, the file of --events is read; false: b->error. */
bool batch_events_load(struct batch *b);
/* Those that are due; and when the next is, INT64_MAX: never. */
void batch_events_run(struct batch *b);
int64_t batch_events_next_ns(const struct batch *b);
extern const struct gcode_command batch_events_commands[];
extern const unsigned batch_events_command_count;

/* batch_report.c: the result as text or JSON on standard output. Returns the exit status. */
int batch_report(struct batch *b);

/* Exit status: 0 all exact, 1 violations or errors, 2 usage. */
int batch_main(int argc, char **argv);

#endif
