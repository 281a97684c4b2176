/* What the record says of URLs: package names, and no secrets. */
#include "enclave-worker/interceptor/redact.h"
#include "enclave-worker/interceptor/snoop.h"
#include "enclave-worker/purl.h"

#include <stdio.h>

#include "test/unit/tap.h"

static void test_purl(void)
{
	static const char *const cases[][2] = {
		{"https://static.crates.io/crates/serde/1.0.200/download",
		 "pkg:cargo/serde@1.0.200"},
		{"https://static.crates.io/crates/serde/serde-1.0.0+x.crate",
		 "pkg:cargo/serde@1.0.0%2Bx"},
		{"https://index.crates.io/artifactory/api/cargo/crates-io/v1/crates/"
		 "itoa/1.0.18/download",
		 "pkg:cargo/itoa@1.0.18"},
		{"https://crates.example.org/crates/a/1.0.0/download",
		 "pkg:cargo/a@1.0.0?repository_url=https://crates.example.org"},
		{"https://registry.npmjs.org/express/-/express-4.21.2.tgz",
		 "pkg:npm/express@4.21.2"},
		{"https://registry.npmjs.org/@babel/core/-/core-7.0.0-rc.1.tgz?x",
		 "pkg:npm/%40babel/core@7.0.0-rc.1"},
		{"https://files.pythonhosted.org/packages/ab/cd/ef01/"
		 "Charset_Normalizer-3.3.2-cp311-cp311-manylinux_2_17_x86_64.whl",
		 "pkg:pypi/charset-normalizer@3.3.2"},
		{"https://files.pythonhosted.org/packages/ab/cd/ef01/"
		 "ruamel.yaml-0.18.6.tar.gz",
		 "pkg:pypi/ruamel-yaml@0.18.6"},
		{"https://proxy.golang.org/github.com/!burnt!sushi/toml/@v/v1.3.2.zip",
		 "pkg:golang/github.com/burntsushi/toml@v1.3.2"},
		{"https://repo.maven.apache.org/maven2/org/slf4j/slf4j-api/2.0.9/"
		 "slf4j-api-2.0.9.jar",
		 "pkg:maven/org.slf4j/slf4j-api@2.0.9"},
		{"https://repo.maven.apache.org/maven2/org/slf4j/slf4j-api/2.0.9/"
		 "slf4j-api-2.0.9.pom",
		 "pkg:maven/org.slf4j/slf4j-api@2.0.9?type=pom"},
		{"http://deb.debian.org/debian/pool/main/h/hello/"
		 "hello_2.10-3+b1_amd64.deb",
		 "pkg:deb/debian/hello@2.10-3%2Bb1?arch=amd64"},
		/* No purl: */
		{"https://registry.npmjs.org/express", ""},
		{"https://registry.npmjs.org/a/-/b-1.0.0.tgz", ""},
		{"https://example.org/project-1.0.tar.gz", ""},
		{"https://proxy.golang.org/github.com/a/b/@v/list", ""},
		{"https://proxy.golang.org/github.com/a%2Fb/c/@v/v1.zip", ""},
		{"https://static.crates.io/crates/ser\"de/1.0/download", ""},
		{"https://repo.maven.apache.org/maven2/a/b/1/b-1.jar.sha1", ""},
		{"https://x", ""},
		{"", ""},
		{"nonsense", ""},
		{"https://a/@v/.zip", ""},
		{"https://a/crates//1/download", ""},
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		struct hm_buf b HM_CLEANUP(hm_buf_release);
		struct hm_err err;
		const char *got = "?";

		hm_buf_init(&b, 4096);
		ok(hm_purl_add(hm_slice_str(cases[i][0]), &b, &err) == HM_OK &&
			   hm_buf_cstr(&b, &got, &err) == HM_OK &&
			   strcmp(got, cases[i][1]) == 0,
		   "%s -> %s", cases[i][0], got);
	}
}

/* '~' in want stands for the 16 digits. */
static bool matches(const char *got, const char *want)
{
	for (; *want; want++) {
		if (*want != '~') {
			if (*got++ != *want)
				return false;
			continue;
		}
		if (strspn(got, "0123456789abcdef") < 16)
			return false;
		got += 16;
	}
	return *got == '\0';
}

