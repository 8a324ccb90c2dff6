; SPDX-License-Identifier: MIT
;
; Resets the CPU's state to what a target may expect. Each step runs only if the CPU has the feature.

; CPUID.1:EAX
CPUID_FAMILY	equ 0xf << 8
FAMILY_6	equ 6 << 8
; CPUID.1:ECX
CPUID_XSAVE	equ 1 << 26
; CPUID.(0DH,1):EAX
CPUID_XSS	equ 1 << 3
; CPUID.80000001H:ECX
CPUID_SVM	equ 1 << 2

MSR_SYSENTER_CS		equ 0x174
MSR_SYSENTER_ESP	equ 0x175
MSR_SYSENTER_EIP	equ 0x176
MSR_PAT			equ 0x277
MSR_PERF_GLOBAL_CTRL	equ 0x38f
MSR_XSS			equ 0xda0
MSR_STAR		equ 0xc0000081
MSR_LSTAR		equ 0xc0000082
MSR_CSTAR		equ 0xc0000083
MSR_FMASK		equ 0xc0000084
PAT_RESET		equ 0x00070406	; both halves: WB, WT, UC-, UC

; reset_cpu
;   mode      32-bit, flat, CPL 0, paging off
;   in        EBP base
;   out       contract, points 9 to 12
;   clobbers  EAX EBX ECX EDX ESI EDI EFLAGS
reset_cpu:
	xor eax, eax
	mov dr0, eax
	mov dr1, eax
	mov dr2, eax
	mov dr3, eax
	mov eax, DR6_RESET
	mov dr6, eax

	; No CPUID (386, early 486): no CR4, no MSR.
	call highest_leaf
	test eax, eax
	jz .plain
	push eax			; highest basic leaf
	mov eax, 1
	cpuid
	mov edi, edx
	mov esi, ecx
	pop ebx
	call reset_xcr0
	test edi, CPUID_MSR
	jz .no_msr
	call reset_msrs
.no_msr:
	; After this a machine check is a shutdown, so it comes as late as possible: CR4.CET must be 0
	; before CR0.WP is cleared (Intel SDM vol. 3, 2.5).
	test edi, CPUID_ANY_CR4
	jz .plain
	xor eax, eax
	mov cr4, eax
.plain:
	; Clear CD and NW in one write: NW without CD is a fault.
	mov eax, CR0_PE | CR0_ET
	mov cr0, eax
	jmp .flushed
.flushed:
	xor eax, eax
	mov cr3, eax
	mov cr2, eax
	fninit
	ret

; highest_leaf: out EAX the highest basic leaf of CPUID, 0: no CPUID; clobbers EBX ECX EDX EFLAGS
highest_leaf:
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
	and eax, EFLAGS_ID
	jz .none
	xor eax, eax
	cpuid
.none:
	ret

; reset_xcr0: in ESI CPUID.1:ECX; clobbers EAX ECX EDX. XSETBV needs CR4.OSXSAVE.
reset_xcr0:
	test esi, CPUID_XSAVE
	jz .none
	mov eax, cr4
	or eax, CR4_OSXSAVE
	mov cr4, eax
	xor ecx, ecx
	xor edx, edx
	mov eax, 1
	xsetbv
.none:
	ret

; reset_msrs: in EBX highest basic leaf, ESI CPUID.1:ECX, EDI CPUID.1:EDX; clobbers EAX EBX ECX EDX
reset_msrs:
	push ebx
	test edi, CPUID_SEP
	jz .no_sysenter
	mov ecx, MSR_SYSENTER_CS
	call clear_msr
	mov ecx, MSR_SYSENTER_ESP
	call clear_msr
	mov ecx, MSR_SYSENTER_EIP
	call clear_msr
.no_sysenter:
	test edi, CPUID_PAT
	jz .no_pat
	mov ecx, MSR_PAT
	mov eax, PAT_RESET
	mov edx, eax
	call write_msr
.no_pat:
	cmp dword [esp], 0x0a
	jb .no_performance
	mov eax, 0x0a
	xor ecx, ecx
	cpuid
	cmp al, 2			; version of performance monitoring
	jb .no_performance
	mov ecx, MSR_PERF_GLOBAL_CTRL
	call clear_msr
.no_performance:
	cmp dword [esp], 0x0d
	jb .no_xss
	test esi, CPUID_XSAVE
	jz .no_xss
	mov eax, 0x0d
	mov ecx, 1
	cpuid
	test eax, CPUID_XSS
	jz .no_xss
	mov ecx, MSR_XSS
	call clear_msr
.no_xss:
	; CPUs without extended leaves return garbage, or the last basic leaf.
	mov eax, 0x80000000
	cpuid
	cmp eax, 0x80000001
	jb .no_efer
	cmp eax, 0x8000ffff
	ja .no_efer
	mov eax, 0x80000001
	cpuid
	; Intel CPUs report SYSCALL only in 64-bit mode, so LM is tested too.
	test edx, CPUID_SYSCALL | CPUID_LM
	jz .no_syscall
	push edx
	mov ecx, MSR_STAR
	call clear_msr
	pop edx
	test edx, CPUID_LM
	jz .efer
	mov ecx, MSR_LSTAR
	call clear_msr
	mov ecx, MSR_CSTAR
	call clear_msr
	mov ecx, MSR_FMASK
	call clear_msr
	jmp .efer
.no_syscall:
	push ecx
	and ecx, CPUID_SVM
	and edx, CPUID_NX
	or edx, ecx
	pop ecx
	jz .no_efer
.efer:
	mov ecx, MSR_EFER
	call clear_msr
.no_efer:
	pop ebx
	ret

; in ECX an MSR, and for write_msr EDX:EAX; clear_msr clobbers EAX EDX. A #GP here is skipped (trap.asm).
; read_msr: out CF = 1: the CPU has refused it. The others change no flag that the XORs do not.
MSR_INSTRUCTION_SIZE	equ 2
EFLAGS_CF		equ 1
clear_msr:
	xor eax, eax
	xor edx, edx
write_msr:
.instruction:
	wrmsr
	ret
read_msr:
	clc
.instruction:
	rdmsr
	ret
