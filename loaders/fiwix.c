/* SPDX-License-Identifier: MIT */
/*
 * Fiwix's kexec format for Linux:
 *
 *   0  u32  kernel length
 *   4  u32  initramfs length; 0: none
 *   8       kernel, initramfs, and then anything: a whole RAM disk may be handed over
 *
 * There is no magic number, so the evidence is a kernel that starts at offset 8. Lengths that
 * contradict the blob are then an error of this format and not another format.
 */
#include "bytes.h"
#include "container.h"

/* Cuts what lies at *rest, so many bytes, into part, and leaves what follows it in *rest. */
static int take(const struct job *job, const uint8_t *length, struct bytes *rest, struct bytes *part, int code)
{
	uint32_t size = le32(length);

	if (size > rest->size)
		return segue_refuse(job, code, "%u bytes, %z left", size, (addr_t)rest->size);
	*part = *rest;
	part->size = size;
	rest->data += size;
	rest->size -= size;
	return SEGUE_OK;
}

bool segue_is_fiwix(const struct bytes *blob)
{
	struct bytes rest = *blob;

	if (rest.size <= FIWIX_HEADER_SIZE)
		return false;
	rest.data += FIWIX_HEADER_SIZE;
	rest.size -= FIWIX_HEADER_SIZE;
	return segue_is_kernel(&rest) || segue_is_gzip(&rest);
}

int segue_open_fiwix(struct job *job, const struct bytes *blob)
{
	struct bytes rest = *blob;
	int error;

	job->bundle.container = "Fiwix";
	rest.data += FIWIX_HEADER_SIZE;
	rest.size -= FIWIX_HEADER_SIZE;
	error = take(job, blob->data, &rest, &job->bundle.kernel, SEGUE_E_FIWIX_KERNEL);
	if (!error)
		error = take(job, blob->data + 4, &rest, &job->bundle.initrd, SEGUE_E_FIWIX_INITRD);
	return error;
}
