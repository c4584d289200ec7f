/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* replay_state.c - prints the state of the pool in a replay: the counts, a hash
 * of the class table and a hash of the layout.
 */
#include "replay.h"

#include <inttypes.h>
#include <string.h>

#define FNV_OFFSET 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u
/* Longest line of the class table: 19 numbers of at most 20 digits. */
#define CLASS_LINE_BYTES 400
#define LAYOUT_WORDS 2048

static uint64_t fnv_bytes(uint64_t hash, const char *bytes, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * FNV_PRIME;
	return hash;
}

/* FNV-1a over the four bytes of @word, lowest first. A byte of 0 only
 * multiplies. Most words are small, and the multiplications take most of the
 * time of a large layout. */
static uint64_t fnv_word(uint64_t hash, uint32_t word)
{
	const uint64_t prime2 = FNV_PRIME * FNV_PRIME;

	hash = (hash ^ (word & 0xff)) * FNV_PRIME;
	word >>= 8;
	if (!word)
		return hash * FNV_PRIME * prime2;
	hash = (hash ^ (word & 0xff)) * FNV_PRIME;
	word >>= 8;
	if (!word)
		return hash * prime2;
	hash = (hash ^ (word & 0xff)) * FNV_PRIME;
	return (hash ^ (word >> 8)) * FNV_PRIME;
}

static void look_at_classes(struct uzs_replay *replay)
{
	unsigned int i;

	for (i = 0; i < replay->class_count; i++) {
		struct zs_class_info *info = &replay->classes[i];

		info->struct_size = sizeof(*info);
		zs_class_info(replay->pool, replay->indices[i], info);
	}
}

/* Return: bytes of the line, its newline included. */
static size_t class_line(const struct zs_class_info *info,
			 char line[CLASS_LINE_BYTES])
{
	int group, bytes;

	bytes = snprintf(line, CLASS_LINE_BYTES, "%u %u %lu %lu %lu %u %lu",
			 info->index, info->size, info->objs_capacity,
			 info->objs_inuse, info->pages_used,
			 info->pages_per_zspage, info->freeable_pages);
	for (group = 0; group < ZS_NR_FULLNESS_GROUPS; group++)
		bytes += snprintf(line + bytes,
				  CLASS_LINE_BYTES - (size_t)bytes, " %lu",
				  info->zspages[group]);
	line[bytes++] = '\n';
	return (size_t)bytes;
}

static uint64_t table_hash(const struct uzs_replay *replay)
{
	uint64_t hash = FNV_OFFSET;
	char line[CLASS_LINE_BYTES];
	unsigned int i;

	for (i = 0; i < replay->class_count; i++) {
		if (replay->classes[i].objs_capacity)
			hash = fnv_bytes(hash, line,
					 class_line(&replay->classes[i], line));
	}
	return hash;
}

/* Words of the layout before they are hashed. They are collected so that many
 * handles are looked up at a time: each lookup is a cache miss, and most
 * zspages have few objects. */
struct layout {
	const struct uzs_objtable *table;
	const char *trace;
	uint64_t hash;
	size_t count;
	size_t handle_count;
	uint32_t words[LAYOUT_WORDS];
	unsigned long handles[LAYOUT_WORDS];
	uint32_t ids[LAYOUT_WORDS]; /* IDs of the handles, plus 1 */
	uint32_t places[LAYOUT_WORDS]; /* positions of the handles, in words */
};

/* Return: 0 or an exit status. */
static int flush_layout(struct layout *layout)
{
	size_t i;

	if (!uzs_objtable_ids(layout->table, layout->handles,
			      layout->handle_count, layout->ids))
		return uzs_fail(
			"%s: the pool shows an object that the trace did not allocate",
			layout->trace);
	for (i = 0; i < layout->handle_count; i++)
		layout->words[layout->places[i]] = layout->ids[i];
	for (i = 0; i < layout->count; i++)
		layout->hash = fnv_word(layout->hash, layout->words[i]);
	layout->count = 0;
	layout->handle_count = 0;
	return 0;
}

static int add_word(struct layout *layout, uint32_t word)
{
	layout->words[layout->count++] = word;
	return layout->count == LAYOUT_WORDS ? flush_layout(layout) : 0;
}

