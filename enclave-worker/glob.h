/*
 * One pattern of output.files, matched against a tree one name at a time. '*',
 * '?' and '[...]' stand within a component and do not match a leading dot, "**"
 * stands for any number of directories whose names have none; a component also
 * matches the file that is called exactly that ("[id].js"). Matching a directory
 * means its whole tree, hidden files included.
 *
 * What is known at a directory is a set of positions in the pattern: bit i says
 * that the first i components have matched the path so far. So a tree is walked
 * once whatever the pattern, and no pattern is slow.
 */
#pragma once

#include "lib/buf.h"

/* Positions 0..62 and the end fit into a word; paths of people are shorter. */
#define HM_GLOB_COMPONENTS 63U

struct hm_glob {
	char *text;			/* owned: components with NULs between */
	const char *components[HM_GLOB_COMPONENTS];
	size_t count;
	uint64_t after_literal;	/* positions reached by a plain name */
};

/* pattern: as hm_path_check() takes it. HM_E_POLICY when it is too deep. */
int hm_glob_compile(const char *pattern, struct hm_glob *ret_g,
		    struct hm_err *err) HM_MUST_CHECK;
void hm_glob_release(struct hm_glob *g);
#define AUTO_GLOB HM_CLEANUP(hm_glob_release)

/* The root directory's positions. */
uint64_t hm_glob_start(const struct hm_glob *g);
/* Positions after `name`, found in a directory with these positions. 0: none. */
uint64_t hm_glob_step(const struct hm_glob *g, uint64_t at, const char *name);
/* The same, once name is known to be a directory. */
uint64_t hm_glob_enter(const struct hm_glob *g, uint64_t at);
/* The whole pattern has matched. */
bool hm_glob_matched(const struct hm_glob *g, uint64_t at);
