/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* view.c - writes records as one HTML file, which needs no network, and as JSON.
 * Owns no state.
 *
 * In the file: what is small as JSON; the samples of each record, as numbers like those of
 * the stream, and the stream (record.h), compressed by zlib, in base64. The page's scripts
 * (page/) draw everything.
 */
#include "record_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "assets.h"
#include "json.h"
#include "record_page.h"
#include "variants.h"

/* ---- numbers in the page -------------------------------------------------------------- */

static void put_base64(const unsigned char *bytes, size_t nr, FILE *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i;

	for (i = 0; i < nr; i += 3) {
		uint32_t v = (uint32_t)bytes[i] << 16;

		if (i + 1 < nr)
			v |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < nr)
			v |= bytes[i + 2];
		putc(digits[v >> 18], out);
		putc(digits[v >> 12 & 63], out);
		putc(i + 1 < nr ? digits[v >> 6 & 63] : '=', out);
		putc(i + 2 < nr ? digits[v & 63] : '=', out);
	}
}

/* Bytes that the page takes at once. */
#define PART_BYTES (3u << 18)

/* Frees them. */
static int put_numbers(const char *name, unsigned int nr,
		       struct uzs_numbers *numbers, FILE *out)
{
	uLongf packed = compressBound(numbers->nr);
	unsigned char *mem = malloc(packed);
	bool done = mem && !numbers->no_memory &&
		    compress2(mem, &packed, numbers->bytes, numbers->nr, 9) ==
			    Z_OK;

	for (uLongf at = 0; done && at < packed; at += PART_BYTES) {
		fputs("<script type=\"text/plain\">", out);
		put_base64(mem + at,
			   packed - at < PART_BYTES ? packed - at : PART_BYTES,
			   out);
		fprintf(out, "</script><script>takePart('%s-%u')</script>\n",
			name, nr);
	}
	if (done)
		fprintf(out, "<script>takeEnd('%s-%u')</script>\n", name, nr);
	free(mem);
	free(numbers->bytes);
	return done ? 0 : uzs_fail("out of memory for the page");
}

/* ---- samples ----------------------------------------------------------------------- */

/* 0: not looked at. Else how many sections + 1; then runs: how long, and what the
 * pages are used for: enum zs_page_use, 255: the section was not there. */
static void add_use(struct uzs_numbers *numbers, const struct uzs_record *rec,
		    const struct rec_sample *sample)
{
	size_t nr = (size_t)sample->sections
		    << (REC_SECTION_SHIFT - rec->page_shift);
	size_t i, run;

	if (!sample->use) {
		uzs_add(numbers, 0);
		return;
	}
	uzs_add(numbers, sample->sections + 1);
	for (i = 0; i < nr; i += run) {
		for (run = 1;
		     i + run < nr && sample->use[i + run] == sample->use[i];)
			run++;
		uzs_add(numbers, run);
		uzs_add(numbers, sample->use[i]);
	}
}

static void add_sample(struct uzs_numbers *numbers,
		       const struct uzs_record *rec, size_t at)
{
	const struct rec_sample *s = &rec->samples[at];
	const struct rec_sample *last = at ? s - 1 : NULL;

	uzs_add(numbers, s->ops);
	uzs_add(numbers, s->event);
	uzs_add(numbers, s->live_bytes);
	uzs_add(numbers, s->used_bytes);
	uzs_add(numbers, s->objs);
	uzs_add(numbers, s->pages);
	uzs_add(numbers, s->freeable);
	uzs_add(numbers, s->slab_pages);
	uzs_add(numbers, s->resident);
	uzs_add(numbers, s->free_bytes);
	for (unsigned int i = 0; i < 2 * rec->nr_classes; i++)
		uzs_add_difference(numbers, last ? last->classes[i] : 0,
				   s->classes[i]);
	add_use(numbers, rec, s);
}

/* ---- HTML ---------------------------------------------------------------------------- */

static const char *scope_of(const struct uzs_record *rec)
{
	return rec->user ? "none"
			 : variant_scope_name(zs_pool_scope(rec->pool));
}

static void json_classes(struct uzs_json *json, const struct uzs_record *rec)
{
	uzs_json_open(json, "classes", '[');
	for (unsigned int i = 0; i < rec->nr_classes; i++) {
		const struct rec_class *c = &rec->classes[i];

		uzs_json_open(json, NULL, '{');
		uzs_json_uint(json, "index", c->index);
		uzs_json_uint(json, "size", c->size);
		uzs_json_uint(json, "pages", c->pages);
		uzs_json_uint(json, "objs", c->objs);
		uzs_json_bool(json, "huge", c->huge);
		uzs_json_close(json, '}');
	}
	uzs_json_close(json, ']');
}

