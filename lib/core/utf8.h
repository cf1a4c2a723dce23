/*
 * utf8: checks UTF-8 (RFC 3629: shortest form, no surrogates, up to U+10FFFF), either as it
 * arrives, cut anywhere, or a character at a time.
 */
#ifndef CWS_CORE_UTF8_H
#define CWS_CORE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_ACCEPT 0u /* between characters; also the state to start from */
#define UTF8_REJECT 1u

/* Feeds bytes; returns the new state. Once UTF8_REJECT, always. */
uint32_t utf8_feed(uint32_t state, const uint8_t *bytes, size_t len);

/* The bytes of the character at `bytes`, 1 to 4; 0 if there is no whole and valid one. */
size_t utf8_char(const uint8_t *bytes, size_t len);

#endif
