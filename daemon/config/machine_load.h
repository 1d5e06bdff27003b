/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_load.h - private to machine_*.c: what loading a machine configuration shares.
 *
 * Every function reports what is wrong as findings of l->c and goes on with something harmless, so
 * that one run shows all errors. Thread: planner (main), at start.
 */
#ifndef DAEMON_CONFIG_MACHINE_LOAD_H
#define DAEMON_CONFIG_MACHINE_LOAD_H

#include "daemon/config/config.h"
#include "daemon/config/machine_bus.h"
#include "daemon/config/machine_config.h"

struct pin_alias;
struct pin_claim;

struct machine_load {
	struct config *c;
	struct machine_config *mc;
	struct pin_alias *aliases;
	size_t alias_count, alias_room;
	struct pin_claim *claims;
	size_t claim_count, claim_room;
	const char *pin_duplicates; /* [duplicate_pin_override] pins, or "" */
};

/* One option of a section and where its value goes. */
enum field_kind {
	FIELD_DOUBLE, /* double */
	FIELD_INT,    /* int; choices: a word that stands for -1, or NULL */
	FIELD_BOOL,   /* bool */
	FIELD_TEXT,   /* char *; choices: the fallback, or NULL; NULL if given empty */
	FIELD_OCTAL,  /* mode_t */
	FIELD_CHOICE, /* int: index in choices, words separated by blanks */
	FIELD_RATIO,  /* double: product of A:B, C:D, … */
	FIELD_PIN,    /* struct pin; lo: enum pin_allow bits, hi: enum pin_share */
};

enum field_flags {
	FIELD_REQUIRED = 1,
	FIELD_ABOVE = 2, /* lo itself is out of range */
	FIELD_BELOW = 4, /* hi itself is out of range */
	FIELD_KEEP = 8,  /* not given: leave what is there, not the fallback */
};

struct field {
	const char *option;
	enum field_kind kind;
	unsigned flags;
	size_t offset;
	double lo, hi, fallback; /* in the option's unit */
	double scale;            /* stored = value * scale; 0 means 1 */
	const char *unit;        /* for messages; of text and octal: what is expected */
	const char *choices;
};

/* Who may share a pin with whom. */
enum pin_share {
	PIN_ALONE,
	PIN_SHARED_ENABLE,
	PIN_SHARED_ENDSTOP,
	PIN_SHARED_BUS,     /* clock and data in software, a serial line */
	PIN_SHARED_CS,      /* of chips in a chain */
	PIN_SHARED_SELECT,  /* of chips at one serial line */
	PIN_SHARED_BUTTONS, /* told apart by their resistance */
};

/* machine_fields.c */

/* Read count options of section (NULL: all fall back, and nothing is required) into *base. */
void fields_load(struct machine_load *l, struct config_section *section, const struct field *fields,
		 size_t count, void *base);

/* The section, marked as used; NULL if there is none. */
struct config_section *section_use(struct machine_load *l, const char *name);

/* "NAME" of section "KIND NAME" with that kind, else NULL. */
const char *section_own_name(const char *section, const char *kind);

/* The place of an option, else of its section, else of the main file. */
struct config_place place_of(const struct config_section *section, const char *option);

