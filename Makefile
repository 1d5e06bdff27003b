# SPDX-License-Identifier: GPL-2.0-or-later
# stepd: build, test and run. `make help` lists the targets; all output goes to build/.

BUILD ?= build
CC ?= gcc
AR ?= ar
OPT ?= -O2
SAN ?=
WARN = -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla $(WERROR)
PKGS = liburing inih json-c zlib libseccomp
PKG_CONFIG ?= pkg-config
CPPFLAGS = -D_GNU_SOURCE -Irtcore -Imcu/core -I. $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
CFLAGS = -std=gnu11 -g $(OPT) $(WARN) -fno-math-errno -fno-trapping-math -ffp-contract=off \
	$(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)
LDFLAGS = $(if $(SAN),-fsanitize=$(SAN))
LDLIBS = $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null) -lm -lpthread

RTCORE_SRC = $(wildcard rtcore/*.c)
MCU_SRC = $(wildcard mcu/core/*.c)
SIM_SRC = $(filter-out %/main.c,$(wildcard mcu/boards/sim/*.c))
DAEMON_SRC = $(filter-out daemon/main.c,$(wildcard daemon/*.c daemon/*/*.c))
CHECKER_SRC = $(wildcard tests/checker/*.c)
TEST_SRC = $(wildcard tests/unit/test_*.c tests/sim/sim_*.c)
TEST_BIN = $(TEST_SRC:%.c=$(BUILD)/%)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIBS = $(BUILD)/libdaemon.a $(BUILD)/libsim.a $(BUILD)/libmcu.a $(BUILD)/librtcore.a

all: $(BUILD)/stepd $(BUILD)/mcu-sim
tests-build: $(TEST_BIN)

# The hot files of the motion core are worth -O3.
$(BUILD)/obj/rtcore/%.o: OPT := $(if $(SAN),$(OPT),-O3)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/librtcore.a: $(call obj,$(RTCORE_SRC))
$(BUILD)/libmcu.a: $(call obj,$(MCU_SRC))
$(BUILD)/libsim.a: $(call obj,$(SIM_SRC))
$(BUILD)/libdaemon.a: $(call obj,$(DAEMON_SRC))
$(BUILD)/%.a:
	@mkdir -p $(@D)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/stepd: $(call obj,daemon/main.c) $(LIBS)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/mcu-sim: $(call obj,mcu/boards/sim/main.c) $(BUILD)/libsim.a $(BUILD)/libmcu.a $(BUILD)/librtcore.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)
$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

clean:
	rm -rf $(BUILD)

.PHONY: all tests-build clean
.SECONDARY:
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
