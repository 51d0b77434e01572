/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/health/health.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "config/machine.h"
#include "daemon/base/warnings.h"
#include "daemon/health/portal.h"
#include "daemon/record/recorder.h"
#include "daemon/revisions/revision.h"
#include "daemon/store/store.h"
#include "io/fetch/certificate.h"
#include "io/files/paths.h"
#include "io/loop/clock.h"
#include "plane/plane.h"

#define DAY_S 86400
#define SOON_S (14 * DAY_S)
#define SLOW_NS (3 * SP_SECOND_NS) /* between two looks at what costs more */
#define LATELY_NS (60 * SP_SECOND_NS)
#define ROOM_MIN (16ull << 20)
/* 2026-01-01: a clock before that is wrong, because this program is newer */
#define EPOCH_S 1767225600ll

/* ---- the certificate ---- */

int sp_health_find_certificate(const struct sp_health *health, char **ret_path)
{
	const char *cert = (*health->machine)->portal_cert;

	if (!cert)
		return sp_str_format(ret_path, "%s", health->paths->tls_cert);
	if (*cert == '/')
		return sp_str_format(ret_path, "%s", cert);
	return sp_str_format(ret_path, "%s/%s", health->paths->etc_dir, cert);
}

/* Read the certificate again if the file has changed. */
static void read_certificate(struct sp_health *health, const char *path)
{
	struct sp_certificate_dates dates = { 0 };
	struct stat seen;

	if (stat(path, &seen) < 0) {
		health->certificate_error = sp_errno();
		health->certificate_changed = (struct timespec){ 0 };
		return;
	}
	if (!memcmp(&seen.st_mtim, &health->certificate_changed, sizeof(seen.st_mtim)))
		return;
	health->certificate_changed = seen.st_mtim;
	health->certificate_error = sp_certificate_read_dates(path, &dates);
	health->certificate_from_s = dates.from_s;
	health->certificate_until_s = dates.until_s;
	memcpy(health->certificate_fingerprint, dates.fingerprint, sizeof(dates.fingerprint));
}

static void format_day(int64_t time_s, char text[24])
{
	const time_t seconds = (time_t)time_s;
	struct tm parts;

	if (!gmtime_r(&seconds, &parts) || !strftime(text, 24, "%Y-%m-%d %H:%MZ", &parts))
		strcpy(text, "?");
}

/* Two weeks before the end, or a quarter of the certificate's life if that is short. */
static bool ends_soon(const struct sp_health *health, int64_t now_s)
{
	const int64_t quarter_s = (health->certificate_until_s - health->certificate_from_s) / 4;

	return health->certificate_until_s - now_s < (quarter_s < SOON_S ? quarter_s : SOON_S);
}

static void judge_dates(struct sp_health *health, const char *path)
{
	const int64_t now_s = sp_clock_realtime_s();
	char from[24], until[24];

	format_day(health->certificate_from_s, from);
	format_day(health->certificate_until_s, until);
	if (now_s >= health->certificate_until_s)
		sp_warnings_raise(health->warnings, "certificate-invalid",
				  "the portal's certificate %.100s ended at %s: nobody can sign in",
				  path, until);
	else if (now_s < health->certificate_from_s)
		sp_warnings_raise(health->warnings, "certificate-invalid",
				  "the portal's certificate %.100s is valid from %s on only: "
				  "nobody can sign in",
				  path, from);
	else
		sp_warnings_clear(health->warnings, "certificate-invalid");
	if (now_s < health->certificate_until_s && ends_soon(health, now_s))
		sp_warnings_raise(health->warnings, "certificate-ends",
				  "the portal's certificate %.100s ends at %s", path, until);
	else
		sp_warnings_clear(health->warnings, "certificate-ends");
}

/* Warn if the file was renewed and the portal goes on with the former certificate: nobody notices
 * until that one ends. */
static void look_at_shown(struct sp_health *health, const char *path)
{
	const char *shown =
		json_string_value(json_object_get(health->portal->report, "fingerprint"));

	if (shown && strcmp(shown, health->certificate_fingerprint) != 0)
		sp_warnings_raise(health->warnings, "certificate-behind",
				  "%.150s holds another certificate than people are shown", path);
	else
		sp_warnings_clear(health->warnings, "certificate-behind");
}

