/* SPDX-License-Identifier: MIT */
/* What blobs may be wrapped in. The order in which the rules are asked is in recognise.c. */
#ifndef SEGUE_CONTAINER_H
#define SEGUE_CONTAINER_H

#include "loader.h"

/* A newc cpio archive, by its first six bytes. */
bool segue_is_bundle(const struct bytes *blob);
int segue_open_bundle(struct job *job, const struct bytes *blob);

/* Lengths before a kernel that lies at offset 8. */
#define FIWIX_HEADER_SIZE 8u
bool segue_is_fiwix(const struct bytes *blob);
int segue_open_fiwix(struct job *job, const struct bytes *blob);

/* Does a kernel start here that is known by a magic number at a fixed place? */
bool segue_is_kernel(const struct bytes *bytes);

/* RFC 1952, section 2.3.1: ID1, ID2, and CM 8 (deflate), the only method there is. */
bool segue_is_gzip(const struct bytes *bytes);

/*
 * One more module, zeroed; refuses and returns NULL if there is no room. They are an array because
 * nothing else is taken from the arena while a blob is opened.
 */
struct member *segue_add_module(struct job *job);

#endif
