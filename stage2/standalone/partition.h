/* SPDX-License-Identifier: MIT */
/* The partition of a disk that `segue disk` made. */
#ifndef STANDALONE_PARTITION_H
#define STANDALONE_PARTITION_H

#include "media.h"

/* Fills in the blob's place and the options. NULL, or the reason of a refusal. */
const char *partition_find(struct media *media);

#endif
