/* SPDX-License-Identifier: MIT */
/* What segue crashkit packs: a kernel, a busybox, and drivers of that kernel. */
#ifndef SEGUE_CRASHKIT_H
#define SEGUE_CRASHKIT_H

#include "disk.h"

#define RELEASE_SIZE 128u

struct driver {
	char *name;
	struct file file;             /* unpacked */
};

struct crashkit {
	/* As asked for; NULL: not given */
	const char *root;             /* a folder with unpacked packages; never NULL */
	const char *kernel_path, *busybox_path, *drivers_path;
	const char **more;            /* names of further drivers */
	size_t more_count;

	/* Found */
	char *kernel_found;           /* the path of the kernel */
	char release[RELEASE_SIZE];
	bool is_64;
	uint32_t init_size;           /* bytes of memory that the kernel unpacks itself in */
	struct file busybox;
	char *busybox_found;
	struct driver *drivers;       /* in the order in which they are loaded */
	size_t driver_count;
	char *missing;                /* usual drivers that the kernel does not have, separated by blanks; "": none */
};

/* Each returns false after a complaint. */
bool crashkit_find_kernel(struct crashkit *kit);
bool crashkit_find_busybox(struct crashkit *kit);
bool crashkit_find_drivers(struct crashkit *kit);
void crashkit_free(struct crashkit *kit);

/* crashkit_script.asm: disk/crashkit.sh */
extern const uint8_t crashkit_script[], crashkit_script_end[];

#endif
