/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each warning: a policy and a machine that earn it, and their neighbours that do not. */
#include "../../support/folder.h"
#include "../policy/loading.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/bounds.h"
#include "io/files/files.h"
#include "judge/fit.h"

#define MACHINE                                                                                    \
	"sallyport: 1\ninterfaces: { edge: [wan0], inside: [lan0], tunnel: vpn0 }\n"               \
	"vpn: { listen: 51820, pool: %s, dns: [%s] }\n"                                            \
	"portal: { listen: \"%s\", url: \"https://gate.example.org\" }\n"
#define OPEN                                                                                       \
	"{name: tunnel, to: self, service: udp/51820}, {name: portal, to: self, service: tcp/443}"
#define NAMES "{name: names, allow: {from: [eng, dba], to: \"10.30.0.53\", services: udp/53}}"
#define BOTH_POOLS "[100.64.0.0/16, \"fd00:64::/64\"]"

static char dir[TEST_FOLDER_SIZE];

struct setting {
	const char *expose, *protect, *rules, *pool, *dns, *listen, *roles, *idp_dir, *nat;
};

static struct sp_machine *machine_of(const struct setting *setting)
{
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_machine *machine = NULL;
	char text[1024];

	snprintf(text, sizeof(text), MACHINE, setting->pool ? setting->pool : BOTH_POOLS,
		 setting->dns ? setting->dns : "10.30.0.53",
		 setting->listen ? setting->listen : "0.0.0.0:443");
	assert_int_equal(
		sp_machine_load("sallyport.yaml", text, strlen(text), &machine, &diagnostics), 0);
	sp_diagnostics_done(&diagnostics);
	return machine;
}

static struct sp_policy *policy_of(const struct setting *setting)
{
	struct sp_policy *policy;
	char text[4096];

	snprintf(text, sizeof(text),
		 "sallyport: 1\nroles: { %s }\nedge: { expose: [%s] }\nprotect: [ %s ]\nrules: [ "
		 "%s ]\n%s",
		 setting->roles ? setting->roles
				: "eng: {match: {idp: local, group: eng}}, dba: {match: {idp: "
				  "local, group: dba}}",
		 setting->expose ? setting->expose : OPEN,
		 setting->protect ? setting->protect
				  : "{name: ssh, from: 192.0.2.0/28, to: self, service: tcp/22}",
		 setting->rules ? setting->rules : NAMES, setting->nat ? setting->nat : "");
	policy = load_good(text);
	assert_int_equal(sp_policy_number_rules(policy, NULL, NULL), 0);
	return policy;
}

static const char *warnings_of(const struct setting *setting)
{
	static char all[8192];
	struct sp_diagnostics diagnostics = { 0 };
	struct sp_machine *machine = machine_of(setting);
	struct sp_policy *policy = policy_of(setting);
	const struct sp_facts facts = { 0 };
	const struct sp_fit fit = { policy, machine, &machine->gateway, &facts, setting->idp_dir };

	assert_int_equal(sp_judge_fit(&fit, &diagnostics), 0);
	all[0] = '\0';
	for (size_t i = 0; i < diagnostics.count; i++) {
		char *line = sp_diagnostic_format(&diagnostics.items[i]);

		strncat(all, line, sizeof(all) - strlen(all) - 1);
		free(line);
	}
	sp_diagnostics_done(&diagnostics);
	sp_policy_free(policy);
	sp_machine_free(machine);
	return all;
}

static void expect(const struct setting *setting, const char *expected)
{
	const char *said = warnings_of(setting);

	if (expected ? !strstr(said, expected) : *said)
		fail_msg("expected: %s\ngot: %s", expected ? expected : "nothing", said);
}

static void an_interface_that_is_not_listed_is_said(void **state)
{
	(void)state;
	expect(&(struct setting){ .nat = "nat: [ {name: out, masquerade: {from: 10.0.0.0/8, out: "
					 "wan0}} ]\n" },
	       NULL);
	expect(&(struct setting){ .nat = "nat: [ {name: out, masquerade: {from: 10.0.0.0/8, out: "
					 "wan1}} ]\n" },
	       "policy.yaml:6:8: warning: nat entry \"out\" translates nothing: interface wan1 is "
	       "in no list of sallyport.yaml; did you mean \"wan0\"?");
}

