/*
 * lib/buildspec: what a good build.json becomes. What is refused, and how, is
 * test/reject/build with test_reject.c.
 */
#include <dirent.h>

#include "lib/buildspec.h"
#include "lib/path.h"
#include "lib/pattern.h"
#include "lib/similar.h"

#include "test/unit/tap.h"

#define SAMPLES "schema/samples/build"

static struct hm_err err;

static bool same(const char *a, const char *b)
{
	return a && strcmp(a, b) == 0;
}

static void load(const char *name, struct hm_buildspec *s)
{
	AUTO_BUF struct hm_buf b;
	char path[512];
	unsigned int line = 99;

	hm_buf_init(&b, HM_BUILDSPEC_MAX);
	hm_buildspec_init(s);
	(void)snprintf(path, sizeof(path), SAMPLES "/%s", name);
	ok_call(hm_file_read_user(path, &b, &err), &err, "read %s", path);
	ok_call(hm_buildspec_parse(hm_buf_slice(&b), s, &line, &err), &err,
		"%s is taken", path);
	ok(line == 0, "no line on success");
}

/* The text users already have; see the project's README. */
static void test_shortest(void)
{
	AUTO_BUILDSPEC struct hm_buildspec s;

	hm_buildspec_init(&s);
	ok_call(hm_buildspec_parse(
			hm_slice_str("{\"language\":\"rust\",\"input\":{\"cmd\":"
				     "\"cargo build\"},\"output\":{\"files\":["
				     "\"target/debug/rust-project\"]}}"),
			&s, NULL, &err),
		&err, "one line is enough");
	ok(same(s.language, "rust") && same(s.cmd, "cargo build") &&
		   s.file_count == 1 &&
		   same(s.files[0], "target/debug/rust-project"),
	   "what it says");
	ok(!s.version && !s.vendor && !s.dir && s.env_count == 0 &&
		   s.network == HM_NET_RECORD && s.timeout_minutes == 0 &&
		   s.memory_mib == 0 && s.cpus == 0,
	   "what it leaves open has the defaults");
}

static void test_full(void)
{
	AUTO_BUILDSPEC struct hm_buildspec s;

	load("full.json", &s);
	ok(same(s.version, "1.85") &&
		   same(s.cmd, "cargo build --release --offline") &&
		   same(s.vendor, "cargo vendor >.cargo/config.toml") &&
		   same(s.dir, "crates/hello"),
	   "strings");
	ok(s.env_count == 3 && same(s.env_name[0], "CARGO_TERM_COLOR") &&
		   same(s.env_value[0], "never") &&
		   same(s.env_name[1], "_EMPTY") && same(s.env_value[1], "") &&
		   same(s.env_value[2], "line one\nline two\xc3\xa9"),
	   "environment, in order");
	ok(s.network == HM_NET_NONE && s.timeout_minutes == 30 &&
		   s.memory_mib == 4096 && s.cpus == 4,
	   "mode and limits");
	ok(s.file_count == 3 && same(s.files[2], "dist/*.tar.gz"), "files");
}

static int no_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static void test_samples(void)
{
	struct dirent **names = NULL;
	int n = scandir(SAMPLES, &names, no_dots, alphasort);

	ok(n >= 7, "%d samples", n);
	for (int i = 0; i < n; i++) {
		AUTO_BUILDSPEC struct hm_buildspec s;

		load(names[i]->d_name, &s);
		free(names[i]);
	}
	free(names);
}

static void test_limits(void)
{
	AUTO_BUILDSPEC struct hm_buildspec low, high;

	load("limits-low.json", &low);
	load("limits-high.json", &high);
	ok(low.timeout_minutes == 1 && low.memory_mib == 64 && low.cpus == 1,
	   "lowest");
	ok(high.timeout_minutes == 1440 && high.memory_mib == 1048576 &&
		   high.cpus == 256 && high.network == HM_NET_LOCKED,
	   "highest");
}

static void test_failure_leaves_output(void)
{
	AUTO_BUILDSPEC struct hm_buildspec s;
	unsigned int line = 0;

	hm_buildspec_init(&s);
	s.cmd = "before";
	fails(hm_buildspec_parse(hm_slice_str("{\n\"language\": 1}"), &s, &line,
				 &err),
	      &err, HM_E_FORMAT, "language: is a whole number", "refused");
	ok(line == 2 && same(s.cmd, "before") && !s.root,
	   "the line is told, the output untouched");
	ok(hm_buildspec_parse(hm_slice_str("{}"), &s, NULL, NULL) ==
		   HM_E_FORMAT,
	   "line and error may be left out");
}

/* What passes here must pass where files are opened. */
static void test_patterns_and_paths_agree(void)
{
	static const char *const texts[] = {
		"a", "a/b", "/a", "a/", "a//b", ".", "..", "a/..", "a/../b",
		"./a", "a/.", "...", ".a", "a\nb", "a\x7f", "", "-x", "a b",
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(texts); i++) {
		int rc = hm_path_check(hm_slice_str(texts[i]), &err);
		bool good = !hm_pattern_problem(texts[i], false);

		ok(good == (rc == HM_OK), "text %zu is a path for both or none",
		   i);
	}
}

static void test_similar(void)
{
	ok(hm_edit_distance("output", "output") == 0, "same");
	ok(hm_edit_distance("ouput", "output") == 1, "one missing");
	ok(hm_edit_distance("ouptut", "output") == 1, "neighbours swapped");
	ok(hm_edit_distance("", "abc") == 3, "all missing");
	ok(hm_edit_distance("kitten", "sitting") == 3, "the textbook's");
	ok(hm_edit_distance("a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") > 99,
	   "a long word is near nothing");
}

int main(void)
{
	test_shortest();
	test_full();
	test_samples();
	test_limits();
	test_failure_leaves_output();
	test_patterns_and_paths_agree();
	test_similar();
	return tap_done();
}
