/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_config_messages.c - what is said of a configuration that is wrong.
 *
 * Shown: each error message, with its file and line; all errors at once and in order.
 * How: texts appended to a small base configuration, checked through config_check(). Repeat: no seed.
 */
#include "config_text.h"

struct message {
	const char *more, *expect;
	const char *section, *drop; /* what to take out of the base first */
};

#define PHASE "[tmc2209 stepper_x]\nuart_pin: PK7\nrun_current: 0.5\n[endstop_phase stepper_x]\n"
#define EDDY "[probe_eddy_current c]\nz_offset: 1\n"
#define DRIFT \
	"[temperature_probe c]\nsensor_type: Generic 3950\nsensor_pin: PF7\nmin_temp: 0\nmax_temp: 99\n"
#define ANGLE "[angle x]\nsensor_type: a1333\ncs_pin: PK1\n"
#define EFFECTOR "[smart_effector]\nz_offset: 0\npin: PK1\n"
#define LOAD_CELL "[load_cell_probe]\nz_offset: 0\nsensor_type: hx711\n"
#define ADS1220 "[load_cell_probe]\nz_offset: 0\nsensor_type: ads1220\n"
#define SPI_SENSOR "[temperature_sensor c]\nsensor_type: MAX31865\n"

static const struct message messages[] = {
	/* names */
	{ "[printer]\nmax_velocty: 3\n",
	  "+2: [printer] max_velocty: unknown option, did you mean 'max_velocity'?", 0, 0 },
	{ "[stepper_x]\nwhatsoever: 3\n", "+2: [stepper_x] whatsoever: unknown option", 0, 0 },
	{ "[steper_z1]\n", "+1: [steper_z1] unknown section, did you mean [stepper_z1]?", 0, 0 },
	{ "[moonraker]\nx: 1\n", "+1: [moonraker] unknown section", 0, 0 },
	{ "[stepd]\nunknown_option: warn\n[moonraker]\n",
	  "+3: warning: [moonraker] unknown section", 0, 0 },
	{ "[stepd]\nunknown_option: maybe\n",
	  "+2: [stepd] unknown_option: value 'maybe': expected error or warn", 0, 0 },
	{ "[resonance_tester]\nmin_freq: 3\n",
	  "+1: note: [resonance_tester] is accepted but not used yet", 0, 0 },
	{ "[bed_mesh]\nsplit_delta_z: 3\n",
	  "+1: note: [bed_mesh] accepted but not used yet: split_delta_z", 0, 0 },
	{ "[extruder]\nmin_temp: 0\nmax_temp: 250\n",
	  "@31: note: [extruder] accepted but not used yet: min_temp, max_temp", 0, 0 },
	/* missing */
	{ "", ": [printer] missing: expected this section", 0, "[printer]" },
	{ "", ": [mcu] missing: expected this section", 0, "[mcu]" },
	{ "", ": [stepper_y] missing: expected this section", 0, "[stepper_y]" },
	{ "",
	  "@3: [printer] kinematics: missing: expected cartesian, corexy, corexz, hybrid_corexy, "
	  "hybrid_corexz, generic_cartesian, delta, deltesian, polar, rotary_delta, winch or none",
	  0, "kinematics" },
	{ "",
	  "@3: [printer] max_accel: missing: expected a number above 0 and at most 1000000 mm/s²",
	  0, "max_accel" },
	{ "", "@1: [mcu] serial: missing: expected the path of a serial device", 0, "serial" },
	{ "", "@7: [stepper_x] step_pin: missing: expected a pin", 0, "step_pin" },
	{ "", "@15: [stepper_y] endstop_pin: missing: expected a pin", "[stepper_y]",
	  "endstop_pin" },
	{ "",
	  "@7: [stepper_x] microsteps: missing: expected a whole number of at least 1 and at most 256",
	  0, "microsteps" },
	/* numbers */
	{ "[printer]\nmax_accel: -4\n",
	  "+2: [printer] max_accel: value '-4': expected a number above 0 and at most 1000000 mm/s²",
	  0, 0 },
	{ "[printer]\nmax_velocity: 0x30\n",
	  "+2: [printer] max_velocity: value '0x30': expected a number above 0 and at most 10000 mm/s",
	  0, 0 },
	/* converters on SPI */
	{ SPI_SENSOR, "+1: [temperature_sensor c] sensor_pin: missing: expected a pin", 0, 0 },
	{ SPI_SENSOR "sensor_pin: PK1\nrtd_num_of_wires: 5\n",
	  "+4: [temperature_sensor c] rtd_num_of_wires: value '5': expected a whole number of at "
	  "least 2 and at most 4",
	  0, 0 },
	{ SPI_SENSOR "sensor_pin: PK1\nrtd_nominal_r: 0\n",
	  "+4: [temperature_sensor c] rtd_nominal_r: value '0': expected a number above 0", 0, 0 },
	{ SPI_SENSOR "sensor_pin: PK1\ntc_type: K\n",
	  "+1: note: [temperature_sensor c] accepted but not used yet: tc_type", 0, 0 },
	{ SPI_SENSOR "sensor_pin: PK1\nspi_software_sclk_pin: PK2\n",
	  "+1: [temperature_sensor c] spi_software_mosi_pin missing: expected all pins of the bus in software",
	  0, 0 },
	{ SPI_SENSOR "sensor_pin: PK1\nrtd_use_50Hz_filter: maybe\n",
	  "+4: [temperature_sensor c] rtd_use_50hz_filter: value 'maybe': expected true or false",
	  0, 0 },
	{ "[temperature_sensor c]\nsensor_type: max31856\nsensor_pin: PK1\ntc_type: Q\n",
	  "+4: [temperature_sensor c] tc_type: value 'Q': expected one of: B E J K N R S T", 0, 0 },
	{ "[printer]\nmax_velocity: nan\n",
	  "+2: [printer] max_velocity: value 'nan': expected a number above 0 and at most 10000 mm/s",
	  0, 0 },
	{ "[printer]\nmax_velocity: 1e999\n",
	  "+2: [printer] max_velocity: value '1e999': expected a number above 0 and at most 10000 mm/s",
	  0, 0 },
	{ "[printer]\nmax_velocity:\n",
	  "+2: [printer] max_velocity: value '': expected a number above 0 and at most 10000 mm/s",
	  0, 0 },
	{ "[printer]\nmax_z_velocity: 301\n",
	  "+2: [printer] max_z_velocity: value '301': expected a number above 0 and at most 300 mm/s",
	  0, 0 },
	{ "[printer]\nminimum_cruise_ratio: 1\n",
	  "+2: [printer] minimum_cruise_ratio: value '1': expected a number of at least 0 and below 1",
	  0, 0 },
	{ "[stepper_x]\nmicrosteps: 16.5\n",
	  "+2: [stepper_x] microsteps: value '16.5': expected a whole number of at least 1 and at most "
	  "256",
	  0, 0 },
	{ "[stepper_x]\nfull_steps_per_rotation: 202\n",
	  "+2: [stepper_x] full_steps_per_rotation: value '202': expected a multiple of 4", 0, 0 },
	{ "[stepper_x]\ngear_ratio: 80:0\n",
	  "+2: [stepper_x] gear_ratio: value '80:0': expected ratios of positive numbers, such as 80:20 "
	  "or 57:11, 2:1",
	  0, 0 },
	{ "[stepd]\nstep_fractions: perhaps\n",
	  "+2: [stepd] step_fractions: value 'perhaps': expected true or false (or yes, no, on, off, 1, "
	  "0)",
	  0, 0 },
	{ "[stepd]\ngcode_fifo_mode: 0999\n",
	  "+2: [stepd] gcode_fifo_mode: value '0999': expected a file mode in octal, such as 0660",
	  0, 0 },
	{ "[stepd]\nhorizon_ms: 10\n",
	  "+2: [stepd] horizon_ms: value '10': expected a number of at least 20 and at most 1000 ms",
	  0, 0 },
	{ "[stepd]\nrt_cpu: any\n",
	  "+2: [stepd] rt_cpu: value 'any': expected auto or a whole number of at least 0 and at most "
	  "1023",
	  0, 0 },
	{ "[stepd_sim]\nseed: -1\n",
	  "+2: [stepd_sim] seed: value '-1': expected a whole number of at least 0", 0, 0 },
	{ "[mcu]\nrestart_method: kick\n",
	  "+2: [mcu] restart_method: value 'kick': expected one of: auto arduino cheetah rpi_usb "
	  "command",
	  0, 0 },
	/* kinematics */
	{ "[printer]\nkinematics: cubic\n",
	  "+2: [printer] kinematics: value 'cubic': expected cartesian, corexy, corexz, hybrid_corexy, ",
	  0, 0 },
	{ "[printer]\nmax_accel_to_decel: 600\n",
	  "+2: warning: [printer] max_accel_to_decel: deprecated, write minimum_cruise_ratio: 0.8",
	  0, 0 },
	{ "[printer]\nmax_accel_to_decel: 600\nminimum_cruise_ratio: 0.1\n",
	  "+2: warning: [printer] max_accel_to_decel: ignored, minimum_cruise_ratio is set", 0, 0 },
	/* ranges and homing */
	{ "[stepper_x]\nposition_min: 200\n",
	  "@14: [stepper_x] position_max: value '200': expected more than position_min, which is 200",
	  0, 0 },
	{ "[stepper_x]\nposition_endstop: -1\n",
	  "+2: [stepper_x] position_endstop: value '-1': expected a position from position_min 0 to "
	  "position_max 200",
	  0, 0 },
	{ "[stepper_x]\nposition_endstop: 100\n",
	  "+2: [stepper_x] homing_positive_dir: missing: expected true or false, position_endstop 100 "
	  "is near neither 0 nor 200",
	  0, 0 },
	{ "[stepper_x]\nhoming_positive_dir: true\n",
	  "+2: [stepper_x] homing_positive_dir: value 'true': expected homing toward the endstop, "
	  "position_endstop 0 is at the other end",
	  0, 0 },
	{ "[stepper_z2]\n", "+1: [stepper_z2] out of order: expected [stepper_z1] to be the next",
	  0, 0 },
	{ "[extruder2]\n", "+1: [extruder2] out of order: expected [extruder1] to be the next", 0,
	  0 },
	{ "[extruder]\nfilament_diameter: 0.3\n",
	  "+2: [extruder] filament_diameter: value '0.3': expected at least the nozzle_diameter, which "
	  "is 0.4",
	  0, 0 },
	{ "[extruder]\npressure_advance: 11\n",
	  "+2: [extruder] pressure_advance: value '11': expected a number of at least 0 and at most "
	  "10 s",
	  0, 0 },
	{ "[extruder_stepper belt]\nstep_pin: PE0\ndir_pin: PE1\nmicrosteps: 16\n"
	  "rotation_distance: 8\nextruder: extruder7\n",
	  "+6: [extruder_stepper belt] extruder: value 'extruder7': expected the name of an "
	  "[extruder…] section",
	  0, 0 },
	{ "[manual_stepper m]\nstep_pin: PE0\ndir_pin: PE1\nmicrosteps: 16\n"
	  "rotation_distance: 8\nvelocity: 0\n",
	  "+6: [manual_stepper m] velocity: value '0': expected a number above 0", 0, 0 },
	{ "[manual_stepper m]\nstep_pin: PE0\ndir_pin: PE1\nmicrosteps: 16\n"
	  "rotation_distance: 8\nposition_min: 5\nposition_max: 5\n",
	  "+7: [manual_stepper m] position_max: value '5': expected more than position_min, which is 5",
	  0, 0 },
	{ "[manual_stepper m]\nstep_pin: PE0\ndir_pin: PE1\nmicrosteps: 16\n",
	  "+1: [manual_stepper m] rotation_distance: missing", 0, 0 },
	{ "[force_move]\nenable_force_move: 2\n",
	  "+2: [force_move] enable_force_move: value '2': expected true or false", 0, 0 },
	{ "[input_shaper]\nshaper_type: zvv\n",
	  "+2: [input_shaper] shaper_type: value 'zvv': expected one of", 0, 0 },
	{ "[input_shaper]\nshaper_type: 3hump_ei\nshaper_freq_x: 4\n",
	  "+1: [input_shaper] pulses last 0.503 s, expected at most 0.250 s", 0, 0 },
	{ "[probe]\npin: PF1\nz_offset: high\n[stepper_z]\nendstop_pin: probe:z_virtual_endstop\n",
	  "+3: [probe] z_offset: value 'high': expected a number of mm, [stepper_z] homes with it",
	  "[stepper_z]", "position_endstop" },
	{ "[endstop_phase stepper_q]\n",
	  "+1: [endstop_phase stepper_q] expected the section of a stepper", 0, 0 },
	{ "[endstop_phase stepper_x]\n",
	  "+1: [endstop_phase stepper_x] expected a driver that says its phase", 0, 0 },
	{ PHASE "trigger_phase: 64/64\n",
	  "+5: [endstop_phase stepper_x] trigger_phase: value '64/64': expected PHASE/PHASES", 0,
	  0 },
	{ PHASE "trigger_phase: 7\n",
	  "+5: [endstop_phase stepper_x] trigger_phase: value '7': expected PHASE/PHASES", 0, 0 },
	{ PHASE "endstop_accuracy: 2\n",
	  "+5: [endstop_phase stepper_x] endstop_accuracy: value '2': expected less than 0.8 mm", 0,
	  0 },
	/* pins */
	{ "[stepper_x]\nstep_pin: ^PA0\n",
	  "+2: [stepper_x] step_pin: value '^PA0': expected a pin without ^ or ~ and at most one ! "
	  "before its name, found '^'",
	  0, 0 },
	{ "[stepper_x]\nstep_pin:\n", "+2: [stepper_x] step_pin: value '': expected a pin", 0, 0 },
	{ "[stepper_x]\nstep_pin: zz:PA0\n",
	  "+2: [stepper_x] step_pin: value 'zz:PA0': unknown MCU 'zz': expected one of: mcu", 0, 0 },
	{ "[probe]\npin: PF1\nz_offset: 1\nactivate_gcode: {M280}\n",
	  "+4: note: [probe] activate_gcode: templates ({…}) can't be run yet: an error when it is "
	  "called",
	  0, 0 },
	{ "[probe]\npin: PF1\nz_offset: 1\ndeactivate_on_each_sample: often\n",
	  "+4: [probe] deactivate_on_each_sample: value 'often': expected true or false", 0, 0 },
	{ EDDY, "+1: [probe_eddy_current c] sensor_type: missing: expected one of: ldc1612", 0, 0 },
	{ EDDY "sensor_type: ldc1612\nreg_drive_current: 32\n",
	  "+4: [probe_eddy_current c] reg_drive_current: value '32': expected a whole number of at "
	  "least 0 and at most 31",
	  0, 0 },
	{ EDDY "sensor_type: ldc1612\ncalibrate: 1:3000000,2\n",
	  "+4: [probe_eddy_current c] calibrate: expected pairs height:frequency with commas between",
	  0, 0 },
	{ EDDY "sensor_type: ldc1612\ncalibrate: 1:3000000,2:3000001\n",
	  "+4: [probe_eddy_current c] calibrate: expected ascending heights with descending "
	  "frequencies",
	  0, 0 },
	{ EDDY "sensor_type: ldc1612\ncalibrate: 1:3000000\n",
	  "+4: [probe_eddy_current c] calibrate: expected at least two pairs height:frequency", 0,
	  0 },
	{ EDDY "sensor_type: ldc1612\n" DRIFT "drift_calibration: 1:2e-6\n",
	  "+9: [temperature_probe c] drift_calibration: expected height:linear:square with commas",
	  0, 0 },
	{ EDDY "sensor_type: ldc1612\n" DRIFT "drift_calibration: 1:2e-6:0,1:2e-6:0\n",
	  "+9: [temperature_probe c] drift_calibration: expected ascending heights", 0, 0 },
	{ EDDY "sensor_type: ldc1612\n" DRIFT "drift_calibration: 1:2:0\n",
	  "+9: [temperature_probe c] drift_calibration: expected less than 0.01 per K", 0, 0 },
	{ EDDY "sensor_type: ldc1612\n" DRIFT "drift_calibration: 1:2e-6:0\n",
	  "+9: [temperature_probe c] drift_calibration: expected calibration_temp, too", 0, 0 },
	{ EFFECTOR "recovery_time: 61\n",
	  "+4: [smart_effector] recovery_time: value '61': expected", 0, 0 },
	{ EFFECTOR "probe_accel: -1\n", "+4: [smart_effector] probe_accel: value '-1': expected", 0,
	  0 },
	{ EFFECTOR "control_pin: PK1\n", "+4: [smart_effector] control_pin: value 'PK1':", 0, 0 },
	{ EDDY "sensor_type: ldc1612\n" LOAD_CELL,
	  "+4: [load_cell_probe] expected only one probe, there is a [probe_eddy_current c] too", 0,
	  0 },
	{ LOAD_CELL "sclk_pin: PK1\n", "+1: [load_cell_probe] dout_pin: missing: expected a pin", 0,
	  0 },
	{ LOAD_CELL "sclk_pin: PK1\ndout_pin: PK2\ncounts_per_gram: 0.5\n",
	  "+6: [load_cell_probe] counts_per_gram: value '0.5': expected a number above 1 and at most",
	  0, 0 },
	{ LOAD_CELL "sclk_pin: PK1\ndout_pin: PK2\nsample_rate: 320\n",
	  "+6: [load_cell_probe] sample_rate: value '320': expected one of: 80 10", 0, 0 },
	{ ADS1220 "data_ready_pin: PK2\n", "+1: [load_cell_probe] cs_pin: missing: expected a pin",
	  0, 0 },
	{ ADS1220 "cs_pin: PK1\n", "+1: [load_cell_probe] data_ready_pin: missing: expected a pin",
	  0, 0 },
	{ ADS1220 "cs_pin: PK1\ndata_ready_pin: PK2\nsample_rate: 80\n",
	  "+6: [load_cell_probe] sample_rate: value '80': expected one of: 660 20", 0, 0 },
	{ ADS1220 "cs_pin: PK1\ndata_ready_pin: PK2\npga_bypass: true\n",
	  "+6: [load_cell_probe] pga_bypass: value 'true': expected a gain of 1, 2 or 4 with it", 0,
	  0 },
	{ ADS1220 "cs_pin: PK1\ndata_ready_pin: PK2\ninput_mux: AIN9\n",
	  "+6: [load_cell_probe] input_mux: value 'AIN9': expected one of: AIN0_AIN1", 0, 0 },
	{ "[angle x]\ncs_pin: PK1\n", "+1: [angle x] sensor_type: missing: expected one of: a1333",
	  0, 0 },
	{ ANGLE "sample_period: 0.1\n",
	  "+4: [angle x] sample_period: value '0.1': expected a number of at least 0.0002 and at most 0.02 s",
	  0, 0 },
	{ ANGLE "stepper: stepper_q\n",
	  "+4: [angle x] stepper: value 'stepper_q': expected the section of a motor, as stepper_x",
	  0, 0 },
	{ ANGLE "max_following_error: -1\n",
	  "+4: [angle x] max_following_error: value '-1': expected a number of at least 0", 0, 0 },
	{ ANGLE "calibrate: 1, 2, 3\n",
	  "+4: warning: [angle x] calibrate: not a table of stepd's (64 numbers up to 90), so it is not used",
	  0, 0 },
	{ "[angle x]\nsensor_type: a1333\n", "+1: [angle x] cs_pin: missing: expected a pin", 0, 0 },
	{ LOAD_CELL "sclk_pin: PK1\ndout_pin: PK2\ncontinuous_tare_time: 2\n",
	  "+1: note: [load_cell_probe] accepted but not used yet: continuous_tare_time", 0, 0 },
	{ LOAD_CELL "sclk_pin: PK1\ndout_pin: PK2\ndrift_filter_cutoff_frequency: 0.01\n",
	  "+6: [load_cell_probe] drift_filter_cutoff_frequency: value '0.01': expected", 0, 0 },
	{ LOAD_CELL "sclk_pin: PK1\ndout_pin: PK2\nbuzz_filter_cutoff_frequency: 40\n",
	  "+6: [load_cell_probe] buzz_filter_cutoff_frequency: value '40': expected", 0, 0 },
	{ LOAD_CELL "sclk_pin: PK1\ndout_pin: PK2\ndrift_filter_cutoff_frequency: 5\n"
		    "buzz_filter_cutoff_frequency: 4\n",
	  "+7: [load_cell_probe] buzz_filter_cutoff_frequency: value '4': expected more than "
	  "drift_filter_cutoff_frequency",
	  0, 0 },
	{ LOAD_CELL "sclk_pin: PK1\ndout_pin: PK2\nnotch_filter_frequencies: 50, 60\n",
	  "+6: [load_cell_probe] notch_filter_frequencies: value '50, 60': expected Hz from 0.8 to "
	  "below 39.2: 0.01 to 0.49 times sample_rate",
	  0, 0 },
	{ LOAD_CELL "sclk_pin: PK1\ndout_pin: PK2\nnotch_filter_frequencies: 1, 2, 3\n",
	  "+6: [load_cell_probe] notch_filter_frequencies: value '1, 2, 3': expected one or two "
	  "numbers",
	  0, 0 },
	{ LOAD_CELL "sclk_pin: PK1\ndout_pin: PK2\nbuzz_filter_delay: 3\n",
	  "+6: [load_cell_probe] buzz_filter_delay: value '3': expected one of: 1 2", 0, 0 },
	{ "[stepper_z]\nendstop_pin: probe:z_virtual_endstop\n",
	  "+2: [stepper_z] endstop_pin: value 'probe:z_virtual_endstop': expected a section of a probe, such as "
	  "[probe] or [bltouch]",
	  0, 0 },
	{ "[stepper_z]\nendstop_pin: tmc2209_stepper_z:virtual_endstop\n",
	  "+2: [stepper_z] endstop_pin: value 'tmc2209_stepper_z:virtual_endstop': expected the section of that driver",
	  0, 0 },
	{ "[tmc2209 stepper_x]\nuart_pin: PF4\nrun_current: 0.5\n[tmc2209 stepper_y]\nuart_pin: PF4\nrun_current: 0.5\n",
	  "+5: [tmc2209 stepper_y] uart_pin: value 'PF4': expected an address of its own on that line, [tmc2209 stepper_x] has 0, too",
	  0, 0 },
	{ "[board_pins q]\naliases: A=PF5 B=PF6\n",
	  "+2: [board_pins q] aliases: value 'A=PF5 B=PF6': expected ALIAS=PIN, ALIAS=PIN, …", 0,
	  0 },
	{ "[heater_fan q]\npin: PF5\nheater:\n",
	  "+3: [heater_fan q] heater: value '': expected names of heaters", 0, 0 },
	{ "[verify_heater extruder7]\n",
	  "+1: [verify_heater extruder7] expected a heater: extruder, heater_bed or", 0, 0 },
	{ "[thermistor q]\nbeta: 3950\n",
	  "+1: note: [thermistor q] is accepted but not used yet: no sensor_type names it", 0, 0 },
	{ "[mcu b]\nserial: /dev/x\n[mcu c]\nserial: /dev/x\n",
	  "+4: [mcu c] serial: value '/dev/x': expected a device of its own, [mcu b] has it, too",
	  0, 0 },
	{ "[stepper_y]\nstep_pin: PA1\n",
	  "+2: [stepper_y] step_pin: value 'PA1': expected a pin of its own, mcu:PA1 is also "
	  "[stepper_x] dir_pin (",
	  0, 0 },
	{ "[heater_bed]\nheater_pin: PD1\n",
	  "+2: [heater_bed] heater_pin: value 'PD1': expected a pin of its own, mcu:PD1 is also "
	  "[extruder] dir_pin (",
	  0, 0 },
	{ "[stepper_x]\nenable_pin: PF0\n[stepper_y]\nendstop_pin: PF0\n",
	  "+4: [stepper_y] endstop_pin: value 'PF0': expected a pin of its own, mcu:PF0 is also "
	  "[stepper_x] enable_pin (",
	  0, 0 },
	{ "[board_pins]\naliases: A=PA5, A=PA6\n",
	  "+2: [board_pins] aliases: alias 'A=PA6' clashes with 'A=PA5' from ", 0, 0 },
	{ "[board_pins]\naliases: A=PA5, B\n",
	  "+2: [board_pins] aliases: value 'B': expected ALIAS=PIN, ALIAS=PIN, …", 0, 0 },
	{ "[board_pins]\nmcu: other\naliases: A=PA5\n",
	  "+2: [board_pins] mcu: value 'other': expected the names of configured MCUs", 0, 0 },
	{ "[board_pins]\naliases: A=<GND>\n[stepper_x]\nstep_pin: A\n",
	  "+4: [stepper_x] step_pin: value 'A': expected a usable pin, 'A' is reserved: <GND>", 0,
	  0 },
	{ "[board_pins]\naliases: A=B, B=A\n[stepper_x]\nstep_pin: A\n",
	  "+4: [stepper_x] step_pin: value 'A': expected an alias of a pin, 'A' and 'B' lead in a "
	  "circle",
	  0, 0 },
	/* GPIO lines of this machine */
	{ "[host mcu]\n",
	  "+1: [host mcu] MCU name: expected one of its own of at most 63 characters", 0, 0 },
	{ "[host]\nmax_step_rate: 0\n",
	  "+2: [host] max_step_rate: value '0': expected a number of at least 1", 0, 0 },
	{ "[host]\nlate_max_ms: 0\n",
	  "+2: [host] late_max_ms: value '0': expected a number of at least 0.1", 0, 0 },
	{ "[host]\n[stepper_z]\nstep_pin: host:gpio4\ndir_pin: PC1\n",
	  "+4: [stepper_z] dir_pin: value 'PC1': expected a pin of the MCU of step_pin, which is 'host'",
	  0, 0 },
	{ "[host]\nmax_step_rate: 50\n[stepper_z]\nstep_pin: host:gpio4\ndir_pin: host:gpio5\n",
	  "+4: [stepper_z] at 300 mm/s it makes 120000 steps/s, and its step_pin is a GPIO line of this machine: expected at most max_step_rate 50 of 'host'",
	  0, 0 },
	{ "[mcu pi]\nserial: /tmp/klipper_host_mcu\n[manual_stepper m]\nstep_pin: pi:gpio4\n"
	  "dir_pin: pi:gpio5\nmicrosteps: 16\nrotation_distance: 8\nvelocity: 30\n",
	  "+8: [manual_stepper m] at 30 mm/s it makes 12000 steps/s, and its step_pin is a GPIO line of this "
	  "machine: expected at most max_step_rate 5000 of 'pi'",
	  0, 0 },
	{ "[host]\n[heater_bed]\nheater_pin: host:gpio4\n",
	  "+3: [heater_bed] heater_pin: value 'host:gpio4': expected a pin of an MCU", 0, 0 },
	{ "[host]\n[fan]\npin: host:gpio4\nhardware_pwm: true\n",
	  "+4: [fan] hardware_pwm: value 'true': expected false", 0, 0 },
	/* MCUs and stepd */
	{ "[mcu]\nsync_pin: PG7\nsync_line: gpiochip0\n",
	  "+3: [mcu] sync_line: value 'gpiochip0': expected CHIP/gpioN, such as gpiochip0/gpio17; the chip by its name or label",
	  0, 0 },
	{ "[mcu]\nsync_pin: PG7\n",
	  "+2: [mcu] sync_line: missing: expected both sync_pin and sync_line, or none", 0, 0 },
	{ "[mcu]\nsync_line: a/3\n",
	  "+2: [mcu] sync_pin: missing: expected both sync_pin and sync_line, or none", 0, 0 },
	{ "[mcu z]\nserial: /dev/z\nsync_pin: PG7\nsync_line: a/3\n",
	  "+3: [mcu z] sync_pin: value 'PG7': expected a pin of this MCU: z:… or without a name for [mcu]",
	  0, 0 },
	{ "[mcu mcu]\nserial: /dev/x\n",
	  "+1: [mcu mcu] MCU name: expected one of its own of at most 63 characters", 0, 0 },
	{ "[mcu]\ncanbus_uuid: 1234\n",
	  "+2: [mcu] canbus_uuid: value '1234': expected either serial or canbus_uuid", 0, 0 },
	{ "[mcu b]\ncanbus_uuid: 1234\n",
	  "+2: [mcu b] canbus_uuid: value '1234': expected 12 hexadecimal digits, as `stepd "
	  "canbus-query` shows them",
	  0, 0 },
	{ "[mcu b]\ncanbus_uuid: 11aabbccddeg\n",
	  "+2: [mcu b] canbus_uuid: value '11aabbccddeg': expected 12 hexadecimal digits, as `stepd "
	  "canbus-query` shows them",
	  0, 0 },
	{ "[mcu b]\ncanbus_uuid: 11aabbccddee\n[mcu c]\ncanbus_uuid: 11AABBCCDDEE\n",
	  "+4: [mcu c] canbus_uuid: value '11AABBCCDDEE': expected one of its own, mcu 'b' has it "
	  "already",
	  0, 0 },
	{ "[mcu b]\ncanbus_uuid: 11aabbccddee\ncanbus_interface: /dev/can0\n",
	  "+3: [mcu b] canbus_interface: value '/dev/can0': expected the name of a CAN interface, "
	  "such as can0",
	  0, 0 },
	{ "[mcu b]\nserial: /dev/x\ncanbus_interface: can1\n",
	  "+3: [mcu b] canbus_interface: value 'can1': expected it beside canbus_uuid only", 0, 0 },
	{ "[mcu b]\nbaud: 250000\n",
	  "+1: [mcu b] serial: missing: expected the path of a serial device, or canbus_uuid", 0,
	  0 },
	{ "[mcu 1]\n[mcu 2]\n[mcu 3]\n[mcu 4]\n[mcu 5]\n[mcu 6]\n[mcu 7]\n[mcu 8]\n",
	  "+8: [mcu 8] too many MCUs: expected at most 8", 0, 0 },
	{ "[stepd_sim q]\n", "+1: [stepd_sim q] unknown MCU: expected the name of a configured one",
	  0, 0 },
	{ "[stepd]\nreply_fifo: /a\nreply_file: /b\n",
	  "+3: [stepd] reply_file: value '/b': expected either reply_fifo or reply_file", 0, 0 },
	{ "[stepd]\ngcode_fifo: /run/stepd/reply\n",
	  "+2: [stepd] gcode_fifo: value '/run/stepd/reply': expected a path of its own, gcode_fifo and "
	  "reply_fifo are the same",
	  0, 0 },
	{ "[stepd]\ngcode_fifo:\n", "+2: [stepd] gcode_fifo: value '': expected a path", 0, 0 },
	{ "[stepd]\nlow_water_ms: 100\n",
	  "+2: [stepd] low_water_ms: value '100': expected low_water_ms to be less than horizon_ms, "
	  "which is 100",
	  0, 0 },
};

