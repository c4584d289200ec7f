/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zcache.c - see zcache.h. An object of the pool holds a key and its compressed value.
 * An entry names it by a zs_ref, which the pool changes when it moves the object. Each
 * shard has a lock and an index, a hash table of entries. Safe for threads by this:
 * - An object is complete before its ref is in the index, and then stays as it is.
 * - Who reads a value shares the lock with others who read.
 * - Who takes an entry out has the lock alone. So nobody reads it any more, and after
 *   the lock it can be told of and freed.
 * Nothing is compressed, freed or called back under a lock. */
#define _GNU_SOURCE /* for the kind of lock */
#include <errno.h>
#include <lz4.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <uzsmalloc.h>

#include "zcache.h"

#ifdef __GLIBC__ /* else many readers could keep a set waiting for long */
#define UNLOCKED PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
#else
#define UNLOCKED PTHREAD_RWLOCK_INITIALIZER
#endif
#define NEVER UINT64_MAX

struct entry {
	zs_ref object; /* key, compressed value; only zs_ref_move moves the ref */
	struct entry *next; /* in its bucket, or of those that are not in use */
	struct about {
		uint64_t hash, expires_ms;
		uint32_t key_bytes; /* 0: not in use */
		uint32_t value_bytes, object_bytes;
		_Atomic bool used; /* since the hand passed */
	} is;
};
#define INDEX_BYTES (sizeof(struct entry) + sizeof(struct entry *))

struct shard {
	_Alignas(64) pthread_rwlock_t lock; /* guards the others */
	struct entry *entry, **bucket; /* arrays of cache->shard_entries */
	_Atomic size_t nr; /* so many of both were in use; grows only */
	struct entry *unused; /* of these */
	struct entry *hand, *sweep; /* which of them to look at next */
	struct zcache_stats stats; /* this shard's part */
};

struct zcache { /* constant, but for the shards and turn */
	struct zs_pool *pool;
	struct zcache_options options;
	unsigned char secret[crypto_shorthash_KEYBYTES];
	size_t shards, shard_entries; /* how many; the most that one may have */
	size_t bytes; /* with the shards, and their arrays behind them */
	_Atomic size_t turn; /* of which shard it is to evict: a hint */
	struct shard shard[];
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* SipHash: without the secret nobody can make keys that meet in one bucket. */
static struct shard *shard_of(struct zcache *c, const void *key,
			      size_t key_bytes, uint64_t *hash)
{
	crypto_shorthash((unsigned char *)hash, key, key_bytes, c->secret);
	return &c->shard[*hash >> 48 & (c->shards - 1)];
}

/* Linear hashing: there may be any number of buckets. Return: the link to the entry; to
 * NULL, the end of its bucket. Two keys with one hash, of 64 bits, drive each other out. */
static struct entry **find(struct shard *s, uint64_t hash)
{
	size_t mask = SIZE_MAX >> __builtin_clzl(s->nr);
	size_t nr = (hash & mask) < s->nr ? hash & mask : hash & (mask >> 1);
	struct entry **link = &s->bucket[nr];

	while (*link && (*link)->is.hash != hash)
		link = &(*link)->next;
	return link;
}

/* The index grows by one entry and one bucket, which takes its part of an old one. */
static void grow(struct shard *s)
{
	size_t old = s->nr & (SIZE_MAX >> __builtin_clzl(s->nr) >> 1);
	struct entry *next = s->bucket[old], *e;

	s->bucket[old] = NULL;
	s->unused = &s->entry[s->nr++];
	while ((e = next)) {
		next = e->next;
		e->next = NULL;
		*find(s, e->is.hash) = e;
	}
}

static void take_out(struct zcache *c, struct shard *s, struct entry *e,
		     size_t *count, struct entry *gone)
{
	zs_ref_move(c->pool, &gone->object, &e->object);
	gone->is = e->is;
	gone->is.expires_ms = NEVER; /* can still be read */
	*find(s, e->is.hash) = e->next;
	e->is.key_bytes = 0;
	e->next = s->unused;
	s->unused = e;
	++*count;
	s->stats.entries--;
	s->stats.value_bytes -= gone->is.value_bytes;
	s->stats.stored_bytes -= gone->is.object_bytes;
}

/* Takes out one of two entries from *at on, if it has expired; at the hand the next one
 * that has, or was not used since the hand passed (CLOCK); not that with hash `keep`. */
static void pick(struct zcache *c, struct shard *s, struct entry **at,
		 uint64_t keep, struct entry *gone)
{
	const bool any = at == &s->hand;
	uint64_t now = 0; /* read once, if need be */

	/* Two, as the index may grow by one with each set that looks. */
	for (size_t n = any ? 2 * s->nr : 2; n && !gone->is.key_bytes; n--) {
		struct entry *e = *at;

		*at = e + 1 < s->entry + s->nr ? e + 1 : s->entry;
		if (!e->is.key_bytes || e->is.hash == keep)
			continue;
		if (!now && e->is.expires_ms != NEVER)
			now = now_ms();
		if (e->is.expires_ms <= now)
			take_out(c, s, e, &s->stats.expired, gone);
		else if (any && !e->is.used)
			take_out(c, s, e, &s->stats.evicted, gone);
		else if (any)
			e->is.used = false;
	}
}

/* Return: as zcache_get; -ESTALE: it has expired. */
static ssize_t unpack(struct zcache *c, struct entry *e, const void *key,
		      size_t key_bytes, void *value, size_t room_bytes)
{
	ssize_t got, stored;
	const char *data;

	if (!e || !key_bytes || e->is.key_bytes != key_bytes)
		return -ENOENT;
	if (e->is.expires_ms != NEVER && e->is.expires_ms <= now_ms())
		return -ESTALE;
	data = zs_ref_begin(c->pool, &e->object);
	got = e->is.value_bytes;
	stored = e->is.object_bytes - key_bytes;
	if (memcmp(data, key, key_bytes) != 0)
		got = -ENOENT;
	else if (e->is.value_bytes > room_bytes)
		got = -ERANGE;
	else if (stored == got && got)
		memcpy(value, data + key_bytes, stored);
	else if (got && LZ4_decompress_safe(data + key_bytes, value, stored,
					    got) != got)
		got = -EIO;
	zs_ref_end(c->pool, &e->object);
	return got;
}

/* In this thread `evicted` runs, of whatever cache. What it asks for, and has expired,
 * stays: else it would be called by itself, once for each. */
static _Thread_local unsigned int telling;

/* Frees what was taken out, if anything was, and first tells of it. */
static void finish(struct zcache *c, struct entry *gone)
{
	size_t key_bytes = gone->is.key_bytes, bytes = gone->is.value_bytes;

	if (key_bytes && c->options.evicted) {
		void *key = zs_ref_begin(c->pool, &gone->object);
		void *value = malloc(bytes + 1);
		bool whole = value &&
			     unpack(c, gone, key, key_bytes, value, bytes) >= 0;

		telling++;
		c->options.evicted(c->options.arg, key, key_bytes,
				   whole ? value : NULL, bytes);
		telling--;
		free(value);
		zs_ref_end(c->pool, &gone->object);
	}
	zs_ref_free(c->pool, &gone->object);
}

/* Return: bytes of the object that went. */
static size_t evict(struct zcache *c, struct shard *s, struct entry **at,
		    uint64_t keep)
{
	struct entry gone = { 0 };

	pthread_rwlock_wrlock(&s->lock);
	pick(c, s, at, keep, &gone);
	pthread_rwlock_unlock(&s->lock);
	finish(c, &gone);
	return gone.is.object_bytes;
}

/* Evicts from all shards by turns, several, as one value alone rarely frees a page.
 * Return: was there anything? */
static bool evict_some(struct zcache *c, size_t bytes, uint64_t keep)
{
	size_t one, evicted = 0;

	for (size_t idle = 0; evicted < bytes && idle < c->shards;) {
		struct shard *s = &c->shard[c->turn++ % c->shards];

		one = evict(c, s, &s->hand, keep);
		evicted += one;
		idle = one ? 0 : idle + 1;
	}
	return evicted;
}

int zcache_set(struct zcache *c, const void *key, size_t key_bytes,
	       const void *value, size_t value_bytes, uint64_t ttl_ms)
{
	/* Many in a large cache, where it takes the pool long to find that it is full. */
	size_t evict_bytes = 65536 + c->options.limit_bytes / 512 + value_bytes;
	struct entry new = { 0 }, old = { 0 }, gone = { 0 }, *e;
	uint64_t now = ttl_ms ? now_ms() : 0;
	size_t stored, bytes;
	struct shard *s;
	char *object;
	int err;

	if (!key_bytes || key_bytes > ZCACHE_ENTRY_MAX ||
	    value_bytes > ZCACHE_ENTRY_MAX - key_bytes)
		return -EINVAL;
	object = malloc(key_bytes + value_bytes);
	if (!object)
		return -ENOMEM;
	memcpy(object, key, key_bytes);
	/* The room is less than the value: 0 if it gets no smaller. */
	stored = LZ4_compress_default(value, object + key_bytes, value_bytes,
				      value_bytes ? value_bytes - 1 : 0);
	if (!stored && value_bytes)
		memcpy(object + key_bytes, value, value_bytes);
	bytes = key_bytes + (stored ? stored : value_bytes);
	s = shard_of(c, key, key_bytes, &new.is.hash);
	new.is.key_bytes = key_bytes;
	new.is.value_bytes = value_bytes;
	new.is.object_bytes = bytes;
	new.is.expires_ms = NEVER;
	if (ttl_ms && ttl_ms < NEVER - now)
		new.is.expires_ms = now + ttl_ms;
	do
		err = zs_ref_store(c->pool, &new.object, object, bytes);
	while (err == -ENOMEM && evict_some(c, evict_bytes, new.is.hash));
	free(object);
	if (err)
		return err;

	pthread_rwlock_wrlock(&s->lock);
	/* What has expired goes, step by step, even if there is room. */
	pick(c, s, &s->sweep, new.is.hash, &gone);
	e = *find(s, new.is.hash);
	if (e)
		take_out(c, s, e, &s->stats.replaced, &old);
	else if (!s->unused && s->nr < c->shard_entries)
		grow(s);
	else if (!s->unused)
		pick(c, s, &s->hand, new.is.hash, &gone);
	e = s->unused;
	s->unused = e->next;
	e->next = NULL;
	zs_ref_move(c->pool, &e->object, &new.object);
	e->is = new.is;
	*find(s, new.is.hash) = e;
	s->stats.sets++;
	s->stats.entries++;
	s->stats.value_bytes += value_bytes;
	s->stats.stored_bytes += bytes;
	pthread_rwlock_unlock(&s->lock);
	zs_ref_free(c->pool, &old.object);
	finish(c, &gone);
	return 0;
}

ssize_t zcache_get(struct zcache *c, const void *key, size_t key_bytes,
		   void *value, size_t room_bytes)
{
	uint64_t hash;
	struct shard *s = shard_of(c, key, key_bytes, &hash);
	struct entry *e;
	ssize_t got;
	bool hit;

	pthread_rwlock_rdlock(&s->lock);
	e = *find(s, hash);
	got = unpack(c, e, key, key_bytes, value, room_bytes);
	hit = got != -ENOENT && got != -ESTALE;
	if (hit && !e->is.used)
		e->is.used = true;
	__atomic_fetch_add(hit ? &s->stats.hits : &s->stats.misses, 1,
			   __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&s->lock);
	if (got == -ESTALE && !telling)
		evict(c, s, &e, 0);
	return got == -ESTALE ? -ENOENT : got;
}

bool zcache_delete(struct zcache *c, const void *key, size_t key_bytes)
{
	struct entry gone = { 0 }, *e;
	uint64_t hash;
	struct shard *s = shard_of(c, key, key_bytes, &hash);
	ssize_t got;

	pthread_rwlock_wrlock(&s->lock);
	e = *find(s, hash);
	got = unpack(c, e, key, key_bytes, NULL, 0);
	if (got != -ENOENT && got != -ESTALE)
		take_out(c, s, e, &s->stats.deleted, &gone);
	pthread_rwlock_unlock(&s->lock);
	if (got == -ESTALE && !telling)
		evict(c, s, &e, 0);
	zs_ref_free(c->pool, &gone.object);
	return gone.is.key_bytes;
}

ssize_t zcache_each(struct zcache *c, zcache_callback *visit, void *arg)
{
	char *key = malloc(ZCACHE_ENTRY_MAX); /* and behind it the value */
	ssize_t got, visited = 0;
	bool go_on = true;

	if (!key)
		return -ENOMEM;
	for (struct shard *s = c->shard; s < c->shard + c->shards; s++)
		for (size_t n = 0; go_on && n < s->nr; n++) {
			struct entry *e = &s->entry[n];
			size_t bytes;

			pthread_rwlock_rdlock(&s->lock);
			bytes = e->is.key_bytes;
			zs_ref_load(c->pool, &e->object, key, bytes);
			got = unpack(c, e, key, bytes, key + bytes,
				     ZCACHE_ENTRY_MAX - bytes);
			pthread_rwlock_unlock(&s->lock);
			if (got < 0)
				continue;
			go_on = visit(arg, key, bytes, key + bytes, got);
			visited++;
		}
	free(key);
	return visited;
}

void zcache_expire(struct zcache *c)
{
	for (struct shard *s = c->shard; s < c->shard + c->shards; s++)
		for (size_t n = 0; n < s->nr; n++)
			evict(c, s, &s->sweep, 0);
}

size_t zcache_shrink(struct zcache *c, size_t bytes)
{
	struct zcache_stats before, after;

	zcache_stats(c, &before);
	zcache_expire(c);
	/* No more than there is now: others may set as fast as this evicts. */
	if (bytes > before.stored_bytes)
		bytes = before.stored_bytes;
	evict_some(c, bytes, 0);
	zs_compact(c->pool);
	zs_trim(c->pool);
	zcache_stats(c, &after);
	if (after.memory_bytes > before.memory_bytes)
		return 0;
	return before.memory_bytes - after.memory_bytes;
}

void zcache_stats(struct zcache *c, struct zcache_stats *stats)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	size_t *sum = (size_t *)stats;

