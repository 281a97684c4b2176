/* Policies: the whole of one, every member bent, patterns and names. */
#include "test/unit/tap.h"

#include "lib/log.h"
#include "verifier/policy.h"

#define KEY "-----BEGIN PUBLIC KEY-----\\n" \
	"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\\n" \
	"-----END PUBLIC KEY-----\\n"
#define HEX32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX48 HEX32 "00112233445566778899aabbccddeeff"
/* C2SP's own example log, and a witness's key of type 04. */
#define LOG "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"

static struct hm_policy p;

static int parse(const char *text, struct hm_err *err)
{
	hm_policy_release(&p);
	return hm_policy_parse(hm_slice_str(text), &p, err);
}

static void test_whole(void)
{
	struct hm_err err = {0};

	ok_call(parse("{\"version\":1,\"name\":\"release\","
		      "\"expires\":\"2027-01-01T00:00:00Z\",\"max_age_days\":30,"
		      "\"trust_roots\":[\"aws-nitro-g1\",{\"sha256\":\"" HEX32
		      "\",\"kind\":\"development\"},{\"sha256\":\"" HEX32
		      "\",\"kind\":\"nitro\"}],"
		      "\"repositories\":[{\"url\":\"https://github.com/o/*\","
		      "\"refs\":[\"refs/tags/v*\"]},{\"url\":\"x/y\"}],"
		      "\"builders\":[\"b\"],\"images\":[\"c@14\",\"rust\"],"
		      "\"pcrs\":[{\"pcr0\":\"" HEX48 "\",\"pcr1\":\"" HEX48
		      "\",\"pcr2\":\"" HEX48 "\"}],"
		      "\"endorsers\":{\"keys\":[\"" KEY "\"],\"threshold\":1},"
		      "\"sandboxes\":[\"crun\"],\"networks\":[\"none\"],"
		      "\"network_record_complete\":true,"
		      "\"log\":{\"required\":true,\"keys\":[\"" LOG "\"],"
		      "\"max_delay_minutes\":60},"
		      "\"challengers\":{\"keys\":[\"a\",\"b\",\"c\"],"
		      "\"of\":3,\"threshold\":2}}", &err), &err,
		"every member at once");
	ok(strcmp(p.name, "release") == 0 && p.expires_ms == 1798761600000LL &&
	   p.max_age_ms == 30LL * 86400000, "name and times");
	ok(p.root_count == 3 && p.roots[0].kind == HM_ROOT_NITRO &&
	   memcmp(p.roots[0].sha256, hm_nitro_root_g1, 32) == 0 &&
	   p.roots[1].kind == HM_ROOT_DEVELOPMENT &&
	   p.roots[2].kind == HM_ROOT_NITRO, "roots and their kinds");
	ok(p.repository_count == 2 && p.repositories[0].refs.count == 1 &&
	   p.repositories[1].refs.count == 0, "repositories and refs");
	ok(p.pin_count == 1 && p.pins[0].has[2] && p.pins[0].pcr[1][1] == 0x11,
	   "pins");
	ok(p.endorser_count == 1 && p.endorser_threshold == 1, "endorsers");
	ok(p.network_complete && p.log_required && p.logs->count == 1 &&
	   p.log_delay_ms == 3600000, "network and log");
	ok(p.challenger_threshold == 2 && p.challenger_of == 3, "challengers");
	ok_call(parse("{\"version\":1,\"name\":\"x\"}", &err), &err,
		"the smallest one");
	ok(p.root_count == 0 && !p.logs && p.expires_ms == 0,
	   "asks nothing of its own");
}

