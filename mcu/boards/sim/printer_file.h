/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printer_file.h - a printer model described in a text file.
 *
 * One part a line, "#" starts a comment, values as key=value without spaces:
 *   kinematics cartesian|corexy
 *   start x=0 y=0 z=0 e=0                     physical position at the start, mm
 *   (further axes are u v w a b c d f; a stepper that several axes move has x=1 y=-1 … for axis=)
 *   stepper axis=x step=PA0 dir=PA1 steps_per_mm=80 [name= mcu=0 invert_dir=0 invert_step=0 both_edges=0]
 *   endstop axis=x pin=PA3 trigger=0 [name= mcu=0 at_max=0 hysteresis=0 noise=0 invert=0 driver=NAME]
 *         it is the stall of a driver above
 *   bed [height=0 slope_x=0 slope_y=0 shape=0]                      mm, mm per mm, mm
 *   probe pin=PA5 z=1.5 [x=0 y=0 mcu=0 hysteresis=0 noise=0 invert=0]   from the nozzle; see printer_bed.h
 *         [control=PA6 control_mcu=0]         and it is a BLTouch
 *   sensor pin=PA4 value=2000 [mcu=0 noise=0]
 *   warm name=bed sensor=PA5 capacity=600 loss=1.6 lag=4 [mcu=0 noise=0 ambient=25 power=0 fan_loss=0
 *        filament=0 heater=PA6 heater_mcu=0 heater_invert=0 fan=PA7 fan_mcu=0 fan_invert=0 stepper=NAME]
 *        J/K, W/K, s, W; see thermal.h. Behind it, in order, what the sensor reads every 2 degrees from -60 C on:
 *   reading share=0.98                        of full scale; the last one holds beyond
 *   driver chip=2209 name=NAME [mcu=0 address=0 stepper=NAME] and how it is connected: see chip_tmc.h
 *         tx=PC0 [rx=PC0 select=PC1,!PC2]     a serial line
 *         cs=PC0 [cs_high=0 mode=0 spi=NAME sclk= mosi= miso= chain=1 position=1]   SPI of the MCU, or on pins
 *   converter chip=31855 body=NAME cs=PC0 …   SPI likewise; sensor=none in the warm part. See chip_temperature.h
 *   climate type=BME280 body=NAME address=118 [mcu=0 i2c=NAME scl= sda=]     I2C; see chip_climate.h
 *   thermometer serial=28-0316a2798eff body=NAME pin=PC0 [mcu=0]             on one wire; see chip_ds18b20.h
 *   input pin=PC0 [name= mcu=0 invert=0 on=0 stepper=NAME edge=0 share=0]
 *         a switch; or filament that a motor moves: mm an edge; or a switch at an analog input, which reads this share of full scale then
 *   eddy address=42 [name= mcu=0 i2c=NAME scl= sda= intb=PC0 x=0 y=0 clock=12000000 noise=0 body=NAME]
 *         the coil of an eddy-current probe, from the nozzle; mm; see chip_ldc1612.h
 *   load_cell chip=711 dout=PC0 sclk=PC1 [name= mcu=0 rate=80 counts_per_gram=200 zero=0 noise=0]    or 717; see chip_load_cell.h
 *   load_cell chip=1220 cs=PC0 ready=PC1 …                                                           SPI as above
 *   fan pin=PC0 tacho=PC1 [name= mcu=0 tacho_mcu=0 invert=0 rpm=6000 lag=0.4 ppr=2]   see printer_parts.h
 *   light pin=PC0 [name= mcu=0 clock=PC1 lights=1]                                     a chain, likewise
 * What has a name can be broken: models->events (printer_events.h).
 * Pin names go through sim_pins_add(), so the sims must not be started yet.
 * Threads: any, before the sims run.
 */
#ifndef SIM_PRINTER_FILE_H
#define SIM_PRINTER_FILE_H

#include <stddef.h>

struct printer;
struct printer_models;
struct sim;

/* Add everything in the file to *p, with models of chips in *models. Parts of an MCU whose sims[] entry is NULL or missing are left out.
 * Returns 0, or -errno with a message "file:line: what is wrong" in err[0..err_size). */
int printer_file_load(struct printer *p, struct printer_models *models, struct sim *const *sims,
		      unsigned int sim_count, const char *path, char *err, size_t err_size);
#endif
