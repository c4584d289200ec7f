/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lockstat.h - figures of each lock class of the checked body: how often
 * taken, how often waited for, for how long waited for and held.
 *
 * Kernel origin: kernel/locking/lockdep_proc.c (/proc/lock_stat); differs:
 * histograms; no list of the places that contend.
 * The figures are the process's, of all pools, and atomic one by one. When a
 * program ends they are printed to the file that UZS_LOCKSTAT names (-:
 * stderr).
 * Known limits: a pinlock's readers give it back in any thread, so how long
 * they hold it is not known. The clock is read twice for each taking, which
 * adds some 50 ns to the times shown.
 */
#ifndef UZS_COMPAT_LOCKSTAT_H
#define UZS_COMPAT_LOCKSTAT_H

#include <stdio.h>

#include "compat/base.h"

/* Bucket b counts times of 2^b ns to less than 2^(b+1), bucket 0 also 0 ns;
 * the last one all that is longer (9 minutes). */
#define UZS_LOCKSTAT_BUCKETS 40

struct uzs_lockstat {
	u64 taken; /* times */
	u64 contended; /* of those, not at once */
	u64 tries_failed; /* times that only trying was in vain */
	u64 wait_ns; /* of the contended ones */
	u64 wait_ns_max;
	u64 hold_ns; /* of all that were given back */
	u64 hold_ns_max;
	u32 wait[UZS_LOCKSTAT_BUCKETS];
	u32 hold[UZS_LOCKSTAT_BUCKETS];
};

/* Copies the figures of all classes of that name (as given where the locks are
 * initialized, without &), as a reader of rwlocks or pinlocks, or otherwise.
 * Return: was there one? */
bool uzs_lockstat_get(const char *name, bool reader, struct uzs_lockstat *stat);

/* The n-th set of figures, each class's twice: as a reader, and otherwise; and
 * the class's name, with the place where its locks are initialized.
 * Return: false behind the last. */
bool uzs_lockstat_at(unsigned int n, char *name, size_t size, bool *reader,
		     struct uzs_lockstat *stat);

/* A table of all classes that were taken, or tried. Times of the histograms are
 * the least of their bucket. */
void uzs_lockstat_print(FILE *out);

/* All figures to 0. Locks held meanwhile count when they are given back. */
void uzs_lockstat_reset(void);

/* The clock for these figures, for tests; NULL: the real one. */
void uzs_lockstat_set_clock(u64 (*clock)(void));

/* For lockdep.c and checked.c. */
u64 uzs_lockstat_now(void);
void uzs_lockstat_count_taken(struct uzs_lockstat *stat);
void uzs_lockstat_count_failed(struct uzs_lockstat *stat);
void uzs_lockstat_count_wait(struct uzs_lockstat *stat, u64 ns);
void uzs_lockstat_count_hold(struct uzs_lockstat *stat, u64 ns);

#endif
