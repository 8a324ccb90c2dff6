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

bool segue_is_fiwix(const struct bytes *blob)
{
	struct bytes rest;

	if (blob->size <= FIWIX_HEADER_SIZE)
		return false;
	rest = segue_bytes_at(*blob, FIWIX_HEADER_SIZE, blob->size - FIWIX_HEADER_SIZE);
	return segue_is_kernel(&rest);
}

int segue_open_fiwix(struct job *job, const struct bytes *blob)
{
	struct bundle *bundle = &job->bundle;
	uint32_t kernel_size = le32(blob->data), initrd_size = le32(blob->data + 4);

	if (!fits(FIWIX_HEADER_SIZE, kernel_size, blob->size))
		return segue_refuse(job, SEGUE_E_FIWIX_KERNEL,
				    "Fiwix blob: the kernel's length at offset 0 is %u bytes, but only %z bytes follow offset 8",
				    kernel_size, (uint64_t)blob->size - FIWIX_HEADER_SIZE);
	bundle->container = "Fiwix";
	bundle->kernel = segue_bytes_at(*blob, FIWIX_HEADER_SIZE, kernel_size);
	if (!segue_is_kernel(&bundle->kernel))
		return segue_refuse(job, SEGUE_E_FIWIX_KERNEL,
				    "Fiwix blob: the kernel's length at offset 0 is %u bytes, which cuts the kernel's header short",
				    kernel_size);
	if (!fits(FIWIX_HEADER_SIZE + (uint64_t)kernel_size, initrd_size, blob->size))
		return segue_refuse(job, SEGUE_E_FIWIX_INITRD,
				    "Fiwix blob: the initramfs' length at offset 4 is %u bytes, but only %z bytes follow the kernel",
				    initrd_size, (uint64_t)blob->size - FIWIX_HEADER_SIZE - kernel_size);
	if (initrd_size)
		bundle->initrd = segue_bytes_at(*blob, FIWIX_HEADER_SIZE + (size_t)kernel_size, initrd_size);
	return segue_take_modules(job, 0);
}
