/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The run that every kind of file has in common: text, tree, checks, sorted diagnostics. */
#ifndef SALLYPORT_YAML_LOAD_H
#define SALLYPORT_YAML_LOAD_H

#include "yaml/diagnostics.h"
#include "yaml/document.h"

/* What differs between the kinds of files. */
struct sp_yaml_kind {
	/* Check the tree, and report its errors. @arg is that of sp_yaml_load. */
	void (*check_root)(void *arg, const struct sp_node *root);
	const char *empty; /* reported for a file without content */
};

/* A run over the files at @paths, which outlive it; the first is read now. */
static inline struct sp_check sp_check_of(const char *const *paths,
					  struct sp_diagnostics *diagnostics)
{
	return (struct sp_check){ .paths = paths,
				  .diagnostics = diagnostics,
				  .suggest_budget = SP_SUGGEST_BUDGET };
}

/* Read @text, of the file check->file, as a tree; a text without content is reported as @empty.
 * The caller runs sp_document_done in every case. Returns 0; -EINVAL it was reported, and there is
 * no tree; -ENOMEM. */
int sp_yaml_read(struct sp_check *check, const char *text, size_t len, const char *empty,
		 struct sp_document *document);
/* The end of a run: the diagnostics in the order of the text. Returns 0; -EINVAL there is an error
 * among them; -ENOMEM. */
int sp_yaml_finish(struct sp_check *check);

/* Read @text as a file of @kind. The tree lives as long as the call.
 * Returns 0; -EINVAL the diagnostics hold an error; -ENOMEM. */
int sp_yaml_load(const struct sp_yaml_kind *kind, struct sp_check *check, const char *text,
		 size_t len, void *arg);

#endif
