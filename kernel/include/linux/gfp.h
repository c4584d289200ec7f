/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/gfp.h - simplified: may the allocation map memory and shrink, and can
 * its pages be moved? Other flags are accepted and ignored. */
#ifndef UZS_KERNEL_LINUX_GFP_H
#define UZS_KERNEL_LINUX_GFP_H

#include <uzs/compat.h>
#define __GFP_DIRECT_RECLAIM ((gfp_t)1 << 0)
#define __GFP_KSWAPD_RECLAIM ((gfp_t)1 << 1)
#define __GFP_MOVABLE ((gfp_t)1 << 2)
#define __GFP_HIGHMEM ((gfp_t)1 << 3)
#define __GFP_NOWARN ((gfp_t)1 << 4)
#define __GFP_NORETRY ((gfp_t)1 << 5)
#define __GFP_ZERO ((gfp_t)1 << 6)
#define __GFP_IO ((gfp_t)1 << 7)
#define __GFP_FS ((gfp_t)1 << 8)
#define __GFP_NOMEMALLOC ((gfp_t)1 << 9)
#define __GFP_RETRY_MAYFAIL ((gfp_t)1 << 10)
#define __GFP_ACCOUNT ((gfp_t)1 << 11)
#define __GFP_RECLAIM (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)
#define GFP_KERNEL (GFP_NOFS | __GFP_FS)
#define GFP_NOIO __GFP_RECLAIM
#define GFP_NOFS (GFP_NOIO | __GFP_IO)
#define GFP_NOWAIT (GFP_ATOMIC | __GFP_NOWARN)
#define GFP_ATOMIC __GFP_KSWAPD_RECLAIM

#define NUMA_NO_NODE (-1)

struct page;
struct page *uzs_k_alloc_page(gfp_t gfp);
void uzs_k_free_page(struct page *page);

#define alloc_page(gfp) uzs_k_alloc_page(gfp)
#define alloc_pages(gfp, order) uzs_k_alloc_order((gfp), (order))
#define alloc_pages_node(nid, gfp, order) \
	((void)(nid), uzs_k_alloc_order((gfp), (order)))
#define __free_page(page) uzs_k_free_page(page)
#define __free_pages(page, order) ((void)(order), uzs_k_free_page(page))

/* Single pages only. */
static inline struct page *uzs_k_alloc_order(gfp_t gfp, unsigned int order)
{
	return order ? NULL : uzs_k_alloc_page(gfp);
}
static inline int uzs_k_may(gfp_t gfp)
{
	return gfp & __GFP_DIRECT_RECLAIM ? UZS_MAY_MAP : UZS_NO_MAP;
}
#define gfpflags_allow_blocking(gfp) (((gfp)&__GFP_DIRECT_RECLAIM) != 0)

#endif
