; SPDX-License-Identifier: MIT
; Copies and sums: copy.h. One walk over the bytes copies them from the transfer buffer and sums them, with three
; instructions for 16 bytes.
;
; All routines: 32-bit protected mode, flat, cdecl; they keep EBX ESI EDI EBP and clobber EAX ECX EDX EFLAGS XMM0-7.

bits 32
%include "numbers/hardware.inc"
%include "numbers/standalone.inc"

global copy_open
global copy_close
global copy_bytes
global copy_sectors
global copy_by_sse2

TURN		equ 256			; bytes a turn of a loop

section .text

; copy_open: void copy_open(void), at CPL 0
;   out       copy_by_sse2 is 1 and SSE2 may be used, or it is 0
copy_open:
	pushfd
	pop eax
	mov ecx, eax
	xor eax, EFLAGS_ID
	push eax
	popfd
	pushfd
	pop eax
	push ecx
	popfd
	xor eax, ecx
	test eax, EFLAGS_ID		; a 386 and an early 486 have no CPUID
	jz .no
	push ebx
	mov eax, 1
	xor ecx, ecx
	cpuid
	pop ebx
	not edx
	test edx, CPUID_FXSR | CPUID_SSE2
	jnz .no
	mov eax, cr0
	mov [cr0_before], eax
	and eax, ~(CR0_EM | CR0_TS)
	or eax, CR0_MP
	mov cr0, eax
	mov eax, cr4
	mov [cr4_before], eax
	or eax, CR4_OSFXSR
	mov cr4, eax
	mov byte [copy_by_sse2], 1
.no:
	ret

; copy_close: void copy_close(void), at CPL 0
copy_close:
	cmp byte [copy_by_sse2], 0
	je .no
	mov eax, [cr4_before]
	mov cr4, eax
	mov eax, [cr0_before]
	mov cr0, eax
	mov byte [copy_by_sse2], 0
.no:
	ret

; copy_bytes: void copy_bytes(void *dest, const void *source, uint32_t size)
copy_bytes:
	push esi
	push edi
	mov edi, [esp + 12]
	mov esi, [esp + 16]
	mov edx, [esp + 20]
	cmp byte [copy_by_sse2], 0
	je .rest
	mov ecx, edx
	and edx, TURN - 1
	shr ecx, 8
	jz .rest
.turn:
%assign at 0
%rep TURN / 16
	movups xmm0, [esi + at]
	movups [edi + at], xmm0
%assign at at + 16
%endrep
	add esi, TURN
	add edi, TURN
	dec ecx
	jnz .turn
.rest:
	mov ecx, edx
	shr ecx, 2
	rep movsd
	mov ecx, edx
	and ecx, 3
	rep movsb
	pop edi
	pop esi
	ret

; copy_sectors: void copy_sectors(void *dest, const void *source, uint32_t sectors, struct copy_sums *sums)
copy_sectors:
	push ebx
	push esi
	push edi
	mov edi, [esp + 16]
	mov esi, [esp + 20]
	mov ecx, [esp + 24]
	mov ebx, [esp + 28]
	test ecx, ecx
	jz .done
	cmp byte [copy_by_sse2], 0
	je sectors_scalar
	movups xmm7, [ebx + copy_sums.sum]
	movups xmm6, [ebx + copy_sums.sum_of_sums]
	; The index runs from minus the size up to 0. It is a multiple of SEAL_SECTOR at each sector's end.
	shl ecx, 11
	add esi, ecx
	neg ecx
	test edi, edi
	jz .sum_turn
	sub edi, ecx
.turn:
%assign at 0
%rep TURN / 16
	movdqa xmm0, [esi + ecx + at]
	movups [edi + ecx + at], xmm0
	paddd xmm7, xmm0
%assign at at + 16
%endrep
	add ecx, TURN
	test ecx, SEAL_SECTOR - 1
	jnz .turn
	paddd xmm6, xmm7
	test ecx, ecx
	jnz .turn
	jmp .sums
.sum_turn:
%assign at 0
%rep TURN / 16
	paddd xmm7, [esi + ecx + at]
%assign at at + 16
%endrep
	add ecx, TURN
	test ecx, SEAL_SECTOR - 1
	jnz .sum_turn
	paddd xmm6, xmm7
	test ecx, ecx
	jnz .sum_turn
.sums:
	movups [ebx + copy_sums.sum], xmm7
	movups [ebx + copy_sums.sum_of_sums], xmm6
.done:
	pop edi
	pop esi
	pop ebx
	ret

; sectors_scalar: the same without SSE2, in the first lane; the other lanes add what they are
;   in        EBX sums, ECX sectors (not 0), ESI source, EDI destination or 0; stack as copy_sectors has it
sectors_scalar:
	push ebp
	mov eax, [ebx + copy_sums.sum]
.sector:
	push ecx
	mov ecx, SEAL_SECTOR / 4
	test edi, edi
	jz .sum
	push esi
	rep movsd
	pop esi
	mov ecx, SEAL_SECTOR / 4
.sum:
	add eax, [esi]
	add esi, 4
	dec ecx
	jnz .sum
	add [ebx + copy_sums.sum_of_sums], eax
%assign lane 4
%rep 3
	mov ebp, [ebx + copy_sums.sum + lane]
	add [ebx + copy_sums.sum_of_sums + lane], ebp
%assign lane lane + 4
%endrep
	pop ecx
	dec ecx
	jnz .sector
	mov [ebx + copy_sums.sum], eax
	pop ebp
	jmp copy_sectors.done

section .bss

	alignb 4
cr0_before	resd 1
cr4_before	resd 1
copy_by_sse2	resb 1

section .note.GNU-stack noalloc noexec nowrite progbits