/* The portal makes the self-signed certificate: before the portal's first start there is none. */
static void look_at_certificate(struct sp_health *health)
{
	__sp_free char *path = NULL;

	if (!(*health->machine)->has_portal || sp_health_find_certificate(health, &path) < 0)
		return;
	read_certificate(health, path);
	if (health->certificate_error == 0) {
		judge_dates(health, path);
		look_at_shown(health, path);
	} else if ((*health->machine)->portal_cert || health->certificate_error != -ENOENT)
		sp_warnings_raise(health->warnings, "certificate-invalid",
				  "the portal's certificate %.100s cannot be read: %s", path,
				  health->certificate_error == -EBADMSG
					  ? "it is no certificate"
					  : sp_err_text(health->certificate_error));
}

/* ---- the portal ---- */

static void look_at_portal(struct sp_health *health)
{
	const struct sp_portal_seen *portal = health->portal;

	if (portal->reporter && portal->every_s &&
	    sp_clock_boottime_ns() - portal->heard_ns > 3 * portal->every_s * SP_SECOND_NS)
		sp_warnings_raise(
			health->warnings, "portal-silent",
			"the portal is connected but says nothing any more: nobody can sign in");
	else
		sp_warnings_clear(health->warnings, "portal-silent");
}

/* ---- what is kept ---- */

static void look_at_room(struct sp_health *health)
{
	const char *const folders[] = { health->paths->state_dir, health->paths->audit_dir };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		const char *folder = folders[i];
		struct statvfs seen;

		if (statvfs(folder, &seen) < 0)
			continue;
		if (!(seen.f_flag & ST_RDONLY) &&
		    (unsigned long long)seen.f_bavail * seen.f_frsize >= ROOM_MIN)
			continue;
		sp_warnings_raise(health->warnings, "no-room",
				  "%.150s %s: sessions and records "
				  "cannot be kept",
				  folder,
				  seen.f_flag & ST_RDONLY ? "can only be read"
							  : "has less than 16 MB left");
		return;
	}
	sp_warnings_clear(health->warnings, "no-room");
}

static void look_at_database(struct sp_health *health)
{
	struct stat seen = { 0 };
	int r = stat(health->paths->db_file, &seen) < 0 ? sp_errno() : 0;

	if (r == 0 && !health->database)
		health->database = seen.st_ino;
	if (r == 0 && seen.st_ino != health->database)
		r = -ESTALE;
	if (r == 0 && !*health->apply) {
		r = sp_store_begin(health->store);
		sp_store_cancel(health->store);
	}
	if (r < 0)
		sp_warnings_raise(health->warnings, "database-failed",
				  "the database %.120s %s: sign-ins and devices are not kept",
				  health->paths->db_file,
				  r == -ENOENT   ? "was removed"
				  : r == -ESTALE ? "was replaced by another file"
						 : "cannot be written");
	else
		sp_warnings_clear(health->warnings, "database-failed");
}

static void look_at_audit(struct sp_health *health)
{
	for (int i = 0; i < SP_RECORDER_FILES; i++) {
		const struct sp_recorder_file *file = &health->recorder->files[i];

		if (!file->log || access(file->path, F_OK) == 0)
			continue;
		sp_warnings_raise(health->warnings, "audit-gone",
				  "the audit log %.150s was removed: what is recorded now is lost",
				  file->path);
		return;
	}
	sp_warnings_clear(health->warnings, "audit-gone");
}

static void look_at_events(struct sp_health *health)
{
	const uint64_t now_ns = sp_clock_boottime_ns();
	struct sp_event_stats stats = { 0 };

	if (sp_plane_event_stats(health->plane, &stats) < 0)
		return;
	if (!health->lost_ns) /* losses before our start are on record already */
		health->lost = stats.lost;
	if (!health->lost_ns || stats.lost != health->lost) {
		health->lost_lately += stats.lost - health->lost;
		health->lost = stats.lost;
		health->lost_ns = now_ns;
	}
	if (health->lost_lately && now_ns - health->lost_ns < LATELY_NS) {
		sp_warnings_raise(health->warnings, "events-lost",
				  "events of packets are lost, %llu lately: the kernel makes more "
				  "of them than can be recorded",
				  (unsigned long long)health->lost_lately);
		return;
	}
	health->lost_lately = 0;
	sp_warnings_clear(health->warnings, "events-lost");
}

