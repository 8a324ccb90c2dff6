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

int segue_fiwix_size(const struct log *log, const uint8_t *header, enum fiwix_piece piece, size_t left, uint32_t *size)
{
	*size = le32(header + 4 * piece);
	if (*size <= left)
		return SEGUE_OK;
	return segue_refuse(log, piece == FIWIX_KERNEL ? SEGUE_E_FIWIX_KERNEL : SEGUE_E_FIWIX_INITRD, "%u bytes, %z left", *size,
			    (addr_t)left);
}

static int open(struct arena *arena, struct bundle *bundle, const struct bytes *blob)
{
	struct bytes *const pieces[] = {&bundle->kernel, &bundle->initrd};
	size_t at = FIWIX_HEADER_SIZE;
	uint32_t size;

	for (enum fiwix_piece i = FIWIX_KERNEL; i <= FIWIX_INITRD; i++) {
		int error = segue_fiwix_size(arena->log, blob->data, i, blob->size - at, &size);

		if (error != SEGUE_OK)
			return error;
		*pieces[i] = segue_bytes_at(*blob, at, size);
		at += size;
	}
	return SEGUE_OK;
}

const struct segue_container segue_container_fiwix = {.name = "Fiwix", .recognise = recognise, .open = open};
