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

bool segue_is_fiwix(const struct bytes *blob)
{
	struct bytes rest;

	if (blob->size <= FIWIX_HEADER_SIZE)
		return false;
	rest = segue_bytes_at(*blob, FIWIX_HEADER_SIZE, blob->size - FIWIX_HEADER_SIZE);
	return segue_is_kernel(&rest) || segue_is_gzip(&rest);
}

int segue_open_fiwix(const struct log *log, struct bundle *bundle, const struct bytes *blob)
{
	size_t at = FIWIX_HEADER_SIZE;

	bundle->container = "Fiwix";
	for (int i = 0; i < 2; i++) {
		uint32_t size = le32(blob->data + 4 * i);

		if (size > blob->size - at)
			return segue_refuse(log, i == 0 ? SEGUE_E_FIWIX_KERNEL : SEGUE_E_FIWIX_INITRD, "%u bytes, %z left",
					    size, (addr_t)(blob->size - at));
		*(i == 0 ? &bundle->kernel : &bundle->initrd) = segue_bytes_at(*blob, at, size);
		at += size;
	}
	return SEGUE_OK;
}