static void each_message(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
		const struct message *m = &messages[i];
		char want[600], *out, *rest;

		write_base(m->section, m->drop, m->more);
		int status = check(file, &out);

		if (*m->expect == '+' || *m->expect == '@') {
			long line = strtol(m->expect + 1, &rest, 10);

			line += *m->expect == '+' ? BASE_LINES - (m->drop ? 1 : 0) : 0;
			snprintf(want, sizeof(want), "%s:%ld%s", file, line, rest);
		} else {
			snprintf(want, sizeof(want), "%s%s", file, m->expect);
		}
		if (!strstr(out, want))
			fail_msg("case %zu:\n%swants:\n%s\ngot:\n%s", i, m->more, want, out);
		bool harmless = strstr(m->expect, ": warning: ") || strstr(m->expect, ": note: ");

		/* A line with the dropped one missing moves the others, so only the status counts. */
		if (status != (harmless ? 0 : 1) && !strstr(m->more, "[mcu 8]"))
			fail_msg("case %zu: status %d\n%s", i, status, out);
		free(out);
	}
}

/* Many steppers: one too many, and extruders without the first one. */
static void too_many(void **state)
{
	char text[4096], *out;
	size_t n = 0;

	(void)state;
	for (int i = 1; i <= 14; i++)
		n += (size_t)sprintf(text + n,
				     "[stepper_z%d]\nstep_pin: S%d\ndir_pin: D%d\n"
				     "rotation_distance: 8\nmicrosteps: 16\n",
				     i, i, i);
	write_base(NULL, NULL, text);
	assert_int_equal(check(file, &out), 1);
	assert_non_null(strstr(out, "[stepper_z14] too many steppers: expected at most 16\n"));
	free(out);

	n = 0;
	for (int i = 1; i <= 8; i++)
		n += (size_t)sprintf(text + n,
				     "[extruder%d]\nnozzle_diameter: 0.4\n"
				     "filament_diameter: 1.75\n",
				     i);
	write_base(NULL, NULL, text);
	assert_int_equal(check(file, &out), 1);
	assert_non_null(strstr(out, "[extruder8] too many extruders: expected at most 8\n"));
	free(out);

	write_base(NULL, "[extruder]", "[extruder1]\n");
	assert_int_equal(check(file, &out), 1);
	assert_non_null(strstr(out, "[extruder1] out of order: expected [extruder] before it\n"));
	free(out);
}

