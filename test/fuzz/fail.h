/* SPDX-License-Identifier: MIT */
/* How a fuzz target reports a failure. */
#ifndef FUZZ_FAIL_H
#define FUZZ_FAIL_H

#include <stdio.h>
#include <stdlib.h>

/* For a harness's own loops over bytes: their coverage does not help the fuzzer, and costs more than the parser's. */
#define FUZZ_UNTRACED __attribute__((noinline, no_sanitize("coverage")))

#define FAIL(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), abort())
#define CHECK(condition, ...) ((condition) ? (void)0 : FAIL(__VA_ARGS__))

#endif
