/* SPDX-License-Identifier: MIT */
/*
 * The plan as a picture: two columns of memory on one scale, with low addresses at the bottom, and a band for each move.
 * Spans are to scale, except those that would be too small to see or to label.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "picture.h"
#include "staging.h"

#define WIDTH 1080
#define TOP 112
#define SCALED 560                    /* pixels that are divided in proportion to the spans' sizes */
#define LEFT_X 120
#define COLUMN 260
#define RIGHT_X (WIDTH - LEFT_X - COLUMN)
#define LABELLED 19                   /* minimum height of a span that belongs to an item */
#define UNLABELLED 12
#define HOLE 26                       /* height of a gap without memory */
#define TICK_DISTANCE 11
#define BANDS 200u                    /* moves after these are not drawn */

struct drawing {
	FILE *out;
	const struct picture *p;
	double *y;                    /* of the start of each span; y[span_count]: the end of memory */
	double bottom;
};

#define OUTSIDE "#d0d6dd"             /* RAM that the target may not use */
static const char *const colours[] = {
	"#4e79a7", "#d9771c", "#4d9144", "#b07aa1", "#e15759", "#3f8f8a", "#a8761f", "#9c755f"
};

static const char *colour(size_t segment)
{
	return segment == NOBODY ? "#8a929c" : colours[segment % (sizeof colours / sizeof *colours)];
}

/* Names come from the command line: prints printable ASCII only, and escapes characters that XML interprets. */
static void put_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 32 || c > 126)
			fputc('?', out);
		else if (strchr("<>&\"'", c))
			fprintf(out, "&#%d;", c);
		else
			fputc(c, out);
	}
}

/* A gap has a fixed height, whatever its size. */
static bool is_hole(const struct span *span)
{
	return !span->type && span->before == NOBODY && span->after == NOBODY;
}

static double least_height(const struct span *span)
{
	return is_hole(span) ? HOLE : span->before != NOBODY || span->after != NOBODY ? LABELLED : UNLABELLED;
}

static void share_height(struct drawing *d)
{
	const struct picture *p = d->p;
	double sizes = 0, least = 0;
	size_t i;

	for (i = 0; i < p->span_count; i++) {
		least += least_height(&p->spans[i]);
		sizes += is_hole(&p->spans[i]) ? 0 : (double)(p->spans[i].end - p->spans[i].start);
	}
	d->y = allocate((p->span_count + 1) * sizeof *d->y);
	d->bottom = TOP + least + SCALED;
	d->y[0] = d->bottom;
	for (i = 0; i < p->span_count; i++) {
		const struct span *span = &p->spans[i];
		double share = is_hole(span) ? 0 : (double)(span->end - span->start) / sizes * SCALED;

		d->y[i + 1] = d->y[i] - least_height(span) - share;
	}
}

static double y_of(const struct drawing *d, uint64_t address)
{
	const struct picture *p = d->p;
	size_t i;

	for (i = 0; i < p->span_count; i++) {
		const struct span *span = &p->spans[i];

		if (address <= span->end)
			return d->y[i] + (d->y[i + 1] - d->y[i]) * (double)(address - span->start) / (double)(span->end - span->start);
	}
	return d->y[p->span_count];
}

