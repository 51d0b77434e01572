/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A YAML text as a tree of nodes with places: mappings, lists and scalars, nothing typed yet.
 * What strict YAML does without (anchors, aliases, tags, merge keys, duplicate keys, directives,
 * further documents) is reported here. Depth and size are bounded. */
#ifndef SALLYPORT_YAML_DOCUMENT_H
#define SALLYPORT_YAML_DOCUMENT_H

#include <stddef.h>

#include "yaml/diagnostics.h"
#include "yaml/node.h"

#define SP_DOCUMENT_DEPTH_MAX 64
#define SP_DOCUMENT_NODES_MAX 300000u /* of all files of a run */
#define SP_DOCUMENT_SCALAR_MAX 4096u  /* bytes */

struct sp_document {
	struct sp_node *root; /* NULL: nothing but blanks and comments */
	struct sp_block *blocks;
};

/* Read a text that passed sp_source_check.
 * Returns 0; -EINVAL it was reported and there is no tree worth checking; -ENOMEM. Things can
 * have been reported with 0 too. The caller runs _done in every case. */
int sp_document_read(struct sp_check *check, const char *text, size_t len,
		     struct sp_document *document);
/* Free the tree; empty afterwards. Texts of its nodes go with it. */
void sp_document_done(struct sp_document *document);

#endif
