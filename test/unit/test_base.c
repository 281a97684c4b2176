/* lib base: errors, buffers, numbers, readers, hex, paths, io, processes, cli. */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/hex.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/path.h"
#include "lib/process.h"
#include "lib/reader.h"
#include "test/unit/tap.h"

static struct hm_err err;

static void test_err(void)
{
	char big[2000];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 0;
	ok(hm_fail(&err, HM_E_FORMAT, 0, "pcr %d", 4) == HM_E_FORMAT &&
		   strcmp(err.msg, "pcr 4") == 0,
	   "an error carries its sentence");
	ok(hm_err_prefix(&err, "attestation") == HM_E_FORMAT &&
		   strcmp(err.msg, "attestation: pcr 4") == 0,
	   "context goes in front");
	(void)hm_fail(&err, HM_E_FORMAT, 0, "%s", big);
	ok(strlen(err.msg) == HM_ERR_MSG_MAX - 1 &&
		   strcmp(err.msg + HM_ERR_MSG_MAX - 4, "...") == 0,
	   "a long message is cut visibly");
	(void)hm_fail(&err, HM_E_SYSTEM, ENOENT, "open");
	ok(strstr(err.msg, "No such file") != NULL, "errno is told in words");
}

static void test_buf(void)
{
	AUTO_BUF struct hm_buf b;
	const char *s = NULL;

	hm_buf_init(&b, 1000);
	ok_call(hm_buf_addf(&b, &err, "%d-%s", 12, "ab"), &err, "formatted add");
	ok_call(hm_buf_cstr(&b, &s, &err), &err, "as text");
	ok(s && strcmp(s, "12-ab") == 0 && b.len == 5, "content and length");
	hm_buf_consume(&b, 3);
	ok(hm_slice_eq_str(hm_buf_slice(&b), "ab"), "consumed from the front");
	for (int i = 0; i < 998; i++) {
		if (hm_buf_add(&b, "x", 1, &err) < 0)
			break;
	}
	ok(b.len == 1000, "filled to the cap exactly");
	fails(hm_buf_add(&b, "y", 1, &err), &err, HM_E_TOO_LARGE, "1000 bytes",
	      "one byte over the cap is refused");
	ok(!hm_slice_is_text(hm_slice("a\x1b[1m", 5)), "escape is not text");
	ok(!hm_slice_is_text(hm_slice("\xc0\xaf", 2)), "overlong is not UTF-8");
	ok(!hm_slice_is_utf8(hm_slice("\xed\xa0\x80", 3)), "surrogate refused");
	ok(!hm_slice_is_text(hm_slice("\xc2\x9b", 2)), "C1 control refused");
	ok(hm_slice_is_text(hm_slice_str("gr\xc3\xbc\xc3\x9f")), "umlauts pass");
	ok(hm_slice_cmp(hm_slice_str("a"), hm_slice_str("ab")) < 0 &&
		   hm_slice_cmp(hm_slice_str("b"), hm_slice_str("ab")) > 0,
	   "byte order");
	ok(hm_slice_dup(hm_slice("a\0b", 3)) == NULL, "NUL inside is no string");
}

static void test_num(void)
{
	uint64_t v = 7;

	ok(hm_parse_u64(hm_slice_str("18446744073709551615"), UINT64_MAX, &v) &&
		   v == UINT64_MAX, "largest number");
	ok(!hm_parse_u64(hm_slice_str("18446744073709551616"), UINT64_MAX, &v),
	   "overflow refused");
	ok(!hm_parse_u64(hm_slice_str("01"), 9, &v), "leading zero refused");
	ok(!hm_parse_u64(hm_slice_str("+1"), 9, &v), "sign refused");
	ok(!hm_parse_u64(hm_slice_str(""), 9, &v), "empty refused");
	ok(!hm_parse_u64(hm_slice_str("10"), 9, &v), "over the maximum refused");
}

static void test_reader(void)
{
	struct hm_reader r = hm_reader(hm_slice("\x01\x02\x03\x04\x05", 5));

	ok(hm_reader_u32be(&r) == 0x01020304 && !hm_reader_done(&r),
	   "u32, and leftovers are told");
	ok(hm_reader_u16be(&r) == 0 && r.failed && hm_reader_u8(&r) == 0,
	   "a short read sticks");
}

