/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zcache.c - see zcache.h. An object of the pool holds a key and its compressed value, and
 * does not change; an entry of a hash table names it by a zs_ref. Readers share a shard's
 * lock. Who takes an entry out has it alone. So nothing is told of or freed under it. */
#define _GNU_SOURCE /* for the kind of lock */
#include <errno.h>
#include <lz4.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uzsmalloc.h>

#include "zcache.h"

#ifdef __GLIBC__ /* else many readers could keep a set waiting for long */
#define UNLOCKED PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
#else
#define UNLOCKED PTHREAD_RWLOCK_INITIALIZER
#endif

struct entry {
	zs_ref object; /* only zs_ref_move moves it, as the pool writes it, too */
	struct entry *next; /* in its bucket, or of those that are free */
	struct about { /* all 0: the entry is free */
		uint64_t hash, expires_ms; /* 0: never */
		uint32_t key_bytes, value_bytes, object_bytes;
		_Atomic bool used; /* since the hand passed */
	} is;
};
#define INDEX_BYTES (sizeof(struct entry) + sizeof(struct entry *))

struct shard {
	pthread_rwlock_t lock; /* guards the others */
	struct entry *entry, **bucket, *free; /* two arrays; a free entry */
	_Atomic size_t nr; /* so many of both were in use; grows only */
	size_t hand, sweep; /* which entry to look at next */
	struct zcache_stats stats; /* this shard's part */
	char apart[64]; /* no cache line is shared with the next one's lock */
};