static void test_refused(void)
{
	static const struct {
		const char *members, *text;
	} bad[] = {
		{ "\"nmae\":1", "nmae" },
		{ "\"expires\":\"tomorrow\"", "expires must be a time" },
		{ "\"expires\":5", "expires must be a time" },
		{ "\"max_age_days\":0", "max_age_days must be a number" },
		{ "\"max_age_days\":\"3\"", "max_age_days must be a number" },
		{ "\"trust_roots\":[]", "trust_roots must be a list of 1" },
		{ "\"trust_roots\":{}", "trust_roots must be a list" },
		{ "\"trust_roots\":[\"aws\"]", "trust_roots[0]: must be" },
		{ "\"trust_roots\":[{\"sha256\":\"" HEX32 "\"}]",
		  "trust_roots[0]: kind" },
		{ "\"trust_roots\":[{\"sha256\":\"00\",\"kind\":\"nitro\"}]",
		  "64 lower-case" },
		{ "\"trust_roots\":[{\"sha256\":\"" HEX32 "\",\"kind\":\"x\"}]",
		  "kind must be" },
		{ "\"trust_roots\":[{\"sha256\":\"" HEX32 "\",\"x\":1}]", "x" },
		{ "\"repositories\":[\"o/r\"]", "repositories[0]: must be an" },
		{ "\"repositories\":[{\"refs\":[\"x\"]}]", "url must be" },
		{ "\"repositories\":[{\"url\":\"a\",\"ref\":\"x\"}]", "ref" },
		{ "\"repositories\":[{\"url\":\"a\",\"refs\":[]}]", "refs must" },
		{ "\"repositories\":[{\"url\":\"a\\nb\"}]", "url must be a line" },
		{ "\"builders\":[1]", "builders must be a line of text" },
		{ "\"images\":\"c\"", "images must be a list" },
		{ "\"pcrs\":[1]", "pcrs[0]: must be an object" },
		{ "\"pcrs\":[{\"pcr0\":\"" HEX48 "\"}]", "pcr1 must be 96" },
		{ "\"pcrs\":[{\"pcr9\":\"" HEX48 "\"}]", "pcr9" },
		{ "\"endorsers\":[]", "endorsers must be an object" },
		{ "\"endorsers\":{\"threshold\":1}", "keys are missing" },
		{ "\"endorsers\":{\"keys\":[],\"threshold\":1}", "keys must be" },
		{ "\"endorsers\":{\"keys\":[\"" KEY "\"]}", "threshold must be" },
		{ "\"endorsers\":{\"keys\":[\"" KEY "\"],\"threshold\":2}",
		  "threshold must be a number from 1 to 1" },
		{ "\"endorsers\":{\"keys\":[\"" KEY "\"],\"threshold\":0}",
		  "threshold must be" },
		{ "\"endorsers\":{\"keys\":[\"key\"],\"threshold\":1}",
		  "not a public key" },
		{ "\"endorsers\":{\"keys\":[7],\"threshold\":1}", "not a string" },
		{ "\"endorsers\":{\"key\":1}", "endorsers: " },
		{ "\"sandboxes\":[]", "sandboxes must be a list" },
		{ "\"networks\":[\"open\"]", "networks: must be" },
		{ "\"network_record_complete\":1", "must be true or false" },
		{ "\"log\":{\"required\":true}", "log: keys are missing" },
		{ "\"log\":{\"required\":1,\"keys\":[\"" LOG "\"]}",
		  "required must be true or false" },
		{ "\"log\":{\"keys\":[\"nonsense\"]}", "log: " },
		{ "\"log\":{\"keys\":[\"" LOG "\"],\"max_delay_minutes\":0}",
		  "max_delay_minutes" },
		{ "\"log\":1", "log must be an object" },
		{ "\"witnesses\":{\"keys\":[\"" LOG "\"],\"threshold\":1}",
		  "not a witness's key" },
		{ "\"witnesses\":{\"keys\":[\"x\"],\"threshold\":1}",
		  "witnesses.keys[0]" },
		{ "\"witnesses\":{\"keys\":[\"x\"],\"threshold\":2}",
		  "threshold must be a number from 1 to 1" },
		{ "\"witnesses\":{\"keys\":[\"x\"],\"of\":1,\"threshold\":1}",
		  "of" },
		{ "\"challengers\":{\"keys\":[\"a\",\"b\"],\"of\":1,"
		  "\"threshold\":1}", "of must be the number of keys" },
		{ "\"challengers\":{\"keys\":[\"a\"],\"threshold\":1}",
		  "of must be a number" },
		{ "\"challengers\":{\"keys\":[\"a\"],\"of\":1}", "threshold" },
		{ "\"challengers\":\"all\"", "challengers must be an object" },
	};
	char text[4096];
	struct hm_err err = {0};

	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "{\"version\":1,\"name\":\"x\",%s}",
			 bad[i].members);
		fails(parse(text, &err), &err, HM_E_FORMAT, bad[i].text,
		      "refused: %.60s", bad[i].members);
	}
	fails(parse("[]", &err), &err, HM_E_FORMAT, "not a JSON object",
	      "no object");
	fails(parse("{\"version\":2,\"name\":\"x\"}", &err), &err, HM_E_FORMAT,
	      "version must be 1", "another version");
	fails(parse("{\"name\":\"x\"}", &err), &err, HM_E_FORMAT,
	      "version must be 1", "no version");
	fails(parse("{\"version\":1}", &err), &err, HM_E_FORMAT, "name must be",
	      "no name");
	fails(parse("{\"version\":1,\"version\":1,\"name\":\"x\"}", &err), &err,
	      HM_E_FORMAT, "version", "a member twice");
	fails(parse("{\"version\":1,\"name\":\"x\"} x", &err), &err, HM_E_FORMAT,
	      "policy: ", "something behind it");
}

