/*
 * Writing and reading E. The reader serves the verifier, before it knows whose
 * signature it will find: strict, and canonical by writing again.
 */
#include "lib/evidence.h"

#include "lib/dsse.h"
#include "lib/hex.h"
#include "lib/intoto.h"
#include "lib/json_fields.h"

static const char *const pcr_keys[3] = {"pcr0", "pcr1", "pcr2"};

static struct hm_json *target(const struct hm_evidence_facts *f)
{
	struct hm_json *t = hm_json_new_object();

	(void)hm_json_set(t, "name", hm_json_new_str("provenance"));
	(void)hm_json_set(t, "digest",
			  hm_intoto_digest("sha256", f->provenance_sha256,
					   HM_SHA256_LEN));
	(void)hm_json_set(t, "mediaType", hm_json_new_str(HM_PAYLOAD_INTOTO));
	return t;
}

static struct hm_json *conditions(const struct hm_evidence_facts *f)
{
	struct hm_json *c = hm_json_new_object();

	(void)hm_json_set(c, "gitCommit", hm_intoto_git_id(&f->commit));
	for (size_t i = 0; i < HM_ARRAY_LEN(pcr_keys); i++)
		(void)hm_json_set(c, pcr_keys[i],
				  hm_intoto_hex(f->pcr[i], HM_PCR_LEN));
	return c;
}

static int evidence(const struct hm_evidence_facts *f, struct hm_json **ret_e,
		    struct hm_err *err)
{
	AUTO_BUF struct hm_buf content;
	uint8_t sha256[HM_SHA256_LEN];
	struct hm_json *e;
	int rc;

	hm_buf_init(&content, HM_NITRO_DOCUMENT_MAX * 2);
	rc = hm_sha256(f->document, sha256, err);
	if (rc == HM_OK)
		rc = hm_base64_add(&content, f->document, err);
	if (rc < 0)
		return rc;
	e = hm_json_new_object();
	(void)hm_json_set(e, "name", hm_json_new_str("attestation document"));
	(void)hm_json_set(e, "digest",
			  hm_intoto_digest("sha256", sha256, HM_SHA256_LEN));
	(void)hm_json_set(e, "content",
			  hm_json_new_string(hm_buf_slice(&content)));
	(void)hm_json_set(e, "mediaType", hm_json_new_str(HM_MEDIA_TYPE_NITRO));
	*ret_e = e;
	return HM_OK;
}

int hm_evidence_write(const struct hm_evidence_facts *f, struct hm_buf *json,
		      struct hm_err *err)
{
	AUTO_JSON struct hm_json *root = NULL;
	struct hm_json *at = NULL, *attribute, *list, *predicate;
	int rc;

	if (f->artifacts->count == 0)
		return hm_fail(err, HM_E_POLICY, 0, "evidence: no output");
	if (f->document.len == 0 || f->document.len > HM_NITRO_DOCUMENT_MAX)
		return hm_fail(err, HM_E_POLICY, 0,
			       "evidence: a document of %zu bytes",
			       f->document.len);
	rc = evidence(f, &at, err);
	if (rc < 0)
		return rc;
	attribute = hm_json_new_object();
	(void)hm_json_set(attribute, "attribute",
			  hm_json_new_str(HM_ATTRIBUTE));
	(void)hm_json_set(attribute, "target", target(f));
	(void)hm_json_set(attribute, "conditions", conditions(f));
	(void)hm_json_set(attribute, "evidence", at);
	list = hm_json_new_array();
	(void)hm_json_append(list, attribute);
	predicate = hm_json_new_object();
	(void)hm_json_set(predicate, "attributes", list);
	root = hm_intoto_statement(f->artifacts, false, HM_PREDICATE_SCAI,
				   predicate);
	return hm_json_write(root, HM_JSON_COMPACT, json, err);
}

void hm_evidence_init(struct hm_evidence *e)
{
	*e = (struct hm_evidence){.root = NULL};
	hm_buf_init(&e->document, HM_NITRO_DOCUMENT_MAX);
}

void hm_evidence_release(struct hm_evidence *e)
{
	hm_artifacts_release(&e->artifacts);
	hm_buf_release(&e->document);
	hm_json_free(e->root);
	hm_evidence_init(e);
}

