/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check.h - `stepd check FILE [-o SECTION.OPTION=VALUE …]`: only check a configuration.
 *
 * Exit status: 0 usable, 1 errors in it, 2 usage.
 */
#ifndef DAEMON_CHECK_H
#define DAEMON_CHECK_H

int check_main(int argc, char **argv);

#endif
