; SPDX-License-Identifier: MIT
;
; Saves and restores the APICs (keep.asm). Intel 82093AA data sheet; Intel SDM vol. 3, chapter 10.

LOCAL_ID		equ 0x02
LOCAL_LDR		equ 0x0d
LOCAL_DFR		equ 0x0e
LOCAL_TMR		equ 0x18	; a bitmap, as IRR is: level-triggered
LOCAL_ERRORS		equ 0x28
LOCAL_ICR		equ 0x30
LOCAL_ICR_HIGH		equ 0x31
LOCAL_TIMER_CURRENT	equ 0x39
LOCAL_TIMER_DIVIDE	equ 0x3e
LVT_TIMER_MODE		equ 3 << 17	; 0: one-shot
ICR_SELF		equ 1 << 18 | 1 << 14 ; fixed, edge, asserted
; CPUID.1:ECX
CPUID_TSC_DEADLINE	equ 1 << 24
MSR_TSC_DEADLINE	equ 0x6e0

; What is kept, in the order in which it is restored. The entries of local_entries need an APIC that is enabled, and the
; timer's initial count starts the timer.
local_kept:
	db LOCAL_ID, LOCAL_LDR, LOCAL_DFR, LOCAL_ICR_HIGH	; x2APIC mode has none that can be written
LOCAL_NOT_X2		equ 4
	db LOCAL_TPR, LOCAL_SPURIOUS
LOCAL_KEPT_ENTRIES	equ 6
	db LVT
	db LOCAL_TIMER_DIVIDE
LOCAL_KEPT_INITIAL	equ 14
	db LOCAL_TIMER_INITIAL
%if $ - local_kept != KEPT_LOCAL_REGISTERS || LOCAL_KEPT_INITIAL + 1 != KEPT_LOCAL_REGISTERS
	%error "KEPT_LOCAL_REGISTERS"
%endif

; which_kept: in EBP base, EBX as for local_read; out EAX a bit for each register of local_kept that there is; clobbers ECX EDX
which_kept:
	call last_local_entry
	mov ecx, eax
	mov eax, 2
	shl eax, cl
	dec eax
	shl eax, LOCAL_KEPT_ENTRIES
	or eax, 1 << LOCAL_KEPT_INITIAL | 1 << LOCAL_KEPT_INITIAL - 1 | ((1 << LOCAL_KEPT_ENTRIES) - (1 << LOCAL_NOT_X2))
	cmp ebx, LOCAL_APIC_X2
	je .x2apic
	or al, (1 << LOCAL_NOT_X2) - 1
.x2apic:
	ret

; keep_local_apic. Interrupts that the host has in service cannot be kept, as no register sets one: they have ended when the
; host comes back, and its EOI then ends nothing, or one of lower priority that has arrived since.
;   mode      32-bit, flat, CPL 0, paging off, interrupts off
;   in        EBP base
;   clobbers  EAX EBX ECX EDX ESI EDI
keep_local_apic:
	call find_local_apic
	mov edi, [PARAM(kept)]
	mov [KEPT(local_apic)], ebx
	mov ecx, eax
	and ecx, APIC_BASE_EN
	jnz .on
	xor eax, eax
.on:
	mov [KEPT(local_base)], eax
	mov [KEPT(local_base) + 4], edx
	test ebx, ebx
	jnz .reachable
	jecxz .off
	inc dword [KEPT(lost)]		; it is above 4 GiB
.off:
	ret
.reachable:
	call which_kept
	lea esi, [ebp + local_kept]
	add edi, kept.local
.register:
	movzx ecx, byte [esi]
	inc esi
	shr eax, 1
	push eax
	jnc .missing
	call local_read
	mov [edi], eax
.missing:
	add edi, 4
	pop eax
	test eax, eax
	jnz .register
	; A one-shot timer that has expired stays so. Otherwise its whole time begins anew.
	local_get LOCAL_TIMER_CURRENT
	mov edi, [PARAM(kept)]
	test dword [KEPT(local) + LOCAL_KEPT_ENTRIES * 4], LVT_TIMER_MODE
	jnz .runs
	test eax, eax
	jnz .runs
	mov [KEPT(local) + LOCAL_KEPT_INITIAL * 4], eax
.runs:
	; A level-triggered interrupt comes again from its IO-APIC.
	push byte LOCAL_BITMAP
	pop esi
