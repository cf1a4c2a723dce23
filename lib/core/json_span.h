/*
 * json_span: finds where a member's value lies in the text of a JSON object, so
 * that its bytes can be kept as they came. Only for text that a real parser
 * (jansson) has accepted; it never reads past `len` all the same.
 */
#ifndef CWS_CORE_JSON_SPAN_H
#define CWS_CORE_JSON_SPAN_H

#include <stdbool.h>
#include <stddef.h>

/* Finds member `name` (ASCII; compared after undoing escapes in the text's key) of the object in
 * text[0..len). True with *start and *span_len of its value without surrounding blanks;
 * false if the text is no object or has no such member at its top level. */
bool json_span_member(const char *text, size_t len, const char *name, size_t *start,
                      size_t *span_len);

#endif
