; SPDX-License-Identifier: MIT
;
; segue_peek, x86_64 (peek.inc)
;   mode      64-bit, CPL 0
;   in        RDI   struct peek
%include "numbers/leave.inc"

%define HOST 64
%define PEEK rdi
%include "leave/width.inc"
%include "leave/peek.inc"
