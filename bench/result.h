/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What benchmarks say in the same words: medians with ranges, goals, the machine. All JSON values are
 * new references; NULL without memory, which jansson passes on and the caller finds at the end. */
#ifndef SALLYPORT_BENCH_RESULT_H
#define SALLYPORT_BENCH_RESULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Processor time of this thread, and the wall's. */
uint64_t bench_cpu_ns(void);
uint64_t bench_now_ns(void);

/* Sorts @values. @count is not 0. */
double bench_median(double *values, size_t count);
/* {median, min, max}; sorts @values. */
json_t *bench_summary(double *values, size_t count);
/* {better, must, aim, value, met: "aim", "must" or "missed"}. */
json_t *bench_goal(double value, double must, double aim, bool higher_is_better);
/* "aim met", and so on, of a goal. */
const char *bench_goal_text(const json_t *goal);
/* {cpus, model, kernel, load, date}. */
json_t *bench_machine(void);
/* Resident memory of this process in bytes; 0 if /proc does not say. */
size_t bench_resident_bytes(void);

/* One object and a newline on stdout; takes the reference. Returns an exit code. */
int bench_print(json_t *object);

#endif
