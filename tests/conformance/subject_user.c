/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* subject_user.c - pools of the user profile behind the table of subject.h,
 * through the public interface. Calls that mean the same in both profiles are
 * those of subject_uzs.c. Owns: the records in which refs lie.
 *
 * user-refs: a handle is the address of a record of ours, as a program would
 * have it, and everything is done by zs_ref_*.
 */
#include "subject_user.h"

#include <stdint.h>

#if UINTPTR_MAX > UINT32_MAX

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "subject_uzs.h"
#include "uzsmalloc.h"

#define pool_of subject_uzs_pool

#define TRAITS                                                              \
	(SUBJECT_LARGE_OBJECTS | SUBJECT_OWN_CLASSES | SUBJECT_OWN_PLACES | \
	 SUBJECT_ONE_PIECE | SUBJECT_COUNTS_USED | SUBJECT_PINS_OBJECTS |   \
	 SUBJECT_OWN_SECTIONS | SUBJECT_TRIMS_OBJECTS)

#define CREATE(defer_)                                                        \
	static struct subject_pool *create_##defer_(                          \
		unsigned int page_size, unsigned int chain_size, bool worker) \
	{                                                                     \
		struct zs_pool_options opt = ZS_POOL_OPTIONS_INIT;            \
                                                                              \
		opt.profile = ZS_PROFILE_USER;                                \
		opt.defer = ZS_DEFER_##defer_;                                \
		/* When it compacts is the suite's choice. */                 \
		opt.max_overhead_percent = ZS_MAX_OVERHEAD;                   \
		return subject_uzs_create(&opt, page_size, chain_size,        \
					  worker);                            \
	}
CREATE(DEFAULT)
CREATE(ARRAY)
CREATE(PERCPU)

/* ---- records ------------------------------------------------------------- */

#define RECORDS 1024

struct record {
	zs_ref ref; /* first: the record's address is the ref's */
	struct subject_pool *pool; /* NULL: free */
	struct record *next; /* free one */
};