/* `handle` is 0 for a free object. */
static int add_handle(struct layout *layout, unsigned long handle)
{
	if (handle) {
		layout->handles[layout->handle_count] = handle;
		layout->places[layout->handle_count++] =
			(uint32_t)layout->count;
	}
	return add_word(layout, 0);
}

/* For zs_for_each_zspage: hashes one zspage. Return: 0 or an exit status. */
static int add_zspage(const struct zs_zspage_info *info, void *arg)
{
	struct layout *layout = arg;
	int status = add_word(layout, info->group);
	unsigned int i;

	if (!status)
		status = add_word(layout, info->inuse);
	for (i = 0; !status && i < info->objs; i++)
		status = add_handle(layout, info->handles[i]);
	for (i = 0; !status && i < info->objs - info->inuse; i++)
		status = add_word(layout, info->free_list[i]);
	return status;
}

static int layout_hash(const struct uzs_replay *replay, uint64_t *hash)
{
	struct layout layout;
	unsigned int i;
	int status = 0;

	layout.table = &replay->table;
	layout.trace = uzs_trace_name(replay->trace);
	layout.hash = FNV_OFFSET;
	layout.count = 0;
	layout.handle_count = 0;
	for (i = 0; !status && i < replay->class_count; i++) {
		unsigned int index = replay->indices[i];

		if (!replay->classes[i].objs_capacity)
			continue;
		status = add_word(&layout, index);
		if (!status)
			status = zs_for_each_zspage(replay->pool, index,
						    add_zspage, &layout);
		if (status < 0)
			return uzs_fail(
				"%s: cannot walk the zspages of class %u: %s",
				layout.trace, index, strerror(-status));
	}
	if (!status)
		status = flush_layout(&layout);
	*hash = layout.hash;
	return status;
}

int uzs_replay_print_state(struct uzs_replay *replay, const char *when,
			   uint64_t line)
{
	unsigned long groups[ZS_NR_FULLNESS_GROUPS] = { 0 };
	unsigned long capacity = 0, inuse = 0, freeable = 0;
	uint64_t layout = 0;
	unsigned int i, group;
	int status;

	look_at_classes(replay);
	for (i = 0; i < replay->class_count; i++) {
		const struct zs_class_info *info = &replay->classes[i];

		capacity += info->objs_capacity;
		inuse += info->objs_inuse;
		freeable += info->freeable_pages;
		for (group = 0; group < ZS_NR_FULLNESS_GROUPS; group++)
			groups[group] += info->zspages[group];
	}
	status = layout_hash(replay, &layout);
	if (status)
		return status;
	printf("%s %" PRIu64 " op %" PRIu64 " pages %lu live %" PRIu64
	       " obj_allocated %lu obj_used %lu freeable %lu groups",
	       when, replay->compactions, line,
	       zs_get_total_pages(replay->pool), replay->live, capacity, inuse,
	       freeable);
	for (group = 0; group < ZS_NR_FULLNESS_GROUPS; group++)
		printf("%c%lu", group ? ',' : ' ', groups[group]);
	printf(" table %016" PRIx64 " layout %016" PRIx64 "\n",
	       table_hash(replay), layout);
	return 0;
}

void uzs_replay_compact(struct uzs_replay *replay)
{
	unsigned long freed = zs_compact(replay->pool);
	unsigned int i;

	printf("compact %" PRIu64 " freed %lu by_class", replay->compactions,
	       freed);
	for (i = 0; i < replay->class_count; i++) {
		unsigned long pages_before = replay->classes[i].pages_used;
		struct zs_class_info info = ZS_CLASS_INFO_INIT;

		zs_class_info(replay->pool, replay->indices[i], &info);
		if (info.pages_used != pages_before)
			printf(" %u:%lu", info.index,
			       pages_before - info.pages_used);
	}
	putchar('\n');
}

void uzs_replay_print_classes(const struct uzs_replay *replay)
{
	char line[CLASS_LINE_BYTES];
	unsigned int i;

	for (i = 0; i < replay->class_count; i++) {
		if (!replay->classes[i].objs_capacity)
			continue;
		fputs("class ", stdout);
		fwrite(line, 1, class_line(&replay->classes[i], line), stdout);
	}
}
