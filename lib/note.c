/*
 * Signed notes (C2SP signed-note v1.0.0) and what transparency logs put into
 * them. Everything here comes from a log, a witness or a bundle, so nothing is
 * believed before a key that the caller named has verified it. The parser cuts
 * the bytes in one way only: what is signed ends at the last blank line.
 */
#include "lib/note.h"

#include "lib/hex.h"
#include "lib/num.h"

/* U+2014 EM DASH and a blank begin every signature line. */
static const char dash[] = "\xe2\x80\x94 ";
#define DASH_LEN (sizeof(dash) - 1)

/* SubjectPublicKeyInfo of an Ed25519 key (RFC 8410) up to its 32 bytes. */
static const uint8_t ed25519_spki[] = {
	0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
};
#define ED25519_LEN 32
#define SPKI_MAX 1024	/* P-521 takes 158 bytes */
/* The longest signature in a standard (SLH-DSA-256f) has 49,856 bytes. */
#define SIG_MAX 65536
/* "cosignature/v1\ntime <20 digits>\n" */
#define COSIGNED_HEAD_MAX 64

void hm_note_key_release(struct hm_note_key *k)
{
	if (!k)
		return;
	hm_key_free(k->key);
	k->key = NULL;
}

int hm_note_name_check(struct hm_slice name, struct hm_err *err)
{
	if (name.len == 0 || name.len > HM_NOTE_NAME_MAX)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "key name of %zu bytes", name.len);
	if (!hm_slice_is_text(name))
		return hm_fail(err, HM_E_FORMAT, 0, "key name is not text");
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == ' ' || name.ptr[i] == '+')
			return hm_fail(err, HM_E_FORMAT, 0,
				       "key name holds a blank or '+'");
	}
	return HM_OK;
}

static bool host_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

int hm_log_origin_check(struct hm_slice origin, struct hm_err *err)
{
	size_t label = 0;

	if (origin.len == 0 || origin.len > 253)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "origin of %zu bytes; want a host name like "
			       "log.example.org", origin.len);
	for (size_t i = 0; i < origin.len; i++) {
		uint8_t c = origin.ptr[i];
		bool edge = i + 1 == origin.len || origin.ptr[i + 1] == '.';

		if (c == '.' && label != 0 && !(i + 1 == origin.len)) {
			label = 0;
			continue;
		}
		if (!host_char(c) || label == 63 ||
		    (c == '-' && (label == 0 || edge)))
			return hm_fail(err, HM_E_FORMAT, 0,
				       "origin is not a bare lower-case host "
				       "name like log.example.org");
		label++;
	}
	return HM_OK;
}

/* --- keys ----------------------------------------------------------------- */

static bool is_ecdsa(enum hm_key_kind kind)
{
	return kind == HM_KEY_P256 || kind == HM_KEY_P384 ||
	       kind == HM_KEY_P521;
}

/* The 32 bytes of an Ed25519 key, out of its SPKI. */
static int raw_ed25519(const struct hm_key *key, uint8_t out[ED25519_LEN],
		       struct hm_err *err)
{
	AUTO_BUF struct hm_buf spki;
	int rc;

	hm_buf_init(&spki, SPKI_MAX);
	rc = hm_key_spki(key, &spki, err);
	if (rc != HM_OK)
		return rc;
	if (spki.len != sizeof(ed25519_spki) + ED25519_LEN ||
	    memcmp(spki.data, ed25519_spki, sizeof(ed25519_spki)) != 0)
		return hm_fail(err, HM_E_FORMAT, 0, "not an Ed25519 key");
	memcpy(out, spki.data + sizeof(ed25519_spki), ED25519_LEN);
	return HM_OK;
}

/*
 * SHA-256(name || 0x0A || type || key). ECDSA is the exception that Sigstore
 * made: SHA-256(SPKI), without the name.
 */
