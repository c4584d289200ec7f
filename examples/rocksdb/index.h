/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* index.h - one shard of the index: which blocks there are, by the hash of their
 * key, in CLOCK order; and a memory of keys that came once.
 *
 * Why not std::unordered_map, or a concurrent map: the pool writes the refs when it
 * moves objects, so a slot must stay in its place when the index grows; the index
 * counts as memory held, so each entry takes 32 bytes and a link, where a node of a
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

struct slot {
	zs_ref object; /* never copied: zs_ref_move moves it */
	uint64_t hash;
	/* Next slot in the bucket, or next free slot; of a slot that was taken
	 * out and is still read, its own number. */
	uint32_t next;
	uint32_t object_bytes : 24, in_index : 1, referenced : 1;
	uint32_t value_bytes; /* uncompressed */
	std::atomic<uint32_t> readers;
};

class shard_index
{
public:
	static constexpr uint32_t none = UINT32_MAX;

	shard_index() = default;
	shard_index(const shard_index &) = delete;
	shard_index &operator=(const shard_index &) = delete;
	~shard_index();

	/* @seen_keys: how many keys to remember; 0: none. The first call makes
	 * the index usable; a later one forgets all keys that were remembered.
	 * Return: false: no memory, and the index is as it was. */
	bool init(size_t seen_keys);
	/* Of this index, in bytes. */
	size_t memory() const
	{
		return memory_;
	}
	size_t entries() const
	{
		return entries_;
	}

	/* Return: the block's slot, or NULL. */
	slot *find(uint64_t hash);
	/* Return: a slot that is in use and not in the index; NULL: no memory. */
	slot *get();
	/* Puts a slot of get() into the index. No slot there has its hash. */
	void put(slot *s);
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
	bool add_chunk();
	void grow_buckets();
	void free_slots();

	slot **chunk_ = nullptr; /* slots stay where they are: in chunks */
	uint32_t nr_chunks_ = 0, room_chunks_ = 0;
	uint32_t *bucket_ = nullptr, nr_buckets_ = 0; /* a power of two */
	uint32_t free_ = none; /* slots that were in use */
	uint32_t fresh_ = 0; /* slots from here on never were */
	uint32_t hand_ = 0;
	size_t entries_ = 0, in_use_ = 0, memory_ = 0;
	/* Sets of four: the newest lies lowest. 0 is nothing. */
	uint64_t *seen_ = nullptr;
	size_t nr_seen_ = 0; /* sets, a power of two */
};

} // namespace uzs

#endif
