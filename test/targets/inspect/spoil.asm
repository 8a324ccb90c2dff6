; SPDX-License-Identifier: MIT
; Spoils the CPU's state, for the state tests. The gdb stub puts it into memory at ORIGIN and jumps to it; it continues
; at BACK. The test defines what the CPU has:
;   -DCR4=value        bits to set in CR4
;   -DSYSENTER -DPAT   those MSRs
;   -DEFER=value       EFER, and -DSYSCALL: STAR, LSTAR, CSTAR, FMASK
;   -DXCR0             XCR0 = 7; CR4 must hold OSXSAVE
;   -DKEEP             keep EBX and ESI, in which the protocols pass their tables; EAX is always kept
;   -DX87              leave CR0.EM and CR0.TS, so that the target can see the x87's state
;   -DPAGING           paging on, with an identity map of 4 MiB pages
;   -DTABLES           also GDTR, CS, DS, ES and SS, on which segue_exec() may rely
bits 32
org ORIGIN

%ifdef PAGING
CR0_SPOILT	equ 1 << 31
%elifdef X87
CR0_SPOILT	equ 1 << 1	; MP: x87 instructions work
%else
CR0_SPOILT	equ 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 16 | 1 << 18 | 1 << 30	; MP EM TS NE WP AM CD
%endif
PAGE_DIRECTORY	equ ORIGIN + 0x2000
CR4_PSE		equ 1 << 4
; CF, DF, IOPL 3, NT, AC, ID
EFLAGS_SPOILT	equ 1 << 0 | 1 << 10 | 3 << 12 | 1 << 14 | 1 << 18 | 1 << 21
; four bytes written at DR0 (in the target's destination), reads and writes at DR3 (nowhere)
DR7_SPOILT	equ 1 << 10 | 1 << 1 | 0xd << 16 | 1 << 7 | 0xf << 28

%macro msr 2
	mov	ecx, %1
	mov	eax, %2
	xor	edx, edx
	wrmsr
%endmacro

	mov	[saved_eax], eax
	mov	[saved_ebx], ebx
	fninit
	fldcw	[control_word]
	fld1
	fldz
	mov	eax, 0xdeadb000
	mov	cr2, eax
	mov	eax, 0x12345000
	mov	cr3, eax
	mov	eax, 0x100800
	mov	dr0, eax
	mov	eax, 0x11111111
	mov	dr1, eax
	mov	eax, 0x22222222
	mov	dr2, eax
	mov	eax, 0xfffffff0
	mov	dr3, eax
	mov	eax, 0xffff4ff5
	mov	dr6, eax
	mov	eax, DR7_SPOILT
	mov	dr7, eax
%ifdef CR4
	mov	eax, cr4
	or	eax, CR4
	mov	cr4, eax
%endif
%ifdef XCR0
	xor	ecx, ecx
	xor	edx, edx
	mov	eax, 7
	xsetbv
%endif
%ifdef SYSENTER
	msr	0x174, 0x18
	msr	0x175, 0x55555555
	msr	0x176, 0x66666666
%endif
%ifdef PAT
	msr	0x277, 0x01010101
%endif
%ifdef EFER
	msr	0xc0000080, EFER
%endif
%ifdef SYSCALL
	msr	0xc0000081, 0x81818181
	msr	0xc0000082, 0x82828282
	msr	0xc0000083, 0x03838383
	msr	0xc0000084, 0x84848484
%endif
%ifdef PAGING
	mov	edi, PAGE_DIRECTORY
	mov	eax, 0x83		; present, writable, 4 MiB
.page:
	mov	[edi], eax
	add	edi, 4
	add	eax, 1 << 22
	jnc	.page
	mov	eax, PAGE_DIRECTORY
	mov	cr3, eax
	mov	eax, cr4
	or	eax, CR4_PSE
	mov	cr4, eax
%endif
	mov	eax, cr0
	or	eax, CR0_SPOILT
	mov	cr0, eax
	sgdt	[saved_gdt]
	lgdt	[gdt_pointer]
	lidt	[idt_pointer]
	mov	eax, 0x38
	lldt	ax
	mov	eax, 0x30
	mov	fs, eax
	mov	gs, eax
%ifdef TABLES
	jmp	0x28:.far
.far:
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
%else
	lgdt	[saved_gdt]
%endif
	mov	ecx, 0xcccccccc
	mov	edx, 0xdddddddd
	mov	edi, 0xd1d1d1d1
	mov	ebp, 0xbbbbbbb0
	mov	esp, stack
	push	dword EFLAGS_SPOILT
	popfd
	mov	esp, 0x5b5b5b5b
	mov	eax, [saved_eax]
	mov	ebx, [saved_ebx]
%ifndef KEEP
	mov	esi, 0x51515151
	mov	ebx, 0xb0b0b0b0
%endif
	jmp	BACK

	align	8
gdt:
	dq	0, 0, 0, 0, 0
	dq	0x00c79b000000ffff	; 0x28: code of 2 GiB
	dq	0x00c793000000ffff	; 0x30: data of 2 GiB
	dq	0x000082000000ffff	; 0x38: LDT
gdt_end:
gdt_pointer:
	dw	gdt_end - gdt - 1
	dd	gdt
idt_pointer:
	dw	0x7ff
	dd	0x1000
saved_gdt:
	dw	0
	dd	0
control_word:
	dw	0x0040
saved_eax:
	dd	0
saved_ebx:
	dd	0
	times	64 db 0
stack:
