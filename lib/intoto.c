/*
 * The in-toto frame of our statements. Reading serves the verifier: the input
 * is signed by a key that is not yet known to be anybody's.
 */
#include "lib/intoto.h"

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/path.h"

struct hm_json *hm_intoto_hex(const void *data, size_t len)
{
	char hex[2 * HM_DIGEST_MAX + 1];

	HM_BUG_ON(len > HM_DIGEST_MAX);
	hm_hex(data, len, hex);
	return hm_json_new_str(hex);
}

struct hm_json *hm_intoto_git_id(const struct hm_git_id *id)
{
	char hex[HM_GIT_HEX_MAX];

	hm_git_id_hex(id, hex);
	return hm_json_new_str(hex);
}

struct hm_json *hm_intoto_digest(const char *alg, const void *data, size_t len)
{
	struct hm_json *digest = hm_json_new_object();

	(void)hm_json_set(digest, alg, hm_intoto_hex(data, len));
	return digest;
}

static struct hm_json *subject(const struct hm_artifact *a, bool with_files)
{
	struct hm_json *s = hm_json_new_object();
	struct hm_json *annotations;

	(void)hm_json_set(s, "name", hm_json_new_str(a->name));
	(void)hm_json_set(s, "digest",
			  hm_intoto_digest("sha256", a->sha256,
					   sizeof(a->sha256)));
	if (!with_files)
		return s;
	annotations = hm_json_new_object();
	(void)hm_json_set(annotations, "mode",
			  hm_json_new_str(a->mode == 0755 ? "0755" : "0644"));
	(void)hm_json_set(annotations, "size",
			  hm_json_new_integer((int64_t)a->size));
	(void)hm_json_set(s, "annotations", annotations);
	return s;
}

struct hm_json *hm_intoto_statement(const struct hm_artifacts *artifacts,
				    bool with_files, const char *predicate_type,
				    struct hm_json *predicate)
{
	struct hm_json *root = hm_json_new_object();
	struct hm_json *subjects = hm_json_new_array();

	for (size_t i = 0; i < artifacts->count; i++)
		(void)hm_json_append(subjects, subject(&artifacts->items[i],
						       with_files));
	(void)hm_json_set(root, "_type", hm_json_new_str(HM_STATEMENT_TYPE));
	(void)hm_json_set(root, "subject", subjects);
	(void)hm_json_set(root, "predicateType",
			  hm_json_new_str(predicate_type));
	(void)hm_json_set(root, "predicate", predicate);
	return root;
}

/* Mode and size of a subject. */
static void read_file(struct hm_json_fields *s, unsigned int *ret_mode,
		      uint64_t *ret_size)
{
	struct hm_json_fields f = hm_fields_object(s, "annotations");
	const char *mode = hm_fields_string(&f, "mode");

	*ret_size = hm_fields_uint(&f, "size", HM_ARTIFACT_SIZE_MAX);
	*ret_mode = 0644;
	if (strcmp(mode, "0755") == 0)
		*ret_mode = 0755;
	else if (strcmp(mode, "0644") != 0)
		hm_fields_fail(&f, "mode", "is neither \"0644\" nor \"0755\"");
	hm_fields_done(&f);
}

static void read_subjects(struct hm_json_fields *root, bool with_files,
			  struct hm_artifacts *artifacts)
{
	struct hm_json_reading *reading = root->reading;
	const struct hm_json *array = hm_fields_array(root, "subject");
	size_t n = array ? hm_json_count(array) : 0;

	for (size_t i = 0; i < n && reading->rc == HM_OK; i++) {
		struct hm_json_fields s = hm_fields_element(root, "subject", i);
		const char *name = hm_fields_string(&s, "name");
		uint8_t sha256[HM_SHA256_LEN];
		unsigned int mode = 0644;
		uint64_t size = 0;

		hm_intoto_read_digest(&s, "sha256", sha256, sizeof(sha256));
		if (with_files)
			read_file(&s, &mode, &size);
		hm_fields_done(&s);
		if (reading->rc == HM_OK)
			reading->rc = hm_artifacts_add(artifacts,
						       hm_slice_str(name), mode,
						       size, sha256,
						       reading->err);
	}
	if (reading->rc == HM_OK && artifacts->count == 0)
		hm_fields_fail(root, "subject", "is empty");
	/* An order other than ours shows when the text is written again. */
	if (reading->rc == HM_OK)
		reading->rc = hm_artifacts_sort(artifacts, reading->err);
}

void hm_intoto_read(struct hm_json_reading *reading, const struct hm_json *json,
		    bool with_files, const char *predicate_type,
		    struct hm_artifacts *artifacts,
		    struct hm_json_fields *ret_predicate)
{
	struct hm_json_fields root = hm_fields(reading, json, "");

	hm_fields_constant(&root, "_type", HM_STATEMENT_TYPE);
	hm_fields_constant(&root, "predicateType", predicate_type);
	read_subjects(&root, with_files, artifacts);
	*ret_predicate = hm_fields_object(&root, "predicate");
	hm_fields_done(&root);
}

void hm_intoto_read_git_id(struct hm_json_fields *f, const char *key,
			   struct hm_git_id *ret_id)
{
	const char *hex = hm_fields_string(f, key);
	struct hm_err err;

	if (f->reading->rc == HM_OK &&
	    hm_git_id_parse(hm_slice_str(hex), ret_id, &err) < 0)
		hm_fields_fail(f, key, "is not a git object id");
}

void hm_intoto_read_digest(struct hm_json_fields *f, const char *alg,
			   uint8_t *out, size_t len)
{
	struct hm_json_fields digest = hm_fields_object(f, "digest");

	hm_fields_hex(&digest, alg, out, len);
	hm_fields_done(&digest);
}

int hm_intoto_same(const char *what, struct hm_slice json,
		   struct hm_slice again, struct hm_err *err)
{
	size_t at = 0;

	if (hm_slice_eq(json, again))
		return HM_OK;
	while (at < json.len && at < again.len && json.ptr[at] == again.ptr[at])
		at++;
	return hm_fail(err, HM_E_FORMAT, 0,
		       "%s: not written as this version writes it, from byte %zu on",
		       what, at);
}
