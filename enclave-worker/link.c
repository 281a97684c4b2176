/*
 * Frames from worker to host. Everything textual is escaped before it goes out,
 * so that a hostile name in an error cannot reach a terminal even through a
 * careless host.
 */
#include "link.h"

#include "lib/log.h"

void hm_link_init(struct hm_link *l, int fd)
{
	*l = (struct hm_link){.progress_at_ms = 0};
	hm_wire_init(&l->wire, fd, HM_SIDE_WORKER);
}

void hm_link_release(struct hm_link *l)
{
	hm_wire_release(&l->wire);
}

int hm_link_send(struct hm_link *l, enum hm_frame_type type,
		 enum hm_msg_kind kind, const void *msg, struct hm_err *err)
{
	hm_deadline_t deadline = hm_deadline_in(HM_LINK_TIMEOUT_MS);
	AUTO_BUF struct hm_buf body;
	int rc;

	hm_buf_init(&body, HM_WIRE_CHUNK);
	rc = hm_msg_encode(kind, msg, &body, err);
	if (rc == HM_OK)
		rc = hm_wire_send(&l->wire, type, 0, hm_buf_slice(&body),
				  deadline, err);
	if (rc == HM_OK)
		rc = hm_wire_flush(&l->wire, deadline, err);
	return rc;
}

int hm_link_state(struct hm_link *l, enum hm_state next, const char *detail,
		  struct hm_err *err)
{
	char safe[HM_ERR_MSG_MAX] = "";
	struct hm_msg_state msg = {.state = (uint64_t)next, .detail = safe};
	int rc;

	(void)hm_escape(hm_slice_str(detail ? detail : ""), safe, sizeof(safe));
	rc = hm_link_send(l, HM_F_STATE, HM_MSG_STATE, &msg, err);
	return rc < 0 ? rc : hm_wire_advance(&l->wire, next, err);
}

int hm_link_progress(struct hm_link *l, const char *step, uint64_t done,
		     uint64_t total, const char *unit, struct hm_err *err)
{
	int64_t now = hm_now_ms();
	char step_text[32], unit_text[16];
	struct hm_msg_progress msg = {
		.done = done, .step = step_text, .total = total,
		.unit = unit_text};

	if (done != total && now - l->progress_at_ms < HM_LINK_PROGRESS_MS)
		return HM_OK;
	l->progress_at_ms = now;
	(void)hm_escape(hm_slice_str(step), step_text, sizeof(step_text));
	(void)hm_escape(hm_slice_str(unit), unit_text, sizeof(unit_text));
	return hm_link_send(l, HM_F_PROGRESS, HM_MSG_PROGRESS, &msg, err);
}

int hm_link_notice(struct hm_link *l, struct hm_slice line, struct hm_err *err)
{
	hm_deadline_t deadline = hm_deadline_in(HM_LINK_TIMEOUT_MS);
	char safe[HM_ERR_MSG_MAX];
	int rc;

	if (l->notices > HM_LINK_NOTICES_MAX)
		return HM_OK;
	if (l->notices++ == HM_LINK_NOTICES_MAX)
		line = hm_slice_str("there is more to notice than is shown; "
				    "the network record has all of it");
	(void)hm_escape(line, safe, sizeof(safe));
	rc = hm_wire_send(&l->wire, HM_F_NOTICE, 0, hm_slice_str(safe),
			  deadline, err);
	return rc < 0 ? rc : hm_wire_flush(&l->wire, deadline, err);
}

void hm_link_failed(struct hm_link *l, const char *step,
		    const struct hm_err *why, unsigned int exit_status)
{
	char code[32], step_text[64], message[HM_ERR_MSG_MAX];
	struct hm_msg_failed msg = {.code = code, .exit_status = exit_status,
				    .message = message, .step = step_text};

	(void)hm_escape(hm_slice_str(hm_code_name(why->code)), code,
			sizeof(code));
	(void)hm_escape(hm_slice_str(step), step_text, sizeof(step_text));
	(void)hm_escape(hm_slice_str(why->msg), message, sizeof(message));
	(void)!hm_link_send(l, HM_F_FAILED, HM_MSG_FAILED, &msg, NULL);
}
