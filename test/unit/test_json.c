/* lib/json: what is refused, what is read, what is written, where things are. */
#include "lib/json.h"

#include "test/unit/tap.h"

static struct hm_err err;

static int parse(const char *text)
{
	AUTO_JSON struct hm_json *v = NULL;

	return hm_json_parse(hm_slice_str(text), 4096, &v, &err);
}

static void test_refusals(void)
{
	struct hm_json *v = NULL;
	char deep[2 * HM_JSON_DEPTH + 3];

	fails(parse(""), &err, HM_E_FORMAT, "line 1: the text is empty", "empty");
	fails(parse("{} x"), &err, HM_E_FORMAT, "line 1: end of file expected",
	      "trailing data");
	fails(parse("{\"a\":1,\n\"a\":2}"), &err, HM_E_FORMAT,
	      "line 2: key 'a' is there twice", "a duplicate key is named");
	fails(parse("{\"q\\\"\\\\\":1,\"q\\\"\\\\\":2}"), &err, HM_E_FORMAT,
	      "line 1: key 'q\\\"\\\\' is there twice",
	      "also one with quotes in it");
	fails(parse("{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1,"
		    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":2}"),
	      &err, HM_E_FORMAT, "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
	      "also a long one");
	fails(parse("[\"\xff\"]"), &err, HM_E_FORMAT, "line 1: ", "not UTF-8");
	fails(parse("[\"\\ud800\"]"), &err, HM_E_FORMAT, "line 1: ",
	      "half a surrogate pair");
	fails(parse("[\"a\\u0000b\"]"), &err, HM_E_FORMAT, "NUL character",
	      "NUL by escape");
	fails(parse("{\"a\\u0000b\":1}"), &err, HM_E_FORMAT, "NUL character",
	      "NUL in a key");
	fails(parse("[9223372036854775808]"), &err, HM_E_FORMAT,
	      "too big integer", "above int64");
	fails(parse("[-9223372036854775809]"), &err, HM_E_FORMAT,
	      "too big negative integer", "below int64");
	fails(parse("[1e999]"), &err, HM_E_FORMAT, "real number overflow",
	      "a real that is none");
	fails(parse("[01]"), &err, HM_E_FORMAT, "line 1: ", "leading zero");
	fails(parse("[1,]"), &err, HM_E_FORMAT, "line 1: ", "comma at the end");
	fails(parse("[\"a\nb\"]"), &err, HM_E_FORMAT, "line 1: ",
	      "bare line feed in a string");
	fails(parse("// c\n{}"), &err, HM_E_FORMAT, "line 1: ", "a comment");
	fails(parse("\xef\xbb\xbf{}"), &err, HM_E_FORMAT, "line 1: ",
	      "a byte order mark");
	fails(hm_json_parse(hm_slice("[1]\0", 4), 4096, &v, &err), &err,
	      HM_E_FORMAT, "line 1: ", "NUL behind the text");
	fails(hm_json_parse(hm_slice_str("[1,2]"), 4, &v, &err), &err,
	      HM_E_TOO_LARGE, "5 bytes of JSON; the limit is 4", "too large");
	ok(!v, "nothing is returned on failure");

	memset(deep, '[', HM_JSON_DEPTH);
	memset(deep + HM_JSON_DEPTH, ']', HM_JSON_DEPTH);
	deep[2 * HM_JSON_DEPTH] = '\0';
	ok_call(parse(deep), &err, "%d levels", HM_JSON_DEPTH);
	deep[0] = '\n';
	memset(deep + 1, '[', HM_JSON_DEPTH + 1);
	fails(parse(deep), &err, HM_E_FORMAT, "line 2: nested deeper than 32",
	      "one more");
	ok_call(parse("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"]"), &err,
		"brackets in strings do not count");
	fails(parse("[\"\\"), &err, HM_E_FORMAT, "line 1: ",
	      "the end right behind a backslash");
}

/* Untrusted text that an error message quotes may not reach a terminal raw. */
static void test_messages_are_escaped(void)
{
	fails(parse("{\"a\\u001b[31m\":1,\"a\\u001b[31m\":1}"), &err,
	      HM_E_FORMAT, "is there twice", "control characters in a key");
	ok(!strchr(err.msg, 0x1b), "no escape byte in '%s'", err.msg);
	fails(parse("[\x1b[31m]"), &err, HM_E_FORMAT, "line 1: ", "raw escape");
	ok(!strchr(err.msg, 0x1b), "no escape byte in '%s'", err.msg);
}

static void test_error_line(void)
{
	ok(parse("[\n\n}") == HM_E_FORMAT && hm_json_error_line(&err) == 3,
	   "the line comes off the message");
	ok(strncmp(err.msg, "line", 4) != 0, "which is then '%s'", err.msg);
	ok(hm_json_error_line(&err) == 0, "once");
}

