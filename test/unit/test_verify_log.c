/*
 * The log check of `hallmark verify`: entries of named and unnamed logs, right
 * and wrong ones, witnesses, and the time between build and log.
 */
#include "lib/merkle.h"
#include "lib/tlog.h"
#include "test/unit/bends.h"
#include "test/unit/tap.h"
#include "verifier/verify.h"

enum { LOG, OTHER_LOG, WITNESS_1, WITNESS_2, KEYS };

static struct hm_note_key keys[KEYS];
static char vkeys[KEYS][512];

static void make_keys(void)
{
	static const char *const names[KEYS] = { "log.example.org",
		"other.example.org", "w1.example.org", "w2.example.org" };

	for (size_t i = 0; i < KEYS; i++) {
		struct hm_key *key = NULL;
		AUTO_BUF struct hm_buf b;

		hm_buf_init(&b, 512);
		RK_MUST(hm_key_generate(HM_KEY_ED25519, &key, err));
		RK_MUST(hm_note_key_init(&keys[i], hm_slice_str(names[i]),
					 i >= WITNESS_1, key, err));
		RK_MUST(hm_note_vkey_write(&keys[i], &b, err));
		snprintf(vkeys[i], sizeof(vkeys[i]), "%.*s", (int)b.len,
			 (const char *)b.data);
	}
}

/* How the entry is made; bends have no arguments of their own. */
static struct how {
	bool wrong_leaf;	/* the leaf of the other statement */
	bool for_s;		/* into S's bundle instead */
	int witnesses;		/* how many of the two cosign */
	int64_t seen_ms;	/* when they do */
	bool bad_witness;	/* cosigns something else */
} how;

static struct hm_json *make_entry(struct rk *k)
{
	const struct hm_dsse *about = how.wrong_leaf != how.for_s ? &k->ds :
								    &k->de;
	AUTO_BUF struct hm_buf leaf, text, note;
	struct hm_hash ours, first, root;
	struct hm_log_entry e = { .log = &keys[LOG], .index = 1 };
	struct hm_json *entry = NULL;

	hm_buf_init(&leaf, HM_LEAF_MAX);
	hm_buf_init(&text, 4096);
	hm_buf_init(&note, HM_NOTE_MAX);
	RK_MUST(hm_tlog_leaf(about, hm_buf_slice(&k->spki), &leaf, err));
	RK_MUST(hm_merkle_leaf_hash(hm_slice_str("x"), &first, err));
	RK_MUST(hm_merkle_leaf_hash(hm_buf_slice(&leaf), &ours, err));
	RK_MUST(hm_merkle_node_hash(&first, &ours, &root, err));
	RK_MUST(hm_checkpoint_write(hm_slice_str("log.example.org"), 2, &root,
				    &text, err));
	RK_MUST(hm_note_sign(hm_buf_slice(&text), &keys[LOG], &note, err));
	for (int i = 0; i < how.witnesses; i++)
		RK_MUST(hm_note_cosign(how.bad_witness ?
				       hm_slice_str("other\n1\nAAAA\n") :
				       hm_buf_slice(&text),
				       &keys[WITNESS_1 + i],
				       (uint64_t)(how.seen_ms / 1000 + i), &note,
				       err));
	e.leaf = hm_buf_slice(&leaf);
	e.path = (struct hm_merkle_path){ { first }, 1 };
	e.checkpoint = hm_buf_slice(&note);
	RK_MUST(hm_tlog_entry_write(&e, &entry, err));
	return entry;
}

static void bend_logged(struct rk *k)
{
	struct hm_json *list = hm_json_new_array();

	HM_BUG_ON(!hm_json_append(list, make_entry(k)));
	if (how.for_s)
		k->s_log_entries = list;
	else
		k->log_entries = list;
}

struct demand {
	const char *by_flag;	/* vkey, or NULL */
	const char *policy;	/* further members, or NULL */
	bool required;
};

static struct hm_policy policy;
static struct hm_log_keys logs;

