/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sallyport doctor: what this kernel and machine lack, and what that disables. Works without a
 * daemon. With a running daemon it knows the interfaces, and which programs are ours. */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/gateway/client.h"
#include "cli/screen/render.h"
#include "io/files/files.h"
#include "io/files/paths.h"
#include "io/probe/probe.h"
#include "config/machine.h"

#define MACHINE_BYTES_MAX (1u << 20)
#define INTERFACES_MAX 64
#define LINKS_MAX 256
#define INDENT 32 /* indentation of a continued line: behind result and name */

/* Read the interfaces of sallyport.yaml; none if there is no readable file yet. */
static size_t read_interfaces(const struct sp_paths *paths, struct sp_machine **ret_machine,
			      struct sp_probe_interface *ret_interfaces)
{
	struct sp_diagnostics diagnostics = { 0 };
	__sp_free char *text = NULL;
	size_t len, count = 0;

	if (sp_file_read(paths->machine_file, MACHINE_BYTES_MAX, &text, &len) < 0) {
		sp_cli_say("sallyport: no %s: interfaces are not looked at\n", paths->machine_file);
		return 0;
	}
	if (sp_machine_load(paths->machine_file, text, len, ret_machine, &diagnostics) >= 0) {
		const struct sp_gateway *gateway = &(*ret_machine)->gateway;

		for (; count < gateway->interface_count && count < INTERFACES_MAX; count++)
			ret_interfaces[count] =
				(struct sp_probe_interface){ gateway->interfaces[count].name,
							     gateway->interfaces[count].zone };
	} else {
		sp_cli_say("sallyport: %s has errors: interfaces are not looked at\n",
			   paths->machine_file);
	}
	sp_diagnostics_done(&diagnostics);
	return count;
}

/* Ask a running daemon which programs are its own, whether its memory is locked, and what it warns
 * of. The caller drops the warnings; NULL: there are none. */
static json_t *ask_daemon(const struct sp_cli *cli, uint32_t *own, struct sp_probe_context *context)
{
	__sp_json json_t *reply = sp_client_try(cli, "status");
	json_t *hook, *warning, *portal;
	const char *code, *message;
	size_t i, count = 0;

	json_array_foreach(json_object_get(reply, "hooks"), i, hook)
		if (count < LINKS_MAX)
			own[count++] = sp_json_integer(hook, "prog_id");
	context->own_prog_ids = own;
	context->own_prog_count = count;
	context->is_daemon_there = reply != NULL;
	context->is_daemon_memory_locked = json_is_true(json_object_get(reply, "memory_locked"));
	portal = json_object_get(reply, "portal");
	context->is_portal_there = json_is_object(portal);
	context->is_portal_memory_locked = json_is_true(json_object_get(portal, "memory_locked"));
	json_array_foreach(json_object_get(reply, "warnings"), i, warning)
		if (!json_unpack(warning, "{s:s, s:s}", "code", &code, "message", &message) &&
		    !strcmp(code, "homes-incomplete"))
			snprintf(context->homes_warning, sizeof(context->homes_warning), "%s",
				 message);
	return json_incref(json_object_get(reply, "warnings"));
}

static void print_probe(const struct sp_cli *cli, enum sp_probe_result result, const char *name,
			const char *detail, const char *disables, const char *remedy)
{
	const bool is_ok = result == SP_PROBE_OK;

	if (cli->json) {
		sp_cli_print_json(json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}", "v", 1, "name", name,
					    "result", sp_probe_result_name(result), "detail",
					    detail, "disables", disables, "remedy", remedy));
		return;
	}
	sp_cli_print("%s%-8s%s %-22s %s\n",
		     sp_cli_paint(cli, is_ok                        ? SP_GREEN
				       : result == SP_PROBE_MISSING ? SP_RED
								    : SP_YELLOW),
		     sp_probe_result_name(result), sp_cli_paint(cli, SP_PLAIN), name, detail);
	if (!is_ok)
		sp_cli_print("         %-22s without it: %s%s%s\n", "", disables,
			     *remedy ? "; " : "", remedy);
}

static int print_probes(const struct sp_cli *cli, const struct sp_probe *probes, size_t count)
{
	size_t missing = 0;

	for (size_t i = 0; i < count; i++) {
		const struct sp_probe *probe = &probes[i];

		missing += probe->result == SP_PROBE_MISSING;
		print_probe(cli, probe->result, probe->name, probe->detail, probe->disables,
			    probe->remedy);
	}
	return missing ? SP_EXIT_DEGRADED : SP_EXIT_OK;
}

/* Print what `status` warns of: it is a fault of this machine too. */
static int print_warnings(const struct sp_cli *cli, json_t *warnings)
{
	json_t *warning;
	size_t i;

	json_array_foreach(warnings, i, warning)
		if (strcmp(sp_json_text(warning, "code"), "homes-incomplete") !=
		    0) /* a probe says so */
			print_probe(cli, SP_PROBE_MISSING, sp_json_text(warning, "code"),
				    sp_json_text(warning, "message"), "the gateway is degraded",
				    sp_json_text(warning, "remedy"));
	return i ? SP_EXIT_DEGRADED : SP_EXIT_OK;
}

int sp_cli_doctor(struct sp_cli *cli, int argc, char **argv)
{
	__sp_paths struct sp_paths paths = { 0 };
	__sp_free struct sp_probe *probes = NULL;
	struct sp_probe_interface interfaces[INTERFACES_MAX];
	const struct sp_option options[] = { { 0 } };
	struct sp_machine *machine = NULL;
	uint32_t own[LINKS_MAX];
	struct sp_probe_context context = {
		.paths = &paths,
		.interfaces = interfaces,
	};
	__sp_json json_t *warnings = NULL;
	size_t count;
	int r, warned;

	r = sp_cli_options(cli, "doctor", argc, argv, options, NULL, 0, &count);
	if (r != 0)
		return sp_cli_options_exit(r);
	sp_cli_wrap(cli->json ? 0 : INDENT);
	r = sp_paths_init(&paths, cli->root);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "--root: %s", sp_err_text(r));
	context.interface_count = read_interfaces(&paths, &machine, interfaces);
	if (machine) {
		context.may_use_kernel_engine = machine->engine != SP_VPN_USERSPACE;
		context.must_use_kernel_engine = machine->engine == SP_VPN_KERNEL;
		context.tunnel_mtu = machine->mtu;
	}
	warnings = ask_daemon(cli, own, &context);
	r = sp_probe_run(&context, &probes, &count);
	sp_machine_free(machine);
	if (r < 0)
		return sp_cli_fail(SP_EXIT_FAILED, "looking at this machine: %s", sp_err_text(r));
	r = print_probes(cli, probes, count);
	warned = print_warnings(cli, warnings);
	return warned == SP_EXIT_OK ? r : warned;
}
