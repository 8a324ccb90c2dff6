; SPDX-License-Identifier: MIT
; The boot stage's entry, and the switch to the kernel's mode.

MULTIBOOT_MAGIC		equ 0x1badb002
MULTIBOOT_FLAGS		equ 1 << 0 | 1 << 1	; page-aligned modules; memory map

CR0_PE			equ 1 << 0
CR0_WP			equ 1 << 16
CR0_NW			equ 1 << 29
CR0_CD			equ 1 << 30
CR0_PG			equ 1 << 31
MSR_EFER		equ 0xc0000080

; boot.c: struct entering
struc entering
	.cr3		resd 1
	.cr4		resd 1
	.efer		resd 1			; 0: do not touch
	.paging		resd 1
	.code_base	resd 1
	.data_base	resd 1
	.entry		resq 1			; offset in the kernel's code segment
endstruc

bits 32
section .multiboot progbits alloc noexec nowrite align=4
	dd	MULTIBOOT_MAGIC
	dd	MULTIBOOT_FLAGS
	dd	-(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

section .text
global _start, enter_kernel
global trampoline, trampoline_end, other_cpus, other_cpus_go, other_cpus_entering
extern boot_main, boot_stack_top

_start:
	mov	esp, boot_stack_top
	push	ebx
	push	eax
	cld
	call	boot_main
.stop:
	cli
	hlt
	jmp	.stop

; enter_kernel(struct entering *)
;   mode  32-bit, paging off; the page tables at .cr3 map the boot stage at its physical address
;   does not return
enter_kernel:
	mov	ebx, [esp + 4]
enter_with:
	mov	eax, [ebx + entering.code_base]
	mov	edi, code_descriptor
	call	set_base
	mov	eax, [ebx + entering.data_base]
	mov	edi, data_descriptor
	call	set_base
	lgdt	[gdt_pointer]
	jmp	FLAT_CODE:.flat
.flat:
	mov	eax, FLAT_DATA
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	fs, eax
	mov	gs, eax
	mov	eax, [ebx + entering.cr4]
	test	eax, eax
	jz	.no_cr4
	mov	cr4, eax
.no_cr4:
	mov	eax, [ebx + entering.efer]
	test	eax, eax
	jz	.no_efer
	xor	edx, edx
	mov	ecx, MSR_EFER
	wrmsr
.no_efer:
	cmp	dword [ebx + entering.paging], 0
	je	.enter
	mov	eax, [ebx + entering.cr3]
	mov	cr3, eax
	mov	eax, cr0
	or	eax, CR0_PG | CR0_WP
	mov	cr0, eax
	jmp	.enter
.enter:
	test	dword [ebx + entering.efer], 1 << 8	; LME
	jnz	.long
	mov	ecx, [ebx + entering.entry]
	mov	[.offset], ecx
	mov	eax, KERNEL_DATA
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	db	0xea			; far jump, its offset written above
.offset:
	dd	0
	dw	KERNEL_CODE
.long:
	jmp	LONG_CODE:long_mode

; Entry of another CPU; boot.c copies it to TRAMPOLINE. Real mode, CS = TRAMPOLINE / 16, IP = 0.
bits 16
trampoline:
	cli
	o32 lgdt [cs:.pointer - trampoline]
	mov	eax, cr0
	or	eax, CR0_PE
	mov	cr0, eax
	jmp	dword FLAT_CODE:other_cpu
	align	4
.pointer:
	dw	gdt_end - gdt - 1
	dd	gdt
trampoline_end:
bits 32
; Waits without a stack until the kernel lets this CPU follow the boot CPU.
other_cpu:
	mov	eax, FLAT_DATA
	mov	ds, eax
	mov	eax, cr0
	and	eax, ~(CR0_CD | CR0_NW)
	mov	cr0, eax
	lock inc dword [other_cpus]
	mov	ebx, [other_cpus_go]
.wait:
	pause
	cmp	dword [ebx], 0
	je	.wait
	mov	ebx, [other_cpus_entering]
	jmp	enter_with

; in EAX base, EDI descriptor; clobbers EAX
set_base:
	mov	[edi + 2], ax
	shr	eax, 16
	mov	[edi + 4], al
	mov	[edi + 7], ah
	ret

bits 64
long_mode:
	mov	ebx, ebx
	mov	rax, [rbx + entering.entry]
	jmp	rax

section .data
ACCESS_CODE	equ 0x9b
ACCESS_DATA	equ 0x93
FLAGS_32	equ 0xc		; G, D
FLAGS_64	equ 0xa		; G, L
; access, flags
%macro descriptor 2
	dw	0xffff, 0
	db	0, %1, %2 << 4 | 0xf, 0
%endmacro
FLAT_CODE	equ 0x08
FLAT_DATA	equ 0x10
KERNEL_CODE	equ 0x18
KERNEL_DATA	equ 0x20
LONG_CODE	equ 0x28
	align	8
gdt:
	dq	0
	descriptor ACCESS_CODE, FLAGS_32
	descriptor ACCESS_DATA, FLAGS_32
code_descriptor:
	descriptor ACCESS_CODE, FLAGS_32
data_descriptor:
	descriptor ACCESS_DATA, FLAGS_32
	descriptor ACCESS_CODE, FLAGS_64
gdt_end:
gdt_pointer:
	dw	gdt_end - gdt - 1
	dd	gdt
	align	4
other_cpus:				; number of CPUs that wait
	dd	0
other_cpus_go:				; physical address of the word that releases them
	dd	0
other_cpus_entering:
	dd	0

section .kernel progbits alloc exec write align=4096
global boot_kernel
boot_kernel:
	incbin	KERNEL

section .note.GNU-stack noalloc noexec nowrite progbits