static void test_reading(void)
{
	AUTO_JSON struct hm_json *v = NULL;
	const char *text = "{\"z\":[1,-9223372036854775808,9223372036854775807,"
			   "1.0],\"a\":\"\\u00e9\\n\",\"m\":{\"t\":true,\"f\":"
			   "false,\"n\":null}}";
	const char *key = NULL;
	const struct hm_json *m;
	int64_t n = 7;
	bool yes = false;

	ok_call(hm_json_parse(hm_slice_str(text), 4096, &v, &err), &err, "parse");
	ok(hm_json_type(v) == HM_JSON_OBJECT && hm_json_count(v) == 3, "object");
	m = hm_json_get(v, "z");
	ok(hm_json_count(m) == 4, "array of four");
	ok(hm_json_integer(hm_json_at(m, 1), &n) && n == INT64_MIN, "smallest");
	ok(hm_json_integer(hm_json_at(m, 2), &n) && n == INT64_MAX, "largest");
	n = 7;
	ok(hm_json_type(hm_json_at(m, 3)) == HM_JSON_REAL &&
		   !hm_json_integer(hm_json_at(m, 3), &n) && n == 7,
	   "1.0 is no integer");
	ok(!hm_json_at(m, 4), "nothing past the end");
	ok(strcmp(hm_json_get_string(v, "a"), "\xc3\xa9\n") == 0, "string");
	ok(!hm_json_get_string(v, "z"), "an array is no string");
	ok(!hm_json_get(hm_json_get(v, "a"), "x"), "a string has no members");
	ok(!hm_json_get(NULL, "x") && !hm_json_string(NULL) &&
		   hm_json_count(NULL) == 0 && !hm_json_at(NULL, 0) &&
		   hm_json_type(NULL) == HM_JSON_NULL,
	   "getters take what is absent");
	m = hm_json_get(v, "m");
	ok(hm_json_bool(hm_json_get(m, "t"), &yes) && yes, "true");
	ok(hm_json_bool(hm_json_get(m, "f"), &yes) && !yes, "false");
	ok(!hm_json_bool(hm_json_get(m, "n"), &yes), "null is no bool");
	ok(hm_json_member(v, 0, &key) == hm_json_get(v, "z") &&
		   strcmp(key, "z") == 0,
	   "members come in the order of the text");
	ok(hm_json_member(v, 2, &key) == m && strcmp(key, "m") == 0, "last");
	ok(!hm_json_member(v, 3, &key), "no fourth");
	ok(strcmp(hm_json_type_name(m), "an object") == 0 &&
		   strcmp(hm_json_type_name(NULL), "absent") == 0,
	   "types have names for messages");
	ok_call(hm_json_only_keys(v, (const char *const[]){"a", "m", "z", NULL},
				  &err),
		&err, "only these keys");
	fails(hm_json_only_keys(v, (const char *const[]){"z", "a", NULL}, &err),
	      &err, HM_E_FORMAT, "unknown key 'm'", "one more key is named");
}

static const char *written(const struct hm_json *v, enum hm_json_style style)
{
	static char out[512];
	AUTO_BUF struct hm_buf b;
	const char *s = NULL;

	hm_buf_init(&b, sizeof(out) - 1);
	if (hm_json_write(v, style, &b, &err) < 0 ||
	    hm_buf_cstr(&b, &s, &err) < 0)
		return err.msg;
	(void)snprintf(out, sizeof(out), "%s", s);
	return out;
}

#define writes(v, style, want, name)                                           \
	do {                                                                   \
		const char *got_ = written((v), (style));                      \
		ok(strcmp(got_, (want)) == 0, "%s", name);                     \
		if (strcmp(got_, (want)) != 0)                                 \
			printf("# got  %s\n# want %s\n", got_, (want));        \
	} while (0)

static void test_writing(void)
{
	AUTO_JSON struct hm_json *v = hm_json_new_object(), *copy = NULL;
	struct hm_json *list = hm_json_new_array();

	ok(hm_json_set(v, "b", hm_json_new_integer(INT64_MIN)) &&
		   hm_json_append(list, hm_json_new_bool(true)) &&
		   hm_json_append(list, hm_json_new_null()) &&
		   hm_json_append(list, hm_json_new_object()) &&
		   hm_json_append(list, hm_json_new_array()) &&
		   hm_json_set(v, "a", list) &&
		   hm_json_set(v, "c", hm_json_new_str("\"\\\b\f\n\r\t\x1f/\x7f\xc3\xa9")),
	   "building");
	writes(v, HM_JSON_COMPACT,
	       "{\"b\":-9223372036854775808,\"a\":[true,null,{},[]],"
	       "\"c\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u001f/\x7f\xc3\xa9\"}",
	       "compact keeps the order; escapes are those of RFC 8785");
	writes(v, HM_JSON_CANONICAL,
	       "{\"a\":[true,null,{},[]],\"b\":-9223372036854775808,"
	       "\"c\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u001f/\x7f\xc3\xa9\"}",
	       "canonical sorts");
	copy = hm_json_copy(v);
	ok(hm_json_set(v, "c", hm_json_new_integer(0)), "replace");
	ok(hm_json_count(copy) == 3 && hm_json_get_string(copy, "c"),
	   "a copy stays as it was");
	writes(v, HM_JSON_PRETTY,
	       "{\n  \"b\": -9223372036854775808,\n  \"a\": [\n    true,\n"
	       "    null,\n    {},\n    []\n  ],\n  \"c\": 0\n}",
	       "pretty");
}

