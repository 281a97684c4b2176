/* lib/cbor: RFC 8949 appendix A, both modes, and every refusal. */
#include "lib/cbor.h"

#include "lib/hex.h"
#include "lib/num.h"
#include "test/unit/tap.h"

static struct hm_err err;
static uint8_t bytes[4096];

static struct hm_slice unhex(const char *hex)
{
	size_t len = strlen(hex) / 2;

	HM_BUG_ON(len > sizeof(bytes) ||
		  !hm_unhex(hm_slice_str(hex), bytes, len));
	return hm_slice(bytes, len);
}

static int skip_all(const char *hex, bool strict)
{
	struct hm_cbor_reader r = hm_cbor_reader(unhex(hex), strict);
	int rc = hm_cbor_skip(&r, &err);

	return rc != HM_OK ? rc : hm_cbor_done(&r, "input", &err);
}

static void test_items(void)
{
	static const struct {
		const char *hex;
		enum hm_cbor_type type;
		uint64_t value;
	} good[] = {
		{"00", HM_CBOR_UINT, 0},
		{"17", HM_CBOR_UINT, 23},
		{"1818", HM_CBOR_UINT, 24},
		{"18ff", HM_CBOR_UINT, 255},
		{"190100", HM_CBOR_UINT, 256},
		{"19ffff", HM_CBOR_UINT, 65535},
		{"1a00010000", HM_CBOR_UINT, 65536},
		{"1affffffff", HM_CBOR_UINT, UINT32_MAX},
		{"1b0000000100000000", HM_CBOR_UINT, 1ULL << 32},
		{"1bffffffffffffffff", HM_CBOR_UINT, UINT64_MAX},
		{"20", HM_CBOR_NEGINT, 0},
		{"3822", HM_CBOR_NEGINT, 34},
		{"3903e7", HM_CBOR_NEGINT, 999},
		{"3a00010000", HM_CBOR_NEGINT, 65536},
		{"3bffffffffffffffff", HM_CBOR_NEGINT, UINT64_MAX},
		{"40", HM_CBOR_BYTES, 0},
		{"4401020304", HM_CBOR_BYTES, 4},
		{"60", HM_CBOR_TEXT, 0},
		{"6449455446", HM_CBOR_TEXT, 4},
		{"62c3bc", HM_CBOR_TEXT, 2},
		{"80", HM_CBOR_ARRAY, 0},
		{"83010203", HM_CBOR_ARRAY, 3},
		{"a0", HM_CBOR_MAP, 0},
		{"a201020304", HM_CBOR_MAP, 2},
		{"c0", HM_CBOR_TAG, 0},
		{"d2", HM_CBOR_TAG, 18},
		{"d7", HM_CBOR_TAG, 23},
		{"d818", HM_CBOR_TAG, 24},
		{"f4", HM_CBOR_BOOL, 0},
		{"f5", HM_CBOR_BOOL, 1},
		{"f6", HM_CBOR_NULL, 0},
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(good); i++) {
		struct hm_cbor_reader r =
			hm_cbor_reader(unhex(good[i].hex), true);
		struct hm_cbor_item item = {0};

		ok_call(hm_cbor_next(&r, &item, &err), &err, "reads %s",
			good[i].hex);
		ok(item.type == good[i].type && item.value == good[i].value,
		   "%s is what it is", good[i].hex);
		if (item.type == HM_CBOR_BYTES || item.type == HM_CBOR_TEXT)
			ok(item.bytes.len == item.value && r.rest.len == 0,
			   "%s: its bytes are taken", good[i].hex);
	}
}

