/* SPDX-License-Identifier: MIT */
/*
 * Linux kernels. bzImages, protocol 2.00 to 2.15, are entered at the 32-bit entry (boot.rst, 32-bit Boot Protocol). A
 * 64-bit kernel has the same entry and switches to long mode itself; linux_64.c enters it in long mode. Kernels with only a
 * 16-bit entry use that one, as does any kernel for which the host asks for it (linux_real.c).
 * linux_place.c says where a kernel and its initrd go.
 */
#include "container/magic.h"
#include "linux.h"

static int load(struct job *job)
{
	struct linux_kernel k = {0};
	int error;

	if ((error = segue_linux_open(job, &k)) != SEGUE_OK)
		return error;
	/* Its loader would have taken the kernel, or refused it. */
	if (job->args->flags & SEGUE_LOAD_LINUX_64)
		return segue_refuse_unlinked(&job->log, "Linux kernel", "loader_linux64");
	if (k.real_mode)
		return LOADER_PASSES;
	if ((error = segue_linux_place_kernel(job, &k)) != SEGUE_OK)
		return error;
	if ((error = segue_linux_pass(job, &k)) != SEGUE_OK)
		return error;
	if ((error = segue_linux_tell(job, &k)) != SEGUE_OK)
		return error;
	segue_linux_enter_32(job, &k);
	return segue_linux_end(job, &k);
}

const struct segue_loader segue_loader_linux = {
	.protocol = "Linux", .recognise = segue_is_linux, .load = load, .family = FAMILY_LINUX,
};
