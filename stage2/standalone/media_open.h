/* SPDX-License-Identifier: MIT */
#ifndef STANDALONE_MEDIA_OPEN_H
#define STANDALONE_MEDIA_OPEN_H

#include "media.h"

/*
 * Finds the blob and the options on the medium. medium: enum stage1_medium. Refuses with a sentence if they cannot be
 * read, or if there is no blob.
 */
void media_open(struct media *media, uint32_t medium, uint8_t drive);

#endif
