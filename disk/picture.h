/* SPDX-License-Identifier: MIT */
/*
 * Memory before and after a plan, divided into spans. All bytes of a span belong to the same items, before and after.
 * The text and the SVG are drawn from it.
 */
#ifndef SEGUE_PICTURE_H
#define SEGUE_PICTURE_H

#include "dry_run.h"

#define NOBODY SIZE_MAX

/* A file, the workspace, a segment of the target, purgatory. */
struct item {
	uint64_t start, end;
	char letter;
	char name[48];
};

struct span {
	uint64_t start, end;
	uint32_t type;                /* enum segue_memory_type; 0: no memory is there */
	bool outside;                 /* RAM that the target may not use (--within) */
	size_t before;                /* item of picture.before, or NOBODY */
	size_t source;                /* segment whose bytes are copied from here, or NOBODY */
	size_t after;                 /* item of picture.after, or NOBODY */
	bool zeros;                   /* the item after has no bytes of a file here */
};

struct picture {
	const struct dry_run *run;
	struct item *before, *after;  /* after: the segments in their order, then purgatory */
	size_t before_count, after_count;
	struct segue_segment *segments;
	size_t segment_count;
	struct segue_move_description *moves;
	size_t move_count;
	struct span *spans;           /* from 0 to the end of RAM, without a gap */
	size_t span_count;
};

void picture_make(const struct dry_run *run, struct picture *picture);
void picture_free(struct picture *picture);

/* The segment that has this address after the plan, or NOBODY. */
size_t picture_segment_at(const struct picture *picture, uint64_t address);

void draw_text(const struct picture *picture);
/* path is an OUT of staging.h. Returns false after a complaint. */
bool draw_svg(const struct picture *picture, const char *path);

#endif
