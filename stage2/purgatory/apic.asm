; SPDX-License-Identifier: MIT
;
; Puts the APICs into virtual wire mode (MultiProcessor Specification 1.4, 3.6.2.2), in which a target that knows only
; the two PICs gets its interrupts. Intel 82093AA data sheet; Intel SDM vol. 3, chapter 10.

IO_APIC_INDEX		equ 0x00
IO_APIC_WINDOW		equ 0x10
IO_APIC_EOI		equ 0x40	; from version 20h on
IO_APIC_HAS_EOI		equ 0x20
IO_APIC_VERSION		equ 1		; registers seen through the window
IO_APIC_ENTRIES		equ 0x10
IO_APIC_MOST		equ 0xf0	; the most entries an IO-APIC can have
ENTRY_MASKED		equ 1 << 16
ENTRY_LEVEL		equ 1 << 15
ENTRY_REMOTE_IRR	equ 1 << 14
; The same in a redirection entry and in the local APIC's LVT
DELIVERY		equ 7 << 8
DELIVERY_SMI		equ 2 << 8

; quiet_io_apics: must run before quiet_local_apic, which drains what the IO-APICs have sent
;   mode      32-bit, flat, paging off
;   in        EBP base
;   clobbers  EAX EBX ECX EDX ESI EDI
quiet_io_apics:
	lea esi, [DEVICE(io_apic)]
	cmp dword [esi], 0
	jne .known
	mov eax, [DEVICE(usual_io_apic)]
	mov [esi], eax
.known:
	mov ecx, PURGATORY_IO_APICS
.next:
	lodsd
	test eax, eax
	jz .done
	push ecx
	push esi
	mov ebx, eax
	call quiet_io_apic
	pop esi
	pop ecx
	loop .next
.done:
	ret

; quiet_io_apic: resets all entries to masked; SMI entries stay
;   mode      32-bit, flat, paging off
;   in        EBX the IO-APIC's address
;   clobbers  EAX ECX EDX EDI
quiet_io_apic:
	mov dword [ebx + IO_APIC_INDEX], IO_APIC_VERSION
	mov edi, [ebx + IO_APIC_WINDOW]
	mov edx, edi
	shr edx, 16			; the last entry's number
	jz .nobody
	cmp edx, IO_APIC_MOST
	jae .nobody
.entry:
	lea eax, [IO_APIC_ENTRIES + edx * 2]
	mov [ebx + IO_APIC_INDEX], eax
	mov eax, [ebx + IO_APIC_WINDOW]
	; SMI entries belong to the firmware.
	mov ecx, eax
	and ecx, DELIVERY
	cmp ecx, DELIVERY_SMI
	je .next
	or eax, ENTRY_MASKED
	mov [ebx + IO_APIC_WINDOW], eax
	; A level interrupt that never got its EOI blocks its pin, and once the entry is masked the local APIC's EOI does not
	; reach it. Newer IO-APICs have an EOI register; on older ones switching the pin to edge clears it.
	test eax, ENTRY_REMOTE_IRR
	jz .clean
	mov ecx, edi
	cmp cl, IO_APIC_HAS_EOI
	jb .edge
	movzx ecx, al
	mov [ebx + IO_APIC_EOI], ecx
.edge:
	and eax, ~ENTRY_LEVEL
	mov [ebx + IO_APIC_WINDOW], eax
	or eax, ENTRY_LEVEL
	mov [ebx + IO_APIC_WINDOW], eax
.clean:
	mov dword [ebx + IO_APIC_WINDOW], ENTRY_MASKED
	lea eax, [IO_APIC_ENTRIES + edx * 2 + 1]
	mov [ebx + IO_APIC_INDEX], eax
	mov dword [ebx + IO_APIC_WINDOW], 0
.next:
	dec edx
	jns .entry
.nobody:
	ret

APIC_VERSION		equ 0x30
APIC_EOI		equ 0xb0
APIC_SPURIOUS		equ 0xf0
APIC_ISR		equ 0x100
APIC_IRR		equ 0x200
APIC_BITMAP		equ 0x80	; 256 bits, 32 in each 16 bytes
APIC_LVT_CMCI		equ 0x2f0
APIC_LVT_TIMER		equ 0x320
APIC_LVT_THERMAL	equ 0x330
APIC_LVT_PERFORMANCE	equ 0x340
APIC_LVT_LINT0		equ 0x350
APIC_LVT_LINT1		equ 0x360
APIC_LVT_ERROR		equ 0x370
APIC_TIMER_INITIAL	equ 0x380
LVT_MASKED		equ 1 << 16
LVT_NMI			equ 4 << 8
LVT_EXTINT		equ 7 << 8
; Vector 0Fh: the BIOS's handler for it expects spurious interrupts (MultiProcessor Specification 1.4, appendix A). Bit 8
; enables the APIC.
SPURIOUS_ENABLED	equ 1 << 8 | 0x0f
APIC_VECTORS		equ 256
APIC_FIRST		equ 16		; lower ones are errors (Intel SDM vol. 3, 10.5.2); 16 to 31 are also exceptions
VECTOR_MC		equ 18
EFLAGS_IF_BIT		equ 9

; Above the IDT, the TSS, the digest and the stack of the halted CPUs; below this CPU's own stack
WIDE_IDT_AT		equ REST_STACK_TOP
%if WIDE_IDT_AT + APIC_VECTORS * 8 > STACK_TOP - 512
	%error "the wide IDT is in the stack"
%endif

