/* visible.h - text from outside (names of files, of tensors, messages that hold them) made fit for terminals and logs. */
#ifndef BN_BASE_VISIBLE_H
#define BN_BASE_VISIBLE_H

#include <stddef.h>

/* In place: every character that does not show itself becomes '?': controls (C0, DEL and C1, which some terminals obey),
 * line and paragraph separators, what turns the direction of text around, what has no width, and bytes that are no UTF-8.
 * All else stays, letters of all scripts too. The result is UTF-8, never longer, zero-terminated where text was; returns
 * its length. Everything that the program or the server shows of a name goes through here. */
size_t bn_make_visible(char *text, size_t length);

#endif