struct zcache { /* constant, but for the shards */
	struct zs_pool *pool;
	struct zcache_options options;
	unsigned char secret[crypto_shorthash_KEYBYTES];
	size_t shards, most; /* how many; entries that each may have */
	struct shard shard[]; /* and behind them their arrays */
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* @now: 0: the clock is read, if it matters. */
static bool has_expired(const struct about *is, uint64_t now)
{
	return is->expires_ms && is->expires_ms <= (now ? now : now_ms());
}

/* SipHash: without the secret nobody can make keys that meet in one bucket. */
static struct shard *shard_of(struct zcache *c, const void *key,
			      size_t key_bytes, uint64_t *hash)
{
	crypto_shorthash((unsigned char *)hash, key, key_bytes, c->secret);
	return &c->shard[*hash >> 32 & (c->shards - 1)];
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

/* By one entry and one bucket, which takes its part of an old one. */
static void grow(struct shard *s)
{
	size_t old = s->nr & (SIZE_MAX >> __builtin_clzl(s->nr) >> 1);
	struct entry *next = s->bucket[old], *e;

	s->bucket[old] = NULL;
	s->free = &s->entry[s->nr++];
	while ((e = next)) {
		next = e->next;
		e->next = NULL;
		*find(s, e->is.hash) = e;
	}
}

static void take_out(struct zcache *c, struct shard *s, struct entry *e,
		     size_t *count, struct entry *gone)
{
	*find(s, e->is.hash) = e->next;
	e->next = s->free;
	s->free = e;
	zs_ref_move(c->pool, &gone->object, &e->object);
	gone->is = e->is;
	e->is = (struct about){ 0 };
	++*count;
	s->stats.entries--;
	s->stats.value_bytes -= gone->is.value_bytes;
	s->stats.stored_bytes -= gone->is.object_bytes;
}

/* In place of the key's old value. Return: false: the shard is full. */
static bool put_in(struct zcache *c, struct shard *s, struct entry *new)
{
	struct entry old = { 0 }, *e;

	pthread_rwlock_wrlock(&s->lock);
	e = *find(s, new->is.hash);
	if (e)
		take_out(c, s, e, &s->stats.replaced, &old);
	else if (!s->free && s->nr < c->most)
		grow(s);
	e = s->free;
	if (e) {
		s->free = e->next;
		e->next = NULL;
		*find(s, new->is.hash) = e;
		zs_ref_move(c->pool, &e->object, &new->object);
		e->is = new->is;
		s->stats.entries++;
		s->stats.value_bytes += e->is.value_bytes;
		s->stats.stored_bytes += e->is.object_bytes;
	}
	pthread_rwlock_unlock(&s->lock);
	zs_ref_free(c->pool, &old.object);
	return e;
}

/* Return: is the value whole? Always, but in damaged memory. */
static bool unpack(const struct about *is, const char *object, void *value)
{
	int bytes = is->value_bytes, stored = is->object_bytes - is->key_bytes;

	object += is->key_bytes;
	if (stored == bytes && bytes)
		memcpy(value, object, bytes);
	return stored == bytes ||
	       LZ4_decompress_safe(object, value, stored, bytes) == bytes;
}

static bool tell(zcache_callback *callback, void *arg, const struct about *is,
		 const char *object)
{
	void *value = malloc(is->value_bytes + 1);
	bool whole = value && unpack(is, object, value), go_on;

	go_on = callback(arg, object, is->key_bytes, whole ? value : NULL,
			 is->value_bytes);
	free(value);
	return go_on;
}

/* At the hand evicts the next entry that was not used since (CLOCK), or has expired; at
 * the sweep what has expired, of two. Not that with hash `keep`. Return: bytes of it. */
static int evict(struct zcache *c, struct shard *s, size_t *at, uint64_t keep)
{
	const bool any = at == &s->hand;
	const uint64_t now = now_ms(); /* once, and without the lock */
	struct entry gone = { 0 };

	pthread_rwlock_wrlock(&s->lock);
	for (size_t n = any ? 2 * s->nr : 2; n && !gone.is.key_bytes; n--) {
		struct entry *e = &s->entry[*at];

		*at = *at + 1 < s->nr ? *at + 1 : 0;
		if (!e->is.key_bytes || e->is.hash == keep)
			continue;
		if (has_expired(&e->is, now))
			take_out(c, s, e, &s->stats.expired, &gone);
		else if (any && !e->is.used)
			take_out(c, s, e, &s->stats.evicted, &gone);
		else if (any)
			e->is.used = false;
	}
	pthread_rwlock_unlock(&s->lock);
	if (gone.is.key_bytes && c->options.evicted) {
		tell(c->options.evicted, c->options.arg, &gone.is,
		     zs_ref_begin(c->pool, &gone.object));
		zs_ref_end(c->pool, &gone.object);
	}
	zs_ref_free(c->pool, &gone.object);
	return gone.is.object_bytes;
}

/* From all shards by turns. Return: was there anything? */
static bool evict_some(struct zcache *c, size_t bytes, uint64_t keep)
{
	size_t evicted = 0, idle = 0, nr = keep;

	while (evicted < bytes && idle < c->shards) {
		struct shard *s = &c->shard[nr++ & (c->shards - 1)];
		int one = evict(c, s, &s->hand, keep);

		evicted += one;
		idle = one ? 0 : idle + 1;
	}
	return evicted;
}

int zcache_set(struct zcache *c, const void *key, size_t key_bytes,
	       const void *value, size_t value_bytes, uint64_t ttl_ms)
{
	/* Many, as it takes the pool of a large cache long to find that it is full. */
	size_t evict_bytes = 65536 + c->options.limit_bytes / 512 + value_bytes;
	struct entry new = { .is.key_bytes = key_bytes,
			     .is.value_bytes = value_bytes };
	struct shard *s;
	char *object;
	int stored, err;

	if (!key_bytes || key_bytes > ZCACHE_ENTRY_MAX ||
	    value_bytes > ZCACHE_ENTRY_MAX - key_bytes)
		return -EINVAL;
	s = shard_of(c, key, key_bytes, &new.is.hash);
	if (ttl_ms)
		evict(c, s, &s->sweep, new.is.hash);
	object = malloc(key_bytes + value_bytes);
	if (!object)
		return -ENOMEM;
	memcpy(object, key, key_bytes);
	/* The room is less than the value: 0 if it gets no smaller. */
	stored = LZ4_compress_default(value, object + key_bytes, value_bytes,
				      value_bytes ? value_bytes - 1 : 0);
	if (!stored && value_bytes)
		memcpy(object + key_bytes, value, value_bytes);
	new.is.object_bytes = key_bytes + (stored ? stored : (int)value_bytes);
	if (ttl_ms && ttl_ms <= INT64_MAX)
		new.is.expires_ms = now_ms() + ttl_ms;
	do
		err = zs_ref_store(c->pool, &new.object, object,
				   new.is.object_bytes);
	while (err == -ENOMEM && evict_some(c, evict_bytes, new.is.hash));
	free(object);
	while (!err && !put_in(c, s, &new))
		evict(c, s, &s->hand, 0);
	return err;
}

ssize_t zcache_get(struct zcache *c, const void *key, size_t key_bytes,
		   void *value, size_t room_bytes)
{
	ssize_t got = -ENOENT;
	uint64_t hash;
	struct shard *s = shard_of(c, key, key_bytes, &hash);
	struct entry *e;

	pthread_rwlock_rdlock(&s->lock);
	e = *find(s, hash);
	if (e && e->is.key_bytes == key_bytes && !has_expired(&e->is, 0)) {
		const char *object = zs_ref_begin(c->pool, &e->object);
		bool same = memcmp(object, key, key_bytes) == 0;

		if (same && e->is.value_bytes > room_bytes)
			got = -ERANGE;
		else if (same && unpack(&e->is, object, value))
			got = e->is.value_bytes;
		zs_ref_end(c->pool, &e->object);
		if (!e->is.used)
			e->is.used = true;
	}
	__atomic_fetch_add(got == -ENOENT ? &s->stats.misses : &s->stats.hits,
			   1, __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&s->lock);
	return got;
}

bool zcache_delete(struct zcache *c, const void *key, size_t key_bytes)
{
	struct entry gone = { 0 }, *e;
	uint64_t hash;
	struct shard *s = shard_of(c, key, key_bytes, &hash);

	pthread_rwlock_wrlock(&s->lock);
	e = *find(s, hash);
	if (e && !has_expired(&e->is, 0))
		take_out(c, s, e, &s->stats.deleted, &gone);
	pthread_rwlock_unlock(&s->lock);
	zs_ref_free(c->pool, &gone.object);
	return gone.is.key_bytes;
}

ssize_t zcache_each(struct zcache *c, zcache_callback *visit, void *arg)
{
	char *copy = malloc(ZCACHE_ENTRY_MAX);
	ssize_t visited = 0;
	bool go_on = true;

	if (!copy)
		return -ENOMEM;
	for (struct shard *s = c->shard; s < c->shard + c->shards; s++)
		for (size_t n = 0; go_on && n < s->nr; n++) {
			struct entry *e = &s->entry[n];
			struct about is;

			pthread_rwlock_rdlock(&s->lock); /* gets write `used` */
			memcpy(&is, &e->is, offsetof(struct about, used));
			zs_ref_load(c->pool, &e->object, copy, is.object_bytes);
			pthread_rwlock_unlock(&s->lock);
			if (!is.key_bytes || has_expired(&is, 0))
				continue;
			go_on = tell(visit, arg, &is, copy);
			visited++;
		}
	free(copy);
	return visited;
}

void zcache_expire(struct zcache *c)
{
	for (struct shard *s = c->shard; s < c->shard + c->shards; s++)
		for (size_t n = 0; n < s->nr; n++)
			evict(c, s, &s->sweep, 0);
}

void zcache_shrink(struct zcache *c, size_t bytes)
{
	evict_some(c, bytes, 0);
	zs_compact(c->pool);
	zs_trim(c->pool);
}

void zcache_stats(struct zcache *c, struct zcache_stats *stats)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	size_t *sum = (size_t *)stats;

	zs_pool_info(c->pool, &info);
	*stats = (struct zcache_stats){ .memory_bytes = info.bytes_resident };
	for (struct shard *s = c->shard; s < c->shard + c->shards; s++) {
		pthread_rwlock_wrlock(&s->lock); /* alone: gets count, too */
		for (size_t n = 0; n < sizeof(*stats) / sizeof(*sum); n++)
			sum[n] += ((size_t *)&s->stats)[n];
		stats->memory_bytes += sizeof(*s) + s->nr * INDEX_BYTES;
		pthread_rwlock_unlock(&s->lock);
	}
}

struct zcache *zcache_create(const struct zcache_options *options)
{
	struct zs_pool_options opts = ZS_POOL_OPTIONS_INIT;
	size_t limit = options->limit_bytes;
	size_t max = options->max_entries ? options->max_entries : limit / 1024;
	size_t nr = options->shards ? options->shards : 16;
	size_t bytes = sizeof(struct zcache) + nr * sizeof(struct shard);
	struct zcache *c;
	struct entry *e, **bucket;

