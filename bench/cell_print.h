/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cell_print.h - uzs-free's results for the reader and for programs. */
#ifndef UZS_BENCH_CELL_PRINT_H
#define UZS_BENCH_CELL_PRINT_H

#include <stdbool.h>

#include "cell.h"

/* Names of what a cell can be, as the command line has them too; the last one
 * is NULL. */
extern const char *const work_names[]; /* by enum cell_work */
extern const char *const class_names[];
extern const char *const zspages_names[];
extern const char *const pages_names[];
extern const char *const order_names[];

/* Prints all, in the way that cells->opt asks for. cells: nr, `variants` by
 * `variants` what is compared with the first of them. results[rep * nr + cell].
 * locks: what was counted of locks, instead of times. */
void cell_print(const struct cell *cells, unsigned int nr,
		const struct cell_result *results, unsigned int variants,
		bool locks);

#endif
