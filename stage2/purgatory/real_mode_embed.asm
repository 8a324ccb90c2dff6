; SPDX-License-Identifier: MIT
%include "purgatory/embed.inc"
	embed real_mode
