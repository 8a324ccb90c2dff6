/* SPDX-License-Identifier: MIT */
/* Shared by the files of the segue command. */
#ifndef SEGUE_DISK_H
#define SEGUE_DISK_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

enum { STATUS_OK = 0, STATUS_REFUSED = 1, STATUS_USAGE = 2 };

/* A command of `segue`. run() gets the arguments from the command's name on. */
struct command {
	const char *name;
	const char *summary;          /* one line of `segue help` */
	const char *help;
	int (*run)(int argc, char **argv);
};
extern const struct command command_pack, command_info, command_plan, command_iso, command_disk, command_core, command_crashkit;

/* "segue: FILE: sentence" on stderr; file may be NULL. Returns STATUS_REFUSED. */
int complain(const char *file, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "segue COMMAND: sentence", and how to get help. Returns STATUS_USAGE. */
int complain_usage(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Like getopt_long(), and sets optarg and optind too, but refuses an abbreviated name, and an option that is given twice if
 * its letter is not in repeatable. letters begins with ':'. OPTION_WRONG: a complaint has been printed.
 */
#define OPTION_WRONG '?'
int next_option(const struct command *command, int argc, char **argv, const char *letters, const struct option *words,
		const char *repeatable);

/* Like malloc() and realloc(), but they print a sentence and exit if memory is exhausted. */
void *allocate(size_t size);
void *allocate_again(void *old, size_t size);
char *copy_string(const char *string);

/* Prints text from a file or a command line, with '?' for each byte that is not printable ASCII. */
void print_text(const void *text, size_t size);
/* 1536 -> "1.5 KiB". The text is in one of a few static buffers that are used in turn. */
const char *human_size(uint64_t size);

/* 512M, 0x1000, 4GiB. False: not a number, or too large. */
bool parse_size(const char *text, uint64_t *value);

struct file {
	const char *path;
	uint8_t *data;
	size_t size;
	size_t packed_size;           /* size before unpack() (unpack.h); 0: it was not compressed */
	const char *packed_by;        /* "gzip", "xz" ...; NULL: it was not compressed */
};
/* Opens a file for reading, and records that it must not be written to. NULL: errno says why. */
FILE *file_open(const char *path);
/* Was it opened by file_open()? Compares device and inode, because a file may have several names. */
bool file_is_input(const struct stat *status);
/* Both return false after a complaint. */
bool file_read(const char *path, struct file *file);
/* Unpacks a compressed file, unless it is a Fiwix blob whose length looks like a magic number. */
bool file_read_kernel(const char *path, struct file *file);
/* Writes a new file in the staging folder (staging.h). name is the file in complaints. */
bool file_write(const char *path, const char *name, const void *data, size_t size);
void file_free(struct file *file);

/* The part after the last '/'. */
const char *base_name(const char *path);

/*
 * --module FILE[=ARGS]: splits text at a '='. *args is NULL if there is none. FILE is the longest name of an existing file.
 * If there is no such file, it ends at the first '='.
 */
void split_module(char *text, const char **path, const char **args);

#endif
