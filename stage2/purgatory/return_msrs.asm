; SPDX-License-Identifier: MIT
;
; The host's MSRs that a target may change, of those that the gate does not keep (cross.inc). Which of them the CPU has is found
; by reading: some CPUs and hypervisors refuse an MSR that CPUID reports. Intel SDM vol. 4; AMD APM vol. 2, appendix A.

; A record of an MSR that was read. The list ends with MSR 0.
struc kept_msr
	.number		resd 1
	.low		resd 1
	.high		resd 1
endstruc

; keep_msrs
;   mode      32-bit, CPL 0
;   in        EBX the return page, EBP purgatory
;   clobbers  EAX ECX EDX ESI EDI EFLAGS
keep_msrs:
	lea esi, [ebx + host_msrs]
	lea edi, [ebx + RETURN_MSRS_AT]
.next:
	mov ecx, [esi]
	add esi, 4
	mov [edi + kept_msr.number], ecx
	jecxz .done
	lea eax, [ebp + read_msr]
	call eax
	jc .next
	mov [edi + kept_msr.low], eax
	mov [edi + kept_msr.high], edx
	add edi, kept_msr_size
	jmp .next
.done:
	ret

; put_back_msrs: the same in reverse
put_back_msrs:
	lea esi, [ebx + RETURN_MSRS_AT]
.next:
	mov ecx, [esi + kept_msr.number]
	jecxz .done
	mov eax, [esi + kept_msr.low]
	mov edx, [esi + kept_msr.high]
	lea edi, [ebp + write_msr]
	call edi
	add esi, kept_msr_size
	jmp .next
.done:
	ret

	align 4, db 0
host_msrs:
	dd 0x174, 0x175, 0x176		; IA32_SYSENTER_CS, ESP, EIP
	dd 0x277			; IA32_PAT
	dd 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084 ; STAR, LSTAR, CSTAR, FMASK
	dd 0xc0000102			; KERNEL_GS_BASE
	dd 0xc0000103			; TSC_AUX
	dd 0x3b				; IA32_TSC_ADJUST
	dd 0x48				; IA32_SPEC_CTRL
	dd 0xda0			; IA32_XSS
	dd 0x1c4, 0x1c5			; IA32_XFD, IA32_XFD_ERR
	dd 0x38f			; IA32_PERF_GLOBAL_CTRL
	dd 0x1d9			; IA32_DEBUGCTL
	dd 0xc0010117			; VM_HSAVE_PA
	dd 0x6e1			; IA32_PKRS
	dd 0x6a0			; IA32_U_CET; the gate keeps IA32_S_CET
	dd 0x6a4, 0x6a5, 0x6a6, 0x6a7	; IA32_PL0_SSP to PL3_SSP
	dd 0x6a8			; IA32_INTERRUPT_SSP_TABLE_ADDR
	dd 0x1cc, 0x1cd, 0x1ce, 0x1cf	; IA32_FRED_RSP0 to RSP3
	dd 0x1d0			; IA32_FRED_STKLVLS
	dd 0x1d1, 0x1d2, 0x1d3		; IA32_FRED_SSP1 to SSP3
	dd 0x1d4			; IA32_FRED_CONFIG
	dd 0
HOST_MSRS	equ ($ - host_msrs) / 4
%if HOST_MSRS * kept_msr_size > RETURN_MSRS_SIZE
	%error "RETURN_MSRS_SIZE"
%endif
