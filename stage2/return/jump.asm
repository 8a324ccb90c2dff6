; SPDX-License-Identifier: MIT
;
; build/jump.elf: what a Linux with CONFIG_KEXEC_JUMP (amd64) starts by kexec --load-preserve-context --args-none to come back to
; its host, and through which it is entered again (include/README.md, "A Linux that is called again"). jump.sh loads it.
;
; The last two dwords of the file are its arguments: the return address (segue_target.h), and a word for the host.
;
; The file is ELF64, ET_DYN: kexec places it where Linux has RAM, between --mem-min and --mem-max. When Linux leaves, it exchanges
; those pages with the ones that hold this file, and when it is entered it exchanges them back. So this file keeps its contents from one
; call to the next.
;
; Linux calls it the first time at entry, and later at the address that the call to Linux has pushed (Linux 6.1:
; arch/x86/kernel/relocate_kernel_64.S).
;   on entry  64-bit mode, CPL 0, interrupts off, an identity map of Linux's RAM, which does not hold the return address; no
;             valid GDT or IDT; RSP leads to the address at which Linux is entered again
;   on exit   that address is called
;               - in 64-bit mode under page tables of this file, which map the first 4 GiB to themselves;
;               - with the CS and SS of Linux, 0x10 and 0x18, because it does not load CS anew; EFLAGS 2;
;               - with CR0, CR4, EFER, IA32_PAT and IA32_TSC_AUX as Linux has left them. Its own page tables need EFER.NXE and
;                 CR4.LA57 before it restores its registers, and no step of its own restores IA32_TSC_AUX.
;             The other registers may be anything; Linux restores its own.
; There is no IDT here, as in this part of Linux itself: an NMI is a shutdown.

%include "machine/segments.inc"
%include "machine/serial.inc"
%include "numbers/purgatory.inc"

TABLE_COUNT	equ 7			; the top one of 5 levels, that of 4, one for 512 GiB, four for 1 GiB each
PAGE_2M		equ 0x200000

; Linux's selectors, and one for the way through compatibility mode
CODE_32		equ 0x08
CODE_64		equ 0x10
DATA		equ 0x18

MSR_PAT		equ 0x277
MSR_TSC_AUX	equ 0xc0000103
EXTENDED_FEATURES equ 0x80000001 ; leaf
CPUID_RDTSCP	equ 1 << 27		; EDX of that leaf

; Video memory: it is never RAM, so kexec always chooses another place.
LINKED_AT	equ 0xa0000

	org LINKED_AT

; ---- System V ABI, ELF-64: figures 4-3 and 5-1 ----
file:
	db 0x7f, "ELF", 2, 1, 1
	times 16 - ($ - file) db 0
	dw 3, 62			; ET_DYN, EM_X86_64
	dd 1
	dq entry, program - file, 0
	dd 0
	dw program - file, code - program, 1, 64, 0, 0
program:
	dd 1, 7				; PT_LOAD
	dq 0, LINKED_AT, LINKED_AT, file_end - file, memory_end - file, PAGE
code:

; What is not in the file has no RIP-relative address for NASM. RBX or EBX is the file's address throughout.
%define AT(name) rbx + (name - file)

	bits 64
entry:
	cli
	cld
	lea rbx, [rel file]
	pop qword [AT(linux)]
	lea rsp, [AT(stack_end)]
	mov rsi, [AT(linux)]
	call find_linux_gdt
	mov [AT(linux_gdt)], rax
	lea rax, [AT(gdt)]
	mov [AT(gdt_pointer.base)], rax
	mov word [AT(gdt_pointer)], gdt_end - gdt - 1
	lgdt [AT(gdt_pointer)]
	lea rax, [AT(memory_end)]
	or rax, [AT(linux)]
	shr rax, 32
	jnz .too_high

	mov rax, cr0
	mov [AT(linux_cr0)], eax
	mov rax, cr4
	mov [AT(linux_cr4)], eax
	mov ecx, MSR_EFER
	lea rdi, [AT(linux_efer)]
	call keep_msr
	mov ecx, MSR_PAT
	lea rdi, [AT(linux_pat)]
	call keep_msr
	mov eax, EXTENDED_FEATURES
	push rbx
	cpuid
	pop rbx
	mov [AT(features)], edx
	test edx, CPUID_RDTSCP
	jz .no_tsc_aux
	mov ecx, MSR_TSC_AUX
	lea rdi, [AT(linux_tsc_aux)]
	call keep_msr
.no_tsc_aux:
	call make_tables

	; Leave long mode through compatibility mode (Intel SDM vol. 3, 9.8.5.4).
	push CODE_32
	lea rax, [rel to_host]
	push rax
	retfq
.too_high:
	lea rsi, [rel too_high]
	call print
	push CODE_64
	lea rax, [rel call_linux]
	push rax
	retfq

; keep_msr: ECX an MSR, RDI 8 bytes for it. Clobbers EAX EDX.
keep_msr:
	rdmsr
	mov [rdi], eax
	mov [rdi + 4], edx
	ret