	zs_pool_info(c->pool, &info);
	*stats = (struct zcache_stats){ 0 };
	stats->memory_bytes = info.bytes_resident + c->bytes;
	for (struct shard *s = c->shard; s < c->shard + c->shards; s++) {
		pthread_rwlock_wrlock(&s->lock); /* alone: gets count, too */
		for (size_t n = 0; n < sizeof(*stats) / sizeof(*sum); n++)
			sum[n] += ((size_t *)&s->stats)[n];
		stats->memory_bytes -= (c->shard_entries - s->nr) * INDEX_BYTES;
		pthread_rwlock_unlock(&s->lock);
	}
}

struct zcache *zcache_create(const struct zcache_options *options)
{
	struct zs_pool_options opts = ZS_POOL_OPTIONS_INIT;
	size_t limit = options->limit_bytes, most = options->max_entries;
	size_t nr = options->shards ? options->shards : 16;
	size_t bytes = sizeof(struct zcache) + nr * sizeof(struct shard);
	struct zcache *c;
	char *at;

	most = (most ? most : limit / 1024) / nr;
	most += !most; /* of a shard */
	errno = EINVAL;
	if (nr & (nr - 1) || nr > 65536 || bytes > limit ||
	    most >= (limit - bytes) / nr / INDEX_BYTES)
		return NULL;
	bytes += nr * most * INDEX_BYTES;
	errno = EIO;
	if (sodium_init() < 0)
		return NULL;
	/* The OS gives the memory, page by page, once it is in use. */
	c = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c == MAP_FAILED)
		return NULL;
	c->options = *options;
	c->shards = nr;
	c->shard_entries = most;
	c->bytes = bytes;
	crypto_shorthash_keygen(c->secret);
	at = (char *)(c->shard + nr);
	for (size_t n = 0; n < nr; n++, at += most * INDEX_BYTES) {
		struct shard *s = &c->shard[n];

		s->lock = (pthread_rwlock_t)UNLOCKED;
		s->entry = s->unused = (struct entry *)at;
		s->bucket = (struct entry **)(s->entry + most);
		s->hand = s->sweep = s->entry;
		s->nr = 1;
	}
	opts.profile = ZS_PROFILE_USER;
	opts.memory_limit = limit - bytes;
	/* Where values come and go, gaps remain: the pool closes them. */
	opts.max_overhead_percent = 5;
	c->pool = zs_create_pool_with("zcache", &opts);
	if (c->pool)
		return c;
	munmap(c, bytes);
	return NULL;
}

void zcache_destroy(struct zcache *c)
{
	for (size_t n = 0; n < c->shards; n++)
		pthread_rwlock_destroy(&c->shard[n].lock);
	zs_destroy_pool(c->pool); /* frees all objects */
	munmap(c, c->bytes);
}