static void test_refused_items(void)
{
	static const struct {
		const char *hex, *message;
	} never[] = {
		{"", "ends early"},
		{"18", "cut short"},
		{"1b00000000000000", "cut short"},
		{"42aa", "cut short"},
		{"5bffffffffffffffff", "cut short"},
		{"7bffffffffffffffffaa", "cut short"},
		{"1c", "starts no item"},
		{"5c", "starts no item"},
		{"fc", "starts no item"},
		{"e0", "starts no item"},
		{"f8ff", "starts no item"},
		{"f7", "'undefined' is not allowed"},
		{"f93c00", "floating-point"},
		{"fa47c35000", "floating-point"},
		{"fb3ff199999999999a", "floating-point"},
		{"5f42010243030405ff", "indefinite length"},
		{"7f657374726561646d696e67ff", "indefinite length"},
		{"62fffe", "not UTF-8"},
		{"63eda080", "not UTF-8"},
		{"9bffffffffffffffff", "more members than bytes"},
		{"9b0000000100000000", "more members than bytes"},
		{"8201", "more members than bytes"},
		{"bb7fffffffffffffff", "more members than bytes"},
		{"a2010203", "more members than bytes"},
	};
	static const struct {
		const char *hex, *message;
	} strictly[] = {
		{"1817", "shortest form"},
		{"1900ff", "shortest form"},
		{"1a0000ffff", "shortest form"},
		{"1b00000000ffffffff", "shortest form"},
		{"3817", "shortest form"},
		{"5801aa", "shortest form"},
		{"7900016161", "shortest form"},
		{"980101", "shortest form"},
		{"b8010101", "shortest form"},
		{"d812", "shortest form"},
		{"9fff", "indefinite length"},
		{"bfff", "indefinite length"},
		{"ff", "indefinite length"},
	};
	struct hm_cbor_item item;

	for (size_t i = 0; i < HM_ARRAY_LEN(never); i++)
		for (int strict = 0; strict < 2; strict++) {
			struct hm_cbor_reader r =
				hm_cbor_reader(unhex(never[i].hex), strict);

			fails(hm_cbor_next(&r, &item, &err), &err, HM_E_FORMAT,
			      never[i].message, "refuses %s (strict %d)",
			      never[i].hex, strict);
		}
	for (size_t i = 0; i < HM_ARRAY_LEN(strictly); i++) {
		struct hm_cbor_reader r =
			hm_cbor_reader(unhex(strictly[i].hex), true);

		fails(hm_cbor_next(&r, &item, &err), &err, HM_E_FORMAT,
		      strictly[i].message, "strict refuses %s",
		      strictly[i].hex);
		r = hm_cbor_reader(unhex(strictly[i].hex), false);
		ok_call(hm_cbor_next(&r, &item, &err), &err, "lenient takes %s",
			strictly[i].hex);
	}
}

static void test_skip(void)
{
	static const char *const good[] = {
		"01", "80", "a0", "8301820203820405",
		"a26161016162820203", "826161a161626163",
		"8181818181818181", /* eight deep, the last one empty: below */
	};

	for (size_t i = 0; i + 1 < HM_ARRAY_LEN(good); i++)
		ok_call(skip_all(good[i], true), &err, "skips %s", good[i]);
	fails(skip_all(good[6], true), &err, HM_E_FORMAT, "more members",
	      "an array of one without its one");
	ok_call(skip_all("8181818181818180", true), &err, "eight deep");
	fails(skip_all("818181818181818180", true), &err, HM_E_FORMAT,
	      "nested deeper than 8", "nine deep");
	ok_call(skip_all("9f9f9f9f9f9f9f9fffffffffffffffff", false), &err,
		"eight deep, indefinite");
	fails(skip_all("9f9f9f9f9f9f9f9f9fffffffffffffffffff", false), &err,
	      HM_E_FORMAT, "nested deeper than 8", "nine deep, indefinite");
	ok_call(skip_all("9f018202039f0405ffff", false), &err,
		"indefinite arrays nest");
	ok_call(skip_all("bf6346756ef563416d7421ff", false), &err,
		"an indefinite map");
	ok_call(skip_all("bf61610161629f0203ffff", false), &err,
		"an indefinite map of an indefinite array");
	fails(skip_all("bf6161ff", false), &err, HM_E_FORMAT, "out of place",
	      "a break where a value belongs");
	fails(skip_all("8201ff", false), &err, HM_E_FORMAT, "out of place",
	      "a break in a definite array");
	fails(skip_all("ff", false), &err, HM_E_FORMAT, "out of place",
	      "a lone break");
	fails(skip_all("9f01", false), &err, HM_E_FORMAT, "ends early",
	      "an indefinite array without its end");
	fails(skip_all("d24101", false), &err, HM_E_FORMAT, "a tag",
	      "a tag where none is asked for");
	fails(skip_all("0000", true), &err, HM_E_FORMAT, "1 bytes follow",
	      "trailing byte");
}

