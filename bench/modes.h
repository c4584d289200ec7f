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

/* Two allocators in one process, slice by slice in turn. */
void measure_pair(const struct options *opt, const struct options *against);

/* Whether the operation can be done in slices. */
bool pair_takes(enum bench_op op);

/* Turns opt into what is measured against: plain malloc, or a pool as it is
 * without options, but of pages of the same size. To be done before what is not
 * given gets its default. Return: whether the name is known. */
bool pair_against(struct options *opt, const char *name);

/* "malloc", "replace", ...; op is below OP_NR. */
const char *op_name(enum bench_op op);

#endif
