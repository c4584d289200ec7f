/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/mm.h - pages by number and address. A page's section names its zone.
 * All zones here have pages of one size, so the rest is arithmetic. */
#ifndef UZS_KERNEL_LINUX_MM_H
#define UZS_KERNEL_LINUX_MM_H

#include <uzs/compat.h>
#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/memcontrol.h>
#include <linux/mmdebug.h>
#include <linux/page_ref.h>
#include <linux/sizes.h>

#define PAGE_SHIFT UZS_K_PAGE_SHIFT
#define PAGE_SIZE (1ul << PAGE_SHIFT)
#define PAGE_MASK (-PAGE_SIZE)
#define offset_in_page(addr) ((uintptr_t)(addr) % PAGE_SIZE)
#define PAGE_ALIGN(x) ALIGN((x), PAGE_SIZE)

/* As on x86-64 and arm64. */
#define MAX_PHYSMEM_BITS 52

/* Pages of a section that its head takes, computed as in zone.c; page.c checks
 * that both agree. */
#define UZS_K_SECTION_PAGES (UZS_SECTION_SIZE >> PAGE_SHIFT)
#define UZS_K_FIRST_PAGE                                                \
	DIV_ROUND_UP(UZS_SECTION_HEADER +                               \
			     UZS_K_SECTION_PAGES * sizeof(struct page), \
		     PAGE_SIZE + sizeof(struct page))
#define UZS_K_DESC_OFFSET \
	(UZS_SECTION_HEADER - UZS_K_FIRST_PAGE * sizeof(struct page))

static inline void *page_address(const struct page *p)
{
	uintptr_t section = (uintptr_t)uzs_section_of(p);
	uintptr_t index = ((uintptr_t)p - section - UZS_K_DESC_OFFSET) /
			  sizeof(struct page);

	return (void *)(section + (index << PAGE_SHIFT));
}
static inline struct page *virt_to_page(const void *addr)
{
	uintptr_t section = (uintptr_t)uzs_section_of(addr);
	uintptr_t index = ((uintptr_t)addr - section) >> PAGE_SHIFT;

	return (struct page *)(section + UZS_K_DESC_OFFSET +
			       index * sizeof(struct page));
}
static inline unsigned long page_to_pfn(const struct page *page)
{
	return (unsigned long)page_address(page) >> PAGE_SHIFT;
}
static inline struct page *pfn_to_page(unsigned long pfn)
{
	return virt_to_page((void *)(pfn << PAGE_SHIFT));
}
/* In builds that test the kernel file sees two zones: a page is in one or the
 * other by the parity of its number, so that about every other migration goes
 * from one to the other, however far. The file only compares them. */
#define UZS_K_ZONES (UZS_DEBUG ? 2 : 1)
extern char uzs_k_zones[UZS_K_ZONES];
static inline unsigned int uzs_k_zone_index(const struct page *p)
{
	return UZS_K_ZONES == 1
		       ? 0
		       : (unsigned int)__builtin_parityl(page_to_pfn(p));
}
static inline struct zone *page_zone(const struct page *p)
{
	return (struct zone *)&uzs_k_zones[uzs_k_zone_index(p)];
}
/* The counters of zones, which need page_zone()'s. */
#include <linux/vmstat.h>
#define page_to_nid(page) ((void)(page), 0)

#define page_folio(page) ((struct folio *)(page))
#define folio_page(folio, n) (&(folio)->page + (n))
#define folio_get(folio) get_page(&(folio)->page)
#define folio_put(folio) put_page(&(folio)->page)
#define folio_zone(folio) page_zone(&(folio)->page)
#define kmsan_copy_page_meta(dst, src) ((void)(dst), (void)(src))

#endif