static void test_failed_builds(void)
{
	AUTO_BUF struct hm_buf b;
	AUTO_JSON struct hm_json *a = hm_json_new_object();
	AUTO_JSON struct hm_json *l = hm_json_new_array(), *r = NULL, *d = NULL;

	hm_buf_init(&b, 4096);
	ok(!hm_json_new_string(hm_slice("a\xff", 2)), "not UTF-8: no value");
	ok(!hm_json_new_string(hm_slice("a\0b", 3)), "NUL: no value");
	ok(hm_json_set(a, "x", hm_json_new_object()) &&
		   !hm_json_set(a, "s", hm_json_new_str("\xff")),
	   "setting such a value fails");
	fails(hm_json_write(a, HM_JSON_COMPACT, &b, &err), &err, HM_E_NOMEM,
	      "could not be built", "and so does writing the tree");
	d = hm_json_copy(a);
	fails(hm_json_write(d, HM_JSON_CANONICAL, &b, &err), &err, HM_E_NOMEM,
	      "could not be built", "or a copy of it");
	ok(!hm_json_append(l, NULL), "appending nothing fails");
	fails(hm_json_write(l, HM_JSON_COMPACT, &b, &err), &err, HM_E_NOMEM,
	      "could not be built", "and so does writing the list");
	ok(!hm_json_set(NULL, "k", hm_json_new_bool(true)) &&
		   !hm_json_append(NULL, hm_json_new_bool(true)),
	   "a parent that could not be made takes nothing");
	fails(hm_json_write(NULL, HM_JSON_COMPACT, &b, &err), &err, HM_E_NOMEM,
	      "could not be built", "no tree at all");
	ok_call(hm_json_parse(hm_slice_str("[1.5]"), 9, &r, &err), &err, "real");
	fails(hm_json_write(r, HM_JSON_COMPACT, &b, &err), &err, HM_E_FORMAT,
	      "fraction", "a fraction is not written");
	for (int i = 0; i < HM_JSON_DEPTH; i++) {
		struct hm_json *outer = hm_json_new_array();

		(void)hm_json_append(outer, HM_TAKE_PTR(d));
		d = outer;
	}
	fails(hm_json_write(d, HM_JSON_COMPACT, &b, &err), &err, HM_E_TOO_LARGE,
	      "nested deeper", "nor a tree that we would not read");
	hm_buf_release(&b);
	hm_buf_init(&b, 1);
	hm_json_free(HM_TAKE_PTR(r));
	ok_call(hm_json_parse(hm_slice_str("[\"ab\"]"), 9, &r, &err), &err, "ok");
	fails(hm_json_write(r, HM_JSON_COMPACT, &b, &err), &err, HM_E_TOO_LARGE,
	      "", "the buffer's limit holds");
}

static void test_locate(void)
{
	struct hm_slice t = hm_slice_str(
		"\n{ \"a\": {\"x\": \"}\\\"{\", \"cmd\" : 1},\n"
		"\"n\": -1.5e3, \"t\":true,\n"
		"\"input\":\n{\"env\": {}, \"k\": [[\"cmd\"], {\"q\": 1}],\n"
		"\"cmd\": \"x\",\n\"list\": [\n\"a\",\n{\"b\":\n2}, 7,\n8]}}\n");

	ok(hm_json_locate(t, "a") == 2, "first key");
	ok(hm_json_locate(t, "a.cmd") == 2, "inner key");
	ok(hm_json_locate(t, "input") == 4, "behind numbers and words");
	ok(hm_json_locate(t, "input.cmd") == 6,
	   "not the one in another object, nor in a string");
	ok(hm_json_locate(t, "input.list") == 7, "list");
	ok(hm_json_locate(t, "input.list.0") == 8, "element");
	ok(hm_json_locate(t, "input.list.1.b") == 9, "key in an element");
	ok(hm_json_locate(t, "input.list.3") == 11, "last element");
	ok(hm_json_locate(t, "input.list.4") == 0, "no such element");
	ok(hm_json_locate(t, "input.list.x") == 0, "no number");
	ok(hm_json_locate(t, "cmd") == 0, "no such key at the top");
	ok(hm_json_locate(t, "n.x") == 0, "a number has no members");
	ok(hm_json_locate(t, "") == 0, "no path");
	ok(hm_json_locate(hm_slice_str("{\"a"), "b") == 0, "stops at the end");
	ok(hm_json_locate(hm_slice_str("{\"a\":[\"\\"), "b") == 0,
	   "also inside an escape");
	ok(hm_json_locate(hm_slice(NULL, 0), "a") == 0, "no text");
}

int main(void)
{
	test_refusals();
	test_messages_are_escaped();
	test_error_line();
	test_reading();
	test_writing();
	test_failed_builds();
	test_locate();
	return tap_done();
}