.waiting:
	lea ecx, [esi + LOCAL_TMR - 1]
	call local_read
	push eax
	lea ecx, [esi + LOCAL_IRR - 1]
	call local_read
	pop ecx
	not ecx
	and eax, ecx
	mov [KEPT(waiting) + esi * 4 - 4], eax
	dec esi
	jnz .waiting
	push ebx
	mov eax, 1
	cpuid
	pop ebx
	test ecx, CPUID_TSC_DEADLINE
	jz .no_deadline
	mov ecx, MSR_TSC_DEADLINE
	rdmsr
	mov esi, eax
	jmp .deadline
.no_deadline:
	xor edx, edx
.deadline:
	mov [KEPT(deadline)], esi
	mov [KEPT(deadline) + 4], edx
	ret

; wake_local_apic
;   mode      32-bit, flat, CPL 0, paging off, interrupts off; purgatory's GDT and IDT
;   in        EBP base
;   clobbers  EAX EBX ECX EDX ESI EDI
wake_local_apic:
	mov edi, [PARAM(kept)]
	mov ebx, [KEPT(local_apic)]
	mov esi, [KEPT(local_base)]
	test esi, esi
	jnz .mode
	test ebx, ebx
	jnz .on				; a Pentium's
	; The host has it off.
	call find_local_apic
	test eax, APIC_BASE_EN
	jz .done
	and eax, ~(APIC_BASE_EN | APIC_BASE_EXTD)
	jmp write_msr
.mode:
	; The modes lead from off to xAPIC to x2APIC, and from both to off (figure 10-27).
	mov ecx, MSR_APIC_BASE
	rdmsr
	mov edx, eax
	xor edx, esi
	test edx, APIC_BASE_EN | APIC_BASE_EXTD
	mov edx, [KEPT(local_base) + 4]
	jz .last_step
	test eax, APIC_BASE_EXTD
	mov eax, esi
	jz .off_or_xapic
	and eax, ~(APIC_BASE_EN | APIC_BASE_EXTD)
	call write_msr
	or eax, APIC_BASE_EN
.off_or_xapic:
	and eax, ~APIC_BASE_EXTD
	call write_msr
.last_step:
	mov eax, esi
	call write_msr
	rdmsr
	xor eax, esi
	test eax, APIC_BASE_EN | APIC_BASE_EXTD
	jz .restored
	inc dword [KEPT(lost)]
	ret
.restored:
	test ebx, ebx
	jz .done
.on:
	call silence_local_apic
	; Send the interrupts that were waiting, while the APIC is sure to be enabled.
	mov edi, [PARAM(kept)]
	mov esi, APIC_VECTORS
.next_waiting:
	dec esi
	js .waiting
	bt [KEPT(waiting)], esi
	jnc .next_waiting
	lea eax, [esi + ICR_SELF]
	local_put LOCAL_ICR
	push edi
	mov edi, ICR_PATIENCE
.sending:
	local_get LOCAL_ICR
	test eax, ICR_PENDING
	jz .sent
	dec edi
	jnz .sending
.sent:
	pop edi
	jmp .next_waiting
.waiting:
	call which_kept
	lea esi, [ebp + local_kept]
	add edi, kept.local
.register:
	shr eax, 1
	push eax
	jnc .next
	; An SMI entry belongs to the firmware. The ID is not written if it need not be: newer CPUs do not allow it.
	movzx ecx, byte [esi]
	call local_read
	cmp eax, [edi]
	je .next
	and eax, DELIVERY
	cmp eax, DELIVERY_SMI
	je .next
	movzx ecx, byte [esi]
	mov eax, [edi]
	call local_write
.next:
	inc esi
	add edi, 4
	pop eax
	test eax, eax
	jnz .register
	; The first write brings the errors since the last one into the register, the second one none. On a Pentium a write is
	; itself an error (Pentium Processor Specification Update, erratum 3AP).
	call last_local_entry
	cmp al, LAST_OF_PENTIUM
	jbe .errors_stay
	xor eax, eax
	local_put LOCAL_ERRORS
	local_put LOCAL_ERRORS
.errors_stay:
	; With 0 the timer is not armed, or not in this mode. The write to the entry must have arrived first (10.5.4.1).
	mov edi, [PARAM(kept)]
	mov eax, [KEPT(deadline)]
	mov edx, [KEPT(deadline) + 4]
	mov ecx, eax
	or ecx, edx
	jz .done
	mfence
	mov ecx, MSR_TSC_DEADLINE
	jmp write_msr