static void test_hex(void)
{
	static const struct { const char *text, *data; } good[] = {
		{"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"},
		{"Zm9vYmFy", "foobar"},
	};
	static const char *const bad[] = {"Zg=", "Zh==", "Zm9=", "Z===", "Zg==Zg==",
					  "Zm9v\n", "Zm-v", "====", " Zg="};
	uint8_t out[2];

	for (size_t i = 0; i < HM_ARRAY_LEN(good); i++) {
		AUTO_BUF struct hm_buf b;
		AUTO_BUF struct hm_buf t;

		hm_buf_init(&b, 64);
		hm_buf_init(&t, 64);
		ok(hm_base64_decode(&b, hm_slice_str(good[i].text), &err) == 0 &&
			   hm_slice_eq_str(hm_buf_slice(&b), good[i].data) &&
			   hm_base64_add(&t, hm_buf_slice(&b), &err) == 0 &&
			   hm_slice_eq_str(hm_buf_slice(&t), good[i].text),
		   "base64 '%s' both ways", good[i].text);
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++) {
		AUTO_BUF struct hm_buf b;

		hm_buf_init(&b, 64);
		fails(hm_base64_decode(&b, hm_slice_str(bad[i]), &err), &err,
		      HM_E_FORMAT, "base64", "base64 case %zu refused", i);
		ok(b.len == 0, "and nothing is left in the buffer");
	}
	ok(!hm_unhex(hm_slice_str("AB01"), out, 2), "upper-case hex refused");
	ok(!hm_unhex(hm_slice_str("ab0"), out, 2), "odd hex refused");
	ok(hm_unhex(hm_slice_str("ab01"), out, 2) && out[0] == 0xab, "hex");
}

static void test_path(void)
{
	static const char *const bad[] = {"", "/a", "a//b", "a/", "../a", "a/..",
					  "a/./b", "a\nb", "a/\x7f"};
	char dir[] = "/tmp/hm-test-XXXXXX";
	AUTO_BUF struct hm_buf b;
	int fd, got = -1;

	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		fails(hm_path_check(hm_slice_str(bad[i]), &err), &err,
		      HM_E_POLICY, "", "path case %zu refused", i);
	ok_call(hm_path_check(hm_slice_str("a/b..c/.d"), &err), &err, "good path");
	ok(mkdtemp(dir) != NULL, "scratch directory");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	hm_buf_init(&b, 10);
	ok_call(hm_file_write_atomic(fd, "f", hm_slice_str("0123456789"), 0600,
				     &err), &err, "atomic write");
	ok_call(hm_file_read(fd, "f", &b, &err), &err, "read at the limit");
	hm_buf_release(&b);
	hm_buf_init(&b, 9);
	fails(hm_file_read(fd, "f", &b, &err), &err, HM_E_TOO_LARGE, "'f'",
	      "a file over the limit is refused");
	ok(symlinkat("f", fd, "link") == 0 && mkfifoat(fd, "fifo", 0600) == 0 &&
		   mkdirat(fd, "d", 0700) == 0 && symlinkat("..", fd, "d/up") == 0,
	   "traps laid");
	hm_buf_release(&b);
	fails(hm_file_read(fd, "link", &b, &err), &err, HM_E_SYSTEM, "link",
	      "a link is not followed");
	fails(hm_file_read(fd, "fifo", &b, &err), &err, HM_E_POLICY,
	      "not a regular file", "a FIFO does not hang the reader");
	fails(hm_openat_beneath(fd, "d/up/f", O_RDONLY, 0, &got, &err), &err,
	      HM_E_SYSTEM, "open", "a link in the middle is refused");
	fails(hm_openat_beneath(fd, "../x", O_RDONLY, 0, &got, &err), &err,
	      HM_E_SYSTEM, "open", "dot-dot does not leave");
	(void)close(fd);
	ok_call(hm_tree_remove(AT_FDCWD, dir, &err), &err, "tree removed");
	ok(access(dir, F_OK) != 0 && access("/tmp", F_OK) == 0,
	   "and nothing outside it");
}

static void test_io(void)
{
	int sv[2];
	char c[4];

	ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0, "pair");
	fails(hm_io_read_full(sv[0], c, 1, hm_deadline_in(20), &err), &err,
	      HM_E_TIMEOUT, "timed out", "a silent peer meets the deadline");
	ok_call(hm_io_write_all(sv[1], "ab", 2, hm_deadline_in(1000), &err), &err,
		"write");
	(void)close(sv[1]);
	fails(hm_io_read_full(sv[0], c, 4, hm_deadline_in(1000), &err), &err,
	      HM_E_CLOSED, "2 of 4", "a half message is an error");
	fails(hm_io_write_all(sv[0], "ab", 2, hm_deadline_in(1000), &err), &err,
	      HM_E_CLOSED, "write", "a gone peer is an error, not a signal");
	(void)close(sv[0]);
}

