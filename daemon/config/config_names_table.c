/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_names_table.c - the section and option names of printer.cfg, and stepd's own.
 *
 * Interface facts, kept as data: one line of names a group. See config_names.h for the patterns.
 */
#include "daemon/config/config_names.h"

#define SPI \
	"spi_bus spi_speed spi_software_sclk_pin spi_software_mosi_pin " \
	"spi_software_miso_pin "
#define I2C "i2c_address i2c_mcu i2c_bus i2c_speed i2c_software_scl_pin i2c_software_sda_pin "
#define SENSOR \
	"sensor_type sensor_pin pullup_resistor inline_resistor min_temp max_temp " \
	"adc_voltage voltage_offset " SPI I2C "tc_type tc_use_50hz_filter tc_averaging_count " \
	"rtd_nominal_r rtd_reference_r rtd_num_of_wires rtd_use_50hz_filter sensor_mcu " \
	"sensor_temperature1 sensor_adc1 sensor_temperature2 sensor_adc2 sensor_path sensor_list " \
	"combination_method maximum_deviation serial_no ds18_report_time aht10_report_time " \
	"sht3x_report_time lm75_report_time htu21d_hold_master htu21d_resolution " \
	"htu21d_report_time bme280_report_time gcode_id "
#define CONTROL \
	"control max_power smooth_time pid_kp pid_ki pid_kd max_delta pid_deriv_time " \
	"pwm_cycle_time heater_power block_heat_capacity ambient_transfer sensor_responsiveness " \
	"fan_ambient_transfer target_reach_time cooling_fan filament_density filament_heat_capacity "
#define HEATER SENSOR CONTROL "heater_pin min_extrude_temp shutdown_on_error on_error_gcode "
#define MOTOR \
	"step_pin dir_pin enable_pin rotation_distance microsteps full_steps_per_rotation " \
	"gear_ratio step_pulse_duration "
#define HOMING \
	"endstop_pin position_min position_endstop position_max homing_speed " \
	"second_homing_speed homing_retract_dist homing_retract_speed homing_positive_dir "
#define RAIL MOTOR HOMING
#define FAN \
	"pin max_power shutdown_speed cycle_time hardware_pwm kick_start_time off_below " \
	"tachometer_pin tachometer_ppr tachometer_poll_interval enable_pin "
#define PROBE \
	"pin deactivate_on_each_sample x_offset y_offset z_offset speed lift_speed samples " \
	"sample_retract_dist samples_result samples_tolerance samples_tolerance_retries " \
	"activate_gcode deactivate_gcode "
#define PROBE_POINTS "points horizontal_move_z speed "
#define PWM_OUT "pin pwm value shutdown_value cycle_time hardware_pwm scale maximum_mcu_duration "
#define LEDS "initial_red initial_green initial_blue initial_white "
#define TMC_UART "uart_pin tx_pin select_pins uart_address "
#define TMC_SPI "cs_pin chain_position chain_length " SPI
#define TMC \
	"interpolate run_current hold_current sense_resistor stealthchop_threshold " \
	"coolstep_threshold high_velocity_threshold stall_detect_speed diag_pin diag0_pin " \
	"diag1_pin driver_* "
#define ACCEL "axes_map rate cs_pin " SPI I2C
#define LOAD_CELL \
	"sensor_type counts_per_gram reference_tare_counts sensor_orientation gain " \
	"sample_rate dout_pin sclk_pin cs_pin data_ready_pin vref input_mux pga_bypass " SPI I2C
#define DISPLAY \
	"lcd_type display_group menu_timeout menu_root menu_reverse_navigation " \
	"encoder_pins encoder_steps_per_detent click_pin back_pin up_pin down_pin kill_pin " \
	"analog_range_click_pin analog_range_back_pin analog_range_up_pin analog_range_down_pin " \
	"analog_range_kill_pin analog_pullup_resistor contrast hd44780_protocol_init line_length " \
	"rs_pin e_pin d4_pin d5_pin d6_pin d7_pin latch_pin data_pin clock_pin cs_pin a0_pin " \
	"dc_pin rst_pin reset_pin sclk_pin sid_pin en_pin spi_software_sclk_pin vcomh invert " \
	"x_offset " SPI I2C

