; SPDX-License-Identifier: MIT
; Two flat binaries for segue_physical_call(), which keep what they are entered with and change all the CPU state they can.
; Each begins with what the host reads after the call (physical.c: struct seen).

CR0_MP		equ 1 << 1
CR0_NE		equ 1 << 5
CR0_WP		equ 1 << 16
CR0_AM		equ 1 << 18
CR4_TSD		equ 1 << 2
CR4_PSE		equ 1 << 4
CR4_OSFXSR	equ 1 << 9
FLAGS_LEFT	equ 1 << 0 | 1 << 1 | 1 << 10 | 3 << 12 | 1 << 14 | 1 << 18 ; CF, DF, IOPL, NT, AC
ACCESS_DATA	equ 0x93
ACCESS_CODE	equ 0x9b
ACCESS_LDT	equ 0x82
ACCESS_TSS	equ 0x89
DATA		equ 0x08
CODE		equ 0x10
LDT		equ 0x18
TSS		equ 0x20
PIC1_MASK	equ 0x21
PIC2_MASK	equ 0xa1
APIC_ID		equ 0xfee00020
APIC_ICR_LOW	equ 0xfee00300
APIC_ICR_HIGH	equ 0xfee00310
ICR_NMI		equ 0x4400
SMAP		equ 0x534d4150
DONE		equ 0xb0000000

; What the host passes in ECX of the 32-bit binary
HAS_CR4		equ 1			; and SSE
HAS_TASK	equ 2			; the host has loaded TR: no instruction loads null again
HAS_APIC	equ 4			; and is on the boot CPU in xAPIC mode

section .rodata
global flat_binary:data hidden
global flat_binary_enter:data hidden
global flat_binary_end:data hidden
global real_binary:data hidden
global real_binary_enter:data hidden
global real_binary_enter_too:data hidden
global real_binary_end:data hidden

; Returns by RET from a stack of its own. In: EDI offset of a byte that is complemented.
bits 32
flat_binary:
.general:
	times 10 dd 0			; EDI ESI EBP ESP EBX EDX ECX EAX EFLAGS, return address
.control:
	times 3 dd 0			; CR0 CR3 CR4
.selectors:
	times 6 dd 0			; CS DS ES FS GS SS
flat_binary_enter:
	pushfd
	pushad
	call .here
.here:
	pop ebp
	sub ebp, .here - flat_binary
	mov esi, esp
	mov edi, ebp
	mov ecx, 10
	rep movsd
	mov ebx, [esp + 24]		; ECX
	mov eax, cr0
	stosd
	mov eax, cr3
	stosd
	xor eax, eax
	test bl, HAS_CR4
	jz .no_cr4
	mov eax, cr4
.no_cr4:
	stosd
	mov eax, cs
	stosd
	mov eax, ds
	stosd
	mov eax, es
	stosd
	mov eax, fs
	stosd
	mov eax, gs
	stosd
	mov eax, ss
	stosd
	mov eax, [esp]			; EDI
	not byte [ebp + eax]
	test bl, HAS_APIC
	jz .no_nmi
	mov eax, [APIC_ID]
	and eax, 0xff000000
	mov [APIC_ICR_HIGH], eax
	mov dword [APIC_ICR_LOW], ICR_NMI
	mov ecx, 10000
.wait:
	pause
	loop .wait
.no_nmi:
	fninit
	fldpi
	mov eax, 0xdead0000
	mov cr2, eax
	test bl, HAS_CR4
	jz .no_sse
	mov eax, CR4_OSFXSR | CR4_TSD | CR4_PSE
	mov cr4, eax
	movd xmm0, eax
	movd xmm7, eax