static void put_head(const struct drawing *d, double height)
{
	const struct segue_description *description = &d->p->run->description;

	fprintf(d->out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\" "
		"font-family=\"system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"#20262e\">\n",
		WIDTH, height, WIDTH, height);
	fprintf(d->out,
		"<defs>\n"
		"<pattern id=\"firmware\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
		"<rect width=\"7\" height=\"7\" fill=\"#dfe3e8\"/><rect width=\"2\" height=\"7\" fill=\"#c3cad2\"/></pattern>\n"
		"<pattern id=\"zeros\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
		"<circle cx=\"2\" cy=\"2\" r=\"1.1\" fill=\"#ffffff\" fill-opacity=\"0.85\"/>"
		"<circle cx=\"6\" cy=\"6\" r=\"1.1\" fill=\"#ffffff\" fill-opacity=\"0.85\"/></pattern>\n"
		"</defs>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
		"<text x=\"%d\" y=\"34\" font-size=\"20\" font-weight=\"600\">",
		LEFT_X);
	put_text(d->out, base_name(d->p->run->blob.file.path));
	fprintf(d->out, "</text>\n<text x=\"%d\" y=\"56\" fill=\"#57606a\">%s%s%s, entry 0x%08" PRIx64 ". ", LEFT_X,
		description->protocol, description->container[0] ? " in a " : "",
		!strcmp(description->container, "Fiwix") ? "Fiwix blob" : description->container, dry_run_entry(d->p->run));
	fprintf(d->out, "Of %s, %s stay in place", human_size(description->payload), human_size(description->in_place));
	fprintf(d->out, " and %s are moved, %s of these set aside; ", human_size(description->moved),
		human_size(description->set_aside));
	fprintf(d->out, "%s are zeroed.</text>\n", human_size(description->zeroed));
	fprintf(d->out, "<text x=\"%d\" y=\"%d\" font-size=\"14\" font-weight=\"600\">before</text>\n", LEFT_X, TOP - 14);
	fprintf(d->out, "<text x=\"%d\" y=\"%d\" font-size=\"14\" font-weight=\"600\">after</text>\n", RIGHT_X, TOP - 14);
}

static void put_rect(const struct drawing *d, int x, size_t span, const char *fill, double opacity)
{
	fprintf(d->out, "<rect x=\"%d\" y=\"%.2f\" width=\"%d\" height=\"%.2f\" shape-rendering=\"crispEdges\" "
		"fill=\"%s\"", x, d->y[span + 1], COLUMN, d->y[span] - d->y[span + 1], fill);
	if (opacity < 1)
		fprintf(d->out, " fill-opacity=\"%.2f\"", opacity);
	fprintf(d->out, "/>\n");
}

static void put_label(const struct drawing *d, int x, size_t first, size_t last, const char *fill, const char *name,
		      uint64_t size)
{
	/* As many letters as there is room for beside the size. */
	char text[40];
	size_t length = (size_t)snprintf(text, sizeof text, "%.27s", name);

	if (length < strlen(name) && length >= 3)
		memcpy(text + length - 3, "...", 3);
	fprintf(d->out, "<text x=\"%d\" y=\"%.2f\" fill=\"%s\">", x + 8, (d->y[first] + d->y[last + 1]) / 2 + 4, fill);
	put_text(d->out, text);
	fprintf(d->out, "</text><text x=\"%d\" y=\"%.2f\" fill=\"%s\" fill-opacity=\"0.8\" font-size=\"11\" "
		"text-anchor=\"end\">%s</text>\n", x + COLUMN - 8, (d->y[first] + d->y[last + 1]) / 2 + 4, fill, human_size(size));
}

static void put_ground(const struct drawing *d, int x)
{
	size_t i;

	for (i = 0; i < d->p->span_count; i++) {
		const struct span *span = &d->p->spans[i];

		if (span->type == SEGUE_MEMORY_RAM)
			put_rect(d, x, i, x == RIGHT_X && span->outside ? OUTSIDE : "#f3f5f7", 1);
		else if (span->type)
			put_rect(d, x, i, "url(#firmware)", 1);
		else
			fprintf(d->out, "<text x=\"%d\" y=\"%.2f\" fill=\"#8a929c\" font-size=\"11\" font-style=\"italic\" "
				"text-anchor=\"middle\">no memory</text>\n", x + COLUMN / 2, (d->y[i] + d->y[i + 1]) / 2 + 4);
	}
}

