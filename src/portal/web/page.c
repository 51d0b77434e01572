/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "portal/web/page.h"

#include "base/str.h"
#include "base/text.h"
#include "portal/web/assets.h"

/* Write @text as text between tags or in a quoted attribute. A character that does not print is
 * shown by its number. */
static void put_escaped(struct sp_buf *page, const char *text)
{
	char shown[1024];

	for (const char *at = sp_text_show(text, shown, sizeof(shown)); *at; at++) {
		switch (*at) {
		case '&':
			sp_buf_put(page, "&amp;");
			break;
		case '<':
			sp_buf_put(page, "&lt;");
			break;
		case '>':
			sp_buf_put(page, "&gt;");
			break;
		case '"':
			sp_buf_put(page, "&quot;");
			break;
		case '\'':
			sp_buf_put(page, "&#39;");
			break;
		default:
			sp_buf_put_char(page, *at);
		}
	}
}

char *sp_page_error(const char *message)
{
	__sp_buf struct sp_buf page = SP_BUF_INIT;
	char *text = NULL;

	sp_buf_put(&page,
		   "<!doctype html>\n"
		   "<html lang=\"en\">\n"
		   "<head>\n"
		   "<meta charset=\"utf-8\">\n"
		   "<meta name=\"viewport\" content=\"width=device-width\">\n"
		   "<meta name=\"color-scheme\" content=\"light dark\">\n"
		   "<link rel=\"icon\" type=\"image/svg+xml\" href=\"" SP_ASSET_ICON_SVG "\">\n"
		   "<title>Sallyport</title>\n"
		   "</head>\n"
		   "<body>\n"
		   "<h1>Sallyport</h1>\n"
		   "<p>");
	put_escaped(&page, message);
	sp_buf_put(&page, "</p>\n</body>\n</html>\n");
	(void)sp_buf_take(&page, &text);
	return text;
}
