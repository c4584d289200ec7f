/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lockstat.h - figures for each lock class of the checked body: how often its
 * locks were taken and waited for, and for how long they were waited for and
 * held.
 *
 * Kernel origin: kernel/locking/lockdep_proc.c (/proc/lock_stat); differs:
 * histograms; no list of the places that contend.
 * The figures are of the whole process. Each one is atomic, but not all of them
 * together. When the program ends they are printed to the file that the
 * environment variable UZS_LOCKSTAT names (-: stderr).
 * Known limits: readers of a pinlock may release it in another thread, so the
 * time that they hold it is not known. For each lock taken the clock is read
 * twice, which adds about 50 ns to the times shown.
 */
#ifndef UZS_COMPAT_LOCKSTAT_H
#define UZS_COMPAT_LOCKSTAT_H

#include <stdio.h>

#include "compat/base.h"

/* Bucket b counts times from 2^b ns to less than 2^(b+1) ns. Bucket 0 also
 * counts 0 ns, the last one all longer times (from 9 minutes on). */
#define UZS_LOCKSTAT_BUCKETS 40

struct uzs_lockstat {
	u64 taken; /* times */
	u64 contended; /* how many of these had to wait */
	u64 tries_failed; /* trylocks that failed */
	u64 wait_ns; /* of the contended ones */
	u64 wait_ns_max;
	u64 hold_ns; /* of those that were released */
	u64 hold_ns_max;
	u32 wait[UZS_LOCKSTAT_BUCKETS];
	u32 hold[UZS_LOCKSTAT_BUCKETS];
};

/* Adds up the figures of all classes with that name (as given where the locks
 * are initialized, without &). @reader: those of readers of rwlocks and
 * pinlocks, or all others. Return: is there such a class? */
bool uzs_lockstat_get(const char *name, bool reader, struct uzs_lockstat *stat);

/* Copies the n-th set of figures, and the name of its class with the place
 * where its locks are initialized. Each class has two sets: of readers, and all
 * others.
 * Return: false behind the last. */
bool uzs_lockstat_at(unsigned int n, char *name, size_t size, bool *reader,
		     struct uzs_lockstat *stat);

/* Prints a table of all classes whose locks were taken or tried. The histograms
 * show the least time of each bucket. */
void uzs_lockstat_print(FILE *out);

/* Sets all figures to 0. Locks that are held now count when they are released.
 */
void uzs_lockstat_reset(void);

/* For tests: another clock for these figures. NULL: the real one. */
void uzs_lockstat_set_clock(u64 (*clock)(void));

/* For lockdep.c and checked.c. */
u64 uzs_lockstat_now(void);
void uzs_lockstat_count_taken(struct uzs_lockstat *stat);
void uzs_lockstat_count_failed(struct uzs_lockstat *stat);
void uzs_lockstat_count_wait(struct uzs_lockstat *stat, u64 ns);
void uzs_lockstat_count_hold(struct uzs_lockstat *stat, u64 ns);

#endif
