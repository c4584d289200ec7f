/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* locks.h - what a checked build (UZS_CHECKED) counts of its locks while
 * something is measured. Other builds count nothing. */
#ifndef UZS_BENCH_LOCKS_H
#define UZS_BENCH_LOCKS_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_LOCK_ROWS 32

/* A class of locks: all that are initialized at one place. */
struct lock_row {
	char name[64]; /* and that place */
	bool reader; /* of a read-write lock */
	uint64_t taken; /* times */
	uint64_t contended; /* of those, not at once */
	uint64_t failed; /* times that only trying was in vain */
	uint64_t wait_ns, wait_max_ns; /* of the contended */
	uint64_t hold_ns, hold_max_ns;
};

struct lock_rows {
	unsigned int nr;
	struct lock_row rows[MAX_LOCK_ROWS];
};

/* Is this a build that counts? */
bool locks_counted(void);
/* Forgets what was counted. */
void locks_reset(void);
/* The locks that were taken, or tried, since. */
void locks_read(struct lock_rows *rows);

#endif
