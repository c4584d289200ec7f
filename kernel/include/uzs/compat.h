/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs/compat.h - compat, in the form that the headers of this folder need.
 *
 * Names of compat with the kernel's arguments (spin_lock, list_add, READ_ONCE)
 * are used as they are. Other names have other arguments than the kernel's,
 * because compat's zone, caches and work queues belong to a pool. These get a
 * name with uzs_ here while compat's headers are read. The headers of this
 * folder then define the kernel's names on top.
 *
 * Every header of this folder includes it first.
 */
#ifndef UZS_KERNEL_COMPAT_H
#define UZS_KERNEL_COMPAT_H

#if __SIZEOF_POINTER__ != 8
#error "kernel/ is for 64-bit machines: struct page is laid out for these"
#endif

/* A kernel's struct page has 64 bytes; the first 32 are compat's. Also set for
 * compat's sources. */
#if UZS_PAGE_OWNER_BYTES != 32
#error "compat and kernel/ are built with UZS_PAGE_OWNER_BYTES=32"
#endif

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* types */
#define page uzs_page
#define shrinker uzs_shrinker
#define kmem_cache uzs_kmem_cache
#define work_struct uzs_work_struct
#define workqueue_struct uzs_workqueue_struct
#define movable_operations uzs_movable_operations
/* pages */
#define alloc_page uzs_zone_alloc_page
#define __free_page uzs_zone_free_page
#define page_address uzs_zone_page_address
#define page_to_pfn uzs_zone_page_to_pfn
#define pfn_to_page uzs_zone_pfn_to_page
#define virt_to_page uzs_zone_virt_to_page
#define trylock_page uzs_zone_trylock_page
#define lock_page uzs_zone_lock_page
#define unlock_page uzs_zone_unlock_page
#define PageLocked uzs_zone_PageLocked
/* caches, work */
#define kmem_cache_alloc uzs_cache_alloc
#define kmem_cache_free uzs_cache_free
#define kmem_cache_shrink uzs_cache_shrink
#define INIT_WORK uzs_INIT_WORK
#define work_pending uzs_work_is_pending
#define queue_work uzs_wq_queue_work
#define queue_delayed_work uzs_wq_queue_delayed_work
#define flush_work uzs_wq_flush_work
#define cancel_work_sync uzs_wq_cancel_work_sync

#include "compat/atomic.h"
#include "compat/base.h"
#include "compat/fault.h"
#include "compat/checked/hooks.h"
#include "compat/list.h"
#include "compat/lock.h"
#include "compat/checked/lockstat.h"
#include "compat/os.h"
#include "compat/percpu.h"
/* The page lock's names are the kernel's here; linux/pagemap.h checks it. */
#define UZS_LOCK_NATIVE
#include "compat/shrinker.h"
#include "compat/slab.h"
#include "compat/workqueue.h"
#include "compat/zone.h"
#undef UZS_LOCK_NATIVE

#undef page
#undef shrinker
#undef kmem_cache
#undef work_struct
#undef workqueue_struct
#undef movable_operations
#undef alloc_page
#undef __free_page
#undef page_address
#undef page_to_pfn
#undef pfn_to_page
#undef virt_to_page
#undef trylock_page
#undef lock_page
#undef unlock_page
#undef PageLocked
#undef kmem_cache_alloc
#undef kmem_cache_free
#undef kmem_cache_shrink
#undef INIT_WORK
#undef work_pending
#undef queue_work
#undef queue_delayed_work
#undef flush_work
#undef cancel_work_sync

/* linux/local_lock.h chooses a slot's lock and takes it in one step. */
#undef local_lock_init
#undef local_lock
#undef local_unlock

/* compat's two kinds of allocation, before gfp.h defines the kernel's. */
enum { UZS_MAY_MAP = GFP_KERNEL, UZS_NO_MAP = GFP_NOWAIT };
#undef GFP_KERNEL
#undef GFP_NOWAIT

/* The plain accesses of such a function are not watched (lab/plain.c), and the
 * compiler must not move them out of it. */
#if !UZS_K_PLAIN
#define UZS_K_UNWATCHED
#elif defined(__clang__)
#define UZS_K_UNWATCHED \
	__attribute__((optnone, noinline, no_sanitize("thread")))
#else
#define UZS_K_UNWATCHED __attribute__((noipa, no_sanitize("thread")))
#endif

/* Prints the warning; in builds that test it also stops the process. */
void uzs_k_warn(const char *file, int line, const char *what);
void uzs_k_printk(int level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* sys.c */
struct uzs_k_env;

#endif
