/* SPDX-License-Identifier: MIT */
/* The partition of a disk that `segue disk` made. */
#ifndef STANDALONE_PARTITION_H
#define STANDALONE_PARTITION_H

#include "media.h"

/* Fills in where the blob is, and the options. NULL, or why not. */
const char *partition_find(struct media *media);

#endif
