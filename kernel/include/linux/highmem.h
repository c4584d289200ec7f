/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/highmem.h - every page is always mapped; preemption stays on. */
#ifndef UZS_KERNEL_LINUX_HIGHMEM_H
#define UZS_KERNEL_LINUX_HIGHMEM_H

#include <uzs/compat.h>
#include <linux/mm.h>

#define kmap_atomic(page) page_address(page)
#define kunmap_atomic(addr) ((void)(addr))
#define kmap_local_page(page) page_address(page)
#define kunmap_local(addr) ((void)(addr))
#define kmap(page) page_address(page)
#define kunmap(page) ((void)(page))
#define pagefault_disable() ((void)0)
#define pagefault_enable() ((void)0)
#define copy_page(to, from) memcpy((to), (from), PAGE_SIZE)
#define clear_page(addr) memset((addr), 0, PAGE_SIZE)

static inline void memcpy_from_page(char *to, struct page *page, size_t at,
				    size_t n)
{
	VM_BUG_ON(PAGE_SIZE < at + n);
	memcpy(to, (char *)page_address(page) + at, n);
}
static inline void memcpy_to_page(struct page *page, size_t at,
				  const char *from, size_t n)
{
	VM_BUG_ON(PAGE_SIZE < at + n);
	memcpy((char *)page_address(page) + at, from, n);
}

#endif
