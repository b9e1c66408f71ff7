# Builds, tests and installs usherd. ./configure writes config.mk; `make help` lists the targets.
#
#	BUILD=DIR               where everything that is made goes [build]
#	SAN=address,undefined   with these sanitizers, in a directory of its own
#	WERROR=1                warnings are errors
#	V=1                     show the commands
#	TESTS="t/log.t ..."     what check runs [everything]     JOBS=N   how many at a time

VERSION = 0.1.0

BUILD = build
JOBS = 4
FUZZ_SECONDS = 10
FUZZ_CC = clang

comma := ,
OUT := $(BUILD)$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
goals := $(or $(MAKECMDGOALS),all)

# Goals that need no configuration must work, and clean up, without one.
ifneq ($(filter-out clean distclean help deps,$(goals)),)
-include config.mk
endif

# ---- flags

WARN_CFLAGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wvla -Wundef -Wformat=2 -Wwrite-strings $(if $(WERROR),-Werror)
ifdef SAN
MODE_CFLAGS = -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer -DUSHERD_SAN=1
MODE_LDFLAGS = -fsanitize=$(SAN)
else
MODE_CFLAGS = $(HARDEN_CFLAGS) $(LTO) -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
MODE_LDFLAGS = $(HARDEN_LDFLAGS)
endif
BASE_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Isrc $(DEPS_CFLAGS) $(CPPFLAGS) $(CFLAGS) \
	-ffile-prefix-map=$(CURDIR)=.
PATHS_CFLAGS = -DUSHERD_VERSION='"$(VERSION)"' -DUSHERD_SYSCONFDIR='"$(sysconfdir)"' \
	-DUSHERD_DATADIR='"$(datadir)/usherd"' -DUSHERD_LOCALSTATEDIR='"$(localstatedir)"' \
	-DUSHERD_RUNSTATEDIR='"$(runstatedir)"' -DUSHERD_BUILD='"$(strip $(CC) $(BUILD_CFLAGS) $(SAN))"'
# What is built tells nothing of the directory that it was built in.
BUILD_CFLAGS = $(foreach f,$(CFLAGS),$(if $(findstring prefix-map=,$f),,$f))
Q = $(if $(V),,@)
COMPILE = $(CC) $(BASE_CFLAGS) $(PATHS_CFLAGS) $(MODE_CFLAGS) -fPIE
# A compiler other than the one that ./configure tried may not know the flags.
LTO = $(if $(SAN)$(findstring clang,$(CC)),,$(LTO_CFLAGS))
LINK = $(CC) $(CFLAGS) $(MODE_LDFLAGS) -fno-lto -pie $(LDFLAGS)
LINK_USHERD = $(filter-out -fno-lto,$(LINK)) $(LTO) -ffile-prefix-map=$(CURDIR)=.

# ---- files