static void json_events(struct uzs_json *json, const struct uzs_record *rec)
{
	uzs_json_open(json, "events", '[');
	for (size_t i = 0; i < rec->nr_events; i++) {
		const struct rec_event *event = &rec->events[i];
		char kind[2] = { event->kind, '\0' };

		uzs_json_open(json, NULL, '{');
		uzs_json_string(json, "kind", kind);
		uzs_json_uint(json, "ops_before", event->ops);
		uzs_json_uint(json, "line", event->line);
		uzs_json_uint(json, "pages_freed", event->pages_freed);
		uzs_json_uint(json, "objs_moved", event->objs_moved);
		uzs_json_uint(json, "bytes_moved", event->bytes_moved);
		uzs_json_uint(json, "pages_moved", event->pages_moved);
		uzs_json_uint(json, "bytes_given_back", event->bytes_given);
		uzs_json_close(json, '}');
	}
	uzs_json_close(json, ']');
}

static void json_head(struct uzs_json *json, const struct uzs_record *rec)
{
	uzs_json_string(json, "label", rec->label);
	uzs_json_string(json, "profile",
			variant_profile_name(zs_profile(rec->pool)));
	uzs_json_string(json, "scope", scope_of(rec));
	uzs_json_uint(json, "page_size", rec->info.page_size);
	uzs_json_uint(json, "chain_size", rec->info.chain_size);
	uzs_json_uint(json, "word_bits", 8 * sizeof(unsigned long));
	uzs_json_uint(json, "pfn_shift", rec->pfn_shift);
	uzs_json_uint(json, "class_shift", rec->class_shift);
	uzs_json_uint(json, "section_bytes", 1u << REC_SECTION_SHIFT);
	uzs_json_uint(json, "ops", rec->ops);
	uzs_json_uint(json, "frames", rec->frames);
	uzs_json_uint(json, "every", rec->first_every);
	uzs_json_uint(json, "last_every", rec->every);
	uzs_json_uint(json, "thinned_from", rec->thinned_from);
	uzs_json_bool(json, "cut_off", rec->full);
	uzs_json_uint(json, "corrections", rec->corrections);
	uzs_json_uint(json, "objects", rec->nr_objects);
	uzs_json_uint(json, "sections", rec->nr_sections);
	json_classes(json, rec);
	json_events(json, rec);
}

/* A script must not contain its own end tag. */
static void put_script_text(const char *text, size_t nr, FILE *out)
{
	for (; nr; text++, nr--) {
		if (*text == '<')
			fputs("\\u003c", out);
		else
			putc(*text, out);
	}
}

static int put_meta(const struct uzs_view *view, FILE *out)
{
	struct uzs_json json;
	size_t nr = 0;
	char *text = NULL;
	FILE *mem = open_memstream(&text, &nr);

	if (!mem)
		return uzs_fail("out of memory for the page");
	json = (struct uzs_json)UZS_JSON_INIT(mem);
	uzs_json_open(&json, NULL, '{');
	uzs_json_string(&json, "title", view->title);
	uzs_json_string(&json, "version", zs_version());
	uzs_json_open(&json, "records", '[');
	for (unsigned int i = 0; i < view->nr; i++) {
		uzs_json_open(&json, NULL, '{');
		json_head(&json, view->records[i]);
		uzs_json_close(&json, '}');
	}
	uzs_json_close(&json, ']');
	uzs_json_close(&json, '}');
	if (fclose(mem)) {
		free(text);
		return uzs_fail("out of memory for the page");
	}
	fputs("<script type=\"application/json\" id=\"meta\">", out);
	put_script_text(text, nr, out);
	fputs("</script>\n", out);
	free(text);
	return 0;
}

static int put_stream(const struct uzs_record *rec, unsigned int nr, FILE *out)
{
	struct uzs_shortened shortened = { 0 };
	struct uzs_numbers numbers = { 0 };

	uzs_add_stream(&numbers, &shortened, rec);
	free(shortened.handles);
	return put_numbers("stream", nr, &numbers, out);
}

static int put_samples(const struct uzs_record *rec, unsigned int nr, FILE *out)
{
	struct uzs_numbers numbers = { 0 };
	size_t i;

	uzs_add(&numbers, rec->nr_zspages);
	for (i = 0; i < rec->nr_zspages; i++)
		uzs_add(&numbers, rec->zspages[i].class);
	uzs_add(&numbers, rec->nr_samples);
	for (i = 0; i < rec->nr_samples; i++)
		add_sample(&numbers, rec, i);
	return put_numbers("samples", nr, &numbers, out);
}