static void set_demand(const struct demand *d, const struct rk *k,
		       struct hm_expect *w)
{
	char text[4096];

	memset(w, 0, sizeof(*w));
	w->now_ms = RK_NOW + 60000;
	w->any_source = true;
	w->root_count = 1;
	rk_root_sha256(k, w->roots[0].sha256);
	w->roots[0].kind = HM_ROOT_NITRO;
	for (size_t i = 0; i < HM_IMAGE_PCRS; i++) {
		w->pin.has[i] = true;
		memcpy(w->pin.pcr[i], k->pcr[i], HM_PCR_LEN);
	}
	w->require_log = d->required;
	hm_log_keys_release(&logs);
	hm_log_keys_init(&logs);
	if (d->by_flag) {
		RK_MUST(hm_log_keys_add_vkey(&logs, hm_slice_str(d->by_flag),
					     err));
		w->logs = &logs;
	}
	hm_policy_release(&policy);
	if (d->policy) {
		snprintf(text, sizeof(text), "{\"version\":1,\"name\":\"p\",%s}",
			 d->policy);
		RK_MUST(hm_policy_parse(hm_slice_str(text), &policy, err));
		w->policy = &policy;
	}
}

static void check(const char *name, bool logged, const struct how *h,
		  const struct demand *d, enum hm_reason reason,
		  const char *text)
{
	AUTO_VERDICT struct hm_verdict v;
	AUTO_INTAKE struct hm_intake in;
	struct hm_expect w;
	struct rk k;
	int fd;

	how = *h;
	hm_verdict_init(&v);
	hm_intake_init(&in);
	rk_init(&k);
	rk_make(&k, RK_BUNDLES, logged ? bend_logged : NULL);
	fd = rk_memfd(hm_buf_slice(&k.tar));
	RK_MUST(hm_intake_tar(fd, &in, err));
	(void)close(fd);
	set_demand(d, &k, &w);
	RK_MUST(hm_verify(&in, &w, &v, err));
	ok(v.reason == reason && strstr(v.checks[HM_CHECK_LOG].text, text),
	   "%s: %s", name, v.checks[HM_CHECK_LOG].text);
	ok(v.logged == (strncmp(v.checks[HM_CHECK_LOG].text, "entry ", 6) == 0),
	   "%s: counts as %s", name, v.logged ? "logged" : "not logged");
	rk_release(&k);
}

#define LOGGED true, &(struct how){0}
#define WITH(...) true, &(struct how){ __VA_ARGS__ }
#define UNLOGGED false, &(struct how){0}
#define WANT(...) &(struct demand){ __VA_ARGS__ }

static void test_flags(void)
{
	check("nothing named", LOGGED, WANT(0), HM_R_NONE, "no --log-key names");
	check("nothing there", UNLOGGED, WANT(0), HM_R_NONE, "no log was named");
	check("required, none named", LOGGED, WANT(.required = true), HM_R_LOG,
	      "none is named");
	check("named", LOGGED, WANT(.by_flag = vkeys[LOG]), HM_R_NONE,
	      "entry 1 of log.example.org; 0 witnesses");
	check("named and required", LOGGED,
	      WANT(.by_flag = vkeys[LOG], .required = true), HM_R_NONE,
	      "entry 1 of log.example.org");
	check("another named", LOGGED, WANT(.by_flag = vkeys[OTHER_LOG]),
	      HM_R_NONE, "not in a log that you named");
	check("another required", LOGGED,
	      WANT(.by_flag = vkeys[OTHER_LOG], .required = true), HM_R_LOG,
	      "only in logs that you did not name");
	check("required, not there", UNLOGGED,
	      WANT(.by_flag = vkeys[LOG], .required = true), HM_R_LOG,
	      "it is in no log");
	check("not required, not there", UNLOGGED, WANT(.by_flag = vkeys[LOG]),
	      HM_R_NONE, "not in a log that you named");
	check("the entry of something else", WITH(.wrong_leaf = true),
	      WANT(.by_flag = vkeys[LOG]), HM_R_LOG, "");
	check("with the provenance only", WITH(.for_s = true),
	      WANT(.by_flag = vkeys[LOG], .required = true), HM_R_LOG,
	      "it is in no log");
	check("with the provenance, wrong",
	      WITH(.for_s = true, .wrong_leaf = true),
	      WANT(.by_flag = vkeys[LOG]), HM_R_LOG, "");
}

