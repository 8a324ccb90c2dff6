/* SPDX-License-Identifier: MIT */
/*
 * The boot protocols, in the order in which they are tried (recognise.c). A separate file, because it refers to every
 * loader.
 */
#include "common/loader.h"

const struct loader *const segue_loaders[] = {
	&segue_loader_linux,
	&segue_loader_multiboot,
	&segue_loader_elf,
	&segue_loader_linux_old,
	&segue_loader_boot_sector,
	NULL
};
