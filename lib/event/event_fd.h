/*
 * event_fd: libwebsockets 4.1.6 as a guest on a libuv loop closes the descriptor that wakes its
 * context twice: once in lws_context_destroy, and again as its handle closes. In between another
 * thread of the program may have been given the number, and would lose what it opened. So whoever
 * ends a context holds the number until it is closed again. Both roles do.
 */
#ifndef CWS_EVENT_EVENT_FD_H
#define CWS_EVENT_EVENT_FD_H

#include <uv.h>

/* The descriptor of the context that was made last on this loop: to be asked for right after
 * lws_create_context. -1 where there is none. */
int event_fd_find(uv_loop_t *loop);
/* Right after the first lws_context_destroy: holds the number, if nobody else has it yet. The
 * second close gives it back. */
void event_fd_hold(uv_loop_t *loop, int fd);

#endif
