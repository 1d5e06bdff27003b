/* SPDX-License-Identifier: GPL-2.0-or-later */
/* model.h - `stepd model -c CONFIG`: the configured printer as a model for the simulated MCU.
 *
 * Writes the text that `mcu-sim --printer` reads (mcu/boards/sim/printer_file.h): motors and
 * endstops with their pins. Exit status: 0, 1 the configuration is unusable, 2 usage.
 */
#ifndef DAEMON_MODEL_H
#define DAEMON_MODEL_H

int model_main(int argc, char **argv);

#endif
