; SPDX-License-Identifier: MIT
;
; From flat 32-bit code: INT N, a far call in real mode, or a call in 32-bit mode with registers. A flat binary that stage 2
; copies to a page boundary (bios_call.c), for real mode below 0x90000, and then calls any number of times. It has to wait for
; hardware only if A20 has been shut.
;
; The image
;   +0   word: offset of the entry
;   +2   word: offset of the patches: offsets (words, to a 0) of dwords that the page's address is added to, then
;        offsets (words, to a 0) of words that the page's segment, address / 16, is added to
;   It uses this page and the next one: code and data from the start, real mode's stack from the end.
;
; The call: void entry(uint32_t target, struct segue_bios_registers *registers, uint32_t flat), cdecl
;   mode      32-bit protected, paging off, CPL 0, interrupts off; flat CS, DS and SS; any GDT, any IDT
;   in        target: below 100h a vector; else where to enter: segment (upper half) and offset, or with flat not 0 an address
;             the registers to set there. Their EFLAGS is ignored, with flat also DS and ES
;   at entry  real mode, as at a handler of an interrupt: IVT at 0, CR0.PE = 0, the rest of CR0 and CR4 as the caller has
;             them; IF = 0, DF = 0; FS = GS = SS = the page's segment; ESP below BIOS_CALL_SIZE, some 7 KiB of stack with the
;             return address and FLAGS, where IF = 1
;   flat      all as the caller has it, but the registers; the return address is on a stack of as many bytes
;   return    by IRET or RETF; flat: by RET, with flat CS and SS
;   out       registers as they are then, with EFLAGS, DS and ES
;   restored  GDTR, IDTR, all segment registers, ESP, EBX ESI EDI EBP; DF = 0, IF = 0; after real mode CR0
;   A20       open; if it cannot be opened, a sentence is printed on the screen and on COM1, and the machine stops
;   clobbers  EAX ECX EDX EFLAGS
;   not reentrant

%include "numbers/hardware.inc"
%include "numbers/bios.inc"

; At the top of the stack are the registers: popped before the entry, pushed after it.
REGISTERS_AT	equ BIOS_CALL_SIZE - registers_size

; The general registers in the order of struct segue_bios_registers, whose first one is at the lowest address.
%macro pop_registers 0
	pop eax
	pop ebx
	pop ecx
	pop edx
	pop esi
	pop edi
	pop ebp
%endmacro
%macro push_registers 0
	push ebp
	push edi
	push esi
	push edx
	push ecx
	push ebx
	push eax
%endmacro

VECTORS		equ 0x100
FLAGS_IF	equ 1 << 9 | 1 << 1

LIMIT_HIGH	equ 0xf

VGA_WHITE_ON_RED equ 0x4f00

%include "machine/a20.inc"
%include "machine/serial.inc"

; patch_page [BYTES]: has the dword that ends here, or this many bytes earlier, patched with the page's address.
%define patches
%macro patch_page 0-1 0
	%%here:
	%xdefine patches patches %%here - 4 - %1,
%endmacro

	org 0
	dw entry, patch_table

	bits 32
; entry: contract above
entry:
	mov eax, [esp + 4]
	mov edx, [esp + 8]
	mov ecx, [esp + 12]
	push ebx
	push esi
	push edi
	push ebp
	push ds
	push es
	push fs
	push gs
	mov ebx, 0
	patch_page			; the page; the caller's DS covers it
	cmp eax, VECTORS
	jae .address
	mov eax, [eax * 4]
.address:
	mov [ebx + target], eax
	mov [ebx + registers_given], edx
	mov [ebx + callers_stack], esp
	mov [ebx + callers_stack + 4], ss
	mov [ebx + callers_code], cs
	sgdt [ebx + callers_gdt]
	sidt [ebx + callers_idt]
	; No string instruction, because the caller's ES may be anything.
%assign at 0
%rep registers_size / 4 - 1
	mov eax, [edx + at]
	mov [ebx + REGISTERS_AT + at], eax
%assign at at + 4
%endrep
	jecxz .real
	; Above the registers, for the RET below: the target, then where it returns to.
	lea eax, [ebx + flat_return]
	lea esp, [ebx + REGISTERS_AT]
	mov [esp + registers.eflags], eax
	mov eax, [ebx + target]
	mov [esp + registers.ds], eax
	pop_registers
	ret
.real:
	lgdt [ebx + gdt_pointer]
	jmp gdt_code16:word_mode

	bits 16
word_mode:
	; Load limits of 64 KiB: real mode keeps the limits of protected mode.
	mov ax, gdt_data16
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov fs, ax
	mov gs, ax
	lidt [real_idt]
	mov eax, cr0
	mov [callers_cr0], eax
	and al, ~CR0_PE & 0xff
	mov cr0, eax
	jmp 0:real_mode
