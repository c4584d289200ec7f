/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zone_keep.c - owns the set of sections that a zone never unmaps. Any address
 * can be tested against it.
 *
 * Kernel origin: none. A table of two levels: pointers to leaves of bits. One
 * leaf is enough for most processes.
 * Locks: none, as bits and leaves are only added. Sleeps: no.
 */
#include "os.h"
#include "zone.h"

static size_t leaf_bytes(void)
{
	return ALIGN((size_t)UZS_KEEP_LEAF_BITS / CHAR_BIT, uzs_os_page_size());
}

size_t uzs_zone_keep_bytes(void)
{
	return UZS_KEEP_LEAVES * sizeof(unsigned long *);
}

size_t uzs_zone_keep_leaf_bytes(void)
{
	return leaf_bytes();
}

void uzs_zone_keep_init(struct zone *zone, void *mem)
{
	zone->keep = mem;
}

void uzs_zone_keep_destroy(struct zone *zone)
{
	for (unsigned int i = 0; zone->keep && i < UZS_KEEP_LEAVES; i++)
		if (zone->keep[i])
			uzs_zone_unmap(zone, zone->keep[i], leaf_bytes());
}

/* Makes sure that the section has a leaf. Return: false: no memory. */
bool uzs_zone_keep_prepare(struct zone *zone, const struct section *section)
{
	uintptr_t nr = (uintptr_t)section >> UZS_SECTION_SHIFT;
	unsigned long *leaf, *none = NULL;

	if (!uzs_keep_has_room(nr))
		return false; /* no known OS gives such addresses */
	if (smp_load_acquire(&zone->keep[nr / UZS_KEEP_LEAF_BITS]))
		return true;
	leaf = uzs_zone_map(zone, leaf_bytes());
	if (!leaf)
		return false;
	if (!__atomic_compare_exchange_n(&zone->keep[nr / UZS_KEEP_LEAF_BITS],
					 &none, leaf, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		uzs_zone_unmap(zone, leaf, leaf_bytes());
	else
		__atomic_fetch_add(&zone->keep_bytes, leaf_bytes(),
				   __ATOMIC_RELAXED);
	return true;
}

void uzs_zone_keep(struct zone *zone, const void *addr)
{
	uintptr_t nr = (uintptr_t)addr >> UZS_SECTION_SHIFT;
	unsigned long *leaf =
		smp_load_acquire(&zone->keep[nr / UZS_KEEP_LEAF_BITS]);

	nr %= UZS_KEEP_LEAF_BITS;
	__atomic_fetch_or(&leaf[nr / (uintptr_t)BITS_PER_LONG],
			  1UL << nr % (uintptr_t)BITS_PER_LONG,
			  __ATOMIC_RELEASE);
}
