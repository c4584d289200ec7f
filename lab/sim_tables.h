/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_tables.h - tables of costs by name: those that lie beside the program, or
 * are installed with it. */
#ifndef UZS_LAB_SIM_TABLES_H
#define UZS_LAB_SIM_TABLES_H

#include <stdio.h>

#include "sim_cost.h"

/* A file, or the name of one of ours. Both return 0, or an exit status after a
 * line on stderr. */
int sim_tables_load(struct sim_costs *costs, const char *name);
/* Name and platform of each of ours. */
int sim_tables_list(FILE *out);

#endif
