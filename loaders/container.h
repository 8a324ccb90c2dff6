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

/* Room for so many modules of the blob and all of the caller's, which segue_open_blob() appends. */
int segue_take_modules(struct job *job, size_t count);

#endif
