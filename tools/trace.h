/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* trace.h - reads traces: `a ID SIZE`, `f ID`, `c`, one in a line. Empty lines
 * and lines that begin with # are ignored. gzip is read directly.
 */
#ifndef UZS_TRACE_H
#define UZS_TRACE_H

#include <stdint.h>

/* The layout hash takes ID + 1 as 32 bits; 0 is a free object. */
#define UZS_TRACE_ID_MAX 0xfffffffeu

struct uzs_op {
	char kind; /* 'a', 'f', 'c' or 't' */
	uint32_t id;
	uint64_t size; /* bytes, as in the trace */
	uint64_t line; /* from 1 */
};

struct uzs_trace;

/* @path: "-" is stdin. Return: the trace, or NULL after a line on stderr. */
struct uzs_trace *uzs_trace_open(const char *path);
/* Return: 1 with *op filled, 0 at the end, -1 after a line on stderr. */
int uzs_trace_next(struct uzs_trace *trace, struct uzs_op *op);
/* For messages: "stdin" for "-". */
const char *uzs_trace_name(const struct uzs_trace *trace);
/* Bytes of the file, 0 if unknown; and how many of them were read. */
uint64_t uzs_trace_bytes(const struct uzs_trace *trace);
uint64_t uzs_trace_bytes_read(const struct uzs_trace *trace);
void uzs_trace_close(struct uzs_trace *trace);

#endif
