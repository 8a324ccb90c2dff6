; SPDX-License-Identifier: MIT
;
; Enters a target in 64-bit mode, under its own page tables and GDT (Intel SDM vol. 3, 9.8.5 "Initializing IA-32e Mode").
; The block begins with struct long_entry (loaders/common/long_entry.h), which has all of the target's state, and says what
; its tables must have.
;
; The IDT's format changes with the mode. The IDT here is right in both: its entries are gates of 64-bit mode, but entry 1
; (#DB, which nothing here can raise) begins with the gate that 32-bit mode uses for an NMI. So an NMI always finds a handler.

long_entry_at:
	times long_entry_size db 0
%define LONG(name) ebp + long_entry_at + long_entry. %+ name

GATE64_SIZE	equ 16
LONG_IDT_AT	equ REST_STACK_TOP	; in data_page
LONG_IDT_SIZE	equ IDT_VECTORS * GATE64_SIZE
REGISTERS64	equ 16
; Intel SDM vol. 3, figure 7-11
TSS64_IST1	equ 36
TSS64_IST2	equ 44
CATCHER64_NMI_STACK equ 3072		; below the catcher's other stack
%if LONG_IDT_AT < PURGATORY_DIGEST_AT + sha256_size
	%error "the IDT of 64-bit mode is in the digest"
%endif

; enter_long_mode
;   mode      32-bit, flat, CPL 0, paging off; reset_cpu has run
;   in        EBP base; struct long_entry
;   out       the target, contract points 33 to 36
;   clobbers  all
enter_long_mode:
	; The moves have put the catcher in place. Its RET flushes a prefetch queue.
	mov ebx, [PARAM(catcher)]
	test ebx, ebx
	jz .no_catcher
	lea esi, [ebp + long_entry_at]
	call ebx
	mov word [ebp + last_idt_pointer], LONG_IDT_SIZE - 1
	mov [ebp + last_idt_pointer + 2], edi
	mov edx, 1 << 16
	mov dx, [LONG(code)]
	call build_idt64
	mov byte [edi - LONG_IDT_SIZE + VECTOR_NMI * GATE64_SIZE + 4], 2
	; The two stacks, in the TSS that its descriptor leads to
	movzx ecx, word [LONG(tss)]
	add ecx, [LONG(gdt)]
	mov eax, [ecx + 2]
	shl eax, 8
	mov al, [ecx + 7]
	ror eax, 8
	lea edx, [ebx + CATCHER_SIZE]
	mov [eax + TSS64_IST1], edx
	sub edx, CATCHER64_NMI_STACK
	mov [eax + TSS64_IST2], edx
.no_catcher:
	lea edi, [ebp + LONG_IDT_AT]
	lea eax, [ebp + long_stubs]
	movzx edx, word [LONG(code)]
	call build_idt64
	mov eax, [ebp + IDT_AT + VECTOR_NMI * 8]
	mov [ebp + LONG_IDT_AT + VECTOR_NMI * 8], eax
	mov eax, [ebp + IDT_AT + VECTOR_NMI * 8 + 4]
	mov [ebp + LONG_IDT_AT + VECTOR_NMI * 8 + 4], eax
	lea eax, [ebp + LONG_IDT_AT]
	mov [ebp + long_idt_pointer + 2], eax

	mov ecx, MSR_PAT
	mov eax, [LONG(pat)]
	mov edx, [LONG(pat) + 4]
	call write_msr
	mov eax, [LONG(cr4)]
	mov cr4, eax
	mov eax, [LONG(cr3)]
	mov cr3, eax
	mov ecx, MSR_EFER
	mov eax, [LONG(efer)]
	mov edx, [LONG(efer) + 4]
	call write_msr

	; A CPU does not enter the mode with a 16-bit TSS, which a host may have left in TR (Intel SDM vol. 2, MOV to CR0).
	mov ax, tss_descriptor - gdt
	ltr ax
	; The target's GDT serves both modes. Its data segment is loaded before paging is on, because an NMI's IRET reloads SS.
	mov ax, [LONG(gdt_limit)]
	mov ecx, [LONG(gdt)]
	mov [ebp + target_gdt_pointer], ax
	mov [ebp + target_gdt_pointer + 2], ecx
	lea eax, [ebp + .in_64_bit]
	mov [ebp + .jump + 1], eax
	mov ax, [LONG(code)]
	mov [ebp + .jump + 5], ax
	movzx edx, word [LONG(data)]
	mov ecx, [LONG(cr0)]
	lgdt [ebp + target_gdt_pointer]
	load_data_segments edx
	lidt [ebp + long_idt_pointer]
	mov cr0, ecx
.jump:
	jmp 0:strict dword 0

	bits 64
.in_64_bit:
	; The upper halves of registers are undefined after the change of mode (Intel SDM vol. 1, 3.4.1.1).
	mov ebp, ebp
	mov esp, esp
%define LONG64(name) rbp + long_entry_at + long_entry. %+ name
	ltr [LONG64(tss)]
	xor eax, eax
	lldt ax
	; IRETQ loads all that is left.
	movzx eax, word [LONG64(data)]
	push rax
	push qword [LONG64(rsp)]
	push qword [LONG64(rflags)]
	movzx eax, word [LONG64(code)]
	push rax
	push qword [LONG64(rip)]
	mov rax, [LONG64(rax)]
	mov rcx, [LONG64(rcx)]
	mov rdx, [LONG64(rdx)]
	mov rbx, [LONG64(rbx)]
	mov rsi, [LONG64(rsi)]
	mov rdi, [LONG64(rdi)]
%assign i 8
%rep REGISTERS64 - 8
	mov r %+ i, [LONG64(r8) + (i - 8) * 8]
%assign i i + 1
%endrep
	mov rbp, [LONG64(rbp)]
	; NMIs are handled up to here; with the catcher after it too.
	lidt [rel last_idt_pointer]
	iretq

; An NMI returns. For all else trap.asm prints, in compatibility mode and from a frame of 32 bits: the stack and RIP are below
; 4 GiB here. The target's GDT stays, with its data segment in SS and DS, so that NMIs still find their handler.
long_trap:
	cmp byte [rsp], VECTOR_NMI
	jne .exception
	add rsp, 8
	iretq
.exception:
	; The vector, the error code if there is one, RIP, CS and RFLAGS
	mov rsi, rsp
	sub rsp, 32
%assign i 0
%rep 5
	mov eax, [rsi + i * 8]
	mov [rsp + i * 4], eax
%assign i i + 1
%endrep
	lea rax, [rel trap.exception]
	push LONG_ENTRY_SWITCH
	push rax
	retfq
	bits 32

; The bytes mean the same in 64-bit mode, in which these run.
long_stubs:
%assign vector 0
%rep IDT_VECTORS
	push byte vector
	jmp short .trap
	%assign vector vector + 1
%endrep
%if $ - long_stubs != IDT_VECTORS * STUB_SIZE
	%error "a stub has not its size"
%endif
.trap:
	jmp near long_trap

; build_idt64: gates of 64-bit mode
;   mode      32-bit, flat
;   in        EDI address; EAX the stub of vector 0; EDX the code selector, and from bit 16 on the stack's number in the TSS
;   out       EDI after the IDT
;   clobbers  EAX ECX EDX EFLAGS
build_idt64:
	or edx, GATE_INTERRUPT << 16
	mov ecx, IDT_VECTORS
.gate:
	mov [edi + 4], eax
	mov [edi], ax
	mov [edi + 2], edx
	and dword [edi + 8], 0
	and dword [edi + 12], 0
	add eax, STUB_SIZE
	add edi, GATE64_SIZE
	dec ecx
	jnz .gate
	ret

	align 4, db 0
	dw 0				; so that the bases are aligned
long_idt_pointer:
	dw LONG_IDT_SIZE - 1
	dd 0
	dw 0
target_gdt_pointer:
	dw 0
	dd 0
	dw 0
; For 64-bit mode, with a base of 64 bits
last_idt_pointer:
	dw 0
	dd 0, 0
