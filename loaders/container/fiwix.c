/* SPDX-License-Identifier: MIT */
/*
 * Fiwix's kexec format for Linux:
 *
 *   0  u32  kernel length
 *   4  u32  initramfs length; 0: none
 *   8       kernel, initramfs, then anything: Fiwix may hand over a whole RAM disk
 *
 * The format has no magic number. A blob is of this format if a kernel starts at offset 8. Lengths that exceed the blob
 * are then an error, and do not make it a blob of another format.
 */
#include "common/bytes.h"
#include "container/container.h"
#include "container/magic.h"

static bool recognise(const struct bytes *blob)
{
	return !segue_is_kernel(blob) && segue_is_fiwix(blob);
}

static int open(struct arena *arena, struct bundle *bundle, const struct bytes *blob)
{
	size_t at = FIWIX_HEADER_SIZE;

	for (int i = 0; i < 2; i++) {
		uint32_t size = le32(blob->data + 4 * i);

		if (size > blob->size - at)
			return segue_refuse(arena->log, i == 0 ? SEGUE_E_FIWIX_KERNEL : SEGUE_E_FIWIX_INITRD, "%u bytes, %z left",
					    size, (addr_t)(blob->size - at));
		*(i == 0 ? &bundle->kernel : &bundle->initrd) = segue_bytes_at(*blob, at, size);
		at += size;
	}
	return SEGUE_OK;
}

const struct segue_container segue_container_fiwix = {.name = "Fiwix", .recognise = recognise, .open = open};