static int key_id(struct hm_note_key *k, struct hm_err *err)
{
	AUTO_BUF struct hm_buf msg;
	uint8_t tail[2 + ED25519_LEN] = {'\n', (uint8_t)k->type};
	int rc;

	hm_buf_init(&msg, HM_NOTE_NAME_MAX + SPKI_MAX);
	if (k->type == HM_NOTE_ECDSA) {
		rc = hm_key_spki(k->key, &msg, err);
	} else {
		rc = raw_ed25519(k->key, tail + 2, err);
		if (rc == HM_OK)
			rc = hm_buf_add_str(&msg, k->name, err);
		if (rc == HM_OK)
			rc = hm_buf_add(&msg, tail, sizeof(tail), err);
	}
	if (rc != HM_OK)
		return rc;
	return hm_sha256(hm_buf_slice(&msg), k->id, err);
}

int hm_note_key_init(struct hm_note_key *ret_k, struct hm_slice name,
		     bool cosignature, struct hm_key *key, struct hm_err *err)
{
	AUTO_NOTE_KEY struct hm_note_key k = {.key = key};
	enum hm_key_kind kind = hm_key_kind(key);
	int rc = hm_note_name_check(name, err);

	if (rc != HM_OK)
		return rc;
	if (kind == HM_KEY_ED25519)
		k.type = cosignature ? HM_NOTE_COSIGNATURE : HM_NOTE_ED25519;
	else if (is_ecdsa(kind) && !cosignature)
		k.type = HM_NOTE_ECDSA;
	else
		return hm_fail(err, HM_E_POLICY, 0,
			       "this kind of key cannot sign %s",
			       cosignature ? "cosignatures" : "notes");
	memcpy(k.name, name.ptr, name.len);
	k.name[name.len] = '\0';
	rc = key_id(&k, err);
	if (rc != HM_OK)
		return rc;
	*ret_k = k;
	k.key = NULL;	/* transferred */
	return HM_OK;
}

static struct hm_slice cut(struct hm_slice *rest, size_t n)
{
	struct hm_slice head = hm_slice(rest->ptr, n);

	rest->ptr += n;
	rest->len -= n;
	return head;
}

/* Up to the next delimiter, which is dropped; false when there is none. */
static bool cut_at(struct hm_slice *rest, uint8_t delimiter,
		   struct hm_slice *ret_head)
{
	const uint8_t *at = rest->len == 0 ? NULL :
			    memchr(rest->ptr, delimiter, rest->len);

	if (!at)
		return false;
	*ret_head = cut(rest, (size_t)(at - rest->ptr));
	(void)cut(rest, 1);
	return true;
}

int hm_note_vkey_parse(struct hm_slice text, struct hm_note_key *ret_k,
		       struct hm_err *err)
{
	AUTO_NOTE_KEY struct hm_note_key k = {.key = NULL};
	AUTO_BUF struct hm_buf raw;
	uint8_t spki[sizeof(ed25519_spki) + ED25519_LEN];
	struct hm_slice name, id;
	struct hm_key *key = NULL;
	uint8_t want[HM_NOTE_ID_LEN];
	int rc;

	hm_buf_init(&raw, 1 + ED25519_LEN);
	if (text.len != 0 && text.ptr[text.len - 1] == '\n')
		text.len--;
	/* Two cuts only: base64 may hold '+' too. */
	if (!cut_at(&text, '+', &name) || !cut_at(&text, '+', &id) ||
	    !hm_unhex(id, want, sizeof(want)))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "not a verifier key (NAME+8 HEX DIGITS+BASE64)");
	rc = hm_base64_decode(&raw, text, err);
	if (rc != HM_OK)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "verifier key: not the base64 of an Ed25519 key");
	if (raw.len != 1 + ED25519_LEN ||
	    (raw.data[0] != HM_NOTE_ED25519 &&
	     raw.data[0] != HM_NOTE_COSIGNATURE))
		return hm_fail(err, HM_E_POLICY, 0,
			       "verifier key: neither Ed25519 (01) nor an "
			       "Ed25519 cosignature key (04)");
	memcpy(spki, ed25519_spki, sizeof(ed25519_spki));
	memcpy(spki + sizeof(ed25519_spki), raw.data + 1, ED25519_LEN);
	rc = hm_key_from_spki(hm_slice(spki, sizeof(spki)), &key, err);
	if (rc == HM_OK)
		rc = hm_note_key_init(&k, name,
				      raw.data[0] == HM_NOTE_COSIGNATURE, key,
				      err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "verifier key");
	if (memcmp(k.id, want, sizeof(want)) != 0)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "verifier key: its id is not that of its name and key");
	*ret_k = k;
	k.key = NULL;	/* transferred */
	return HM_OK;
}

