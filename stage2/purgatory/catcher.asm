; SPDX-License-Identifier: MIT
;
; The catcher reports an exception in the target before the target has tables of its own. It is a segment of the target
; (segue_place_catcher()), in memory that the target's map calls reserved; purgatory calls its first byte after all
; moves. Position-independent, linked flat at 0.
;
; Contract
;   The target is entered as in points 8 to 16 of purgatory.asm, but with the catcher's GDT, TSS and IDT.
;    1. Every vector but 8 is a task gate, to a TSS of its own. The CPU thus saves all of the target's registers,
;       whatever its ESP is (Multiboot leaves it undefined, and without paging a push to absent memory is no fault).
;       Vector, error code, EIP, CR2 and the registers are printed, and the machine stops.
;    2. An NMI returns. It leaves CR0.TS set in the target, as a task switch does.
;    3. With 32-bit paging turned on, point 1 holds if the target maps this memory at its own address: the tasks have page
;       tables of their own. The switch loses the target's CR3, so an NMI does not return then, and is printed.
;    4. If the target loads a GDT of its own, the tasks' selectors, which are above small GDTs, are not valid: every
;       exception becomes a double fault. Vector 8 is an interrupt gate. It works for a target whose code segment has the
;       same selector and whose data is flat. The vector is unknown in that case; so is EIP if the stack is unusable.
;    5. If the target loads an IDT of its own, or turns on PAE paging or long mode, the catcher has no effect.
;
; CATCHER_BYTES of it are moved; the rest, to CATCHER_SIZE, is zeros until catcher_install fills it. It is aligned to its
; size, so that one page table is enough.

; Offsets. The tasks' selectors start after the 64 entries of a small GDT.
CATCHER_IDT	equ CATCHER_BYTES
CATCHER_GDT	equ CATCHER_IDT + IDT_VECTORS * 8
TASK_SELECTORS	equ 64 * 8
CATCHER_GDT_SIZE equ TASK_SELECTORS + IDT_VECTORS * 8
CATCHER_IDLE	equ CATCHER_GDT + CATCHER_GDT_SIZE	; the target's TSS
CATCHER_TASKS	equ PAGE
CATCHER_STACK	equ 2 * PAGE
CATCHER_DIRECTORY equ 2 * PAGE
CATCHER_TABLE	equ 3 * PAGE
%if CATCHER_IDLE + TSS_SIZE > CATCHER_TASKS || CATCHER_TASKS + IDT_VECTORS * TSS_SIZE + 256 > CATCHER_STACK
	%error "the catcher's parts overlap"
%endif

; Intel SDM vol. 3, figure 8-2
struc tss
	.link		resd 1
	.stacks		resd 6		; of rings 0 to 2; not used here
	.cr3		resd 1
	.eip		resd 1
	.eflags		resd 1
	.eax		resd 1
	.ecx		resd 1
	.edx		resd 1
	.ebx		resd 1
	.esp		resd 1
	.ebp		resd 1
	.esi		resd 1
	.edi		resd 1
	.es		resd 1
	.cs		resd 1
	.ss		resd 1
	.ds		resd 1
	.fs		resd 1
	.gs		resd 1
	.ldt		resd 1
	.trap		resw 1
	.io_map		resw 1
endstruc
%if tss_size != TSS_SIZE
	%error "struc tss"
%endif
; In fields of the target's TSS that the CPU does not read as long as all code is in ring 0
SAVED_VECTOR	equ tss.stacks
SAVED_ERROR	equ tss.stacks + 4
SAVED_CR2	equ tss.stacks + 8
SAVED_CR0	equ tss.stacks + 12

VECTOR_DF	equ 8
GATE_TASK	equ 0x8500		; present, ring 0
PAGE_PRESENT	equ 1 << 0
PAGE_WRITABLE	equ 1 << 1
CODE_BYTES	equ 16			; shown, from EIP on
SCREEN_ROWS	equ 8

; catcher_install
;   mode      32-bit, flat, CPL 0, paging off
;   in        EBX own address, EBP purgatory's
;   out       tables filled; purgatory's gdt_pointer and last LIDT refer to them
;   clobbers  EAX ECX EDX ESI EDI EFLAGS
catcher_install:
	mov ax, [PARAM(serial)]
	mov [ebx + catcher_serial], ax
	mov eax, [PARAM(screen)]
	mov [ebx + catcher_screen], eax
	mov [ebx + double_fault.base], ebx
	lea eax, [ebx + CATCHER_IDLE + tss.ebp]
	mov [ebx + double_fault.save], eax

	; Copy purgatory's descriptors for the target, all but the TSS.
	mov esi, [PARAM(gdt_offset)]
	add esi, ebp
	lea edi, [ebx + CATCHER_GDT]
	mov ecx, [PARAM(tss_selector)]
	rep movsb
	lea edx, [ebx + CATCHER_IDLE]
	call put_tss_descriptor

	lea edi, [ebx + CATCHER_GDT + TASK_SELECTORS]
	lea esi, [ebx + CATCHER_IDT]
	lea edx, [ebx + CATCHER_TASKS]
