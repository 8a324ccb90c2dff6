/* SPDX-License-Identifier: MIT */
/*
 * A folder beside OUT for what is in the making. OUT appears whole, by a rename, or stays as it was; the folder goes with
 * all that is in it, also when the program is interrupted. OUT is a new file or an ordinary one: no device, pipe or folder,
 * no file that is read (file_open()), nor where our own standard output or error goes; a link stays. There is one at a time. A name is one of a file in the
 * folder. All that return false have complained.
 */
#ifndef SEGUE_STAGING_H
#define SEGUE_STAGING_H

#include <stdbool.h>
#include <stddef.h>

/* Why OUT is refused. */
#define OVER_AN_INPUT "this is a file that is read, and nothing is written over it"

bool staging_open(const char *out);
/* The path for a file that the caller or a program makes. */
const char *staging_add(const char *name);
bool staging_folder(const char *name);
bool staging_write(const char *name, const void *data, size_t size);
/*
 * Runs a program in the folder. argv[0] is looked up in PATH; environment: "NAME=VALUE" strings on top of our own,
 * then NULL. What it prints is shown, its end at least, when it fails.
 */
bool staging_run(char *const *argv, char *const *environment);
/* What staging_add() gave becomes OUT. */
bool staging_finish(const char *path);
void staging_close(void);

#endif
