; SPDX-License-Identifier: MIT
;
; The other CPUs: where they wait, and how purgatory stops them before anything is written over their code.
;
; Until then they wait in the workspace. After an INIT a CPU waits for a SIPI and runs no code (Intel SDM
; vol. 3, 8.4). A CPU that halts instead fetches its HLT again after each SMI, when the target may have overwritten it.
; But the BSP must not get an INIT: it would restart in the firmware (same, 8.4.1). The BSP, and CPUs to which no INIT can
; be sent, go with purgatory to its home and halt there, in RAM that no move writes.

%if parking.stacks - parking.idt != IDT_VECTORS * 8
	%error "struct parking has another number of vectors"
%endif

%if REST_STACK_TOP - PARKING_STACK < PURGATORY_DIGEST_AT + sha256_size
	%error "a stack in the digest"
%endif

; Local APIC (Intel SDM vol. 3, 10.4 and 10.12)
MSR_X2APIC_ID		equ 0x802
MSR_X2APIC_ICR		equ 0x830
APIC_ID			equ 0x20
APIC_ICR_LOW		equ 0x300
APIC_ICR_HIGH		equ 0x310
ICR_INIT		equ 5 << 8 | 1 << 14 ; level: assert
ICR_PENDING		equ 1 << 12
ICR_ALL_BUT_SELF	equ 3 << 18
XAPIC_IDS		equ 0xff	; no xAPIC has this ID: it means all of them
ICR_PATIENCE		equ 1 << 20
; Reads of PORT_SYSTEM_B, time for the INIT to arrive: 1 ms and more, as each takes about a microsecond
SLOW_READS		equ 1000
; Some seconds at most, for a CPU that is in System Management Mode or never arrives
ARRIVAL_PATIENCE	equ 1 << 26

; park: contract, points 23 and 24
;   mode      32-bit, flat, CPL 0, paging off; the gate's handlers take an NMI
;   in        EAX   the workspace; this CPU holds its lock
;   out       does not return
park:
	cli
	mov ebp, eax
	; The stack is this CPU's as long as it holds the lock.
	lea esp, [ebp + STACK_TOP]
	lea ebx, [ebp + PARKING_AT]
	lea edi, [ebx + parking.idt]
	mov word [ebx + parking.idt_pointer], IDT_VECTORS * 8 - 1
	mov [ebx + parking.idt_pointer + 2], edi
	call build_idt
	lidt [ebx + parking.idt_pointer]
	lea eax, [ebp + gdt]
	mov [ebp + gdt_pointer + 2], eax
	call flat_segments
	xor eax, eax
	lldt ax
	push ebx
	call reset_cpu
	call apic_base
	pop ebx
	test eax, eax
	jz .not_listed
	call own_id
	and esi, APIC_BASE_EN | APIC_BASE_BSP
	cmp esi, APIC_BASE_EN
	jne .not_listed
	mov ecx, [ebx + parking.listed]
	cmp ecx, PARKING_LIMIT
	jae .not_listed
	mov [ebx + parking.ids + ecx * 4], eax
	inc dword [ebx + parking.listed]
.not_listed:
	mov eax, [ebx + parking.count]
	cmp eax, PARKING_LIMIT
	jb .own_stack
	mov eax, PARKING_LIMIT - 1
.own_stack:
	inc eax
	shl eax, 4
%if PARKING_STACK != 1 << 4
	%error "PARKING_STACK"
%endif
	lea esp, [ebx + parking.stacks + eax]
	inc dword [ebx + parking.count]
	mov dword [ebx + parking.lock], 0
.wait:
	pause
	mov eax, [ebx + parking.home]
	test eax, eax
	jz .wait
	lea edx, [eax + at_rest]
	jmp edx

; at_rest: contract, point 26
;   in        EAX   home, EBX struct parking
at_rest:
	lidt [eax + idt_pointer]
	lgdt [eax + gdt_pointer]
	lea esp, [eax + REST_STACK_TOP]
	lock inc dword [ebx + parking.arrived]
.halt:
	hlt				; an NMI wakes it
	jmp .halt

; own_id: the APIC's ID. An INIT leaves x2APIC mode on, so this returns to xAPIC mode if the ID allows it.
;   in        EAX   IA32_APIC_BASE, EBP base
;   out       EAX   ID; ESI IA32_APIC_BASE, read back: a CPU whose APIC could not be enabled again gets no INIT
;   clobbers  ECX EDX
own_id:
	mov esi, eax
	test eax, APIC_BASE_EXTD
	jnz .x2apic
	and eax, -PAGE
	mov eax, [eax + APIC_ID]
	shr eax, 24
	ret
