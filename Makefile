# Hallmark. `make help` lists what there is to make.
#
# One file, non-recursive. Sources are found by directory: lib/*.c is shared,
# each program has a folder, test/unit/test_*.c and test/fuzz/fuzz_*.c are one
# binary each. Libraries come from pkg-config; nothing is downloaded here.

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
O ?= build
V ?= 0
DEVELOPER ?= 0
SAN ?=
COVERAGE ?= 0

Q := $(if $(filter 1,$(V)),,@)
PKG_CONFIG ?= pkg-config
INSTALL ?= install

# --- flags -------------------------------------------------------------------
cc-option = $(shell $(CC) -Werror $(1) -c -x c /dev/null -o /dev/null \
	2>/dev/null && echo $(1))
WARN := -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wvla \
	-Wformat=2 -Wundef -Wswitch-enum -Wcast-qual -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wimplicit-fallthrough
HARDEN := -fstack-protector-strong -fPIE \
	$(call cc-option,-fstack-clash-protection) \
	$(call cc-option,-fcf-protection) \
	$(call cc-option,-ftrivial-auto-var-init=zero) \
	$(call cc-option,-fstrict-flex-arrays=3)
CFLAGS ?= -O2 -g
ALL_CPPFLAGS := -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-DHM_VERSION='"$(VERSION)"' -DHM_PREFIX='"$(PREFIX)"' \
	-include lib/banned.h $(CPPFLAGS)