const struct config_kind config_kinds[] = {
	/* stepd's own */
	{ "stepd", "gcode_fifo gcode_fifo_mode reply_fifo reply_file out_of_band_fifo gcode_ack "
		   "horizon_ms low_water_ms lookahead_s step_tolerance_us step_fractions "
		   "reversal_filter_us arc_tolerance_um "
		   "rt_priority rt_cpu unknown_option startup_gcode inject_faults "
		   "flight_file flight_mib flight_keep " },
	{ "host?", "max_step_rate late_max_ms cpu " },
	{ "stepd_sim_heater+", "power_w capacity_j_k loss_w_k fan_loss_w_k sensor_lag_s ambient_degc "
			       "filament_j_k_mm noise " },
	{ "stepd_sim?",
	  "clock_hz clock_ppm move_count extensions without canbus_bitrate seed bed_height bed_slope_x "
	  "bed_slope_y bed_shape probe_noise probe_hysteresis endstop_noise "
	  "endstop_hysteresis " },

	/* the machine and its motors */
	{ "printer", "kinematics max_velocity max_accel max_z_velocity max_z_accel "
		     "minimum_cruise_ratio square_corner_velocity max_accel_to_decel "
		     "minimum_z_position delta_radius print_radius shoulder_radius shoulder_height "
		     "min_angle print_width slow_ratio " },
	{ "mcu?", "serial baud canbus_uuid canbus_interface restart_method max_stepper_error "
		  "role is_non_critical sync_pin sync_line stamp_module " },
	{ "stepper_x#", RAIL },
	{ "stepper_y#", RAIL },
	{ "stepper_z#", RAIL },
	{ "stepper_a#", RAIL "arm_length angle upper_arm_length lower_arm_length "
			     "anchor_x anchor_y anchor_z " },
	{ "stepper_b#", RAIL "arm_length angle upper_arm_length lower_arm_length "
			     "anchor_x anchor_y anchor_z " },
	{ "stepper_c#", RAIL "arm_length angle upper_arm_length lower_arm_length "
			     "anchor_x anchor_y anchor_z " },
	{ "stepper_d", MOTOR "anchor_x anchor_y anchor_z " },
	{ "stepper_e", MOTOR "anchor_x anchor_y anchor_z " },
	{ "stepper_f", MOTOR "anchor_x anchor_y anchor_z " },
	{ "stepper_g", MOTOR "anchor_x anchor_y anchor_z " },
	{ "stepper_h", MOTOR "anchor_x anchor_y anchor_z " },
	{ "stepper_bed", RAIL },
	{ "stepper_arm", RAIL },
	{ "stepper_left", RAIL "arm_length arm_x_length " },
	{ "stepper_right", RAIL "arm_length arm_x_length " },
	{ "stepper+", MOTOR "carriages endstop_pin " },
	{ "carriage+", HOMING "axis " },
	{ "extra_carriage+", HOMING "primary_carriage " },
	{ "dual_carriage?", RAIL "axis primary_carriage safe_distance " },
	{ "extruder#",
	  MOTOR HEATER "nozzle_diameter filament_diameter max_extrude_cross_section "
		       "instantaneous_corner_velocity max_extrude_only_distance "
		       "max_extrude_only_velocity max_extrude_only_accel pressure_advance "
		       "pressure_advance_smooth_time shared_heater " },
	{ "extruder_stepper+", MOTOR "extruder pressure_advance pressure_advance_smooth_time " },
	{ "manual_stepper+", MOTOR "velocity accel endstop_pin position_min position_max "
				   "homing_speed homing_accel " },
	{ "fault+", "reaction gcode " },
	{ "board_pins?", "mcu aliases aliases_* " },
	{ "duplicate_pin_override", "pins " },
	{ "input_shaper",
	  "shaper_type shaper_type_x shaper_type_y shaper_type_z shaper_freq_x "
	  "shaper_freq_y shaper_freq_z damping_ratio_x damping_ratio_y damping_ratio_z " },

	/* heat and fans */
	{ "heater_bed", HEATER },
	{ "heater_generic+", HEATER },
	{ "verify_heater+", "max_error check_gain_time hysteresis heating_gain " },
	{ "homing_heaters", "steppers heaters " },
	{ "thermistor+", "temperature1 resistance1 temperature2 resistance2 temperature3 "
			 "resistance3 beta " },
	{ "adc_temperature+", "temperature* voltage* resistance* " },
	{ "temperature_sensor+", SENSOR },
	{ "temperature_probe+",
	  SENSOR "horizontal_move_z resting_z calibration_position "
		 "calibration_bed_temp calibration_extruder_temp extruder_heating_z smooth_time "
		 "max_validation_temp speed calibration_temp drift_calibration "
		 "drift_calibration_min_temp " },
	{ "fan", FAN },
	{ "heater_fan+", FAN "heater heater_temp fan_speed " },
	{ "controller_fan+", FAN "fan_speed idle_timeout idle_speed heater stepper " },
	{ "temperature_fan+", FAN SENSOR CONTROL "target_temp max_speed min_speed gcode_id " },
	{ "fan_generic+", FAN },

	/* probes and levelling */
	{ "probe", PROBE },
	{ "bltouch", PROBE "sensor_pin control_pin stow_on_each_sample probe_with_touch_mode "
			   "pin_up_reports_not_triggered pin_up_touch_mode_reports_triggered "
			   "set_output_mode pin_move_time " },
	{ "smart_effector", PROBE "control_pin probe_accel recovery_time " },
	{ "probe_eddy_current+", PROBE I2C "sensor_type intb_pin descend_z max_sensor_hz calibrate "
					   "reg_drive_current frequency tap_threshold " },
	{ "axis_twist_compensation",
	  "speed horizontal_move_z calibrate_start_x calibrate_end_x "
	  "calibrate_y calibrate_start_y calibrate_end_y calibrate_x z_compensations "
	  "compensation_start_x compensation_end_x zy_compensations compensation_start_y "
	  "compensation_end_y " },
	{ "load_cell?", LOAD_CELL },
	{ "load_cell_probe?",
	  PROBE LOAD_CELL "force_safety_limit trigger_force drift_filter_* "
			  "buzz_filter_* notch_filter_* tare_time pullback_distance pullback_speed "
			  "continuous_tare_* " },
	{ "bed_mesh?",
	  "speed horizontal_move_z mesh_radius mesh_origin mesh_min mesh_max probe_count "
	  "round_probe_count fade_start fade_end fade_target split_delta_z move_check_distance "
	  "mesh_pps algorithm bicubic_tension zero_reference_position relative_reference_index "
	  "faulty_region_* adaptive_margin scan_overshoot version points min_x max_x min_y "
	  "max_y x_count y_count mesh_x_pps mesh_y_pps algo tension " },
	{ "bed_tilt", PROBE_POINTS "x_adjust y_adjust z_adjust " },
	{ "bed_screws", "screw* horizontal_move_z probe_height speed probe_speed " },
	{ "screws_tilt_adjust", "screw* horizontal_move_z speed screw_thread " },
	{ "z_tilt", PROBE_POINTS "z_positions retries retry_tolerance " },
	{ "quad_gantry_level", PROBE_POINTS "gantry_corners max_adjust retries retry_tolerance " },
	{ "skew_correction?", "xy_skew xz_skew yz_skew " },
	{ "z_thermal_adjust", SENSOR "temp_coeff smooth_time z_adjust_off_above max_z_adjustment " },
	{ "delta_calibrate", "radius speed horizontal_move_z height* height*_pos manual_height* "
			     "distance* " },
	{ "safe_z_home", "home_xy_position speed z_hop z_hop_speed move_to_previous " },
	{ "homing_override", "gcode axes set_position_x set_position_y set_position_z " },
	{ "endstop_phase?", "endstop_align_zero endstop_accuracy trigger_phase " },
	{ "force_move", "enable_force_move " },

	/* G-code */
	{ "gcode_macro+", "gcode rename_existing description variable_* " },
	{ "delayed_gcode+", "gcode initial_duration " },
	{ "save_variables", "filename " },
	{ "idle_timeout", "gcode timeout motor_timeout heater_timeout " },
	{ "virtual_sdcard", "path on_error_gcode journal read_ahead_kib " },
	{ "sdcard_loop", "" },
	{ "pause_resume", "recover_velocity " },
	{ "firmware_retraction", "retract_length retract_speed unretract_extra_length "
				 "unretract_speed " },
	{ "gcode_arcs", "resolution " },
	{ "respond", "default_type default_prefix " },
	{ "exclude_object", "" },
	{ "gcode_button+", "pin analog_range analog_pullup_resistor press_gcode release_gcode "
			   "debounce_delay " },

	/* resonance measurement */
	{ "adxl345?", ACCEL },
	{ "lis2dw?", ACCEL },
	{ "lis3dh?", ACCEL },
	{ "mpu9250?", ACCEL },
	{ "icm20948?", ACCEL },
	{ "bmi160?", ACCEL },
	{ "resonance_tester", "probe_points accel_chip accel_chip_x accel_chip_y accel_chip_z "
			      "max_smoothing move_speed min_freq max_freq accel_per_hz hz_per_sec "
			      "sweeping_accel sweeping_period " },
	{ "angle+",
	  "sensor_type sample_period stepper cs_pin max_following_error calibrate " SPI I2C },

	/* drivers */
	{ "tmc2130+", TMC TMC_SPI },
	{ "tmc2208+", TMC TMC_UART },
	{ "tmc2209+", TMC TMC_UART },
	{ "tmc2225+", TMC TMC_UART },
	{ "tmc2226+", TMC TMC_UART },
	{ "tmc2660+", TMC TMC_SPI "idle_current_percent " },
	{ "tmc2240+", TMC TMC_SPI TMC_UART "rref current_range " },
	{ "tmc5160+", TMC TMC_SPI },
	{ "ad5206+", "enable_pin scale channel_* " SPI },
	{ "mcp4451+", "wiper_* scale " I2C },
	{ "mcp4728+", "channel_* scale " I2C },
	{ "mcp4018+", "scl_pin sda_pin wiper scale " I2C },

	/* outputs and lights */
	{ "output_pin+", PWM_OUT "static_value power_relay " },
	{ "pwm_tool+",
	  "pin value shutdown_value cycle_time hardware_pwm scale maximum_mcu_duration " },
	{ "pwm_cycle_time+", "pin value shutdown_value cycle_time scale " },
	{ "static_digital_output+", "pins " },
	{ "static_pwm_clock+", "pin frequency " },
	{ "multi_pin+", "pins " },
	{ "servo+", "pin maximum_servo_angle minimum_pulse_width maximum_pulse_width initial_angle "
		    "initial_pulse_width " },
	{ "led+", "red_pin green_pin blue_pin white_pin cycle_time hardware_pwm " LEDS },
	{ "neopixel+", "pin chain_count color_order " LEDS },
	{ "dotstar+", "data_pin clock_pin chain_count " LEDS },
	{ "pca9533+", LEDS I2C },
	{ "pca9632+", "scl_pin sda_pin color_order " LEDS I2C },

	/* filament and other sensors */
	{ "filament_switch_sensor+", "pause_on_runout runout_gcode insert_gcode event_delay "
				     "pause_delay switch_pin debounce_delay " },
	{ "filament_motion_sensor+", "detection_length extruder switch_pin pause_on_runout "
				     "runout_gcode insert_gcode event_delay pause_delay " },
	{ "tsl1401cl_filament_width_sensor", "pin default_nominal_filament_diameter "
					     "max_difference measurement_delay " },
	{ "hall_filament_width_sensor",
	  "adc1 adc2 cal_dia1 cal_dia2 raw_dia1 raw_dia2 "
	  "default_nominal_filament_diameter max_difference measurement_delay enable "
	  "measurement_interval logging min_diameter max_diameter use_current_dia_while_delay "
	  "pause_on_runout runout_gcode insert_gcode event_delay pause_delay " },
	{ "adc_scaled+", "vref_pin vssa_pin smooth_time " },
	{ "ads1x1x+", "chip pga adc_voltage " I2C },
	{ "palette2", "serial baud feedrate_splice feedrate_normal auto_load_speed "
		      "auto_cancel_variation " },

	/* displays */
	{ "display?", DISPLAY },
	{ "display_status", "" },
	{ "display_data+", "position text " },
	{ "display_template+", "param_* text " },
	{ "display_glyph+", "data hd44780_data hd44780_slot " },
	{ "menu+",
	  "type name enable index gcode input input_min input_max input_step realtime script " },

	/* boards */
	{ "sx1509+", I2C },
	{ "samd_sercom+", "sercom tx_pin rx_pin clk_pin " },
	{ "replicape", "revision enable_pin host_mcu standstill_power_down "
		       "stepper_x_* stepper_y_* stepper_z_* stepper_e_* stepper_h_* servo0_enable "
		       "servo1_enable " },
	{ "canbus_query", "" },
	{ 0 },
};
