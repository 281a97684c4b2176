/*
 * One HTML page about a release: verdict, picture of the chain, checks, facts.
 * Self-contained: no script, no image, no font, no link that loads; a content
 * security policy allows this page's own style sheet, by its digest, and nothing
 * else, so that even an escaping mistake could not run or fetch anything.
 */
#include <stdio.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/when.h"
#include "verifier/page.h"

/* A browser copes with this many rows; --format json lists all. */
#define ROWS_MAX 500U

static const char style[] =
":root{--bg:#f6f7f9;--card:#fff;--ink:#16202c;--dim:#5b6776;--line:#dbe1e8;"
"--good:#0b7a43;--bad:#b3261e;--warn:#9a5b00;--accent:#2458d3}"
"@media (prefers-color-scheme:dark){:root{--bg:#10151c;--card:#19212b;"
"--ink:#e7edf4;--dim:#9aa7b5;--line:#2d3845;--good:#4cc38a;--bad:#ff8b82;"
"--warn:#f0b35a;--accent:#85a9ff}}"
"*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);"
"font:16px/1.5 system-ui,sans-serif}main{max-width:1100px;margin:0 auto;"
"padding:32px 20px}h1{font-size:26px;margin:0 0 4px;overflow-wrap:anywhere}"
"h2{font-size:18px;margin:32px 0 10px}.v{display:inline-block;padding:4px 14px;"
"border-radius:999px;color:#fff;font-weight:600;margin:10px 0}"
".good{background:var(--good)}.bad{background:var(--bad)}"
".warn{background:var(--warn)}.s{font-size:18px;margin:8px 0 20px;"
"overflow-wrap:anywhere}section,.pic{background:var(--card);border:1px solid "
"var(--line);border-radius:14px;padding:16px 20px;overflow-x:auto}"
"svg{width:100%;min-width:720px;height:auto;display:block}"
"table{border-collapse:collapse;width:100%}td,th{text-align:left;"
"vertical-align:top;padding:6px 14px 6px 0;border-top:1px solid var(--line);"
"overflow-wrap:anywhere}tr:first-child td,tr:first-child th{border-top:0}"
"th{font-weight:500;color:var(--dim);white-space:nowrap;width:1%}"
"code,.m{font-family:ui-monospace,monospace;font-size:13px}"
".ok{color:var(--good);font-weight:600}.no{color:var(--bad);font-weight:600}"
".na{color:var(--dim)}.ok,.no,.na{white-space:nowrap}svg rect{fill:var(--bg);stroke:var(--line);"
"stroke-width:1.5}.d rect{stroke:var(--accent);stroke-width:2.5}"
"svg text{fill:var(--ink)}.t{font-weight:600;font-size:16px}.l{font-size:15px}"
"svg .m{font-size:14px;fill:var(--dim)}svg .n{font-size:14px;fill:var(--accent)}"
".a{stroke:var(--accent);stroke-width:2;fill:none}.h{fill:var(--accent)}"
"footer{color:var(--dim);font-size:14px;margin-top:28px}";

static void put_head(struct hm_page *p, const char *title)
{
	AUTO_BUF struct hm_buf digest;
	uint8_t sha256[HM_SHA256_LEN];

	hm_buf_init(&digest, 128);
	if (p->rc == HM_OK)
		p->rc = hm_sha256(hm_slice_str(style), sha256, p->err);
	if (p->rc == HM_OK)
		p->rc = hm_base64_add(&digest, hm_slice(sha256, sizeof(sha256)),
				      p->err);
	if (p->rc == HM_OK)
		p->rc = hm_buf_add(&digest, "", 1, p->err);
	if (p->rc != HM_OK)
		return;
	hm_page_putf(p, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
		     "charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-"
		     "Policy\" content=\"default-src 'none'; style-src "
		     "'sha256-%s'; base-uri 'none'; form-action 'none'\">\n",
		     (const char *)digest.data);
	hm_page_put(p, "<meta name=\"viewport\" content=\"width=device-width, "
		    "initial-scale=1\">\n<meta name=\"referrer\" "
		    "content=\"no-referrer\">\n<title>");
	hm_page_text(p, title);
	hm_page_put(p, " \xc2\xb7 Hallmark</title>\n<style>");
	hm_page_put(p, style);
	hm_page_put(p, "</style></head>\n<body><main>\n");
}

