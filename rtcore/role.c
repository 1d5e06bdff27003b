// SPDX-License-Identifier: GPL-2.0-or-later
#include "role.h"

const struct role role_plan;
const struct role role_rt;
