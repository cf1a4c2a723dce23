/*
 * notify: what a service manager and serve tell each other (sd_notify, sd_listen_fds), without
 * libsystemd. Without such a manager nothing happens.
 */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

#include <stddef.h>

void notify_ready(void);     /* READY=1: connections are accepted, or a reload is over */
void notify_reloading(void); /* RELOADING=1 */
void notify_stopping(void);  /* STOPPING=1: the drain begins */

/* Addresses "fd:3", "fd:4", … of the sockets that were handed over to this very process
 * ($LISTEN_FDS, $LISTEN_PID), NULL-terminated; or NULL for none. Valid until the process ends. */
const char *const *notify_inherited(void);

#endif
