/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_UNPACK_H
#define SEGUE_UNPACK_H

#include "disk.h"

/*
 * Like file_read(), and unpacks a file whose name ends with .gz, .xz or .zst. For the last two it runs xz or zstd, which must be in
 * PATH. False: a complaint has been printed.
 */
bool file_read_unpacked(const char *path, struct file *file);

#endif
