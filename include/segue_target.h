/* SPDX-License-Identifier: MIT */
/*
 * For a target that comes back to the host that has called it by segue_call(). Needs <stdint.h> only, no library.
 *
 * The return address is physical: on the command line as " kexec_jump_back_entry=0x..." (hexadecimal), and on the stack that
 * a Multiboot or plain ELF target is entered with, so that a RET at its first instruction comes back at once. It points into
 * the host's workspace, which is no RAM of the target's. The 4096-byte page that it points into begins with struct
 * segue_return_block.
 *
 * The target calls that address, or jumps to it:
 * - in 32-bit protected mode at CPL 0, CS, DS and SS flat from 0 to 4 GiB, paging off; a 64-bit target leaves long mode
 *   first, in a page that is mapped to its own address;
 * - EAX is a word for the host (struct segue_call_args: word);
 * - A20 is on, CR4.CET 0, and VMX off;
 * - the other registers, the flags (IF, DF, TF too), GDT, IDT, CR4, EFER, MSRs and the stack may be anything, but DR7.GD is 0.
 *   Other CPUs that the target has started must be stopped, and devices must not write to memory any more. For about 500
 *   instructions more an NMI, a machine check or a breakpoint of the target's goes to its IDT, and with IF or TF on so do the
 *   first interrupt and the first traps. A handler there has to work with paging off.
 *
 * If the host calls again, the target's memory is as it was, and the CPU continues at the return address that the call has
 * pushed, in the state of the target's first instruction (protected mode, flat segments of the GDT of purgatory, EFLAGS 2, no
 * IDT), with
 * - EAX the host's word;
 * - EBX, ESI, EDI, EBP as they were at the call, and ESP as after its RET; ECX and EDX undefined.
 * So to the target it is a function that takes and returns a word in EAX and changes ECX, EDX, the flags, segments and tables.
 * A target that jumps, or whose stack is not in its own memory, cannot be entered again.
 *
 * The CPU's state, MSRs and the FPU are reset at each entry. Devices are as the host has left them, or as its SEGUE_LOAD_QUIET_*
 * flags say.
 */
#ifndef SEGUE_TARGET_H
#define SEGUE_TARGET_H

#include <stdint.h>

#define SEGUE_RETURN_MAGIC 0x52676553u /* "SegR" */

struct segue_return_block {
	uint32_t magic;               /* SEGUE_RETURN_MAGIC */
	uint32_t size;                /* of this structure; later versions may be larger */
	uint32_t entry;               /* the return address */
	uint32_t word;                /* the host's, of the present call */
	uint32_t entries;             /* times that the target has been entered; 1 at its first instruction */
	uint32_t core;                /* physical: the ELF core header of the host's memory (segue_core.h); 0: none */
	uint32_t core_size;           /* bytes of it, with its program headers and notes */
	uint32_t reserved[9];
};

/* The block that a return address belongs to. */
#define SEGUE_RETURN_BLOCK(entry) ((volatile struct segue_return_block *)((uintptr_t)(entry) & ~(uintptr_t)4095))

#if defined(__GNUC__) && defined(__i386__)
/*
 * Comes back to the host with a word, and returns the host's next word. Called with paging off. Restored are what a C function
 * preserves, EFLAGS, GDTR, IDTR and the segment registers. LDTR, TR, control registers, MSRs and the FPU's state are not.
 */
static __inline__ uint32_t segue_return(uint32_t entry, uint32_t word)
{
	__asm__ __volatile__(
		"pushfl\n\t"
		"cli\n\t"
		"pushl %%ds\n\t"
		"pushl %%es\n\t"
		"pushl %%fs\n\t"
		"pushl %%gs\n\t"
		"pushl %%ss\n\t"
		"subl $16, %%esp\n\t"
		"sgdtl 2(%%esp)\n\t"
		"sidtl 10(%%esp)\n\t"
		"pushl %%cs\n\t"
		"call *%1\n\t"
		"lgdtl 6(%%esp)\n\t"
		"lidtl 14(%%esp)\n\t"
		/* Loads CS: the far return takes it, and the address that this call pushes. */
		"call 1f\n\t"
		"jmp 2f\n"
		"1:\tlretl\n"
		"2:\taddl $16, %%esp\n\t"
		"popl %%ss\n\t"
		"popl %%gs\n\t"
		"popl %%fs\n\t"
		"popl %%es\n\t"
		"popl %%ds\n\t"
		"popfl"
		: "+a"(word), "+c"(entry)
		:
		: "edx", "memory", "cc");
	return word;
}
#endif

#endif
