# SPDX-License-Identifier: GPL-2.0-or-later
# Firmware images: `make firmware BOARD=avr-atmega644p`; included by the Makefile.
#
# A board is FAMILY-CHIP. Each family sets, for its chips: the compiler's prefix, flags, sources, and
# what its dictionary says. The image is the core, what it needs of rtcore/, and mcu/boards/FAMILY/.

BOARD ?= avr-atmega644p
# Groups of commands that the image is to have beside what is always there: spi, spi_sw, i2c, i2c_sw, tmcuart.
FW_WITH ?= $($(FW_FAMILY)_WITH)
FW_BOARDS = avr-atmega644p avr-atmega1284p avr-atmega2560
FW_FAMILY = $(firstword $(subst -, ,$(BOARD)))
FW_CHIP = $(patsubst $(FW_FAMILY)-%,%,$(BOARD))
FW = $(BUILD)/firmware/$(BOARD)
FW_GROUPS = spi spi_sw i2c i2c_sw tmcuart
FW_ABSENT = $(filter-out $(FW_WITH),$(FW_GROUPS))
FW_SRC = rtcore/wire.c rtcore/wire_crc.c rtcore/wire_msg.c $(filter-out %/mcu_dict.c \
	$(patsubst %,mcu/core/mcu_%.c,$(FW_ABSENT)) $($(FW_FAMILY)_WITHOUT),$(MCU_SRC)) \
	$(wildcard mcu/boards/$(FW_FAMILY)/*.c mcu/boards/$(FW_FAMILY)/*.S)
FW_OBJ = $(patsubst %,$(FW)/%.o,$(basename $(FW_SRC))) $(FW)/dict.o
FW_VERSION = $(shell git describe --always --dirty 2>/dev/null || echo unknown)
# Warnings about the width of int are for the hosts' builds of the same code.
FW_CFLAGS = -std=gnu11 -g $(FW_OPT) -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla \
	$(WERROR) -ffunction-sections -fdata-sections -Irtcore -Imcu/core -Imcu/boards/$(FW_FAMILY) \
	-DMCU_BOARD_FAST='"$(FW_FAMILY)_fast.h"' $(FW_CHIP_FLAGS) $(foreach g,$(FW_ABSENT),-DMCU_NO_$(call upper,$(g))) \
	$(if $(FW_WITH),,-DMCU_NO_BUS)
upper = $(subst spi,SPI,$(subst i2c,I2C,$(subst sw,SW,$(subst tmcuart,TMCUART,$(1)))))
# What names of messages hold that are left out.
FW_DICT = without=$(subst $(space),$(comma),$(patsubst %_sw,%_set_sw,$(FW_ABSENT))) $($(FW_FAMILY)_DICT) \
	$(foreach g,$(filter spi i2c,$(FW_WITH)),$($(FW_FAMILY)_DICT_$(g)))
comma := ,
space := $(subst ,, )

avr_CROSS = avr-
avr_FLAGS = -mmcu=$(FW_CHIP) -fshort-enums -DF_CPU=16000000UL -DMCU_FREQ_HZ=F_CPU -DMCU_NO_CAN
avr_WITHOUT = %/mcu_can.c
avr_SMALL = -mcall-prologues -fno-tree-loop-optimize -mrelax -mstrict-X -fno-move-loop-invariants -fno-inline-small-functions
avr_DICT = name=$(FW_CHIP) freq=16000000 adc_max=1023 pwm_max=255 baud=250000 \
	$(if $(filter atmega2560,$(FW_CHIP)),reserve=serial:PE0$(comma)PE1 $(avr_PINS_BIG),reserve=serial:PD0$(comma)PD1 \
	pins=PA0:0:8 pins=PB0:8:8 pins=PC0:16:8 pins=PD0:24:8)
avr_PINS_BIG = pins=PA0:0:8 pins=PB0:8:8 pins=PC0:16:8 pins=PD0:24:8 pins=PE0:32:8 pins=PF0:40:8 \
	pins=PG0:48:6 pins=PH0:56:8 pins=PJ0:72:8 pins=PK0:80:8 pins=PL0:88:8
avr_DICT_spi = spi=spi:0:1
avr_DICT_i2c = i2c=twi:0:1
# No image may be larger, but one with more commands than the family has by itself.
FW_FLASH_MAX = 20480
FW_RAM_MAX = 3072

FW_CROSS = $($(FW_FAMILY)_CROSS)
FW_CHIP_FLAGS = $($(FW_FAMILY)_FLAGS)
FW_OPT = -Os $($(FW_FAMILY)_SMALL)
# What runs in the timer interrupt is built for speed.
$(addprefix $(FW)/mcu/,core/mcu_sched.o core/mcu_step_fast.o core/mcu_stepper_run.o boards/avr/avr_timer.o): FW_OPT = -O2

## firmware: build the image for BOARD=avr-atmega644p|avr-atmega1284p|avr-atmega2560, print its size; FW_WITH="spi tmcuart"
firmware: $(FW).elf $(FW).hex
	@$(FW_CROSS)size $(FW).elf | awk 'NR == 2 { \
		printf "%s: flash %d, RAM %d bytes without arena and stack\n", "$(BOARD)", $$1 + $$2, $$2 + $$3; \
		exit $$1 + $$2 > $(if $(FW_WITH),65536,$(FW_FLASH_MAX)) || $$2 + $$3 > $(FW_RAM_MAX) }'

# All images, where there is a compiler.
firmware-build:
	@for board in $(if $(shell command -v avr-gcc),$(FW_BOARDS)); do \
		$(MAKE) --no-print-directory BUILD=$(BUILD) firmware BOARD=$$board || exit 1; done

$(FW)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FW_CROSS)gcc $(FW_CFLAGS) $(FW_SRC) $(FW_DICT)' | cmp -s - $@ || \
		echo '$(FW_CROSS)gcc $(FW_CFLAGS) $(FW_SRC) $(FW_DICT)' >$@
$(FW)/dict.c: $(BUILD)/mkdict $(FW)/flags
	$(call say,GEN) $(BUILD)/mkdict $(FW_FAMILY)_dict version="stepd $(FW_VERSION)" \
		build="gcc: $$($(FW_CROSS)gcc -dumpversion)" $(FW_DICT) >$@
$(FW)/dict.o: $(FW)/dict.c
	$(call say,CC) $(FW_CROSS)gcc $(FW_CFLAGS) -c -o $@ $<
$(FW)/%.o: %.c $(FW)/flags mcu/firmware.mk
	@mkdir -p $(@D)
	$(call say,CC) $(FW_CROSS)gcc $(FW_CFLAGS) -MMD -MP -c -o $@ $<
$(FW)/%.o: %.S $(FW)/flags mcu/firmware.mk
	@mkdir -p $(@D)
	$(call say,AS) $(FW_CROSS)gcc $(FW_CFLAGS) -MMD -MP -c -o $@ $<
$(FW).elf: $(FW_OBJ)
	$(call say,LD) $(FW_CROSS)gcc $(FW_CFLAGS) -Wl,--gc-sections -Wl,-Map=$(FW).map -o $@ $(FW_OBJ)
$(FW).hex: $(FW).elf
	$(call say,HEX) $(FW_CROSS)objcopy -O ihex -R .eeprom $< $@

# Runs on the host: the core's own list of messages and handlers, hence all of the simulated board.
$(BUILD)/mkdict: $(call obj,mcu/tools/mkdict.c) $(addprefix $(BUILD)/,libsim.a libmcu.a librtcore.a)
	$(call say,LD) $(link) $(LDLIBS)
-include $(shell find $(BUILD)/firmware -name '*.d' 2>/dev/null)