int hm_note_vkey_write(const struct hm_note_key *k, struct hm_buf *b,
		       struct hm_err *err)
{
	uint8_t raw[1 + ED25519_LEN] = {(uint8_t)k->type};
	char id[2 * HM_NOTE_ID_LEN + 1];
	int rc = raw_ed25519(k->key, raw + 1, err);

	if (rc != HM_OK)
		return rc;
	hm_hex(k->id, HM_NOTE_ID_LEN, id);
	rc = hm_buf_addf(b, err, "%s+%s+", k->name, id);
	if (rc != HM_OK)
		return rc;
	return hm_base64_add(b, hm_slice(raw, sizeof(raw)), err);
}

/* --- notes ---------------------------------------------------------------- */

/* UTF-8 without control characters but newline, and newline at the end. */
static bool is_note_text(struct hm_slice s)
{
	struct hm_slice rest = s, line;

	if (s.len == 0 || s.ptr[s.len - 1] != '\n')
		return false;
	while (rest.len != 0) {
		if (!cut_at(&rest, '\n', &line) || !hm_slice_is_text(line))
			return false;
	}
	return true;
}

static int decode_sig(const struct hm_note_sig *s, struct hm_buf *raw,
		      struct hm_err *err)
{
	int rc = hm_base64_decode(raw, s->base64, err);

	if (rc != HM_OK || raw->len <= HM_NOTE_ID_LEN)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "note: a signature line is not base64 of an id and a signature");
	return HM_OK;
}

static int parse_sig_line(struct hm_slice line, struct hm_note_sig *ret_s,
			  struct hm_err *err)
{
	AUTO_BUF struct hm_buf raw;
	struct hm_note_sig s = {.base64 = {NULL, 0}};
	int rc;

	hm_buf_init(&raw, SIG_MAX);
	if (line.len < DASH_LEN || memcmp(line.ptr, dash, DASH_LEN) != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "note: a signature line does not begin with a dash");
	(void)cut(&line, DASH_LEN);
	if (!cut_at(&line, ' ', &s.name))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "note: a signature line without name");
	s.base64 = line;
	rc = hm_note_name_check(s.name, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "note");
	rc = decode_sig(&s, &raw, err);
	if (rc != HM_OK)
		return rc;
	memcpy(s.id, raw.data, HM_NOTE_ID_LEN);
	*ret_s = s;
	return HM_OK;
}

int hm_note_parse(struct hm_slice bytes, struct hm_note *ret_note,
		  struct hm_err *err)
{
	struct hm_slice rest, line;
	size_t text_len = 0, count = 0;

	if (bytes.len > HM_NOTE_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0, "note of %zu bytes",
			       bytes.len);
	for (size_t i = 1; i < bytes.len; i++) {
		if (bytes.ptr[i - 1] == '\n' && bytes.ptr[i] == '\n')
			text_len = i;
	}
	if (text_len == 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "note: no blank line before the signatures");
	rest = hm_slice(bytes.ptr + text_len + 1, bytes.len - text_len - 1);
	if (!is_note_text(hm_slice(bytes.ptr, text_len)))
		return hm_fail(err, HM_E_FORMAT, 0, "note: not plain text");
	while (rest.len != 0) {
		int rc;

		if (!cut_at(&rest, '\n', &line))
			return hm_fail(err, HM_E_FORMAT, 0,
				       "note: the last line does not end");
		if (count == HM_NOTE_SIGS_MAX)
			return hm_fail(err, HM_E_TOO_LARGE, 0,
				       "note: more than %d signatures",
				       HM_NOTE_SIGS_MAX);
		rc = parse_sig_line(line, &ret_note->sigs[count], err);
		if (rc != HM_OK)
			return rc;
		count++;
	}
	if (count == 0)
		return hm_fail(err, HM_E_FORMAT, 0, "note: not signed");
	ret_note->text = hm_slice(bytes.ptr, text_len);
	ret_note->count = count;
	return HM_OK;
}