/* The name is drawn in the tallest span of the item. */
static void put_before(const struct drawing *d)
{
	const struct picture *p = d->p;
	size_t i, item;

	for (i = 0; i < p->span_count; i++) {
		const struct span *span = &p->spans[i];

		if (span->source != NOBODY)
			put_rect(d, LEFT_X, i, colour(span->source), 1);
		else if (span->before != NOBODY)
			put_rect(d, LEFT_X, i, p->before[span->before].letter == '+' ? "#5b6570" : "#aab2bb", 1);
	}
	for (i = 0; i < p->span_count; i++) {
		const struct span *span = &p->spans[i];
		const struct segue_segment *segment;
		size_t last = i;

		if (span->source == NOBODY || (i && p->spans[i - 1].source == span->source))
			continue;
		while (last + 1 < p->span_count && p->spans[last + 1].source == span->source)
			last++;
		segment = &p->segments[span->source];
		put_label(d, LEFT_X, i, last, "#ffffff", p->after[span->source].name, segment->file_size);
	}
	for (item = 0; item < p->before_count; item++) {
		size_t tallest = NOBODY;

		for (i = 0; i < p->span_count; i++)
			if (p->spans[i].before == item && p->spans[i].source == NOBODY &&
			    (tallest == NOBODY || d->y[i] - d->y[i + 1] > d->y[tallest] - d->y[tallest + 1]))
				tallest = i;
		if (tallest != NOBODY)
			put_label(d, LEFT_X, tallest, tallest, "#ffffff", p->before[item].name,
				  p->before[item].end - p->before[item].start);
	}
}

static void put_after(const struct drawing *d)
{
	const struct picture *p = d->p;
	size_t i;

	for (i = 0; i < p->span_count; i++) {
		const struct span *span = &p->spans[i];

		if (span->after == NOBODY)
			continue;
		put_rect(d, RIGHT_X, i, span->after < p->segment_count ? colour(span->after) : "#20262e", span->zeros ? 0.55 : 1);
		if (span->zeros)
			put_rect(d, RIGHT_X, i, "url(#zeros)", 1);
	}
	for (i = 0; i < p->span_count; i++) {
		const struct span *span = &p->spans[i];
		size_t last = i;

		if (span->after == NOBODY || (i && p->spans[i - 1].after == span->after))
			continue;
		/* The label is beside the bytes, not the zeros, if there are bytes. */
		while (last + 1 < p->span_count && p->spans[last + 1].after == span->after &&
		       p->spans[last + 1].zeros == span->zeros)
			last++;
		put_label(d, RIGHT_X, i, last, "#ffffff", p->after[span->after].name,
			  p->after[span->after].end - p->after[span->after].start);
	}
}

/* Thin lines between adjacent spans, so that two of one colour can be told apart. */
static void put_borders(const struct drawing *d)
{
	const struct picture *p = d->p;
	size_t i;

	for (i = 1; i < p->span_count; i++) {
		const struct span *a = &p->spans[i - 1], *b = &p->spans[i];

		if (a->before != b->before || a->source != b->source)
			fprintf(d->out, "<path d=\"M%d %.2fh%d\" stroke=\"#ffffff\"/>\n", LEFT_X, d->y[i], COLUMN);
		if (a->after != b->after)
			fprintf(d->out, "<path d=\"M%d %.2fh%d\" stroke=\"#ffffff\"/>\n", RIGHT_X, d->y[i], COLUMN);
	}
	fprintf(d->out, "<g fill=\"none\" stroke=\"#9aa4af\"><rect x=\"%d\" y=\"%.2f\" width=\"%d\" height=\"%.2f\"/>"
		"<rect x=\"%d\" y=\"%.2f\" width=\"%d\" height=\"%.2f\"/></g>\n",
		LEFT_X, d->y[p->span_count], COLUMN, d->bottom - d->y[p->span_count],
		RIGHT_X, d->y[p->span_count], COLUMN, d->bottom - d->y[p->span_count]);
}

