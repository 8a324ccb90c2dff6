/* SPDX-License-Identifier: MIT */
/* Memory before and after as two bars on one scale. A small range still gets a column. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "picture.h"

#define BAR 72u
#define MOVES_SHOWN 64u

static bool is_small_but_shown(const struct span *span)
{
	return span->before != NOBODY || span->after != NOBODY;
}

/*
 * Each span that belongs to an item gets one column. The remaining columns are divided among all spans in proportion to
 * size. Many spans make a wider bar.
 */
static size_t share_columns(const struct picture *p, unsigned *columns)
{
	uint64_t sizes = p->spans[p->span_count - 1].end, seen = 0;
	size_t least = 0, width, given = 0, i;

	for (i = 0; i < p->span_count; i++) {
		columns[i] = is_small_but_shown(&p->spans[i]);
		least += columns[i];
	}
	width = least * 2 > BAR ? least * 2 : BAR;
	for (i = 0; i < p->span_count; i++) {
		size_t until;

		seen += p->spans[i].end - p->spans[i].start;
		until = (size_t)((double)seen / (double)sizes * (double)(width - least) + 0.5);
		columns[i] += (unsigned)(until - given);
		given = until;
	}
	return width;
}

static char map_letter(const struct span *span)
{
	return span->type == SEGUE_MEMORY_RAM ? '.' : span->type ? '#' : ' ';
}

static char before_letter(const struct picture *p, const struct span *span)
{
	if (span->before == NOBODY)
		return map_letter(span);
	return span->source == NOBODY ? p->before[span->before].letter : p->after[span->source].letter;
}

static char after_letter(const struct picture *p, const struct span *span)
{
	if (span->after == NOBODY)
		return span->outside ? '-' : map_letter(span);
	return span->zeros ? '0' : p->after[span->after].letter;
}

static void print_bar(const struct picture *p, const unsigned *columns, const char *label,
		      char (*letter)(const struct picture *, const struct span *))
{
	size_t i;

	printf("%-7s|", label);
	for (i = 0; i < p->span_count; i++) {
		unsigned column;

		for (column = 0; column < columns[i]; column++)
			putchar(letter(p, &p->spans[i]));
	}
	printf("|\n");
}

/* Prints addresses above the bars, each at the start of its span, if there is room. */
static void print_addresses(const struct picture *p, const unsigned *columns, size_t width)
{
	size_t column = 0, printed = 0, i;
	bool ticked = false;

	printf("%-8s", "");
	for (i = 0; i < p->span_count; column += columns[i++]) {
		char address[32];
		size_t length;

		if (!columns[i] || (!is_small_but_shown(&p->spans[i]) && ticked))
			continue;
		length = (size_t)snprintf(address, sizeof address, "|0x%" PRIx64, p->spans[i].start);
		if (column < printed + ticked || column + length > width)
			continue;
		printf("%*s%s", (int)(column - printed), "", address);
		printed = column + length;
		ticked = true;
	}
	putchar('\n');
}

static void print_bars(const struct picture *p)
{
	unsigned *columns = allocate(p->span_count * sizeof *columns);
	size_t width = share_columns(p, columns);

	print_addresses(p, columns, width);
	print_bar(p, columns, "before", before_letter);
	print_bar(p, columns, "after", after_letter);
	free(columns);
	printf("%-8s. free   # firmware   = blob and modules   + workspace   %% purgatory   0 zeros or room%s\n", "",
	       p->run->within_count ? "   - not for the target" : "");
}

static void print_item(const struct item *item)
{
	printf("  %c  0x%08" PRIx64 " - 0x%08" PRIx64 "  %10" PRIu64 "  ", item->letter, item->start, item->end,
	       item->end - item->start);
	print_text(item->name, strlen(item->name));
}

static void print_items(const struct picture *p)
{
	size_t i;

	printf("the host has%21s%10s\n", "", "bytes");
	for (i = 0; i < p->before_count; i++) {
		print_item(&p->before[i]);
		putchar('\n');
	}
	printf("\nthe target gets\n");
	for (i = 0; i < p->after_count; i++) {
		const struct segue_segment *segment = &p->segments[i];

		print_item(&p->after[i]);
		if (i < p->segment_count && segment->file_size) {
			if (segment->file_size < segment->size)
				printf(", %" PRIu64 " of them", segment->file_size);
			if (segment->source == segment->dest)
				printf(", in place");
			else
				printf(", from 0x%08" PRIx64, segment->source);
		} else if (i < p->segment_count) {
			printf(", zeros");
		}
		putchar('\n');
	}
}

static void print_moves(const struct picture *p)
{
	size_t i;

	printf("\nmoves, in this order\n");
	for (i = 0; i < p->move_count && i < MOVES_SHOWN; i++) {
		const struct segue_move_description *move = &p->moves[i];

		printf("%3zu  ", i + 1);
		if (move->kind == SEGUE_MOVE_KIND_ZERO)
			printf("zero  %10s    0x%08" PRIx64, "", move->dest);
		else
			printf("%s  0x%08" PRIx64 " %s 0x%08" PRIx64, move->kind == SEGUE_MOVE_KIND_SWAP ? "swap" : "copy",
			       move->source, move->kind == SEGUE_MOVE_KIND_SWAP ? "<>" : "->", move->dest);
		printf("  %10" PRIu64 "%s\n", move->size, move->descending ? "  from the last byte down" : "");
	}
	if (i < p->move_count)
		printf("     and %zu more\n", p->move_count - i);
	if (!p->move_count)
		printf("     none\n");
}

void draw_text(const struct picture *p)
{
	const struct segue_description *d = &p->run->description;

	print_items(p);
	print_moves(p);
	printf("\npayload %" PRIu64 " bytes (%s): %" PRIu64 " in place, %" PRIu64 " moved, %" PRIu64
	       " of these set aside; %" PRIu64 " zeroed\n\n",
	       d->payload, human_size(d->payload), d->in_place, d->moved, d->set_aside, d->zeroed);
	print_bars(p);
}