static void test_redact(void)
{
	static const char *const cases[][2] = {
		{"/simple/idna/", "/simple/idna/"},
		{"/a?v=1&token=secret&w=2", "/a?v=1&token=redacted-~&w=2"},
		{"/a?TOKEN=x", "/a?TOKEN=redacted-~"},
		{"/a?token=", "/a?token="},
		{"/a?X-Amz-Credential=AKIA%2F1&X-Amz-Date=2",
		 "/a?X-Amz-Credential=redacted-~&X-Amz-Date=redacted-~"},
		{"/a?access_token=x;sig=y", "/a?access_token=redacted-~;sig=redacted-~"},
		{"/a?ghp_0123456789abcdefghij", "/a?redacted-~"},
		{"/bot/npm_0123456789abcdefghij/x", "/bot/redacted-~/x"},
		{"/eyJhbGciOiJIUzI1NiJ9eyJzdWIiOiIx/x", "/redacted-~/x"},
		{"/t?q=aZ09bY18cX27dW36eV45fU54gT63", "/t?q=redacted-~"},
		{"https://me:pw@h.example:8443/p?key=v#frag",
		 "https://redacted-~@h.example:8443/p?key=redacted-~#frag"},
		{"https://h/p#access_token=x", "https://h/p#access_token=redacted-~"},
		/* Hashes, versions and file names stay. */
		{"/by-hash/SHA256/d3a45860a3f001b55d20eb371c8ed4095115c4bf77666c2847"
		 "bb3c9d0bb46986",
		 "/by-hash/SHA256/d3a45860a3f001b55d20eb371c8ed4095115c4bf77666c2847"
		 "bb3c9d0bb46986"},
		{"/Charset_Normalizer-3.3.2-cp311-manylinux_2_17_X86.whl",
		 "/Charset_Normalizer-3.3.2-cp311-manylinux_2_17_X86.whl"},
		{"/npm_config", "/npm_config"},
		/* Nothing unprintable, nothing that ends a JSON string. */
		{"/a\"b\\c\x01\xff", "/a%22b%5Cc%01%FF"},
	};
	struct hm_redact r;
	struct hm_err err;

	ok_call(hm_redact_init(&r, &err), &err, "key");
	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		struct hm_buf b HM_CLEANUP(hm_buf_release);
		const char *got = "?";
		hm_buf_init(&b, 4096);
		ok(hm_redact_url(&r, hm_slice_str(cases[i][0]), &b, &err) ==
				   HM_OK &&
			   hm_buf_cstr(&b, &got, &err) == HM_OK &&
			   matches(got, cases[i][1]),
		   "%s -> %s", cases[i][0], got);
	}
}

static void test_redact_keyed(void)
{
	struct hm_buf a HM_CLEANUP(hm_buf_release);
	struct hm_buf b HM_CLEANUP(hm_buf_release);
	struct hm_buf c HM_CLEANUP(hm_buf_release);
	struct hm_redact one, two;
	struct hm_slice url = hm_slice_str("/a?token=secret");
	struct hm_err err;

	hm_buf_init(&a, 256);
	hm_buf_init(&b, 256);
	hm_buf_init(&c, 256);
	ok(hm_redact_init(&one, &err) == HM_OK &&
		   hm_redact_init(&two, &err) == HM_OK &&
		   hm_redact_url(&one, url, &a, &err) == HM_OK &&
		   hm_redact_url(&one, url, &b, &err) == HM_OK &&
		   hm_redact_url(&two, url, &c, &err) == HM_OK &&
		   hm_slice_eq(hm_buf_slice(&a), hm_buf_slice(&b)) &&
		   !hm_slice_eq(hm_buf_slice(&a), hm_buf_slice(&c)),
	   "equal secrets look equal in one build, and different in another");
}

static void test_snoop(void)
{
	static struct hm_snoop s;
	uint8_t syn[40] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6};
	uint8_t longer[24] = {0x4f, 0, 0, 24, 0, 0, 0, 0, 64, 17};

	syn[16] = 9;
	syn[19] = 7;
	syn[23] = 22;
	ok(hm_snoop_packet(&s, hm_slice(syn, sizeof(syn)))->port == 22 &&
		   s.entries[0].address == 0x09000007,
	   "a connection attempt is read");
	ok(hm_snoop_packet(&s, hm_slice(syn, sizeof(syn)))->count == 2 &&
		   s.count == 1,
	   "a second one is counted");
	ok(!hm_snoop_packet(&s, hm_slice(syn, 19)) &&
		   !hm_snoop_packet(&s, hm_slice(syn, 0)),
	   "a packet that is cut is nothing");
	ok(hm_snoop_packet(&s, hm_slice(longer, sizeof(longer)))->port == 0,
	   "a header that claims more than there is has no port");
	for (unsigned int i = 0; i < 2 * HM_SNOOP_MAX; i++) {
		syn[22] = (uint8_t)(i >> 8);
		syn[23] = (uint8_t)i;
		(void)hm_snoop_packet(&s, hm_slice(syn, sizeof(syn)));
	}
	ok(s.count == HM_SNOOP_MAX && s.overflow > 0,
	   "a port scan fills the list, then is counted");
}

int main(void)
{
	test_purl();
	test_redact();
	test_redact_keyed();
	test_snoop();
	return tap_done();
}
