/* "Did you mean ...?": how far two short words are apart. */
#pragma once

/*
 * Edits (insert, drop, change, swap of neighbours) from a to b; UINT_MAX when
 * either is longer than any word we suggest.
 */
unsigned int hm_edit_distance(const char *a, const char *b);