/* What a witness signs: the time, then the note's text. */
static int cosigned_message(struct hm_slice text, uint64_t time_s,
			    struct hm_buf *b, struct hm_err *err)
{
	int rc = hm_buf_addf(b, err, "cosignature/v1\ntime %llu\n",
			     (unsigned long long)time_s);

	if (rc != HM_OK)
		return rc;
	return hm_buf_add_slice(b, text, err);
}

static int verify_sig(const struct hm_note *note, const struct hm_note_sig *s,
		      const struct hm_note_key *k, uint64_t *ret_time_s,
		      struct hm_err *err)
{
	AUTO_BUF struct hm_buf raw;
	AUTO_BUF struct hm_buf msg;
	struct hm_slice sig, signed_bytes = note->text;
	uint64_t time_s = 0;
	int rc;

	hm_buf_init(&raw, SIG_MAX);
	hm_buf_init(&msg, HM_NOTE_MAX + COSIGNED_HEAD_MAX);
	rc = decode_sig(s, &raw, err);
	if (rc != HM_OK)
		return rc;
	sig = hm_slice(raw.data + HM_NOTE_ID_LEN, raw.len - HM_NOTE_ID_LEN);
	if (k->type == HM_NOTE_COSIGNATURE) {
		if (sig.len <= sizeof(time_s))
			return hm_fail(err, HM_E_FORMAT, 0,
				       "cosignature of %zu bytes", sig.len);
		time_s = hm_get_u64be(cut(&sig, sizeof(time_s)).ptr);
		/* 2^53: the year 285,428,751; beyond it nothing is a time. */
		if (time_s >= 1ULL << 53)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "cosignature with an absurd time");
		rc = cosigned_message(note->text, time_s, &msg, err);
		if (rc != HM_OK)
			return rc;
		signed_bytes = hm_buf_slice(&msg);
	}
	rc = hm_key_verify(k->key, signed_bytes, sig, err);
	if (rc == HM_OK && ret_time_s && time_s > *ret_time_s)
		*ret_time_s = time_s;
	return rc;
}

int hm_note_verify(const struct hm_note *note, const struct hm_note_key *k,
		   uint64_t *ret_time_s, struct hm_err *err)
{
	uint64_t time_s = 0;
	size_t found = 0;

	for (size_t i = 0; i < note->count; i++) {
		const struct hm_note_sig *s = &note->sigs[i];
		int rc;

		if (!hm_slice_eq_str(s->name, k->name) ||
		    memcmp(s->id, k->id, HM_NOTE_ID_LEN) != 0)
			continue;
		rc = verify_sig(note, s, k, &time_s, err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "signature of '%s'", k->name);
		found++;
	}
	if (found == 0)
		return hm_fail(err, HM_E_POLICY, 0, "not signed by '%s'",
			       k->name);
	if (ret_time_s)
		*ret_time_s = time_s;
	return HM_OK;
}

static int add_sig_line(const struct hm_note_key *k, struct hm_slice sig,
			struct hm_buf *b, struct hm_err *err)
{
	AUTO_BUF struct hm_buf raw;
	int rc;

