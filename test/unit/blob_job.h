/* SPDX-License-Identifier: MIT */
/* Makes newc archives and jobs for the tests of recognise.c and of container/. */
#ifndef SEGUE_TEST_BLOB_H
#define SEGUE_TEST_BLOB_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/loader.h"

#define NEWC_FILE 0100644u
#define NEWC_FOLDER 0040755u

struct blob {
	uint8_t *data;
	size_t size;
};

static inline void blob_add(struct blob *blob, const void *data, size_t size)
{
	blob->data = realloc(blob->data, blob->size + size + 1);
	if (!blob->data)
		abort();
	if (size)
		memcpy(blob->data + blob->size, data, size);
	blob->size += size;
}

static inline void blob_pad(struct blob *blob, size_t align)
{
	while (blob->size % align)
		blob_add(blob, "", 1);
}

/* A member with all fields that a test may set to a wrong value. name_size counts the NUL. */
static inline void newc_add_raw(struct blob *blob, const char *magic, unsigned mode, unsigned links, const char *name,
				size_t name_size, const void *data, size_t size)
{
	char header[111];

	snprintf(header, sizeof header, "%6.6s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", magic, 7u, mode, 0u,
		 0u, links, 0u, (unsigned)size, 0u, 0u, 0u, 0u, (unsigned)name_size, 0u);
	blob_add(blob, header, 110);
	blob_add(blob, name, name_size);
	blob_pad(blob, 4);
	blob_add(blob, data, size);
	blob_pad(blob, 4);
}

static inline void newc_add(struct blob *blob, const char *name, const void *data, size_t size)
{
	newc_add_raw(blob, "070701", NEWC_FILE, 1, name, strlen(name) + 1, data, size);
}

static inline void newc_add_text(struct blob *blob, const char *name, const char *text)
{
	newc_add(blob, name, text, strlen(text));
}

static inline void newc_end(struct blob *blob)
{
	newc_add_raw(blob, "070701", 0, 1, "TRAILER!!!", 11, "", 0);
}

/* A job as segue_load() makes it, for functions that read the blob only. */
struct blob_job {
	struct job job;
	struct segue_load_args args;
	struct segue_part parts[4];
	char sentence[256];           /* the last sentence at SEGUE_LOG_ERROR */
	int sentences;
	struct range ram;             /* some RAM, but too little for any kernel */
	uint8_t memory[16384];
};

static inline void blob_job_log(void *context, int level, const char *sentence)
{
	struct blob_job *b = context;

	if (level != SEGUE_LOG_ERROR)
		return;
	b->sentences++;
	snprintf(b->sentence, sizeof b->sentence, "%s", sentence);
}

static inline void blob_job_start(struct blob_job *b, const void *data, size_t size)
{
	memset(b, 0, sizeof *b);
	b->job.log.callback = blob_job_log;
	b->job.log.context = b;
	b->job.arena.log = &b->job.log;
	b->job.arena.size = sizeof b->memory;
	b->args.workspace_size = sizeof b->memory;
	b->parts[0].data = data;
	b->parts[0].size = size;
	b->job.args = &b->args;
	b->job.parts = b->parts;
	b->job.part_count = 1;
	b->job.arena.next = b->memory;
	b->job.arena.end = b->memory + sizeof b->memory;
	b->job.workspace = b->memory;
	b->ram.end = 1;
	b->job.ram = &b->ram;
	b->job.ram_count = 1;
}

static inline int bytes_are(struct bytes bytes, const char *text)
{
	return bytes.size == strlen(text) && !memcmp(bytes.data, text, bytes.size);
}

#endif
