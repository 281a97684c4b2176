/* The development attester: its documents verify, its PCRs lock. */
#include <fcntl.h>

#include "enclave-worker/attester.h"
#include "lib/dev_root.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/path.h"
#include "test/unit/tap.h"

static struct hm_err err;
static char dir[] = "/tmp/hm-attester.XXXXXX";
static char root_dir[64], files[3][64];
static struct hm_buf cert_pem, key_pem;
static uint8_t root_sha256[HM_SHA256_LEN];

/* SHA384(0^48 || SHA384("")): PCR2 of every image with one ramdisk. */
static const char pcr2_of_nothing[] =
	"21b9efbc184807662e966d34f390821309eeac6802309798826296bf3e8bec7c"
	"10edb30948c90ba67310f7b964fc500a";

static void set_up(void)
{
	AUTO_CLOSE int fd = -1;
	AUTO_BUF struct hm_buf der;

	hm_buf_init(&der, 4096);
	hm_buf_init(&cert_pem, 4096);
	hm_buf_init_secret(&key_pem, 4096);
	ok(mkdtemp(dir) != NULL, "a directory");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		char text[8], name[8];

		(void)snprintf(name, sizeof(name), "f%d", i);
		(void)snprintf(files[i], sizeof(files[i]), "%s/%s", dir, name);
		(void)snprintf(text, sizeof(text), "file%d", i);
		ok_call(hm_file_write_atomic(fd, name, hm_slice_str(text), 0600,
					     &err), &err, "file %d", i);
	}
	(void)snprintf(root_dir, sizeof(root_dir), "%s/root", dir);
	ok_call(hm_dev_root_load(root_dir, &cert_pem, &key_pem, &err), &err,
		"a root");
	ok(hm_cert_pem_to_der(hm_buf_slice(&cert_pem), &der, &err) == HM_OK &&
		   hm_sha256(hm_buf_slice(&der), root_sha256, &err) == HM_OK,
	   "its digest");
}

static struct hm_attester_dev_spec spec_of(const char *const *measured,
					   size_t count)
{
	return (struct hm_attester_dev_spec){
		.root_cert_pem = hm_buf_slice(&cert_pem),
		.root_key_pem = hm_buf_slice(&key_pem),
		.measured = measured,
		.measured_count = count,
	};
}

static int attest(struct hm_attester *a, struct hm_slice key,
		  struct hm_slice user, struct hm_slice nonce,
		  struct hm_buf *out, struct hm_nitro_document *doc)
{
	int rc = a->ops->attest(a, key, user, nonce, out, &err);

	if (rc == HM_OK)
		rc = hm_nitro_parse(hm_buf_slice(out), doc, &err);
	return rc != HM_OK ? rc : hm_nitro_verify(doc, root_sha256, &err);
}

/* SHA384(0^48 || SHA384(text)). */
static bool pcr_is(const uint8_t pcr[HM_PCR_LEN], const char *text)
{
	uint8_t both[96] = {0}, want[48];

	return hm_sha384(hm_slice_str(text), both + 48, &err) == HM_OK &&
	       hm_sha384(hm_slice(both, 96), want, &err) == HM_OK &&
	       memcmp(pcr, want, 48) == 0;
}

static bool is_zero(const uint8_t pcr[HM_PCR_LEN])
{
	static const uint8_t zero[HM_PCR_LEN];

	return memcmp(pcr, zero, HM_PCR_LEN) == 0;
}

static bool names_well(struct hm_slice id)
{
	static const char digits[] = "0123456789abcdef";

	if (id.len != 39 || memcmp(id.ptr, "i-", 2) != 0 ||
	    memcmp(id.ptr + 19, "-enc", 4) != 0)
		return false;
	for (size_t i = 2; i < 39; i++)
		if ((i < 19 || i > 22) && !strchr(digits, id.ptr[i]))
			return false;
	return true;
}

