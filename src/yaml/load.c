/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "yaml/load.h"

#include <errno.h>

#include "base/cleanup.h"
#include "yaml/document.h"
#include "yaml/source.h"

/* Returns 0, also when something was reported; -ENOMEM. */
static int check_text(const struct sp_yaml_kind *kind, struct sp_check *check, const char *text,
		      size_t len, void *arg)
{
	__sp_cleanup(sp_document_done) struct sp_document document = { 0 };
	int r;

	if (sp_source_check(check, text, len) < 0)
		return 0;
	r = sp_document_read(check, text, len, &document);
	if (r < 0)
		return r == -EINVAL ? 0 : r;
	if (document.root)
		kind->check_root(arg, document.root);
	else
		sp_report(check, NULL, "%s", kind->empty);
	return 0;
}

int sp_yaml_load(const struct sp_yaml_kind *kind, struct sp_check *check, const char *text,
		 size_t len, void *arg)
{
	int r = check_text(kind, check, text, len, arg);

	sp_diagnostics_sort(check->diagnostics);
	if (r < 0 || check->no_memory)
		return -ENOMEM;
	return check->diagnostics->error_count > 0 ? -EINVAL : 0;
}