/* side: -1 left of the left column, 1 right of the right one */
static void put_tick(const struct drawing *d, int side, uint64_t address, double y)
{
	int x = side < 0 ? LEFT_X : RIGHT_X + COLUMN;

	fprintf(d->out, "<path d=\"M%d %.2fh%d\" stroke=\"#9aa4af\"/><text x=\"%d\" y=\"%.2f\" text-anchor=\"%s\" "
		"font-size=\"11\" font-family=\"ui-monospace, Menlo, Consolas, monospace\" fill=\"#57606a\">0x%08" PRIx64 "</text>\n",
		x, y, side * 5, x + side * 8, y + 4, side < 0 ? "end" : "start", address);
}

static void put_axis(const struct drawing *d, int side)
{
	const struct picture *p = d->p;
	double last = d->bottom;
	size_t i;

	put_tick(d, side, 0, d->bottom);
	for (i = 1; i < p->span_count; i++) {
		const struct span *a = &p->spans[i - 1], *b = &p->spans[i];
		bool wanted = side < 0 ? a->before != b->before || a->source != b->source : a->after != b->after;

		if ((wanted || a->type != b->type) && last - d->y[i] >= TICK_DISTANCE &&
		    d->y[i] - d->y[p->span_count] >= TICK_DISTANCE) {
			put_tick(d, side, b->start, d->y[i]);
			last = d->y[i];
		}
	}
	put_tick(d, side, p->spans[p->span_count - 1].end, d->y[p->span_count]);
}

static void put_band(const struct drawing *d, uint64_t source, uint64_t dest, uint64_t size, const char *fill, bool dashed)
{
	double a = y_of(d, source), b = y_of(d, source + size), c = y_of(d, dest), e = y_of(d, dest + size);
	int left = LEFT_X + COLUMN, right = RIGHT_X, middle = (left + right) / 2;

	/* A minimum width, so that it can be seen. */
	if (a - b < 1.5)
		b = a - 1.5;
	if (c - e < 1.5)
		e = c - 1.5;
	fprintf(d->out,
		"<path d=\"M%d %.2fC%d %.2f %d %.2f %d %.2fV%.2fC%d %.2f %d %.2f %d %.2fZ\" fill=\"%s\" fill-opacity=\"%s\" "
		"stroke=\"%s\" stroke-opacity=\"0.7\"%s/>\n",
		left, a, middle, a, middle, c, right, c, e, middle, e, middle, b, left, b, fill, dashed ? "0.10" : "0.32", fill,
		dashed ? " stroke-dasharray=\"4 4\"" : "");
}

static void put_arrow(const struct drawing *d, const struct segue_move_description *move, size_t number, const char *fill)
{
	double source = (y_of(d, move->source) + y_of(d, move->source + move->size)) / 2;
	double dest = (y_of(d, move->dest) + y_of(d, move->dest + move->size)) / 2;
	int left = LEFT_X + COLUMN, right = RIGHT_X, middle = (left + right) / 2;

	fprintf(d->out, "<path d=\"M%d %.2fC%d %.2f %d %.2f %d %.2f\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\"/>"
		"<path d=\"M%d %.2fl-9 -5v10z\" fill=\"%s\"/>", left, source, middle, source, middle, dest, right - 8, dest, fill,
		right - 1, dest, fill);
	if (move->kind == SEGUE_MOVE_KIND_SWAP)
		fprintf(d->out, "<path d=\"M%d %.2fl9 -5v10z\" fill=\"%s\"/>", left + 1, source, fill);
	fprintf(d->out, "<circle cx=\"%d\" cy=\"%.2f\" r=\"10\" fill=\"#ffffff\" stroke=\"%s\" stroke-width=\"1.6\"/>"
		"<text x=\"%d\" y=\"%.2f\" text-anchor=\"middle\" font-size=\"11\" font-weight=\"600\">%zu</text>\n", middle,
		(source + dest) / 2, fill, middle, (source + dest) / 2 + 4, number);
}

