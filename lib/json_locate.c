/*
 * Where a key stands in a text, for messages that name a line. jansson keeps no
 * positions, so the text is walked a second time. Only for text that parsed:
 * every function stops at the end of the text whatever it finds, and a wrong
 * answer would be a wrong line number in a message, nothing more.
 */
#include "lib/json.h"
#include "lib/num.h"

struct cursor {
	struct hm_slice rest;
	unsigned int line;
};

static int peek(const struct cursor *c)
{
	return c->rest.len > 0 ? c->rest.ptr[0] : -1;
}

static void advance(struct cursor *c)
{
	if (c->rest.len == 0)
		return;
	c->line += c->rest.ptr[0] == '\n';
	c->rest.ptr++;
	c->rest.len--;
}

/* Blanks and the punctuation between members. */
static void skip_between(struct cursor *c)
{
	while (peek(c) > 0 && strchr(" \t\r\n,:", peek(c)))
		advance(c);
}

/* Returns what stands between the quotes, escapes as they are. */
static struct hm_slice skip_string(struct cursor *c)
{
	struct hm_slice s;

	advance(c);
	s = c->rest;
	while (peek(c) >= 0 && peek(c) != '"') {
		if (peek(c) == '\\')
			advance(c);
		advance(c);
	}
	s.len -= c->rest.len;
	advance(c);
	return s;
}

static void skip_value(struct cursor *c)
{
	unsigned int depth = 0;

	do {
		int ch = peek(c);

		if (ch == '"') {
			(void)skip_string(c);
			skip_between(c);
			continue;
		}
		if (ch == '{' || ch == '[')
			depth++;
		if ((ch == '}' || ch == ']') && depth > 0)
			depth--;
		advance(c);
		/* the rest of a number or of a word like true */
		while (depth == 0 && peek(c) > 0 &&
		       !strchr(" \t\r\n,:]}", peek(c)))
			advance(c);
		skip_between(c);
	} while (depth > 0 && peek(c) >= 0);
}

/* Moves to member `name` of the object at c; *ret_line is its key's line. */
static bool find_member(struct cursor *c, struct hm_slice name,
			unsigned int *ret_line)
{
	advance(c);
	for (skip_between(c); peek(c) == '"'; skip_between(c)) {
		unsigned int line = c->line;
		struct hm_slice key = skip_string(c);

		skip_between(c);
		if (hm_slice_eq(key, name)) {
			*ret_line = line;
			return true;
		}
		skip_value(c);
	}
	return false;
}

static bool find_element(struct cursor *c, struct hm_slice name,
			 unsigned int *ret_line)
{
	uint64_t want;

	if (!hm_parse_u64(name, UINT32_MAX, &want))
		return false;
	advance(c);
	for (skip_between(c); peek(c) >= 0 && peek(c) != ']'; skip_between(c)) {
		if (want-- == 0) {
			*ret_line = c->line;
			return true;
		}
		skip_value(c);
	}
	return false;
}

unsigned int hm_json_locate(struct hm_slice text, const char *path)
{
	struct cursor c = {.rest = text, .line = 1};
	unsigned int line = 0;

	for (;;) {
		struct hm_slice name = hm_slice(path, strcspn(path, "."));
		bool found = false;

		skip_between(&c);
		if (peek(&c) == '{')
			found = find_member(&c, name, &line);
		else if (peek(&c) == '[')
			found = find_element(&c, name, &line);
		if (!found)
			return 0;
		path += name.len;
		if (*path == '\0')
			return line;
		path++;
	}
}
