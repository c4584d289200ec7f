/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/page-flags.h - flags, types and references of a page. */
#ifndef UZS_KERNEL_LINUX_PAGE_FLAGS_H
#define UZS_KERNEL_LINUX_PAGE_FLAGS_H

#include <uzs/compat.h>
#include <linux/mm_types.h>
#include <linux/mmdebug.h>

/* Bits that compat leaves free in its flags. */
#define UZS_K_PRIVATE (1u << 8)
#define UZS_K_PRIVATE_2 (1u << 9)
#define UZS_K_OWNER_PRIV_1 (1u << 10)

#define UZS_K_PAGE_FLAG(Name, bit)                                   \
	static inline bool Page##Name(const struct page *page)       \
	{                                                            \
		return (page_flags(uzs_page_of(page)) & (bit)) != 0; \
	}                                                            \
	static inline void SetPage##Name(struct page *page)          \
	{                                                            \
		page_set(uzs_page_of(page), (bit));                  \
	}                                                            \
	static inline void ClearPage##Name(struct page *page)        \
	{                                                            \
		page_clear(uzs_page_of(page), (bit));                \
	}

UZS_K_PAGE_FLAG(Private, UZS_K_PRIVATE)
UZS_K_PAGE_FLAG(Private2, UZS_K_PRIVATE_2)
UZS_K_PAGE_FLAG(OwnerPriv1, UZS_K_OWNER_PRIV_1)

static inline bool PageIsolated(const struct page *page)
{
	return (page_flags(uzs_page_of(page)) & PG_isolated) != 0;
}
#define PageMovableOpsIsolated(page) PageIsolated(page)

/* The type is in the upper eight bits, the owner's number below. No type: all
 * ones, like an unused _mapcount. */
enum pagetype { PGTY_zsmalloc = 0xf6, PGTY_mapcount_underflow = 0xff };

static inline bool PageZsmalloc(const struct page *page)
{
	return READ_ONCE(page->page_type) >> 24 == PGTY_zsmalloc;
}
static inline void __SetPageZsmalloc(struct page *page)
{
	VM_BUG_ON(~page->page_type);
	page->page_type = (unsigned int)PGTY_zsmalloc << 24;
}
static inline void __ClearPageZsmalloc(struct page *page)
{
	VM_BUG_ON(!PageZsmalloc(page));
	page->page_type = ~0u;
}
static inline void page_mapcount_reset(struct page *page)
{
	page->page_type = ~0u;
}

UZS_K_UNWATCHED static inline unsigned long
page_private(const struct page *page)
{
	return page->private;
}
static inline void set_page_private(struct page *page, unsigned long value)
{
	page->private = value;
}

#endif