.x2apic:
	mov ecx, MSR_X2APIC_ID
	rdmsr
	cmp eax, XAPIC_IDS
	jae .stays
	push eax
	; x2APIC mode can only be left by disabling the APIC (Intel SDM vol. 3, 10.12.5).
	mov ecx, MSR_APIC_BASE
	rdmsr
	and eax, ~(APIC_BASE_EXTD | APIC_BASE_EN)
	call write_msr
	or eax, APIC_BASE_EN
	call write_msr
	rdmsr
	mov esi, eax
	pop eax
.stays:
	ret

; apic_base
;   out       EAX   IA32_APIC_BASE's lower half; 0: no such MSR (the Pentium's APIC has none), APIC off, or above 4 GiB
;   clobbers  EBX ECX EDX EFLAGS
apic_base:
	call highest_leaf
	test eax, eax
	jz .none
	mov eax, 1
	cpuid
	and eax, CPUID_FAMILY
	cmp eax, FAMILY_6
	jb .none
	and edx, CPUID_APIC | CPUID_MSR
	cmp edx, CPUID_APIC | CPUID_MSR
	jne .none
	mov ecx, MSR_APIC_BASE
	rdmsr
	test eax, APIC_BASE_EN
	jz .none
	test eax, APIC_BASE_EXTD
	jnz .found
	test edx, edx
	jz .found
.none:
	xor eax, eax
.found:
	ret

; stop_cpus: contract, points 25 and 26. Runs in the workspace and, if purgatory moves, once more at its home.
;   mode      32-bit, flat, CPL 0, paging off
;   in        EBP base
;   clobbers  EAX EBX ECX EDX ESI EDI EFLAGS
stop_cpus:
	mov edi, [PARAM(parking)]
	lea eax, [edi - PARKING_AT]
	cmp eax, ebp
	jne .call_home
	mov eax, [edi + parking.count]
	mov [edi + parking.left], eax
	call send_init
	cmp ebp, [PARAM(home)]
	jne .done
.call_home:
	; Call all of them: an INIT may not have arrived, as when an x2APIC sends it to an xAPIC.
	mov [edi + parking.home], ebp
	mov edx, [edi + parking.left]
	mov ecx, ARRIVAL_PATIENCE
.wait:
	cmp [edi + parking.arrived], edx
	jae .done
	pause
	loop .wait
.done:
	ret

; send_init: to the listed CPUs; with PURGATORY_INIT_CPUS, from the BSP, to all but self
;   in        EDI   struct parking, EBP base
;   out       parking.left
;   clobbers  EAX EBX ECX EDX ESI
send_init:
	call apic_base
	test eax, eax
	jz .done
	mov ebx, eax
	test eax, APIC_BASE_BSP
	jz .to_each
	test byte [PARAM(flags)], PURGATORY_INIT_CPUS
	jz .to_each
	mov dword [edi + parking.left], 0
	mov eax, ICR_INIT | ICR_ALL_BUT_SELF
	call send
	jmp .wait
.to_each:
	xor esi, esi
.next:
	cmp esi, [edi + parking.listed]
	jae .wait
	mov edx, [edi + parking.ids + esi * 4]
	mov eax, ICR_INIT
	call send
	dec dword [edi + parking.left]
	inc esi
	jmp .next
.wait:
	mov ecx, SLOW_READS
.slow:
	in al, PORT_SYSTEM_B
	loop .slow
.done:
	ret

; send
;   in        EAX   the ICR's lower half, EBX IA32_APIC_BASE, EDX the target's ID
;   out       sent, or given up after ICR_PATIENCE reads
;   clobbers  EAX ECX EDX
send:
	test ebx, APIC_BASE_EXTD
	jnz .x2apic
	push ebx
	and ebx, -PAGE
	shl edx, 24
	mov [ebx + APIC_ICR_HIGH], edx
	mov [ebx + APIC_ICR_LOW], eax
	mov ecx, ICR_PATIENCE
.wait:
	test dword [ebx + APIC_ICR_LOW], ICR_PENDING
	loopnz .wait
	pop ebx
	ret
.x2apic:
	mov ecx, MSR_X2APIC_ICR
	jmp write_msr
