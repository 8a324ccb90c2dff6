/* SPDX-License-Identifier: MIT */
/* What the host (hosts/snapshot.c) and the target (targets/save) say to each other. */
#ifndef SAVE_RULES_H
#define SAVE_RULES_H

#define SAVE_PAGES_MOST 65536u        /* of all segments */

/* The host's word: SAVE_NOT comes back at once. The target's: bytes of the core, or one of these. */
enum { SAVE_NOT, SAVE_DISK, SAVE_WRITE, SAVE_LARGE, SAVE_LAST = SAVE_LARGE, SAVE_NOW };

#endif
