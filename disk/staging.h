/* SPDX-License-Identifier: MIT */
/*
 * A temporary folder beside OUT. OUT is replaced by a rename when it is complete, and is unchanged after a failure. The
 * folder is removed with its files, also when the program is interrupted. There is one folder at a time.
 *
 * OUT is a new or an ordinary file: not a device, pipe or folder, not a file that is read (file_open()), and not the file
 * that standard output or standard error goes to. If OUT is a link, the file that it names is replaced. name is a file's
 * name in the folder. A function that returns false has printed a complaint.
 */
#ifndef SEGUE_STAGING_H
#define SEGUE_STAGING_H

#include <stdbool.h>
#include <stddef.h>

/* Why OUT is refused. */
#define OVER_AN_INPUT "this is a file that is read, so it is not overwritten"

bool staging_open(const char *out);
/* Returns the path of a file that the caller or a program will write. */
const char *staging_add(const char *name);
bool staging_folder(const char *name);
bool staging_write(const char *name, const void *data, size_t size);
/*
 * Runs a program in the folder. argv[0] is looked up in PATH. environment has "NAME=VALUE" strings that are added to ours,
 * then NULL. If the program fails, the end of its output is shown.
 */
bool staging_run(char *const *argv, char *const *environment);
/* Renames a path from staging_add() to OUT. */
bool staging_finish(const char *path);
void staging_close(void);

#endif
