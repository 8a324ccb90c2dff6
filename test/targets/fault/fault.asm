; SPDX-License-Identifier: MIT
;
; A Multiboot kernel that makes one mistake, for the catcher: nasm -f bin -DCASE_NAME; with -DOWN_GDT and -DPAGING (an
; identity map) it sets those up first. The faulting instruction is at FAULT; registers hold the patterns below.

bits 32
ORIGIN		equ 0x200000
FAULT		equ ORIGIN + 0x100	; test_catcher.py knows it
org ORIGIN

MULTIBOOT_MAGIC	equ 0x1badb002
MULTIBOOT_ADDRESSES equ 1 << 16
CR0_EM		equ 1 << 2
CR0_PG		equ 1 << 31
CR4_PSE		equ 1 << 4
CR4_PAE		equ 1 << 5
MSR_EFER	equ 0xc0000080
EFER_LME	equ 1 << 8
EFLAGS_FIXED	equ 1 << 1
EFLAGS_TF	equ 1 << 8
PRESENT		equ 1 << 0
LARGE_PAGE	equ 0x83		; present, writable, 4 MiB or 2 MiB
ABSENT		equ 0x40000000		; not in the page directory
ROM		equ 0xfffffff0

; Multiboot 0.6.96, section 3.1
header:
	dd MULTIBOOT_MAGIC, MULTIBOOT_ADDRESSES, -(MULTIBOOT_MAGIC + MULTIBOOT_ADDRESSES)
	dd header, ORIGIN, end, bss_end
%ifdef CASE_FIRST
	dd FAULT
%else
	dd entry
%endif

entry:
%ifdef OWN_GDT
	lgdt [gdt_pointer]
%endif
	mov esp, stack
%ifdef ZERO_STACK
	xor esp, esp
%elifdef CASE_ROM_STACK
	mov esp, ROM
	push eax
%elifdef CASE_DEVICE
	mov eax, cr0
	or eax, CR0_EM
	mov cr0, eax
%elifdef CASE_IDT
	lidt [no_idt]
%endif
%ifdef PAGING
	mov edi, directory
	mov eax, LARGE_PAGE
.large_page:
	stosd
	add eax, 1 << 22
	jnc .large_page
	mov dword [directory + (ABSENT >> 22) * 4], 0
 %ifdef CASE_UNMAPPED_CATCHER
	sgdt [gdt_pointer]
	mov eax, [gdt_pointer + 2]
	shr eax, 22
	mov dword [directory + eax * 4], 0
 %endif
	mov eax, cr4
	or eax, CR4_PSE
	mov cr4, eax
	mov eax, directory
	mov cr3, eax
	mov eax, cr0
	or eax, CR0_PG
	mov cr0, eax
%endif
%ifdef CASE_PAE
 %define EIGHT_BYTES
%elifdef CASE_LONG
 %define EIGHT_BYTES
%endif
%ifdef EIGHT_BYTES
	mov edi, directories
	mov eax, LARGE_PAGE
.page:
	stosd
	add edi, 4
	add eax, 1 << 21
	jnc .page
	mov edi, pointers
	mov eax, directories + PRESENT
.pointer:
	stosd
	add edi, 4
	add eax, 4096
	cmp edi, pointers + 4 * 8
	jb .pointer
	mov eax, cr4
	or eax, CR4_PAE
	mov cr4, eax
	mov eax, pointers
 %ifdef CASE_LONG
	mov dword [directory], pointers + PRESENT
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME
	wrmsr
	mov eax, directory
 %endif
	mov cr3, eax
	mov eax, cr0
	or eax, CR0_PG
	mov cr0, eax
%endif
	mov ax, 0
	mov fs, ax
	mov eax, 0xa0a1a2a3
	mov ebx, 0xb0b1b2b3
	mov ecx, 0xc0c1c2c3
	mov edx, 0xd0d1d2d3
	mov esi, 0x51525354
	mov edi, 0xd1d2d3d4
	mov ebp, 0xe0e1e2e3
	jmp near FAULT

	times FAULT - ORIGIN - ($ - $$) db 0
fault:
%ifdef CASE_SELECTOR
	mov ds, [selector]
%elifdef CASE_STACK_SELECTOR
	mov ss, [selector]
%elifdef CASE_DIVIDE
	div dword [zero]
%elifdef CASE_FAR_JUMP
	jmp 0x1234:0
%elifdef CASE_BREAKPOINT
	int3
%elifdef CASE_INTERRUPT
	int 0x80
%elifdef CASE_DEVICE
	fninit
%elifdef CASE_READ
	mov eax, [ABSENT + 0x1234]
%elifdef CASE_FETCH
	jmp ABSENT + 0x5678
%elifdef CASE_SPIN
	jmp $
%elifdef CASE_STEP
	push dword EFLAGS_FIXED | EFLAGS_TF
	popfd
	nop				; the trap follows it
%else
	ud2
%endif
	jmp $

	align 8
gdt:
	dq 0
	dw 0xffff, 0, 0x9b00, 0xcf
	dw 0xffff, 0, 0x9300, 0xcf
gdt_end:
gdt_pointer:
	dw gdt_end - gdt - 1
	dd gdt
no_idt:
	dw 0
	dd 0
selector:
	dd 0x28
zero:
	dd 0
end:
	alignb 4096
absolute ORIGIN + 0x1000
directory:
	resb 4096
pointers:
	resb 4096
directories:
	resb 4 * 4096
	resb 4096
stack:
bss_end:
