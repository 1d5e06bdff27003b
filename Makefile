# SPDX-License-Identifier: GPL-2.0-or-later
# stepd: build, test and run. `make help` lists the targets; all output goes to build/.
#
# Sources are found by folder; a new file needs no change here:
#   rtcore/*.c  mcu/core/*.c  mcu/boards/sim/*.c  daemon/*.c  daemon/*/*.c    libraries
#   tests/*/*.c but the next ones             what tests and benches share (libtest.a)
#   tests/unit/test_*.c  tests/sim/sim_*.c    one cmocka program each
#   tests/stress/*.c  tests/live/*.c          one program each: exit 0 pass, 77 skip, else fail
#   tests/guest/*.c                           run inside the guests of tests/guest/*.sh
#   tests/preload/*.c                         one library each, to be preloaded
#   tests/fuzz/fuzz_*.c                       one libFuzzer harness each
#   bench/*.c                                 one program each
# main.c of daemon/ and mcu/boards/sim/ are the programs stepd and mcu-sim.

BUILD ?= build
CROSS ?=
SYSROOT ?=
ifeq ($(origin CC),default)
CC = $(CROSS)gcc
endif
ifeq ($(origin AR),default)
AR = $(CROSS)gcc-ar
endif
OPT ?= -O2
# Sanitizers, as in -fsanitize=: SAN=address,undefined or SAN=thread.
SAN ?=
# WERROR=-Werror as in `make check`.
WERROR ?=
# Scales the random tests; see tests/run.
SIZE ?= 1
# Seconds for each fuzzer of `make fuzz`.
FUZZ_S ?= 60
# V=1 shows the commands.
V ?=
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=

PKGS = liburing inih json-c zlib libseccomp libgpiod
PKG_CONFIG ?= pkg-config
PKG_CONFIG_RUN = $(if $(SYSROOT),PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) \
	PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(CROSS:-=)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig )$(PKG_CONFIG)
PKG_CFLAGS := $(shell $(PKG_CONFIG_RUN) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG_RUN) --libs $(PKGS) 2>/dev/null)

# Texts for people are cut to their buffer on purpose: no word about snprintf's bound.
WARN = -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla \
	$(if $(findstring clang,$(CC)),,-Wno-format-truncation) $(WERROR)
# libgpiod has two interfaces: 1.x and 2.x.
GPIOD_MAJOR := $(shell $(PKG_CONFIG_RUN) --modversion libgpiod 2>/dev/null | cut -d. -f1)
CPPFLAGS = -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DHOSTGPIO_LIBGPIOD=$(GPIOD_MAJOR) -Irtcore -Imcu/core -I. $(PKG_CFLAGS)
# gcc says each time that TSan knows no fences.
SAN_FLAGS = $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) \
	$(if $(findstring thread,$(SAN)),-Wno-tsan)
CFLAGS = -std=gnu11 -g $(OPT) $(WARN) -fno-math-errno -fno-trapping-math -ffp-contract=off \
	$(if $(SYSROOT),--sysroot=$(SYSROOT)) $(SAN_FLAGS)
LDFLAGS = $(if $(SYSROOT),--sysroot=$(SYSROOT)) $(SAN_FLAGS)
LDLIBS = $(PKG_LIBS) -lm -lpthread

