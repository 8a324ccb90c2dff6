; SPDX-License-Identifier: MIT
;
; Enters a target that starts in real mode.
;
; Intel SDM vol. 3, 9.9.2 "Switching Back to Real-Address Mode" requires a code segment of 64 KiB before CR0.PE is
; cleared and a far jump after it. This page may lie above 1 MiB, where no real-mode CS reaches, and needs no copy below:
; the CPU uses the base in CS's hidden part until CS is loaded, as it does after reset, when real-mode code runs at
; 0xfffffff0 (same, 9.1.4). So params are read through CS too, and the far jump is the one to the target.

; Selectors of this block's GDT. Selectors 08 and 10 are as in the core's table, so that its NMI gate still works.
CODE_16		equ 0x18
DATA_16		equ 0x20
SELECTOR_TSS	equ 0x18		; in the core's table
SEGMENT_LIMIT	equ 0xffff
IVT_LIMIT	equ 256 * 4 - 1
RESET_GDT_LIMIT	equ 0xffff		; Intel SDM vol. 3, table 9-1

; enter_real_mode
;   mode      32-bit, flat, CPL 0, paging off; reset_cpu has run
;   in        EBP base; params: code_selector and EIP are the target's CS:IP, data_selector all other segments
;   out       the target, contract points 17 to 22
;   clobbers  all
enter_real_mode:
	test byte [PARAM(flags)], PURGATORY_SHUT_A20
	jz .a20_is_right
	call shut_a20
.a20_is_right:
	test byte [PARAM(flags)], PURGATORY_INTERRUPTS
	jz .interrupts_are_off
	mov dword [ebp + last_jump], enter_with_interrupts
.interrupts_are_off:
	; LDTR and TR can be loaded in protected mode only.
	xor eax, eax
	lldt ax
	mov eax, SELECTOR_TSS
	ltr ax
	; Set the 16-bit segments' base to this page.
	mov eax, ebp
	mov [ebp + real_gdt + CODE_16 + 2], ax
	mov [ebp + real_gdt + DATA_16 + 2], ax
	shr eax, 16
	mov [ebp + real_gdt + CODE_16 + 4], al
	mov [ebp + real_gdt + DATA_16 + 4], al
	mov [ebp + real_gdt + CODE_16 + 7], ah
	mov [ebp + real_gdt + DATA_16 + 7], ah
	lea eax, [ebp + real_gdt]
	mov [ebp + real_gdt_pointer + 2], eax
	lgdt [ebp + real_gdt_pointer]
	jmp CODE_16:leave_protected_mode

	bits 16
leave_protected_mode:
	mov ax, DATA_16
	mov ds, ax
	mov es, ax
	mov fs, ax
	mov gs, ax
	; The core's handler still takes an NMI. It needs only this stack: SS:SP is in the data page.
	mov esp, STACK_TOP
	mov ss, ax
	mov eax, CR0_ET
	; From here on no NMI and no exception is caught.
	o32 lidt [ivt_pointer]
	mov cr0, eax
	; Flush instructions decoded in protected mode (Intel 80386 Programmer's Reference Manual, 14.5).
	jmp short .real_mode
.real_mode:
	o32 lgdt [reset_gdt_pointer]
	; MOV to CR0 leaves the flags undefined; no later instruction changes them.
	push dword EFLAGS_FIXED
	popfd
	mov ax, [cs:arguments + params.data_selector]
	mov ds, ax
	mov es, ax
	mov fs, ax
	mov gs, ax
	mov ss, ax
	mov esp, [cs:arguments + params.esp]
	mov eax, [cs:arguments + params.eax]
	mov ebx, [cs:arguments + params.ebx]
	mov ecx, [cs:arguments + params.ecx]
	mov edx, [cs:arguments + params.edx]
	mov esi, [cs:arguments + params.esi]
	mov edi, [cs:arguments + params.edi]
	mov ebp, [cs:arguments + params.ebp]
	jmp [cs:last_jump]
enter_with_interrupts:
	; STI delays interrupts by one instruction: the jump.
	sti
enter_without:
%if params.code_selector != params.eip + 4
	%error "params: EIP and CS are no far pointer"
%endif
	o32 jmp far [cs:arguments + params.eip]
	bits 32

	align 4, db 0
last_jump:
	dd enter_without

; shut_a20: restores the state in which the firmware left A20. On a machine that cannot shut it, it stays open.
;   mode      32-bit, flat; the page's own address must have bit 20 clear, or the page would disappear
;   in        EBP base
;   clobbers  EAX ECX ESI EFLAGS
shut_a20:
	a20_ladder e
	ret

	align 8, db 0
real_gdt:
	dq 0
	flat_descriptor ACCESS_CODE
	flat_descriptor ACCESS_DATA
%if $ - real_gdt != CODE_16
	%error "CODE_16"
%endif
	; base: this page; limit 64 KiB, in bytes; 16-bit
	dw SEGMENT_LIMIT, 0
	db 0, ACCESS_CODE, 0, 0
	dw SEGMENT_LIMIT, 0
	db 0, ACCESS_DATA, 0, 0
real_gdt_end:

	dw 0				; so that the bases are aligned
real_gdt_pointer:
	dw real_gdt_end - real_gdt - 1
	dd 0
	dw 0
reset_gdt_pointer:
	dw RESET_GDT_LIMIT
	dd 0
	dw 0
ivt_pointer:
	dw IVT_LIMIT
	dd 0
