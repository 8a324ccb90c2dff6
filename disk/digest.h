/* SPDX-License-Identifier: MIT */
/* A bundle's digest. loaders/container/bundle.c says which bytes it covers. */
#ifndef SEGUE_DIGEST_H
#define SEGUE_DIGEST_H

#include "dry_run.h"

#define DIGEST_SIZE 32
#define DIGEST_DIGITS (2 * DIGEST_SIZE)

/* Computes the right digest of what a successful dry run (error is SEGUE_OK) has loaded. */
void digest_of(const struct dry_run *run, uint8_t digest[DIGEST_SIZE]);
/* Writes it as hexadecimal digits and a NUL. */
void digest_text(const uint8_t digest[DIGEST_SIZE], char text[DIGEST_DIGITS + 1]);

/*
 * Is the digest in the bundle right? True if the bundle has none. text is set to the right one.
 * The dry run must have been opened, and its error must be SEGUE_OK.
 */
bool digest_is_right(const struct dry_run *run, char text[DIGEST_DIGITS + 1]);

#endif
