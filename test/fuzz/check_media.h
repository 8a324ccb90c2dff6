/* SPDX-License-Identifier: MIT */
/*
 * The fuzzer supplies a medium's file system, partition table and headers. segue.elf must find the blob or refuse with
 * a message, in a bounded number of reads. What it finds must lie within the medium.
 */
#ifndef FUZZ_CHECK_MEDIA_H
#define FUZZ_CHECK_MEDIA_H

#include "fail.h"
#include "standalone_medium.h"
#include "container/media_format.h"
#include "container/seal.h"
#include "stage1.h"
#include "drive.c"
#include "refuse.c"
#include "iso9660.c"
#include "partition.c"
#include "media.c"
#include "media_open.c"

#define BLOCK 2048u
#define SYSTEM_AREA 16u               /* blocks before every file system; not from the fuzzer's bytes */
#define BLOCKS_MAX 48u
/* A directory may have 1024 blocks: two levels for each of two files. */
#define READS_MAX 20000u

static uint8_t image[(SYSTEM_AREA + BLOCKS_MAX) * BLOCK];

static inline void check_found(const struct media *media, uint32_t medium)
{
	size_t length = strnlen(media->options, sizeof media->options);

	CHECK(media->size > 0, "an empty blob");
	CHECK(length < sizeof media->options, "options without an end");
	CHECK(!memchr(media->options, '\n', length) && !memchr(media->options, '\r', length), "options of two lines");
	if (medium != STAGE1_DISK) {
		CHECK(media->size <= UINT32_MAX, "a file of 4 GiB");
		CHECK(media->sector % (BLOCK / media->disk.sector_size) == 0, "a file between two blocks");
	}
}

/* Checks a medium that consists of the size bytes at image. */
static inline void check_media(uint32_t medium, uint32_t largest, size_t size)
{
	static struct media media;

	unguard_buffer();
	memset(memory, 0xcc, MEDIA_BUFFER + MEDIA_BUFFER_SIZE);
	memset(&drive, 0, sizeof drive);
	drive.data = image;
	drive.sector_size = medium == STAGE1_CD ? BLOCK : 512;
	drive.size = size / drive.sector_size * drive.sector_size;
	drive.largest = largest % (65536 / drive.sector_size) + 1;
	memset(&media, 0x5a, sizeof media);
	if (GOES_ON(media_open(&media, medium, DRIVE)))
		check_found(&media, medium);
	else
		CHECK(!strncmp(spoken, "Refused: ", 9) && strstr(spoken, ".\n"), "no sentence: %s", spoken);
	CHECK(drive.reads < READS_MAX, "%u reads", drive.reads);
}

#endif
