/* SPDX-License-Identifier: GPL-2.0-or-later */
/* version.h - what stepd calls itself. */
#ifndef DAEMON_VERSION_H
#define DAEMON_VERSION_H

#define STEPD_VERSION "0.1.0"

#endif