/* Everything that is wrong comes in one run, in the order of the file, and a summary ends it. */
static void all_at_once(void **state)
{
	char *out, want[600];

	(void)state;
	write_config("[printer]\nkinematics: corexy\nmax_velocity: fast\n"
		     "[stepper_x]\nstep_pn: PA0\nmicrosteps: 0\n");
	assert_int_equal(check(file, &out), 1);
	const char *at = out;
	static const char *const order[] = {
		": [mcu] missing",
		": [stepper_y] missing",
		": [stepper_z] missing",
		":1: [printer] max_accel: missing",
		":3: [printer] max_velocity: value 'fast'",
		":4: [stepper_x] step_pin: missing",
		":4: [stepper_x] dir_pin: missing",
		":4: [stepper_x] rotation_distance: missing",
		":4: [stepper_x] endstop_pin: missing",
		":4: [stepper_x] position_max: missing",
		":4: [stepper_x] position_endstop: missing",
		":5: [stepper_x] step_pn: unknown option, did you mean 'step_pin'?",
		":6: [stepper_x] microsteps: value '0'",
	};

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		snprintf(want, sizeof(want), "%s%s", file, order[i]);
		const char *next = strstr(at, want);

		if (!next)
			fail_msg("'%s' isn't at its place in:\n%s", want, out);
		at = next;
	}
	snprintf(want, sizeof(want), "%s: 13 errors, 0 warnings, 0 notes: can't be used\n", file);
	assert_non_null(strstr(at, want));
	free(out);
}

/* No file, no second list of everything that is missing from it. */
static void no_file(void **state)
{
	char *out;

	(void)state;
	assert_int_equal(check("/nonexistent/printer.cfg", &out), 1);
	assert_string_equal(out, "/nonexistent/printer.cfg: can't open: No such file or directory\n"
				 "/nonexistent/printer.cfg: 1 error, 0 warnings, 0 notes: can't be "
				 "used\n");
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message),
		cmocka_unit_test(too_many),
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(no_file),
	};

	return cmocka_run_group_tests(tests, scratch, clean);
}