; make_tables: 4 GiB in pages of 2 MiB, and the tables above for 4 and for 5 levels; loads CR3. Clobbers RAX RCX RDI.
make_tables:
	lea rdi, [AT(tables)]
	lea eax, [rdi + PAGE + (ENTRY_PRESENT | ENTRY_WRITABLE)]
	mov ecx, 2
.top:
	mov [rdi], rax
	add rdi, PAGE
	add rax, PAGE
	loop .top
	mov ecx, 4
.gib:
	mov [rdi], rax
	add rdi, 8
	add rax, PAGE
	loop .gib
	lea rdi, [AT(tables) + 3 * PAGE]
	mov eax, ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_LARGE
	mov ecx, 4 * PAGE / 8
.page:
	mov [rdi], rax
	add rdi, 8
	add rax, PAGE_2M
	loop .page
	lea rcx, [AT(tables)]
	mov rax, cr4
	test eax, CR4_LA57
	jnz .five_levels
	add rcx, PAGE
.five_levels:
	mov cr3, rcx
	mov [AT(tables_cr3)], ecx
	ret

; print: in 64-bit and in 32-bit mode, where the bytes mean the same; RSI a text that ends with 0. Clobbers RAX RCX RDX RSI RDI.
print:
	mov edx, COM1
.character:
	lodsb
	test al, al
	jz .done
	put_character edi
	jmp .character
.done:
	ret

	bits 32
%define AT(name) ebx + (name - file)

; to_host: leaves for the host, which keeps EBX
to_host:
	mov eax, DATA
	load_data_segments eax
	mov eax, cr0
	and eax, ~CR0_PG
	mov cr0, eax
	mov ecx, MSR_EFER
	rdmsr
	and eax, ~(EFER_LME | EFER_LMA)
	wrmsr
	xor eax, eax
	mov cr4, eax

	mov edx, [AT(return_address)]
	mov ecx, edx
	and ecx, ~(PAGE - 1)
	cmp dword [ecx], SEGUE_RETURN_MAGIC
	jne .no_host
	mov eax, [AT(host_word)]
	call edx
	jmp short to_linux
.no_host:
	lea esi, [AT(no_host)]
	call print

to_linux:
	lea eax, [AT(gdt)]
	mov [AT(gdt_pointer.base)], eax
	lgdt [AT(gdt_pointer)]
	mov eax, [AT(linux_cr4)]
	mov cr4, eax
	mov eax, [AT(tables_cr3)]
	mov cr3, eax
	; LMA must be written as 0 while paging is off (AMD APM vol. 2, 3.1.7).
	mov ecx, MSR_EFER
	mov eax, [AT(linux_efer)]
	mov edx, [AT(linux_efer) + 4]
	and eax, ~EFER_LMA
	wrmsr
	mov ecx, MSR_PAT
	mov eax, [AT(linux_pat)]
	mov edx, [AT(linux_pat) + 4]
	wrmsr
	test dword [AT(features)], CPUID_RDTSCP
	jz .no_tsc_aux
	mov ecx, MSR_TSC_AUX
	mov eax, [AT(linux_tsc_aux)]
	mov edx, [AT(linux_tsc_aux) + 4]
	wrmsr
.no_tsc_aux:
	mov eax, [AT(linux_cr0)]
	mov cr0, eax
	lea esp, [AT(stack_end)]
	push dword CODE_64
	lea eax, [AT(call_linux)]
	push eax
	retf

	bits 64
%define AT(name) rbx + (name - file)
call_linux:
	lea rbx, [rel file]
	mov eax, DATA
	load_data_segments eax
	mov rax, [AT(linux_gdt)]
	test rax, rax
	jz .own_gdt
	mov [AT(gdt_pointer.base)], rax
	mov word [AT(gdt_pointer)], PAGE - 1
	lgdt [AT(gdt_pointer)]
.own_gdt:
	push EFLAGS_FIXED
	popfq
	call [AT(linux)]
	jmp near entry

%include "return/linux_gdt.inc"

	align 8, db 0
gdt:
	dq 0, 0x00cf9b000000ffff, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_end:
	dw 0, 0, 0			; so that the base is aligned
gdt_pointer:
	dw gdt_end - gdt - 1
.base:	dq 0

no_host:	db "segue: jump.elf: there is no host at its return address; Linux goes on", 13, 10, 0
too_high:	db "segue: jump.elf: its memory or Linux's is above 4 GiB; Linux goes on", 13, 10, 0

	align 4, db 0
return_address:	dd 0
host_word:	dd 0
file_end:

absolute LINKED_AT + file_end - file
	alignb 8
linux:		resq 1			; the address at which it is entered
linux_gdt:	resq 1			; its linear address; 0: none is needed
linux_efer:	resq 1
linux_pat:	resq 1
linux_tsc_aux:	resq 1
linux_cr0:	resd 1
linux_cr4:	resd 1
tables_cr3:	resd 1
features:	resd 1			; EDX of leaf EXTENDED_FEATURES
	resb 256
	alignb 16
stack_end:
	alignb PAGE
tables:
	resb TABLE_COUNT * PAGE
memory_end:
