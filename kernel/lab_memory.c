/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_memory.c - owns the memory that a kernel file has in the lab besides
 * pages: that of kmalloc(), in the lab's arena; the variables of the file and
 * of this folder, which are restored with the arena; and what belongs to each
 * thread elsewhere.
 *
 * Pieces are never used again. So code that uses a freed piece finds it
 * poisoned.
 */
#include "kernel.h"
#include "lab_kernel.h"

#include <linux/bit_spinlock.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#define CHUNK ((size_t)64 << 10)
#define LINE ((size_t)64) /* alignment of a piece */

/* Before each piece, on a cache line of its own. */
struct head {
	size_t size; /* of the piece: bytes, a multiple of LINE */
};

static struct {
	char *next; /* start of the unused part of the newest chunk */
	size_t left;
	size_t mapped;
	unsigned long pieces;
} heap;

/* ---- kmalloc() ------------------------------------------------------------- */

void *uzs_k_malloc(size_t size)
{
	size_t want = ALIGN(max(size, (size_t)1), LINE);
	struct head *head;
	void *ptr;

	if (want + LINE > heap.left) {
		size_t chunk = max(CHUNK, ALIGN(want + LINE, CHUNK));

		heap.left = 0;
		heap.next = uzs_os_map(chunk, CHUNK);
		if (!heap.next)
			return NULL;
		heap.left = chunk;
		heap.mapped += chunk;
		uzs_lab_poison(heap.next, chunk);
	}
	head = (struct head *)heap.next;
	head->size = want;
	ptr = heap.next + LINE;
	uzs_lab_unpoison(ptr, want);
	heap.next += want + LINE;
	heap.left -= want + LINE;
	heap.pieces++;
	return ptr;
}

void uzs_k_free(const void *ptr)
{
	const struct head *head;

	if (!ptr)
		return;
	head = (const void *)((const char *)ptr - LINE);
	uzs_k_work_freed(ptr, head->size);
	uzs_lab_poison(ptr, head->size);
	heap.pieces--;
}

/* ---- what is each thread's elsewhere ---------------------------------------- */

static struct uzs_k_slot_pin pins[UZS_LAB_MAX_FIBERS + 1]; /* the last one is
							    * for code outside a
							    * run */

struct uzs_k_slot_pin *uzs_k_pin_of_fiber(void)
{
	return &pins[uzs_lab_current ? uzs_lab_current->id : UZS_LAB_MAX_FIBERS];
}

static struct uzs_k_bit_wait bit_waits[UZS_LAB_MAX_FIBERS + 1]; /* as pins */

unsigned int uzs_k_bit_waiters;

struct uzs_k_bit_wait *uzs_k_bit_wait_of_fiber(void)
{
	return &bit_waits[uzs_lab_current ? uzs_lab_current->id
					  : UZS_LAB_MAX_FIBERS];
}

/* ---- messages ----------------------------------------------------------------- */

/* Messages of thousands of runs are not printed, but an error is a finding. */
void uzs_k_printk(int level, const char *fmt, ...)
{
	char text[256];
	size_t len;
	va_list ap;

	if (level > 3)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = strlen(text);
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	uzs_lab_found(LAB_FOUND_INVARIANT, "the kernel's file says: %s", text);
}

#if !UZS_SIM /* there nothing is put back */
/* ---- variables ------------------------------------------------------------------ */

/* From lab.ld: the variables of this folder and of the file. */
extern char uzs_kernel_data_start[], uzs_kernel_data_end[];

bool uzs_k_lab_init(void)
{
	/* Did the linker put them there? */
	BUG_ON((char *)&heap < uzs_kernel_data_start ||
	       (char *)&heap >= uzs_kernel_data_end ||
	       (char *)uzs_k_zone() < uzs_kernel_data_start ||
	       (char *)uzs_k_zone() >= uzs_kernel_data_end);
	return uzs_lab_keep(
		uzs_kernel_data_start,
		(size_t)(uzs_kernel_data_end - uzs_kernel_data_start));
}

void uzs_k_lab_use(struct uzs_k_lab_use *use)
{
	use->pieces = heap.pieces;
	use->objects = (unsigned long)uzs_k_live_objects;
	use->nr_zspages = 0;
	for (int z = 0; z < UZS_K_ZONES; z++)
		use->nr_zspages += (unsigned long)atomic_long_read(
			&uzs_k_zone_stat[NR_ZSPAGES][z]);
	use->heap_bytes = heap.mapped;
}
#endif