/* Sums the integers of an array of integers, whatever its form. */
static int sum(const char *hex, bool strict, uint64_t *ret)
{
	struct hm_cbor_reader r = hm_cbor_reader(unhex(hex), strict);
	struct hm_cbor_scope scope;
	struct hm_cbor_item item;
	uint64_t total = 0;
	bool more;
	int rc = hm_cbor_enter(&r, HM_CBOR_ARRAY, "list", &scope, &err);

	while (rc == HM_OK) {
		rc = hm_cbor_more(&r, &scope, &more, &err);
		if (rc != HM_OK || !more)
			break;
		rc = hm_cbor_expect(&r, HM_CBOR_UINT, "entry", &item, &err);
		if (rc == HM_OK)
			total += item.value;
	}
	if (rc == HM_OK)
		rc = hm_cbor_done(&r, "list", &err);
	if (rc == HM_OK && r.depth != 0)
		rc = hm_fail(&err, HM_E_BUG, 0, "depth %u left", r.depth);
	*ret = total;
	return rc;
}

static void test_walk(void)
{
	struct hm_cbor_reader r;
	struct hm_cbor_scope scope = {0};
	struct hm_cbor_item item;
	uint64_t total = 0;
	bool more = true;
	int depth = 0;

	ok_call(sum("83010203", true, &total), &err, "definite array");
	ok(total == 6, "and its sum");
	ok_call(sum("9f010203ff", false, &total), &err, "indefinite array");
	ok(total == 6, "and its sum");
	ok_call(sum("80", true, &total), &err, "empty array");
	fails(sum("8301026161", true, &total), &err, HM_E_FORMAT,
	      "entry: a text string where an unsigned integer belongs",
	      "a text among numbers");
	fails(sum("a0", true, &total), &err, HM_E_FORMAT,
	      "list: a map where an array belongs", "a map for an array");
	fails(sum("9f01", false, &total), &err, HM_E_FORMAT, "ends early",
	      "no break");
	fails(sum("830102", true, &total), &err, HM_E_FORMAT, "more members",
	      "too few");
	fails(sum("83010203ff", true, &total), &err, HM_E_FORMAT,
	      "1 bytes follow", "a break too many");
	fails(sum("", true, &total), &err, HM_E_FORMAT, "list: CBOR: the input",
	      "nothing at all");

	r = hm_cbor_reader(unhex("818181818181818180"), true);
	while (hm_cbor_enter(&r, HM_CBOR_ARRAY, "deep", &scope, &err) ==
	       HM_OK) {
		depth++;
		ok(hm_cbor_more(&r, &scope, &more, &err) == HM_OK && more,
		   "level %d", depth);
	}
	ok(depth == HM_CBOR_DEPTH && strstr(err.msg, "nested deeper than 8"),
	   "entering stops at the depth limit");

	r = hm_cbor_reader(unhex("a2616101616202"), true);
	ok_call(hm_cbor_enter(&r, HM_CBOR_MAP, "map", &scope, &err), &err,
		"a map of two");
	total = 0;
	while (hm_cbor_more(&r, &scope, &more, &err) == HM_OK && more) {
		ok_call(hm_cbor_expect(&r, HM_CBOR_TEXT, "key", &item, &err),
			&err, "key");
		ok_call(hm_cbor_expect(&r, HM_CBOR_UINT, "value", &item, &err),
			&err, "value");
		total += item.value;
	}
	ok(total == 3, "pairs are counted as pairs");
}

