/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs on a gateway: all of them. */
#include "base/array.h"
#include "cli/verbs.h"

const struct sp_verb sp_verbs[] = {
	{ "init", "", "a first configuration for this machine", sp_cli_init },
	{ "check", "FILE", "validate a policy, lint it, run its tests", sp_cli_check },
	{ "plan", "FILE", "what a policy would change, for whom", sp_cli_plan },
	{ "explain", "[FILE]", "who may reach what, and which rule says so", sp_cli_explain },
	{ "replay", "FILE", "judge the packets of a capture", sp_cli_replay },
	{ "apply", "FILE", "make a policy the running one", sp_cli_apply },
	{ "detach", "", "the off switch: judge nothing any more, and stop", sp_cli_detach },
	{ "backup", "FILE", "all the gateway is, in one file", sp_cli_backup },
	{ "restore", "FILE", "make it again from such a file", sp_cli_restore },
	{ "reload", "", "read sallyport.yaml again, all of it or nothing", sp_cli_reload },
	{ "confirm", "", "keep the policy that waits to be confirmed", sp_cli_confirm },
	{ "rollback", "[GENERATION]", "an earlier policy again", sp_cli_rollback },
	{ "history", "", "the policies applied so far", sp_cli_history },
	{ "status", "[URL]", "what runs; signed in: the session and the tunnel", sp_cli_status },
	{ "doctor", "", "what this kernel and machine lack", sp_cli_doctor },
	{ "session open", "", "sign a person in", sp_cli_session_open },
	{ "session list", "", "who is signed in", sp_cli_session_list },
	{ "session extend", "SESSION", "give a session more time", sp_cli_session_extend },
	{ "session revoke", "SESSION|USER", "end sessions, live traffic included",
	  sp_cli_session_revoke },
	{ "peer add", "", "enrol a device", sp_cli_peer_add },
	{ "peer list", "", "enrolled devices", sp_cli_peer_list },
	{ "peer remove", "KEY|NAME", "forget a device", sp_cli_peer_remove },
	{ "peer config", "KEY|NAME", "a device's configuration for any WireGuard app",
	  sp_cli_peer_config },
	{ "user add", "NAME", "let somebody sign in with a password", sp_cli_user_add },
	{ "user passwd", "NAME", "change a user's password", sp_cli_user_passwd },
	{ "user groups", "NAME [GROUP…]", "say which groups a user is in", sp_cli_user_groups },
	{ "user remove", "NAME", "let a user sign in no more", sp_cli_user_remove },
	{ "user list", "", "who may sign in with a password", sp_cli_user_list },
	{ "idp list", "", "the identity providers of idp.d", sp_cli_idp_list },
	{ "idp test", "NAME", "reach a provider as the portal does, step by step",
	  sp_cli_idp_test },
	{ "idp verify", "NAME", "the checks of a sign-in on a saved id_token", sp_cli_idp_verify },
	{ "audit", "", "the audit log, filtered", sp_cli_audit },
	{ "audit verify", "[FILE…]", "whether the log is whole and unchanged",
	  sp_cli_audit_verify },
	SP_VERBS_OF_PERSON,
	{ "bench", "NAME", "measure this machine: tunnels, cipher, handshakes, peers",
	  sp_cli_bench },
};
const size_t sp_verb_count = SP_ARRAY_LEN(sp_verbs);
const char sp_verbs_elsewhere[] = "";
