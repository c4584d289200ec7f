/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* modes.h - what uzs-bench measures. */
#ifndef UZS_BENCH_MODES_H
#define UZS_BENCH_MODES_H

#include "options.h"
#include "target.h"

/* Each measures, prints and returns; dies when something fails. */
void measure_speed(const struct options *opt,
		   const struct target_identity *identity);
void measure_memory(const struct options *opt,
		    const struct target_identity *identity);
void measure_wait(const struct options *opt,
		  const struct target_identity *identity);

/* The subjects of opt, by turns. */
void measure_versus(const struct options *opt);

/* "malloc", "replace", ...; op is below OP_NR. */
const char *op_name(enum bench_op op);

#endif
