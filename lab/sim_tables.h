/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_tables.h - finds tables of costs by name: those beside the program, or
 * installed with it. */
#ifndef UZS_LAB_SIM_TABLES_H
#define UZS_LAB_SIM_TABLES_H

#include <stdio.h>

#include "sim_cost.h"

/* `name` is a file, or the name of one of our tables. Both return 0, or an exit
 * status after a line on stderr. */
int sim_tables_load(struct sim_costs *costs, const char *name);
/* Lists name and platform of each of our tables. */
int sim_tables_list(FILE *out);

#endif
