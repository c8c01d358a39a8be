# pylon_fdw: builds with PGXS; see README.md for the commands.

# Where this file is; another folder than the present one in a build out of the tree.
root := $(dir $(lastword $(MAKEFILE_LIST)))
files = $(patsubst $(root)%,%,$(sort $(wildcard $(addprefix $(root),$(1)))))

EXTENSION = pylon_fdw
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(root)pylon_fdw.control)
# The same in three parts, as PGXN wants it.
RELEASE = $(EXTVERSION)$(if $(word 3,$(subst ., ,$(EXTVERSION))),,.0)
MODULE_big = pylon_fdw
OBJS = $(patsubst %.c,%.o,$(call files,fdw/*.c fdw/*/*.c))
DATA = $(call files,fdw/*.sql)
REGRESS = $(patsubst sql/%.sql,%,$(call files,sql/*.sql))
REGRESS_OPTS = --encoding=UTF8 --no-locale

PKG_CONFIG ?= pkg-config
PG_CPPFLAGS = -I$(srcdir)/fdw -DPYLON_FDW_VERSION='"$(EXTVERSION)"' $(shell $(PKG_CONFIG) --cflags libcurl json-c)
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -MMD -MP
SHLIB_LINK = $(shell $(PKG_CONFIG) --libs libcurl json-c)
# Objects of files that have been renamed, too.
EXTRA_CLEAN = $(foreach suffix,o d bc,$(wildcard fdw/*.$(suffix) fdw/*/*.$(suffix))) \
	results regression.diffs regression.out pylon_fdw-*.zip

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# No rule of PGXS makes the folders of the objects.
$(shell mkdir -p $(sort $(dir $(OBJS))))

# PGXS knows no header dependencies; the compiler writes them beside each object.
-include $(OBJS:.o=.d)

.PHONY: dist test demo bench test-matrix test-package test-bare test-asan test-valgrind coverage fuzz mutate lint soak
dist:
	@git -C $(root) diff --quiet HEAD || echo 'what is not committed is left out' >&2
	git -C $(root) archive --format=zip --prefix=pylon_fdw-$(RELEASE)/ --output=$(CURDIR)/pylon_fdw-$(RELEASE).zip HEAD
test:
	test/run
demo:
	test/demo
bench:
	test/bench/run
test-matrix:
	test/matrix
test-package:
	test/package
test-bare:
	test/bare
test-asan:
	test/sanitize asan
test-valgrind:
	test/sanitize valgrind
coverage:
	test/coverage
fuzz:
	test/fuzz/run
mutate:
	test/mutants/run
lint:
	test/lint
soak:
	test/soak