static void test_document(struct hm_attester *a)
{
	struct hm_nitro_document doc;
	AUTO_BUF struct hm_buf out;
	int64_t before = hm_wall_ms();
	int pcrs = 0;

	hm_buf_init(&out, HM_NITRO_DOCUMENT_MAX);
	ok_call(attest(a, hm_slice("key", 3), hm_slice("user", 4),
		       hm_slice(NULL, 0), &out, &doc), &err,
		"its document verifies under its root");
	ok(hm_slice_eq_str(doc.public_key.bytes, "key") &&
		   hm_slice_eq_str(doc.user_data.bytes, "user") &&
		   !doc.nonce.present, "the fields asked for, null for none");
	ok(names_well(doc.module_id), "module_id %.*s", (int)doc.module_id.len,
	   (const char *)doc.module_id.ptr);
	ok((int64_t)doc.timestamp_ms >= before &&
		   (int64_t)doc.timestamp_ms <= hm_wall_ms(), "the time is now");
	for (int i = 0; i < HM_NITRO_PCRS; i++)
		pcrs += doc.has_pcr[i];
	ok(pcrs == 16 && doc.has_pcr[15] && !doc.has_pcr[16], "PCR0 to 15");
	ok(pcr_is(doc.pcr[0], "file0file1file2"), "PCR0: all files");
	ok(pcr_is(doc.pcr[1], "file0"), "PCR1: the first");
	ok(pcr_is(doc.pcr[2], "file1file2"), "PCR2: the others");
	ok(is_zero(doc.pcr[3]) && is_zero(doc.pcr[4]) && is_zero(doc.pcr[8]) &&
		   !hm_nitro_is_debug(&doc), "others zero, not debug");
	ok(hm_nitro_verify(&doc, hm_nitro_root_g1, &err) == HM_E_POLICY,
	   "and nobody takes it for AWS's");
	ok(out.data[0] == 0x84 && doc.payload.ptr[0] == 0xbf,
	   "untagged, an indefinite map: as the hypervisor sends it");
}

static void test_chain(struct hm_attester *a)
{
	static const struct {
		const char *name;
		int64_t life_s;
	} want[] = {
		{"CN=hallmark development root: no hardware", 30 * 365 * 86400},
		{"CN=local.hallmark-development", 20 * 86400 + 3600},
		{"CN=zonal.local.hallmark-development", 6 * 86400 + 3600},
		{"CN=i-", 86400 + 3600},
		{"CN=i-", 3 * 3600 + 3},
	};
	struct hm_nitro_document doc;
	struct hm_cert_info info;
	AUTO_BUF struct hm_buf out;

	hm_buf_init(&out, HM_NITRO_DOCUMENT_MAX);
	ok_call(attest(a, hm_slice(NULL, 0), hm_slice(NULL, 0),
		       hm_slice(NULL, 0), &out, &doc), &err, "a document");
	ok(doc.cabundle_count == 4, "four issuers");
	for (size_t i = 0; i < 5; i++) {
		ok_call(hm_cert_info(i < 4 ? doc.cabundle[i] : doc.certificate,
				     &info, &err), &err, "certificate %zu", i);
		ok(strncmp(info.subject, want[i].name, strlen(want[i].name)) ==
				   0 &&
			   info.not_after_ms - info.not_before_ms ==
				   want[i].life_s * 1000,
		   "%s", info.subject);
	}
}

