/* SPDX-License-Identifier: MIT */
/*
 * As much of cmocka as the loaders' tests use, so that they run as 32-bit programs too, where addr_t has
 * 32 bits: no distribution has cmocka for both. The first failure ends the program.
 */
#ifndef TEST_I386_CMOCKA_H
#define TEST_I386_CMOCKA_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define fail_msg(...) (printf("%s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), puts(""), exit(1))
#define fail() fail_msg("failure")
#define assert_true(x) ((x) ? (void)0 : fail_msg("not true: %s", #x))
#define assert_false(x) assert_true(!(x))
#define assert_null(x) assert_true((x) == NULL)
#define assert_non_null(x) assert_true((x) != NULL)
#define assert_ptr_equal(a, b) assert_true((const void *)(a) == (const void *)(b))
#define assert_memory_equal(a, b, size) assert_true(!memcmp(a, b, size))
#define assert_int_equal(a, b) compare_numbers(__FILE__, __LINE__, #a, (uint64_t)(a), (uint64_t)(b), 1)
#define assert_int_not_equal(a, b) compare_numbers(__FILE__, __LINE__, #a, (uint64_t)(a), (uint64_t)(b), 0)
#define assert_string_equal(a, b) compare_strings(__FILE__, __LINE__, (const char *)(a), (const char *)(b))
#define assert_in_range(x, low, high) assert_true((uint64_t)(x) >= (uint64_t)(low) && (uint64_t)(x) <= (uint64_t)(high))
#define print_message printf

static inline void compare_numbers(const char *file, int line, const char *what, uint64_t a, uint64_t b, int equal)
{
	if ((a == b) != equal) {
		printf("%s:%d: %s is %#llx, %s%#llx\n", file, line, what, (unsigned long long)a, equal ? "not " : "",
		       (unsigned long long)b);
		exit(1);
	}
}

static inline void compare_strings(const char *file, int line, const char *a, const char *b)
{
	if (strcmp(a, b)) {
		printf("%s:%d: \"%s\", not \"%s\"\n", file, line, a, b);
		exit(1);
	}
}

struct CMUnitTest {
	const char *name;
	void (*run)(void **state);
	int (*setup)(void **state);
	int (*teardown)(void **state);
};
#define cmocka_unit_test(test) {#test, test, NULL, NULL}
#define cmocka_unit_test_setup(test, setup) {#test, test, setup, NULL}
#define cmocka_unit_test_setup_teardown(test, setup, teardown) {#test, test, setup, teardown}
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
	run_tests(name, tests, sizeof(tests) / sizeof *(tests))

static inline int run_tests(const char *name, const struct CMUnitTest *tests, size_t count)
{
	void *state = NULL;

	for (size_t i = 0; i < count; i++) {
		if (tests[i].setup && tests[i].setup(&state))
			fail_msg("the setup of %s failed", tests[i].name);
		tests[i].run(&state);
		if (tests[i].teardown && tests[i].teardown(&state))
			fail_msg("the teardown of %s failed", tests[i].name);
	}
	printf("%s, 32 bits: %zu tests passed\n", name, count);
	return 0;
}

#endif
