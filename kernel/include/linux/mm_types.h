/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/mm_types.h - struct page with the kernel's layout, on top of
 * compat's. */
#ifndef UZS_KERNEL_LINUX_MM_TYPES_H
#define UZS_KERNEL_LINUX_MM_TYPES_H

#include <uzs/compat.h>
#include <linux/types.h>

/*   0        8      24       32     40       48          52         56
 *   | flags  | lru  |mapping | index| private| page_type | _refcount| ... |
 *   |<--- compat's struct page --->|<------- UZS_PAGE_OWNER_BYTES ------->|
 *
 * While a page is allocated, compat leaves all but the first four bytes to its
 * owner. Trees with a struct zpdesc check its fields against these. The order
 * of index and private is the kernel's. */
struct page {
	union {
		unsigned long flags;
		u32 uzs_flags; /* compat's bits and this folder's; atomic */
	};
	struct list_head lru;
	struct address_space *mapping; /* | 2: movable_operations */
	union {
		unsigned long index;
		unsigned long __folio_index;
		void *freelist;
	};
	unsigned long private;
	union {
		unsigned int page_type;
		atomic_t _mapcount;
		int units; /* until 6.5 */
	};
	atomic_t _refcount;
	unsigned long memcg_data;
};

struct folio {
	struct page page;
};

_Static_assert(sizeof(struct page) == sizeof(struct uzs_page), "overlay");
_Static_assert(offsetof(struct page, lru) == offsetof(struct uzs_page, lru),
	       "overlay");
_Static_assert(offsetof(struct page, mapping) ==
		       offsetof(struct uzs_page, private),
	       "overlay");

static inline struct uzs_page *uzs_page_of(const struct page *page)
{
	return (struct uzs_page *)page;
}
static inline struct page *uzs_page_as_kernel(const struct uzs_page *page)
{
	return (struct page *)page;
}

#endif
