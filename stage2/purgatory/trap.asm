; SPDX-License-Identifier: MIT
;
; Exceptions while purgatory runs are printed, then the machine stops. Here are the handlers and the IDT.

; 8, 10 to 14, 17, 21, 29, 30 push an error code (Intel SDM vol. 3, table 6-1)
WITH_ERROR_CODE	equ 1 << 8 | 0x1f << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30

; build_idt: in EDI address, EBP base; out EDI after the IDT; clobbers EAX ECX
build_idt:
	lea eax, [ebp + stubs]
	mov ecx, IDT_VECTORS
.gate:
	mov [edi], ax
	mov word [edi + 2], CODE
	mov word [edi + 4], GATE_INTERRUPT
	ror eax, 16
	mov [edi + 6], ax
	ror eax, 16
	add eax, STUB_SIZE
	add edi, 8
	dec ecx
	jnz .gate
	ret

; build_tables: IDT in data_page, the pointers to IDT and GDT; the TSS's descriptor without its busy bit
;   in EBP base; clobbers EAX ECX EDI
build_tables:
	lea edi, [ebp + IDT_AT]
	mov [ebp + idt_pointer + 2], edi
	lea eax, [ebp + gdt]
	mov [ebp + gdt_pointer + 2], eax
	mov byte [ebp + tss_descriptor + 5], ACCESS_TSS
	jmp short build_idt

STUB_SIZE	equ 4
stubs:
%assign vector 0
%rep IDT_VECTORS
	push byte vector
	jmp short trap
	%assign vector vector + 1
%endrep
%if $ - stubs != IDT_VECTORS * STUB_SIZE
	%error "a stub has not its size"
%endif

; On the stack: vector, error code if the vector has one, EIP, CS, EFLAGS.
trap:
	cmp byte [esp], VECTOR_NMI
	jne .exception
	add esp, 4
	iretd
.exception:
	pushad
	cld
	call .here
.here:
	pop ebp
	sub ebp, .here - start
	mov eax, [esp + 32]		; vector
	lea edi, [esp + 36]		; error code or EIP
	xor ebx, ebx
	mov edx, WITH_ERROR_CODE
	bt edx, eax
	jnc .no_error_code
	mov ebx, [edi]
	add edi, 4
.no_error_code:
	; Skip the RDMSR or WRMSR if the CPU (or a hypervisor) refuses the MSR, even one that CPUID reports. For RDMSR CF tells.
	cmp eax, VECTOR_GP
	jne .print
	mov ecx, [edi]
	sub ecx, ebp
	cmp ecx, write_msr.instruction
	je .skip
	cmp ecx, read_msr.instruction
	jne .print
	or byte [edi + 8], EFLAGS_CF
.skip:
	add dword [edi], MSR_INSTRUCTION_SIZE
	popad
	add esp, 8			; vector, error code
	iretd
.print:
	lea esi, [ebp + exception_text]
	call print_text
	call print_hexadecimal
	call print_text
	mov eax, ebx
	call print_hexadecimal
	call print_text
	mov eax, [edi]
	call print_hexadecimal
	call print_text
	mov eax, cr2
	call print_hexadecimal
	call print_text
stop:
	hlt				; an NMI wakes it
	jmp stop
exception_text:
	db "segue: exception ", 0, ", error code ", 0, ", EIP ", 0, ", CR2 ", 0
	db " between host and target; stopped", 13, 10, 0

	text_printers print
	port_printer print_character, PARAM(serial)
