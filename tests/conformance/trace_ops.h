/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* trace_ops.h - traces in memory: read, written, made up. The format is that
 * of tests/data/traces/README.md.
 */
#ifndef UZS_TRACE_OPS_H
#define UZS_TRACE_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_op {
	char kind; /* 'a', 'f' or 'c' */
	uint32_t id;
	uint32_t size; /* bytes */
};

struct trace_ops {
	struct trace_op *op;
	size_t nr, room;
};

/* Each returns false after a line on stderr. */
bool trace_add(struct trace_ops *ops, char kind, uint32_t id, uint32_t size);
/* IDs are numbered anew, from 0 in order of allocation. Sizes beyond `page_size` are refused, and a
 * free or an allocation that does not fit to what was before. */
bool trace_read(struct trace_ops *ops, const char *path,
		unsigned int page_size);
/* comment: lines without newline at the end and without #, or NULL. */
bool trace_write(const struct trace_ops *ops, size_t nr, const char *path,
		 const char *comment);
void trace_drop(struct trace_ops *ops);

/* trace_gen.c: makes a trace of nr operations: phases of growth, shrinking,
 * bursts and neither, of several kinds of sizes, with many compactions or
 * none. The same for the same arguments, everywhere. */
bool trace_generate(struct trace_ops *ops, uint64_t seed,
		    unsigned int page_size, size_t nr);

#endif
