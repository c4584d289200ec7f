/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* api_model.h - a pool, and beside it what must be in it: for each slot the
 * handle or the ref and every byte of its object. For the target fuzz_api.
 *
 * A slot belongs to one actor: to the main thread, or while two threads run, to
 * one of them. The shared slots are only read then.
 */
#ifndef UZS_FUZZ_API_MODEL_H
#define UZS_FUZZ_API_MODEL_H

#include <stdatomic.h>

#include "fuzz.h"
#include "uzsmalloc.h"

#define SLOTS 256
#define THREAD_SLOTS 96 /* of each of the two threads; the rest is shared */
#define SIZES 4 /* of objects that a run has most */
#define PINS 4 /* open reads of a slot */

enum slot_kind { EMPTY, HANDLE, REF };

struct pin {
	void *mem; /* what begin returned; NULL: there is none */
	void *copy; /* the buffer that it was given, or NULL */
	size_t len;
};

struct slot {
	_Alignas(8) zs_ref ref;
	unsigned long handle;
	enum slot_kind kind;
	size_t size; /* bytes whose contents are known */
	size_t room; /* as the pool told it first */
	unsigned char *bytes;
	struct pin pins[PINS];
	unsigned int nr_pins;
};

struct model {
	struct zs_pool *pool;
	struct zs_pool_options options;
	bool user, hardened;
	bool callbacks; /* the pool's buffers have the model's callbacks */
	bool percpu; /* it has buffers for each CPU */
	_Atomic bool limited, faulty; /* lack of memory is no surprise */
	_Atomic bool refuses; /* the OS may not have taken all back */
	size_t limit;
	size_t sizes[SIZES];
	_Atomic size_t bytes; /* of all objects */
	_Atomic uint64_t key;
	_Atomic unsigned long misuses; /* told by the pool */
	struct slot slots[SLOTS];
};

/* Before the first run; later it does nothing. */
void model_start(void);
/* The contents become a new pattern of that length. */
void slot_fill(struct model *m, struct slot *slot, size_t size);
/* Writes the first @len bytes anew, and into the object. */
void slot_write(struct model *m, struct slot *slot, size_t len);
/* Notes an object just allocated, writes it. */
void slot_born(struct model *m, struct slot *slot, enum slot_kind kind,
	       size_t size);
/* Its object is freed, or given to who frees it. */
void slot_gone(struct model *m, struct slot *slot);
/* Reads it in one of several ways, and compares. */
void slot_verify(struct model *m, const struct slot *slot, unsigned int how,
		 size_t len);
void slot_pin(struct model *m, struct slot *slot, size_t len, bool copy);
/* Compares what is seen through the pin, and ends it. */
void slot_unpin(struct model *m, struct slot *slot);

/* Of all slots. */
unsigned long model_live(const struct model *m, bool handles_only);
/* The figures of the pool; nothing else may run but its worker. */
void model_check_info(struct model *m);
/* After a flush: all that must hold of a pool at rest. */
void model_check(struct model *m);

#endif
