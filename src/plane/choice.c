/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plane/choice.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct sp_plane_ops *sp_plane_find(struct sp_plane_list planes, const char *name)
{
	for (size_t i = 0; i < planes.count; i++)
		if (!strcmp(planes.items[i]->name, name))
			return planes.items[i];
	return NULL;
}

const char *sp_plane_list_names(struct sp_plane_list planes, const char *quote,
				char names[SP_PLANE_NAMES_MAX])
{
	size_t len = 0;

	names[0] = '\0';
	for (size_t i = 0; i < planes.count && len < SP_PLANE_NAMES_MAX; i++)
		len += snprintf(names + len, SP_PLANE_NAMES_MAX - len, "%s%s%s%s", i ? ", " : "",
				quote, planes.items[i]->name, quote);
	return names;
}

static int add_error(const struct sp_machine *machine, const char *path,
		     struct sp_diagnostics *diagnostics, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int add_error(const struct sp_machine *machine, const char *path,
		     struct sp_diagnostics *diagnostics, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = sp_diagnostics_add(diagnostics, SP_ERROR, path, machine->plane_place, format, args);
	va_end(args);
	return r < 0 ? r : -EINVAL;
}

int sp_plane_check_machine(struct sp_plane_list planes, const struct sp_machine *machine,
			   const char *path, struct sp_diagnostics *diagnostics)
{
	char names[SP_PLANE_NAMES_MAX];

	if (!strcmp(machine->plane, SP_PLANE_AUTO) || sp_plane_find(planes, machine->plane))
		return 0;
	return add_error(machine, path, diagnostics,
			 "plane %s is not built in; \"plane\" is \"" SP_PLANE_AUTO
			 "\" or one of: %s",
			 sp_show(machine->plane).quoted, sp_plane_list_names(planes, "\"", names));
}

/* Whether one of them has all that @policy needs. -ENOMEM. */
static int has_any(struct sp_plane_list planes, const struct sp_policy *policy)
{
	for (size_t i = 0; i < planes.count; i++) {
		struct sp_diagnostics unused = { 0 };
		const int r = sp_plane_check(planes.items[i], policy, &unused);

		sp_diagnostics_done(&unused);
		if (r != -EINVAL)
			return r < 0 ? r : 1;
	}
	return 0;
}

int sp_plane_check_policy(struct sp_plane_list planes, const char *name,
			  const struct sp_policy *policy, struct sp_diagnostics *diagnostics)
{
	const struct sp_plane_ops *named = sp_plane_find(planes, name);
	int r;

	if (named)
		return sp_plane_check(named, policy, diagnostics);
	if (strcmp(name, SP_PLANE_AUTO) != 0 || !planes.count)
		return 0;
	r = has_any(planes, policy);
	return r ? (r < 0 ? r : 0) : sp_plane_check(planes.items[0], policy, diagnostics);
}
