; SPDX-License-Identifier: MIT
;
; The catcher of a target that is entered in 64-bit mode. It takes the place of the other one (catcher.asm): a segment of
; CATCHER_SIZE bytes in memory that the target's map calls reserved. Position-independent, linked flat at 0.
;
; Contract
;   The target is entered as in points 33 to 36 of purgatory.asm, but with the catcher's IDT. The target's TSS names two stacks
;   in the catcher for it.
;    1. An exception prints its vector, error code, RIP, CR2, all registers and the code at RIP, and the machine stops. The
;       target's RSP may have any value.
;    2. An NMI returns.
;    3. The text screen and the code at RIP are used only while CR3 has the value that the target was entered with, and the
;       code only if these tables map it.
;    4. This holds with page tables of the target's own if they map the catcher, the GDT and the TSS at their addresses, and
;       with a GDT of the target's own if its 64-bit code has the same selector. The CPU keeps the TSS's address.
;    5. If the target loads an IDT of its own, or leaves 64-bit mode, the catcher has no effect.

CATCHER64_IDT	equ CATCHER_BYTES
%if CATCHER64_IDT + LONG_IDT_SIZE + PAGE > CATCHER_SIZE - CATCHER64_NMI_STACK
	%error "the catcher has too little stack"
%endif

; Values on the stack, from its top on
struc value
	.ss		resq 1
	.rsp		resq 1
	.rflags		resq 1
	.cs		resq 1
	.rip		resq 1
	.error		resq 1
	.cr0		resq 1
	.cr2		resq 1
	.cr3		resq 1
	.cr4		resq 1
	.rax		resq 1
	.rcx		resq 1
	.rdx		resq 1
	.rbx		resq 1
	.rbp		resq 1
	.rsi		resq 1
	.rdi		resq 1
	.r8		resq 8
	.vector		resq 1
endstruc

; catcher64_install
;   mode      32-bit, flat, CPL 0, paging off
;   in        EBX own address, EBP purgatory's, ESI struct long_entry
;   out       EDI where its IDT is to be, EAX its stub of vector 0; enter_long_mode does the rest
;   clobbers  ECX EFLAGS
catcher64_install:
	; A target that comes back is entered in 32-bit mode from its second time on, and its GDT may be gone.
	test byte [PARAM(flags) + 1], PURGATORY_LONG_MODE >> 8
	jz .done
	mov ax, [PARAM(serial)]
	mov [ebx + catcher64_serial], ax
	mov eax, [PARAM(screen)]
	mov [ebx + catcher64_screen], eax
	mov eax, [esi + long_entry.cr3]
	mov [ebx + catcher64_cr3], eax
	lea edi, [ebx + CATCHER64_IDT]
	lea eax, [ebx + catcher64_stubs]
.done:
	ret

	bits 64
catcher64_stubs:
%assign vector 0
%rep IDT_VECTORS
	push byte vector
	jmp short .trap
	%assign vector vector + 1
%endrep
%if $ - catcher64_stubs != IDT_VECTORS * STUB_SIZE
	%error "a stub has not its size"
%endif

; On the stack: vector, error code if the vector has one, RIP, CS, RFLAGS, RSP, SS.
.trap:
	cmp byte [rsp], VECTOR_NMI
	jne .exception
	add rsp, 8
	iretq
.exception:
%assign i 15
%rep 8
	push r %+ i
%assign i i - 1
%endrep
	push rdi
	push rsi
	push rbp
	push rbx
	push rdx
	push rcx
	push rax
	cld
	mov eax, [rsp + value.vector - value.rax]
	lea rsi, [rsp + value.vector - value.rax + 8]
	xor edi, edi
	mov ecx, WITH_ERROR_CODE
	bt ecx, eax
	jnc .no_error_code
	mov rdi, [rsi]
	add rsi, 8
.no_error_code:
%assign i 4
%rep 3
	mov rcx, cr %+ i
	push rcx
%assign i i - 1
%endrep
	mov rcx, cr0
	push rcx
	push rdi
	push qword [rsi]
	push qword [rsi + 8]
	push qword [rsi + 16]
	push qword [rsi + 24]
	push qword [rsi + 32]
	mov rbp, rsp

	; EBX is the row on the screen, R8D the cell; 0: no screen, or page tables that may not map it
	xor ebx, ebx
	mov eax, [rel catcher64_cr3]
	cmp rax, [rbp + value.cr3]
	jne .no_screen
	mov ebx, [rel catcher64_screen]
	test ebx, ebx
	jz .no_screen
	mov edi, ebx
	mov eax, BANNER_CELL
	mov ecx, SCREEN64_ROWS * ROW_SIZE / 2
	rep stosw
.no_screen:
	mov r8d, ebx
	lea rsi, [rel report64_text]
	call tell64_items
	mov eax, [rbp + value.vector]
	lea rcx, [rel mnemonics64]
	movzx edi, word [rcx + rax * 2]
	mov eax, edi
	call tell64_character
	mov eax, edi
	mov al, ah
	call tell64_character
	call tell64_items
	mov eax, [rel catcher64_cr3]
	cmp rax, [rbp + value.cr3]
	jne .done
	mov rdi, [rbp + value.rip]
	add rdi, CODE_BYTES - 1
	call is_mapped64
	jne .done
	sub rdi, CODE_BYTES - 1
	call is_mapped64
	jne .done
	call tell64_items
	push CODE_BYTES
	pop r9
