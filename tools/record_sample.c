/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* record_sample.c - the figures of a pool now and then, and before and after each event:
 * what curves and bars are drawn from. Owns the samples.
 */
#include "record_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct look_at_sections {
	struct uzs_record *rec;
	struct rec_sample *sample;
};

static int look_at_section(const struct zs_section_info *info, void *arg)
{
	struct look_at_sections *look = arg;
	struct rec_sample *sample = look->sample;
	uint32_t nr =
		uzs_rec_section(look->rec, info->pfn << look->rec->page_shift);
	unsigned char *use = sample->use;

	if (nr >= sample->sections) {
		use = realloc(use, (size_t)(nr + 1) * info->pages);
		if (!use)
			return 1;
		memset(use + (size_t)sample->sections * info->pages, 0xff,
		       (size_t)(nr + 1 - sample->sections) * info->pages);
		look->rec->use_bytes +=
			(size_t)(nr + 1 - sample->sections) * info->pages;
		sample->use = use;
		sample->sections = nr + 1;
	}
	memcpy(use + (size_t)nr * info->pages, info->use, info->pages);
	return 0;
}

void uzs_rec_drop_sample(struct uzs_record *rec, struct rec_sample *sample)
{
	rec->use_bytes -= (size_t)sample->sections
			  << (REC_SECTION_SHIFT - rec->page_shift);
	free(sample->classes);
	free(sample->use);
}

/* Every second one, except those of events. */
static void thin_samples(struct uzs_record *rec)
{
	size_t to = 0;

	rec->sample_every *= 2;
	for (size_t i = 0; i < rec->nr_samples; i++) {
		struct rec_sample *sample = &rec->samples[i];

		if (!sample->event && sample->ops % rec->sample_every)
			uzs_rec_drop_sample(rec, sample);
		else
			rec->samples[to++] = *sample;
	}
	rec->nr_samples = to;
}

int uzs_rec_sample(struct uzs_record *rec, bool event)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	struct rec_sample *sample;
	uint64_t pages = 0;

	if (rec->nr_samples - rec->nr_event_samples >= REC_SAMPLES)
		thin_samples(rec);
	rec->next_sample =
		(rec->ops / rec->sample_every + 1) * rec->sample_every;
	if (!REC_ROOM(rec, rec->samples, rec->samples_room,
		      rec->nr_samples + 1))
		return uzs_rec_memory(rec);
	zs_pool_info(rec->pool, &info);
	sample = &rec->samples[rec->nr_samples];
	*sample = (struct rec_sample){
		.ops = rec->ops,
		.live_bytes = rec->live_bytes,
		.used_bytes = rec->used_bytes,
		.objs = rec->live_objs,
		.pages = info.pages,
		.freeable = info.freeable_pages,
		.slab_pages = info.slab_pages,
		.resident = info.bytes_resident,
		.free_bytes = info.bytes_free,
		.event = event,
		.classes = malloc(2 * rec->nr_classes * sizeof(uint32_t)),
	};
	if (!sample->classes) {
		rec->no_memory = true;
		return uzs_rec_memory(rec);
	}
	for (unsigned int i = 0; i < rec->nr_classes; i++) {
		sample->classes[2 * i] = rec->classes[i].zspages;
		sample->classes[2 * i + 1] = rec->classes[i].inuse;
		pages += (uint64_t)rec->classes[i].zspages *
			 rec->classes[i].pages;
	}
	rec->nr_samples++;
	rec->nr_event_samples += event;
	/* What was recorded has to be what the pool holds. */
	if (!rec->user && pages != info.pages)
		return uzs_fail("after %" PRIu64
				" operations the pool has %lu pages, "
				"and the record %" PRIu64,
				rec->ops, info.pages, pages);
	if ((event || rec->nr_samples % 16 == 1) &&
	    rec->use_bytes < REC_USE_BYTES) {
		struct look_at_sections look = { rec, sample };

		if (zs_for_each_section(rec->pool, look_at_section, &look))
			rec->no_memory = true;
	}
	return uzs_rec_memory(rec);
}
