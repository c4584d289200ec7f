/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* locks.c - reads the library's lock statistics, where it has them. The only
 * place of the programs that knows more than the public header, and in checked
 * builds alone. */
#include "locks.h"

#ifdef BENCH_LOCKS
#include "compat/checked/lockstat.h"

bool locks_counted(void)
{
	return true;
}

void locks_reset(void)
{
	uzs_lockstat_reset();
}

void locks_read(struct lock_rows *rows)
{
	struct uzs_lockstat s;
	struct lock_row *row;
	bool reader;

	rows->nr = 0;
	for (unsigned int i = 0; rows->nr < MAX_LOCK_ROWS; i++) {
		row = &rows->rows[rows->nr];
		if (!uzs_lockstat_at(i, row->name, sizeof(row->name), &reader,
				     &s))
			return;
		if (!s.taken && !s.tries_failed)
			continue;
		row->reader = reader;
		row->taken = s.taken;
		row->contended = s.contended;
		row->failed = s.tries_failed;
		row->wait_ns = s.wait_ns;
		row->wait_max_ns = s.wait_ns_max;
		row->hold_ns = s.hold_ns;
		row->hold_max_ns = s.hold_ns_max;
		rows->nr++;
	}
}

#else

bool locks_counted(void)
{
	return false;
}

void locks_reset(void)
{
}

void locks_read(struct lock_rows *rows)
{
	rows->nr = 0;
}

#endif
