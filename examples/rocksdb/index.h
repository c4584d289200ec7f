/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* index.h - one shard of the index: which blocks there are, by the hash of their
 * key, in CLOCK order; and a memory of keys that came once.
 *
 * Why not std::unordered_map, or a concurrent map: the pool writes the refs when it
 * moves objects, so a slot must stay in its place when the index grows; the index
 * counts as memory held, so each entry takes 24 bytes and a link, where a node of a
 * map takes some 70 of malloc's; and RocksDB must see no exception when memory is short.
 *
 * Locks: the caller has the shard's lock. A slot's `object` and `readers` may be
 * used without it by who counts as a reader of the slot.
 */
#ifndef UZS_ROCKSDB_INDEX_H
#define UZS_ROCKSDB_INDEX_H

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <uzsmalloc.h>

namespace uzs
{

/* A block: 24 bytes, which are the most of the index. */
struct slot {
	static constexpr size_t object_max = size_t{ 1 } << 20;
	static constexpr size_t value_max = (size_t{ 1 } << 26) - 1;

	size_t object_bytes() const /* at least 1 */
	{
		return size_t{ object_less_1 } + 1;
	}
	size_t value_bytes() const /* uncompressed */
	{
		return size_t{ value_high } << 16 | value_low;
	}
	void set_bytes(size_t object, size_t value)
	{
		object_less_1 = static_cast<uint32_t>(object - 1);
		value_high = static_cast<uint32_t>(value >> 16);
		value_low = static_cast<uint16_t>(value);
	}

	zs_ref object; /* never copied: zs_ref_move moves it */
	uint32_t hash; /* half of it: enough, as keys are compared later */
	/* Next slot in the bucket, or next free slot; of a slot that was taken
	 * out and is still read, its own number. */
	uint32_t next;
	uint32_t object_less_1 : 20, value_high : 10, in_index : 1,
		referenced : 1;
	uint16_t value_low;
	std::atomic<uint16_t> readers;
};
static_assert(sizeof(slot) == 24, "as was meant");

class shard_index
{
public:
	static constexpr uint32_t none = UINT32_MAX;

	shard_index() = default;
	shard_index(const shard_index &) = delete;
	shard_index &operator=(const shard_index &) = delete;
	~shard_index();

	/* @seen_keys: how many keys to remember, at least 4. The first call makes
	 * the index usable; a later one forgets all keys that were remembered.
	 * Return: false: no memory, and the index is as it was. */
	bool init(size_t seen_keys);
	/* Of this index, in bytes. */
	size_t memory() const
	{
		return memory_;
	}
	/* May be called without the lock, too: what it was a moment ago. */
	size_t entries() const
	{
		return entries_.load(std::memory_order_relaxed);
	}

	/* Return: the block's slot, or NULL. */
	slot *find(uint64_t hash);
	/* Return: a slot that is in use and not in the index; NULL: no memory. */
	slot *get();
	/* Puts a slot of get() into the index. find() finds none with this hash. */
	void put(slot *s, uint64_t hash);
	/* Takes a slot out of the index. It is in use until free(). */
	void take_out(slot *s);
	/* Frees a slot that is not in the index, and names no object. */
	void free(slot *s);
	/* CLOCK: the next slot that was not referenced since the hand passed.
	 * NULL: the index is empty. */
	slot *victim();
	/* Gives memory back if no slot is in use. */
	void shrink();

	/* The memory of keys that came once: about the last `seen_keys` of them,
	 * as 16 bits each, so one key in some 16,000 is mistaken for another. */
	void remember(uint64_t hash);
	/* Return: was it remembered? It is not any more. */
	bool forget(uint64_t hash);

private:
	static constexpr uint32_t chunk_slots = 64, first_buckets = 64;

	slot *at(uint32_t n)
	{
		return &chunk_[n / chunk_slots][n % chunk_slots];
	}
	uint64_t *seen_set(uint64_t hash);
	bool add_chunk();
	void grow_buckets();
	void free_slots();

	slot **chunk_ = nullptr; /* slots stay where they are: in chunks */
	uint32_t nr_chunks_ = 0, room_chunks_ = 0;
	uint32_t *bucket_ = nullptr, nr_buckets_ = 0; /* a power of two */
	uint32_t free_ = none; /* slots that were in use */
	uint32_t fresh_ = 0; /* slots from here on never were */
	uint32_t hand_ = 0;
	std::atomic<size_t> entries_{ 0 };
	size_t in_use_ = 0, memory_ = 0;
	/* Sets of four: the newest lies lowest. 0 is nothing. */
	uint64_t *seen_ = nullptr;
	uint32_t nr_seen_ = 0; /* sets */
};

} // namespace uzs

#endif
