/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "yaml/load.h"

#include <errno.h>

#include "base/cleanup.h"
#include "yaml/source.h"

int sp_yaml_read(struct sp_check *check, const char *text, size_t len, const char *empty,
		 struct sp_document *document)
{
	int r = sp_source_check(check, text, len);

	if (r == 0)
		r = sp_document_read(check, text, len, document);
	if (r < 0 || document->root)
		return r;
	sp_report(check, NULL, "%s", empty);
	return -EINVAL;
}

int sp_yaml_finish(struct sp_check *check)
{
	sp_diagnostics_sort(check->diagnostics);
	if (check->no_memory)
		return -ENOMEM;
	return check->diagnostics->error_count > 0 ? -EINVAL : 0;
}

int sp_yaml_load(const struct sp_yaml_kind *kind, struct sp_check *check, const char *text,
		 size_t len, void *arg)
{
	__sp_cleanup(sp_document_done) struct sp_document document = { 0 };
	int r = sp_yaml_read(check, text, len, kind->empty, &document);

	if (r == 0)
		kind->check_root(arg, document.root);
	check->no_memory |= r == -ENOMEM;
	return sp_yaml_finish(check);
}
