/* SPDX-License-Identifier: MIT */
/*
 * Memory before and after a plan, cut into spans: in a span nothing changes along the way, neither
 * before nor after. Both drawings are made from it.
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
	size_t before;                /* item of picture.before, or NOBODY */
	size_t source;                /* segment that gets its bytes from here, or NOBODY */
	size_t after;                 /* item of picture.after, or NOBODY */
	bool zeros;                   /* of the item after: no bytes of a file */
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

/* The segment that a byte at this address after the plan belongs to, or NOBODY. */
size_t picture_segment_at(const struct picture *picture, uint64_t address);

void draw_text(const struct picture *picture);
/* false, after a complaint, if it cannot be written. */
/* path: a file as staging.h takes it. */
bool draw_svg(const struct picture *picture, const char *path);

#endif
