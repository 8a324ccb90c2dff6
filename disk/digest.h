/* SPDX-License-Identifier: MIT */
/* The digest that a bundle carries: loaders/container/bundle.c says over what. */
#ifndef SEGUE_DIGEST_H
#define SEGUE_DIGEST_H

#include "dry_run.h"

#define DIGEST_SIZE 32
#define DIGEST_DIGITS (2 * DIGEST_SIZE)

/* What the digest must be of what a dry run that went well (error is SEGUE_OK) has loaded. */
void digest_of(const struct dry_run *run, uint8_t digest[DIGEST_SIZE]);
/* As hexadecimal digits and a NUL. */
void digest_text(const uint8_t digest[DIGEST_SIZE], char text[DIGEST_DIGITS + 1]);

/*
 * Is the digest in the bundle the right one? True where it carries none. text gets the right one.
 * The dry run must have been opened and gone well.
 */
bool digest_is_right(const struct dry_run *run, char text[DIGEST_DIGITS + 1]);

#endif
