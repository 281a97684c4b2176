/*
 * make_release: a complete release tar from given files, without a build, for
 * tests of the programs: under a development root that it makes, with one thing
 * bent on request, an image index to go with it, or both statements as a line
 * each.
 *
 *   make_release OUTDIR [--bend NAME] [--back-end local] [--nonce TEXT]
 *                [--repository URL] [--ref REF] [--image NAME] [--network FILE]
 *                [NAME=PATH...]
 *   make_release --list
 *
 * OUTDIR gets release.tar, release.tar.intoto.jsonl, evidence.sigstore.json,
 * provenance.sigstore.json, root.pem, policy.json (names the root as hardware
 * and the kit's PCRs), index.json, revoked.json, old.json, endorser-1.pem and
 * endorser-2.pem, commit (the id), and the files themselves under files/.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/image_index.h"
#include "lib/path.h"
#include "lib/when.h"
#include "test/unit/bends.h"

static int out_dir;

static void put(const char *name, struct hm_slice data)
{
	RK_MUST(hm_file_write_atomic(out_dir, name, data, 0644, err));
}

static int to_fd(void *ctx, const void *p, size_t len, struct hm_err *err)
{
	return hm_io_write_all(*(int *)ctx, p, len, HM_NO_DEADLINE, err);
}

static struct hm_slice map_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	HM_BUG_ON(fd < 0 || fstat(fd, &st) < 0);
	p = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE,
			      fd, 0) : NULL;
	HM_BUG_ON(p == MAP_FAILED);
	(void)close(fd);
	return hm_slice(p, (size_t)st.st_size);
}

/* Now, so that programs with a clock accept it. */
static void shift_to_now(struct rk *k)
{
	int64_t shift = hm_wall_ms() - 60000 - RK_NOW;

	k->at_ms += shift;
	k->leaf_until_ms += shift;
	k->facts.started_ms += shift;
	k->facts.finished_ms += shift;
}

static void hex_pcrs(char hex[3][2 * HM_PCR_LEN + 1])
{
	uint8_t bytes[HM_PCR_LEN];

	for (size_t i = 0; i < 3; i++) {
		rk_fill(bytes, HM_PCR_LEN, (uint8_t)(0x80 + 16 * i));
		hm_hex(bytes, HM_PCR_LEN, hex[i]);
	}
}

static void write_policy(const struct rk *k)
{
	char text[4096], root[2 * HM_SHA256_LEN + 1];
	char pcr[3][2 * HM_PCR_LEN + 1];
	uint8_t sha256[HM_SHA256_LEN];

	rk_root_sha256(k, sha256);
	hm_hex(sha256, sizeof(sha256), root);
	hex_pcrs(pcr);
	snprintf(text, sizeof(text), "{\n  \"version\": 1,\n  \"name\": \"test\","
		 "\n  \"trust_roots\": [{\"sha256\": \"%s\", \"kind\": "
		 "\"nitro\"}],\n  \"pcrs\": [{\"pcr0\": \"%s\", \"pcr1\": \"%s\""
		 ", \"pcr2\": \"%s\"}]\n}\n", root, pcr[0], pcr[1], pcr[2]);
	put("policy.json", hm_slice_str(text));
	snprintf(text, sizeof(text), "{\"version\": 1, \"name\": \"root\", "
		 "\"trust_roots\": [{\"sha256\": \"%s\", \"kind\": \"nitro\"}]}\n",
		 root);
	put("root-policy.json", hm_slice_str(text));
}

static void write_index(const char *name, struct hm_key *const keys[2],
			const char *status, int64_t expires_ms)
{
	const struct hm_key *const signers[2] = { keys[0], keys[1] };
	char text[4096], pcr[3][2 * HM_PCR_LEN + 1], when[HM_WHEN_MAX];
	AUTO_BUF struct hm_buf e;

	hm_buf_init(&e, HM_INDEX_MAX);
	hex_pcrs(pcr);
	snprintf(text, sizeof(text),
		 "{\"version\":1,\"name\":\"test images\",\"serial\":7,"
		 "\"created\":\"2020-01-01T00:00:00Z\",\"expires\":\"%s\","
		 "\"images\":[{\"name\":\"c\",\"version\":\"14\",\"language\":"
		 "\"c\",\"arch\":\"x86_64\",\"eif\":{\"sha256\":\"%064d\","
		 "\"size\":1},\"pcr0\":\"%s\",\"pcr1\":\"%s\",\"pcr2\":\"%s\","
		 "\"not_before\":\"2020-01-01T00:00:00Z\",\"not_after\":"
		 "\"2099-01-01T00:00:00Z\",\"status\":%s}]}",
		 hm_when(expires_ms, when), 0, pcr[0], pcr[1], pcr[2], status);
	RK_MUST(hm_image_index_sign(hm_slice_str(text), signers, 2, &e, err));
	put(name, hm_buf_slice(&e));
}

static void write_indexes(void)
{
	struct hm_key *keys[2];

	RK_MUST(hm_key_generate(HM_KEY_ED25519, &keys[0], err));
	RK_MUST(hm_key_generate(HM_KEY_P256, &keys[1], err));
	for (size_t i = 0; i < 2; i++) {
		AUTO_BUF struct hm_buf pem;
		char name[32];

		hm_buf_init(&pem, 4096);
		RK_MUST(hm_key_public_pem(keys[i], &pem, err));
		snprintf(name, sizeof(name), "endorser-%zu.pem", i + 1);
		put(name, hm_buf_slice(&pem));
	}
	write_index("index.json", keys, "\"active\"", 4070908800000LL);
	write_index("revoked.json", keys,
		    "\"revoked\",\"reason\":\"kernel hole\"", 4070908800000LL);
	write_index("old.json", keys, "\"active\"", 1600000000000LL);
	hm_key_free(keys[0]);
	hm_key_free(keys[1]);
}

