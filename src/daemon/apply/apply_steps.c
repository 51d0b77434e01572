/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of an apply, in their order. */
#include "daemon/apply/apply_steps.h"

#include <stdio.h>

int sp_apply_fail(struct sp_apply *apply, int r, const char *code, int exit_code,
		  const char *format, ...)
{
	va_list args;

	apply->code = code;
	apply->exit_code = exit_code;
	va_start(args, format);
	vsnprintf(apply->message, sizeof(apply->message), format, args);
	va_end(args);
	return r;
}

/* Indexed by the step that is done: the step that follows. */
static const struct sp_apply_step *const steps[] = {
	&sp_apply_check_step,  &sp_apply_test_step,   &sp_apply_number_step,  &sp_apply_store_step,
	&sp_apply_class_step,  &sp_apply_fill_step,   &sp_apply_stage_step,   &sp_apply_watch_step,
	&sp_apply_switch_step, &sp_apply_settle_step, &sp_apply_confirm_step, &sp_apply_follow_step,
};

int sp_apply_step_begin(struct sp_apply *apply)
{
	return steps[apply->done]->begin(apply);
}

void sp_apply_step_work(struct sp_apply *apply)
{
	steps[apply->done]->work(apply);
}

int sp_apply_step_end(struct sp_apply *apply)
{
	return steps[apply->done]->end(apply);
}
