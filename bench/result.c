/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bench_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t bench_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double bench_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

json_t *bench_summary(double *values, size_t count)
{
	const double median = bench_median(values, count);

	return json_pack("{s:f, s:f, s:f}", "median", median, "min", values[0], "max",
			 values[count - 1]);
}

json_t *bench_goal(double value, double must, double aim, bool higher_is_better)
{
	const double sign = higher_is_better ? 1 : -1;
	const char *met = sign * value >= sign * aim    ? "aim"
			  : sign * value >= sign * must ? "must"
							: "missed";

	return json_pack("{s:s, s:f, s:f, s:f, s:s}", "better",
			 higher_is_better ? "higher" : "lower", "must", must, "aim", aim, "value",
			 value, "met", met);
}

const char *bench_goal_text(const json_t *goal)
{
	const char *met = json_string_value(json_object_get(goal, "met"));

	if (!met)
		return "not measured";
	if (!strcmp(met, "missed"))
		return "MISSED";
	return !strcmp(met, "aim") ? "aim met" : "must met, aim missed";
}

/* The value behind "@key<blanks>:" in a file of /proc, without its newline. */
static bool read_line(const char *path, const char *key, char *ret_value, size_t size)
{
	__sp_fclose FILE *file = fopen(path, "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, key, strlen(key)) || !colon)
			continue;
		snprintf(ret_value, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
		ret_value[strcspn(ret_value, "\n")] = '\0';
		return true;
	}
	return false;
}

json_t *bench_machine(void)
{
	char model[128] = "unknown", load[32] = "unknown", date[32];
	const time_t now = time(NULL);
	double loads[3];
	struct utsname kernel;
	struct tm utc;

	read_line("/proc/cpuinfo", "model name", model, sizeof(model));
	if (getloadavg(loads, 3) == 3)
		snprintf(load, sizeof(load), "%.2f %.2f %.2f", loads[0], loads[1], loads[2]);
	gmtime_r(&now, &utc);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &utc);
	uname(&kernel);
	return json_pack("{s:i, s:s, s:s, s:s, s:s}", "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN),
			 "model", model, "kernel", kernel.release, "load", load, "date", date);
}

size_t bench_resident_bytes(void)
{
	char value[64];

	if (!read_line("/proc/self/status", "VmRSS", value, sizeof(value)))
		return 0;
	return strtoull(value, NULL, 10) << 10;
}

int bench_print(json_t *object)
{
	const int r =
		object ? json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) : -1;

	if (r == 0)
		putchar('\n');
	json_decrefp(&object);
	return r == 0 && fflush(stdout) == 0 ? 0 : 1;
}
