; SPDX-License-Identifier: MIT
;
; SHA-256 (FIPS 180-4, section 6.2) of bytes in any number of runs. All instructions are a 386's, except when the caller
; has set .fast because the CPU has the SHA extensions.

SHA256_BLOCK	equ 64

; sha256_begin
;   mode      32-bit, flat
;   in        EDI struct sha256
;   out       the state of an empty message; .fast 0
;   clobbers  EAX ECX ESI EDI
sha256_begin:
	call .here
.here:
	pop esi
	add esi, sha256_initial - .here
	mov ecx, 8
	rep movsd
	xor eax, eax
	stosd
	stosd
	stosd
	ret

; sha256_update
;   mode      32-bit, flat, DF = 0
;   in        ESI the bytes, ECX how many, EDI struct sha256
;   out       EDI unchanged, ESI after the bytes
;   clobbers  EAX EBX ECX EDX EBP EFLAGS; XMM0 to XMM7 where .fast
;   stack     about 340 bytes
sha256_update:
	mov eax, [edi + sha256.bytes]
	add [edi + sha256.bytes], ecx
	adc dword [edi + sha256.bytes + 4], 0
	and eax, SHA256_BLOCK - 1
	jz .whole
	mov edx, SHA256_BLOCK
	sub edx, eax
	cmp edx, ecx
	jbe .take
	mov edx, ecx
.take:
	sub ecx, edx			; left when EDX bytes are taken
	xchg ecx, edx
	push edi
	lea edi, [edi + sha256.block + eax]
	add eax, ecx
	rep movsb
	pop edi
	mov ecx, edx
	cmp eax, SHA256_BLOCK
	jb .done
	push esi
	push ecx
	call sha256_own_block
	pop ecx
	pop esi
.whole:
	push ecx
	shr ecx, 6
	jz .rest
	call sha256_blocks
.rest:
	pop ecx
	and ecx, SHA256_BLOCK - 1
	push edi
	add edi, sha256.block
	rep movsb
	pop edi
.done:
	ret

; sha256_finish: the padding of section 5.1.1
;   mode      32-bit, flat, DF = 0
;   in        EDI struct sha256
;   out       .hash holds the digest's bytes; EDI unchanged
;   clobbers  EAX EBX ECX EDX ESI EBP EFLAGS; XMM0 to XMM7 where .fast
sha256_finish:
	mov edx, [edi + sha256.bytes]
	and edx, SHA256_BLOCK - 1
	mov byte [edi + sha256.block + edx], 0x80
	inc edx
	cmp edx, SHA256_BLOCK - 8
	jbe .length
	call .zeros
	call sha256_own_block
	xor edx, edx
.length:
	call .zeros
	mov eax, [edi + sha256.bytes]
	mov edx, [edi + sha256.bytes + 4]
	shld edx, eax, 3			; eight bits a byte
	shl eax, 3
	call swap_bytes
	mov [edi + sha256.block + SHA256_BLOCK - 4], eax
	mov eax, edx
	call swap_bytes
	mov [edi + sha256.block + SHA256_BLOCK - 8], eax
	call sha256_own_block
	mov ecx, 8
.word:
	mov eax, [edi + sha256.hash + ecx * 4 - 4]
	call swap_bytes
	mov [edi + sha256.hash + ecx * 4 - 4], eax
	loop .word
	ret

; from byte EDX of the block on
.zeros:
	push edi
	lea edi, [edi + sha256.block + edx]
	mov ecx, SHA256_BLOCK
	sub ecx, edx
	xor eax, eax
	rep stosb
	pop edi
	ret

; in EAX, out EAX with its bytes in the other order (BSWAP came with the 486)
%macro swap_eax 0
	xchg al, ah
	rol eax, 16
	xchg al, ah
%endmacro
swap_bytes:
	swap_eax
	ret

sha256_own_block:
	lea esi, [edi + sha256.block]
	mov ecx, 1

; sha256_blocks
;   in        ESI the bytes, ECX blocks (> 0), EDI struct sha256
;   out       EDI unchanged, ESI after the bytes
;   clobbers  EAX EBX ECX EDX EBP
; Writes only to the stack and the structure. They must not lie in a page with code, where writes are slow.
sha256_blocks:
	cmp dword [edi + sha256.fast], 0
	jne sha256_blocks_fast

struc sha256_frame
	.v	resd 8			; the working variables
	.w	resd 64			; the message schedule
	.blocks	resd 1
	.state	resd 1
endstruc
	sub esp, sha256_frame_size
	mov [esp + sha256_frame.blocks], ecx
	mov [esp + sha256_frame.state], edi

.block:
	lea edi, [esp + sha256_frame.w]
	mov ecx, 16
.load:
	lodsd
	swap_eax
	stosd
	loop .load

	; W(t) = s1(W(t-2)) + W(t-7) + s0(W(t-15)) + W(t-16). There is one rotate for each term: it rotates the
	; terms joined so far.
	lea ebx, [edi + 48 * 4]
.schedule:
%assign t 0
%rep 2
	mov eax, [edi + (t - 15) * 4]
	mov edx, [edi + (t - 2) * 4]
	mov ecx, eax
	ror eax, 18 - 7
	xor eax, ecx
	ror eax, 7
	shr ecx, 3
	xor eax, ecx
	mov ecx, edx
	ror edx, 19 - 17
	xor edx, ecx
	ror edx, 17
	shr ecx, 10
	xor edx, ecx
	add eax, [edi + (t - 16) * 4]
	add eax, [edi + (t - 7) * 4]
	add eax, edx
	mov [edi + t * 4], eax
	%assign t t + 1
