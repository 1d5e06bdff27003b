/* SPDX-License-Identifier: GPL-2.0-or-later */
/* versions.h - whether the MCUs' firmware is of one version.
 *
 * Each MCU is spoken to by its own dictionary, so mixed ones work; but what one lacks is easier to understand if that is known.
 * Threads: PLAN.
 */
#ifndef DAEMON_VERSIONS_H
#define DAEMON_VERSIONS_H

#include <stdbool.h>
#include <stddef.h>

struct session;

/* The versions of those of count sessions that have a dictionary. Returns: true if they differ, and then text[0..size) says which MCU has
 * which, cut to its size. */
bool versions_mixed(const struct session *s, size_t count, char *text, size_t size);
#endif