static void write_lines(const struct rk *k)
{
	AUTO_BUF struct hm_buf lines;

	hm_buf_init(&lines, HM_BUNDLE_MAX);
	RK_MUST(hm_dsse_write(&k->ds, &lines, err));
	RK_MUST(hm_buf_add_str(&lines, "\n", err));
	RK_MUST(hm_dsse_write(&k->de, &lines, err));
	RK_MUST(hm_buf_add_str(&lines, "\n", err));
	put("release.tar.intoto.jsonl", hm_buf_slice(&lines));
}

static void write_root(const struct rk *k)
{
	AUTO_BUF struct hm_buf pem;

	hm_buf_init(&pem, 8192);
	RK_MUST(hm_cert_der_to_pem(hm_buf_slice(&k->ca[0]), &pem, err));
	put("root.pem", hm_buf_slice(&pem));
}

static void write_tar(struct rk *k)
{
	char commit[HM_GIT_HEX_MAX];
	int fd;

	if (k->tar.len > 0) {	/* bent after it was made, or as it is */
		put("release.tar", hm_buf_slice(&k->tar));
	} else {
		fd = openat(out_dir, "release.tar", O_WRONLY | O_CREAT | O_TRUNC |
			    O_CLOEXEC, 0644);
		HM_BUG_ON(fd < 0);
		rk_tar_to(k, to_fd, &fd);
		(void)close(fd);
	}
	hm_git_id_hex(&k->facts.commit, commit);
	put("commit", hm_slice_str(commit));
}

static void write_all(struct rk *k, bool files)
{
	write_tar(k);
	write_root(k);
	write_policy(k);
	write_indexes();
	write_lines(k);
	put("evidence.sigstore.json", hm_buf_slice(&k->eb));
	put("provenance.sigstore.json", hm_buf_slice(&k->sb));
	put("nitro.cbor", hm_buf_slice(&k->at));
	put("statement.json", hm_buf_slice(&k->s));
	put("evidence.json", hm_buf_slice(&k->e));
	if (!files)
		return;
	HM_BUG_ON(mkdirat(out_dir, "files", 0755) != 0 && errno != EEXIST);
	for (size_t i = 0; i < k->file_count; i++) {
		const char *name = strrchr(k->files[i].name, '/');
		AUTO_CLOSE int dir = openat(out_dir, "files", O_RDONLY |
					    O_DIRECTORY | O_CLOEXEC);

		name = name ? name + 1 : k->files[i].name;
		RK_MUST(hm_file_write_atomic(dir, name, k->files[i].data,
					     k->files[i].mode, err));
	}
}

static void add_file(struct rk *k, char *arg)
{
	char *eq = strrchr(arg, '=');

	HM_BUG_ON(!eq || k->file_count == RK_FILES);
	*eq = '\0';
	k->files[k->file_count++] = (struct rk_file){ arg, 0755,
						      map_file(eq + 1) };
}

static int list(void)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(rk_bends); i++)
		printf("%s\n", rk_bends[i].name);
	return 0;
}

int main(int argc, char **argv)
{
	static struct rk k;
	const struct rk_bend *bend = NULL;
	bool own_files = false, local = false;

	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list();
	HM_BUG_ON(argc < 2);
	RK_MUST(hm_mkdirs(argv[1], 0755, err));
	out_dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	HM_BUG_ON(out_dir < 0);
	rk_init(&k);
	shift_to_now(&k);
	for (int i = 2; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (argv[i][0] != '-') {
			k.file_count = own_files ? k.file_count : 0;
			own_files = true;
			add_file(&k, argv[i]);
			continue;
		}
		i++;
		if (strcmp(argv[i - 1], "--bend") == 0)
			bend = rk_find_bend(value);
		else if (strcmp(argv[i - 1], "--nonce") == 0)
			k.nonce = hm_slice_str(value);
		else if (strcmp(argv[i - 1], "--repository") == 0)
			k.facts.repository = value;
		else if (strcmp(argv[i - 1], "--ref") == 0)
			k.facts.ref = value;
		else if (strcmp(argv[i - 1], "--image") == 0)
			k.facts.image_name = value;
		else if (strcmp(argv[i - 1], "--network") == 0)
			k.network = map_file(value);
		else if (strcmp(argv[i - 1], "--back-end") == 0)
			local = strcmp(value, "local") == 0;
		else
			HM_BUG_ON(true);
		HM_BUG_ON(strcmp(argv[i - 1], "--bend") == 0 && !bend);
	}
	if (local)
		bend_local(&k);
	if (bend || !own_files) {
		rk_make(&k, bend ? bend->step : RK_DONE,
			bend ? bend->bend : NULL);
	} else {	/* big files: the tar is streamed, not made in memory */
		rk_provenance(&k);
		rk_user(&k);
		rk_document(&k);
		rk_evidence_facts(&k);
		rk_evidence(&k);
		rk_bundles(&k);
	}
	write_all(&k, !own_files);
	rk_release(&k);
	return 0;
}
