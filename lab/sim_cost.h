/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_cost.h - costs in virtual time: a table of named numbers from a file,
 * each with its origin.
 *
 *	NAME VALUE ORIGIN words...
 *
 * ORIGIN is measured, published, fitted or assumed; the words say how. A line
 * that begins with # is a comment. Every name must be there, once.
 */
#ifndef UZS_LAB_SIM_COST_H
#define UZS_LAB_SIM_COST_H

#include "compat/base.h"

/* X(name, unit, least, most, meaning) */
#define SIM_COSTS(X)                                                           \
	X(free_hot, "ns", 1, 1e6,                                              \
	  "zs_free with all that it touches in the CPU's own cache")           \
	X(free_more, "ns", 0, 1e6,                                             \
	  "the kernel's zs_free beyond the library's, outside of locks")       \
	X(atomic, "ns", 0, 1e5,                                                \
	  "taking or giving back a lock that nobody wants, its line at hand")  \
	X(line, "ns", 0, 1e6,                                                  \
	  "a line that another CPU has written to comes here")                 \
	X(overlap, "lines", 1, 16,                                             \
	  "that other CPUs wrote to are under way at once")                    \
	X(line_gap, "ns", 0, 1e6, "a line that came stays at least so long")   \
	X(line_retry, "ns", 0, 1e6,                                            \
	  "an atomic access waits longer for such a line, or begins anew")     \
	X(contended, "ns", 0, 1e6,                                             \
	  "a lock goes to who waits for it, beside what its line costs")       \
	X(near, "ns", 0, 1e5, "a line comes from the cache that CPUs share")   \
	X(ahead, "ns", 0, 1e5,                                                 \
	  "a line comes from memory that the CPU foresaw: the next in a row")  \
	X(miss, "ns", 0, 1e5, "a line comes from memory")                      \
	X(tlb, "ns", 0, 1e5,                                                   \
	  "the address of a page not used for long is translated")             \
	X(walks, "pages", 1, 16,                                               \
	  "whose addresses a CPU can translate at once")                       \
	X(bus, "ns", 0, 1e5,                                                   \
	  "memory is busy with a line, for all CPUs together")                 \
	X(misses, "lines", 1, 64, "that a CPU can have under way at once")     \
	X(drain, "0 or 1", 0, 1,                                               \
	  "an atomic access waits for all stores before it")                   \
	X(unlock_stores, "0 or 1", 0, 1,                                       \
	  "a lock is given back by a store, as in the kernel")                 \
	X(cache_lines, "lines", 64, 1e7, "in a CPU's own cache")               \
	X(shared_lines, "lines", 0, 1e9, "in the cache that all share")        \
	X(tlb_pages, "pages", 16, 65536, "whose translation a CPU remembers")  \
	X(percpu, "ns", 0, 1e4, "asking which CPU this is")                    \
	X(page_free, "ns", 0, 1e6,                                             \
	  "a page into the per-CPU list, beyond what the library's code does") \
	X(zone_batch, "ns", 0, 1e7,                                            \
	  "zone->lock held for a batch, beyond the same")                      \
	X(memcpy_kib, "ns", 0, 1e6, "1024 bytes copied")                       \
	X(sleep, "ns", 0, 1e7, "going to sleep")                               \
	X(wake, "ns", 0, 1e7, "waking somebody, for who does it")              \
	X(wake_delay, "ns", 0, 1e9, "until who was woken runs")                \
	X(thread, "ns", 0, 1e9, "starting the worker, for who does it")        \
	X(spin, "ns", 0, 1e9, "looking at a lock before going to sleep")       \
	X(slice, "ns", 1000, 1e12,                                             \
	  "a CPU stays with one of several that want it")                      \
	X(context_switch, "ns", 0, 1e7, "the CPU goes to somebody else")       \
	X(caller, "ns", 0, 1e7,                                                \
	  "what the caller does for an object outside of zs_free")             \
	X(caller_atomics, "times", 0, 100,                                     \
	  "of that: changes of a counter that all callers share")              \
	X(caller_lines, "lines", 0, 100, "of that: lines that come from memory")

enum sim_cost_id {
#define SIM_ID(name, ...) SIM_##name,
	SIM_COSTS(SIM_ID)
#undef SIM_ID
		SIM_NR_COSTS
};

struct sim_costs {
	char name[64]; /* name of the file, without .txt */
	char platform[128]; /* first comment line of the file */
	double value[SIM_NR_COSTS];
	char origin[SIM_NR_COSTS][16]; /* measured, ... */
	char words[SIM_NR_COSTS][192];
};

const char *sim_cost_name(enum sim_cost_id id);
const char *sim_cost_unit(enum sim_cost_id id);
const char *sim_cost_meaning(enum sim_cost_id id);

/* One cost in picoseconds: see sim_line.h. */
u64 sim_cost_ps(const struct sim_costs *costs, enum sim_cost_id id);

/* Reads a table. Return: 0, or an exit status after a line on stderr. */
int sim_costs_load(struct sim_costs *costs, const char *path);
/* Replaces one number, given as "NAME=VALUE". */
int sim_costs_set(struct sim_costs *costs, const char *assignment);

#endif