FLOORS = base net shm http conf proxy process
SRCS := $(wildcard $(FLOORS:%=src/%/*.c) src/proxy/*/*.c)
LLHTTP_SRCS = $(if $(LLHTTP_DIR),api.c http.c llhttp.c)
MAIN_OBJ = $(OUT)/src/process/main.o
LIB_OBJS = $(filter-out $(MAIN_OBJ),$(SRCS:%.c=$(OUT)/%.o)) $(LLHTTP_SRCS:%.c=$(OUT)/llhttp/%.o)
LIB = $(OUT)/libusherd.a
USHERD = $(OUT)/usherd
CTL_OBJS = $(patsubst %.c,$(OUT)/%.o,$(wildcard src/ctl/*.c))
USHERCTL = $(OUT)/usherctl

FUZZERS := $(basename $(notdir $(filter-out t/fuzz/replay.c,$(wildcard t/fuzz/*.c))))
REPLAYS = $(FUZZERS:%=$(OUT)/t/replay-%)
UNITS = $(if $(CHECK_LIBS),$(patsubst t/unit/%.c,$(OUT)/t/%,$(wildcard t/unit/*.c)))
TESTS = $(UNITS) $(REPLAYS) $(sort $(wildcard t/*.t))

# ---- build

all: $(USHERD) $(USHERCTL)

$(USHERD): $(MAIN_OBJ) $(LIB)
	@echo "  LINK  $@"
	$(Q)$(LINK_USHERD) -o $@ $(MAIN_OBJ) $(LIB) $(DEPS_LIBS) $(LIBS)

$(USHERCTL): $(CTL_OBJS) $(LIB)
	@echo "  LINK  $@"
	$(Q)$(LINK_USHERD) -o $@ $(CTL_OBJS) $(LIB) $(DEPS_LIBS) $(LIBS)

$(LIB): $(LIB_OBJS) $(OUT)/objects
	@echo "  AR    $@"
	@rm -f $@
	$(Q)$(AR) rcs $@ $(LIB_OBJS)

$(OUT)/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(COMPILE) $(WARN_CFLAGS) -MMD -MP -c -o $@ $<

# The program once more, with counters of what it does, for t/steps.t.
STEPS_OBJS = $(SRCS:%.c=$(OUT)/steps/%.o) $(LLHTTP_SRCS:%.c=$(OUT)/steps/llhttp/%.o)
STEPS_CFLAGS = -O1 -fno-lto -fno-builtin -fsanitize-coverage=trace-pc -DUSHERD_SAN=1
STEPS_WRAP = malloc calloc reallocarray free memcpy memmove memset memcmp memchr strlen vsnprintf

$(OUT)/steps/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	@echo "  STEPS $<"
	$(Q)$(CC) $(BASE_CFLAGS) $(PATHS_CFLAGS) $(STEPS_CFLAGS) -w -MMD -MP -c -o $@ $<

$(OUT)/steps/llhttp/%.o: $(LLHTTP_DIR)/%.c $(OUT)/flags
	@mkdir -p $(@D)
	@echo "  STEPS $<"
	$(Q)$(CC) $(BASE_CFLAGS) $(STEPS_CFLAGS) -w -c -o $@ $<

$(OUT)/usherd-steps: $(STEPS_OBJS) t/steps/count.c
	@echo "  LINK  $@"
	$(Q)$(CC) $(BASE_CFLAGS) -O2 -o $@ $^ $(STEPS_WRAP:%=-Wl,--wrap=%) $(DEPS_LIBS) $(LIBS)

$(OUT)/llhttp/%.o: $(LLHTTP_DIR)/%.c $(OUT)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(COMPILE) -w -c -o $@ $<

# What is made depends on the list of objects (one that went away must leave the library) and on
# the flags: these two files change only when their content does.
$(OUT)/objects: content = $(LIB_OBJS)
$(OUT)/flags: content = $(COMPILE) $(WARN_CFLAGS) $(LINK)
$(OUT)/objects $(OUT)/flags: always
	@mkdir -p $(@D)
	@echo '$(subst ',,$(content))' | cmp -s - $@ || echo '$(subst ',,$(content))' >$@

# make remakes an included file before anything else, so this runs first where it is needed.
config.mk: configure | $(if $(filter check demo bench fuzz lint,$(goals)),deps)
	./configure $(CONFIGURE_ARGS)

deps:
	@contrib/deps -m

# ---- tests

check: $(USHERD) $(USHERCTL) $(filter $(OUT)/%,$(TESTS)) \
		$(if $(SAN),,$(if $(filter t/steps.t,$(TESTS)),$(OUT)/usherd-steps))
	$(if $(UNITS)$(CHECK_LIBS),,@echo "note: no unit tests without Debian's package check" >&2)
	CK_DEFAULT_TIMEOUT=60 USHERD=$(abspath $(USHERD)) USHERD_SAN=$(SAN) prove -It/lib -j$(JOBS) \
		--rules 'seq=t/bigbody.t' --rules 'par=**' $(PROVEFLAGS) $(TESTS)

$(OUT)/t/unit/%.o: BASE_CFLAGS += $(CHECK_CFLAGS)
$(OUT)/t/%: $(OUT)/t/unit/%.o $(LIB)
	@echo "  LINK  $@"
	$(Q)$(LINK) -o $@ $< $(LIB) $(CHECK_LIBS) $(DEPS_LIBS) $(LIBS)

# Each fuzzer twice: with a driver that replays its seeds for check, and with libFuzzer.
$(OUT)/t/replay-%: $(OUT)/t/fuzz/%.o $(OUT)/t/fuzz/replay.o $(LIB)
	@echo "  LINK  $@"
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(LIB) $(DEPS_LIBS) $(LIBS)

$(OUT)/t/fuzz-%: $(OUT)/t/fuzz/%.o $(LIB)
	@echo "  LINK  $@"
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $< $(LIB) $(DEPS_LIBS) $(LIBS)

fuzz: deps
	@+$(MAKE) --no-print-directory CC=$(FUZZ_CC) SAN=fuzzer-no-link,address,undefined \
		$(FUZZERS:%=fuzz-%)

# Finds stay in the build directory; what is worth keeping is moved to t/fuzz/seeds by hand.
fuzz-%: $(OUT)/t/fuzz-%
	@echo "  FUZZ  $* for $(FUZZ_SECONDS) s"
	@mkdir -p $(OUT)/corpus/$*
	@$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -verbosity=0 -print_final_stats=1 \
		-artifact_prefix=$(OUT)/$*- $(OUT)/corpus/$* $(wildcard t/fuzz/seeds/$*)

lint: export LINT_CFLAGS = $(BASE_CFLAGS) $(PATHS_CFLAGS)
lint: config.mk deps
	@t/lint $(SRCS) $(wildcard src/ctl/*.c)

bench: $(USHERD)
	USHERD=$(abspath $(USHERD)) OUT=$(abspath $(OUT)) CC='$(CC)' t/bench/run $(BENCH)

demo: $(USHERD) $(USHERCTL)
	@USHERD=$(USHERD) contrib/demo

# ---- install

INSTALL_ENV = $(foreach v,prefix sbindir sysconfdir datadir mandir docdir localstatedir runstatedir \
	initdir logrotatedir unitdir sysusersdir tmpfilesdir DESTDIR STRIP USHERD USHERCTL,$v='$($v)')

install: $(USHERD) $(USHERCTL)
	@$(INSTALL_ENV) contrib/install install

# What the administrator has changed stays, and so do logs.
uninstall:
	@$(INSTALL_ENV) contrib/install uninstall

clean:
	rm -rf $(BUILD)

distclean: clean
	rm -f config.mk

help:
	@echo "all      build $(BUILD)/usherd and usherctl"
	@echo "check    build and run all tests; make SAN=address,undefined check: under sanitizers"
	@echo "demo     a proxy with two small origins on 127.0.0.1:8080"
	@echo "bench    compare with nginx and haproxy where they are installed"
	@echo "fuzz     run each fuzzer for FUZZ_SECONDS=$(FUZZ_SECONDS)"
	@echo "lint     static checks of C, shell, Perl and manuals"
	@echo "install  to DESTDIR and the directories given to ./configure; uninstall"
	@echo "         takes it away, but for what was changed"
	@echo "clean    remove what was built; distclean: the configuration too"

-include $(patsubst %.o,%.d,$(MAIN_OBJ) $(CTL_OBJS) $(LIB_OBJS) $(STEPS_OBJS) $(patsubst %.c,$(OUT)/%.o,$(wildcard t/unit/*.c t/fuzz/*.c)))
.SECONDARY:
.PHONY: all check deps demo bench lint fuzz install uninstall clean distclean help always
