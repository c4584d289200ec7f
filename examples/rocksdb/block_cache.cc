// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// block_cache.cc - see block_cache.h.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <new>

#include "block_cache.h"
#include "scratch.h"

namespace uzs
{

// Of a slot's readers: it was taken out. What is below counts them.
static constexpr uint16_t gone = 0x8000;
static_assert(slot::object_max == ZS_USER_MAX_SIZE, "a slot has room for it");
static constexpr size_t evict_entries = 32, evict_bytes = 65536;
static constexpr int most_tries = 64;
// So much of the pool's limit is kept free, so that the limit is rarely met.
static size_t margin(size_t limit)
{
	return std::max(limit / 256, std::min<size_t>(limit / 128, 131072));
}

static uint64_t hash_of(std::string_view key)
{
	return std::hash<std::string_view>{}(key);
}

std::unique_ptr<block_cache> block_cache::create(size_t capacity,
						 unsigned int shards,
						 compression type, int level,
						 int *err)
{
	std::unique_ptr<block_cache> cache(
		new (std::nothrow) block_cache(capacity, type, level));

	*err = cache ? cache->init(shards) : ENOMEM;
	if (*err)
		cache.reset();
	return cache;
}

// Return: 0, or a positive errno.
int block_cache::init(unsigned int shards)
{
	struct zs_pool_options options = ZS_POOL_OPTIONS_INIT;
	size_t beside;

	if (!shards)
		for (shards = 1;
		     shards < 64 && capacity() / shards > (size_t{ 4 } << 20);)
			shards *= 2;
	if (shards > 64 || (shards & (shards - 1)))
		return EINVAL;
	nr_shards_ = shards;
	shard_shift_ = 64;
	for (; shards > 1; shards /= 2)
		shard_shift_--;
	shard_.reset(new (std::nothrow) shard[nr_shards_]);
	if (!shard_ || !init_seen())
		return ENOMEM;
	beside = beside_pool();
	options.profile = ZS_PROFILE_USER;
	// Blocks have all sizes. Each size class in use has a zspage that is partly
	// filled: in a small pool shorter ones waste less.
	options.chain_size = capacity() < (size_t{ 256 } << 20) ? 8 : 16;
	// What is free or lies between objects is capacity that holds no block: the
	// pool closes gaps early, and gives free pages back, so that RSS is less.
	options.max_overhead_percent = 1;
	options.retained_bytes = 65536;
	// 1: too small for any pool, so that the result is EINVAL.
	options.memory_limit = capacity() > beside ? capacity() - beside : 1;
	pool_ = zs_create_pool_with("rocksdb", &options);
	if (!pool_)
		return errno;
	std::lock_guard<std::mutex> hold(tuning_);
	retune();
	return 0;
}

block_cache::~block_cache()
{
	zs_destroy_pool(pool_); // frees all objects, too
}

// Remembers a key for each 4 KiB, which is about one for two blocks. With more, blocks
// get in that come twice in a long time only, and drive out better ones.
// Return: false: no memory; some shards may have forgotten their keys.
bool block_cache::init_seen()
{
	for (unsigned int i = 0; i < nr_shards_; i++) {
		std::lock_guard<std::mutex> hold(shard_[i].lock);
		size_t before = shard_[i].index.memory();

		if (!shard_[i].index.init(capacity() / nr_shards_ / 4096))
			return false;
		index_bytes_ += shard_[i].index.memory() - before;
	}
	return true;
}

// Nobody else uses the slot. Locks: needs the shard's lock.
void block_cache::release(shard &sh, slot *s)
{
	zs_ref_free(pool_, &s->object);
	objects_bytes_ -= s->object_bytes();
	s->readers.store(0, std::memory_order_relaxed);
	sh.index.free(s);
}

// Locks: needs the shard's lock.
void block_cache::take_out(shard &sh, slot *s)
{
	sh.value_bytes -= s->value_bytes();
	sh.index.take_out(s);
	// Acquire: all readers have read.
	if (!s->readers.fetch_or(gone, std::memory_order_acquire))
		release(sh, s);
}

void block_cache::end_read(shard &sh, slot *s)
{
	// Release: who frees the object comes after this reader. Acquire: this one
	// may be who frees it.
	if (s->readers.fetch_sub(1, std::memory_order_acq_rel) != (gone | 1))
		return;
	std::lock_guard<std::mutex> hold(sh.lock);
	release(sh, s);
}

// Evicts about so many bytes from one shard, the next in turn. Return: bytes.
size_t block_cache::evict_some(size_t most)
{
	size_t bytes = 0;

	for (unsigned int i = 0; i < nr_shards_ && !bytes; i++) {
		// Of two the fuller one, so that all stay about as full: what the index
		// of one has had room for once, it keeps.
		size_t turn = next_victims_++;
		shard &one = shard_[turn & (nr_shards_ - 1)];
		shard &other =
			shard_[(turn + (nr_shards_ / 2 | 1)) & (nr_shards_ - 1)];
		shard &sh = one.index.entries() >= other.index.entries()
				    ? one
				    : other;
		std::lock_guard<std::mutex> hold(sh.lock);

		for (size_t n = 0; n < evict_entries && bytes < most; n++) {
			slot *s = sh.index.victim();

			if (!s)
				break;
			bytes += s->object_bytes();
			sh.evictions++;
			take_out(sh, s);
		}
	}
	return bytes;
}

void block_cache::keep_budget()
{
	// Others insert, too: each evicts what it has brought, and a little more.
	for (int tries = 0; tries < most_tries; tries++) {
		size_t have = objects_bytes_.load(std::memory_order_relaxed);
		size_t budget = budget_.load(std::memory_order_relaxed);

		if (have <= budget || !evict_some(have - budget))
			return;
	}
}

// Memory that is held beside the pool.
size_t block_cache::beside_pool()
{
	return sizeof(*this) + nr_shards_ * sizeof(shard) + index_bytes_ +
	       codec_bytes_;
}

// Finds out how many bytes of objects fit into the capacity, and evicts the others. The
// pool's own limit is a wall: at it the pool compacts all it has before it refuses. So
// the cache stays a little below, by what it knows of gaps and the like.
// Locks: needs tuning_; takes shards' locks.
void block_cache::retune()
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	size_t beside, room, below, objects, used;