segment_of_page equ $ - 2
real_mode:
	mov ax, cs
	mov ss, ax
	mov fs, ax
	mov gs, ax
	mov esp, REGISTERS_AT
	pop_registers
	pop ds
	pop es
	; As INT does, but with IF set for an IRET.
	push word FLAGS_IF
	cld
	call far [cs:target]
	mov esp, BIOS_CALL_SIZE
	pushfd
	cli
	cld
	push es
	push ds
	push_registers
	; The caller's tables and stack may need an open A20, so this file's own are loaded first.
	o32 lgdt [cs:gdt_pointer]
	mov eax, [cs:callers_cr0]
	mov cr0, eax
	jmp dword gdt_code:flat_mode
patch_flat_mode equ $ - 6

	bits 32
flat_return:
	mov esp, BIOS_CALL_SIZE
	patch_page
	pushfd
	cli
	cld
	o16 push es
	o16 push ds
	push_registers
	mov ebx, 0
	patch_page
	lgdt [cs:ebx + gdt_pointer]
	jmp gdt_code:flat_mode
	patch_page 2

flat_mode:
	mov eax, gdt_data
	mov ds, eax
	mov ss, eax
	mov ebx, 0
	patch_page
	lea esp, [ebx + REGISTERS_AT]
	a20_ladder ne
	je a20_stays_shut
	lgdt [ebx + callers_gdt]
	lidt [ebx + callers_idt]
	jmp 0:.callers_code
	patch_page 2
callers_code equ $ - 2
.callers_code:
	mov edx, [ebx + registers_given]
%assign at 0
%rep registers_size / 4
	mov eax, [ebx + REGISTERS_AT + at]
	mov [edx + at], eax
%assign at at + 4
%endrep
	lss esp, [ebx + callers_stack]
	pop gs
	pop fs
	pop es
	pop ds
	pop ebp
	pop edi
	pop esi
	pop ebx
	ret

; a20_is_open
;   mode      32-bit, flat
;   in        EBX page
;   out       ZF = 0: open
;   clobbers  EAX
a20_is_open:
	a20_test [ebx + a20_probe + (1 << 20)], [ebx + a20_probe]
	ret

; kbc_ready
;   mode      32-bit
;   clobbers  AL ECX
kbc_ready:
	kbc_wait
	ret

; a20_stays_shut: prints that A20 stays shut, and stops
;   mode      32-bit, flat
;   in        EBX page; ESP in it
a20_stays_shut:
	lea esi, [ebx + .text]
	mov edi, VGA_TEXT
	mov edx, COM1
.print:
	movzx eax, byte [esi]
	inc esi
	test al, al
	jz .stop
	or eax, VGA_WHITE_ON_RED
	mov [edi], ax
	add edi, 2
	put_character ebp
	jmp .print
.stop:
	hlt
	jmp .stop
.text:
	db "segue: the BIOS has shut the A20 gate, and it stays shut; stopped", 0

	align 8, db 0
gdt:
	dq 0
gdt_code equ $ - gdt			; as in the gate's GDT (leave.inc), for its NMI handler
	dw 0xffff, 0
	db 0, ACCESS_DATA | ACCESS_CODE, DESCRIPTOR_4K | DESCRIPTOR_32BIT | LIMIT_HIGH, 0
gdt_data equ $ - gdt
	dw 0xffff, 0
	db 0, ACCESS_DATA, DESCRIPTOR_4K | DESCRIPTOR_32BIT | LIMIT_HIGH, 0
gdt_code16 equ $ - gdt
	dw 0xffff, 0
	db 0, ACCESS_DATA | ACCESS_CODE, 0, 0
gdt_data16 equ $ - gdt
	dw 0xffff, 0
	db 0, ACCESS_DATA, 0, 0
gdt_end:

	dw 0				; so that the base is aligned
gdt_pointer:
	dw gdt_end - gdt - 1
	dd gdt
	dw 0
real_idt:
	dw 256 * 4 - 1
	dd 0

; In a descriptor the page's address is added to bits 16 to 47, of which 16 to 39 are the base. The page is below 1 MiB, so
; there is no carry into the access byte above the base. For a page above 1 MiB the 16-bit descriptors are not used.
patch_table:
	dw patches patch_flat_mode, gdt + gdt_code16 + 2, gdt + gdt_data16 + 2, gdt_pointer + 2, 0
	dw segment_of_page, 0

image_end:

; Variables of a call, not in the file.
	absolute image_end - $$
	alignb 4
callers_stack	resd 2			; ESP, SS
callers_cr0	resd 1
registers_given	resd 1
target		resd 1
a20_probe	resd 1
callers_gdt	resb 6
		resb 2
callers_idt	resb 6
data_end:
%if data_end > BIOS_CALL_SIZE - 0x1800
	%error "the BIOS call leaves real mode too little stack"
%endif