/* Report a value that is wrong: "[section] option: value 'x': " and the text. */
void value_error(struct machine_load *l, const struct config_section *section, const char *option,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A number without anything else around. Returns false if text is none or not finite. */
bool number_parse(const char *text, double *out);

/* Exactly count numbers with commas between, none beyond most either way. False if not: out may have changed. */
bool numbers_parse(const char *text, size_t count, double most, double *out);
/* The same of an option; false and, but if it merely isn't there nor required, an error. */
bool numbers_load(struct machine_load *l, struct config_section *s, const char *option,
		  bool required, size_t count, double most, double *out);

/* machine_probe.c: probes, [safe_z_home]. After the kinematics. */
void probes_load(struct machine_load *l);

/* machine_eddy.c: [probe_eddy_current NAME] */
void eddy_load(struct machine_load *l, struct config_section *s, struct machine_probe *p);
/* machine_load_cell.c: [load_cell_probe] */
void load_cell_load(struct machine_load *l, struct config_section *s, struct machine_probe *p);

/* machine_level.c: [z_tilt], [quad_gantry_level], [screws_tilt_adjust], [bed_tilt]. After the kinematics. */
void levels_load(struct machine_load *l);
/* machine_delta.c: [delta_calibrate] */
void delta_load(struct machine_load *l);
/* machine_bed_kinds.c: an error for each section for probing and levelling that this kind of machine can't have. After the kinematics. */
void bed_kinds_check(struct machine_load *l);

/* machine_twist.c: [axis_twist_compensation] */
void twist_load(struct machine_load *l);

/* machine_pins.c */

/* Read [board_pins] and [duplicate_pin_override]. After the MCUs are known. */
void pins_init(struct machine_load *l);
void pins_free(struct machine_load *l);

/* Parse the option as a pin, resolve alias and MCU and claim the pin. Unset with an error
 * reported if that fails. */
void pin_load(struct machine_load *l, struct config_section *section, const char *option,
	      unsigned allow, enum pin_share share, struct pin *out);

/* The same of one text in a list of pins. */
void pin_load_text(struct machine_load *l, struct config_section *section, const char *option,
		   const char *text, unsigned allow, enum pin_share share, struct pin *out);

/* machine_bus.c: how a device is connected. False: an error is reported. SPI: cs_option names its select pin; I2C:
 * address -1: it must be given. The last is the one-wire serial line of stepper drivers. */
bool bus_spi_load(struct machine_load *l, struct config_section *s, const char *cs_option, int mode,
		  double rate_hz, struct machine_bus *bus);
bool bus_i2c_load(struct machine_load *l, struct config_section *s, int address, double rate_hz,
		  struct machine_bus *bus);
bool bus_uart_load(struct machine_load *l, struct config_section *s, struct machine_bus *bus);

/* Whether it is a GPIO line of this machine. */
static inline bool pin_of_host(const struct machine_load *l, const struct pin *pin)
{
	return pin->set && pin->mcu >= 0 && l->mc->mcu[pin->mcu].host;
}

/* Claim the pins of sections that nobody acts on yet, so that a clash with them shows. */
void pins_claim_unused(struct machine_load *l);

/* machine_rails.c, for daemon/kinematics/ */

enum rail_flags {
	RAIL_ENDSTOP = 1,    /* the motor's section needs an endstop_pin */
	RAIL_NO_ENDSTOP = 2, /* it may not have one */
	RAIL_NO_RANGE = 4,   /* no position_min and position_max: homes upward */
	RAIL_TURNS = 8,      /* the joint is an angle */
};

/* What every motor has, of that section, into *m. */
void motor_load(struct machine_load *l, struct config_section *s, unsigned flags,
		struct machine_stepper *m);

/* The section, marked as used; NULL and an error if there is none. */
struct config_section *section_need(struct machine_load *l, const char *name);

/* A motor of an axis or joint; NULL and an error if there are too many. */
struct machine_stepper *stepper_add(struct machine_load *l, struct config_section *s,
				    unsigned flags);

/* A rail without anything; NULL and an error if there are too many. */
struct machine_rail *rail_add(struct machine_load *l, const struct config_section *s, int axis);

/* These motors stop with a switch on that pin. False and an error if there are too many. */
bool rail_endstop(struct machine_load *l, const struct config_section *s, struct machine_rail *a,
		  const struct pin *pin, uint32_t steppers);

/* position_min, _max and _endstop; homing_… */
void rail_range(struct machine_load *l, struct config_section *s, struct machine_rail *a);
void rail_homing(struct machine_load *l, struct config_section *s, struct machine_rail *a);

/* All of a rail, from [BASE], [BASE1] …; each motor moves it by its own distance. like: whose
 * position_endstop is the default, or NULL. NULL if there is no usable section. */
struct machine_rail *rail_load(struct machine_load *l, const char *base, int axis, unsigned flags,
			       const struct machine_rail *like);

/* Warn of motors whose pulses don't fit at full speed. After the kinematics. */
void check_step_rates(struct machine_load *l);

/* Sections [BASE2] … that don't follow on those loaded. */
void report_gaps(struct machine_load *l, const char *base, size_t count);

/* machine_host.c: an MCU that is this machine's GPIO lines. s: its section, may be NULL. */
void host_load(struct machine_load *l, struct config_section *s, struct machine_mcu *mcu);
/* Whether this is the device by which other hosts reach such lines. */
bool host_by_serial(const char *serial);
/* After a motor's pins: the length of its pulses, if they are there. */
void host_motor(struct machine_load *l, struct config_section *s, struct machine_stepper *m);
/* An error if the motor, at that speed, is faster than its lines. option: for the place. */
void host_step_rate(struct machine_load *l, const struct config_section *s, const char *option,
		    const struct machine_stepper *m, double speed_mm_s);

/* machine_extruders.c: [extruder…]. After [printer]. */
void extruders_load(struct machine_load *l);
void extruder_steppers_load(struct machine_load *l); /* after the extruders */

/* machine_sensor.c: the sensor of a section, into l->mc->sensors. own: its name there. guards: a heater depends
 * on it. Returns its index, or -1: an error, or a warning that stepd can't read such a sensor yet. */
int sensor_load(struct machine_load *l, struct config_section *s, const char *own, bool guards);
void sensors_free(struct machine_config *mc);
/* The MCU of sensor_mcu, or the main one, as that of a pin that is not set. False: an error. */
bool sensor_mcu_load(struct machine_load *l, struct config_section *s, struct pin *pin);
/* machine_sensor_bus.c: whether type is a chip on a bus, or made of others; *ok: it could be loaded. */
bool sensor_bus_load(struct machine_load *l, struct config_section *s, const char *type,
		     struct machine_sensor *out, bool *ok);
/* Read so often, or more often if a heater depends on it. */
void sensor_report_s(struct machine_sensor *out, double report_s);
/* Find what temperature_combined is made of. Once all sensors are loaded. */
void sensors_combine(struct machine_load *l);

/* machine_heater.c: control, max_delta, pid_k… of a section. */
void control_load(struct machine_load *l, struct config_section *s, struct heater_param *p);

/* gcode_id of a section into id[MACHINE_GCODE_ID_MAX]; unchanged without. */
void gcode_id_load(struct machine_load *l, struct config_section *s, char *id);

/* heaters of [extruder…], [heater_bed], [heater_generic …], their [verify_heater …],
 * [temperature_sensor …]. After the extruders. */
void heaters_load(struct machine_load *l);

/* machine_fans.c: [fan], [heater_fan …], [controller_fan …], [fan_generic …], [temperature_fan …]. After the
 * heaters. */
void fans_load(struct machine_load *l);

/* machine_outputs.c: [output_pin …], [pwm_tool …], [pwm_cycle_time …], [servo …], [static_digital_output …]. */
void outputs_load(struct machine_load *l);

/* machine_leds.c: [led …], [neopixel …], [dotstar …]. */
void leds_load(struct machine_load *l);

/* An error where a software PWM is asked for something else than off or on when the MCU shuts down. */
void check_shutdown(struct machine_load *l, struct config_section *s, const char *option,
		    double value, bool hardware);
/* An error where hardware PWM is asked of a GPIO line of this machine. */
void check_hardware(struct machine_load *l, struct config_section *s, const struct pin *pin,
		    bool hardware);
/* "[KIND] too many: expected at most MAX" */
bool outputs_full(struct machine_load *l, const struct config_section *s, size_t count, int max);

/* machine_tmc.c: [tmc2209 …] and the like. After all motors. */
void tmcs_load(struct machine_load *l);

/* The motor of that section, or "NAME" of one; NULL: there is none. */
const struct machine_stepper *motor_named(const struct machine_config *mc, const char *name);

/* machine_angle.c: [angle NAME]. After all motors. */
void angles_load(struct machine_load *l);

/* machine_manual.c: [manual_stepper NAME], [force_move]. */
void manuals_load(struct machine_load *l);

/* machine_gcode.c: [gcode_arcs], [firmware_retraction], [skew_correction …], [exclude_object]. */
void gcode_load(struct machine_load *l);

/* machine_mesh.c: [bed_mesh], [bed_mesh NAME]. */
void mesh_load(struct machine_load *l);
void mesh_free(struct machine_gcode *g);
/* machine_mesh_probing.c: where [bed_mesh] is probed. */
void mesh_probing_load(struct machine_load *l, struct config_section *s);

/* machine_faults.c: [fault CLASS COMPONENT], heaters' shutdown_on_error. After the MCUs. */
void faults_load(struct machine_load *l);
void faults_free(struct machine_faults *f);

/* machine_roles.c: [mcu NAME] role; and, once all else is known, whether what is on the MCU fits it. */
void role_load(struct machine_load *l, struct config_section *s, struct machine_mcu *mcu);
void roles_check(struct machine_load *l);

/* machine_sync.c: what [mcu] says of the clock estimate. After the MCUs and pins_init(). */
void sync_lines_load(struct machine_load *l);

/* machine_phase.c: [endstop_phase]. After rails, drivers and probes. */
void phases_load(struct machine_load *l);

/* machine_print.c: lines of G-code of an option, if it is there. */
void lines_load(struct machine_load *l, struct config_section *s, const char *option,
		struct gcode_lines *out);
void lines_free(struct gcode_lines *lines);
/* machine_print.c: macros, [virtual_sdcard], sensors, timers, buttons. After the extruders. */
void print_load(struct machine_load *l);
void print_config_free(struct machine_print *p);

/* machine_shaper.c: [input_shaper]. */
void shapers_load(struct machine_load *l);

/* machine_stepd.c: [stepd], [stepd_sim]. After the MCUs. */
void stepd_load(struct machine_load *l);

#endif