	codec_bytes_ = std::max(codec_bytes_, codec_.memory());
	beside = beside_pool();
	room = capacity() > beside ? capacity() - beside : 1;
	// Room, too, for the next growth of a shard's buckets: a seventh of its index
	// at most.
	below = margin(room) + index_bytes_ / nr_shards_ / 4;
	objects = objects_bytes_.load(std::memory_order_relaxed);
	zs_pool_info(pool_, &info);
	// Free pages are as good as none.
	used = info.bytes_resident -
	       std::min(info.bytes_free, info.bytes_resident);
	used = used - std::min(objects, used) + below;
	budget_ = !off_ && room > used ? room - used : 0;
	keep_budget();
	// If the pool holds more than that it compacts now, as far as it must. Where a
	// pool cannot be so small the old limit stays: see set_capacity().
	if (room != info.memory_limit_bytes)
		zs_set_memory_limit(pool_, room);
}

// After so many bytes of new objects the pool is asked how much memory it has, which
// takes a few microseconds: the margin has room for what comes until then.
size_t block_cache::tune_bytes() const
{
	return std::max<size_t>(margin(capacity()) / 4, 65536);
}

// Called after so many bytes were stored.
void block_cache::tune_at_times(size_t bytes)
{
	if (since_tuned_.fetch_add(bytes, std::memory_order_relaxed) + bytes <
	    tune_bytes())
		return;
	std::unique_lock<std::mutex> hold(tuning_, std::try_to_lock);
	if (!hold.owns_lock())
		return; // another is at it
	// Before index_bytes_ is read: who makes that larger asks afterwards. So it is
	// seen here, or the request is still there after this.
	since_tuned_.exchange(0);
	retune();
}

bool block_cache::admits(std::string_view key)
{
	uint64_t hash = hash_of(key);
	shard &sh = shard_of(hash);

	if (off_)
		return false;
	std::lock_guard<std::mutex> hold(sh.lock);
	if (sh.index.find(hash) || sh.index.forget(hash))
		return true;
	sh.index.remember(hash);
	sh.seen_first++;
	return false;
}

// Puts an object into the index, in place of what the key has there. Return: 0;
// -ENOMEM: no memory for a slot.
int block_cache::publish(uint64_t hash, zs_ref *object, size_t object_bytes,
			 size_t value_bytes)
{
	shard &sh = shard_of(hash);
	std::lock_guard<std::mutex> hold(sh.lock);
	size_t memory = sh.index.memory();
	slot *s = sh.index.find(hash);

	if (s)
		take_out(sh, s);
	s = sh.index.get();
	if (sh.index.memory() != memory) {
		index_bytes_ += sh.index.memory() - memory;
		since_tuned_ += tune_bytes(); // now: the pool may have less
	}
	if (!s)
		return -ENOMEM;
	zs_ref_move(pool_, &s->object, object);
	// Before others can take it out, and count it down.
	objects_bytes_ += object_bytes;
	s->set_bytes(object_bytes, value_bytes);
	sh.index.put(s, hash);
	sh.value_bytes += value_bytes;
	sh.inserts++;
	return 0;
}

