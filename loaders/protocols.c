/* SPDX-License-Identifier: MIT */
/*
 * The boot protocols that are linked, in the order in which they are tried (recognise.c). The table stands alone in an
 * object: the table of a host that links less replaces it (segue.h, and SEGUE_PROTOCOLS in segue.mk).
 */
#include "segue.h"

#ifndef SEGUE_PROTOCOLS
#define SEGUE_PROTOCOL_core 1
#define SEGUE_PROTOCOL_linux64 1
#define SEGUE_PROTOCOL_linux 1
#define SEGUE_PROTOCOL_multiboot2 1
#define SEGUE_PROTOCOL_multiboot 1
#define SEGUE_PROTOCOL_vmlinux 1
#define SEGUE_PROTOCOL_elf 1
#define SEGUE_PROTOCOL_linux16 1
#define SEGUE_PROTOCOL_boot_sector 1
#endif

const struct segue_loader *const segue_loaders[] = {
#ifdef SEGUE_PROTOCOL_core
	&segue_loader_core,
#endif
#ifdef SEGUE_PROTOCOL_linux64
	&segue_loader_linux64,
#endif
#ifdef SEGUE_PROTOCOL_linux
	&segue_loader_linux,
#endif
#ifdef SEGUE_PROTOCOL_multiboot2
	&segue_loader_multiboot2,
#endif
#ifdef SEGUE_PROTOCOL_multiboot
	&segue_loader_multiboot,
#endif
#ifdef SEGUE_PROTOCOL_vmlinux
	&segue_loader_vmlinux,
#endif
#ifdef SEGUE_PROTOCOL_elf
	&segue_loader_elf,
#endif
#ifdef SEGUE_PROTOCOL_linux16
	&segue_loader_linux16,
#endif
#ifdef SEGUE_PROTOCOL_boot_sector
	&segue_loader_boot_sector,
#endif
	NULL
};