static void test_policies(void)
{
	char log[1024], both[4096];

	snprintf(log, sizeof(log), "\"log\":{\"keys\":[\"%s\"]}", vkeys[LOG]);
	check("by policy", LOGGED, WANT(.policy = log), HM_R_NONE,
	      "entry 1 of log.example.org");
	check("by policy and flag", LOGGED,
	      WANT(.policy = log, .by_flag = vkeys[LOG]), HM_R_NONE, "entry 1");
	check("by policy, another by flag and required", LOGGED,
	      WANT(.policy = log, .by_flag = vkeys[OTHER_LOG],
		   .required = true), HM_R_LOG, "did not name");
	check("not there, not required", UNLOGGED, WANT(.policy = log),
	      HM_R_NONE, "not in a log");
	snprintf(log, sizeof(log), "\"log\":{\"keys\":[\"%s\"],\"required\":"
		 "true}", vkeys[LOG]);
	check("required by policy", UNLOGGED, WANT(.policy = log), HM_R_LOG,
	      "in no log");
	snprintf(log, sizeof(log), "\"log\":{\"keys\":[\"%s\"],"
		 "\"max_delay_minutes\":30}", vkeys[LOG]);
	check("nobody states the time", LOGGED, WANT(.policy = log), HM_R_LOG,
	      "nobody states the time");
	snprintf(both, sizeof(both), "%s,\"witnesses\":{\"keys\":[\"%s\",\"%s\"]"
		 ",\"threshold\":1}", log, vkeys[WITNESS_1], vkeys[WITNESS_2]);
	check("no witness", LOGGED, WANT(.policy = both), HM_R_LOG,
	      "nobody states the time");
	check("a witness in time",
	      WITH(.witnesses = 1, .seen_ms = RK_NOW + 60000),
	      WANT(.policy = both), HM_R_NONE, "1 witness");
	check("two witnesses", WITH(.witnesses = 2, .seen_ms = RK_NOW + 60000),
	      WANT(.policy = both), HM_R_NONE, "2 witnesses");
	check("a witness too late",
	      WITH(.witnesses = 1, .seen_ms = RK_NOW + 3 * RK_HOUR),
	      WANT(.policy = both), HM_R_LOG, "later than the policy allows");
	check("a witness before the build",
	      WITH(.witnesses = 1, .seen_ms = RK_NOW - 3 * RK_HOUR),
	      WANT(.policy = both), HM_R_LOG, "older than the document");
	check("a witness of something else",
	      WITH(.witnesses = 1, .seen_ms = RK_NOW, .bad_witness = true),
	      WANT(.policy = both), HM_R_LOG, "");
	snprintf(both, sizeof(both), "\"log\":{\"keys\":[\"%s\"]},"
		 "\"witnesses\":{\"keys\":[\"%s\",\"%s\"],\"threshold\":2}",
		 vkeys[LOG], vkeys[WITNESS_1], vkeys[WITNESS_2]);
	check("one witness of two demanded",
	      WITH(.witnesses = 1, .seen_ms = RK_NOW), WANT(.policy = both),
	      HM_R_LOG, "1 of the policy's witnesses saw the log, and 2");
	check("two of two", WITH(.witnesses = 2, .seen_ms = RK_NOW),
	      WANT(.policy = both), HM_R_NONE, "2 witnesses");
}

int main(void)
{
	make_keys();
	test_flags();
	test_policies();
	hm_policy_release(&policy);
	hm_log_keys_release(&logs);
	for (size_t i = 0; i < KEYS; i++)
		hm_note_key_release(&keys[i]);
	return tap_done();
}