static void test_patterns(void)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} cases[] = {
		{ "", "", true }, { "", "a", false }, { "a", "a", true },
		{ "a", "ab", false }, { "*", "", true }, { "*", "abc", true },
		{ "*", "a/b", false }, { "**", "a/b/c", true },
		{ "a*c", "abc", true }, { "a*c", "ac", true },
		{ "a*c", "a/c", false }, { "a**c", "a/b/c", true },
		{ "a/**/c", "a/b/b/c", true }, { "a/**/c", "a/c", false },
		{ "*/*", "a/b", true }, { "*/*", "a/b/c", false },
		{ "refs/tags/v*", "refs/tags/v1.2", true },
		{ "refs/tags/v*", "refs/heads/v1", false },
		{ "*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
		{ "***", "x/y", true }, { "x*", "X", false },
		{ "https://github.com/o/*", "https://github.com/o/r", true },
		{ "https://github.com/o/*", "https://github.com/oo/r", false },
		{ "https://github.com/o/*", "https://github.com/o/r/x", false },
	};
	char pattern[HM_REPOSITORY_MAX + 2];

	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++)
		ok(hm_pattern_match(cases[i].pattern, cases[i].text) ==
		   cases[i].match, "'%s' %s '%s'", cases[i].pattern,
		   cases[i].match ? "matches" : "does not match", cases[i].text);
	memset(pattern, '*', sizeof(pattern) - 1);
	pattern[sizeof(pattern) - 1] = '\0';
	ok(!hm_pattern_match(pattern, "x"), "a pattern over the limit: never");
}

static void test_repositories(void)
{
	static const char *const good[][2] = {
		{ "o/r", "https://github.com/o/r" },
		{ "O/R", "https://github.com/o/r" },
		{ "o/r.git", "https://github.com/o/r" },
		{ "https://github.com/O/r/", "https://github.com/o/r" },
		{ "https://GITHUB.com/o/R.git", "https://github.com/o/r" },
		{ "github.com/o/r", "https://github.com/o/r" },
		{ "git.example.org/a/B", "https://git.example.org/a/B" },
		{ "https://git.example.org/A.git", "https://git.example.org/A" },
	};
	static const char *const bad[] = { "", "name", "a b/c", "a/\n" };
	char out[HM_REPOSITORY_MAX], big[HM_REPOSITORY_MAX + 8];
	struct hm_err err = {0};

	for (size_t i = 0; i < HM_ARRAY_LEN(good); i++)
		ok(hm_repository_normal(good[i][0], out, &err) == HM_OK &&
		   strcmp(out, good[i][1]) == 0, "%s is %s", good[i][0], out);
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		fails(hm_repository_normal(bad[i], out, &err), &err, HM_E_USAGE,
		      "OWNER/NAME", "no repository: '%s'",
		      HM_ESC(hm_slice_str(bad[i])));
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	big[1] = '/';
	fails(hm_repository_normal(big, out, &err), &err, HM_E_USAGE, "too long",
	      "a name without end");
}

int main(void)
{
	test_whole();
	test_refused();
	test_patterns();
	test_repositories();
	hm_policy_release(&p);
	return tap_done();
}