/* ---- the flow table ---- */

/* Warn at nine tenths. */
static bool is_nearly_full(uint64_t used, uint64_t max)
{
	return used * 10 >= max * 9;
}

/* A part of the flow table is full at half of the table, or when all the room outside the parts'
 * own shares is taken. */
static void look_at_flows(struct sp_health *health)
{
	static const char *const names[] = {
#define X(id, name) name,
		SP_FLOW_PARTS(X)
#undef X
	};
	struct sp_flow_use use;
	uint64_t taken = 0;
	uint32_t max;

	if (sp_plane_flow_use(health->plane, &use, &max) < 0 || !max)
		return;
	for (int i = 0; i < SP_FLOW_PART_COUNT; i++) {
		const uint64_t flows = use.flows[i], kept = max / SP_FLOW_PART_KEPT;

		taken += flows > kept ? flows : kept;
		if (!is_nearly_full(flows, max / SP_FLOW_PART_MOST))
			continue;
		sp_warnings_raise(health->warnings, "flow-table-nearly-full",
				  "the part \"%s\" of the flow table has nine tenths of the %u "
				  "flows it can have: beyond, new ones are denied (flow-full)",
				  names[i], max / SP_FLOW_PART_MOST);
		return;
	}
	if (is_nearly_full(taken, max))
		sp_warnings_raise(
			health->warnings, "flow-table-nearly-full",
			"nine tenths of the flow table's %u places are taken or kept: beyond, "
			"every part has an eighth only, and new flows are denied (flow-full)",
			max);
	else
		sp_warnings_clear(health->warnings, "flow-table-nearly-full");
}

/* ---- what runs, and when ---- */

static void look_at_revision(struct sp_health *health)
{
	__sp_cleanup(sp_store_revision_done) struct sp_store_revision row = { 0 };
	const uint64_t runs = sp_plane_running_revision(health->plane);

	if (*health->apply || !health->revisions->running)
		return;
	if (*health->waits != SP_PENDING_NONE) /* `status` says so by itself */
		sp_warnings_clear(health->warnings, "revision-unconfirmed");
	else if (sp_store_last_confirmed(health->store, &row) < 0 || row.number != runs)
		sp_warnings_raise(health->warnings, "revision-unconfirmed",
				  "the kernel runs revision %llu, and the database has %llu as the "
				  "last one that was confirmed: a restart would load that",
				  (unsigned long long)runs, (unsigned long long)row.number);
	else
		sp_warnings_clear(health->warnings, "revision-unconfirmed");
	if (!*health->is_lock_open)
		sp_warnings_raise(
			health->warnings, "lock-closed",
			"a policy runs, but the second lock is closed: nothing is forwarded");
	else
		sp_warnings_clear(health->warnings, "lock-closed");
}

static void look_at_clock(struct sp_health *health)
{
	const int64_t now_s = sp_clock_realtime_s();
	const int64_t applied_s = health->revisions->running
					  ? health->revisions->running->applied_ns / SP_NS_PER_S
					  : 0;

	if (now_s < EPOCH_S || now_s + 60 < applied_s)
		sp_warnings_raise(health->warnings, "clock-wrong",
				  "the clock is behind the last apply, or before 2026: deadlines "
				  "and tokens are judged by a wrong time");
	else
		sp_warnings_clear(health->warnings, "clock-wrong");
}

void sp_health_look(struct sp_health *health)
{
	const uint64_t now_ns = sp_clock_boottime_ns();

	look_at_certificate(health);
	look_at_portal(health);
	look_at_events(health);
	look_at_flows(health);
	look_at_clock(health);
	if (health->slow_ns && now_ns - health->slow_ns < SLOW_NS)
		return;
	health->slow_ns = now_ns;
	look_at_room(health);
	look_at_database(health);
	look_at_audit(health);
	look_at_revision(health);
}
