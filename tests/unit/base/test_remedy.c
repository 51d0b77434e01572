/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be done about a failure stands behind it, once, whatever was being done. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/remedy.h"

/* What our own code gives, or the calls it makes: files, sockets, namespaces, bpf. */
static const int errors[] = {
	EACCES,     EPERM,         EROFS,        ENOENT,          EEXIST,      ENOTDIR,
	EISDIR,     ENOTEMPTY,     ELOOP,        ENAMETOOLONG,    EXDEV,       EFBIG,
	ENOSPC,     EDQUOT,        EIO,          ESTALE,          EBADF,       ENXIO,
	EPIPE,      ESPIPE,        ENOLCK,       ETXTBSY,         EILSEQ,      EBADMSG,
	EUCLEAN,    ENODATA,       ENOMEM,       EMFILE,          ENFILE,      ENOBUFS,
	E2BIG,      EMSGSIZE,      ERANGE,       EOVERFLOW,       EAGAIN,      EWOULDBLOCK,
	EBUSY,      EINTR,         ESRCH,        EALREADY,        EINPROGRESS, ECANCELED,
	EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, ECONNREFUSED,    ECONNRESET,  ECONNABORTED,
	ENOTCONN,   ETIMEDOUT,     EHOSTUNREACH, EHOSTDOWN,       ENETUNREACH, ENETDOWN,
	ENODEV,     ENOTSOCK,      EPROTO,       EPROTONOSUPPORT, ENOSYS,      EOPNOTSUPP,
	ENOTSUP,    EINVAL,        ENOEXEC,      ENOTTY,
};

static void each_error_of_the_system_has_one(void **state)
{
	char message[200];

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const char *remedy;

		snprintf(message, sizeof(message), "cannot write /etc/x: %s",
			 sp_err_text(-errors[i]));
		remedy = sp_remedy_of(message);
		if (!remedy)
			fail_msg("%s: no remedy", message);
		/* a sentence for the brackets behind it, which is not taken for a message of its own */
		assert_null(strpbrk(remedy, "\n;"));
		assert_in_range(strlen(remedy), 5, 90);
		snprintf(message, sizeof(message), "cannot write /etc/x: %s (%s)",
			 sp_err_text(-errors[i]), remedy);
		assert_null(sp_remedy_of(message)); /* once */
	}
}

static void messages_of_connections_have_one_too(void **state)
{
	static const struct {
		const char *message, *part; /* NULL: none */
	} cases[] = {
		{ "the portal at https://gate does not answer: no such host", "getent hosts" },
		{ "the portal at https://gate does not answer: no connection within 5 s",
		  "see that it runs" },
		{ "the portal at https://gate does not answer: no answer within 30 s", "its log" },
		{ "the portal at https://gate does not answer: connection refused",
		  "nothing listens there" },
		{ "the portal at https://gate does not answer: TLS: wrong version number",
		  "speaks https" },
		{ "discovery: certificate: certificate has expired", "renewed" },
		{ "discovery: certificate: certificate is not yet valid", "clock" },
		{ "discovery: certificate: it is for another host name", "name" },
		{ "discovery: certificate: self-signed certificate", "--ca FILE" },
		{ "discovery: no such host; trying again", NULL },
		{ "no such host", "getent hosts" },
		{ "the portal refused it: wrong password", NULL },
		{ "sallyportd does not answer: Connection refused (start it)", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *remedy = sp_remedy_of(cases[i].message);

		if (!remedy != !cases[i].part || (remedy && !strstr(remedy, cases[i].part)))
			fail_msg("\"%s\": %s", cases[i].message, remedy ? remedy : "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_error_of_the_system_has_one),
		cmocka_unit_test(messages_of_connections_have_one_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
