/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person's machine keeps of one portal: a folder of its own,
 *	$XDG_CONFIG_HOME/sallyport/HOST[:PORT]/	(or ~/.config/…; 0700)
 *		key		the device's private key, made here; it never leaves
 *		session.json	where the portal is, whom to believe, who is signed in, the token
 *		tunnel.conf	a complete wg-quick file
 * and `default` beside the folders, which names the one used last. Files are 0600. */
#ifndef SALLYPORT_CLI_PROFILE_H
#define SALLYPORT_CLI_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "cli/cli.h"

struct sp_profile {
	char *base;  /* …/sallyport */
	char *place; /* HOST, or HOST:PORT when it is not 443: the folder's name */
	char *folder;
	uid_t owner;                 /* whose files they have to be */
	char *url;                   /* https://PLACE */
	char *ca_file, *fingerprint; /* at most one; both NULL: the system's authorities */
	/* Once signed in, else NULL: */
	char *idp, *user, *device, *public_key, *token;
	char *expires; /* RFC 3339; NULL: never */
};

void sp_profile_done(struct sp_profile *profile); /* wipes the token */
#define __sp_profile __sp_cleanup(sp_profile_done)

static inline void sp_secret_freep(char **secret)
{
	if (*secret)
		sp_wipe(*secret, strlen(*secret));
	free(*secret);
}
#define __sp_secret __sp_cleanup(sp_secret_freep)

/* Make @text the value of @field, freeing the old one. Returns 0; -ENOMEM. */
int sp_profile_set(char **field, const char *text);

/* The profile of @url, with what is kept of it; a portal nothing is kept of gives one with a URL
 * alone.
 * @state_dir  --state: the folder that holds the portals'; NULL: as above.
 * Returns SP_EXIT_OK; else the exit code, and it has been said. */
int sp_profile_begin(const char *state_dir, const char *url, struct sp_profile *ret_profile);

/* The only portal that was signed in at, as an address, malloc'ed. Returns SP_EXIT_OK; else there
 * is none, or there are several, and that has been said. */
int sp_profile_find_only(const char *state_dir, char **ret_url);

/* The profile of a portal that was signed in at: of @url, or, NULL, the one used last, or the only
 * one.
 * @of_invoker: run by sudo, look with the user who called it first. Returns as sp_profile_begin. */
int sp_profile_open(const char *state_dir, const char *url, bool of_invoker,
		    struct sp_profile *ret_profile);

/* Whether there is any (`status` asks to know where it is), of the user who called sudo too. */
bool sp_profile_exists(void);

/* Keep session.json, and make this portal the default. Returns SP_EXIT_…, said. */
int sp_profile_save(const struct sp_profile *profile);

/* Read the file @name of the profile's folder. *@ret_secret is malloc'ed and NUL-terminated; the
 * caller wipes it (__sp_secret). A symbolic link and a file that another user could use are
 * refused. Returns 0; -ENOENT there is no such file, not said; -ENOMEM, not said; -EPERM it is
 * refused, said; -EINVAL it is too long or has a NUL in it, said; another -errno, said. */
int sp_profile_read(const struct sp_profile *profile, const char *name, char **ret_secret);
/* Write @text to the file @name (0600) of the profile's folder, which is made (0700) if it is not
 * there. The former file is replaced in one step. Returns 0; -ENOMEM or another -errno, said. */
int sp_profile_write(const struct sp_profile *profile, const char *name, const char *text);
/* Remove the file @name, and the folder when it was the last file in it. Errors are ignored. */
void sp_profile_remove(const struct sp_profile *profile, const char *name);

#endif
