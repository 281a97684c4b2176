/*
 * Must-fail inputs: test/reject/<parser>/<case>/input must be refused with
 * exactly the line in <case>/error, "code: message" (a line number of the input
 * comes before the message where the parser tells one). A parser that refuses
 * for another reason than the case is about has not been tested by it.
 * HM_REGEN=1 prints the actual line of each case that differs.
 */
#include <dirent.h>

#include "lib/buildspec.h"
#include "lib/dsse.h"
#include "lib/image_index.h"
#include "lib/path.h"
#include "lib/statement.h"
#include "verifier/policy.h"

#include "test/unit/tap.h"

#define INPUT_MAX (1U << 20)

/* Returns the code; *ret_line is 0 where the parser tells none. */
typedef int (*parse_fn)(struct hm_slice text, unsigned int *ret_line,
			struct hm_err *err);

static int parse_build(struct hm_slice text, unsigned int *ret_line,
		       struct hm_err *err)
{
	AUTO_BUILDSPEC struct hm_buildspec s;

	hm_buildspec_init(&s);
	return hm_buildspec_parse(text, &s, ret_line, err);
}

static int parse_json(struct hm_slice text, unsigned int *ret_line,
		      struct hm_err *err)
{
	AUTO_JSON struct hm_json *v = NULL;
	int rc = hm_json_parse(text, INPUT_MAX, &v, err);

	if (rc < 0)
		*ret_line = hm_json_error_line(err);
	return rc;
}

static int parse_dsse(struct hm_slice text, unsigned int *ret_line,
		      struct hm_err *err)
{
	AUTO_DSSE struct hm_dsse d;

	hm_dsse_init(&d);
	*ret_line = 0;
	return hm_dsse_parse(text, &d, err);
}

static int parse_bundle(struct hm_slice text, unsigned int *ret_line,
			struct hm_err *err)
{
	AUTO_BUNDLE struct hm_bundle b;

	hm_bundle_init(&b);
	*ret_line = 0;
	return hm_bundle_parse(text, &b, err);
}

static int parse_policy(struct hm_slice text, unsigned int *ret_line,
			struct hm_err *err)
{
	AUTO_POLICY struct hm_policy p;

	hm_policy_init(&p);
	*ret_line = 0;
	return hm_policy_parse(text, &p, err);
}

static int parse_index(struct hm_slice text, unsigned int *ret_line,
		       struct hm_err *err)
{
	AUTO_IMAGE_INDEX struct hm_image_index x;

	hm_image_index_init(&x);
	*ret_line = 0;
	return hm_image_index_parse(text, &x, err);
}

static int parse_provenance(struct hm_slice text, unsigned int *ret_line,
			    struct hm_err *err)
{
	AUTO_PROVENANCE struct hm_provenance p;

	hm_provenance_init(&p);
	*ret_line = 0;
	return hm_provenance_parse(text, &p, err);
}

static int parse_evidence(struct hm_slice text, unsigned int *ret_line,
			  struct hm_err *err)
{
	AUTO_EVIDENCE struct hm_evidence e;

	hm_evidence_init(&e);
	*ret_line = 0;
	return hm_evidence_parse(text, &e, err);
}

static const struct {
	const char *dir;
	parse_fn parse;
	size_t at_least;	/* cases: an empty directory proves nothing */
	size_t samples;		/* in schema/samples, which must be taken */
} parsers[] = {
	{"json", parse_json, 10, 0},
	{"build", parse_build, 60, 7},
	{"dsse", parse_dsse, 15, 0},
	{"bundle", parse_bundle, 20, 0},
	{"policy", parse_policy, 50, 3},
	{"image-index", parse_index, 50, 1},
	{"provenance", parse_provenance, 30, 2},
	{"evidence", parse_evidence, 9, 1},
};

static bool read_file(const char *dir, const char *name, struct hm_buf *b)
{
	char path[512];
	struct hm_err err;

	(void)snprintf(path, sizeof(path), "%s%s%s", dir, *name ? "/" : "",
		       name);
	if (hm_file_read_user(path, b, &err) == HM_OK)
		return true;
	printf("# %s: %s\n", path, err.msg);
	return false;
}

static void check_case(const char *dir, parse_fn parse)
{
	AUTO_BUF struct hm_buf input, want;
	struct hm_err err = {0};
	unsigned int line = 0;
	char got[HM_ERR_MSG_MAX + 64];
	bool good;
	int rc;

	hm_buf_init(&input, INPUT_MAX);
	hm_buf_init(&want, sizeof(got));
	good = read_file(dir, "input", &input);
	ok(good, "%s has an input", dir);
	if (!good)
		return;
	rc = parse(hm_buf_slice(&input), &line, &err);
	if (rc == HM_OK)
		(void)snprintf(got, sizeof(got), "ok\n");
	else if (line > 0)
		(void)snprintf(got, sizeof(got), "%s: line %u: %s\n",
			       hm_code_name(err.code), line, err.msg);
	else
		(void)snprintf(got, sizeof(got), "%s: %s\n",
			       hm_code_name(err.code), err.msg);
	good = rc != HM_OK && rc == (int)err.code &&
	       read_file(dir, "error", &want) &&
	       hm_slice_eq_str(hm_buf_slice(&want), got);
	ok(good, "%s", dir);
	if (good)
		return;
	printf("# want %.*s# got  %s", (int)want.len,
	       want.len > 0 ? (const char *)want.data : "\n", got);
	if (getenv("HM_REGEN"))
		printf("REGEN %s/error %s", dir, got);
}

static void check_sample(const char *path, parse_fn parse)
{
	AUTO_BUF struct hm_buf input;
	struct hm_err err = {0};
	unsigned int line = 0;

	hm_buf_init(&input, INPUT_MAX);
	ok(read_file(path, "", &input), "%s", path);
	ok_call(parse(hm_buf_slice(&input), &line, &err), &err, "%s is taken",
		path);
}

static int no_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Calls check_case or check_sample for each entry; returns how many. */
static size_t walk(const char *dir, parse_fn parse,
		   void (*check)(const char *path, parse_fn parse))
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, no_dots, alphasort);
	char path[512];

	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir,
			       names[i]->d_name);
		check(path, parse);
		free(names[i]);
	}
	free(names);
	return n > 0 ? (size_t)n : 0;
}

int main(void)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(parsers); i++) {
		char dir[128];
		size_t n;

		(void)snprintf(dir, sizeof(dir), "test/reject/%s",
			       parsers[i].dir);
		n = walk(dir, parsers[i].parse, check_case);
		ok(n >= parsers[i].at_least, "%s has %zu cases", dir, n);
		if (parsers[i].samples == 0)
			continue;
		(void)snprintf(dir, sizeof(dir), "schema/samples/%s",
			       parsers[i].dir);
		n = walk(dir, parsers[i].parse, check_sample);
		ok(n >= parsers[i].samples, "%s has %zu samples", dir, n);
	}
	return tap_done();
}
