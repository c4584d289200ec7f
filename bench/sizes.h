/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sizes.h - the distribution that object sizes are drawn from. */
#ifndef UZS_BENCH_SIZES_H
#define UZS_BENCH_SIZES_H

#include <stddef.h>
#include <stdint.h>

struct sizes {
	char name[64]; /* "mem-lz4" of "data/mem-lz4.u16"; "log:64-256K",
			* "one:100"; "built-in" */
	uint32_t *values; /* bytes, each as likely as any other */
	uint32_t nr;
	uint32_t max; /* bytes */
	double mean; /* bytes */
};

/* The sizes in a file: one little-endian 16-bit number for each object.
 * Dies with a message when the file is no such thing. */
void sizes_load(struct sizes *sizes, const char *path);

/* Sizes from min to max bytes, uniform in the logarithm: as many below twice a
 * size as below half of it. min equal to max: that one. name: what it is called. */
void sizes_log(struct sizes *sizes, uint32_t min, uint32_t max,
	       const char *name);

/* The distribution that is used without a file. */
void sizes_built_in(struct sizes *sizes);

#endif
