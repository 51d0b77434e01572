/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

static int open_null(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void close_closes_and_keeps_errno(void **state)
{
	int number;

	(void)state;
	errno = EXDEV;
	{
		__sp_close int fd = open_null();
		number = fd;
		errno = EXDEV;
	}
	assert_int_equal(errno, EXDEV);
	assert_int_equal(fcntl(number, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
}

static void taken_fd_stays_open(void **state)
{
	int number;

	(void)state;
	{
		__sp_close int fd = open_null();
		number = SP_TAKE_FD(fd);
		assert_int_equal(fd, -1);
	}
	assert_int_not_equal(fcntl(number, F_GETFD), -1);
	close(number);
}

static int freed_count;

static void count_free(int *number)
{
	freed_count += *number;
}
SP_DEFINE_CLEANUP(int *, count_free);

static void cleanup_calls_once_and_not_after_a_take(void **state)
{
	int five = 5, seven = 7;
	int *mine = NULL;

	(void)state;
	freed_count = 0;
	{
		__sp_cleanup(count_freep) int *owned = &five;
		__sp_cleanup(count_freep) int *given = &seven;
		__sp_cleanup(count_freep) int *none = NULL;
		(void)owned;
		(void)none;
		mine = SP_TAKE_PTR(given);
		assert_null(given);
	}
	assert_ptr_equal(mine, &seven);
	assert_int_equal(freed_count, 5);
}

static void error_is_never_zero(void **state)
{
	(void)state;
	errno = ENOENT;
	assert_int_equal(sp_errno(), -ENOENT);
	errno = 0;
	assert_int_equal(sp_errno(), -EIO);
	assert_string_equal(sp_err_text(-ENOENT), "No such file or directory");
	assert_string_equal(sp_err_text(-99999), "Unknown error");
}

static void pushed_elements_keep_their_values(void **state)
{
	__sp_free uint32_t *items = NULL;
	size_t count = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t *item = SP_ARRAY_PUSH(items, count);

		assert_non_null(item);
		assert_int_equal(*item, 0);
		*item = i * 3 + 1;
	}
	assert_int_equal(count, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(items[i], i * 3 + 1);
}

static void push_without_memory_changes_nothing(void **state)
{
	char *items = NULL;
	size_t count = 0;

	(void)state;
	assert_null(sp_array_push(&items, &count, SIZE_MAX / 2));
	assert_int_equal(count, 0);
	assert_null(items);
}

static void bytes_have_the_order_their_name_says(void **state)
{
	const uint8_t bytes[9] = { 0xff, 1, 2, 3, 4, 5, 6, 7, 8 };
	uint8_t out[9] = { 0 };

	(void)state;
	assert_int_equal(sp_get_be16(bytes + 1), 0x0102);
	assert_int_equal(sp_get_le16(bytes + 1), 0x0201);
	assert_int_equal(sp_get_be32(bytes + 1), 0x01020304);
	assert_int_equal(sp_get_le32(bytes + 1), 0x04030201);
	assert_true(sp_get_be64(bytes + 1) == 0x0102030405060708);
	assert_true(sp_get_le64(bytes + 1) == 0x0807060504030201);
	sp_put_be32(out + 1, 0x01020304);
	sp_put_le32(out + 5, 0x08070605);
	assert_memory_equal(out + 1, bytes + 1, 8);
}

static void reader_reads_to_its_end_and_no_further(void **state)
{
	const uint8_t bytes[] = { 7, 0, 3, 'a', 'b', 'c', 9 };
	struct sp_reader reader = sp_reader(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(sp_take_u8(&reader), 7);
	assert_memory_equal(sp_take(&reader, sp_take_be16(&reader)), "abc", 3);
	assert_int_equal(reader.left, 1);
	assert_false(reader.failed);
	assert_int_equal(sp_take_be16(&reader), 0);
	assert_true(reader.failed);
	assert_int_equal(sp_take_u8(&reader),
			 0); /* though one byte is left: a failed reader stays failed */
	assert_int_equal(reader.left, 1);
}

static void reader_refuses_a_length_that_would_wrap(void **state)
{
	const uint8_t bytes[4] = { 0 };
	struct sp_reader reader = sp_reader(bytes, sizeof(bytes));

	(void)state;
	assert_non_null(sp_take(&reader, 1));
	assert_null(sp_take(&reader, SIZE_MAX));
	assert_true(reader.failed);
}

static void buffer_grows_and_is_handed_over(void **state)
{
	__sp_buf struct sp_buf buf = SP_BUF_INIT;
	__sp_free char *text = NULL;

	(void)state;
	assert_string_equal(sp_buf_get(&buf), "");
	for (int i = 0; i < 500; i++)
		assert_int_equal(sp_buf_printf(&buf, "%03d,", i), 0);
	assert_int_equal(sp_buf_put_char(&buf, '!'), 0);
	assert_int_equal(buf.len, 2001);
	assert_memory_equal(sp_buf_get(&buf) + 4 * 499, "499,!", 6);
	assert_int_equal(sp_buf_take(&buf, &text), 0);
	assert_int_equal(strlen(text), 2001);
	assert_int_equal(buf.len, 0);
	assert_string_equal(sp_buf_get(&buf), "");
}

static void text_of_exactly_the_room_keeps_its_end(void **state)
{
	(void)state;
	for (size_t len = 60; len < 70; len++) {
		__sp_buf struct sp_buf buf = SP_BUF_INIT;
		char pattern[80];

		memset(pattern, 'x', len);
		pattern[len] = '\0';
		assert_int_equal(sp_buf_put(&buf, pattern), 0);
		assert_string_equal(sp_buf_get(&buf), pattern);
		assert_int_equal(sp_buf_printf(&buf, "%s", pattern), 0);
		assert_int_equal(strlen(sp_buf_get(&buf)), 2 * len);
	}
}

static void empty_buffer_hands_over_an_empty_text(void **state)
{
	struct sp_buf buf = SP_BUF_INIT;
	__sp_free char *text = NULL;

	(void)state;
	assert_int_equal(sp_buf_take(&buf, &text), 0);
	assert_string_equal(text, "");
}

static void first_error_of_a_buffer_sticks(void **state)
{
	__sp_buf struct sp_buf buf = SP_BUF_INIT;
	char *text = NULL;

	(void)state;
	assert_int_equal(sp_buf_put(&buf, "before"), 0);
	assert_int_equal(sp_buf_put_bytes(&buf, "", SIZE_MAX / 2), -ENOMEM);
	assert_int_equal(sp_buf_put(&buf, "after"), -ENOMEM);
	assert_int_equal(sp_buf_take(&buf, &text), -ENOMEM);
	assert_null(text);
	assert_string_equal(sp_buf_get(&buf), "before");
}

static void format_makes_a_text_of_its_own(void **state)
{
	__sp_free char *text = NULL;

	(void)state;
	assert_int_equal(sp_str_format(&text, "%s/%d", "10.0.0.0", 8), 0);
	assert_string_equal(text, "10.0.0.0/8");
}

static void wipe_leaves_nothing(void **state)
{
	char secret[] = "hunter2";

	(void)state;
	sp_wipe(secret, sizeof(secret));
	for (size_t i = 0; i < sizeof(secret); i++)
		assert_int_equal(secret[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_closes_and_keeps_errno),
		cmocka_unit_test(taken_fd_stays_open),
		cmocka_unit_test(cleanup_calls_once_and_not_after_a_take),
		cmocka_unit_test(error_is_never_zero),
		cmocka_unit_test(pushed_elements_keep_their_values),
		cmocka_unit_test(push_without_memory_changes_nothing),
		cmocka_unit_test(bytes_have_the_order_their_name_says),
		cmocka_unit_test(reader_reads_to_its_end_and_no_further),
		cmocka_unit_test(reader_refuses_a_length_that_would_wrap),
		cmocka_unit_test(buffer_grows_and_is_handed_over),
		cmocka_unit_test(text_of_exactly_the_room_keeps_its_end),
		cmocka_unit_test(empty_buffer_hands_over_an_empty_text),
		cmocka_unit_test(first_error_of_a_buffer_sticks),
		cmocka_unit_test(format_makes_a_text_of_its_own),
		cmocka_unit_test(wipe_leaves_nothing),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