int block_cache::insert(std::string_view key, const char *value, size_t bytes)
{
	zs_ref object = ZS_REF_INIT;
	size_t stored = 0;
	int err = -EFBIG;

	if (key.size() > key_max || bytes > value_max) {
		too_large_++;
		erase(key);
		return err;
	}
	scratch packed(bytes + key.size() + 1);
	char *to = packed.data();

	if (!to) {
		no_memory_++;
		erase(key);
		return -ENOMEM;
	}
	// The room is less than the value: 0 if it gets no smaller.
	if (bytes > 1)
		stored = codec_.compress(value, bytes, to, bytes - 1);
	if (!stored) {
		memcpy(to, value, bytes);
		stored = bytes;
	}
	memcpy(to + stored, key.data(), key.size());
	stored += key.size();
	to[stored++] = static_cast<char>(key.size());
	if (stored <= ZS_USER_MAX_SIZE) {
		int tries = 0;

		do
			err = zs_ref_store(pool_, &object, to, stored);
		while (err == -ENOMEM && tries++ < most_tries &&
		       evict_some(evict_bytes));
	}
	if (!err) {
		err = publish(hash_of(key), &object, stored, bytes);
		if (!err) {
			tune_at_times(stored);
			keep_budget();
			return 0;
		}
		zs_ref_free(pool_, &object);
		// The index may have grown all the same.
		tune_at_times(0);
		keep_budget();
	}
	++(err == -ENOMEM ? no_memory_ : too_large_);
	erase(key);
	return err;
}

// The slot has a reader: the caller. @other: set if it is another key's.
bool block_cache::use_object(slot *s, std::string_view key, size_t object_bytes,
			     size_t value_bytes, user use, void *arg,
			     bool *other)
{
	size_t stored = object_bytes - key.size() - 1;
	bool used = false;
	const char *data =
		static_cast<const char *>(zs_ref_begin(pool_, &s->object));

	*other = static_cast<unsigned char>(data[object_bytes - 1]) !=
			 key.size() ||
		 memcmp(data + stored, key.data(), key.size()) != 0;
	if (*other) {
		// two keys with one hash
	} else if (stored == value_bytes) {
		used = use(arg, data, value_bytes);
	} else {
		scratch value(value_bytes);

		if (!value.data())
			no_memory_++;
		else if (codec_.decompress(data, stored, value.data(),
					   value_bytes)) {
			// What the user does may take long, or move objects.
			zs_ref_end(pool_, &s->object);
			return use(arg, value.data(), value_bytes);
		}
	}
	zs_ref_end(pool_, &s->object);
	return used;
}

bool block_cache::lookup(std::string_view key, bool take, user use, void *arg)
{
	uint64_t hash = hash_of(key);
	shard &sh = shard_of(hash);
	size_t object_bytes, value_bytes;
	bool used, other;
	slot *s;

	if (key.size() > key_max)
		return false;
	{
		std::lock_guard<std::mutex> hold(sh.lock);

		s = sh.index.find(hash);
		// No slot has so many readers, but if it had it would be a miss.
		if (!s ||
		    s->readers.load(std::memory_order_relaxed) == gone - 1) {
			sh.misses++;
			return false;
		}
		sh.hits++;
		s->referenced = 1;
		s->readers.fetch_add(1, std::memory_order_relaxed);
		object_bytes = s->object_bytes();
		value_bytes = s->value_bytes();
		if (take) {
			take_out(sh, s);
			sh.index.remember(hash);
		}
	}
	used = use_object(s, key, object_bytes, value_bytes, use, arg, &other);
	end_read(sh, s);
	if (!used && !take && !other)
		erase(key);
	return used;
}

void block_cache::erase(std::string_view key)
{
	uint64_t hash = hash_of(key);
	shard &sh = shard_of(hash);
	std::lock_guard<std::mutex> hold(sh.lock);
	slot *s = sh.index.find(hash);

	if (s)
		take_out(sh, s);
}

// Without memory for it the memory of keys stays as large as it was.
void block_cache::set_capacity(size_t capacity)
{
	{
		std::lock_guard<std::mutex> hold(tuning_);
		size_t beside;

		capacity_ = capacity;
		init_seen();
		beside = beside_pool();
		off_ = capacity <= beside ||
		       zs_set_memory_limit(pool_, capacity - beside) == -EINVAL;
		retune();
	}
	while (objects_bytes_ > budget_ && evict_some(evict_bytes))
		;
	for (unsigned int i = 0; i < nr_shards_; i++) {
		std::lock_guard<std::mutex> hold(shard_[i].lock);
		size_t before = shard_[i].index.memory();

		shard_[i].index.shrink();
		index_bytes_ -= before - shard_[i].index.memory();
	}
	zs_compact(pool_);
	zs_trim(pool_);
	std::lock_guard<std::mutex> hold(tuning_);
	retune();
}

void block_cache::stats(zs::secondary_cache_stats *stats)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	*stats = {};
	for (unsigned int i = 0; i < nr_shards_; i++) {
		shard &sh = shard_[i];
		std::lock_guard<std::mutex> hold(sh.lock);

		stats->entries += sh.index.entries();
		stats->value_bytes += sh.value_bytes;
		stats->hits += sh.hits;
		stats->misses += sh.misses;
		stats->inserts += sh.inserts;
		stats->evictions += sh.evictions;
		stats->seen_first += sh.seen_first;
	}
	stats->too_large = too_large_;
	stats->no_memory = no_memory_;
	stats->stored_bytes = objects_bytes_;
	stats->index_bytes = index_bytes_;
	zs_pool_info(pool_, &info);
	std::lock_guard<std::mutex> hold(tuning_);
	stats->memory_bytes = info.bytes_resident + beside_pool();
}

} // namespace uzs