/* Reachable for ever, so that refs keep their memory: no leak. */
struct chunk {
	struct chunk *next;
	struct record records[RECORDS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct chunk *chunks; /* guard: lock */
static struct record *free_records; /* guard: lock */

static struct record *new_record(struct subject_pool *pool)
{
	struct record *record;

	pthread_mutex_lock(&lock);
	if (!free_records) {
		struct chunk *chunk = calloc(1, sizeof(*chunk));

		for (unsigned int i = 0; chunk && i < RECORDS; i++) {
			chunk->records[i].next = free_records;
			free_records = &chunk->records[i];
		}
		if (chunk) {
			chunk->next = chunks;
			chunks = chunk;
		}
	}
	record = free_records;
	if (record) {
		free_records = record->next;
		record->pool = pool;
	}
	pthread_mutex_unlock(&lock);
	return record;
}

/* Locks: needs lock. */
static void put_record(struct record *record)
{
	record->pool = NULL;
	record->ref = (zs_ref)ZS_REF_INIT;
	record->next = free_records;
	free_records = record;
}

static void free_record(struct record *record)
{
	pthread_mutex_lock(&lock);
	put_record(record);
	pthread_mutex_unlock(&lock);
}

/* zs_destroy_pool does not touch the refs of what was live. */
static void free_records_of(const struct subject_pool *pool)
{
	pthread_mutex_lock(&lock);
	for (struct chunk *chunk = chunks; chunk; chunk = chunk->next)
		for (unsigned int i = 0; i < RECORDS; i++)
			if (chunk->records[i].pool == pool)
				put_record(&chunk->records[i]);
	pthread_mutex_unlock(&lock);
}

/* ---- objects by refs ----------------------------------------------------- */

/* `none`: all 0. Instead of the ref of a handle that is 0 or an error value. */
static zs_ref *ref_of(unsigned long handle, zs_ref *none)
{
	return handle && !zs_is_err(handle) ? (zs_ref *)handle : none;
}

static unsigned long refs_destroy(struct subject_pool *pool)
{
	unsigned long left = subject_uzs[0].destroy(pool);

	free_records_of(pool);
	return left;
}

static unsigned long refs_malloc(struct subject_pool *pool, size_t size)
{
	struct record *record = new_record(pool);
	int rc;

	if (!record)
		abort(); /* the test's memory, not the pool's */
	rc = zs_ref_alloc(pool_of(pool), &record->ref, size);
	if (!rc)
		return (unsigned long)record;
	free_record(record);
	return (unsigned long)(long)rc;
}

static void refs_free(struct subject_pool *pool, unsigned long handle)
{
	zs_ref none = ZS_REF_INIT, *ref = ref_of(handle, &none);

	zs_ref_free(pool_of(pool), ref);
	if (ref != &none)
		free_record((struct record *)handle);
}

static void refs_read(struct subject_pool *pool, unsigned long handle,
		      void *buf, size_t len)
{
	zs_ref none = ZS_REF_INIT;

	zs_ref_load(pool_of(pool), ref_of(handle, &none), buf, len);
}

/* A ref is begun as a whole: who does it looks how much there is. */
static void *begin(struct subject_pool *pool, unsigned long handle, size_t len)
{
	zs_ref none = ZS_REF_INIT, *ref = ref_of(handle, &none);
	void *data = zs_ref_begin(pool_of(pool), ref);

	if (data && (!len || len > zs_ref_room(pool_of(pool), ref))) {
		zs_ref_end(pool_of(pool), ref);
		return NULL;
	}
	return data;
}

static void end(struct subject_pool *pool, unsigned long handle)
{
	zs_ref_end(pool_of(pool), (zs_ref *)handle);
}

static void refs_write(struct subject_pool *pool, unsigned long handle,
		       const void *buf, size_t len)
{
	void *data = begin(pool, handle, len);

	if (!data)
		return;
	memcpy(data, buf, len);
	end(pool, handle);
}

static const void *refs_read_begin(struct subject_pool *pool,
				   unsigned long handle, size_t len, void *copy)
{
	(void)copy;
	return begin(pool, handle, len);
}

static void refs_read_end(struct subject_pool *pool, unsigned long handle,
			  size_t len, const void *data)
{
	(void)len;
	if (data)
		end(pool, handle);
}

static unsigned int refs_read_sg_begin(struct subject_pool *pool,
				       unsigned long handle,
				       struct subject_segment segments[2],
				       size_t len)
{
	segments[0].data = begin(pool, handle, len);
	segments[0].len = len;
	return segments[0].data ? 1 : 0;
}

/* ---- tables -------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *description;
	struct subject_pool *(*create)(unsigned int page_size,
				       unsigned int chain_size, bool worker);
	bool defers, refs;
} variants[] = {
	{ "user", "uzsmalloc, user profile", create_DEFAULT, false, false },
	{ "user+array", "uzsmalloc, user profile with array", create_ARRAY,
	  true, false },
	{ "user+percpu", "uzsmalloc, user profile with percpu", create_PERCPU,
	  true, false },
	{ "user-refs", "uzsmalloc, user profile by refs", create_DEFAULT, false,
	  true },
};

#define NR_VARIANTS (sizeof(variants) / sizeof(*variants))

static void use_refs(struct subject *s)
{
	s->traits |= SUBJECT_OWN_WORDS;
	s->destroy = refs_destroy;
	s->malloc = refs_malloc;
	s->free = refs_free;
	s->read = refs_read;
	s->write = refs_write;
	s->read_begin = refs_read_begin;
	s->read_end = refs_read_end;
	s->read_sg_begin = refs_read_sg_begin;
	s->read_sg_end = end;
}

const struct subject *subject_user(const char *name)
{
	static struct subject subjects[NR_VARIANTS];
	/* Of the first: one that frees later. */
	const struct subject *later = &subject_uzs[1];

	for (size_t i = 0; i < NR_VARIANTS; i++) {
		struct subject *s = &subjects[i];

		if (strcmp(variants[i].name, name))
			continue;
		*s = subject_uzs[0];
		s->name = variants[i].name;
		s->description = variants[i].description;
		s->traits = TRAITS;
		s->max_size = ZS_USER_MAX_SIZE;
		s->create = variants[i].create;
		s->class_info = subject_uzs_class_info;
		s->move_pages = NULL; /* its pages do not move */
		if (variants[i].defers) {
			s->free_deferred = later->free_deferred;
			s->flush = later->flush;
		}
		if (variants[i].refs)
			use_refs(s);
		return s;
	}
	return NULL;
}

#else

const struct subject *subject_user(const char *name)
{
	(void)name;
	return NULL;
}

#endif