static void put_moves(const struct drawing *d)
{
	const struct picture *p = d->p;
	size_t i;

	for (i = 0; i < p->segment_count; i++)
		if (p->segments[i].file_size && p->segments[i].source == p->segments[i].dest)
			put_band(d, p->segments[i].source, p->segments[i].dest, p->segments[i].file_size, colour(i), true);
	for (i = 0; i < p->move_count && i < BANDS; i++)
		if (p->moves[i].kind != SEGUE_MOVE_KIND_ZERO)
			put_band(d, p->moves[i].source, p->moves[i].dest, p->moves[i].size,
				 colour(picture_segment_at(p, p->moves[i].dest)), false);
	for (i = 0; i < p->move_count && i < BANDS; i++)
		if (p->moves[i].kind != SEGUE_MOVE_KIND_ZERO)
			put_arrow(d, &p->moves[i], i + 1, colour(picture_segment_at(p, p->moves[i].dest)));
	if (p->move_count > BANDS)
		fprintf(d->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" fill=\"#57606a\">%u of %zu moves</text>\n",
			WIDTH / 2, TOP - 14, BANDS, p->move_count);
}

static void put_legend(const struct drawing *d)
{
	static const struct {
		const char *fill, *label;
		bool dots, dashed;
	} entries[] = {
		{ "#f3f5f7", "free RAM", false, false },
		{ "url(#firmware)", "firmware", false, false },
		{ "#aab2bb", "files of the host", false, false },
		{ "#5b6570", "workspace", false, false },
		{ "#4e79a7", "zeros, or room", true, false },
		{ "#20262e", "purgatory", false, false },
		{ "#ffffff", "stays in place", false, true },
		{ OUTSIDE, "not for target", false, false },
	};
	size_t i, count = sizeof entries / sizeof *entries - (d->p->run->within_count == 0);

	for (i = 0; i < count; i++) {
		int x = LEFT_X + (int)i * 122;
		double y = d->bottom + 30;

		fprintf(d->out, "<rect x=\"%d\" y=\"%.2f\" width=\"14\" height=\"14\" fill=\"%s\"%s stroke=\"#9aa4af\"%s/>", x, y,
			entries[i].fill, entries[i].dots ? " fill-opacity=\"0.55\"" : "",
			entries[i].dashed ? " stroke-dasharray=\"3 3\"" : "");
		if (entries[i].dots)
			fprintf(d->out, "<rect x=\"%d\" y=\"%.2f\" width=\"14\" height=\"14\" fill=\"url(#zeros)\"/>", x, y);
		fprintf(d->out, "<text x=\"%d\" y=\"%.2f\" fill=\"#57606a\">%s</text>\n", x + 20, y + 11.5, entries[i].label);
	}
	fprintf(d->out, "<text x=\"%d\" y=\"%.2f\" fill=\"#8a929c\" font-size=\"11\">Numbers give the order of the moves. "
		"Heights are to scale, but small ranges have a minimum height, and gaps without memory a fixed one.</text>\n",
		LEFT_X, d->bottom + 66);
}

static void draw(struct drawing *d)
{
	share_height(d);
	put_head(d, d->bottom + 84);
	put_ground(d, LEFT_X);
	put_ground(d, RIGHT_X);
	put_before(d);
	put_after(d);
	put_borders(d);
	put_axis(d, -1);
	put_axis(d, 1);
	put_moves(d);
	put_legend(d);
	fprintf(d->out, "</svg>\n");
	free(d->y);
}

static bool write_svg(const struct picture *picture, const char *path, const char *name)
{
	struct drawing d = { .out = fopen(path, "wbx"), .p = picture };
	bool good;

	if (!d.out) {
		complain(name, "%s", strerror(errno));
		return false;
	}
	draw(&d);
	good = !fflush(d.out) && !ferror(d.out);
	if (fclose(d.out) || !good)
		return !complain(name, "it cannot be written: %s", strerror(errno));
	return true;
}

bool draw_svg(const struct picture *picture, const char *path)
{
	bool good = staging_open(path);

	if (good) {
		const char *drawn = staging_add("svg");

		good = write_svg(picture, drawn, path) && staging_finish(drawn);
	}
	staging_close();
	return good;
}
