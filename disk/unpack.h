/* SPDX-License-Identifier: MIT */
/* Unpacks compressed files, by the libraries of the compressors: zlib, liblzma, libzstd, liblz4, libbz2. */
#ifndef SEGUE_UNPACK_H
#define SEGUE_UNPACK_H

#include "disk.h"

/* "gzip", "xz", "zstd", "lz4", "lzma" or "bzip2"; NULL: none of these. */
const char *unpack_format(const void *data, size_t size);

/*
 * Replaces a compressed file by what is in it, and sets packed_size and packed_by. A file may have several members, as the
 * compressors make them by appending; bytes that are not 0 after the last one are refused, but ignored for gzip. False: a complaint
 * has been printed, and the file is unchanged.
 */
bool unpack(struct file *file);

#endif
