# Omega IPC: two builds from the same source folders.
#
#   hosted     SwiftPM (Package.swift): Swift API, command-line tool, tests.
#   embedded   swiftc directly, below: the drop-in and the C library, which need nothing but libc.
#
# `make` builds; `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

BUILD ?= build
# A second scratch path must be called .build-NAME (see .gitignore).
SWIFT_SCRATCH ?= .build
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0

SWIFT ?= swift
SWIFTC ?= swiftc
CLANG ?= clang
ARCH := $(shell uname -m)
ifeq ($(filter $(ARCH),x86_64 aarch64),)
$(error Omega IPC is built for x86_64 and aarch64, not $(ARCH))
endif
TRIPLE := $(ARCH)-unknown-linux-gnu

# Warnings are errors here, in our own builds, and not for those who depend on the package.
SWIFTPM := $(SWIFT) build --scratch-path $(SWIFT_SCRATCH) -Xswiftc -warnings-as-errors

E := $(BUILD)/embedded
DROPIN := $(BUILD)/lib/libomega-ipc.so
CLIBRARY := $(BUILD)/lib/libomega.so
CARCHIVE := $(BUILD)/lib/libomega.a
HEADER := $(BUILD)/include/omega_ipc.h
PKGCONFIG := $(BUILD)/lib/pkgconfig/omega.pc
CLI := $(BUILD)/bin/omega
SWIFT_BENCH := $(BUILD)/omega-swift-bench

.PHONY: all build libraries locked-build locked-libraries lint test test-long test-postgres \
  demo bench docs install clean help FORCE

all: build

help:
	@echo 'make build       libraries and command-line tool, in $(BUILD)/'
	@echo 'make libraries   the drop-in and the C library only'
	@echo 'make test        everything that must pass; make test-long runs the long versions'
	@echo 'make test-postgres   PostgreSQL: pgbench, kills, its regression tests (some minutes)'
	@echo 'make fuzz        the engine against damaged images, ten minutes (FUZZ_SECONDS)'
	@echo 'make lint        formatting of all sources, shellcheck of all scripts'
	@echo 'make demo        an unmodified program on Omega IPC'
	@echo 'make bench       ratios to the kernel, measured in one run'
	@echo 'make docs        the Swift API as a DocC archive, in $(BUILD)/docs'
	@echo 'make install     to DESTDIR and PREFIX ($(PREFIX))'
	@echo 'make clean       remove $(BUILD) and $(SWIFT_SCRATCH)'

# One builder at a time: two makes in one tree would write the same modules.
build libraries:
	@mkdir -p $(BUILD)
	@flock --close $(BUILD)/.lock $(MAKE) --no-print-directory locked-$@

locked-libraries: $(DROPIN) $(CLIBRARY) $(CARCHIVE) $(HEADER) $(PKGCONFIG)
locked-build: locked-libraries $(CLI)

# --- Embedded Swift -------------------------------------------------------------------------------

swift_sources = $(shell find Sources/$(1) -name '*.swift' | LC_ALL=C sort)
c_sources = $(shell find Sources/$(1) -name '*.c' | LC_ALL=C sort)
c_objects = $(patsubst Sources/%.c,$(E)/c/%.o,$(c_sources))
headers := $(shell find Sources -name '*.h' | LC_ALL=C sort)

# COmegaLinux has a module map of its own, or gets the plain one SwiftPM would make.
OWN_MODULE_MAP := $(wildcard Sources/COmegaLinux/include/module.modulemap)
MODULE_MAP := $(or $(OWN_MODULE_MAP),$(E)/COmegaLinux.modulemap)
# A C header that a module implements (@c @implementation) is a clang module beside its sources.
own_module_map = $(wildcard Sources/$(1)/include/module.modulemap)
module_map_of = $(addprefix -Xcc -fmodule-map-file=,$(own_module_map))

# -no-allocations makes a heap allocation a build error: no call of ours can fail on, or deadlock
# in, the host program's allocator. Generic code is checked where it is specialised, hence in all
# modules and not in the engine only.
EMBEDDED := -target $(TRIPLE) -enable-experimental-feature Embedded -swift-version 6 \
  -wmo -O -parse-as-library -package-name omega-ipc -strict-memory-safety -no-allocations \
  -warnings-as-errors -Xfrontend -function-sections -I $(E) -Xcc -fmodule-map-file=$(MODULE_MAP)

# Rewritten only when the set of files changes, so that a deleted file rebuilds its module.
$(E)/%.sources: FORCE
	@mkdir -p $(@D); find Sources/$* -name '*.swift' | LC_ALL=C sort >$@.new; \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(E)/COmegaLinux.modulemap: Makefile
	@mkdir -p $(@D)
	@printf 'module COmegaLinux {\n  umbrella "%s"\n  export *\n}\n' \
	  '$(abspath Sources/COmegaLinux/include)' >$@

# $(1) module, $(2) the modules that it imports
# (touch: swiftc leaves an output alone that would not change)
define embedded_module
$(E)/$(1).o: $(call swift_sources,$(1)) $(E)/$(1).sources $(headers) $(MODULE_MAP) \
    $(2:%=$(E)/%.o) Makefile
	@echo 'embedded  $(1)'
	@mkdir -p $(E)
	@$(SWIFTC) $(EMBEDDED) $(call module_map_of,$(1)) -module-name $(1) \
	  -emit-module -emit-module-path $(E)/$(1).swiftmodule -c -o $$@ $(call swift_sources,$(1))
	@touch $$@
endef

