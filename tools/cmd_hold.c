/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cmd_hold.c - `uzs hold`, which `uzs store --compare` starts: holds in malloc the
 * objects that come on stdin, frees some, and answers on stdout with the process's
 * memory. Not for people: the help of uzs does not list it.
 *
 * All memory but the objects is mapped before the first measurement.
 */
#include "uzs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"

#define BUFFER_BYTES (256u * 1024)

struct hold {
	struct uzs_hold_plan plan;
	struct uzs_hold_report report;
	void **objects; /* by page */
	size_t objects_bytes;
	unsigned char *buffer;
	size_t at, filled; /* of the buffer */
	uint64_t rss_before;
};

/* Return: 0 or an errno. */
static int take(struct hold *hold, void *to, size_t bytes)
{
	while (bytes) {
		size_t n = hold->filled - hold->at;

		if (!n) {
			ssize_t got =
				read(STDIN_FILENO, hold->buffer, BUFFER_BYTES);

			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0)
				return got ? errno : EPIPE;
			hold->at = 0;
			hold->filled = (size_t)got;
			continue;
		}
		if (n > bytes)
			n = bytes;
		memcpy(to, hold->buffer + hold->at, n);
		hold->at += n;
		to = (char *)to + n;
		bytes -= n;
	}
	return 0;
}

static void measure(struct hold *hold, enum uzs_hold_stage stage)
{
	uint64_t now = 0;

	uzs_rss_bytes(&now);
	hold->report.rss_bytes[stage] =
		now > hold->rss_before ? now - hold->rss_before : 0;
}

static int fill(struct hold *hold)
{
	int error = 0;

	for (uint64_t i = 0; i < hold->plan.pages && !error; i++) {
		uint32_t bytes;

		error = take(hold, &bytes, sizeof(bytes));
		if (error || !bytes)
			continue;
		hold->objects[i] = malloc(bytes);
		error = hold->objects[i] ? take(hold, hold->objects[i], bytes)
					 : ENOMEM;
	}
	return error;
}

static int free_some(struct hold *hold)
{
	for (uint64_t i = 0; i < hold->plan.frees; i++) {
		uint32_t page;
		int error = take(hold, &page, sizeof(page));

		if (error)
			return error;
		if (page >= hold->plan.pages || !hold->objects[page])
			return EINVAL;
		free(hold->objects[page]);
		hold->objects[page] = NULL;
	}
	return 0;
}

static int hold_all(struct hold *hold, const char *expected)
{
	uint64_t unused;
	int error;

	uzs_allocator_identify(&hold->report.allocator);
	if (strcmp(expected, "malloc") &&
	    strcmp(expected, hold->report.allocator.name))
		return EILSEQ;
	hold->buffer = uzs_map_bytes(BUFFER_BYTES);
	if (!hold->buffer)
		return ENOMEM;
	error = take(hold, &hold->plan, sizeof(hold->plan));
	if (error)
		return error;
	if (hold->plan.pages >= SIZE_MAX / sizeof(*hold->objects))
		return ENOMEM;
	hold->objects_bytes =
		(size_t)(hold->plan.pages + 1) * sizeof(*hold->objects);
	hold->objects = uzs_map_bytes(hold->objects_bytes);
	if (!hold->objects)
		return ENOMEM;
	/* Twice: the first time the code for it comes in. */
	if (!uzs_rss_bytes(&unused) || !uzs_rss_bytes(&hold->rss_before))
		return ENOSYS;
	error = fill(hold);
	if (error)
		return error;
	measure(hold, UZS_HELD);
	error = free_some(hold);
	if (error)
		return error;
	measure(hold, UZS_HELD_FREED);
	uzs_allocator_release_thread();
	uzs_allocator_release_process();
	measure(hold, UZS_HELD_TRIMMED);
	return 0;
}

int uzs_cmd_hold(int argc, char **argv)
{
	struct hold hold = { 0 };

	if (argc != 2)
		return uzs_usage("", "hold is for uzs store --compare");
	hold.report.error = hold_all(&hold, argv[1]);
	if (fwrite(&hold.report, sizeof(hold.report), 1, stdout) != 1)
		return uzs_fail("hold: cannot answer");
	/* The rest goes with the process. */
	uzs_unmap_bytes(hold.objects, hold.objects_bytes);
	uzs_unmap_bytes(hold.buffer, BUFFER_BYTES);
	return 0;
}