RTCORE_SRC = $(wildcard rtcore/*.c)
MCU_SRC = $(wildcard mcu/core/*.c)
SIM_SRC = $(filter-out %/main.c,$(wildcard mcu/boards/sim/*.c))
DAEMON_SRC = $(filter-out daemon/main.c,$(wildcard daemon/*.c daemon/*/*.c))
# Code that tests and benches share: every other folder of tests/.
TESTLIB_SRC = $(filter-out $(addprefix tests/,$(addsuffix /%,unit sim stress live fuzz guest preload)), \
	$(wildcard tests/*/*.c))
# libsimavr, where it is: firmware images run in the tests.
SIMAVR_LIBS := $(if $(CROSS),,$(if $(wildcard /usr/include/simavr/sim_avr.h),-lsimavr))
MAIN_SRC = $(wildcard daemon/main.c mcu/boards/sim/main.c mcu/tools/*.c)
TEST_SRC = $(wildcard tests/unit/test_*.c tests/sim/sim_*.c)
STRESS_SRC = $(wildcard tests/stress/*.c)
LIVE_SRC = $(wildcard tests/live/*.c)
# Runners of firmware images and what runs in the guest.
GUEST_SRC = $(wildcard tests/guest/*.c)
PRELOAD_SRC = $(wildcard tests/preload/*.c)
FUZZ_SRC = $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SRC = $(wildcard bench/*.c)
ALL_SRC = $(RTCORE_SRC) $(MCU_SRC) $(SIM_SRC) $(DAEMON_SRC) $(TESTLIB_SRC) $(MAIN_SRC) \
	$(TEST_SRC) $(STRESS_SRC) $(LIVE_SRC) $(GUEST_SRC) $(PRELOAD_SRC) $(FUZZ_SRC) $(BENCH_SRC)

bin = $(patsubst %.c,$(BUILD)/%,$(1))
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
TEST_BIN = $(call bin,$(TEST_SRC))
STRESS_BIN = $(call bin,$(STRESS_SRC))
LIVE_BIN = $(call bin,$(LIVE_SRC))
GUEST_BIN = $(call bin,$(GUEST_SRC))
PRELOAD_LIB = $(patsubst %.c,$(BUILD)/%.so,$(PRELOAD_SRC))
# Of these, what runs firmware images for tests/live.
IMAGE_RUNNERS = $(BUILD)/tests/guest/run_simavr $(BUILD)/tests/guest/stepd_avr
FUZZ_BIN = $(call bin,$(FUZZ_SRC))
BENCH_BIN = $(call bin,$(BENCH_SRC))
PROGRAMS = $(if $(wildcard daemon/main.c),$(BUILD)/stepd) \
	$(if $(wildcard mcu/boards/sim/main.c),$(BUILD)/mcu-sim)
LIBS = $(BUILD)/libdaemon.a $(BUILD)/libsim.a $(BUILD)/libmcu.a $(BUILD)/librtcore.a
say = $(if $(V),,@echo '  $(1)  $@';)
link = $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group

## all: build stepd and mcu-sim (the default)
all: $(PROGRAMS)
tests-build: $(TEST_BIN)
stress-build: $(STRESS_BIN)
live-build: $(LIVE_BIN) $(IMAGE_RUNNERS) $(PRELOAD_LIB)
guest-build: $(GUEST_BIN)
fuzz-build: $(FUZZ_BIN)
bench-build: $(BENCH_BIN)
rtcore-build: $(BUILD)/librtcore.a $(BUILD)/libmcu.a

# Targets that build nothing themselves, or install what is missing first.
NO_BUILD = packages check check-arm demo fmt clean help compdb unit sim asan stress tsan live guest fuzz lint tidy
ifneq ($(filter-out $(NO_BUILD) print-%,$(or $(MAKECMDGOALS),all)),)
ifeq ($(PKG_LIBS),)
$(warning pkg-config does not find all of: $(PKGS). `make packages` installs what is missing.)
endif
endif

# The hot files of the motion core are worth -O3, and so is what their bench compares them with.
$(BUILD)/obj/rtcore/%.o $(BUILD)/obj/bench/bench_motion.o: OPT := $(if $(SAN),$(OPT),-O3)

# Objects depend on the flags they were built with, archives on the list of their members.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)' | cmp -s - $@ || \
		echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)' >$@
$(BUILD)/members: FORCE
	@mkdir -p $(@D)
	@echo '$(RTCORE_SRC) $(MCU_SRC) $(SIM_SRC) $(DAEMON_SRC) $(TESTLIB_SRC)' | cmp -s - $@ || \
		echo '$(RTCORE_SRC) $(MCU_SRC) $(SIM_SRC) $(DAEMON_SRC) $(TESTLIB_SRC)' >$@

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC) $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/librtcore.a: $(call obj,$(RTCORE_SRC))
$(BUILD)/libmcu.a: $(call obj,$(MCU_SRC))
$(BUILD)/libsim.a: $(call obj,$(SIM_SRC))
$(BUILD)/libtest.a: $(call obj,$(TESTLIB_SRC))
$(BUILD)/libdaemon.a: $(call obj,$(DAEMON_SRC))
$(BUILD)/%.a: $(BUILD)/members
	@mkdir -p $(@D)
	$(call say,AR) rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

# The engine with a hand on its timelines (tests/broken): for the one test that breaks them, nowhere else.
$(BUILD)/obj/tests/broken/engine_motion.o: rtcore/engine_motion.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC) $(CC) $(CPPFLAGS) $(CFLAGS) -DSTEPD_BREAK_TIMELINE -MMD -MP -c -o $@ $<
# Firmware that tests run, where there are compilers for it; not for another machine: a tool that makes images runs on this one.
TEST_IMAGES = $(if $(CROSS),,$(ALL_IMAGES))
ALL_IMAGES = $(if $(SIMAVR_LIBS),$(if $(shell command -v avr-gcc),$(patsubst %,$(BUILD)/firmware/avr-atmega%.elf,644p 1284p 2560))) \
	$(if $(shell command -v arm-none-eabi-gcc),$(BUILD)/firmware/stm32f4-netduinoplus2.elf $(BUILD)/firmware/rp2040.uf2 $(BUILD)/firmware/rp2040-usb.uf2) \
	$(if $(shell command -v npm),$(RP2040JS))
# An RP2040, from npm; where it can't be had, tests are skipped.
RP2040JS = $(BUILD)/node_modules/rp2040js/package.json
$(RP2040JS):
	@mkdir -p $(BUILD)
	@timeout 120 npm install --silent --no-audit --no-fund --no-save --prefer-offline --fetch-retries=0 --fetch-timeout=30000 --prefix $(BUILD) rp2040js@1.4.1 >/dev/null 2>&1 || \
		echo 'skipped: npm has no rp2040js'
# With other groups of commands: BOARD+GROUP+GROUP.
BUS_IMAGE = $(if $(filter %/avr-atmega644p.elf,$(TEST_IMAGES)),$(BUILD)/firmware/avr-atmega644p+spi+spi_sw+i2c+i2c_sw+tmcuart.elf)
LIGHTS_IMAGES = $(foreach i,avr-atmega644p.elf stm32f4-netduinoplus2.elf rp2040.uf2,$(if $(filter %/$i,$(TEST_IMAGES)),$(BUILD)/firmware/$(basename $i)+neopixel$(suffix $i)))
make_with = @$(MAKE) --no-print-directory BUILD=$(BUILD) BOARD=$(1) LINK=uart FW_WITH="$(subst +, ,$*)" firmware
$(BUILD)/firmware/avr-atmega644p+%.elf: $(BUILD)/mkdict FORCE
	$(call make_with,avr-atmega644p)
$(BUILD)/firmware/stm32f4-netduinoplus2+%.elf: $(BUILD)/mkdict FORCE
	$(call make_with,stm32f4-netduinoplus2)
$(BUILD)/firmware/rp2040+%.uf2: $(BUILD)/mkdict $(BUILD)/rp2040-uf2 FORCE
	$(call make_with,rp2040)
$(BUILD)/tests/sim/sim_chip_bus: | $(BUS_IMAGE)
$(BUILD)/tests/sim/sim_chip_lights: | $(LIGHTS_IMAGES)
# No two makes make the same file at the same time.
firmware-build: | $(BUILD)/mkdict $(BUILD)/rp2040-uf2 $(TEST_IMAGES) $(BUS_IMAGE) $(LIGHTS_IMAGES)
$(BUILD)/obj/tests/fwlib/target_simavr.o: CPPFLAGS += $(if $(SIMAVR_LIBS),-DHAVE_SIMAVR)
WITH_IMAGES = $(addprefix $(BUILD)/tests/sim/sim_,conversation conversation_io chip_bus chip_lights) $(BUILD)/bench/bench_mcu $(IMAGE_RUNNERS)
$(BUILD)/tests/guest/stepd_avr: $(call obj,daemon/main.c)
# Drivers of chips that are built for this machine, on models of their units.
$(BUILD)/obj/tests/chipfake/%.o $(BUILD)/obj/tests/unit/test_chip_%.o: CPPFLAGS += -Itests/chipfake -Imcu/boards/chip -Imcu/boards/usb
$(BUILD)/obj/tests/unit/test_chip_stm32%.o: CPPFLAGS += -Imcu/boards/$(patsubst test_chip_%.o,%,$(@F)) -Imcu/boards/stm32 -Imcu/boards/cortexm
$(WITH_IMAGES): LDLIBS += $(SIMAVR_LIBS)
$(WITH_IMAGES): | $(TEST_IMAGES)
$(BUILD)/tests/sim/sim_diagnose: $(BUILD)/obj/tests/broken/engine_motion.o

$(BUILD)/stepd: $(call obj,daemon/main.c) $(LIBS)
	$(call say,LD) $(link) $(LDLIBS)
$(BUILD)/mcu-sim: $(call obj,mcu/boards/sim/main.c) $(LIBS)
	$(call say,LD) $(link) $(LDLIBS)
$(BUILD)/tests/preload/%.so: tests/preload/%.c $(BUILD)/flags
	@mkdir -p $(@D) $(BUILD)/obj/tests/preload
	$(call say,LD) $(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -MMD -MP -MF $(BUILD)/obj/tests/preload/$*.d -MT $@ -o $@ $< -ldl
$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/libtest.a $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD) $(link) -fsanitize=fuzzer $(LDLIBS)
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(BUILD)/libtest.a $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD) $(link) -lcmocka $(LDLIBS)
$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(BUILD)/libtest.a $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD) $(link) $(LDLIBS)

include mcu/firmware.mk

## packages: install the Debian packages that building and testing need
packages:
	@etc/install-packages build test lint firmware

## check: packages, build, unit and sim tests, sanitizers, stress, live, guest, fuzz, lint
check:
	@BUILD=$(BUILD) tests/check all
## unit: unit tests only, no sanitizer
unit:
	@BUILD=$(BUILD) tests/check unit
## sim: whole-machine tests under the virtual clock
sim:
	@BUILD=$(BUILD) tests/check sim
## holds: HOLDS (10000) feed holds at random instants of HOLDS_FILE (a print), each measured
holds: $(BUILD)/tests/sim/sim_holds
	@HOLDS=$(or $(HOLDS),10000) HOLDS_FILE=$(HOLDS_FILE) $<
## asan: unit and sim tests under AddressSanitizer and UBSan
asan:
	@BUILD=$(BUILD) tests/check asan
## campaign: SIZE thousand random motion timelines, SIZE thousand limits changed in a print; SIZE=1000 takes an hour
campaign: all $(BUILD)/tests/unit/test_timelines $(BUILD)/tests/sim/sim_corner_velocity
	@for t in sim/sim_corner_velocity unit/test_timelines; do STEPD_BUILD=$(BUILD) STEPD_TEST_SIZE=$(SIZE) \
		STEPD_SEED=$${SEED:-20261125} $(BUILD)/tests/$$t || exit 1; done
## lead-bounds: how late the rt thread and how slow a line may be, and SIZE times 20 random prints with both; SIZE=10 takes some minutes
lead-bounds: $(BUILD)/tests/sim/sim_lead_bounds
	@STEPD_TEST_SIZE=$(SIZE) STEPD_SEED=$${SEED:-20261126} $<
## fault-hours: SIZE virtual hours of printing with random faults of all classes; SIZE=1000 takes half an hour
fault-hours: $(BUILD)/tests/sim/sim_fault_hours
	@STEPD_TEST_SIZE=$(SIZE) STEPD_SEED=$${SEED:-20261125} $<
## long-print: a file of SIZE (50) times 10,000 lines with waits, temperatures and fans, in batch
long-print: SIZE = 50
long-print: $(BUILD)/stepd $(BUILD)/tests/sim/sim_long_print
	@STEPD_BUILD=$(BUILD) STEPD_TEST_SIZE=$(SIZE) $(BUILD)/tests/sim/sim_long_print
## mesh-print: the prints of sim_mesh alone, SIZE times 6,000 lines; SIZE=25 is the whole Benchy, thrice
mesh-print: $(BUILD)/tests/sim/sim_mesh
	@STEPD_TEST_SIZE=$(SIZE) $< 'test_print_*'
## stress: two-thread stress tests under ThreadSanitizer
stress tsan:
	@BUILD=$(BUILD) tests/check stress
## tsan: the same as stress
## live: the real daemon, pty and simulated MCU in real time
live:
	@BUILD=$(BUILD) tests/check live
## guest: daemon and kernel module on a PREEMPT_RT kernel under QEMU; STRICT=1 judges times, too; PRINT_S seconds of print (60)
guest:
	@BUILD=$(BUILD) tests/check guest
## fuzz: each fuzzer for FUZZ_S seconds (60); `make check` gives them 5
fuzz:
	@BUILD=$(BUILD) FUZZ_S=$(FUZZ_S) tests/check fuzz
## lint: dependency rules, headers, clang's warnings and thread roles, format, shellcheck
lint:
	@BUILD=$(BUILD) tests/check lint
## tidy: clang-tidy on all sources (slow)
tidy:
	@tests/tidy
## check-arm: cross-build for arm64 and armhf, run the tests under qemu-user
check-arm:
	@BUILD=$(BUILD) tests/check-arm arm64 armhf

## bench: build and run the benches; each prints a table
bench: all bench-build
	@for b in $(BENCH_BIN); do echo "== $$b"; STEPD_BUILD=$(BUILD) $$b || exit 1; done

## bench-rt: real time on this machine, alone and loaded: wake-ups beside cyclictest's, latencies, clock errors; writes report.html
bench-rt: all $(PRELOAD_LIB) $(BUILD)/bench/bench_latency $(BUILD)/bench/bench_link
	@STEPD_BUILD=$(BUILD) bench/bench-rt
## bench-mcu: the firmware's lowest step intervals, in simavr
bench-mcu: $(BUILD)/bench/bench_mcu
	@STEPD_BUILD=$(BUILD) $<

## demo: print a sliced file on the simulated machine; FAST=1 under the virtual clock
demo:
	@BUILD=$(BUILD) FAST=$(FAST) etc/demo/run-demo

## fmt: apply .clang-format
fmt:
	@tests/sources '\.[ch]$$' | xargs -r clang-format -i

## compdb: write build/compile_commands.json for clangd
compdb:
	@mkdir -p $(BUILD)
	@{ echo '['; sep=; for f in $(ALL_SRC); do \
		printf '%s{"directory":"%s","file":"%s","command":"%s -c %s"}\n' "$$sep" \
		'$(CURDIR)' "$$f" '$(CC) $(CPPFLAGS) $(CFLAGS)' "$$f"; sep=,; done; echo ']'; \
	} >$(BUILD)/compile_commands.json

# The kernel's own make writes beside the sources: it gets a copy. BTF is of no use here and wants pahole.
KDIR ?= /lib/modules/$(shell uname -r)/build
KMOD_DIR = $(abspath $(BUILD))/kmod
## kmod: build the kernel module stepd_stamp.ko against KDIR, a kernel's headers (those of the running one)
kmod:
	@[ -e $(KDIR)/Makefile ] || { echo 'no kernel headers in $(KDIR): install linux-headers-…, or give KDIR=' >&2; exit 1; }
	@mkdir -p $(KMOD_DIR)
	@cp -u kmod/Kbuild kmod/*.[ch] $(KMOD_DIR)
	$(MAKE) -C $(KDIR) M=$(KMOD_DIR) CONFIG_DEBUG_INFO_BTF_MODULES= modules

## install: programs to PREFIX/bin, unit, rules and limits below SYSCONFDIR, samples and docs to PREFIX/share (DESTDIR is honoured)
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/stepd
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(wildcard etc/*.cfg) $(DESTDIR)$(PREFIX)/share/stepd
	install -d $(addprefix $(DESTDIR)$(SYSCONFDIR)/,systemd/system udev/rules.d sysctl.d tmpfiles.d sysusers.d stepd)
	sed 's|@PREFIX@|$(PREFIX)|g' etc/systemd/stepd.service >$(DESTDIR)$(SYSCONFDIR)/systemd/system/stepd.service
	install -m 644 etc/udev/60-stepd.rules $(DESTDIR)$(SYSCONFDIR)/udev/rules.d
	install -m 644 etc/sysctl/stepd.conf $(DESTDIR)$(SYSCONFDIR)/sysctl.d/stepd.conf
	install -m 644 etc/tmpfiles/stepd.conf $(DESTDIR)$(SYSCONFDIR)/tmpfiles.d/stepd.conf
	install -m 644 etc/sysusers/stepd.conf $(DESTDIR)$(SYSCONFDIR)/sysusers.d/stepd.conf
	install -d $(DESTDIR)$(PREFIX)/share/doc/stepd
	install -m 644 README.md $(wildcard docs/*.md) $(DESTDIR)$(PREFIX)/share/doc/stepd

## clean: remove build/
clean:
	rm -rf $(BUILD)

## help: this list
help:
	@sed -n 's/^## \([a-z-]*\): \(.*\)/  \1\t\2/p' Makefile mcu/firmware.mk | expand -t 14
	@echo 'Variables: BUILD=dir OPT=-O2 SAN=address,undefined WERROR=-Werror SIZE=n SEED=n FUZZ_S=s CROSS=prefix- V=1'

# For scripts: `make -s print-TEST_BIN`.
print-%:
	@printf '%s\n' $($*)

export SIZE
.PHONY: all firmware firmware-build tests-build stress-build live-build guest-build fuzz-build bench-build rtcore-build packages \
	check unit sim holds asan campaign lead-bounds stress tsan live guest fuzz lint tidy check-arm bench bench-mcu bench-rt demo fmt compdb kmod \
	install clean help FORCE
.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
