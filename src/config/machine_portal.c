/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/machine_portal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "yaml/value.h"

enum { LISTEN, URL, TLS, USER };
static const struct sp_key portal_keys[] = {
	[LISTEN] = { "listen", SP_KEY_OPTIONAL },
	[URL] = { "url", SP_KEY_REQUIRED },
	[TLS] = { "tls", SP_KEY_OPTIONAL },
	[USER] = { "user", SP_KEY_OPTIONAL },
};

enum { CERT, KEY };
static const struct sp_key tls_keys[] = {
	[CERT] = { "cert", SP_KEY_REQUIRED },
	[KEY] = { "key", SP_KEY_REQUIRED },
};

#define URL_MAX 255u
#define USER_MAX 31u /* useradd(8) */
#define PORT_DEFAULT 443
#define USER_DEFAULT "sallyport-portal"

/* Parse a port: 1 to 65535 without leading zeros. 0: the text is none. */
static uint16_t parse_port(const char *text)
{
	unsigned long number = 0;

	if (*text == '0' || !*text || strspn(text, "0123456789") != strlen(text) ||
	    strlen(text) > 5)
		return 0;
	for (const char *c = text; *c; c++)
		number = number * 10 + (unsigned long)(*c - '0');
	return number <= 65535 ? (uint16_t)number : 0;
}

int sp_machine_read_address_port(struct sp_check *check, const struct sp_node *node,
				 const char *what, const char *example, struct sp_addr *ret_addr,
				 uint16_t *ret_port)
{
	const char *text = sp_read_text(check, node, what), *colon;
	struct sp_node host = { .line = node->line, .column = node->column };
	char own_host[64];
	size_t len;

	if (!text)
		return -EINVAL;
	colon = strrchr(text, ':');
	len = colon ? (size_t)(colon - text) : 0;
	if (!len || len >= sizeof(own_host) || !parse_port(colon + 1) ||
	    (text[0] == '[') != (memchr(text, ':', len) != NULL) ||
	    (text[0] == '[' && text[len - 1] != ']')) {
		sp_report(check, node, "%s is an address with a port, as %s, not %s", what, example,
			  sp_show(text).quoted);
		return -EINVAL;
	}
	if (text[0] == '[')
		snprintf(own_host, sizeof(own_host), "%.*s", (int)(len - 2), text + 1);
	else
		snprintf(own_host, sizeof(own_host), "%.*s", (int)len, text);
	host.text = own_host;
	if (sp_read_address(check, &host, what, ret_addr) < 0)
		return -EINVAL;
	*ret_port = parse_port(colon + 1);
	return 0;
}

static void read_listen(struct sp_check *check, const struct sp_node *node,
			struct sp_machine *machine)
{
	sp_machine_read_address_port(check, node, "\"listen\"", "\"0.0.0.0:443\" or \"[::]:443\"",
				     &machine->portal_listen, &machine->portal_port);
}

/* Is this an origin, https://host or https://host:port? A path is refused, because the portal has
 * paths of its own. */
static bool is_origin(const char *text)
{
	static const char scheme[] = "https://";
	const char *host = text + strlen(scheme), *end;

	if (strncmp(text, scheme, strlen(scheme)) != 0 || strlen(text) > URL_MAX)
		return false;
	if (*host == '[') {
		end = host + 1 + strspn(host + 1, "0123456789abcdef:.");
		if (*end != ']' || end == host + 1)
			return false;
		end++;
	} else {
		end = host + strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.");
		if (end == host)
			return false;
	}
	return !*end || (*end == ':' && parse_port(end + 1) != 0);
}

static void read_url(struct sp_check *check, const struct sp_node *node, struct sp_machine *machine)
{
	const char *text = sp_read_text(check, node, "\"url\"");

	if (!text)
		return;
	if (!is_origin(text))
		sp_report(check, node,
			  "\"url\" is what people type to reach the portal: https, a host in small "
			  "letters, a port if it is not 443, no path, as https://gate.example.org, "
			  "not %s",
			  sp_show(text).quoted);
	machine->portal_url = sp_copy_text(check, text);
}

static void read_tls(struct sp_check *check, const struct sp_node *node, struct sp_machine *machine)
{
	const struct sp_node *values[SP_ARRAY_LEN(tls_keys)];
	const char *cert, *key;

	if (sp_read_map(check, node, "\"tls\"", tls_keys, SP_ARRAY_LEN(tls_keys), values) < 0)
		return;
	cert = values[CERT] ? sp_read_text(check, values[CERT], "\"cert\"") : NULL;
	key = values[KEY] ? sp_read_text(check, values[KEY], "\"key\"") : NULL;
	if (!cert || !key)
		return; /* reported */
	machine->portal_cert = sp_copy_text(check, cert);
	machine->portal_key = sp_copy_text(check, key);
}

static void read_user(struct sp_check *check, const struct sp_node *node,
		      struct sp_machine *machine)
{
	const char *text = sp_read_text(check, node, "\"user\"");

	if (!text)
		return;
	if (strlen(text) > USER_MAX ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") !=
		    strlen(text) ||
	    *text == '-')
		sp_report(check, node, "\"user\" is the name or the number of a user, not %s",
			  sp_show(text).quoted);
	else if (strcmp(text, "root") == 0 || strspn(text, "0") == strlen(text))
		sp_report(
			check, node,
			"\"user\" is a user of the portal's own, never root: strangers talk to it");
	machine->portal_user = sp_copy_text(check, text);
}

void sp_machine_read_portal(struct sp_check *check, const struct sp_node *node,
			    struct sp_machine *machine)
{
	const struct sp_node *values[SP_ARRAY_LEN(portal_keys)];

	if (sp_read_map(check, node, "\"portal\"", portal_keys, SP_ARRAY_LEN(portal_keys), values) <
	    0)
		return;
	machine->has_portal = true;
	machine->portal_port = PORT_DEFAULT;
	if (values[LISTEN])
		read_listen(check, values[LISTEN], machine);
	if (values[URL])
		read_url(check, values[URL], machine);
	if (values[TLS])
		read_tls(check, values[TLS], machine);
	if (values[USER])
		read_user(check, values[USER], machine);
	else
		machine->portal_user = sp_copy_text(check, USER_DEFAULT);
}