static void test_process(void)
{
	const char *const echo[] = {"sh", "-c", "echo $0-$A; ls /proc/self/fd; exit 3",
				    NULL};
	const char *const none[] = {"/nonexistent/program", NULL};
	const char *const loud[] = {"yes", NULL};
	const char *const env[] = {"A=b", "PATH=/usr/bin:/bin", NULL};
	struct hm_process_spec spec = {.argv = echo, .envp = env, .stdin_fd = -1,
				       .stdout_fd = -1, .stderr_fd = -1};
	AUTO_BUF struct hm_buf out;
	struct hm_exit e = {0};
	int leak = dup(1);	/* deliberately without CLOEXEC */

	hm_buf_init(&out, 4096);
	ok_call(hm_process_run(&spec, &out, NULL, hm_deadline_in(5000), &e, &err),
		&err, "run");
	ok(!e.signalled && e.code == 3, "exit status");
	ok(out.len > 4 && memcmp(out.data, "sh-b\n0\n1\n2\n3\n", 13) == 0 &&
		   out.len == 13,
	   "only 0, 1, 2 are inherited (3 is ls's own)");
	(void)close(leak);
	spec.argv = none;
	fails(hm_process_run(&spec, &out, NULL, hm_deadline_in(5000), &e, &err),
	      &err, HM_E_SYSTEM, "No such file", "a missing program is named");
	spec.argv = loud;
	fails(hm_process_run(&spec, &out, NULL, hm_deadline_in(5000), &e, &err),
	      &err, HM_E_TOO_LARGE, "output", "a flood ends at the cap");
}

static void test_cli(void)
{
	bool flag = false;
	const char *text = NULL;
	uint64_t n = 5;
	struct hm_cli_list list = {.count = 0};
	const struct hm_cli_option opts[] = {
		{"flag", 'f', HM_CLI_FLAG, NULL, "a flag", &flag, 0, 0},
		{"text", 0, HM_CLI_STRING, "T", "text", &text, 0, 0},
		{"num", 0, HM_CLI_U64, "N", "number", &n, 2, 9},
		{"item", 0, HM_CLI_LIST, "I", "items", &list, 0, 0},
	};
	char words[] = "x\0-f\0--text=a=b\0--num\0009\0--item\0001\0"
		       "--item=2\0--\0--y";
	char *good[10], *word = words;
	static const char *const bad[][3] = {
		{"--nope", "", "unknown option"},   {"--num", "1", "from 2 to 9"},
		{"--num=x", "", "from 2 to 9"},	    {"--flag=1", "", "no value"},
		{"--text", NULL, "needs a value"},  {"-f", "-f", "given twice"},
		{"-fx", "", "unknown option"},
	};
	size_t count = 0;

	for (size_t i = 0; i < HM_ARRAY_LEN(good); i++) {
		good[i] = word;
		word += strlen(word) + 1;
	}
	ok_call(hm_cli_parse(opts, HM_ARRAY_LEN(opts), 10, good, &count, &err),
		&err, "a full command line");
	ok(flag && text && strcmp(text, "a=b") == 0 && n == 9 && list.count == 2 &&
		   count == 2 && strcmp(good[0], "x") == 0 &&
		   strcmp(good[1], "--y") == 0,
	   "every kind arrives, operands are compacted");
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++) {
		char *argv[] = {strdup(bad[i][0]), bad[i][1] ? strdup(bad[i][1]) : NULL};

		fails(hm_cli_parse(opts, HM_ARRAY_LEN(opts), bad[i][1] ? 2 : 1,
				   argv, &count, &err),
		      &err, HM_E_USAGE, bad[i][2], "%s refused", bad[i][0]);
		free(argv[0]);
		free(argv[1]);
	}
}

static void test_escape(void)
{
	char out[24];

	ok(strcmp(hm_escape(hm_slice("a\x1b[0m\n", 6), out, sizeof(out)),
		  "a\\x1b[0m\\x0a") == 0, "control bytes are shown, not sent");
	ok(strcmp(hm_escape(hm_slice_str("a ##[error]"), out, sizeof(out)),
		  "a \\x23#[error]") == 0, "a runner's command is shown, not given");
	ok(strcmp(hm_escape(hm_slice_str("123456789012345678901234567890"), out,
			    sizeof(out)), "12345678901234567890...") == 0,
	   "long text is cut");
}

int main(void)
{
	test_err();
	test_buf();
	test_num();
	test_reader();
	test_hex();
	test_path();
	test_io();
	test_process();
	test_cli();
	test_escape();
	return tap_done();
}