static int put_html(const void *arg, FILE *out)
{
	const struct uzs_view *view = arg;
	int status;

	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head>"
	      "<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width\">\n"
	      "<title>uzsmalloc: a pool, step by step</title>\n<style>\n",
	      out);
	fputs(uzs_asset_page_css, out);
	fputs(uzs_asset_view_css, out);
	fputs("</style></head><body>\n", out);
	fputs(uzs_asset_view_html, out);
	status = put_meta(view, out);
	fputs("<script>\n'use strict';\n", out);
	fputs(uzs_asset_unpack_js, out);
	fputs("</script>\n", out);
	for (unsigned int i = 0; i < view->nr && !status; i++) {
		status = put_samples(view->records[i], i, out);
		if (!status)
			status = put_stream(view->records[i], i, out);
	}
	fputs("<script>\n'use strict';\n", out);
	fputs(uzs_asset_page_js, out);
	fputs(uzs_asset_state_js, out);
	fputs(uzs_asset_draw_js, out);
	fputs(uzs_asset_map_js, out);
	fputs(uzs_asset_charts_js, out);
	fputs(uzs_asset_pool_js, out);
	fputs(uzs_asset_follow_js, out);
	fputs(uzs_asset_moves_js, out);
	fputs(uzs_asset_view_js, out);
	fputs("</script>\n</body></html>\n", out);
	return status;
}

/* ---- JSON: the same, each number with its name -------------------------------------- */

/* An array: the record's name, then its numbers as in the stream. */
static void json_record(struct uzs_json *json, struct uzs_reader *reader,
			const struct uzs_record *rec)
{
	static const char *const names[] = {
#define RECORD_NAME(word, name, args) name,
		UZS_RECORDS(RECORD_NAME)
	};
	struct uzs_read one = uzs_read_record(reader, rec);

	fputs(json->follows ? ",\n    " : "\n    ", json->out);
	json->follows = true;
	fprintf(json->out, "[\"%s\"", names[one.word]);
	for (unsigned int i = 0; i < one.nr; i++)
		fprintf(json->out, ",%" PRIu64, one.values[i]);
	for (; one.more; one.more--)
		fprintf(json->out, ",%" PRIu64, uzs_next(reader));
	fputs(one.alone ? ",\"alone\"]" : "]", json->out);
}

static void json_samples(struct uzs_json *json, const struct uzs_record *rec)
{
	uzs_json_open(json, "samples", '[');
	for (size_t i = 0; i < rec->nr_samples; i++) {
		const struct rec_sample *s = &rec->samples[i];

		uzs_json_open(json, NULL, '{');
		uzs_json_uint(json, "ops", s->ops);
		uzs_json_uint(json, "objects", s->objs);
		uzs_json_uint(json, "live_bytes", s->live_bytes);
		uzs_json_uint(json, "class_bytes", s->used_bytes);
		uzs_json_uint(json, "pages", s->pages);
		uzs_json_uint(json, "freeable_pages", s->freeable);
		uzs_json_uint(json, "slab_pages", s->slab_pages);
		uzs_json_uint(json, "bytes_resident", s->resident);
		uzs_json_uint(json, "bytes_free", s->free_bytes);
		uzs_json_close(json, '}');
	}
	uzs_json_close(json, ']');
}

static int put_json(const void *arg, FILE *out)
{
	const struct uzs_view *view = arg;
	struct uzs_json json = UZS_JSON_INIT(out);

	uzs_json_open(&json, NULL, '{');
	uzs_json_string(&json, "title", view->title);
	uzs_json_string(&json, "version", zs_version());
	uzs_json_open(&json, "records", '[');
	for (unsigned int i = 0; i < view->nr; i++) {
		const struct uzs_record *rec = view->records[i];
		struct uzs_reader reader = { rec->stream.bytes };

		uzs_json_open(&json, NULL, '{');
		json_head(&json, rec);
		uzs_json_open(&json, "zspage_classes", '[');
		for (size_t z = 0; z < rec->nr_zspages; z++)
			fprintf(out, z ? ",%u" : "%u", rec->zspages[z].class);
		uzs_json_close(&json, ']');
		json_samples(&json, rec);
		uzs_json_open(&json, "stream", '[');
		while (reader.at < rec->stream.bytes + rec->stream.nr)
			json_record(&json, &reader, rec);
		uzs_json_close(&json, ']');
		uzs_json_close(&json, '}');
	}
	uzs_json_close(&json, ']');
	uzs_json_close(&json, '}');
	return 0;
}

/* ---- files ----------------------------------------------------------------------------- */

int uzs_view_html(const struct uzs_view *view, const char *path)
{
	return uzs_write_file(path, put_html, view);
}

int uzs_view_json(const struct uzs_view *view, const char *path)
{
	return uzs_write_file(path, put_json, view);
}
