/* SPDX-License-Identifier: MIT */
/* Registers, bits and ports of the PC that more than one file needs, in C or in assembly. Exported to segue.elf. */
#ifndef SEGUE_HARDWARE_H
#define SEGUE_HARDWARE_H

/* Intel SDM vol. 1, 3.4.3 */
#define EFLAGS_FIXED 0x2u
#define EFLAGS_VM 0x20000u
#define EFLAGS_ID 0x200000u

/* Intel SDM vol. 3, 2.5 */
#define CR0_PE 0x1u
#define CR0_MP 0x2u
#define CR0_EM 0x4u
#define CR0_TS 0x8u
#define CR0_ET 0x10u
#define CR0_NW 0x20000000u
#define CR0_CD 0x40000000u
#define CR0_PG 0x80000000u
#define CR4_PSE 0x10u
#define CR4_PAE 0x20u
#define CR4_MCE 0x40u
#define CR4_OSFXSR 0x200u
#define CR4_LA57 0x1000u
#define CR4_VMXE 0x2000u
#define CR4_OSXSAVE 0x40000u
#define CR4_CET 0x800000u

/* Intel SDM vol. 3, 17.2.4 */
#define DR7_RESET 0x400u

/* Intel SDM vol. 2, CPUID: leaf 1, EDX */
#define CPUID_FPU 0x1u
#define CPUID_VME 0x2u
#define CPUID_DE 0x4u
#define CPUID_PSE 0x8u
#define CPUID_TSC 0x10u
#define CPUID_MSR 0x20u
#define CPUID_PAE 0x40u
#define CPUID_MCE 0x80u
#define CPUID_APIC 0x200u
#define CPUID_SEP 0x800u
#define CPUID_PGE 0x2000u
#define CPUID_PAT 0x10000u
#define CPUID_FXSR 0x1000000u
#define CPUID_SSE2 0x4000000u
/* Each of these has a bit in CR4; a CPU with none of them has no CR4 (Intel SDM vol. 3, 2.5). */
#define CPUID_ANY_CR4 \
	(CPUID_VME | CPUID_DE | CPUID_PSE | CPUID_TSC | CPUID_PAE | CPUID_MCE | CPUID_PGE | CPUID_FXSR)

/* Leaf 80000001H, EDX */
#define CPUID_SYSCALL 0x800u
#define CPUID_NX 0x100000u
#define CPUID_LM 0x20000000u

/* Intel SDM vol. 4 */
#define MSR_APIC_BASE 0x1bu
#define APIC_BASE_BSP 0x100u
#define APIC_BASE_EXTD 0x400u         /* x2APIC */
#define APIC_BASE_EN 0x800u
#define MSR_EFER 0xc0000080u
#define EFER_LME 0x100u
#define EFER_LMA 0x400u
#define MSR_S_CET 0x6a2u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u

/* Local APIC (Intel SDM vol. 3, 10.4) */
#define APIC_USUAL 0xfee00000u
#define APIC_TPR 0x80u

/* Intel SDM vol. 3, table 6-1 */
#define VECTOR_NMI 2u
#define VECTOR_UD 6u
#define VECTOR_GP 13u
#define VECTOR_PF 14u
#define GATE_INTERRUPT 0x8e00u        /* present, ring 0, interrupt gate of the mode's width */

/* Intel SDM vol. 3, 3.4.2 */
#define SELECTOR_RPL 3u
#define SELECTOR_TI 4u
#define SELECTOR_FLAGS 7u             /* RPL and TI */

/* Page-table entries (Intel SDM vol. 3, tables 4-4 to 4-20) */
#define ENTRY_PRESENT 0x1u
#define ENTRY_WRITABLE 0x2u
#define ENTRY_LARGE 0x80u

