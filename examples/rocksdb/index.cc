// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// index.cc - see index.h.
#include <algorithm>
#include <cstdlib>

#include "index.h"

namespace uzs
{

shard_index::~shard_index()
{
	free_slots();
	std::free(seen_);
}

void shard_index::free_slots()
{
	for (uint32_t i = 0; i < nr_chunks_; i++)
		std::free(chunk_[i]);
	memory_ -= nr_chunks_ * chunk_slots * sizeof(slot);
	std::free(chunk_);
	memory_ -= room_chunks_ * sizeof(*chunk_);
	std::free(bucket_);
	memory_ -= nr_buckets_ * sizeof(*bucket_);
	chunk_ = nullptr;
	bucket_ = nullptr;
	nr_chunks_ = room_chunks_ = nr_buckets_ = 0;
	free_ = none;
	fresh_ = hand_ = 0;
}

bool shard_index::init(size_t seen_keys)
{
	uint64_t *seen;
	uint32_t sets = static_cast<uint32_t>(std::clamp<size_t>(
		seen_keys / 4 + (seen_keys % 4 != 0), 1, UINT32_MAX));

	seen = static_cast<uint64_t *>(calloc(sets, sizeof(*seen)));
	if (!seen)
		return false;
	std::free(seen_);
	memory_ -= nr_seen_ * sizeof(*seen);
	seen_ = seen;
	nr_seen_ = sets;
	memory_ += size_t{ sets } * sizeof(*seen);
	return true;
}

bool shard_index::add_chunk()
{
	if (nr_chunks_ == none / chunk_slots)
		return false;
	if (nr_chunks_ == room_chunks_) {
		uint32_t room = room_chunks_ ? room_chunks_ * 2 : 8;
		void *chunks = realloc(chunk_, room * sizeof(*chunk_));

		if (!chunks)
			return false;
		chunk_ = static_cast<slot **>(chunks);
		memory_ += (room - room_chunks_) * sizeof(*chunk_);
		room_chunks_ = room;
	}
	chunk_[nr_chunks_] =
		static_cast<slot *>(calloc(chunk_slots, sizeof(slot)));
	if (!chunk_[nr_chunks_])
		return false;
	nr_chunks_++;
	memory_ += chunk_slots * sizeof(slot);
	return true;
}

// Without memory the buckets stay as they are, and have longer chains.
void shard_index::grow_buckets()
{
	uint32_t nr = nr_buckets_ ? nr_buckets_ * 2 : first_buckets;
	uint32_t *bucket =
		static_cast<uint32_t *>(malloc(nr * sizeof(*bucket)));

	if (!bucket)
		return;
	for (uint32_t i = 0; i < nr; i++)
		bucket[i] = none;
	for (uint32_t i = 0; i < fresh_; i++) {
		slot *s = at(i);
		uint32_t *link = &bucket[s->hash & (nr - 1)];

		if (!s->in_index)
			continue;
		s->next = *link;
		*link = i;
	}
	std::free(bucket_);
	bucket_ = bucket;
	memory_ += (nr - nr_buckets_) * sizeof(*bucket);
	nr_buckets_ = nr;
}

slot *shard_index::find(uint64_t hash64)
{
	uint32_t hash = static_cast<uint32_t>(hash64), n;

	if (!nr_buckets_)
		return nullptr;
	n = bucket_[hash & (nr_buckets_ - 1)];
	while (n != none && at(n)->hash != hash)
		n = at(n)->next;
	return n == none ? nullptr : at(n);
}

slot *shard_index::get()
{
	uint32_t n = free_;
	slot *s;

	if (in_use_ >= nr_buckets_ && nr_buckets_ <= none / 4)
		grow_buckets();
	if (!nr_buckets_)
		return nullptr;
	if (n != none) {
		free_ = at(n)->next;
	} else {
		if (fresh_ == nr_chunks_ * chunk_slots && !add_chunk())
			return nullptr;
		n = fresh_++;
	}
	in_use_++;
	s = at(n);
	s->next = n;
	return s;
}

void shard_index::put(slot *s, uint64_t hash)
{
	s->hash = static_cast<uint32_t>(hash);
	uint32_t *link = &bucket_[s->hash & (nr_buckets_ - 1)];
	uint32_t n = s->next;

	s->next = *link;
	*link = n;
	s->in_index = 1;
	s->referenced = 0;
	entries_.store(entries() + 1, std::memory_order_relaxed);
}

void shard_index::take_out(slot *s)
{
	uint32_t *link = &bucket_[s->hash & (nr_buckets_ - 1)];
	uint32_t n;

	while (at(*link) != s)
		link = &at(*link)->next;
	n = *link;
	*link = s->next;
	s->next = n;
	s->in_index = 0;
	entries_.store(entries() - 1, std::memory_order_relaxed);
}

void shard_index::free(slot *s)
{
	uint32_t n = s->next;

	s->next = free_;
	free_ = n;
	in_use_--;
}

slot *shard_index::victim()
{
	if (!entries())
		return nullptr;
	for (;;) {
		slot *s;

		if (hand_ >= fresh_)
			hand_ = 0;
		s = at(hand_++);
		if (!s->in_index)
			continue;
		if (!s->referenced)
			return s;
		s->referenced = 0;
	}
}

void shard_index::shrink()
{
	if (!in_use_)
		free_slots();
}

// Which set is the lower half's matter, as which bucket is; which shard is that of
// the highest bits.
static uint64_t mark_of(uint64_t hash)
{
	uint64_t mark = hash >> 40 & 0xffff;

	return mark ? mark : 1;
}

uint64_t *shard_index::seen_set(uint64_t hash)
{
	return &seen_[uint64_t{ static_cast<uint32_t>(hash) } * nr_seen_ >> 32];
}

void shard_index::remember(uint64_t hash)
{
	uint64_t *set = seen_set(hash);

	*set = *set << 16 | mark_of(hash);
}

bool shard_index::forget(uint64_t hash)
{
	uint64_t *set = seen_set(hash);

	for (unsigned int at = 0; at < 64; at += 16) {
		uint64_t older;

		if ((*set >> at & 0xffff) != mark_of(hash))
			continue;
		// What is older moves down into its place.
		older = at < 48 ? *set >> (at + 16) << at : 0;
		*set = (*set & ((UINT64_C(1) << at) - 1)) | older;
		return true;
	}
	return false;
}

} // namespace uzs
