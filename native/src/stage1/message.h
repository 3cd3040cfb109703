/* What stage1 says to people: one line on stderr, in one write, so that lines of several processes do not mix. */
#pragma once

/* `rkt: <text>` */
void message_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same where debug messages were asked for. */
void message_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Turns debug messages on, for this process and those it forks. */
void message_enable_debug(void);

/* Where they go instead of stderr, from now on; returns where they went. */
int message_set_output(int fd);
