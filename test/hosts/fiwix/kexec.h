/* SPDX-License-Identifier: MIT */
/* Replaces include/fiwix/kexec.h in Fiwix, as kexec.c replaces kernel/kexec.c. */
#ifdef CONFIG_KEXEC

#ifndef _FIWIX_KEXEC_H
#define _FIWIX_KEXEC_H

/* values of kexec_proto= */
#define KEXEC_MULTIBOOT1	1
#define KEXEC_LINUX		2

/*
 * With kexec_size= Fiwix reserves two pages from this address on. Segue needs no memory at a fixed address. But many
 * targets read the interrupt vectors and the BIOS data area, which Fiwix would otherwise reuse.
 */
#define KEXEC_BOOT_ADDR		0

void kexec_multiboot1(void);
void kexec_linux(void);

#endif /* _FIWIX_KEXEC_H */

#endif /* CONFIG_KEXEC */