static void test_latch(struct hm_attester *a)
{
	uint8_t data[48], want[48], both[96] = {0}, pcr[48];
	struct hm_nitro_document doc;
	AUTO_BUF struct hm_buf out;

	hm_buf_init(&out, HM_NITRO_DOCUMENT_MAX);
	memset(data, 7, sizeof(data));
	memcpy(both + 48, data, 48);
	ok(hm_sha384(hm_slice(both, 96), want, &err) == HM_OK, "arithmetic");
	ok_call(a->ops->latch(a, 16, data, &err), &err, "PCR16 is latched");
	fails(a->ops->latch(a, 16, data, &err), &err, HM_E_POLICY,
	      "PCR16 is locked", "once");
	ok_call(a->ops->pcr(a, 16, pcr, &err), &err, "reads back");
	ok(memcmp(pcr, want, 48) == 0, "extended from zero");
	ok_call(attest(a, hm_slice(NULL, 0), hm_slice(NULL, 0),
		       hm_slice("n", 1), &out, &doc), &err, "attested");
	ok(doc.has_pcr[16] && !doc.has_pcr[17] &&
		   memcmp(doc.pcr[16], want, 48) == 0, "it is in the document");
	fails(a->ops->latch(a, 0, data, &err), &err, HM_E_POLICY,
	      "PCR0 is locked", "not the image's");
	fails(a->ops->latch(a, 15, data, &err), &err, HM_E_POLICY,
	      "PCR15 is locked", "nor the last of the locked");
	fails(a->ops->latch(a, 32, data, &err), &err, HM_E_POLICY,
	      "there is no PCR32", "nor one that is not");
	fails(a->ops->pcr(a, 32, pcr, &err), &err, HM_E_POLICY,
	      "there is no PCR32", "which cannot be read either");
}

static void test_fields(struct hm_attester *a)
{
	static const uint8_t big[1025];
	struct hm_slice most = hm_slice(big, 1024), over = hm_slice(big, 1025);
	struct hm_slice none = hm_slice(NULL, 0);
	struct hm_nitro_document doc;
	AUTO_BUF struct hm_buf out;

	hm_buf_init(&out, HM_NITRO_DOCUMENT_MAX);
	ok_call(attest(a, most, most, most, &out, &doc), &err,
		"1024 bytes in each field");
	fails(a->ops->attest(a, over, none, none, &out, &err), &err,
	      HM_E_TOO_LARGE, "1024", "public_key of 1025");
	fails(a->ops->attest(a, none, over, none, &out, &err), &err,
	      HM_E_TOO_LARGE, "1024", "user_data of 1025");
	fails(a->ops->attest(a, none, none, over, &out, &err), &err,
	      HM_E_TOO_LARGE, "1024", "nonce of 1025");
}

static void test_one_file(void)
{
	const char *const one[] = {files[0]};
	struct hm_attester_dev_spec spec = spec_of(one, 1);
	struct hm_attester *a = NULL;
	uint8_t pcr[3][48];
	char hex[97];

	ok_call(hm_attester_dev(&spec, &a, &err), &err, "one measured file");
	for (unsigned int i = 0; i < 3; i++)
		ok_call(a->ops->pcr(a, i, pcr[i], &err), &err, "PCR%u", i);
	hm_hex(pcr[2], 48, hex);
	ok(memcmp(pcr[0], pcr[1], 48) == 0 && strcmp(hex, pcr2_of_nothing) == 0,
	   "PCR0 equals PCR1, PCR2 is the well-known constant");
	a->ops->free(a);
}

/* --- an NSM beneath, played here ------------------------------------------- */

static struct {
	uint8_t pcr[48];
	bool latched, freed, broken;
} nsm;

static int under_pcr(struct hm_attester *a, unsigned int index, uint8_t *out,
		     struct hm_err *e)
{
	(void)a;
	if (nsm.broken)
		return hm_fail(e, HM_E_SYSTEM, EIO, "nsm");
	memset(out, (int)index + 1, 48);
	return HM_OK;
}

static int under_latch(struct hm_attester *a, unsigned int index,
		       const uint8_t *data, struct hm_err *e)
{
	(void)a;
	if (nsm.broken)
		return hm_fail(e, HM_E_SYSTEM, EIO, "nsm");
	nsm.latched = index == 16 && data[0] == 9;
	return HM_OK;
}