.no_sse:
	mov eax, cr0
	or eax, CR0_MP | CR0_NE | CR0_WP | CR0_AM
	mov cr0, eax
	mov al, 0x55
	out PIC1_MASK, al
	out PIC2_MASK, al
	mov esi, [esp + 36]		; the return address
	lea eax, [ebp + .gdt - flat_binary]
	mov [ebp + .gdt_at - flat_binary], eax
	lgdt [ebp + .gdtr - flat_binary]
	lidt [ebp + .no_idt - flat_binary]
	mov eax, DATA
	mov ss, eax
	lea esp, [ebp + .stack - flat_binary]
	mov fs, eax
	xor eax, eax
	mov es, eax
	mov gs, eax
	mov eax, LDT
	lldt ax
	test bl, HAS_TASK
	jz .no_task
	mov eax, TSS
	ltr ax
.no_task:
	lea eax, [ebp + .own_code - flat_binary]
	push CODE
	push eax
	retf
.own_code:
	xor eax, eax
	mov ds, eax
	push esi
	push FLAGS_LEFT
	mov eax, DONE + 1
	mov ebx, DONE + 2
	mov ecx, DONE + 3
	mov edx, DONE + 4
	mov esi, DONE + 5
	mov edi, DONE + 6
	mov ebp, DONE + 7
	popfd
	ret
	align 8, db 0
.gdt:
	dq 0
	dw 0xffff, 0
	db 0, ACCESS_DATA, 0xcf, 0
	dw 0xffff, 0
	db 0, ACCESS_CODE, 0xcf, 0
	dw 0x0fff, 0x7770
	db 0x77, ACCESS_LDT, 0, 0
	dw 0x0067, 0x8880
	db 0x88, ACCESS_TSS, 0, 0
.gdtr:
	dw .gdtr - .gdt - 1
.gdt_at:
	dd 0
.no_idt:
	dw 0
	dd 0
	align 4, db 0
	times 8 dd 0
.stack:
flat_binary_end:

; Prints by INT 10h and gets the first range of the memory map by INT 15h. Returns by RETF with CF set; entered at
; real_binary_enter_too by IRET. In: DI offset of a byte that is complemented.
bits 16
real_binary:
.general:
	times 8 dd 0			; EDI ESI EBP ESP EBX EDX ECX EAX, as PUSHAD leaves them
.selectors:
	times 5 dw 0			; CS DS ES SS FLAGS
.pad:
	dw 0
.range:
	times 20 db 0
.by_iret:
	db 0
real_binary_enter_too:
	mov byte [cs:real_binary.by_iret - real_binary], 1
real_binary_enter:
	pushfd
	pushad
	mov bp, sp
	mov si, real_binary.general - real_binary
	mov cx, 8
.next:
	mov eax, [bp]
	mov [cs:si], eax
	add bp, 4
	add si, 4
	loop .next
	mov [cs:real_binary.selectors - real_binary], cs
	mov [cs:real_binary.selectors - real_binary + 2], ds
	mov [cs:real_binary.selectors - real_binary + 4], es
	mov [cs:real_binary.selectors - real_binary + 6], ss
	mov ax, [bp]
	mov [cs:real_binary.selectors - real_binary + 8], ax
	not byte [cs:di]
	mov si, .text - real_binary
.character:
	cs lodsb
	test al, al
	jz .printed
	mov ah, 0x0e
	mov bx, 7
	int 0x10
	jmp .character
.printed:
	push cs
	pop es
	mov di, real_binary.range - real_binary
	mov eax, 0xe820
	xor ebx, ebx
	mov ecx, 20
	mov edx, SMAP
	int 0x15
	mov sp, bp
	add sp, 4
	mov ax, 0x1111
	mov ds, ax
	mov fs, ax
	mov ax, 0x2222
	mov es, ax
	mov gs, ax
	mov eax, DONE + 1
	mov ebx, DONE + 2
	mov ecx, DONE + 3
	mov edx, DONE + 4
	mov esi, DONE + 5
	mov edi, DONE + 6
	mov ebp, DONE + 7
	cmp byte [cs:real_binary.by_iret - real_binary], 0
	jne .interrupt
	std
	stc
	retf
.interrupt:
	iret
.text:
	db "Segue by way of a binary", 13, 10, 0
real_binary_end:
section .note.GNU-stack noalloc noexec nowrite progbits
