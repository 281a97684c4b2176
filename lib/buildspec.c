/*
 * build.json. Anybody who can push a commit writes this file, and the first
 * reader runs on the build host: every string is checked before it is used as a
 * name, a path or a message. Each refusal says where, what and what to do
 * instead, because the reader of the message is the one who can fix it.
 *
 * schema/build.schema.json says the same for editors; test/e2e/schema.sh holds
 * the two against each other.
 */
#include "lib/buildspec.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>

#include "lib/log.h"
#include "lib/pattern.h"
#include "lib/similar.h"

#define LANGUAGE_MAX 32	/* becomes part of image and file names */
#define VERSION_MAX 64
/* "input.env." and the longest name that a message shows. */
#define KEY_MAX (HM_ESC_MAX + 32)

struct parser {
	struct hm_buildspec *spec;
	struct hm_slice text;
	unsigned int line;
	struct hm_err *err;
};

struct field {
	const char *key;	/* in its object */
	const char *path;	/* from the root */
	const char *missing;	/* what to do about it; NULL = may be absent */
	int (*parse)(struct parser *p, const char *path, const struct hm_json *v);
};

const char *hm_network_mode_name(enum hm_network_mode mode)
{
	switch (mode) {
	case HM_NET_NONE:
		return "none";
	case HM_NET_RECORD:
		return "record";
	case HM_NET_LOCKED:
		return "locked";
	}
	hm_bug(__FILE__, __LINE__, "a network mode that does not exist");
}

void hm_buildspec_init(struct hm_buildspec *s)
{
	*s = (struct hm_buildspec){.network = HM_NET_RECORD};
}

void hm_buildspec_release(struct hm_buildspec *s)
{
	hm_json_free(s->root);
	hm_buildspec_init(s);
}

/* The line of path, or of the nearest thing around it that can be found. */
static unsigned int line_of(struct hm_slice text, const char *path)
{
	char around[KEY_MAX];
	unsigned int line = 0;
	char *dot = around;

	(void)snprintf(around, sizeof(around), "%s", path);
	while (dot && line == 0) {
		line = hm_json_locate(text, around);
		dot = strrchr(around, '.');
		if (dot)
			*dot = '\0';
	}
	return line > 0 ? line : 1;
}

static int bad(struct parser *p, const char *path, const char *fmt, ...)
	HM_PRINTF(3, 4);
