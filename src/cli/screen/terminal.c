/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/screen/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "base/array.h"
#include "base/err.h"
#include "base/units.h"
#include "cli/cli.h"
#include "io/files/secret_buf.h"

static volatile sig_atomic_t was_interrupted;

static void note_interrupt(int number)
{
	was_interrupted = number;
}

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

struct held_signals {
	struct sigaction before[SP_ARRAY_LEN(ending)];
	sigset_t mask; /* signals let through before, and while waiting */
};

/* The terminal does not echo for now. A signal has to end the waiting and not the program, so
 * signals are blocked except while waiting: none can come between a look and the wait after it. */
static void hold_signals(struct held_signals *held)
{
	const struct sigaction action = { .sa_handler = note_interrupt };
	sigset_t blocked;

	was_interrupted = 0;
	sigemptyset(&blocked);
	for (size_t i = 0; i < SP_ARRAY_LEN(ending); i++)
		sigaddset(&blocked, ending[i]);
	sigprocmask(SIG_BLOCK, &blocked, &held->mask);
	for (size_t i = 0; i < SP_ARRAY_LEN(ending); i++)
		sigaction(ending[i], &action, &held->before[i]);
}

static void release_signals(const struct held_signals *held)
{
	const int number = was_interrupted;

	for (size_t i = 0; i < SP_ARRAY_LEN(ending); i++)
		sigaction(ending[i], &held->before[i], NULL);
	sigprocmask(SIG_SETMASK, &held->mask, NULL);
	if (number && number != SIGINT)
		raise(number);
}

/* Returns 1: there is something to read; 0: the time is over; -ECANCELED: one of our signals
 * came. */
static int wait_readable(int fd, int timeout_ms, const sigset_t *mask)
{
	const struct timespec timeout = { .tv_sec = timeout_ms / 1000,
					  .tv_nsec = timeout_ms % 1000 * SP_NS_PER_MS };
	struct pollfd poll_in = { .fd = fd, .events = POLLIN };
	int r;

	do
		r = ppoll(&poll_in, 1, timeout_ms < 0 ? NULL : &timeout, mask);
	while (r < 0 && errno == EINTR && !was_interrupted);
	return r >= 0 ? r : was_interrupted ? -ECANCELED : sp_errno();
}

bool sp_terminal_is_there(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool sp_terminal_has_color(void)
{
	return isatty(STDERR_FILENO) && !getenv("NO_COLOR");
}

/* @mask: the signals let through while waiting; NULL: no change. */
static int terminal_read_line(int fd, size_t max_len, const sigset_t *mask, char **ret_secret)
{
	__sp_cleanup(sp_secret_buf_done) struct sp_secret_buf line = { 0 };
	int r = sp_secret_buf_reserve(&line, max_len + 2);
	ssize_t got;

	if (r < 0)
		return r;
	do { /* byte by byte: what follows the line is not ours to read */
		r = wait_readable(fd, -1, mask);
		if (r < 0)
			return r;
		got = read(fd, line.data + line.len, 1);
		if (got < 0 && errno != EINTR)
			return sp_errno();
		line.len += got > 0 ? (size_t)got : 0;
		if (got > 0 && line.data[line.len - 1] == '\n') {
			line.len--;
			break;
		}
	} while (got && line.len <= max_len);
	if (!got && !line.len)
		return -ECANCELED;
	if (line.len > max_len)
		return -EMSGSIZE;
	line.data[line.len] = 0;
	if (strlen(line.data) != line.len)
		return -EINVAL;
	*ret_secret = SP_TAKE_PTR(line.data);
	return 0;
}

int sp_terminal_read_line(int fd, size_t max_len, char **ret_secret)
{
	return terminal_read_line(fd, max_len, NULL, ret_secret);
}

static int terminal_ask(const char *question, bool is_secret, size_t max_len, char **ret_line)
{
	struct termios before, silent;
	struct held_signals held;
	int r;

	if (!sp_terminal_is_there() || tcgetattr(STDIN_FILENO, &before) < 0)
		return -ENOTTY;
	hold_signals(&held);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	silent.c_lflag |= ECHONL;
	if (is_secret)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	sp_cli_ask(question);
	r = terminal_read_line(STDIN_FILENO, max_len, &held.mask, ret_line);
	if (is_secret)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	if (r == -ECANCELED)
		sp_cli_say("\n");
	release_signals(&held);
	return r;
}

int sp_terminal_ask(const char *question, size_t max_len, char **ret_line)
{
	return terminal_ask(question, false, max_len, ret_line);
}

int sp_terminal_ask_secret(const char *question, size_t max_len, char **ret_secret)
{
	return terminal_ask(question, true, max_len, ret_secret);
}

int sp_terminal_wait_enter(int timeout_ms)
{
	struct held_signals held;
	char c = 0;
	int r;

	hold_signals(&held);
	r = wait_readable(STDIN_FILENO, timeout_ms, &held.mask);
	if (r > 0) {
		while ((r = (int)read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
			;
		r = r == 1 ? 1 : -ECANCELED;
	}
	release_signals(&held);
	return r;
}

static void signal_end(int number)
{
	static const char text[] = "\nsallyport: stopped; nothing was changed here\n";
	const ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)written;
	_exit(128 + number);
}

void sp_terminal_cancel_cleanly(bool on)
{
	static struct sigaction before[2];
	const struct sigaction action = { .sa_handler = signal_end };

	sigaction(SIGINT, on ? &action : &before[0], on ? &before[0] : NULL);
	sigaction(SIGTERM, on ? &action : &before[1], on ? &before[1] : NULL);
}
