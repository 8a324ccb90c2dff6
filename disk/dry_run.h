/* SPDX-License-Identifier: MIT */
/*
 * Runs segue_load() on the build machine: files in this process represent the physical memory of an imaginary PC. Nothing
 * is moved.
 */
#ifndef SEGUE_DRY_RUN_H
#define SEGUE_DRY_RUN_H

#include "disk.h"
#include "common/loader.h"

#define DRY_RUN_ANYWHERE UINT64_MAX

struct machine_map {
	struct segue_range *ranges;
	size_t count;
};
/* The map of QEMU's PC: the EBDA, the ROM below 1 MiB, RAM to 3 GiB at most, the rest above 4 GiB. */
void map_of_pc(uint64_t memory, struct machine_map *map);
/* Reads lines as Linux logs them, or START END TYPE. Returns false after a complaint. */
bool map_from_file(const char *path, struct machine_map *map);
/* The end of the last range of RAM. */
uint64_t map_top(const struct machine_map *map);
void map_free(struct machine_map *map);

/* A file, and its place in the host's memory. */
struct placed_file {
	struct file file;
	const char *name;             /* argv[0] for a module */
	const char *cmdline;          /* of a module; NULL: none */
	uint64_t at;                  /* physical, or DRY_RUN_ANYWHERE */
	struct segue_extent extent;   /* filled by dry_run() */
};

struct sentence {
	int level;
	char *text;
};

struct dry_run {
	struct machine_map map;
	struct placed_file blob;
	struct placed_file *modules;
	size_t module_count;
	const char *cmdline;          /* NULL: the blob's */
	uint32_t flags;               /* SEGUE_LOAD_* */
	uint64_t workspace_at;        /* physical, or DRY_RUN_ANYWHERE */
	struct segue_range *within;   /* target_memory */
	size_t within_count;

	/* results */
	int error;                    /* of segue_load() */
	struct bundle bundle;         /* if opened: the content of the blob */
	bool opened;
	struct sentence *sentences;   /* in the order in which they were logged */
	size_t sentence_count;
	uint64_t workspace_phys;
	size_t workspace_size;
	void *workspace;
	void *workspace_memory;
	void *open_memory;
	struct segue_description description; /* if error is SEGUE_OK */
};

/* Returns false after a complaint if the files do not fit into the machine; else true, with error and the other results set. */
bool dry_run(struct dry_run *run);
/* Only reads the content of the blob, without a machine. Returns error. */
int dry_run_open(struct dry_run *run);
/* The physical address of the target's first instruction. */
uint64_t dry_run_entry(const struct dry_run *run);
/* The sentence of the refusal. */
const char *dry_run_refusal(const struct dry_run *run);
/* "ELF segment 2" if there are several of the name, else "initrd". */
void dry_run_segment_name(const struct dry_run *run, size_t index, char *name, size_t size);
void dry_run_free(struct dry_run *run);

#endif
