# pylon_fdw: builds with PGXS; see README.md for the commands.

EXTENSION = pylon_fdw
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" pylon_fdw.control)
MODULE_big = pylon_fdw
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard fdw/*.c fdw/*/*.c)))
DATA = $(sort $(wildcard fdw/*.sql))
REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --encoding=UTF8 --no-locale

PKG_CONFIG ?= pkg-config
PG_CPPFLAGS = -I$(srcdir)/fdw -DPYLON_FDW_VERSION='"$(EXTVERSION)"' $(shell $(PKG_CONFIG) --cflags libcurl json-c)
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -MMD -MP
SHLIB_LINK = $(shell $(PKG_CONFIG) --libs libcurl json-c)
# Objects of files that have been renamed, too.
EXTRA_CLEAN = $(foreach suffix,o d bc,$(wildcard fdw/*.$(suffix) fdw/*/*.$(suffix))) results regression.diffs regression.out

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS knows no header dependencies; the compiler writes them beside each object.
-include $(OBJS:.o=.d)

.PHONY: test demo bench test-matrix test-asan test-valgrind coverage fuzz mutate lint soak
test:
	test/run
demo:
	test/demo
bench:
	test/bench/run
test-matrix:
	test/matrix
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
