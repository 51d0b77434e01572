/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "identity/http/http.h"

#include "base/cleanup.h"

static void free_secret(char *text)
{
	if (!text)
		return;
	sp_wipe(text, strlen(text));
	free(text);
}

void sp_http_request_done(struct sp_http_request *request)
{
	free(request->url);
	free_secret(request->body); /* codes and refresh tokens travel in bodies */
	free(request->basic_user);
	free_secret(request->basic_password);
	free_secret(request->bearer);
	*request = (struct sp_http_request){ 0 };
}
