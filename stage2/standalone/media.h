/* SPDX-License-Identifier: MIT */
/* The medium that stage 1 was started from, with the places of the blob and the options. */
#ifndef STANDALONE_MEDIA_H
#define STANDALONE_MEDIA_H

#include "drive.h"
#include "iso9660.h"
#include "segue.h"

#define MEDIA_BUFFER 0x10000u         /* in the map at the head of stage1.inc */
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
 * Reads up to count sectors, at least one, into the buffer at MEDIA_BUFFER, and returns how many. what: names the
 * subject in the sentence of a refusal.
 */
uint32_t media_read(struct media *media, const char *what, uint64_t sector, uint32_t count);

/* Reads block number block, of MEDIA_BLOCK bytes. This overwrites the block returned before. */
#define MEDIA_BLOCK ISO_BLOCK
const uint8_t *media_block(struct media *media, const char *what, uint64_t block);

/* Prints "Refused: WHAT: SENTENCE." and does not return. */
SEGUE_NORETURN void media_refuse(const char *what, const char *sentence);
/* The same, for a read that the BIOS has refused. */
SEGUE_NORETURN void media_refuse_read(const struct media *media, const char *what);

#endif
