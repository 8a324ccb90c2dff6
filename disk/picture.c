/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "picture.h"

static void add_item(struct item **items, size_t *count, uint64_t start, uint64_t size, char letter, const char *name)
{
	struct item *item;

	*items = allocate_again(*items, (*count + 1) * sizeof **items);
	item = &(*items)[(*count)++];
	*item = (struct item){ .start = start, .end = start + size, .letter = letter };
	snprintf(item->name, sizeof item->name, "%s", name);
}

/* a to z, then A to Z. Later items share one character. */
static char segment_letter(size_t index)
{
	return index < 26 ? (char)('a' + index) : index < 52 ? (char)('A' + index - 26) : '*';
}

static void read_plan(struct picture *p)
{
	const struct segue_description *d = &p->run->description;
	size_t i;

	p->segments = allocate(d->segment_count * sizeof *p->segments);
	while (p->segment_count < d->segment_count &&
	       !segue_segment_at(p->run->workspace, p->segment_count, &p->segments[p->segment_count]))
		p->segment_count++;
	p->moves = allocate(d->move_count * sizeof *p->moves);
	while (p->move_count < d->move_count && !segue_move_at(p->run->workspace, p->move_count, &p->moves[p->move_count]))
		p->move_count++;
	for (i = 0; i < p->segment_count; i++) {
		const struct segue_segment *segment = &p->segments[i];
		char name[48];

		dry_run_segment_name(p->run, i, name, sizeof name);
		add_item(&p->after, &p->after_count, segment->dest, segment->size, segment_letter(i), name);
	}
	add_item(&p->after, &p->after_count, d->purgatory, d->purgatory_size, '%', "purgatory");
}

static void list_host(struct picture *p)
{
	const struct dry_run *run = p->run;
	size_t i;

	add_item(&p->before, &p->before_count, run->blob.extent.addr, run->blob.extent.size, '=',
		 base_name(run->blob.file.path));
	for (i = 0; i < run->module_count; i++)
		add_item(&p->before, &p->before_count, run->modules[i].extent.addr, run->modules[i].extent.size, '=',
			 base_name(run->modules[i].file.path));
	add_item(&p->before, &p->before_count, run->workspace_phys, run->workspace_size, '+', "workspace");
}

static int compare_addresses(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct cuts {
	uint64_t *at;
	size_t count;
};

static void cut(struct cuts *cuts, uint64_t start, uint64_t end)
{
	cuts->at = allocate_again(cuts->at, (cuts->count + 2) * sizeof *cuts->at);
	cuts->at[cuts->count++] = start;
	cuts->at[cuts->count++] = end;
}

static bool within(uint64_t address, uint64_t start, uint64_t size)
{
	return address >= start && address - start < size;
}

size_t picture_segment_at(const struct picture *p, uint64_t address)
{
	size_t i;

	for (i = 0; i < p->segment_count; i++)
		if (within(address, p->segments[i].dest, p->segments[i].size))
			return i;
	return NOBODY;
}

static size_t item_at(const struct item *items, size_t count, uint64_t address)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (within(address, items[i].start, items[i].end - items[i].start))
			return i;
	return NOBODY;
}

/* If ranges overlap, the type that is not RAM wins. */
static uint32_t type_at(const struct machine_map *map, uint64_t address)
{
	uint32_t type = 0;
	size_t i;

	for (i = 0; i < map->count; i++)
		if (within(address, map->ranges[i].start, map->ranges[i].end - map->ranges[i].start) &&
		    (!type || type == SEGUE_MEMORY_RAM))
			type = map->ranges[i].type;
	return type;
}

static bool is_outside(const struct dry_run *run, uint64_t address)
{
	size_t i;

	for (i = 0; i < run->within_count; i++)
		if (within(address, run->within[i].start, run->within[i].end - run->within[i].start))
			return false;
	return run->within_count != 0;
}

static struct span look(const struct picture *p, uint64_t start, uint64_t end)
{
	struct span span = { .start = start, .end = end, .source = NOBODY };
	size_t i;

	span.type = type_at(&p->run->map, start);
	span.outside = span.type == SEGUE_MEMORY_RAM && is_outside(p->run, start);
	span.before = item_at(p->before, p->before_count, start);
	span.after = item_at(p->after, p->after_count, start);
	for (i = 0; i < p->segment_count && span.source == NOBODY; i++)
		if (within(start, p->segments[i].source, p->segments[i].file_size))
			span.source = i;
	if (span.after != NOBODY && span.after < p->segment_count)
		span.zeros = !within(start, p->segments[span.after].dest, p->segments[span.after].file_size);
	return span;
}

static bool same(const struct span *a, const struct span *b)
{
	return a->type == b->type && a->outside == b->outside && a->before == b->before && a->source == b->source &&
	       a->after == b->after && a->zeros == b->zeros;
}

static void make_spans(struct picture *p)
{
	const struct machine_map *map = &p->run->map;
	uint64_t top = map_top(map);
	struct cuts cuts = { NULL, 0 };
	size_t i;

	cut(&cuts, 0, top);
	for (i = 0; i < map->count; i++)
		cut(&cuts, map->ranges[i].start, map->ranges[i].end);
	for (i = 0; i < p->run->within_count; i++)
		cut(&cuts, p->run->within[i].start, p->run->within[i].end);
	for (i = 0; i < p->before_count; i++)
		cut(&cuts, p->before[i].start, p->before[i].end);
	for (i = 0; i < p->after_count; i++)
		cut(&cuts, p->after[i].start, p->after[i].end);
	for (i = 0; i < p->segment_count; i++) {
		cut(&cuts, p->segments[i].source, p->segments[i].source + p->segments[i].file_size);
		cut(&cuts, p->segments[i].dest, p->segments[i].dest + p->segments[i].file_size);
	}
	qsort(cuts.at, cuts.count, sizeof *cuts.at, compare_addresses);
	p->spans = allocate(cuts.count * sizeof *p->spans);
	for (i = 0; i + 1 < cuts.count && cuts.at[i] < top; i++) {
		struct span span;

		if (cuts.at[i] == cuts.at[i + 1])
			continue;
		span = look(p, cuts.at[i], cuts.at[i + 1]);
		if (p->span_count && same(&span, &p->spans[p->span_count - 1]))
			p->spans[p->span_count - 1].end = span.end;
		else
			p->spans[p->span_count++] = span;
	}
	free(cuts.at);
}

void picture_make(const struct dry_run *run, struct picture *picture)
{
	*picture = (struct picture){ .run = run };
	read_plan(picture);
	list_host(picture);
	make_spans(picture);
}

void picture_free(struct picture *picture)
{
	free(picture->before);
	free(picture->after);
	free(picture->segments);
	free(picture->moves);
	free(picture->spans);
}
