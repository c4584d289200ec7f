/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* rcu.h - liburcu's bp flavour (no registration of threads), in a form that
 * ThreadSanitizer understands.
 *
 * liburcu orders memory in inline assembly and in its own, uninstrumented
 * library. What it guarantees is told to TSan in annotations; elsewhere they
 * are nothing:
 *   R1 what readers did before rcu_unlock happened before the code that runs
 *      after a grace period
 *   R2 what a thread wrote before it put a node in the table happened before
 *      what others do who find the node there
 */
#ifndef ZSWAP_RCU_H
#define ZSWAP_RCU_H

#include <urcu-bp.h>
#include <urcu/rculfhash.h>

#if defined(__SANITIZE_THREAD__)
#define ZSWAP_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ZSWAP_TSAN 1
#endif
#endif

#ifdef ZSWAP_TSAN
#include <sanitizer/tsan_interface.h>
#define HAPPENS_BEFORE(address) __tsan_release(address)
#define HAPPENS_AFTER(address) __tsan_acquire(address)
#else
#define HAPPENS_BEFORE(address) ((void)(address))
#define HAPPENS_AFTER(address) ((void)(address))
#endif

/* Its address stands for R1. */
extern char zswap_readers_done;

static inline void rcu_lock(void)
{
	urcu_bp_read_lock();
}

static inline void rcu_unlock(void)
{
	HAPPENS_BEFORE(&zswap_readers_done);
	urcu_bp_read_unlock();
}

/* First in what runs after a grace period. */
static inline void rcu_grace_period_passed(void)
{
	HAPPENS_AFTER(&zswap_readers_done);
}

#endif
