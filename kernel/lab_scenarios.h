/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_scenarios.h - what scenarios of a kernel's file use besides
 * lab/scenario.h (lab_pool.c).
 */
#ifndef UZS_KERNEL_LAB_SCENARIOS_H
#define UZS_KERNEL_LAB_SCENARIOS_H

#include "lab/scenario.h"

/* Words of the world: the pages that lab_migrate_pages and lab_migrate_second
 * move. */
#define LAB_MOVES 6
#define LAB_MOVES_TOO 7
void lab_migrate_second(struct lab_world *w);
/* Prints the file `classes` of debugfs. */
void lab_print_classes(void);
void lab_destroy(void);

#endif