.done:
	ret

; over_io_apics: in EBP base, EDI address of keep_io_apic or wake_io_apic; clobbers EAX ECX ESI
over_io_apics:
	mov eax, [PARAM(kept)]
	mov dword [eax + kept.entries_used], 0
	jmp each_io_apic

; of_io_apic: in EBP base, ECX from each_io_apic; out EDI struct kept, ESI its io_apic_index for this IO-APIC; clobbers ECX
IO_APIC_ARRAY		equ PURGATORY_IO_APICS * 4	; from io_apic_index to io_apic_id to io_apic_count
%if kept.io_apic_id - kept.io_apic_index != IO_APIC_ARRAY || kept.io_apic_count - kept.io_apic_id != IO_APIC_ARRAY
	%error "the IO-APICs' arrays do not follow one another"
%endif
of_io_apic:
	mov edi, [PARAM(kept)]
	neg ecx
	lea esi, [KEPT(io_apic_index) + IO_APIC_ARRAY + ecx * 4]
	ret

; keep_io_apic
;   mode      32-bit, flat, paging off
;   in        EBP base, EBX the IO-APIC's address, ECX from each_io_apic
;   clobbers  all but EBX and EBP
keep_io_apic:
	call of_io_apic
	mov dword [esi + IO_APIC_ARRAY * 2], 0
	mov eax, [ebx + IO_APIC_INDEX]
	mov [esi], eax
	push edi
	call last_io_apic_entry
	pop edi
	jc .nobody
	inc edx
	mov ecx, [KEPT(entries_used)]
	mov eax, KEPT_IO_APIC_ENTRIES
	sub eax, ecx
	cmp edx, eax
	jbe .all_fit
	sub edx, eax
	add [KEPT(lost)], edx
	mov edx, eax
.all_fit:
	mov [esi + IO_APIC_ARRAY * 2], edx
	add [KEPT(entries_used)], edx
	mov dword [ebx + IO_APIC_INDEX], IO_APIC_ID
	mov eax, [ebx + IO_APIC_WINDOW]
	mov [esi + IO_APIC_ARRAY], eax
	lea edi, [KEPT(entries) + ecx * 8]
	push byte IO_APIC_ENTRIES
	pop ecx
	add edx, edx
.half:
	dec edx
	js .nobody
	mov [ebx + IO_APIC_INDEX], ecx
	inc ecx
	mov eax, [ebx + IO_APIC_WINDOW]
	stosd
	jmp .half
.nobody:
	mov eax, [esi]
	mov [ebx + IO_APIC_INDEX], eax
	ret
IO_APIC_ID		equ 0		; register seen through the window

; wake_io_apic: quiet_io_apic has masked all entries but SMIs'. Those that did not fit stay masked.
;   mode      32-bit, flat, paging off
;   in        EBP base, EBX the IO-APIC's address, ECX from each_io_apic
;   clobbers  all but EBX and EBP
wake_io_apic:
	call of_io_apic
	mov edx, [esi + IO_APIC_ARRAY * 2]
	test edx, edx
	jz .nobody
	mov dword [ebx + IO_APIC_INDEX], IO_APIC_ID
	mov eax, [esi + IO_APIC_ARRAY]
	cmp eax, [ebx + IO_APIC_WINDOW]
	je .same_id
	mov [ebx + IO_APIC_WINDOW], eax
.same_id:
	mov ecx, [KEPT(entries_used)]
	add [KEPT(entries_used)], edx
	lea edi, [KEPT(entries) + ecx * 8]
	push byte IO_APIC_ENTRIES
	pop ecx
.entry:
	mov [ebx + IO_APIC_INDEX], ecx
	mov eax, [ebx + IO_APIC_WINDOW]
	and eax, DELIVERY
	cmp eax, DELIVERY_SMI
	je .firmware
	inc ecx
	mov [ebx + IO_APIC_INDEX], ecx
	mov eax, [edi + 4]
	mov [ebx + IO_APIC_WINDOW], eax
	dec ecx
	mov [ebx + IO_APIC_INDEX], ecx
	mov eax, [edi]
	mov [ebx + IO_APIC_WINDOW], eax
.firmware:
	add edi, 8
	inc ecx
	inc ecx
	dec edx
	jnz .entry
.nobody:
	mov eax, [esi]
	mov [ebx + IO_APIC_INDEX], eax
	ret