static int bad(struct parser *p, const char *path, const char *fmt, ...)
{
	char msg[HM_ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	p->line = line_of(p->text, path);
	return hm_fail(p->err, HM_E_FORMAT, 0, "%s: %s", path, msg);
}

static int take_string(struct parser *p, const char *path,
		       const struct hm_json *v, const char **ret)
{
	const char *s = hm_json_string(v);

	if (!s)
		return bad(p, path, "is %s; write a string in \"quotes\"",
			   hm_json_type_name(v));
	if (*s == '\0')
		return bad(p, path, "is empty; write a value");
	*ret = s;
	return HM_OK;
}

/* Image names are made of these: nothing that a shell or a path would mind. */
static bool is_name(const char *s, size_t max, const char *extra)
{
	size_t n = strlen(s);

	if (n > max || !isalnum((unsigned char)s[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr(extra, s[i]))
			return false;
	return true;
}

static int parse_language(struct parser *p, const char *path,
			  const struct hm_json *v)
{
	const char *s = NULL;
	bool good;
	int rc = take_string(p, path, v, &s);

	if (rc < 0)
		return rc;
	good = is_name(s, LANGUAGE_MAX, "+-._") && islower((unsigned char)s[0]);
	for (const char *c = s; good && *c; c++)
		good = !isupper((unsigned char)*c);
	if (!good)
		return bad(p, path,
			   "'%s' is no language name; write it in small letters, like "
			   "\"rust\" or \"c\"",
			   HM_ESC(hm_slice_str(s)));
	p->spec->language = s;
	return HM_OK;
}

static int parse_version(struct parser *p, const char *path,
			 const struct hm_json *v)
{
	const char *s = NULL;
	int rc = take_string(p, path, v, &s);

	if (rc < 0)
		return rc;
	if (!is_name(s, VERSION_MAX, "+-._~"))
		return bad(p, path,
			   "'%s' is no version; write it like \"1.85\", or remove the key "
			   "for the newest image",
			   HM_ESC(hm_slice_str(s)));
	p->spec->version = s;
	return HM_OK;
}

static int take_command(struct parser *p, const char *path,
			const struct hm_json *v, const char **ret)
{
	const char *s = NULL;
	int rc = take_string(p, path, v, &s);

	if (rc < 0)
		return rc;
	if (hm_has_control(s, "\n\t"))
		return bad(p, path,
			   "holds a control character; only line feeds and tabs may stand "
			   "in a command");
	if (s[strspn(s, " \t\n")] == '\0')
		return bad(p, path, "is blank; write a command for /bin/sh");
	*ret = s;
	return HM_OK;
}

static int parse_cmd(struct parser *p, const char *path, const struct hm_json *v)
{
	return take_command(p, path, v, &p->spec->cmd);
}

static int parse_vendor(struct parser *p, const char *path,
			const struct hm_json *v)
{
	return take_command(p, path, v, &p->spec->vendor);
}

static int take_path(struct parser *p, const char *path, const struct hm_json *v,
		     bool glob, const char **ret)
{
	const char *s = NULL, *problem;
	int rc = take_string(p, path, v, &s);

	if (rc < 0)
		return rc;
	problem = hm_pattern_problem(s, glob);
	if (problem)
		return bad(p, path, "'%s' %s", HM_ESC(hm_slice_str(s)), problem);
	*ret = s;
	return HM_OK;
}

static int parse_dir(struct parser *p, const char *path, const struct hm_json *v)
{
	return take_path(p, path, v, false, &p->spec->dir);
}

static bool is_env_name(const char *s)
{
	if (isdigit((unsigned char)*s) || *s == '\0')
		return false;
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return *s == '\0';
}

static int parse_env(struct parser *p, const char *path, const struct hm_json *v)
{
	struct hm_buildspec *s = p->spec;
	const struct hm_json *value;
	const char *name = NULL;

	if (hm_json_type(v) != HM_JSON_OBJECT)
		return bad(p, path, "is %s; write an object like {\"NAME\": \"value\"}",
			   hm_json_type_name(v));
	if (hm_json_count(v) > HM_BUILDSPEC_ENV)
		return bad(p, path, "has %zu variables; at most %d are taken",
			   hm_json_count(v), HM_BUILDSPEC_ENV);
	while ((value = hm_json_next(v, &name)) != NULL) {
		char where[KEY_MAX];

		if (!is_env_name(name))
			return bad(p, path,
				   "'%s' cannot be a variable's name; use letters, digits "
				   "and '_', no digit first",
				   HM_ESC(hm_slice_str(name)));
		(void)snprintf(where, sizeof(where), "%s.%s", path,
			       HM_ESC(hm_slice_str(name)));
		if (!hm_json_string(value))
			return bad(p, where, "is %s; write a string in \"quotes\"",
				   hm_json_type_name(value));
		s->env_name[s->env_count] = name;
		s->env_value[s->env_count++] = hm_json_string(value);
	}
	return HM_OK;
}

static int parse_network(struct parser *p, const char *path,
			 const struct hm_json *v)
{
	const char *s = NULL;
	int rc = take_string(p, path, v, &s);

	if (rc < 0)
		return rc;
	for (unsigned int m = HM_NET_NONE; m <= HM_NET_LOCKED; m++) {
		if (strcmp(s, hm_network_mode_name((enum hm_network_mode)m)) == 0) {
			p->spec->network = (enum hm_network_mode)m;
			return HM_OK;
		}
	}
	return bad(p, path, "'%s' is no mode; write \"none\", \"record\" or \"locked\"",
		   HM_ESC(hm_slice_str(s)));
}

static int take_number(struct parser *p, const char *path,
		       const struct hm_json *v, int64_t min, int64_t max,
		       uint32_t *ret)
{
	int64_t n = 0;

	if (!hm_json_integer(v, &n))
		return bad(p, path, "is %s; write a whole number from %" PRId64 " to %" PRId64,
			   hm_json_type_name(v), min, max);
	if (n < min || n > max)
		return bad(p, path, "%" PRId64 " is out of range; write %" PRId64 " to %" PRId64,
			   n, min, max);
	*ret = (uint32_t)n;
	return HM_OK;
}

static int parse_timeout(struct parser *p, const char *path,
			 const struct hm_json *v)
{
	return take_number(p, path, v, 1, HM_TIMEOUT_MINUTES_MAX,
			   &p->spec->timeout_minutes);
}

static int parse_memory(struct parser *p, const char *path,
			const struct hm_json *v)
{
	return take_number(p, path, v, HM_MEMORY_MIB_MIN, HM_MEMORY_MIB_MAX,
			   &p->spec->memory_mib);
}

static int parse_cpus(struct parser *p, const char *path, const struct hm_json *v)
{
	return take_number(p, path, v, 1, HM_CPUS_MAX, &p->spec->cpus);
}

static int parse_file(struct parser *p, const char *path, const struct hm_json *v)
{
	struct hm_buildspec *s = p->spec;
	const char *file = NULL;
	int rc = take_path(p, path, v, true, &file);

	if (rc < 0)
		return rc;
	/* the release tar keeps its evidence there */
	if (strncmp(file, "attestation", 11) == 0 &&
	    (file[11] == '/' || file[11] == '\0'))
		return bad(p, path,
			   "'%s' is where the release keeps its evidence; use another directory",
			   HM_ESC(hm_slice_str(file)));
	for (size_t i = 0; i < s->file_count; i++)
		if (strcmp(s->files[i], file) == 0)
			return bad(p, path, "'%s' is listed twice; remove one",
				   HM_ESC(hm_slice_str(file)));
	s->files[s->file_count++] = file;
	return HM_OK;
}

static int parse_files(struct parser *p, const char *path,
		       const struct hm_json *v)
{
	size_t n = hm_json_count(v);

	if (hm_json_type(v) != HM_JSON_ARRAY)
		return bad(p, path, "is %s; write a list like [\"hello\"]",
			   hm_json_type_name(v));
	if (n == 0)
		return bad(p, path,
			   "is empty; list at least one file, directory or glob that the "
			   "build makes");
	if (n > HM_BUILDSPEC_FILES)
		return bad(p, path, "has %zu entries; at most %d are taken, use a "
				    "directory or a glob",
			   n, HM_BUILDSPEC_FILES);
	for (size_t i = 0; i < n; i++) {
		char where[KEY_MAX];
		int rc;

		(void)snprintf(where, sizeof(where), "%s.%zu", path, i);
		rc = parse_file(p, where, hm_json_at(v, i));
		if (rc < 0)
			return rc;
	}
	return HM_OK;
}

static int parse_input(struct parser *p, const char *path,
		       const struct hm_json *v);
static int parse_output(struct parser *p, const char *path,
			const struct hm_json *v);

static const struct field root_fields[] = {
	{"language", "language",
	 "add \"language\": \"c\", or another that has an image", parse_language},
	{"version", "version", NULL, parse_version},
	{"input", "input",
	 "add \"input\": {\"cmd\": \"make\"} with the command that builds",
	 parse_input},
	{"output", "output",
	 "add \"output\": {\"files\": [\"hello\"]} with what the build makes",
	 parse_output},
};
static const struct field input_fields[] = {
	{"cmd", "input.cmd", "add \"cmd\": \"make\" with the command that builds",
	 parse_cmd},
	{"vendor", "input.vendor", NULL, parse_vendor},
	{"env", "input.env", NULL, parse_env},
	{"dir", "input.dir", NULL, parse_dir},
	{"network", "input.network", NULL, parse_network},
	{"timeout_minutes", "input.timeout_minutes", NULL, parse_timeout},
	{"memory_mib", "input.memory_mib", NULL, parse_memory},
	{"cpus", "input.cpus", NULL, parse_cpus},
};
static const struct field output_fields[] = {
	{"files", "output.files",
	 "add \"files\": [\"hello\"] with what the build makes", parse_files},
};

/* How unlikely it is that f was meant by key; 3 and more is "not at all". */
static unsigned int unlikeness(const char *key, const struct field *f)
{
	unsigned int d = hm_edit_distance(key, f->key);

	/* "timeout" for "timeout_minutes", "input.cmd" for the nested key */
	if ((strlen(key) >= 3 && strncmp(f->key, key, strlen(key)) == 0) ||
	    strcmp(f->path, key) == 0)
		return 1;
	/* two edits of "cmd" or "env" are another word */
	return d + 1 < strlen(f->key) ? d : UINT_MAX;
}

/* The key that was probably meant, wherever in the file it belongs. */
static const struct field *meant(const char *key, const struct field *here,
				 size_t n)
{
	const struct {
		const struct field *fields;
		size_t count;
	} groups[] = {
		{here, n},	/* on a tie the nearest place wins */
		{root_fields, HM_ARRAY_LEN(root_fields)},
		{input_fields, HM_ARRAY_LEN(input_fields)},
		{output_fields, HM_ARRAY_LEN(output_fields)},
	};
	const struct field *likely = NULL;
	unsigned int best = 3;

	for (size_t g = 0; g < HM_ARRAY_LEN(groups); g++) {
		for (size_t i = 0; i < groups[g].count; i++) {
			unsigned int d = unlikeness(key, &groups[g].fields[i]);

			if (d < best) {
				best = d;
				likely = &groups[g].fields[i];
			}
		}
	}
	return likely;
}

static int unknown_key(struct parser *p, const char *path, const char *key,
		       const struct field *fields, size_t n)
{
	const struct field *likely = meant(key, fields, n);
	char list[160] = "", where[KEY_MAX];
	size_t used = 0;

	(void)snprintf(where, sizeof(where), "%s%s%s", path, *path ? "." : "",
		       HM_ESC(hm_slice_str(key)));
	if (likely && strcmp(likely->path, key) == 0)
		return bad(p, where,
			   "unknown key; write it nested: \"%.*s\": {\"%s\": ...}",
			   (int)strcspn(key, "."), key, likely->key);
	if (likely)
		return bad(p, where, "unknown key; did you mean '%s'?",
			   likely->path);
	for (size_t i = 0; i < n; i++) {
		int w = snprintf(list + used, sizeof(list) - used, "%s%s",
				 i > 0 ? ", " : "", fields[i].key);

		HM_BUG_ON(w < 0 || (size_t)w >= sizeof(list) - used);
		used += (size_t)w;
	}
	return bad(p, where, "unknown key; here may stand: %s", list);
}

static int parse_object(struct parser *p, const char *path,
			const struct hm_json *v, const struct field *fields,
			size_t n)
{
	const char *key = NULL;

	while (hm_json_next(v, &key)) {
		size_t i = 0;

		while (i < n && strcmp(fields[i].key, key) != 0)
			i++;
		if (i == n)
			return unknown_key(p, path, key, fields, n);
	}
	for (size_t i = 0; i < n; i++) {
		const struct hm_json *member = hm_json_get(v, fields[i].key);
		int rc = HM_OK;

		if (member)
			rc = fields[i].parse(p, fields[i].path, member);
		else if (fields[i].missing)
			rc = bad(p, fields[i].path, "missing; %s",
				 fields[i].missing);
		if (rc < 0)
			return rc;
	}
	return HM_OK;
}

static int parse_input(struct parser *p, const char *path,
		       const struct hm_json *v)
{
	if (hm_json_type(v) != HM_JSON_OBJECT)
		return bad(p, path, "is %s; write an object like {\"cmd\": \"make\"}",
			   hm_json_type_name(v));
	return parse_object(p, path, v, input_fields,
			    HM_ARRAY_LEN(input_fields));
}

static int parse_output(struct parser *p, const char *path,
			const struct hm_json *v)
{
	if (hm_json_type(v) != HM_JSON_OBJECT)
		return bad(p, path, "is %s; write an object like {\"files\": [\"hello\"]}",
			   hm_json_type_name(v));
	return parse_object(p, path, v, output_fields,
			    HM_ARRAY_LEN(output_fields));
}

static int parse_text(struct parser *p)
{
	struct hm_err inner;
	struct hm_json *root = NULL;
	int rc = hm_json_parse(p->text, HM_BUILDSPEC_MAX, &root, p->err);

	if (rc < 0) {
		p->line = hm_json_error_line(p->err);
		if (rc != HM_E_FORMAT)
			return rc;
		inner = *p->err;
		return hm_fail(p->err, rc, 0,
			       "syntax: %s; correct the JSON around this line",
			       inner.msg);
	}
	p->spec->root = root;
	if (hm_json_type(root) != HM_JSON_OBJECT)
		return bad(p, "the file",
			   "holds %s; write an object with \"language\", \"input\" and \"output\"",
			   hm_json_type_name(root));
	return parse_object(p, "", root, root_fields,
			    HM_ARRAY_LEN(root_fields));
}

int hm_buildspec_parse(struct hm_slice text, struct hm_buildspec *ret_s,
		       unsigned int *ret_line, struct hm_err *err)
{
	AUTO_BUILDSPEC struct hm_buildspec spec;
	struct hm_err own = {0};
	struct parser p = {.spec = &spec, .text = text, .err = err ? err : &own};
	int rc;

	hm_buildspec_init(&spec);
	rc = parse_text(&p);
	if (ret_line)
		*ret_line = p.line;
	if (rc < 0)
		return rc;
	*ret_s = spec;
	hm_buildspec_init(&spec);	/* transferred */
	return HM_OK;
}
