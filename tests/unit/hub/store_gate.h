/*
 * store_gate: stands between the hub and the store's reads (linked with --wrap), so that a test can
 * hold a reader thread right after it has read, let something happen, and let it go on; or make one
 * read fail.
 */
#ifndef CWS_TEST_HUB_STORE_GATE_H
#define CWS_TEST_HUB_STORE_GATE_H

enum gate_place { GATE_INFO, GATE_BEFORE_READ, GATE_READ, GATE_POSITION, GATE_PLACES };

/* The next read of that kind stops once it has its result; at GATE_BEFORE_READ, before. */
void gate_arm(enum gate_place place);
void gate_wait(enum gate_place place); /* until a thread stands there */
void gate_open(enum gate_place place); /* it goes on */
int gate_reads(enum gate_place place); /* so far */
/* The next store_info fails with this code. */
void gate_fail_info(int code);

#endif