	hm_buf_init(&raw, SIG_MAX);
	rc = hm_buf_add(&raw, k->id, HM_NOTE_ID_LEN, err);
	if (rc == HM_OK)
		rc = hm_buf_add_slice(&raw, sig, err);
	if (rc == HM_OK)
		rc = hm_buf_addf(b, err, "%s%s ", dash, k->name);
	if (rc == HM_OK)
		rc = hm_base64_add(b, hm_buf_slice(&raw), err);
	if (rc == HM_OK)
		rc = hm_buf_add(b, "\n", 1, err);
	return rc;
}

int hm_note_sign(struct hm_slice text, const struct hm_note_key *k,
		 struct hm_buf *b, struct hm_err *err)
{
	AUTO_BUF struct hm_buf sig;
	int rc;

	hm_buf_init(&sig, SIG_MAX);
	HM_BUG_ON(k->type == HM_NOTE_COSIGNATURE);
	if (!is_note_text(text))
		return hm_fail(err, HM_E_FORMAT, 0, "note: not plain text");
	rc = hm_key_sign(k->key, text, &sig, err);
	if (rc == HM_OK)
		rc = hm_buf_add_slice(b, text, err);
	if (rc == HM_OK)
		rc = hm_buf_add(b, "\n", 1, err);
	if (rc == HM_OK)
		rc = add_sig_line(k, hm_buf_slice(&sig), b, err);
	return rc;
}

int hm_note_cosign(struct hm_slice text, const struct hm_note_key *k,
		   uint64_t time_s, struct hm_buf *b, struct hm_err *err)
{
	AUTO_BUF struct hm_buf msg;
	AUTO_BUF struct hm_buf sig;
	uint8_t head[sizeof(time_s)];
	int rc;

	hm_buf_init(&msg, HM_NOTE_MAX + COSIGNED_HEAD_MAX);
	hm_buf_init(&sig, SIG_MAX);
	HM_BUG_ON(k->type != HM_NOTE_COSIGNATURE);
	hm_put_u64be(head, time_s);
	rc = cosigned_message(text, time_s, &msg, err);
	if (rc == HM_OK)
		rc = hm_buf_add(&sig, head, sizeof(head), err);
	if (rc == HM_OK)
		rc = hm_key_sign(k->key, hm_buf_slice(&msg), &sig, err);
	if (rc == HM_OK)
		rc = add_sig_line(k, hm_buf_slice(&sig), b, err);
	return rc;
}

/* --- checkpoints ---------------------------------------------------------- */

int hm_checkpoint_parse(struct hm_slice text, struct hm_checkpoint *ret_c,
			struct hm_err *err)
{
	AUTO_BUF struct hm_buf root;
	struct hm_checkpoint c = {.size = 0};
	struct hm_slice size, base64;

	hm_buf_init(&root, HM_SHA256_LEN);
	if (!cut_at(&text, '\n', &c.origin) || !cut_at(&text, '\n', &size) ||
	    !cut_at(&text, '\n', &base64) || c.origin.len == 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "checkpoint: not three lines (origin, size, root)");
	if (!hm_parse_u64(size, HM_MERKLE_SIZE_MAX, &c.size))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "checkpoint: size is not a number below 2^63");
	if (hm_base64_decode(&root, base64, err) != HM_OK ||
	    root.len != HM_SHA256_LEN)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "checkpoint: root is not base64 of 32 bytes");
	memcpy(c.root.bytes, root.data, HM_SHA256_LEN);
	c.extensions = text;
	*ret_c = c;
	return HM_OK;
}

int hm_checkpoint_write(struct hm_slice origin, uint64_t size,
			const struct hm_hash *root, struct hm_buf *b,
			struct hm_err *err)
{
	int rc = hm_buf_add_slice(b, origin, err);

	if (rc == HM_OK)
		rc = hm_buf_addf(b, err, "\n%llu\n", (unsigned long long)size);
	if (rc == HM_OK)
		rc = hm_base64_add(b, hm_slice(root->bytes, HM_SHA256_LEN), err);
	if (rc == HM_OK)
		rc = hm_buf_add(b, "\n", 1, err);
	return rc;
}
