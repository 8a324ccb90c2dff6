/* SPDX-License-Identifier: MIT */
/* The medium that stage 1 was started from: where on it the blob and the options are. */
#ifndef STANDALONE_MEDIA_H
#define STANDALONE_MEDIA_H

#include "drive.h"
#include "segue.h"

#define MEDIA_BUFFER 0x10000u         /* stage1.inc: BUFFER */
#define MEDIA_BUFFER_SIZE 0x10000u
#define MEDIA_OPTIONS_SIZE 2048u

struct media {
	struct disk disk;
	const char *path;             /* of the blob, for sentences */
	uint64_t sector;              /* the blob's first ... */
	uint64_t size;                /* ... and its bytes, seal included */
	uint64_t end;                 /* the sectors that the medium should have at least; 0: not known yet */
	char options[MEDIA_OPTIONS_SIZE]; /* the first line of text, NUL-terminated */
};

/*
 * Reads sectors into the buffer at MEDIA_BUFFER: up to count of them, at least one; how many. what: for the sentence
 * of a refusal.
 */
uint32_t media_read(struct media *media, const char *what, uint64_t sector, uint32_t count);

/* Block number block of MEDIA_BLOCK bytes; what was returned before is no more. */
#define MEDIA_BLOCK 2048u
const uint8_t *media_block(struct media *media, const char *what, uint64_t block);

/* "Refused: WHAT: SENTENCE.", and the end. */
SEGUE_NORETURN void media_refuse(const char *what, const char *sentence);
/* The same for what the BIOS has refused to read. */
SEGUE_NORETURN void media_refuse_read(const struct media *media, const char *what);

#endif