.task:
	call put_tss_descriptor
	mov [edx + tss.eax], ecx
	inc ecx
	mov [edx + tss.ebp], ebx
	lea eax, [ebx + CATCHER_STACK]
	mov [edx + tss.esp], eax
	lea eax, [ebx + CATCHER_DIRECTORY]
	mov [edx + tss.cr3], eax
	lea eax, [ebx + report_task]
	mov [edx + tss.eip], eax
	mov byte [edx + tss.eflags], EFLAGS_FIXED
	mov eax, [PARAM(code_selector)]
	mov [edx + tss.cs], eax
	mov eax, [PARAM(data_selector)]
	mov [edx + tss.ds], eax
	mov [edx + tss.es], eax
	mov [edx + tss.ss], eax
	mov [edx + tss.fs], eax
	mov [edx + tss.gs], eax
	mov eax, edi
	sub eax, ebx
	sub eax, CATCHER_GDT + 8
	mov [esi + 2], ax
	mov word [esi + 4], GATE_TASK
	add esi, 8
	add edx, TSS_SIZE
	cmp ecx, IDT_VECTORS
	jb .task

	lea eax, [ebx + nmi_task]
	mov [ebx + CATCHER_TASKS + VECTOR_NMI * TSS_SIZE + tss.eip], eax
	lea edi, [ebx + CATCHER_IDT + VECTOR_DF * 8]
	lea eax, [ebx + double_fault]
	mov [edi], ax
	mov ecx, [PARAM(code_selector)]
	mov [edi + 2], cx
	mov ax, GATE_INTERRUPT
	mov [edi + 4], eax

	lea eax, [ebx + CATCHER_TABLE + PAGE_PRESENT + PAGE_WRITABLE]
	mov ecx, ebx
	shr ecx, 22
	mov [ebx + CATCHER_DIRECTORY + ecx * 4], eax
	mov ecx, ebx
	shr ecx, 12
	and ecx, PAGE / 4 - 1
	lea eax, [ebx + PAGE_PRESENT + PAGE_WRITABLE]
	mov [ebx + CATCHER_TABLE + ecx * 4], eax
	add eax, PAGE
	mov [ebx + CATCHER_TABLE + ecx * 4 + 4], eax

	lea eax, [ebx + CATCHER_IDT]
	mov [ebx + catcher_idt_pointer + 2], eax
	lea eax, [ebx + catcher_idt_pointer]
	mov [ebp + last_steps.idt], eax
	lea eax, [ebx + CATCHER_GDT]
	mov [ebp + gdt_pointer + 2], eax
	mov word [ebp + gdt_pointer], CATCHER_GDT_SIZE - 1
	ret

; put_tss_descriptor: in EDI the descriptor's address, EDX the TSS, which gets no I/O map; out EDI + 8; clobbers EAX
put_tss_descriptor:
	mov word [edi], TSS_SIZE - 1
	mov eax, edx
	mov [edi + 2], ax
	shr eax, 16
	mov [edi + 4], al
	mov byte [edi + 5], ACCESS_TSS
	mov [edi + 7], ah
	add edi, 8
	mov word [edx + tss.io_map], TSS_SIZE
	ret

; report_task: entry of all tasks but the NMI's. In EAX vector, EBP base, ESP own stack, with the vector's error code if any.
report_task:
	xor edx, edx
	mov ecx, WITH_ERROR_CODE
	bt ecx, eax
	jnc report
	pop edx

; report
;   mode      32-bit, flat, CPL 0
;   in        EAX vector, EDX error code, EBP base, ESP own stack; the target's registers in its TSS
;   does not return
report:
	cld
	lea edi, [ebp + CATCHER_IDLE]
	mov [edi + SAVED_VECTOR], eax
	mov [edi + SAVED_ERROR], edx
	mov eax, cr2
	mov [edi + SAVED_CR2], eax
	mov edx, cr0
	; The task switch has set TS; the target's own value is lost.
	and edx, ~CR0_TS
	mov [edi + SAVED_CR0], edx
	; EBX is the row on the screen, EDX the cell; 0: no screen, or paging does not map it
	mov ebx, [ebp + catcher_screen]
	test edx, edx
	jns .no_paging
	xor ebx, ebx
.no_paging:
	test ebx, ebx
	jz .no_screen
	push edi
	mov edi, ebx
	mov eax, BANNER_CELL
	mov ecx, SCREEN_ROWS * ROW_SIZE / 2
	rep stosw
	pop edi
.no_screen:
	mov edx, ebx
	lea esi, [ebp + report_text]
	call tell_items
	mov eax, [edi + SAVED_VECTOR]
	movzx ecx, word [ebp + mnemonics + eax * 2]
	mov al, cl
	call tell_character
	mov al, ch
	call tell_character
	call tell_items
	; With paging on, the tasks' tables do not map the code at EIP.
	test dword [edi + SAVED_CR0], CR0_PG
	jnz .done
	call tell_text
	mov edi, [edi + tss.eip]
	mov ecx, CODE_BYTES
.byte:
	mov al, ' '
	call tell_character
	mov al, [edi]
	inc edi
	push ecx
	shl eax, 24
	mov cl, 2
	call tell_hexadecimal.digit
	pop ecx
	loop .byte
