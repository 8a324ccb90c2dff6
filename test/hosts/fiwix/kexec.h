/* SPDX-License-Identifier: MIT */
/* Takes the place of include/fiwix/kexec.h in Fiwix, as kexec.c beside it of kernel/kexec.c. */
#ifdef CONFIG_KEXEC

#ifndef _FIWIX_KEXEC_H
#define _FIWIX_KEXEC_H

/* values of kexec_proto= */
#define KEXEC_MULTIBOOT1	1
#define KEXEC_LINUX		2

/*
 * Where kexec_size= is given, Fiwix reserves two pages from here on. Segue needs no memory at a certain address; but
 * many a target reads the interrupt vectors and the BIOS data area, which Fiwix would use for other things.
 */
#define KEXEC_BOOT_ADDR		0

void kexec_multiboot1(void);
void kexec_linux(void);

#endif /* _FIWIX_KEXEC_H */

#endif /* CONFIG_KEXEC */
