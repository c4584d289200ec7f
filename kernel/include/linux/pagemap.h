/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/pagemap.h - the page lock is compat's. */
#ifndef UZS_KERNEL_LINUX_PAGEMAP_H
#define UZS_KERNEL_LINUX_PAGEMAP_H

#include <uzs/compat.h>
#include <linux/mm.h>

static inline bool PageLocked(const struct page *page)
{
	return (page_flags(uzs_page_of(page)) & PG_locked) != 0;
}
#if UZS_CHECKED
#define trylock_page(page) uzs_checked_trylock_page(uzs_page_of(page), UZS_HERE)
#define lock_page(page) uzs_checked_lock_page(uzs_page_of(page), UZS_HERE)
#define unlock_page(page) uzs_checked_unlock_page(uzs_page_of(page), UZS_HERE)
#else
#define trylock_page(page) uzs_zone_trylock_page(uzs_page_of(page))
#define lock_page(page) uzs_zone_lock_page(uzs_page_of(page))
#define unlock_page(page) uzs_zone_unlock_page(uzs_page_of(page))
#endif
/* Sleeps until the page is not locked. It may be locked again by then. */
#if UZS_LAB
#define wait_on_page_locked(page) \
	uzs_lab_wait_on_page(uzs_page_of(page), UZS_HERE)
#else
void uzs_k_wait_on_page_locked(struct page *page);
#define wait_on_page_locked(page) uzs_k_wait_on_page_locked(page)
#endif

#define folio_trylock(folio) trylock_page(&(folio)->page)
#define folio_lock(folio) lock_page(&(folio)->page)
#define folio_unlock(folio) unlock_page(&(folio)->page)
#define folio_test_locked(folio) PageLocked(&(folio)->page)
#define folio_wait_locked(folio) wait_on_page_locked(&(folio)->page)

#endif