ALL_CFLAGS := -std=gnu17 $(WARN) $(HARDEN) -ffile-prefix-map=$(CURDIR)/= \
	$(CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed \
	$(LDFLAGS)
ifeq ($(DEVELOPER),1)
ALL_CFLAGS += -Werror
endif
ifneq ($(SAN),)
ALL_CFLAGS += -fsanitize=$(SAN) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
ALL_LDFLAGS += -fsanitize=$(SAN)
else ifeq ($(COVERAGE),0)
ALL_CPPFLAGS += $(if $(filter -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif
ifeq ($(COVERAGE),1)
ALL_CFLAGS += --coverage -O0
ALL_LDFLAGS += --coverage
endif

# --- libraries: one short, visible list per program ---------------------------
pkg = $(shell $(PKG_CONFIG) --libs $(1))
LIBS_CRYPTO := $(call pkg,libcrypto)
LIBS_JSON := $(call pkg,jansson)
LIBS_CBOR := $(call pkg,libcbor)
LIBS_SSL := $(call pkg,libssl)
# For tests only: the reader that we did not write.
LIBS_ARCHIVE = $(call pkg,libarchive)
LIBS_CURL := $(call pkg,libcurl)
# Only sha1dc out of libgit2's static archive: see lib/sha1dc.c.
LIBS_GITHASH := $(shell $(PKG_CONFIG) --variable=libdir libgit2)/libgit2.a

LIBS_hallmark := $(LIBS_JSON) $(LIBS_CBOR) $(LIBS_CRYPTO)
LIBS_enclave-worker := $(LIBS_JSON) $(LIBS_CBOR) $(LIBS_SSL) $(LIBS_CRYPTO) \
	$(LIBS_GITHASH)
LIBS_runner-hook := $(LIBS_JSON) $(LIBS_CBOR) $(LIBS_CURL) $(LIBS_CRYPTO)
LIBS_test = $(LIBS_JSON) $(LIBS_CBOR) $(LIBS_CURL) $(LIBS_SSL) $(LIBS_CRYPTO) \
	$(LIBS_ARCHIVE) $(LIBS_GITHASH)

# --- what is built -------------------------------------------------------------
PROGRAMS := runner-hook enclave-worker hallmark
DIR_runner-hook := runner-hook
DIR_enclave-worker := enclave-worker
DIR_hallmark := verifier

# The probe is a program of its own, carried inside the worker.
PROBE := $(O)/obj/enclave-worker/probe/probe
objs = $(filter-out $(PROBE).o,$(patsubst %.c,$(O)/obj/%.o,$(wildcard $(1)/*.c) \
	$(wildcard $(1)/*/*.c)))
LIB_A := $(O)/libhallmark.a
prog_a = $(O)/lib$(1)-parts.a
prog_parts = $(filter-out $(O)/obj/$(DIR_$(1))/main.o,$(call objs,$(DIR_$(1)))) \
	$(THIRD_$(1))
THIRD_enclave-worker := $(call objs,third_party)
ALL_A := $(foreach p,$(PROGRAMS),$(call prog_a,$(p))) $(LIB_A)

UNIT := $(patsubst test/unit/%.c,$(O)/test/unit/%,$(wildcard test/unit/test_*.c))
FUZZ := $(patsubst test/fuzz/%.c,$(O)/test/fuzz/%,$(wildcard test/fuzz/fuzz_*.c))
TESTBIN := $(patsubst test/tools/%.c,$(O)/test/tools/%,$(wildcard test/tools/*.c))

.PHONY: all help clean install uninstall deps demo test test-slow check-unit \
	test-bins check-san lint headers format fuzz coverage bench static
all: $(addprefix $(O)/,$(PROGRAMS))	## build the three programs (default)

help:					## this list
	@sed -n 's/^\([a-z-]*\):[^#]*##\(.*\)/  make \1\t\2/p' Makefile \
	| expand -t 24
	@echo 'Variables: CC CFLAGS LDFLAGS PREFIX DESTDIR O=DIR V=1 DEVELOPER=1 SAN=address,undefined'

# Rebuild everything when the flags change.
CONFIG := $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS)
$(O)/.build-config: FORCE
	@mkdir -p $(O); printf '%s\n' '$(subst ','\'',$(CONFIG))' >$@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

$(O)/obj/%.o: %.c $(O)/.build-config
	@mkdir -p $(@D)
	@$(if $(Q),echo "  CC  $<")
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# No libc, so that it runs in any root; not the flags of a hosted program.
$(PROBE): enclave-worker/probe/probe.c enclave-worker/probe/probe.h $(O)/.build-config
	@mkdir -p $(@D)
	@$(if $(Q),echo "  CC  $<")
	$(Q)$(CC) -std=gnu17 $(WARN) $(if $(filter 1,$(DEVELOPER)),-Werror) -Os -I. \
		-ffreestanding -fno-stack-protector -fno-pie $(call cc-option,-fcf-protection=none) \
		-nostdlib -static -Wl,--build-id=none,-z,noexecstack -s -o $@ $<
$(O)/obj/enclave-worker/probe_blob.o: $(PROBE)
$(O)/obj/enclave-worker/probe_blob.o: ALL_CPPFLAGS += -DHM_PROBE_FILE='"$(PROBE)"'
# Others' code: our hardening, not our warnings.
$(O)/obj/third_party/%.o: third_party/%.c $(O)/.build-config
	@mkdir -p $(@D)
	@$(if $(Q),echo "  CC  $<")
	$(Q)$(CC) $(ALL_CPPFLAGS) $(filter-out $(WARN),$(ALL_CFLAGS)) -w -MMD -MP \
		-c $< -o $@

define archive
	@rm -f $@
	$(Q)ar rcsD $@ $^
endef
$(LIB_A): $(call objs,lib)
	$(archive)
define program_template
$(call prog_a,$(1)): $(call prog_parts,$(1))
	@rm -f $$@
	$$(Q)ar rcsD $$@ $$^
$(O)/$(1): $(O)/obj/$(DIR_$(1))/main.o $(call prog_a,$(1)) $(LIB_A)
	@$$(if $$(Q),echo "  LD  $$@")
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LIBS_$(1))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_template,$(p))))

$(UNIT) $(FUZZ) $(TESTBIN): $(O)/test/%: $(O)/obj/test/%.o $(ALL_A)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(if $(findstring fuzz_,$@),$(FUZZ_LDFLAGS)) \
		-o $@ $< $(if $(and $(findstring fuzz_,$@),$(if $(FUZZ_LDFLAGS),,1)),test/fuzz/driver.c -I. -D_GNU_SOURCE) \
		$(ALL_A) $(LIBS_test)
# Remembers the one document that the real function accepted: see the test.
$(O)/test/unit/test_verify_sweep: ALL_LDFLAGS += -Wl,--wrap=hm_nitro_verify
test-bins: $(UNIT) $(FUZZ) $(TESTBIN)

# --- the program for users to download: no shared library at all ------------------
STATIC_FLAGS := $(filter-out -fPIE,$(ALL_CFLAGS))
# libcrypto.a refers to the resolver, which a static glibc warns of and which
# hallmark never calls; the filter keeps every other complaint.
define static_link
	@mkdir -p $(@D)
	@echo "  LD  $@"
	$(Q)$(CC) $(ALL_CPPFLAGS) $(STATIC_FLAGS) -static -o $@ $^ $(1) \
		-ljansson -lcrypto -pthread -ldl 2>$@.warnings || { cat $@.warnings; exit 1; }
	@! grep -vE 'statically linked applications|in function|libcrypto' $@.warnings
endef
$(O)/static/hallmark: $(O)/obj/verifier/main.o $(O)/libhallmark-parts.a \
		$(LIB_A) $(O)/obj/static/cbor.o
	$(call static_link)
$(O)/static/test_%: $(O)/obj/test/unit/test_%.o $(O)/libhallmark-parts.a \
		$(LIB_A) $(O)/obj/static/cbor.o
	$(call static_link)
static: $(O)/static/hallmark $(O)/static/test_cbor $(O)/static/test_nitro $(O)/static/test_verify	## hallmark as one static program
	@for t in cbor nitro verify; do $(O)/static/test_$$t >$(O)/static/test_$$t.log \
		|| { grep -A3 '^not' $(O)/static/test_$$t.log; exit 1; }; done
	@ls -l $(O)/static/hallmark

deps:					## install missing Debian packages
	@test/deps

# These two stand in the README: they install what is missing by themselves.
demo:					## build, run the main job, verify it
	@test/deps build
	@$(MAKE) --no-print-directory -s -j$$(nproc) all
	@O=$(O) test/demo

test:					## the fast suite (under 4 minutes)
	@test/deps
	@$(MAKE) --no-print-directory -s -j$$(nproc) all test-bins lint
	@O=$(O) test/run fast

test-slow:				## real projects, interop, sweeps
	@test/deps slow
	@$(MAKE) --no-print-directory -s -j$$(nproc) all test-bins
	@O=$(O) test/run slow

check-unit: $(UNIT)			## unit tests only
	@O=$(O) test/run $(UNIT)

check-san:				## unit tests under ASan and UBSan
	@$(MAKE) --no-print-directory O=build-san SAN=address,undefined \
		CFLAGS='-O1 -g' all test-bins
	@O=build-san test/run $$(ls build-san/test/unit/test_* | grep -v '[.][od]$$')

lint: headers				## layers, CLOEXEC, self-contained headers
	@test/lint

HEADERS := $(wildcard lib/*.h runner-hook/*.h enclave-worker/*.h \
	enclave-worker/*/*.h verifier/*.h)
headers: $(HEADERS:%.h=$(O)/obj/%.h.ok)
$(O)/obj/%.h.ok: %.h $(O)/.build-config
	@mkdir -p $(@D)
	$(Q)echo '#include "$<"' | $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) \
		-fsyntax-only -x c - && touch $@

format:					## let clang-format decide
	clang-format -i $$(git ls-files '*.c' '*.h')

# libFuzzer with clang; FUZZ_SECONDS each, new findings go to build-fuzz/.
FUZZ_SECONDS ?= 60
FUZZ_ONLY ?= $(notdir $(FUZZ))
fuzz:					## every parser, FUZZ_SECONDS=60 each
	@$(MAKE) --no-print-directory -s O=build-fuzz CC=clang \
		SAN=address,undefined FUZZ_LDFLAGS=-fsanitize=fuzzer \
		CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' \
		$(FUZZ_ONLY:%=build-fuzz/test/fuzz/%)
	@for f in $(FUZZ_ONLY); do \
		mkdir -p build-fuzz/corpus/$$f build-fuzz/findings; \
		echo "== $$f, $(FUZZ_SECONDS) s"; \
		build-fuzz/test/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) \
			-rss_limit_mb=512 -timeout=10 -print_final_stats=1 \
			-artifact_prefix=build-fuzz/findings/$$f- \
			build-fuzz/corpus/$$f $$([ -d test/fuzz/corpus/$${f#fuzz_} ] && \
			echo test/fuzz/corpus/$${f#fuzz_}) 2>&1 | tail -n 12 || exit 1; \
	done

coverage:				## branches of the verification core
	@$(MAKE) --no-print-directory -s O=build-cov COVERAGE=1 CFLAGS='-O0 -g' \
		all test-bins
	@find build-cov -name '*.gcda' -delete
	@test/coverage build-cov

bench:					## ratios against named tools, same run
	@$(MAKE) --no-print-directory -s all test-bins
	@O=$(O) test/bench/run

# --- installation -----------------------------------------------------------------
BINDIR = $(DESTDIR)$(PREFIX)/bin
LIBEXECDIR = $(DESTDIR)$(PREFIX)/libexec/hallmark
MANDIR = $(DESTDIR)$(PREFIX)/share/man
install: all				## to PREFIX (and DESTDIR)
	$(INSTALL) -d $(BINDIR) $(LIBEXECDIR)
	$(INSTALL) -m 0755 $(O)/runner-hook $(O)/hallmark $(BINDIR)
	$(INSTALL) -m 0755 $(O)/enclave-worker $(LIBEXECDIR)
	for m in man/*.[1-8]; do [ -f "$$m" ] || continue; s=$${m##*.}; \
		$(INSTALL) -d $(MANDIR)/man$$s; \
		$(INSTALL) -m 0644 $$m $(MANDIR)/man$$s; done

uninstall:				## what install put there
	rm -f $(BINDIR)/runner-hook $(BINDIR)/hallmark
	rm -rf $(LIBEXECDIR)
	for m in man/*.[1-8]; do rm -f $(MANDIR)/man$${m##*.}/$${m##*/}; done

clean:					## remove what make made
	rm -rf $(O) build-san build-cov

# cache/ holds programs that tests have built, with directories like script.d
-include $(shell find $(O) -path $(O)/cache -prune -o -name '*.d' -type f -print \
	2>/dev/null)
