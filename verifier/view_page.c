/*
 * The escaper of the HTML report, and its drawing. Distrusts every name in the
 * evidence: besides markup it takes away control bytes and the bidirectional
 * controls that make "exe.c" look like "c.exe".
 */
#include "verifier/page.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/when.h"

void hm_page_put(struct hm_page *p, const char *markup)
{
	if (p->rc == HM_OK)
		p->rc = hm_buf_add_str(p->b, markup, p->err);
}

void hm_page_putf(struct hm_page *p, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	hm_page_put(p, text);
}

/* U+200E/F, U+202A-E, U+2066-9, U+061C: length of one at s, else 0. */
static size_t bidi_control(const uint8_t *s, size_t len)
{
	if (len >= 2 && s[0] == 0xd8 && s[1] == 0x9c)
		return 2;
	if (len < 3 || s[0] != 0xe2)
		return 0;
	if (s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f ||
			     (s[2] >= 0xaa && s[2] <= 0xae)))
		return 3;
	return s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9 ? 3 : 0;
}

static const char *entity(uint8_t c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* s is what hm_escape_add() made: UTF-8 without controls. */
static void put_escaped(struct hm_page *p, const uint8_t *s, size_t len)
{
	for (size_t i = 0; p->rc == HM_OK && i < len; i++) {
		const char *e = entity(s[i]);
		size_t n = bidi_control(s + i, len - i);

		if (n > 0) {
			hm_page_put(p, "\xef\xbf\xbd");	/* U+FFFD */
			i += n - 1;
		} else if (e) {
			hm_page_put(p, e);
		} else {
			p->rc = hm_buf_add(p->b, &s[i], 1, p->err);
		}
	}
}

void hm_page_text(struct hm_page *p, const char *text)
{
	AUTO_BUF struct hm_buf safe;

	hm_buf_init(&safe, 4 * (strlen(text) + 1));
	if (p->rc == HM_OK)
		p->rc = hm_escape_add(&safe, hm_slice_str(text), p->err);
	put_escaped(p, safe.data, safe.len);
}

void hm_page_clip(struct hm_page *p, const char *text, size_t max)
{
	AUTO_BUF struct hm_buf safe;
	size_t end = 0, chars = 0;

	hm_buf_init(&safe, 4 * (strlen(text) + 1));
	if (p->rc == HM_OK)
		p->rc = hm_escape_add(&safe, hm_slice_str(text), p->err);
	if (p->rc != HM_OK)
		return;
	for (; end < safe.len; end++) {
		bool starts = (safe.data[end] & 0xc0) != 0x80;

		if (starts && chars == max)
			break;
		chars += starts ? 1 : 0;
	}
	put_escaped(p, safe.data, end);
	if (end < safe.len)
		hm_page_put(p, "\xe2\x80\xa6");	/* ellipsis */
}

void hm_page_hex(struct hm_page *p, const void *data, size_t len)
{
	char hex[2 * HM_PCR_LEN + 1];

	hm_hex(data, len > HM_PCR_LEN ? HM_PCR_LEN : len, hex);
	hm_page_put(p, hex);
}

/* --- the picture --- */

struct box {
	int x, y, width, height;
	const char *kind;	/* CSS class */
	const char *title;
};

static void box_begin(struct hm_page *p, const struct box *b)
{
	hm_page_putf(p, "<g class=\"%s\"><rect x=\"%d\" y=\"%d\" width=\"%d\" "
		     "height=\"%d\" rx=\"12\"/>", b->kind, b->x, b->y, b->width,
		     b->height);
	hm_page_putf(p, "<text class=\"t\" x=\"%d\" y=\"%d\">%s</text>",
		     b->x + 16, b->y + 30, b->title);
}

/* One line in a box; row counts from 0. */
static void box_line(struct hm_page *p, const struct box *b, int row,
		     bool fixed, const char *untrusted)
{
	hm_page_putf(p, "<text class=\"%s\" x=\"%d\" y=\"%d\">",
		     fixed ? "m" : "l", b->x + 16, b->y + 56 + 22 * row);
	hm_page_clip(p, untrusted, fixed ? 28 : 29);
	hm_page_put(p, "</text>");
}

static void box_end(struct hm_page *p)
{
	hm_page_put(p, "</g>\n");
}

static void arrow(struct hm_page *p, int x1, int y1, int x2, int y2)
{
	hm_page_putf(p, "<path class=\"a\" d=\"M%d %dL%d %d\" "
		     "marker-end=\"url(#tip)\"/>\n", x1, y1, x2, y2);
}

static void label(struct hm_page *p, int x, int y, const char *ours)
{
	hm_page_putf(p, "<text class=\"n\" x=\"%d\" y=\"%d\">%s</text>\n", x, y,
		     ours);
}

static void draw_commit(struct hm_page *p, const struct box *b,
			const struct hm_build_facts *f)
{
	const char *repository = f->repository;
	char commit[HM_GIT_HEX_MAX];

	if (strncmp(repository, "https://", 8) == 0)
		repository += 8;
	hm_git_id_hex(&f->commit, commit);
	commit[24] = '\0';
	box_begin(p, b);
	box_line(p, b, 0, false, repository[0] != '\0' ? repository :
		 "(no repository named)");
	box_line(p, b, 1, true, commit);
	box_line(p, b, 2, false, f->ref);
	box_end(p);
}

static void draw_build(struct hm_page *p, const struct box *b,
		       const struct hm_build_facts *f)
{
	char line[600];

	box_begin(p, b);
	snprintf(line, sizeof(line), "image %s%s%s", f->image_name,
		 f->image_version[0] != '\0' ? "@" : "", f->image_version);
	box_line(p, b, 0, false, line);
	snprintf(line, sizeof(line), "sandbox %s", f->runtime);
	box_line(p, b, 1, false, line);
	snprintf(line, sizeof(line), "network %s", f->network);
	box_line(p, b, 2, false, line);
	box_end(p);
}

static void draw_files(struct hm_page *p, const struct box *b,
		       const struct hm_artifacts *a)
{
	char line[64];

	box_begin(p, b);
	if (a->count > 0) {
		hm_hex(a->items[0].sha256, 12, line);
		box_line(p, b, 0, false, a->items[0].name);
		box_line(p, b, 1, true, line);
	}
	if (a->count > 1) {
		snprintf(line, sizeof(line), "and %zu more", a->count - 1);
		box_line(p, b, 2, false, line);
	}
	box_end(p);
}

static void draw_root(struct hm_page *p, const struct box *b,
		      const struct hm_verdict *v)
{
	struct hm_cert_info info;
	struct hm_err ignored;
	char line[64];

	box_begin(p, b);
	hm_hex(v->root_sha256, 12, line);
	if (hm_cert_info(v->document.cabundle[0], &info, &ignored) == HM_OK)
		box_line(p, b, 0, false, info.subject);
	box_line(p, b, 1, true, line);
	box_line(p, b, 2, false, v->hardware ? "hardware" :
		 "no hardware vouches");
	box_end(p);
}

static void draw_document(struct hm_page *p, const struct box *b,
			  const struct hm_verdict *v)
{
	char when[HM_WHEN_MAX], line[64], name[64];

	box_begin(p, b);
	snprintf(name, sizeof(name), "%.*s", (int)(v->document.module_id.len <
		 60 ? v->document.module_id.len : 60),
		 (const char *)v->document.module_id.ptr);
	box_line(p, b, 0, true, name);
	box_line(p, b, 1, false,
		 hm_when((int64_t)v->document.timestamp_ms, when));
	hm_hex(v->document_sha256, 12, line);
	box_line(p, b, 2, true, line);
	box_end(p);
}

static void draw_statements(struct hm_page *p, const struct box *b,
			    const struct hm_verdict *v)
{
	char line[64];

	box_begin(p, b);
	box_line(p, b, 0, false, "provenance and evidence");
	hm_hex(v->statement_sha256, 12, line);
	box_line(p, b, 1, true, v->checks[HM_CHECK_BINDING].status ==
		 HM_CHECK_PASSED ? line : "not checked");
	box_line(p, b, 2, false, v->logged ? v->log_name : "not in a named log");
	box_end(p);
}

void hm_page_picture(struct hm_page *p, const struct hm_view *r)
{
	static const struct box commit = { 10, 10, 300, 122, "b", "Commit" };
	static const struct box build = { 370, 10, 300, 122, "b",
					  "Build in the enclave" };
	static const struct box files = { 730, 10, 300, 122, "b", "Files" };
	static const struct box root = { 10, 230, 300, 122, "b", "Trust root" };
	static const struct box doc = { 370, 230, 300, 122, "d",
					"Attestation document" };
	static const struct box signed_ = { 730, 230, 300, 122, "b",
					    "Signed statements" };
	const struct hm_verdict *v = r->v;

	hm_page_put(p, "<svg viewBox=\"0 0 1040 362\" role=\"img\" "
		    "aria-label=\"From the commit through the enclave to the "
		    "files, and from the trust root through the attestation "
		    "document to the signed statements\">\n<defs><marker "
		    "id=\"tip\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" "
		    "markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">"
		    "<path class=\"h\" d=\"M0 0L10 5L0 10z\"/></marker></defs>\n");
	if (v->has_provenance) {
		draw_commit(p, &commit, &v->provenance.facts);
		draw_build(p, &build, &v->provenance.facts);
		draw_files(p, &files, &v->provenance.artifacts);
		arrow(p, 310, 71, 368, 71);
		arrow(p, 670, 71, 728, 71);
	}
	if (v->has_document) {
		draw_root(p, &root, v);
		draw_document(p, &doc, v);
		draw_statements(p, &signed_, v);
		arrow(p, 310, 291, 368, 291);
		arrow(p, 670, 291, 728, 291);
	}
	if (v->has_document && v->has_provenance) {
		arrow(p, 430, 230, 240, 134);
		arrow(p, 520, 230, 520, 134);
		arrow(p, 610, 230, 800, 134);
		arrow(p, 940, 230, 940, 134);
		label(p, 212, 190, "commit, PCR16");
		label(p, 530, 190, "PCR0\xe2\x80\x93""2");
		label(p, 730, 190, "digest A");
		label(p, 950, 190, "subjects");
	}
	hm_page_put(p, "</svg>\n");
}
