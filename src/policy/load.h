/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policy text -> checked policy or diagnostics. No I/O: the caller hands over the files' bytes
 * (src/io/files/files.h reads them). The language is DESIGN section 4; what is not built yet is
 * refused by name with its place. Bounds: 10 MB in under a second, 64 MB of memory, depth 64. */
#ifndef SALLYPORT_POLICY_LOAD_H
#define SALLYPORT_POLICY_LOAD_H

#include "policy/model.h"
#include "policy/times/timezone.h"
#include "yaml/diagnostics.h"

/* Check one policy file.
 * @path          for diagnostics and the generation.
 * @text,@len     the bytes; need not be UTF-8 (that is then diagnosed).
 * @ret_policy    set only when there is no error; warnings (lint) alone do not prevent it.
 * @diagnostics   filled in either case; caller runs _done.
 * Returns 0; -EINVAL there are errors; -ENOMEM. */
int sp_policy_load(const char *path, const char *text, size_t len, struct sp_policy **ret_policy,
		   struct sp_diagnostics *diagnostics);
/* The same for a policy that was read before, in the order of its `files`: the first is the one
 * that was named. @zones: where time zones come from; NULL: there is UTC alone, as above. */
int sp_policy_load_files(const struct sp_file *files, size_t file_count,
			 const struct sp_timezone_source *zones, struct sp_policy **ret_policy,
			 struct sp_diagnostics *diagnostics);

#endif