; quiet_local_apic
;   mode      32-bit, flat, CPL 0, paging off, interrupts off
;   in        EBP base
;   out       if there is a local APIC and it was on: it is in xAPIC mode, with no interrupt pending or in service
;   clobbers  EAX EBX ECX EDX ESI EDI
quiet_local_apic:
	call highest_leaf
	test eax, eax
	jz .none
	mov eax, 1
	cpuid
	test edx, CPUID_APIC
	jz .none
	; The Pentium's APIC is at the usual address, and there is no such MSR.
	mov ebx, APIC_USUAL
	and eax, CPUID_FAMILY
	cmp eax, FAMILY_6
	jb .found
	mov ecx, MSR_APIC_BASE
	rdmsr
	test eax, APIC_BASE_EN
	jz .none
	test eax, APIC_BASE_EXTD
	jz .xapic
	; x2APIC mode can only be left by disabling the APIC (10.12.5), which loses all of its state.
	and eax, ~(APIC_BASE_EN | APIC_BASE_EXTD)
	call write_msr
	or eax, APIC_BASE_EN
	call write_msr
	; A CPU locked in x2APIC mode has refused. With the APIC off, the CPU's pins take the PICs' interrupts and NMIs.
	rdmsr
	mov ecx, eax
	and ecx, APIC_BASE_EN | APIC_BASE_EXTD
	cmp ecx, APIC_BASE_EN
	jne .none
.xapic:
	test edx, edx			; above 4 GiB
	jnz .none
	and eax, -PAGE
	mov ebx, eax
.found:
	mov dword [ebx + APIC_SPURIOUS], SPURIOUS_ENABLED
	mov dword [ebx + APIC_TPR], 0
	; Mask first, so that nothing new arrives while the pending interrupts are drained.
	mov ecx, [ebx + APIC_VERSION]
	shr ecx, 16
	movzx ecx, cl			; the last entry's number
	cmp ecx, .lvt_end - .lvt - 1
	jbe .all_known
	mov ecx, .lvt_end - .lvt - 1
.all_known:
	inc ecx
	lea esi, [ebp + .lvt]
.mask:
	movzx eax, byte [esi]
	inc esi
	shl eax, 4
	; SMI entries belong to the firmware: some gets its thermal interrupt that way.
	mov edx, [ebx + eax]
	and edx, DELIVERY
	cmp edx, DELIVERY_SMI
	je .firmware
	mov dword [ebx + eax], LVT_MASKED
.firmware:
	loop .mask
	mov [ebx + APIC_TIMER_INITIAL], ecx
	mov ecx, APIC_VECTORS
.serve:
	mov esi, APIC_ISR
	call any_vector
	jz .served
	mov dword [ebx + APIC_EOI], 0
	loop .serve
.served:
	call take_waiting
	mov dword [ebx + APIC_LVT_LINT0], LVT_EXTINT
	mov dword [ebx + APIC_LVT_LINT1], LVT_NMI
.none:
	ret
; In the order in which CPUs introduced them; the version register tells how many there are (10.4.8).
.lvt:
	db APIC_LVT_TIMER >> 4, APIC_LVT_LINT0 >> 4, APIC_LVT_LINT1 >> 4, APIC_LVT_ERROR >> 4, APIC_LVT_PERFORMANCE >> 4
	db APIC_LVT_THERMAL >> 4, APIC_LVT_CMCI >> 4
.lvt_end:

; any_vector: in EBX local APIC, ESI APIC_ISR or APIC_IRR; out ZF = 0: a bit is set; clobbers EAX ESI
any_vector:
	xor eax, eax
.or:
	or eax, [ebx + esi]
	add esi, 16
	test esi, APIC_BITMAP - 1
	jnz .or
	test eax, eax
	ret

; take_waiting: takes the interrupts that the local APIC has accepted. Each would arrive at the target's first STI, on a
; vector that only the host knew, and cannot be cancelled. LINT0 is masked, so none comes from a PIC.
;   mode      32-bit, flat, CPL 0, paging off, interrupts off
;   in        EBP base, EBX local APIC
;   clobbers  EAX ECX EDX ESI EDI
take_waiting:
	lea esi, [ebp + IDT_AT]
	lea edi, [ebp + WIDE_IDT_AT]
	mov ecx, APIC_FIRST * 2
	rep movsd
	lea edx, [ebp + .taken]
	movzx eax, dx
	or eax, CODE << 16
	mov dx, GATE_INTERRUPT
	mov ecx, APIC_VECTORS - APIC_FIRST
.gate:
	stosd
	xchg eax, edx
	stosd
	xchg eax, edx
	loop .gate
	sub edi, APIC_VECTORS * 8
	; Of the exceptions from 16 up only a machine check can come here: there is no x87 or SSE code, CPL is 0, and no
	; hypervisor injects vectors of its own. If an interrupt has the same vector, that one is in service.
	lea eax, [ebp + .machine_check]
	mov [edi + VECTOR_MC * 8], ax
	shr eax, 16
	mov [edi + VECTOR_MC * 8 + 6], ax
	push edi
	push word APIC_VECTORS * 8 - 1
	lidt [esp]
	add esp, 6
	mov ecx, APIC_VECTORS
.next:
	mov esi, APIC_IRR
	call any_vector
	jz .none
	sti
	nop				; STI takes effect after this one
	cli
	loop .next
.none:
	lidt [ebp + idt_pointer]
	ret
.machine_check:
	test dword [ebx + APIC_ISR], 1 << VECTOR_MC
	jz near stubs + VECTOR_MC * STUB_SIZE
.taken:
	mov dword [ebx + APIC_EOI], 0
	; Take one interrupt for each STI: a level that stays asserted would interrupt without end.
	btr dword [esp + 8], EFLAGS_IF_BIT
	iretd
