/* SPDX-License-Identifier: MIT */
/* Runs of bytes, and the members that a blob contains. */
#ifndef SEGUE_BUNDLE_H
#define SEGUE_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * A run of bytes in one part. Part 0 is the blob, part 1 + i is module i. The part after the last module is all memory: data
 * is a physical address. PART_WORKSPACE marks our own bytes.
 */
#define PART_WORKSPACE 0xffffffffu
struct bytes {
	const uint8_t *data;
	size_t size;
	size_t part;                  /* size_t: no padding after it */
};

/* One file of the target: a kernel, an initrd, a module. args has no argv[0]. */
struct member {
	struct bytes file;
	struct bytes name;            /* argv[0]; size 0: none known */
	struct bytes args;            /* size 0: none */
};

/* What a blob and the caller's modules contain. No loader has looked at the kernel yet. */
struct bundle {
	const char *container;        /* "bundle", "Fiwix" or "" */
	struct bytes kernel;
	struct bytes kernel_name;
	struct bytes cmdline;         /* from the blob, or from the caller, who overrides it */
	struct bytes initrd;          /* size 0: none. From a bundle's initrd or Fiwix's initramfs */
	const uint8_t *digest;        /* SHA-256, 32 bytes; NULL: none */
	struct member *modules;       /* first those of a bundle, sorted by name; then the caller's */
	size_t module_count;
};

/* A sub-run of bytes; the caller has checked that offset + size <= bytes.size. */
static inline struct bytes segue_bytes_at(struct bytes bytes, size_t offset, size_t size)
{
	bytes.data += offset;
	bytes.size = size;
	return bytes;
}

#endif
