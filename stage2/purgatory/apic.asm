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
;   clobbers  EAX ECX ESI EDI
quiet_io_apics:
	lea edi, [ebp + quiet_io_apic]
; each_io_apic
;   in        EBP base, EDI address of a routine, which is called for each IO-APIC with its address in EBX, and in ECX how
;             many more the list could have, this one included. The routine may clobber all but EBP and ESP.
;   clobbers  EAX ECX ESI
each_io_apic:
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
	pushad
	mov ebx, eax
	call edi
	popad
	loop .next
.done:
	ret

; quiet_io_apic: resets all entries to masked; SMI entries stay
;   mode      32-bit, flat, paging off
;   in        EBX the IO-APIC's address
;   clobbers  EAX ECX EDX EDI
quiet_io_apic:
	call last_io_apic_entry
	jc .nobody
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

; last_io_apic_entry
;   in        EBX an address
;   out       CF = 0: EDX number of the last entry, EDI version register; CF = 1: no IO-APIC is there
last_io_apic_entry:
	mov dword [ebx + IO_APIC_INDEX], IO_APIC_VERSION
	mov edi, [ebx + IO_APIC_WINDOW]
	mov edx, edi
	shr edx, 16
	jz .nobody
	cmp edx, IO_APIC_MOST
	cmc
	ret
.nobody:
	stc
	ret

; The local APIC's registers, by number: each is at its number times 16, or in x2APIC mode in the MSR of its number from
; MSR_X2APIC up (Intel SDM vol. 3, tables 10-1 and 10-6).
MSR_X2APIC		equ 0x800
LOCAL_VERSION		equ 0x03
LOCAL_TPR		equ APIC_TPR >> 4
LOCAL_EOI		equ 0x0b
LOCAL_SPURIOUS		equ 0x0f
LOCAL_ISR		equ 0x10	; 256 bits, 32 a register
LOCAL_IRR		equ 0x20
LOCAL_BITMAP		equ 8		; registers
LOCAL_CMCI		equ 0x2f
LOCAL_TIMER		equ 0x32
LOCAL_THERMAL		equ 0x33
LOCAL_PERFORMANCE	equ 0x34
LOCAL_LINT0		equ 0x35
LOCAL_LINT1		equ 0x36
LOCAL_ERROR		equ 0x37
LOCAL_TIMER_INITIAL	equ 0x38
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

; Above the IDT, the digest and the stack of the halted CPUs; below this CPU's own stack
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
	call find_local_apic
	cmp ebx, LOCAL_APIC_X2
	jb .none
	jne .xapic
	; x2APIC mode can only be left by disabling the APIC (10.12.5), which loses all of its state.
	and eax, ~(APIC_BASE_EN | APIC_BASE_EXTD)
	call write_msr
	or eax, APIC_BASE_EN
	call write_msr
	; A CPU locked in x2APIC mode has refused. With the APIC off, the CPU's pins take the PICs' interrupts and NMIs.
	call find_local_apic
	cmp ebx, LOCAL_APIC_X2
	jbe .none
.xapic:
	call silence_local_apic
	mov dword [ebx + LOCAL_LINT0 * 16], LVT_EXTINT
	mov dword [ebx + LOCAL_LINT1 * 16], LVT_NMI
.none:
	ret

; find_local_apic
;   mode      32-bit, CPL 0
;   out       EBX how its registers are reached: LOCAL_APIC_X2 by MSRs, or their address; LOCAL_APIC_NONE: there is none, or
;             it is off, or above 4 GiB
;             EDX:EAX IA32_APIC_BASE, ECX its number; EAX 0: the CPU has no such MSR
;   clobbers  EFLAGS
LOCAL_APIC_NONE		equ 0
LOCAL_APIC_X2		equ 1
find_local_apic:
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
	jb .no_msr
	mov ecx, MSR_APIC_BASE
	rdmsr
	xor ebx, ebx
	test eax, APIC_BASE_EN
	jz .done
	inc ebx
	test eax, APIC_BASE_EXTD
	jnz .done
	dec ebx
	test edx, edx			; above 4 GiB
	jnz .done
	mov ebx, eax
	and ebx, -PAGE
.done:
	ret
.none:
	xor ebx, ebx
.no_msr:
	xor eax, eax
	ret

; local_read: in EBX LOCAL_APIC_X2 or the local APIC's address, ECX a register's number; out EAX; clobbers ECX EDX
local_read:
	cmp ebx, LOCAL_APIC_X2
	je .x2apic
	shl ecx, 4
	mov eax, [ebx + ecx]
	ret