%endrep
	add edi, 2 * 4
	cmp edi, ebx
	jb .schedule

	push esi
	mov esi, [esp + 4 + sha256_frame.state]
	lea edi, [esp + 4 + sha256_frame.v]
	mov ecx, 8
	rep movsd
	call .here
.here:
	pop edi
	add edi, sha256_constants - .here
	lea ebp, [esp + 4 + sha256_frame.w]

; Working variable i (a is 0) in round t. The variables' roles move by one place each round; the values stay.
%define V(i) esp + 4 + sha256_frame.v + (((i) - t) & 7) * 4
%assign t 0
	mov eax, [V(0)]
	mov ebx, [V(1)]
	xor ebx, [V(2)]
	mov edx, [V(4)]
	jmp .rounds

; in %1 a, %2 b xor c, EDX e; out %3 the new a, %4 the new b xor c, EDX the new e. All but b xor c are in .v, too.
%macro sha256_round 4
	mov %3, edx
	ror %3, 25 - 11
	xor %3, edx
	ror %3, 11 - 6
	xor %3, edx
	ror %3, 6
	mov %4, [V(5)]
	xor %4, [V(6)]
	and %4, edx
	xor %4, [V(6)]
	add %3, [V(7)]
	add %3, [ebp + t * 4]
	add %3, [edi + t * 4]
	mov edx, [V(3)]
	add %3, %4
	add edx, %3
	mov [V(3)], edx
	mov %4, %1
	ror %4, 22 - 13
	xor %4, %1
	ror %4, 13 - 2
	xor %4, %1
	ror %4, 2
	add %3, %4
	mov %4, %1
	xor %4, [V(1)]
	and %2, %4
	xor %2, [V(1)]
	add %3, %2
	mov [V(7)], %3
	%assign t t + 1
%endmacro

.rounds:
%rep 4
	sha256_round eax, ebx, ecx, esi
	sha256_round ecx, esi, eax, ebx
%endrep
%assign t 0
	add ebp, 8 * 4
	add edi, 8 * 4
	cmp dword [edi], 0		; what follows the last constant
	jne .rounds

	pop esi
	mov edi, [esp + sha256_frame.state]
%assign i 0
%rep 8
	mov eax, [esp + sha256_frame.v + i * 4]
	add [edi + sha256.hash + i * 4], eax
	%assign i i + 1
%endrep
	dec dword [esp + sha256_frame.blocks]
	jnz .block
	add esp, sha256_frame_size
	ret

; The same by the SHA extensions, with SSE2 and SSSE3. They take the state as ABEF and CDGH.
%define ABEF xmm1
%define CDGH xmm2
; %1 to %4: sixteen words of the schedule. Four rounds with %1, which becomes the words 16 further on.
%macro sha256_four_rounds 4
	movdqa xmm0, %1
	paddd xmm0, [ebp]
	add ebp, 16
	sha256rnds2 CDGH, ABEF, xmm0
	pshufd xmm0, xmm0, 0x0e
	sha256rnds2 ABEF, CDGH, xmm0
	sha256msg1 %1, %2
	movdqa xmm7, %4
	palignr xmm7, %3, 4
	paddd %1, xmm7
	sha256msg2 %1, %4
%endmacro
sha256_blocks_fast:
	call .here
.here:
	pop ebx
	add ebx, sha256_constants - .here
	movdqu xmm3, [edi + sha256.hash]
	movdqu xmm4, [edi + sha256.hash + 16]
	pshufd xmm3, xmm3, 0xb1		; b a d c
	pshufd xmm4, xmm4, 0xb1		; f e h g
	movdqa ABEF, xmm4
	punpcklqdq ABEF, xmm3
	movdqa CDGH, xmm4
	punpckhqdq CDGH, xmm3
	sub esp, 32
.block:
	movdqu [esp], ABEF
	movdqu [esp + 16], CDGH
	movdqa xmm7, [ebx + sha256_swap - sha256_constants]
%assign i 0
%rep 4
	%assign register i + 3
	movdqu xmm %+ register, [esi + i * 16]
	pshufb xmm %+ register, xmm7
	%assign i i + 1
%endrep
	add esi, SHA256_BLOCK
	mov ebp, ebx
	mov edx, 4
.rounds:
	sha256_four_rounds xmm3, xmm4, xmm5, xmm6
	sha256_four_rounds xmm4, xmm5, xmm6, xmm3
	sha256_four_rounds xmm5, xmm6, xmm3, xmm4
	sha256_four_rounds xmm6, xmm3, xmm4, xmm5
	dec edx
	jnz .rounds
	movdqu xmm3, [esp]
	paddd ABEF, xmm3
	movdqu xmm3, [esp + 16]
	paddd CDGH, xmm3
	dec ecx
	jnz .block
	add esp, 32
	movdqa xmm4, ABEF
	punpcklqdq xmm4, CDGH
	punpckhqdq ABEF, CDGH
	pshufd xmm3, ABEF, 0xb1
	pshufd xmm4, xmm4, 0xb1
	movdqu [edi + sha256.hash], xmm3
	movdqu [edi + sha256.hash + 16], xmm4
	ret

	align 16
; The first 32 bits of the fractional parts of the cube roots of the first 64 primes (section 4.2.2).
sha256_constants:
	dd 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
	dd 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
	dd 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
	dd 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
	dd 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
	dd 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
	dd 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
	dd 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
	dd 0
	align 16
sha256_swap:
	db 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12
; And of the square roots of the first 8 (section 5.3.3).
sha256_initial:
	dd 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
