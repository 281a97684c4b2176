/*
 * The syntax of paths and globs that a person writes into a configuration file.
 * Only the text is judged here; opening happens beneath a directory (path.h),
 * matching where the files are. Problems come back as words for a message:
 * "'x/../y' " + "leaves the source root; name something inside the project".
 */
#pragma once

#include <stdbool.h>

/*
 * True when valid UTF-8 s holds a C0 control, DEL or a C1 control other than
 * the characters in allowed.
 */
bool hm_has_control(const char *s, const char *allowed);

/*
 * What is wrong with a relative path, and what to do about it; NULL when it is
 * good. What passes without glob also passes hm_path_check(). With glob: '*',
 * '?', "[...]" inside a component, and "**" as a whole one; no backslash.
 */
const char *hm_pattern_problem(const char *s, bool glob);