.x2apic:
	add ecx, MSR_X2APIC
	rdmsr
	ret

; local_write: in EBX and ECX as for local_read, EAX the value; clobbers ECX EDX. In x2APIC mode a #GP is skipped.
local_write:
	cmp ebx, LOCAL_APIC_X2
	je .x2apic
	shl ecx, 4
	mov [ebx + ecx], eax
	ret
.x2apic:
	add ecx, MSR_X2APIC
	xor edx, edx
	jmp write_msr

; local_put NUMBER: writes EAX to a register of the local APIC; local_get: reads it; both clobber ECX EDX
%macro local_put 1
	push byte %1
	pop ecx
	call local_write
%endmacro
%macro local_get 1
	push byte %1
	pop ecx
	call local_read
%endmacro

; silence_local_apic
;   mode      32-bit, flat, CPL 0, paging off, interrupts off
;   in        EBP base, EBX LOCAL_APIC_X2 or the local APIC's address
;   out       it is enabled, all entries but SMIs' are masked, the timer is stopped, and no interrupt is pending or in service
;   clobbers  EAX ECX EDX ESI EDI
silence_local_apic:
	mov eax, SPURIOUS_ENABLED
	local_put LOCAL_SPURIOUS
	xor eax, eax
	local_put LOCAL_TPR
	; Mask first, so that nothing new arrives while the pending interrupts are drained.
	call last_local_entry
	lea edi, [eax + 1]
	lea esi, [ebp + local_entries]
.mask:
	movzx ecx, byte [esi]
	call local_read
	; SMI entries belong to the firmware: some gets its thermal interrupt that way.
	and eax, DELIVERY
	cmp eax, DELIVERY_SMI
	je .firmware
	movzx ecx, byte [esi]
	mov eax, LVT_MASKED
	call local_write
.firmware:
	inc esi
	dec edi
	jnz .mask
	xor eax, eax
	local_put LOCAL_TIMER_INITIAL
	mov ecx, APIC_VECTORS
.serve:
	push ecx
	push byte LOCAL_ISR
	pop esi
	call any_vector
	jz .served
	xor eax, eax
	local_put LOCAL_EOI
	pop ecx
	loop .serve
	push ecx
.served:
	pop ecx
	jmp take_waiting

; last_local_entry: in EBP base, EBX as for local_read; out EAX index in local_entries of the last entry that the local APIC
; has; clobbers ECX EDX
last_local_entry:
	local_get LOCAL_VERSION
	shr eax, 16
	movzx eax, al
	cmp eax, LOCAL_ENTRIES - 1
	jbe .all_known
	push byte LOCAL_ENTRIES - 1
	pop eax
.all_known:
	ret

; The LVT, in the order in which CPUs introduced its entries; the version register tells how many there are (10.4.8).
%define LVT LOCAL_TIMER, LOCAL_LINT0, LOCAL_LINT1, LOCAL_ERROR, LOCAL_PERFORMANCE, LOCAL_THERMAL, LOCAL_CMCI
LAST_OF_PENTIUM		equ 3
local_entries:
	db LVT
LOCAL_ENTRIES		equ $ - local_entries

; any_vector: in EBX as for local_read, ESI LOCAL_ISR or LOCAL_IRR; out ZF = 0: a bit is set; clobbers EAX ECX EDX ESI EDI
any_vector:
	xor edi, edi
.or:
	mov ecx, esi
	call local_read
	or edi, eax
	inc esi
	test esi, LOCAL_BITMAP - 1
	jnz .or
	test edi, edi
	ret

; take_waiting: takes the interrupts that the local APIC has accepted. Each would arrive at the target's first STI, on a
; vector that only the host knew, and cannot be cancelled. LINT0 is masked, so none comes from a PIC.
;   mode      32-bit, flat, CPL 0, paging off, interrupts off
;   in        EBP base, EBX as for local_read
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
	push ecx
	push byte LOCAL_IRR
	pop esi
	call any_vector
	jz .none
	sti
	nop				; STI takes effect after this one; the handler clobbers EAX ECX EDX
	cli
	pop ecx
	loop .next
	push ecx
.none:
	pop ecx
	lidt [ebp + idt_pointer]
	ret
.machine_check:
	local_get LOCAL_ISR
	test eax, 1 << VECTOR_MC
	jz near stubs + VECTOR_MC * STUB_SIZE
.taken:
	xor eax, eax
	local_put LOCAL_EOI
	; Take one interrupt for each STI: a level that stays asserted would interrupt without end.
	btr dword [esp + 8], EFLAGS_IF_BIT
	iretd