static void test_encode(void)
{
	static const char want[] =
		"a9" "61611903e8" "61623822" "616342aabb" "6164820001"
		"6165f5" "6166f6" "6167d240" "6168bf6178f4ff"
		"6169" "3bffffffffffffffff";
	AUTO_BUF struct hm_buf b;
	char hex[256];
	int bad = 0;

	hm_buf_init(&b, 120);
	bad |= hm_cbor_put_map(&b, 9, &err);
	bad |= hm_cbor_put_str(&b, "a", &err);
	bad |= hm_cbor_put_uint(&b, 1000, &err);
	bad |= hm_cbor_put_str(&b, "b", &err);
	bad |= hm_cbor_put_negint(&b, 34, &err);
	bad |= hm_cbor_put_str(&b, "c", &err);
	bad |= hm_cbor_put_bytes(&b, hm_slice("\xaa\xbb", 2), &err);
	bad |= hm_cbor_put_str(&b, "d", &err);
	bad |= hm_cbor_put_array(&b, 2, &err);
	bad |= hm_cbor_put_uint(&b, 0, &err);
	bad |= hm_cbor_put_uint(&b, 1, &err);
	bad |= hm_cbor_put_str(&b, "e", &err);
	bad |= hm_cbor_put_bool(&b, true, &err);
	bad |= hm_cbor_put_str(&b, "f", &err);
	bad |= hm_cbor_put_null(&b, &err);
	bad |= hm_cbor_put_str(&b, "g", &err);
	bad |= hm_cbor_put_tag(&b, 18, &err);
	bad |= hm_cbor_put_bytes(&b, hm_slice(NULL, 0), &err);
	bad |= hm_cbor_put_str(&b, "h", &err);
	bad |= hm_cbor_put_open_map(&b, &err);
	bad |= hm_cbor_put_str(&b, "x", &err);
	bad |= hm_cbor_put_bool(&b, false, &err);
	bad |= hm_cbor_put_break(&b, &err);
	bad |= hm_cbor_put_str(&b, "i", &err);
	bad |= hm_cbor_put_negint(&b, UINT64_MAX, &err);
	ok(bad == 0, "encodes one of each");
	HM_BUG_ON(b.len * 2 >= sizeof(hex));
	hm_hex(b.data, b.len, hex);
	ok(strcmp(hex, want) == 0, "to the expected bytes");

	fails(hm_cbor_put_text(&b, hm_slice("\xff", 1), &err), &err,
	      HM_E_FORMAT, "not UTF-8", "text that is not");
	fails(hm_cbor_put_bytes(&b, hm_slice(hex, sizeof(hex)), &err), &err,
	      HM_E_TOO_LARGE, "120", "the buffer's limit holds");
}

/* Whatever the bytes, skipping ends, and what it took stays taken. */
static void test_every_short_input(void)
{
	unsigned int whole = 0, refused = 0;
	uint8_t in[3];

	for (unsigned int v = 0; v < 1U << 24; v += 7) {
		struct hm_cbor_reader r;

		in[0] = (uint8_t)(v >> 16);
		in[1] = (uint8_t)(v >> 8);
		in[2] = (uint8_t)v;
		r = hm_cbor_reader(hm_slice(in, 3), v & 1U);
		if (hm_cbor_skip(&r, &err) == HM_OK)
			whole += r.rest.len <= 2;
		else
			refused++;
	}
	ok(whole > 0 && refused > 0 && whole + refused == (1U << 24) / 7 + 1,
	   "three-byte inputs: %u taken, %u refused", whole, refused);
}

int main(void)
{
	test_items();
	test_refused_items();
	test_skip();
	test_walk();
	test_encode();
	test_every_short_input();
	return tap_done();
}