static void put_verdict(struct hm_page *p, const struct hm_view *r)
{
	const struct hm_verdict *v = r->v;
	AUTO_BUF struct hm_buf sentence;
	const char *s = v->message;

	hm_buf_init(&sentence, HM_REPORT_MAX);
	if (p->rc == HM_OK && v->accepted) {
		p->rc = hm_view_sentence(r, &sentence, p->err);
		if (p->rc == HM_OK)
			p->rc = hm_buf_cstr(&sentence, &s, p->err);
	}
	hm_page_put(p, "<h1>");
	hm_page_text(p, r->in->label);
	hm_page_put(p, "</h1>\n");
	if (!v->accepted)
		hm_page_put(p, "<p class=\"v bad\">Not verified</p>\n");
	else if (!v->hardware)
		hm_page_put(p, "<p class=\"v warn\">Consistent, but no hardware "
			    "vouches for it</p>\n");
	else
		hm_page_put(p, "<p class=\"v good\">Verified</p>\n");
	hm_page_put(p, "<p class=\"s\">");
	hm_page_text(p, s);
	if (!v->accepted)
		hm_page_put(p, ". What follows is only what the evidence claims.");
	hm_page_put(p, "</p>\n");
}

static void put_checks(struct hm_page *p, const struct hm_verdict *v)
{
	static const char *const mark[] = {
		[HM_CHECK_NOT_REACHED] = "<td class=\"na\">not reached</td>",
		[HM_CHECK_PASSED] = "<td class=\"ok\">passed</td>",
		[HM_CHECK_FAILED] = "<td class=\"no\">failed</td>",
		[HM_CHECK_SKIPPED] = "<td class=\"na\">not asked</td>",
	};

	hm_page_put(p, "<h2>Checks</h2>\n<section><table>\n");
	for (size_t i = 0; i < _HM_CHECK_COUNT; i++) {
		hm_page_put(p, "<tr><th>");
		hm_page_put(p, hm_check_title((enum hm_check_id)i));
		hm_page_put(p, "</th>");
		hm_page_put(p, mark[v->checks[i].status]);
		hm_page_put(p, "<td>");
		hm_page_text(p, v->checks[i].text);
		hm_page_put(p, "</td></tr>\n");
	}
	hm_page_put(p, "</table></section>\n");
}

static void row_begin(struct hm_page *p, const char *ours)
{
	hm_page_put(p, "<tr><th>");
	hm_page_put(p, ours);
	hm_page_put(p, "</th><td>");
}

static void row_text(struct hm_page *p, const char *ours, const char *untrusted)
{
	row_begin(p, ours);
	hm_page_put(p, "<bdi>");
	hm_page_text(p, untrusted && untrusted[0] != '\0' ? untrusted : "-");
	hm_page_put(p, "</bdi></td></tr>\n");
}

static void row_hex(struct hm_page *p, const char *ours, const void *data,
		    size_t len)
{
	row_begin(p, ours);
	hm_page_put(p, "<code>");
	hm_page_hex(p, data, len);
	hm_page_put(p, "</code></td></tr>\n");
}

static void put_source(struct hm_page *p, const struct hm_provenance *s)
{
	const struct hm_build_facts *f = &s->facts;
	char hex[HM_GIT_HEX_MAX], when[HM_WHEN_MAX];
	AUTO_FREE char *config = hm_slice_dup(f->config_text);

	hm_page_put(p, "<h2>Source and build</h2>\n<section><table>\n");
	row_text(p, "repository", f->repository);
	row_text(p, "ref", f->ref);
	hm_git_id_hex(&f->commit, hex);
	row_text(p, "commit", hex);
	row_hex(p, "tree, SHA-256", f->tree_sha256, HM_SHA256_LEN);
	row_text(p, "build file", f->config_path);
	row_text(p, "its content", config ? config : "-");
	row_text(p, "builder", s->builder_id);
	row_text(p, "image", f->image_name);
	row_text(p, "image version", f->image_version);
	row_text(p, "sandbox", f->runtime);
	row_text(p, "network", f->network);
	row_text(p, "started", hm_when(f->started_ms, when));
	row_text(p, "finished", hm_when(f->finished_ms, when));
	hm_page_put(p, "</table></section>\n");
}

