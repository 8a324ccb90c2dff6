/* SPDX-License-Identifier: MIT */
/* The segue command: what its files share. */
#ifndef SEGUE_DISK_H
#define SEGUE_DISK_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

enum { STATUS_OK = 0, STATUS_REFUSED = 1, STATUS_USAGE = 2 };

/* One word after `segue`. run gets the words from its own name on. */
struct command {
	const char *name;
	const char *summary;          /* one line of `segue help` */
	const char *help;
	int (*run)(int argc, char **argv);
};
extern const struct command command_pack, command_info, command_plan, command_iso, command_disk;

/* "segue: FILE: sentence" on stderr; file may be NULL. Returns STATUS_REFUSED. */
int complain(const char *file, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "segue COMMAND: sentence" and where help is. Returns STATUS_USAGE. */
int complain_usage(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * As getopt_long(), whose optarg and optind it sets, but an abbreviated name is refused, and so is an option that is given
 * twice, unless its letter is among repeatable. letters begins with ':'. OPTION_WRONG: a complaint has been made.
 */
#define OPTION_WRONG '?'
int next_option(const struct command *command, int argc, char **argv, const char *letters, const struct option *words,
		const char *repeatable);

/* Memory, or the end of the program with a sentence. */
void *allocate(size_t size);
void *allocate_again(void *old, size_t size);
char *copy_string(const char *string);

/* Words that came out of a file or off a command line, safe to print: what is no printable ASCII is '?'. */
void print_text(const void *text, size_t size);
/* 1536 -> "1.5 KiB"; the text lies in one of a few buffers that are used in turn. */
const char *human_size(uint64_t size);

/* 512M, 0x1000, 4GiB; false: it is no number, or too large. */
bool parse_size(const char *text, uint64_t *value);

struct file {
	const char *path;
	uint8_t *data;
	size_t size;
	size_t packed_size;           /* what it was before file_gunzip(); 0: it was not compressed */
};
/* A file to be read, remembered as one over which nothing is written. NULL: errno says why. */
FILE *file_open(const char *path);
/* Was it opened by file_open()? By device and inode, so that links and other names do not matter. */
bool file_is_input(const struct stat *status);
/* Both complain and return false when it goes wrong. */
bool file_read(const char *path, struct file *file);
bool file_gunzip(struct file *file);
bool file_is_gzip(const struct file *file);
/* Gunzips what is gzip-compressed and is no Fiwix blob whose length looks like that. */
bool file_read_kernel(const char *path, struct file *file);
/* A new file, in a place of our own (staging.h); name: whom to complain about. */
bool file_write(const char *path, const char *name, const void *data, size_t size);
void file_free(struct file *file);

/* What follows the last '/'. */
const char *base_name(const char *path);

/*
 * --module FILE[=ARGS]: cuts text at a '='; *args is NULL without one. FILE is the longest name that is a file's; where none
 * is, it ends at the first '='.
 */
void split_module(char *text, const char **path, const char **args);

#endif
