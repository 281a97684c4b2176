/*
 * Which image made the document. PCR0-2 measure kernel, worker and manifest; an
 * index signed by endorsers, or the user's own pins, say which values are good.
 * PCR0 alone is not enough: the measured bytes are joined without lengths, so
 * only all three together fix where each section ends.
 *
 * Under a development root the values are what the holder of a key file wrote;
 * comparing them proves nothing about hardware, and a local build has no image.
 * They are then compared only if the user asked for an image by name or value.
 */
#include <stdio.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/when.h"
#include "verifier/case.h"

static bool pin_holds(const struct hm_pin *pin,
		      const struct hm_nitro_document *doc)
{
	for (size_t i = 0; i < HM_IMAGE_PCRS; i++)
		if (pin->has[i] &&
		    memcmp(pin->pcr[i], doc->pcr[i], HM_PCR_LEN) != 0)
			return false;
	return true;
}

static bool has_pin(const struct hm_pin *pin)
{
	return pin->has[0] || pin->has[1] || pin->has[2];
}

static int check_pins(struct hm_case *c, bool *ret_pinned, struct hm_err *err)
{
	const struct hm_nitro_document *doc = &c->v->document;
	const struct hm_policy *p = c->want->policy;
	char hex[2 * HM_PCR_LEN + 1];
	bool found = false;

	*ret_pinned = false;
	hm_hex(doc->pcr[0], HM_PCR_LEN, hex);
	if (has_pin(&c->want->pin)) {
		if (!pin_holds(&c->want->pin, doc))
			return hm_refuse(c, HM_R_UNKNOWN_IMAGE, err,
					 "the image is not the one pinned: its "
					 "PCR0 is %s", hex);
		/* One or two values narrow; only all three name an image. */
		*ret_pinned = c->want->pin.has[0] && c->want->pin.has[1] &&
			      c->want->pin.has[2];
	}
	if (!p || p->pin_count == 0)
		return HM_OK;
	for (size_t i = 0; i < p->pin_count; i++)
		found = found || pin_holds(&p->pins[i], doc);
	if (!found)
		return hm_refuse(c, HM_R_UNKNOWN_IMAGE, err,
				 "the image is none of the %zu that the policy "
				 "pins: its PCR0 is %s", p->pin_count, hex);
	*ret_pinned = true;
	return HM_OK;
}

static int check_index(struct hm_case *c, struct hm_err *err)
{
	const struct hm_image_index *x = c->want->index;
	const struct hm_nitro_document *doc = &c->v->document;
	int64_t at_ms = (int64_t)doc->timestamp_ms;
	const struct hm_image *im;
	char hex[2 * HM_PCR_LEN + 1], when[HM_WHEN_MAX];

	if (c->want->now_ms > x->expires_ms)
		return hm_refuse(c, HM_R_IMAGE_INDEX, err,
				 "the image index expired on %s: fetch a newer "
				 "one", hm_when_day(x->expires_ms, when));
	im = hm_image_index_find(x, doc->pcr, at_ms);
	if (!im) {
		hm_hex(doc->pcr[0], HM_PCR_LEN, hex);
		return hm_refuse(c, HM_R_UNKNOWN_IMAGE, err,
				 "unknown image: no entry of the index has PCR0 "
				 "%s with these PCR1 and PCR2", hex);
	}
	c->v->image = im;
	if (im->revoked)
		return hm_refuse(c, HM_R_REVOKED_IMAGE, err,
				 "image %s@%s was revoked: %s", im->name,
				 im->version, HM_ESC(hm_slice_str(im->reason)));
	if (at_ms < im->not_before_ms || at_ms > im->not_after_ms)
		return hm_refuse(c, HM_R_REVOKED_IMAGE, err,
				 "image %s@%s was not valid on %s", im->name,
				 im->version, hm_when_day(at_ms, when));
	return HM_OK;
}

int hm_check_image(struct hm_case *c, struct hm_err *err)
{
	const struct hm_expect *want = c->want;
	const struct hm_policy *p = want->policy;
	bool named = want->images.count > 0 || (p && p->images.count > 0);
	bool endorsed = p && p->endorser_count > 0;
	bool pinned = false;
	int rc;

	if (want->index_failed)
		return hm_refuse(c, HM_R_IMAGE_INDEX, err, "%s",
				 want->index_problem.msg);
	rc = check_pins(c, &pinned, err);
	if (rc != HM_OK)
		return rc;
	if (want->index) {
		rc = check_index(c, err);
		if (rc != HM_OK)
			return rc;
		hm_proved(c, "%s@%s, endorsed by %zu %s in index %llu%s",
			  c->v->image->name, c->v->image->version,
			  want->index->endorsed_by,
			  want->index->endorsed_by == 1 ? "key" : "keys",
			  (unsigned long long)want->index->serial,
			  pinned ? ", and the one pinned" : "");
		return HM_OK;
	}
	if (endorsed || named)
		return hm_refuse(c, HM_R_UNKNOWN_IMAGE, err,
				 "unknown image: an endorsed image is demanded; "
				 "give the index with --image-index FILE");
	if (pinned || (has_pin(&want->pin) && !c->v->hardware)) {
		hm_proved(c, "the pinned PCRs are those of the document");
		return HM_OK;
	}
	if (c->v->hardware)
		return hm_refuse(c, HM_R_UNKNOWN_IMAGE, err,
				 "unknown image: give --image-index FILE with "
				 "--endorser-key PEM, or pin --pcr0, --pcr1 and "
				 "--pcr2");
	hm_not_asked(c, "not checked: a local build has no image, and under a "
		     "development root its PCRs prove nothing");
	return HM_OK;
}