$(eval $(call embedded_module,OmegaEngine,))
$(eval $(call embedded_module,OmegaLinux,OmegaEngine))
$(eval $(call embedded_module,OmegaCABI,OmegaLinux OmegaEngine))
$(eval $(call embedded_module,OmegaDropIn,OmegaLinux OmegaEngine))

# --- C --------------------------------------------------------------------------------------------

# initial-exec: a thread-local variable is one load, and its first use allocates nothing.
# For size: nothing in these files is on a fast path, which is inline in the headers.
CFLAGS_OURS := -target $(TRIPLE) -std=gnu17 -Os -fPIC -ftls-model=initial-exec -fvisibility=hidden \
  -ffunction-sections -Wall -Wextra -Werror -ISources/COmegaLinux/include

$(E)/c/%.o: Sources/%.c $(headers) Makefile
	@echo 'c         $<'
	@mkdir -p $(@D)
	@$(CLANG) $(CFLAGS_OURS) -I$(dir $<)include -c -o $@ $<

# --- Libraries ------------------------------------------------------------------------------------

COMMON_OBJECTS := $(E)/OmegaEngine.o $(E)/OmegaLinux.o $(call c_objects,COmegaLinux)
DROPIN_OBJECTS := $(COMMON_OBJECTS) $(E)/OmegaDropIn.o $(call c_objects,OmegaDropIn)
CABI_OBJECTS := $(COMMON_OBJECTS) $(E)/OmegaCABI.o $(call c_objects,OmegaCABI)

# Without symbols nobody needs; `make STRIP=` keeps them, for perf and gdb.
STRIP ?= -Wl,-s

# The version script is a matter of safety: Embedded Swift emits weak swift_retain, swift_release
# and so on, which would replace the real runtime's in a Swift program.
LINK = $(CLANG) -target $(TRIPLE) -shared -Wl,-soname,$(@F) \
  -Wl,--version-script=$(filter %.map,$^) \
  -Wl,--gc-sections -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack \
  -Wl,--no-undefined -Wl,--as-needed -Wl,--hash-style=gnu $(STRIP) -o $@ $(filter %.o,$^)

$(DROPIN): $(DROPIN_OBJECTS) Sources/OmegaDropIn/exports.map Makefile
	@echo 'link      $@'
	@mkdir -p $(@D)
	@$(LINK)

$(CLIBRARY): $(CABI_OBJECTS) Sources/OmegaCABI/exports.map Makefile
	@echo 'link      $@'
	@mkdir -p $(@D)
	@$(LINK)

# One object in which only the library's entry points are global, for the same reason as the
# version scripts. Grouped sections are resolved first: a group whose symbols are local must not
# lose against another library's.
$(CARCHIVE): $(CABI_OBJECTS) $(CLIBRARY)
	@echo 'archive   $@'
	@nm -D --defined-only $(CLIBRARY) | \
	  awk 'BEGIN { print "# entry points" } $$2 == "T" { print $$3 }' >$(E)/entry-points
	@ld -r --force-group-allocation -o $(E)/omega-all.o $(CABI_OBJECTS)
	@objcopy --keep-global-symbols=$(E)/entry-points $(E)/omega-all.o $(E)/omega.o
	@rm -f $@; ar rcs $@ $(E)/omega.o

$(HEADER): Sources/OmegaCABI/include/omega_ipc.h
	@mkdir -p $(@D)
	@cp $< $@

$(PKGCONFIG): Makefile
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$${pcfiledir}/../..' 'libdir=$${prefix}/lib' \
	  'includedir=$${prefix}/include' '' 'Name: omega' \
	  'Description: System V IPC in userspace' 'Version: $(VERSION)' \
	  'Libs: -L$${libdir} -lomega' 'Cflags: -I$${includedir}' >$@

# --- Hosted Swift ---------------------------------------------------------------------------------

HOSTED := COmegaLinux OmegaEngine OmegaLinux OmegaIPC omega

# The runtime is linked in: the tool starts faster so, and runs where no Swift is installed. (lld,
# because the other linker warns of a call in the static Foundation.)
SWIFT_RELEASE = $(SWIFTPM) -c release --static-swift-stdlib -Xswiftc -use-ld=lld -Xlinker -s

$(CLI): $(foreach m,$(HOSTED),$(call swift_sources,$(m)) $(call c_sources,$(m))) $(headers) \
    $(HOSTED:%=$(E)/%.sources) Package.swift Makefile
	@echo 'hosted    omega'
	@mkdir -p $(@D)
	@$(SWIFT_RELEASE) --product omega
	@cp $$($(SWIFTPM) -c release --show-bin-path)/omega $@.new && mv $@.new $@

# With the tool's flags, so that the modules are built once.
$(SWIFT_BENCH): $(CLI) $(call swift_sources,omega-swift-bench)
	@echo 'hosted    omega-swift-bench'
	@$(SWIFT_RELEASE) --product omega-swift-bench
	@cp $$($(SWIFTPM) -c release --show-bin-path)/omega-swift-bench $@.new && mv $@.new $@

# --- Checks and the rest --------------------------------------------------------------------------

lint:
	@Scripts/lint

test:
	@Scripts/test

test-long:
	@OMEGA_TEST_LONG=1 Scripts/test

test-postgres: libraries
	@Tests/Programs/postgres/run

fuzz:
	@Tests/Fuzz/run $(or $(FUZZ_SECONDS),600)

demo: build
	@Scripts/demo

bench: build
	@flock --close $(BUILD)/.lock $(MAKE) --no-print-directory $(SWIFT_BENCH)
	@Benchmarks/run

docs:
	@Scripts/docs

install: build
	@BUILD='$(BUILD)' DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' Scripts/install

clean:
	rm -rf $(BUILD) $(SWIFT_SCRATCH)
