/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/remedy.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/err.h"

static const struct {
	int error;
	const char *remedy;
} remedies[] = {
	/* rights */
	{ EACCES, "run this as root or as its owner, whom ls -ld shows" },
	{ EPERM, "run this as root, in a container with the capabilities the manual names" },
	{ EROFS, "mount it for writing, or name another place" },
	/* files */
	{ ENOENT, "see that the name is right, and that what should make it ran" },
	{ EEXIST, "remove it, or take another name" },
	{ ENOTDIR, "a part of the path is a file: see that the path is right" },
	{ EISDIR, "it is a folder: name a file" },
	{ ENOTEMPTY, "empty it first, or name another folder" },
	{ ELOOP, "no symbolic link is followed here: name what it leads to" },
	{ ENAMETOOLONG, "take a shorter path" },
	{ EXDEV, "put both on one file system" },
	{ EFBIG, "give a smaller file, or raise the limit (ulimit -f)" },
	{ ENOSPC, "make room: df -h and df -i show where there is none" },
	{ EDQUOT, "make room, or have the quota raised" },
	{ EIO, "see the kernel's log (dmesg) for the disk" },
	{ ESTALE, "it is gone at its server: mount it again" },
	{ EBADF, "nothing is open there: give it one, as in 3<FILE" },
	{ ENXIO, "nobody is at its other end" },
	{ EPIPE, "who read it has ended" },
	{ ESPIPE, "it is a pipe: name a file" },
	{ ENOLCK, "name a place on a local file system" },
	{ ETXTBSY, "end the program that runs it, then try again" },
	/* what is in them */
	{ EILSEQ, "it is no UTF-8: write it anew in that encoding" },
	{ EBADMSG, "it is damaged, or of another version: put it back from a copy" },
	{ EUCLEAN, "it is damaged: put it back from a copy" },
	{ ENODATA, "it is empty: see that what should fill it ran" },
	/* room */
	{ ENOMEM, "make memory free, or raise the limit (ulimit -v, MemoryMax=)" },
	{ EMFILE, "raise the limit of open files (ulimit -n, LimitNOFILE=)" },
	{ ENFILE, "raise the limit of open files (sysctl fs.file-max)" },
	{ ENOBUFS, "wait a moment and try again" },
	{ E2BIG, "there is too much of it: make it smaller" },
	{ EMSGSIZE, "there is too much of it: make it smaller" },
	{ ERANGE, "take a smaller number" },
	{ EOVERFLOW, "take a smaller number" },
	/* who else is there */
	{ EAGAIN, "another program holds it: try again when it is done" },
	{ EBUSY, "end what uses it, then try again" },
	{ EINTR, "try again" },
	{ ESRCH, "it has ended: start it again" },
	{ EALREADY, "one is under way: try again when it is done" },
	{ EINPROGRESS, "one is under way: try again when it is done" },
	{ ECANCELED, "try again" },
	/* the network */
	{ EADDRINUSE, "ss -lntup shows who has it: end that, or take another port" },
	{ EADDRNOTAVAIL, "no interface has that address: ip address shows those there are" },
	{ EAFNOSUPPORT, "this machine lacks that family: take an address of the other one" },
	{ ECONNREFUSED, "nothing listens there: see that it runs" },
	{ ECONNRESET, "the other end broke it off: see its log" },
	{ ECONNABORTED, "the other end broke it off: see its log" },
	{ ENOTCONN, "the other end is gone: see that it runs" },
	{ ETIMEDOUT, "see that it runs, and that nothing on the way drops it" },
	{ EHOSTUNREACH, "see that it is up, and the way to it: ip route get ADDRESS" },
	{ EHOSTDOWN, "see that it is up, and the way to it: ip route get ADDRESS" },
	{ ENETUNREACH, "no route leads there: ip route get ADDRESS" },
	{ ENETDOWN, "set the interface up: ip link set DEV up" },
	{ ENODEV, "there is no such interface or device: ip link shows those there are" },
	{ ENOTSOCK, "something else is at that path: remove it" },
	{ EPROTO, "the two are of different versions: install the same one" },
	{ EPROTONOSUPPORT, "this kernel lacks it: sallyport doctor shows what is missing" },
	/* the kernel */
	{ ENOSYS, "this kernel lacks it: sallyport doctor shows what is missing" },
	{ EOPNOTSUPP,
	  "this kernel or file system lacks it: sallyport doctor shows what is missing" },
	{ EINVAL,
	  "this kernel or file system does not take it: sallyport doctor shows what is missing" },
	{ ENOEXEC, "it is a program for another kind of machine" },
	{ ENOTTY, "name a terminal, or do without one" },
};

/* What is said of a connection (io/fetch/fetch.h): how a part of the message begins behind which
 * nothing else is said. */
static const struct {
	const char *words, *remedy;
} sayings[] = {
	{ "no such host",
	  "see that the name is right, and that a resolver answers: getent hosts NAME" },
	{ "no connection within", "see that it runs, and that nothing on the way drops it" },
	{ "no answer within", "see that it runs, and its log" },
	{ "the connection was closed without an answer",
	  "see that it speaks https there, and its log" },
	{ "the connection broke off", "see that it runs, and its log" },
	{ "it does not speak HTTP", "see that the port is right" },
	{ "TLS: ",
	  "see that it speaks https there, and that this machine's libraries are up to date" },
	{ "certificate: certificate has expired",
	  "have it renewed, or set this machine's clock if that is wrong" },
	{ "certificate: certificate is not yet valid", "set this machine's clock" },
	{ "certificate: it is for another host name",
	  "take the name it is for, or have one made for this name" },
	{ "certificate: ",
	  "name the authority that signed it (ca: in a provider's file, --ca FILE)" },
};

static bool ends_in(const char *message, size_t len, const char *words)
{
	const size_t words_len = strlen(words);

	return len >= words_len && !strcasecmp(message + len - words_len, words);
}

static const char *next_part(const char *part)
{
	const char *colon = strstr(part, ": ");

	return colon ? colon + 2 : NULL;
}

const char *sp_remedy_of(const char *message)
{
	const size_t len = strlen(message);

	for (size_t i = 0; i < SP_ARRAY_LEN(remedies); i++)
		if (ends_in(message, len, sp_err_text(remedies[i].error)))
			return remedies[i].remedy;
	for (const char *part = message; part; part = next_part(part))
		for (size_t i = 0; i < SP_ARRAY_LEN(sayings); i++)
			if (!strncmp(part, sayings[i].words, strlen(sayings[i].words)) &&
			    !strpbrk(part, ";(\n"))
				return sayings[i].remedy;
	return NULL;
}