static void read_document(struct hm_json_fields *attribute,
			  struct hm_evidence *e)
{
	struct hm_json_reading *reading = attribute->reading;
	struct hm_json_fields f = hm_fields_object(attribute, "evidence");
	const char *content = hm_fields_string(&f, "content");
	uint8_t stated[HM_SHA256_LEN], actual[HM_SHA256_LEN];

	hm_fields_constant(&f, "name", "attestation document");
	hm_fields_constant(&f, "mediaType", HM_MEDIA_TYPE_NITRO);
	hm_intoto_read_digest(&f, "sha256", stated, sizeof(stated));
	hm_fields_done(&f);
	if (reading->rc < 0)
		return;
	reading->rc = hm_base64_decode(&e->document, hm_slice_str(content),
				       reading->err);
	if (reading->rc == HM_OK)
		reading->rc = hm_sha256(hm_buf_slice(&e->document), actual,
					reading->err);
	if (reading->rc == HM_OK &&
	    !hm_bytes_equal(stated, actual, sizeof(stated)))
		reading->rc = hm_fail(reading->err, HM_E_CRYPTO, 0,
				      "the attestation document is not the one "
				      "whose digest is stated");
}

static int read_all(struct hm_evidence *e, struct hm_err *err)
{
	static const char key[] = "attributes";
	struct hm_json_reading reading = {.rc = HM_OK, .err = err};
	struct hm_json_fields predicate, attribute, part;
	const struct hm_json *array;

	hm_intoto_read(&reading, e->root, false, HM_PREDICATE_SCAI,
		       &e->artifacts, &predicate);
	array = hm_fields_array(&predicate, key);
	if (array && hm_json_count(array) != 1)
		hm_fields_fail(&predicate, key, "does not have one element");
	attribute = hm_fields_element(&predicate, key, 0);
	hm_fields_constant(&attribute, "attribute", HM_ATTRIBUTE);
	part = hm_fields_object(&attribute, "target");
	hm_fields_constant(&part, "name", "provenance");
	hm_fields_constant(&part, "mediaType", HM_PAYLOAD_INTOTO);
	hm_intoto_read_digest(&part, "sha256", e->provenance_sha256,
			      HM_SHA256_LEN);
	hm_fields_done(&part);
	part = hm_fields_object(&attribute, "conditions");
	hm_intoto_read_git_id(&part, "gitCommit", &e->commit);
	for (size_t i = 0; i < HM_ARRAY_LEN(pcr_keys); i++)
		hm_fields_hex(&part, pcr_keys[i], e->pcr[i], HM_PCR_LEN);
	hm_fields_done(&part);
	read_document(&attribute, e);
	hm_fields_done(&attribute);
	hm_fields_done(&predicate);
	return reading.rc;
}

static int write_again(const struct hm_evidence *e, struct hm_buf *again,
		       struct hm_err *err)
{
	struct hm_evidence_facts f = {
		.artifacts = &e->artifacts,
		.commit = e->commit,
		.document = hm_buf_slice(&e->document),
	};

	memcpy(f.pcr, e->pcr, sizeof(f.pcr));
	memcpy(f.provenance_sha256, e->provenance_sha256,
	       sizeof(f.provenance_sha256));
	return hm_evidence_write(&f, again, err);
}

int hm_evidence_parse(struct hm_slice json, struct hm_evidence *ret_e,
		      struct hm_err *err)
{
	AUTO_BUF struct hm_buf again;
	int rc;

	hm_buf_init(&again, HM_STATEMENT_MAX);
	rc = hm_json_parse(json, HM_STATEMENT_MAX, &ret_e->root, err);
	if (rc == HM_OK)
		rc = read_all(ret_e, err);
	if (rc == HM_OK)
		rc = write_again(ret_e, &again, err);
	if (rc == HM_OK)
		rc = hm_intoto_same("text", json, hm_buf_slice(&again), err);
	if (rc == HM_OK)
		return HM_OK;
	hm_evidence_release(ret_e);
	return hm_err_prefix(err, "evidence");
}
