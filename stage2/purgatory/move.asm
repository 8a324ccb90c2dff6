; SPDX-License-Identifier: MIT
;
; The mover: executes a plan's list of moves.
;
; segue_purgatory_move
;   mode      32-bit, flat segments (DS = ES, base 0); paging off, or every address mapped to itself
;   in        ESI   address of the first entry (struct segue_move, stage2/plan/plan.h)
;   out       all moves up to END are done; DF = 0
;   clobbers  EAX EBX ECX EDX ESI EDI EBP EFLAGS; what sha256_update clobbers
;   stack     8 bytes besides the return address; plus sha256_update's for a DIGEST, and high_move's for a move above
;             4 GiB
;   errors    none: segue_load() has checked the list
; Addresses are 32 bits wide here; a move with a wider one goes to high_move (high.asm).

bits 32

segue_purgatory_move:
.next:
	mov ebx, [esi + move.op]
	test ebx, ebx
	jz .done
	mov edi, [esi + move.dst]
	cmp ebx, SEGUE_MOVE_LINK
	je .link
	mov ecx, [esi + move.size]
	mov eax, [esi + move.dst + 4]
	or eax, [esi + move.src + 4]
	jnz .high
	push esi
	mov esi, [esi + move.src]
	cmp ebx, SEGUE_MOVE_COPY_DOWN
	jb .copy_up
	je .copy_down
	cmp ebx, SEGUE_MOVE_SWAP_UP
	jb .zero
	je .swap_up
	; Above it: a DIGEST with a sum.
	cmp ebx, SEGUE_MOVE_DIGEST
	jb .swap_down
	; Add the bytes at dst to the digest at src (sha256.asm).
	xchg esi, edi
	call sha256_update
.moved:
	cld
	pop esi
	add esi, move_size
	jmp .next
.high:
	call high_move
	add esi, move_size
	jmp .next
.link:
	mov esi, edi
	jmp .next
.done:
	ret

; The destination is aligned first: a string move over a misaligned destination
; costs a split store every 16th dword on most CPUs.
; Dwords are right even if the ranges overlap: ascending with dst < src, each dword is
; read before any of its bytes is written.
.copy_up:
	call .head
	rep movsb
	mov ecx, edx
	shr ecx, 2
	rep movsd
	mov ecx, edx
	and ecx, 3
	rep movsb
	jmp .moved

.zero:
	xor eax, eax
	call .head
	rep stosb
	mov ecx, edx
	shr ecx, 2
	rep stosd
	mov ecx, edx
	and ecx, 3
	rep stosb
	jmp .moved

; in ECX size, EDI destination; out ECX bytes up to the first aligned one, EDX the bytes after these
.head:
	mov edx, ecx
	mov ecx, edi
	neg ecx
	and ecx, 3
	cmp ecx, edx
	jbe .head_fits
	mov ecx, edx
.head_fits:
	sub edx, ecx
	ret

; Descending string moves are slow on most CPUs: a byte or dword at a time. If the
; ranges are far apart, blocks no larger than the distance are copied upwards, the
; last block first. A block's source and destination then do not overlap.
FAR_APART	equ 256
.copy_down:
	mov edx, edi
	sub edx, esi			; distance, > 0
	add esi, ecx
	add edi, ecx			; both past their last byte
	cmp edx, FAR_APART
	jb .copy_down_near
	and edx, ~3
	mov ebp, ecx			; bytes left
.block:
	cmp edx, ebp
	jbe .block_fits
	mov edx, ebp
.block_fits:
	sub esi, edx
	sub edi, edx
	mov ecx, edx
	shr ecx, 2
	mov eax, edx
	rep movsd
	mov ecx, eax
	and ecx, 3
	rep movsb
	sub esi, eax
	sub edi, eax
	sub ebp, eax
	jnz .block
	jmp .moved
.copy_down_near:
	mov edx, ecx
	and ecx, 3
	dec esi
	dec edi
	std
	rep movsb
	sub esi, 3
	sub edi, 3
	mov ecx, edx
	shr ecx, 2
	rep movsd
	jmp .moved

; A dword exchange equals four byte exchanges in order only if the ranges are at least
; four bytes apart.
.swap_up:
	call .distance
	cmp edx, 4
	jb .swap_up_tail
	mov edx, ecx
	and edx, 3
	shr ecx, 2
	jz .swap_up_rest
	lea esi, [esi + ecx * 4]
	lea edi, [edi + ecx * 4]
	neg ecx
.swap_up_dword:
	mov eax, [esi + ecx * 4]
	mov ebx, [edi + ecx * 4]
	mov [esi + ecx * 4], ebx
	mov [edi + ecx * 4], eax
	inc ecx
	jnz .swap_up_dword
.swap_up_rest:
	mov ecx, edx
.swap_up_tail:
	jecxz .swapped
.swap_up_byte:
	mov al, [esi]
	mov bl, [edi]
	mov [esi], bl
	mov [edi], al
	inc esi
	inc edi
	dec ecx
	jnz .swap_up_byte
.swapped:
	jmp .moved

.swap_down:
	call .distance
	add esi, ecx
	add edi, ecx
	cmp edx, 4
	jb .swap_down_tail
	mov edx, ecx
	and edx, 3
	shr ecx, 2
	jz .swap_down_rest
.swap_down_dword:
	sub esi, 4
	sub edi, 4
	mov eax, [esi]
	mov ebx, [edi]
	mov [esi], ebx
	mov [edi], eax
	dec ecx
	jnz .swap_down_dword
.swap_down_rest:
	mov ecx, edx
.swap_down_tail:
	jecxz .swapped
.swap_down_byte:
	dec esi
	dec edi
	mov al, [esi]
	mov bl, [edi]
	mov [esi], bl
	mov [edi], al
	dec ecx
	jnz .swap_down_byte
	jmp .moved

; out EDX = |EDI - ESI|
.distance:
	mov edx, edi
	sub edx, esi
	jae .distance_done
	neg edx
.distance_done:
	ret