static void put_files(struct hm_page *p, const struct hm_artifacts *a)
{
	hm_page_putf(p, "<h2>Files (%zu)</h2>\n<section><table>\n", a->count);
	for (size_t i = 0; i < a->count && i < ROWS_MAX; i++) {
		hm_page_put(p, "<tr><td><bdi>");
		hm_page_text(p, a->items[i].name);
		hm_page_putf(p, "</bdi></td><td>%llu bytes</td><td><code>",
			     (unsigned long long)a->items[i].size);
		hm_page_hex(p, a->items[i].sha256, HM_SHA256_LEN);
		hm_page_put(p, "</code></td></tr>\n");
	}
	hm_page_put(p, "</table></section>\n");
}

static void put_downloads(struct hm_page *p, const struct hm_json *list)
{
	size_t count = list ? hm_json_count(list) : 0;

	if (count == 0)
		return;
	hm_page_putf(p, "<h2>Downloads (%zu)</h2>\n<section><table>\n", count);
	for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
		const struct hm_json *d = hm_json_at(list, i);
		const char *uri = hm_json_get_string(d, "uri");
		const char *sha = hm_json_get_string(hm_json_get(d, "digest"),
						     "sha256");

		/* Not a link: a page about evidence leads nowhere by itself. */
		hm_page_put(p, "<tr><td><bdi>");
		hm_page_text(p, uri ? uri : "-");
		hm_page_put(p, "</bdi></td><td><code>");
		hm_page_text(p, sha ? sha : "-");
		hm_page_put(p, "</code></td></tr>\n");
	}
	hm_page_put(p, "</table></section>\n");
}

static void put_certificate(struct hm_page *p, struct hm_slice der)
{
	char from[HM_WHEN_MAX], until[HM_WHEN_MAX];
	struct hm_cert_info info;
	struct hm_err ignored;

	if (hm_cert_info(der, &info, &ignored) != HM_OK)
		return;
	hm_page_put(p, "<tr><td><bdi>");
	hm_page_text(p, info.subject);
	hm_page_put(p, "</bdi></td><td>");
	hm_page_put(p, hm_when(info.not_before_ms, from));
	hm_page_put(p, "<br>");
	hm_page_put(p, hm_when(info.not_after_ms, until));
	hm_page_put(p, "</td></tr>\n");
}

static void put_document(struct hm_page *p, const struct hm_verdict *v)
{
	static const uint8_t zero[HM_PCR_LEN];
	const struct hm_nitro_document *d = &v->document;
	char name[64];

	hm_page_put(p, "<h2>Attestation document</h2>\n<section><table>\n");
	row_hex(p, "SHA-256", v->document_sha256, HM_SHA256_LEN);
	for (size_t i = 0; i < HM_NITRO_PCRS; i++) {
		if (!d->has_pcr[i] ||
		    (i > 2 && memcmp(d->pcr[i], zero, HM_PCR_LEN) == 0))
			continue;
		snprintf(name, sizeof(name), "PCR%zu %s", i, hm_pcr_name(i));
		row_hex(p, name, d->pcr[i], HM_PCR_LEN);
	}
	hm_page_put(p, "</table></section>\n<h2>Certificates, root first</h2>\n"
		    "<section><table>\n");
	for (size_t i = 0; i < d->cabundle_count; i++)
		put_certificate(p, d->cabundle[i]);
	put_certificate(p, d->certificate);
	hm_page_put(p, "</table></section>\n");
}

int hm_view_html(const struct hm_view *r, struct hm_buf *b,
		   struct hm_err *err)
{
	const struct hm_verdict *v = r->v;
	struct hm_page p = { .b = b, .err = err };

	put_head(&p, r->in->label);
	put_verdict(&p, r);
	hm_page_put(&p, "<div class=\"pic\">\n");
	hm_page_picture(&p, r);
	hm_page_put(&p, "</div>\n");
	put_checks(&p, v);
	if (v->has_provenance) {
		put_source(&p, &v->provenance);
		put_files(&p, &v->provenance.artifacts);
		put_downloads(&p, v->provenance.facts.downloads);
	}
	if (v->has_document)
		put_document(&p, v);
	hm_page_put(&p, "<footer>Written by hallmark " HM_VERSION ". This page "
		    "is a picture of the evidence, not evidence: check with "
		    "<code>hallmark verify</code>.</footer>\n</main></body>"
		    "</html>\n");
	return p.rc;
}
