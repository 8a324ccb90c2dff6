/* SPDX-License-Identifier: MIT */
/* Reads bundles and Fiwix blobs piece by piece. Exported to segue.elf and the segue command. */
#ifndef SEGUE_BUNDLE_READER_H
#define SEGUE_BUNDLE_READER_H

#include "common/arena.h"
#include "common/bundle.h"
#include "common/bytes.h"

/* The newc header; bundle.c describes the format. */
#define BUNDLE_HEADER_SIZE 110u
#define BUNDLE_FIELDS 13u
enum bundle_field { BUNDLE_INO = 0, BUNDLE_MODE = 1, BUNDLE_NLINK = 4, BUNDLE_FILESIZE = 6, BUNDLE_DEVMAJOR = 7, BUNDLE_DEVMINOR = 8,
		    BUNDLE_NAMESIZE = 11 };
enum bundle_kind { BUNDLE_TRAILER, BUNDLE_KERNEL, BUNDLE_CMDLINE, BUNDLE_INITRD, BUNDLE_DIGEST, BUNDLE_FOLDER,
		   BUNDLE_FOLDER_MODULES, BUNDLE_NONE, BUNDLE_MODULE, BUNDLE_MODULE_CMDLINE };

/* An archive, and its member that was read last. */
struct bundle_reader {
	struct arena *arena;          /* for modules and the digest; its log gets the refusals */
	struct bundle *bundle;
	struct bytes archive;
	struct bytes rest;            /* the archive from the next member on */
	size_t at;                    /* offset of the current member */
	uint32_t field[BUNDLE_FIELDS];
	enum bundle_kind kind;
	uint32_t number;              /* of a module: NN of NN-NAME */
	struct bytes name;            /* of a module: NAME */
	struct bytes data;
	uint8_t *digest;              /* DIGEST_SIZE bytes of the arena */
};

/*
 * Reads a bundle piece by piece, as the standalone host does from a disk. Call begin once. For each member set `at`,
 * then call header (BUNDLE_HEADER_SIZE bytes) and name (field[BUNDLE_NAMESIZE] bytes), which sets kind and data.size.
 * Unless the member is the trailer, call check, set data.data, and call take. Call end once. Name and data must stay in
 * place. All of these functions refuse.
 */
int segue_bundle_begin(struct bundle_reader *reader);
int segue_bundle_header(struct bundle_reader *reader, const uint8_t *header);
int segue_bundle_name(struct bundle_reader *reader, const uint8_t *name);
int segue_bundle_check(const struct bundle_reader *reader);
int segue_bundle_take(const struct bundle_reader *reader);
int segue_bundle_end(struct bundle_reader *reader);
int segue_bundle_refuse(const struct bundle_reader *reader, int code); /* names the member */

/* A Fiwix blob: two lengths, then the kernel at offset 8. */
#define FIWIX_HEADER_SIZE 8u
enum fiwix_piece { FIWIX_KERNEL, FIWIX_INITRD };
/* The size of a piece, by the header's FIWIX_HEADER_SIZE bytes. Refuses one of more than left bytes. */
int segue_fiwix_size(const struct log *log, const uint8_t *header, enum fiwix_piece piece, size_t left, uint32_t *size);

#endif
