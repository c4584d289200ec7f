/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* trace_ops.c - see trace_ops.h. Reading is that of `uzs replay`. */
#include "trace_ops.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/objtable.h"
#include "tools/trace.h"
#include "tools/uzs.h"

bool trace_add(struct trace_ops *ops, char kind, uint32_t id, uint32_t size)
{
	struct trace_op *op;

	if (ops->nr == ops->room) {
		size_t room = ops->room ? 2 * ops->room : 4096;

		op = realloc(ops->op, room * sizeof(*op));
		if (!op) {
			uzs_fail("out of memory for a trace of %zu operations",
				 room);
			return false;
		}
		ops->op = op;
		ops->room = room;
	}
	ops->op[ops->nr++] = (struct trace_op){ kind, id, size };
	return true;
}

void trace_drop(struct trace_ops *ops)
{
	free(ops->op);
	*ops = (struct trace_ops){ 0 };
}

/* The table's "handle" is the new ID plus 1. */
static bool add_read(struct trace_ops *ops, struct uzs_objtable *live,
		     const struct uzs_op *op, const char *name,
		     unsigned int page_size, uint32_t *ids)
{
	struct uzs_object *object;
	struct uzs_object added = {
		.id = op->id,
		.size = (uint32_t)op->size,
	};

	if (op->kind == 'c')
		return trace_add(ops, 'c', 0, 0);
	object = uzs_objtable_find(live, op->id);
	if (op->kind == 'f') {
		uint32_t id;

		if (!object) {
			uzs_fail("%s:%" PRIu64 ": unknown ID %" PRIu32, name,
				 op->line, op->id);
			return false;
		}
		id = (uint32_t)object->handle - 1;
		uzs_objtable_remove(live, object);
		return trace_add(ops, 'f', id, 0);
	}
	if (object) {
		uzs_fail("%s:%" PRIu64 ": ID %" PRIu32 " is in use", name,
			 op->line, op->id);
		return false;
	}
	if (!op->size || op->size > page_size) {
		uzs_fail("%s:%" PRIu64
			 ": the size is not from 1 to %u bytes, a page",
			 name, op->line, page_size);
		return false;
	}
	added.handle = ++*ids;
	if (!uzs_objtable_add(live, &added)) {
		uzs_fail("out of memory for the table of live objects");
		return false;
	}
	return trace_add(ops, 'a', *ids - 1, (uint32_t)op->size);
}

bool trace_read(struct trace_ops *ops, const char *path, unsigned int page_size)
{
	struct uzs_trace *trace = uzs_trace_open(path);
	struct uzs_objtable live = { 0 };
	struct uzs_op op;
	uint32_t ids = 0;
	int more = -1;

	if (!trace)
		return false;
	if (!uzs_objtable_init(&live))
		uzs_fail("out of memory for the table of live objects");
	else
		while ((more = uzs_trace_next(trace, &op)) > 0)
			if (!add_read(ops, &live, &op, uzs_trace_name(trace),
				      page_size, &ids)) {
				more = -1;
				break;
			}
	uzs_objtable_destroy(&live);
	uzs_trace_close(trace);
	return more == 0;
}

bool trace_write(const struct trace_ops *ops, size_t nr, const char *path,
		 const char *comment)
{
	FILE *file = fopen(path, "w");
	bool ok;

	if (!file) {
		uzs_fail("cannot write %s: %s", path, strerror(errno));
		return false;
	}
	for (const char *line = comment; line && *line;) {
		size_t len = strcspn(line, "\n");

		fprintf(file, "# %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
	for (size_t i = 0; i < nr; i++) {
		const struct trace_op *op = &ops->op[i];

		if (op->kind == 'a')
			fprintf(file, "a %" PRIu32 " %" PRIu32 "\n", op->id,
				op->size);
		else if (op->kind == 'f')
			fprintf(file, "f %" PRIu32 "\n", op->id);
		else
			fputs("c\n", file);
	}
	ok = !ferror(file);
	if (fclose(file) || !ok) {
		uzs_fail("cannot write %s: %s", path, strerror(errno));
		return false;
	}
	return true;
}