static void under_free(struct hm_attester *a)
{
	(void)a;
	nsm.freed = true;
}

static const struct hm_attester_ops under_ops = {
	.name = "nsm",
	.pcr = under_pcr,
	.latch = under_latch,
	.free = under_free,
};

static void test_under(void)
{
	struct hm_attester under = {.ops = &under_ops};
	struct hm_attester_dev_spec spec = spec_of(NULL, 0);
	struct hm_slice none = hm_slice(NULL, 0);
	struct hm_nitro_document doc;
	struct hm_attester *a = NULL;
	uint8_t data[48] = {9};
	AUTO_BUF struct hm_buf out;

	hm_buf_init(&out, HM_NITRO_DOCUMENT_MAX);
	spec.under = &under;
	spec.root_key_pem = hm_slice(NULL, 0);
	fails(hm_attester_dev(&spec, &a, &err), &err, HM_E_FORMAT,
	      "development attester: PEM", "without a key");
	ok(!nsm.freed, "the NSM is still the caller's");
	spec.root_key_pem = hm_buf_slice(&key_pem);
	ok_call(hm_attester_dev(&spec, &a, &err), &err, "over an NSM");
	nsm.broken = true;
	fails(a->ops->latch(a, 16, data, &err), &err, HM_E_SYSTEM, "nsm",
	      "its failure to latch is ours");
	fails(a->ops->attest(a, none, none, none, &out, &err), &err,
	      HM_E_SYSTEM, "nsm", "so is a failure to read");
	nsm.broken = false;
	ok_call(a->ops->latch(a, 16, data, &err), &err, "latches");
	ok(nsm.latched, "in the NSM");
	ok_call(attest(a, none, none, none, &out, &doc), &err, "attests");
	ok(doc.pcr[0][0] == 1 && doc.pcr[15][0] == 16 && doc.pcr[16][0] == 17,
	   "the NSM's PCRs");
	a->ops->free(a);
	ok(nsm.freed, "and it goes with us");
}

static void test_refusals(void)
{
	const char *const gone[] = {files[0], "/nonexistent/file"};
	struct hm_attester_dev_spec spec = spec_of(gone, 2);
	AUTO_KEY struct hm_key *other = NULL;
	AUTO_BUF struct hm_buf pem;
	struct hm_attester *a = NULL;

	hm_buf_init_secret(&pem, 4096);
	fails(hm_attester_dev(&spec, &a, &err), &err, HM_E_SYSTEM,
	      "measure '/nonexistent/file'", "a file that is not there");
	spec = spec_of(NULL, 0);
	fails(hm_attester_dev(&spec, &a, &err), &err, HM_E_BUG,
	      "nothing to measure", "no file at all");
	ok(hm_key_generate(HM_KEY_P384, &other, &err) == HM_OK &&
		   hm_key_private_pem(other, &pem, &err) == HM_OK,
	   "another key");
	spec.root_key_pem = hm_buf_slice(&pem);
	fails(hm_attester_dev(&spec, &a, &err), &err, HM_E_POLICY,
	      "not the certificate's", "is refused");
	ok(!a, "nothing came out");
}

int main(void)
{
	const char *const three[] = {files[0], files[1], files[2]};
	struct hm_attester_dev_spec spec;
	struct hm_attester *a = NULL;

	set_up();
	spec = spec_of(three, 3);
	ok_call(hm_attester_dev(&spec, &a, &err), &err, "three measured files");
	ok(strcmp(a->ops->name, "dev") == 0, "it says that it is dev");
	test_document(a);
	test_chain(a);
	test_latch(a);
	test_fields(a);
	a->ops->free(a);
	test_one_file();
	test_under();
	test_refusals();
	hm_buf_release(&cert_pem);
	hm_buf_release(&key_pem);
	ok_call(hm_tree_remove(AT_FDCWD, dir, &err), &err, "cleaned up");
	return tap_done();
}
