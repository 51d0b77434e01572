/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/screen/qr.h"

#include <errno.h>
#include <qrencode.h>

#include "base/cleanup.h"
#include "base/str.h"

#define MARGIN 2 /* modules: half of the standard's, which readers are content with */

SP_DEFINE_CLEANUP(QRcode *, QRcode_free);

/* Everything outside the code is light. */
static bool is_light(const QRcode *code, int row, int column)
{
	if (row < 0 || column < 0 || row >= code->width || column >= code->width)
		return true;
	return !(code->data[row * code->width + column] & 1);
}

int sp_qr_draw(const char *text, bool color, char **ret_drawing)
{
	static const char *const blocks[2][2] = { { " ", "▄" },
						  { "▀", "█" } }; /* [upper][lower] is light */
	__sp_cleanup(QRcode_freep) QRcode *code = NULL;
	__sp_buf struct sp_buf out = SP_BUF_INIT;

	code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
	if (!code)
		return errno == ERANGE ? -ERANGE : -ENOMEM;
	for (int row = -MARGIN; row < code->width + MARGIN; row += 2) {
		sp_buf_put(&out, color ? "  \033[40;37;1m" : "  ");
		for (int column = -MARGIN; column < code->width + MARGIN; column++)
			sp_buf_put(&out, blocks[is_light(code, row, column)]
					       [is_light(code, row + 1, column)]);
		sp_buf_put(&out, color ? "\033[0m\n" : "\n");
	}
	return sp_buf_take(&out, ret_drawing);
}