.byte:
	mov al, ' '
	call tell64_character
	mov ah, [rdi]
	inc rdi
	shl rax, 48
	mov ecx, 2
	call tell64_number.digit
	dec r9d
	jnz .byte
.done:
	lea rsi, [rel stopped64_text]
	call tell64_items
.stop:
	hlt				; an NMI wakes it
	jmp .stop

INDEX_BITS	equ 9			; of an address, for each table

; is_mapped64: do the page tables that the target was entered with map an address? They are below 4 GiB, with pages of 2 MiB.
;   in        RDI address
;   out       ZF: 1 if it is mapped
;   clobbers  RAX RCX RDX
is_mapped64:
	mov rax, rdi
	shr rax, 47			; it may be no address
	jnz .done
	mov edx, [rel catcher64_cr3]
	push LARGE_SHIFT + 2 * INDEX_BITS
	pop rcx
.level:
	mov rax, rdi
	shr rax, cl
	and eax, PAE_ENTRIES - 1
	mov edx, [rdx + rax * PAE_ENTRY_SIZE]
	test dl, ENTRY_PRESENT
	jz .missing
	and edx, -PAGE
	sub ecx, INDEX_BITS
	cmp ecx, LARGE_SHIFT - INDEX_BITS
	ja .level
.done:
	ret
.missing:
	test ecx, ecx
	ret

; tell64_items: prints texts, each followed by 1 and the offset of a value at RBP, which is printed after it, or by 0, which ends
;   in        RSI texts, RBP values, EBX and R8D screen
;   out       RSI after the end, EBX and R8D moved on
;   clobbers  EAX ECX EDX
tell64_items:
	lodsb
	cmp al, VALUE_FOLLOWS
	jb .done
	je .value
	call tell64_character
	jmp tell64_items
.value:
	movzx eax, byte [rsi]
	inc rsi
	mov rax, [rbp + rax]
	call tell64_number
	jmp tell64_items
.done:
	ret

; tell64_number: in RAX a number, EBX and R8D screen; clobbers RAX RCX RDX. Called at .digit, it prints the topmost ECX digits.
tell64_number:
	mov ecx, 16
.digit:
	rol rax, 4
	push rax
	and al, 15
	add al, '0'
	cmp al, '9'
	jbe .decimal
	add al, 'A' - '0' - 10
.decimal:
	call tell64_character
	pop rax
	loop .digit
	ret

; tell64_character: in AL, EBX and R8D screen; moves EBX and R8D on; clobbers AH EDX EFLAGS
tell64_character:
	test ebx, ebx
	jz .port
	cmp al, 10
	jne .same_row
	add ebx, ROW_SIZE
	mov r8d, ebx
.same_row:
	cmp al, ' '
	jb .port
	mov [r8], al
	add r8d, 2
.port:
	push rcx
	movzx edx, word [rel catcher64_serial]
	put_character r10d
	pop rcx
	ret

SCREEN64_ROWS	equ 12
VALUE_FOLLOWS	equ 1
report64_text:
	db 13, 10, "segue: exception ", 1, value.vector, ", error code ", 1, value.error, ",", 13, 10
	db "RIP ", 1, value.rip, ", CR2 ", 1, value.cr2, 13, 10, "#", 0
	db " in the target, which has no IDT of its own yet", 13, 10
	db "RAX ", 1, value.rax, " RBX ", 1, value.rbx, " RCX ", 1, value.rcx, 13, 10
	db "RDX ", 1, value.rdx, " RSI ", 1, value.rsi, " RDI ", 1, value.rdi, 13, 10
	db "RBP ", 1, value.rbp, " RSP ", 1, value.rsp, " R8  ", 1, value.r8, 13, 10
	db "R9  ", 1, value.r8 + 8, " R10 ", 1, value.r8 + 16, " R11 ", 1, value.r8 + 24, 13, 10
	db "R12 ", 1, value.r8 + 32, " R13 ", 1, value.r8 + 40, " R14 ", 1, value.r8 + 48, 13, 10
	db "R15 ", 1, value.r8 + 56, " CS  ", 1, value.cs, " SS  ", 1, value.ss, 13, 10
	db "RFLAGS ", 1, value.rflags, " CR0 ", 1, value.cr0, 13, 10
	db "CR3 ", 1, value.cr3, " CR4 ", 1, value.cr4, 13, 10, 0
	db "code", 0
stopped64_text:
	db "; stopped", 13, 10, 0
mnemonics64:
	db MNEMONICS

	align 4
catcher64_screen:
	dd 0
catcher64_cr3:
	dd 0
catcher64_serial:
	dw 0
catcher64_end:
%if catcher64_end - catcher64_install > CATCHER_BYTES
	%error "CATCHER_BYTES"
%endif
	bits 32
