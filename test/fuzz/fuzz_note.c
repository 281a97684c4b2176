/*
 * Notes, checkpoints and verifier keys as anything at all. Properties: a note's
 * text and signature lines put together again are the input; a key that was
 * read is written as the same text; nothing verifies but what the key signed.
 */
#include "lib/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char vkey[] =
	"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char signed_text[] =
	"If you think cryptography is the answer to your problem,\n"
	"then you don't know what your problem is.\n";

static void add(struct hm_buf *b, struct hm_slice s)
{
	HM_BUG_ON(hm_buf_add_slice(b, s, NULL) != HM_OK);
}

static void check_note(struct hm_slice input, const struct hm_note *note)
{
	AUTO_BUF struct hm_buf again;

	hm_buf_init(&again, 2 * HM_NOTE_MAX);
	add(&again, note->text);
	add(&again, hm_slice_str("\n"));
	for (size_t i = 0; i < note->count; i++) {
		add(&again, hm_slice_str("\xe2\x80\x94 "));
		add(&again, note->sigs[i].name);
		add(&again, hm_slice_str(" "));
		add(&again, note->sigs[i].base64);
		add(&again, hm_slice_str("\n"));
	}
	HM_BUG_ON(!hm_slice_eq(hm_buf_slice(&again), input));
}

static void check_checkpoint(struct hm_slice text)
{
	AUTO_BUF struct hm_buf again;
	struct hm_checkpoint c;

	hm_buf_init(&again, 2 * HM_NOTE_MAX);
	if (hm_checkpoint_parse(text, &c, NULL) != HM_OK)
		return;
	HM_BUG_ON(hm_checkpoint_write(c.origin, c.size, &c.root, &again, NULL) !=
		  HM_OK);
	add(&again, c.extensions);
	HM_BUG_ON(!hm_slice_eq(hm_buf_slice(&again), text));
}

static void check_vkey(struct hm_slice text)
{
	AUTO_NOTE_KEY struct hm_note_key k = {.key = NULL};
	AUTO_BUF struct hm_buf again;

	hm_buf_init(&again, 4096);
	if (hm_note_vkey_parse(text, &k, NULL) != HM_OK)
		return;
	HM_BUG_ON(hm_note_vkey_write(&k, &again, NULL) != HM_OK);
	if (text.ptr[text.len - 1] == '\n')
		text.len--;
	HM_BUG_ON(!hm_slice_eq(hm_buf_slice(&again), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_NOTE_KEY struct hm_note_key k = {.key = NULL};
	struct hm_slice input = hm_slice(data, size);
	static struct hm_note note;
	struct hm_err err;

	check_vkey(input);
	check_checkpoint(input);
	if (hm_note_parse(input, &note, &err) != HM_OK)
		return 0;
	check_note(input, &note);
	check_checkpoint(note.text);
	HM_BUG_ON(hm_note_vkey_parse(hm_slice_str(vkey), &k, &err) != HM_OK);
	if (hm_note_verify(&note, &k, NULL, &err) == HM_OK)
		HM_BUG_ON(!hm_slice_eq_str(note.text, signed_text));
	return 0;
}