static void a_closed_door_is_said(void **state)
{
	(void)state;
	expect(&(struct setting){ 0 }, NULL);
	expect(&(struct setting){ .expose = "{name: p, to: self, service: tcp/443}" },
	       "policy.yaml:3:18: warning: the tunnel is closed: nothing lets udp/51820 in");
	expect(&(struct setting){ .expose = "{name: t, to: self, service: udp/51820}" },
	       "the portal is closed: nothing lets tcp/443 in");
	expect(&(struct setting){ .expose = "{name: t, to: self, service: udp/51820}",
				  .listen = "127.0.0.1:443" },
	       NULL);
	expect(&(struct setting){ .expose = OPEN, .listen = "[::]:8443" },
	       "the portal is closed: nothing lets tcp/8443 in");
	expect(
		&(struct setting){
			.rules = NAMES
			", {name: shut, deny: {from: any, to: self, services: udp/1-65535}}" },
		"the tunnel is closed: deny \"shut\" covers udp/51820");
	/* open to some is a decision */
	expect(&(struct setting){ .expose = "{name: t, to: self, service: udp/51820}",
				  .rules = NAMES
				  ", {name: p, allow: {from: 203.0.113.0/24, to: self, services: "
				  "tcp/443}}" },
	       NULL);
	/* `internet` is not the gateway */
	expect(&(struct setting){ .expose = "{name: t, to: self, service: udp/51820}",
				  .rules = NAMES
				  ", {name: out, allow: {from: 10.0.0.0/8, to: internet}}" },
	       "the portal is closed");
}

static void a_resolver_nobody_may_ask_is_said(void **state)
{
	(void)state;
	expect(&(struct setting){ .rules = "{name: n, allow: {from: eng, to: \"10.30.0.53\", "
					   "services: udp/53}}" },
	       "people of dba cannot ask 10.30.0.53");
	expect(&(struct setting){ .rules = "{name: n, allow: {from: any, to: \"10.30.0.9\"}}" },
	       "[eng, dba]");
	expect(&(struct setting){ .dns = "10.30.0.53, \"2001:db8::53\"" },
	       "cannot ask 2001:db8::53");
	expect(&(struct setting){ .pool = "100.64.0.0/16",
				  .dns = "\"2001:db8::53\"",
				  .rules = "{name: n, allow: {from: any, to: \"2001:db8::53\"}}" },
	       "cannot ask 2001:db8::53");
	/* machines take no resolver from us */
	expect(&(struct setting){ .roles = "bot: {match: {peer-key: "
					   "\"fVtQbAdVsYkJWMUZCsWVLc3KCxSCAUmGRMz7r8iUA3A=\"}}",
				  .rules = "{name: n, allow: {from: bot, to: 10.1.1.1}}" },
	       NULL);
}

static void write_idp(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s.yaml", dir, name);
	assert_int_equal(sp_file_replace(path, text, strlen(text), 0600, SP_UID_KEEP, SP_GID_KEEP),
			 0);
}

static void providers_and_groups_nobody_has_are_said(void **state)
{
	(void)state;
	expect(&(struct setting){ .idp_dir = "/nonexistent/idp.d" },
	       "identity provider \"local\" has no file in /nonexistent/idp.d");
	write_idp("local", "type: local\nusers: { ana: {groups: [eng]}, bob: {groups: [dbas]} }\n");
	write_idp("corp", "type: oidc\nissuer: https://login.example.org\nclient-id: sallyport\n");
	expect(&(struct setting){ .idp_dir = dir },
	       "no user of \"local\" is in group \"dba\", so nobody gets role \"dba\" by it; did "
	       "you mean \"dbas\"?");
	expect(&(struct setting){ .idp_dir = dir,
				  .roles = "eng: {match: {idp: locl, group: eng}}, dba: {match: "
					   "{idp: corp, group: anything}}" },
	       "so nobody signs in by it; did you mean \"local\"?");
	expect(&(struct setting){ .idp_dir = dir,
				  .roles = "eng: {match: {idp: local, group: eng}}, dba: {match: "
					   "{idp: corp, group: anything}}" },
	       NULL);
}

static void a_provider_beyond_those_that_are_read_is_said(void **state)
{
	static const char text[] =
		"type: oidc\nissuer: https://login.example.org\nclient-id: sallyport\n";
	char name[8], roles[128];

	(void)state;
	for (unsigned i = 0; i < SP_PROVIDERS_MAX + 1; i++) {
		snprintf(name, sizeof(name), "p%02u", i);
		write_idp(name, text);
		/* corp and local stand before them */
		snprintf(roles, sizeof(roles),
			 "eng: {match: {idp: %s, group: x}}, dba: {match: {idp: corp, group: x}}",
			 name);
		if (i >= SP_PROVIDERS_MAX - 3)
			expect(&(struct setting){ .idp_dir = dir, .roles = roles },
			       i < SP_PROVIDERS_MAX - 2 ? NULL
							: "so nobody signs in by it: a gateway has "
							  "at most 64, the first by name");
	}
	for (unsigned i = 0; i < SP_PROVIDERS_MAX + 1; i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/p%02u.yaml", dir, i);
		unlink(path);
	}
}

static int make_dir(void **state)
{
	(void)state;
	return test_folder_make(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "local.yaml", "corp.yaml" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interface_that_is_not_listed_is_said),
		cmocka_unit_test(a_closed_door_is_said),
		cmocka_unit_test(a_resolver_nobody_may_ask_is_said),
		cmocka_unit_test(providers_and_groups_nobody_has_are_said),
		cmocka_unit_test(a_provider_beyond_those_that_are_read_is_said),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