/* Segment descriptors (Intel SDM vol. 3, 3.4.5): byte 5, the access byte, and bits of byte 6 */
#define ACCESS_ACCESSED 0x01u
#define ACCESS_RW 0x02u               /* code: may be read; data: may be written */
#define ACCESS_CODE_BIT 0x08u
#define ACCESS_NOT_SYSTEM 0x10u
#define ACCESS_PRESENT 0x80u
/* Accessed is set, so that the CPU never writes to the table. */
#define ACCESS_DATA (ACCESS_PRESENT | ACCESS_NOT_SYSTEM | ACCESS_RW | ACCESS_ACCESSED)
#define ACCESS_CODE (ACCESS_DATA | ACCESS_CODE_BIT)
#define DESCRIPTOR_32BIT 0x40u
#define DESCRIPTOR_4K 0x80u

/* Port 92h (IBM PS/2 Hardware Interface Technical Reference) */
#define PORT_SYSTEM_A 0x92u
#define SYSTEM_A_RESET 0x1u
#define SYSTEM_A_A20 0x2u
/* Port 61h (IBM PC AT Technical Reference) */
#define PORT_SYSTEM_B 0x61u
#define SYSTEM_B_GATE_2 0x1u
#define SYSTEM_B_SPEAKER 0x2u
#define SYSTEM_B_OUT_2 0x20u
/* Keyboard controller (8042) */
#define KBC_DATA 0x60u
#define KBC_COMMAND 0x64u             /* a read returns the status */
#define KBC_OUTPUT_FULL 0x1u
#define KBC_INPUT_FULL 0x2u
#define KBC_WRITE_OUT 0xd1u
#define KBC_A20_OFF 0xddu
#define KBC_A20_ON 0xdfu
#define KBC_PULSE_RESET 0xfeu
#define KBC_PULSE_NONE 0xffu
/* Timer (8254) */
#define PIT_CHANNEL_0 0x40u
#define PIT_CHANNEL_2 0x42u
#define PIT_CONTROL 0x43u
#define PIT_ONE_SHOT_2 0xb0u          /* channel 2, low then high byte, mode 0, binary */
#define PIT_HZ 1193182u
/* Interrupt controllers (8259A): the first of each one's two ports */
#define PIC_1 0x20u
#define PIC_2 0xa0u
#define ICW1 0x11u                    /* edge-triggered, two PICs, ICW4 follows */
#define ICW2_BIOS_1 0x08u
#define ICW2_BIOS_2 0x70u
#define ICW3_1 0x04u                  /* the second PIC is on line 2 */
#define ICW3_2 0x02u
#define ICW4_8086 0x01u
#define ICW4_AEOI 0x02u
/* Intel chipsets since PIIX3 */
#define PORT_RESET_CONTROL 0xcf9u
#define RESET_SYSTEM 0x2u
#define RESET_CPU 0x4u
/* Serial port (16550): registers, by their offset */
#define COM1 0x3f8u
#define LCR 3u
#define LSR 5u
#define LCR_8N1 0x03u
#define LCR_DIVISOR 0x80u
#define LSR_THRE 0x20u                /* a byte can be sent */
/* Bochs's and QEMU's port for debug output */
#define DEBUG_PORT 0xe9u

/* The first megabyte */
#define BDA_EBDA 0x40eu               /* word in the BIOS data area: segment of the EBDA */
#define BASE_MEMORY 0x413u            /* word in the BIOS data area: KiB of base memory */
#define BASE_MEMORY_LEAST 256u
#define BASE_MEMORY_MOST 640u
#define VGA_TEXT 0xb8000u
#define ROM_END 0x100000u
/* Where firmware keeps the RSDP (ACPI 6.5, 5.2.5.1) */
#define RSDP_STEP 16u
#define EBDA_SEARCHED 1024u
#define ROM_SEARCHED 0xe0000u         /* up to ROM_END */

/* Software interrupts of the BIOS */
#define VECTOR_VIDEO 0x10u
#define VECTOR_BASE_MEMORY 0x12u
#define VECTOR_DISK 0x13u
#define VECTOR_SYSTEM 0x15u
/* INT 13h */
#define EDD_MAGIC 0x55aau             /* EDD 3.0, section 4.2.1 */
#define EDD_MAGIC_BACK 0xaa55u
#define DISK_CYLINDERS 1024u
#define DISK_BAD_COMMAND 0x01u        /* status */

#endif
