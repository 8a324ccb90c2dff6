/* SPDX-License-Identifier: MIT */
/* Debug registers and XCR0: registers.h. */
#include "return/registers.h"
#include "leave/cross.h"

#define READ_DR(n, to) __asm__ volatile("mov %%dr" #n ", %0" : "=r"(to))
#define WRITE_DR(n, from) __asm__ volatile("mov %0, %%dr" #n : : "r"(from))

void segue_keep_registers(struct registers *kept, uint32_t cpu)
{
	READ_DR(0, kept->dr0);
	READ_DR(1, kept->dr1);
	READ_DR(2, kept->dr2);
	READ_DR(3, kept->dr3);
	READ_DR(6, kept->dr6);
	if (cpu & CPU_XSAVE)
		__asm__ volatile("xgetbv" : "=a"(kept->xcr0[0]), "=d"(kept->xcr0[1]) : "c"(0));
}

void segue_put_back_registers(const struct registers *kept, uint32_t cpu)
{
	if (cpu & CPU_XSAVE)
		__asm__ volatile("xsetbv" : : "c"(0), "a"(kept->xcr0[0]), "d"(kept->xcr0[1]));
	WRITE_DR(0, kept->dr0);
	WRITE_DR(1, kept->dr1);
	WRITE_DR(2, kept->dr2);
	WRITE_DR(3, kept->dr3);
	WRITE_DR(6, kept->dr6);
}
