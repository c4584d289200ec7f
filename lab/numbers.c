/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* numbers.c - owns which number an address has. A hash with open addressing. It
 * never shrinks, until a new scenario empties it.
 */
#include "numbers.h"

#include <stdlib.h>

struct entry {
	const volatile void *addr; /* NULL: unused */
	u32 number;
};

static struct {
	struct entry *table;
	size_t room; /* a power of two */
	u32 nr;
} numbers;

static struct entry *place_of(const volatile void *addr)
{
	size_t at = (size_t)(((uintptr_t)addr * 0x9e3779b97f4a7c15u) >> 20) &
		    (numbers.room - 1);

	while (numbers.table[at].addr && numbers.table[at].addr != addr)
		at = (at + 1) & (numbers.room - 1);
	return &numbers.table[at];
}

static void grow(void)
{
	struct entry *old = numbers.table;
	size_t old_room = numbers.room;

	numbers.room = old_room ? 2 * old_room : 1024;
	numbers.table = calloc(numbers.room, sizeof(*numbers.table));
	if (!numbers.table)
		abort();
	for (size_t i = 0; i < old_room; i++)
		if (old[i].addr)
			*place_of(old[i].addr) = old[i];
	free(old);
}

void lab_numbers_forget(void)
{
	free(numbers.table);
	numbers.table = NULL;
	numbers.room = 0;
	numbers.nr = 0;
}

u32 lab_number_of(const volatile void *addr)
{
	struct entry *e;

	if (2 * ((size_t)numbers.nr + 1) > numbers.room)
		grow();
	e = place_of(addr);
	if (!e->addr)
		*e = (struct entry){ addr, numbers.nr++ };
	return e->number;
}

u32 lab_number_if_any(const volatile void *addr)
{
	const struct entry *e;

	if (!numbers.nr)
		return LAB_NO_NUMBER;
	e = place_of(addr);
	return e->addr ? e->number : LAB_NO_NUMBER;
}