	max = (max - !!max) / nr + 1; /* of a shard */
	errno = EINVAL;
	if (nr & (nr - 1) || bytes > limit || sodium_init() < 0 ||
	    max >= (limit - bytes) / nr / INDEX_BYTES)
		return NULL;
	bytes += nr * max * INDEX_BYTES;
	c = calloc(1, bytes); /* where malloc maps it, a page at a time */
	if (!c)
		return NULL;
	*c = (struct zcache){ .options = *options, .shards = nr, .most = max };
	crypto_shorthash_keygen(c->secret);
	e = (void *)&c->shard[nr];
	bucket = (void *)(e + nr * max);
	for (size_t n = 0; n < nr; n++, e += max, bucket += max)
		c->shard[n] = (struct shard){ UNLOCKED, e, bucket, e, .nr = 1 };
	opts.profile = ZS_PROFILE_USER;
	opts.memory_limit = limit - bytes;
	opts.max_overhead_percent = 5; /* of gaps: the pool closes them */
	c->pool = zs_create_pool_with("zcache", &opts);
	if (c->pool)
		return c;
	free(c);
	return NULL;
}

void zcache_destroy(struct zcache *c)
{
	zs_destroy_pool(c->pool); /* frees all objects */
	free(c); /* its locks hold no memory */
}