.done:
	lea esi, [ebp + stopped_text]
	call tell_text
.stop:
	hlt				; an NMI wakes it
	jmp .stop

; nmi_task: in EBP base. The next NMI continues after the IRET.
nmi_task:
	mov eax, cr0
	test eax, eax
	jns .return
	; If the NMI interrupted another of these tasks, it can return: that task's CR3 is in its TSS.
	mov eax, [ebp + CATCHER_TASKS + VECTOR_NMI * TSS_SIZE + tss.link]
	cmp ax, TASK_SELECTORS
	jae .return
	mov eax, VECTOR_NMI
	jmp report_task
.return:
	iretd
	jmp nmi_task

; double_fault: runs with the target's own GDT and registers; error code, EIP, CS and EFLAGS are on its stack, if usable
double_fault:
	mov [ss:dword 0], ebp
.save	equ $ - 4
	mov ebp, strict dword 0
.base	equ $ - 4
	; Addresses by EBP use SS, which an interrupt gate does not change.
	mov [ebp + CATCHER_IDLE + tss.eax], eax
	mov [ebp + CATCHER_IDLE + tss.ecx], ecx
	mov [ebp + CATCHER_IDLE + tss.edx], edx
	mov [ebp + CATCHER_IDLE + tss.ebx], ebx
	mov [ebp + CATCHER_IDLE + tss.esi], esi
	mov [ebp + CATCHER_IDLE + tss.edi], edi
	mov [ebp + CATCHER_IDLE + tss.ds], ds
	mov [ebp + CATCHER_IDLE + tss.es], es
	mov [ebp + CATCHER_IDLE + tss.fs], fs
	mov [ebp + CATCHER_IDLE + tss.gs], gs
	mov [ebp + CATCHER_IDLE + tss.ss], ss
	pop edx
	pop dword [ebp + CATCHER_IDLE + tss.eip]
	pop dword [ebp + CATCHER_IDLE + tss.cs]
	pop dword [ebp + CATCHER_IDLE + tss.eflags]
	mov [ebp + CATCHER_IDLE + tss.esp], esp
	lea esp, [ebp + CATCHER_STACK]
	mov eax, ss
	mov ds, eax
	mov es, eax
	mov eax, VECTOR_DF
	jmp report

; tell_items: prints texts, each followed by the offset of a number in the TSS at EDI, which is printed after it; offset
; 0 ends
;   in        ESI texts, EDI TSS, EBX and EDX screen, EBP base
;   out       ESI after the end, EBX and EDX moved on
;   clobbers  EAX ECX
tell_items:
	call tell_text
	xor eax, eax
	lodsb
	test al, al
	jz .done
	mov eax, [edi + eax]
	call tell_hexadecimal
	jmp tell_items
.done:
	ret

	text_printers tell

; tell_character: in AL, EBX and EDX screen, EBP base; moves EBX and EDX on, clobbers nothing else
tell_character:
	test ebx, ebx
	jz tell_port
	cmp al, 10
	jne .same_row
	add ebx, ROW_SIZE
	mov edx, ebx
.same_row:
	cmp al, ' '
	jb tell_port
	mov [edx], al
	add edx, 2
	port_printer tell_port, ebp + catcher_serial

report_text:
	db 13, 10, "segue: exception ", 0, SAVED_VECTOR, ", error code ", 0, SAVED_ERROR
	db ", EIP ", 0, tss.eip, ", CR2 ", 0, SAVED_CR2, 13, 10, "#", 0, 0
	db " in the target, which has no IDT of its own yet", 13, 10
	db "EAX ", 0, tss.eax, " EBX ", 0, tss.ebx, " ECX ", 0, tss.ecx, " EDX ", 0, tss.edx, 13, 10
	db "ESI ", 0, tss.esi, " EDI ", 0, tss.edi, " EBP ", 0, tss.ebp, " ESP ", 0, tss.esp, 13, 10
	db "EFLAGS ", 0, tss.eflags, " CR0 ", 0, SAVED_CR0, " CS ", 0, tss.cs, " SS ", 0, tss.ss, 13, 10
	db "DS ", 0, tss.ds, " ES ", 0, tss.es, " FS ", 0, tss.fs, " GS ", 0, tss.gs, 13, 10, 0, 0
	db "code", 0
stopped_text:
	db "; stopped", 13, 10, 0
; Intel SDM vol. 3, table 6-1; AMD APM vol. 2, table 8-1
%define MNEMONICS "DEDB--BPOFBRUDNMDF--TSNPSSGPPF--MFACMCXMVECP------------HVVCSX--"
mnemonics:
	db MNEMONICS
%if $ - mnemonics != IDT_VECTORS * 2
	%error "two letters for each vector"
%endif

	align 4
catcher_screen:
	dd 0
catcher_serial:
	dw 0
	align 4
	dw 0
catcher_idt_pointer:
	dw IDT_VECTORS * 8 - 1
	dd 0
catcher_end:
%if catcher_end - catcher_install > CATCHER_BYTES
	%error "CATCHER_BYTES"
%endif
