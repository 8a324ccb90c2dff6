; SPDX-License-Identifier: MIT
;
; Saves and restores the HPET (keep.asm). IA-PC HPET 1.0a, 2.3.

HPET_COUNTER		equ 0xf0
COMPARATOR_VALUE	equ 0x08	; from a comparator's address
COMPARATOR_ROUTE	equ 0x10
HPET_PERIODIC		equ 1 << 3
HPET_SET_VALUE		equ 1 << 6	; the next write to the value of a periodic comparator sets the value, not the period
; 100 ms in femtoseconds, the upper half. The longest period that a PC's timer has is 55 ms.
PERIOD_LIMIT		equ 100000000000000 >> 32
PERIOD_PATIENCE		equ 1 << 24	; reads
PERIOD_STEPS		equ 3

; keep_hpet. A comparator's interrupt that is active and level-triggered is lost.
;   mode      32-bit, flat, paging off
;   in        EBP base
;   clobbers  EAX EBX ECX EDX ESI EDI
keep_hpet:
	call find_hpet
	jnc .found
	xor ebx, ebx
.found:
	mov edi, [PARAM(kept)]
	mov [KEPT(hpet)], ebx
	test ebx, ebx
	jz .nobody
	mov eax, [ebx + HPET_CONFIGURATION]
	mov [KEPT(hpet_configuration)], eax
	add edi, kept.comparators
	lea edx, [ebp + keep_comparator]
	call each_comparator
	; Counter before values: a periodic comparator whose value were before the counter would not match for minutes.
	lea esi, [ebx + HPET_COUNTER]
	mov edi, [PARAM(kept)]
	call read_wide
	mov [KEPT(hpet_counter)], eax
	mov [KEPT(hpet_counter) + 4], edx
	add edi, kept.comparators
	lea edx, [ebp + .value]
	jmp each_comparator
.value:
	add esi, COMPARATOR_VALUE
	call read_wide
	mov [edi + comparator.value], eax
	mov [edi + comparator.value + 4], edx
.nobody:
	ret

; read_wide: in ESI address of a 64-bit register that counts; out EDX:EAX
read_wide:
	mov edx, [esi + 4]
	mov eax, [esi]
	cmp edx, [esi + 4]
	jne read_wide
	ret

; keep_comparator: in EBP base, EBX the HPET's address, ESI the comparator's, EDI its struct comparator; clobbers EAX ECX EDX
keep_comparator:
	mov eax, [esi]
	mov [edi + comparator.configuration], eax
	mov ecx, [esi + COMPARATOR_ROUTE]
	mov [edi + comparator.route], ecx
	mov ecx, [esi + COMPARATOR_ROUTE + 4]
	mov [edi + comparator.route + 4], ecx
	xor ecx, ecx
	test al, HPET_PERIODIC
	jz .known
	; The period cannot be read, but the value is one period further after each match. The greatest common divisor of some
	; steps, as a late read sees several periods as one.
	mov eax, [ebx + HPET_CONFIGURATION]
	test al, HPET_ENABLE
	jz .unknown
	push edi
	xor edi, edi
	push byte PERIOD_STEPS
.step:
	push dword [ebx + HPET_COUNTER]
	push dword [esi + COMPARATOR_VALUE]
	mov ecx, PERIOD_PATIENCE
.wait:
	pause
	mov eax, [esi + COMPARATOR_VALUE]
	sub eax, [esp]
	jnz .matched
	mov eax, [ebx + HPET_COUNTER]
	sub eax, [esp + 4]
	mul dword [ebx + HPET_PERIOD]
	cmp edx, PERIOD_LIMIT
	jae .given_up
	loop .wait
.given_up:
	xor eax, eax
	xor edi, edi
	mov dword [esp + 8], 1
.matched:
	mov ecx, edi
.divide:
	jecxz .divided
	xor edx, edx
	div ecx
	mov eax, ecx
	mov ecx, edx
	jmp .divide
.divided:
	mov edi, eax
	add esp, 8
	dec dword [esp]
	jnz .step
	pop eax
	mov ecx, edi
	pop edi
	test ecx, ecx
	jnz .known
.unknown:
	test byte [edi + comparator.configuration], HPET_INTERRUPT
	jz .known
	mov eax, [PARAM(kept)]
	inc dword [eax + kept.lost]
.known:
	mov [edi + comparator.period], ecx
	ret

; wake_hpet: quiet_hpet has stopped it, if it was found at the same place
;   mode      32-bit, flat, paging off
;   in        EBP base
;   clobbers  EAX EBX ECX EDX ESI EDI
wake_hpet:
	mov edi, [PARAM(kept)]
	mov ebx, [KEPT(hpet)]
	test ebx, ebx
	jz .nobody
	add edi, kept.comparators
	lea edx, [ebp + wake_comparator]
	call each_comparator
	mov edi, [PARAM(kept)]
	mov eax, [KEPT(hpet_counter)]
	mov [ebx + HPET_COUNTER], eax
	mov eax, [KEPT(hpet_counter) + 4]
	mov [ebx + HPET_COUNTER + 4], eax
	mov eax, [KEPT(hpet_configuration)]
	mov [ebx + HPET_CONFIGURATION], eax
.nobody:
	ret

; wake_comparator: in ESI and EDI as for keep_comparator; clobbers EAX EBX ECX
wake_comparator:
	mov eax, [edi + comparator.configuration]
	mov ecx, [edi + comparator.route]
	mov [esi + COMPARATOR_ROUTE], ecx
	mov ecx, [edi + comparator.route + 4]
	mov [esi + COMPARATOR_ROUTE + 4], ecx
	mov ebx, [edi + comparator.period]
	test al, HPET_PERIODIC
	jz .no_period
	test ebx, ebx
	jnz .periodic
	; No interrupts are better than interrupts at a wrong rate.
	and al, ~HPET_INTERRUPT & 0xff
.periodic:
	or al, HPET_SET_VALUE
.no_period:
	; The bit clears itself. The lower half is last, as where the comparator has 32 bits.
	mov ecx, [edi + comparator.value + 4]
	mov [esi], eax
	mov [esi + COMPARATOR_VALUE + 4], ecx
	mov ecx, [edi + comparator.value]
	mov [esi], eax
	mov [esi + COMPARATOR_VALUE], ecx
	test al, HPET_PERIODIC
	jz .done
	mov [esi + COMPARATOR_VALUE], ebx
	mov dword [esi + COMPARATOR_VALUE + 4], 0
.done:
	ret
