# SPDX-License-Identifier: GPL-2.0-or-later
# Firmware images: `make firmware BOARD=avr-atmega644p`; included by the Makefile.
#
# A board is FAMILY-CHIP. Each family sets, for its chips: the compiler's prefix, flags, sources, and
# what its dictionary says. The image is the core, what it needs of rtcore/, and mcu/boards/FAMILY/.

comma := ,
space := $(subst ,, )
BOARD ?= avr-atmega644p
# Groups of commands that the image is to have beside what is always there: spi, spi_sw, i2c, i2c_sw, tmcuart,
# counter, neopixel, thermocouple (needs spi), ldc1612 (needs i2c), hx71x, ads1220 (needs spi), ds18b20 (needs spi), angle (needs spi).
FW_WITH ?= $($(FW_FAMILY)_WITH)
FW_GROUPS = spi spi_sw i2c i2c_sw tmcuart counter neopixel thermocouple ldc1612 hx71x ads1220 ds18b20 angle
# What a group is nothing without.
FW_NEEDS_spi_sw = spi
FW_NEEDS_i2c_sw = i2c
FW_NEEDS_thermocouple = spi
FW_NEEDS_ds18b20 = spi
FW_NEEDS_ldc1612 = i2c
FW_NEEDS_ads1220 = spi
FW_NEEDS_angle = spi
FW_BOARDS_AVR = avr-atmega644p avr-atmega1284p avr-atmega2560
# stm32f4-netduinoplus2 is QEMU's machine of this name.
FW_BOARDS_ARM = stm32f4-netduinoplus2 stm32f4-stm32f405 stm32f4-stm32f407 stm32f4-stm32f446 stm32f1-stm32f103 rp2040
FW_BOARDS = $(if $(shell command -v avr-gcc),$(FW_BOARDS_AVR)) $(if $(shell command -v arm-none-eabi-gcc),$(FW_BOARDS_ARM))
ifneq ($(filter firmware,$(MAKECMDGOALS)),)
ifneq ($(filter-out $(FW_GROUPS),$(FW_WITH)),)
$(error FW_WITH="$(FW_WITH)": $(filter-out $(FW_GROUPS),$(FW_WITH)) is no group; expected some of: $(FW_GROUPS))
endif
ifneq ($(filter-out $(FW_WITH),$(foreach g,$(FW_WITH),$(FW_NEEDS_$(g)))),)
$(error FW_WITH="$(FW_WITH)": expected also $(sort $(filter-out $(FW_WITH),$(foreach g,$(FW_WITH),$(FW_NEEDS_$(g))))), which \
$(strip $(foreach g,$(FW_WITH),$(if $(filter-out $(FW_WITH),$(FW_NEEDS_$(g))),$(g)))) is made of)
endif
ifeq ($(filter $(BOARD),$(FW_BOARDS_AVR) $(FW_BOARDS_ARM)),)
$(error BOARD=$(BOARD): expected one of: $(FW_BOARDS_AVR) $(FW_BOARDS_ARM))
endif
endif
FW_FAMILY = $(firstword $(subst -, ,$(BOARD)))
FW_CHIP = $(patsubst $(FW_FAMILY)-%,%,$(BOARD))
# How a host is spoken to: uart, usb (STM32, RP2040), can (STM32F4). USB_ID: vendor and product; this one is pid.codes' for tests only.
LINK ?= uart
USB_ID ?= 0x1209:0x0001
FW_LINKS = $(or $($(FW_FAMILY)_LINKS),uart)
# CAN_HZ: bit rate; CAN_PINS: PA11, PB8 or PD0, the first of the two pins that it is at.
CAN_HZ ?= 1000000
CAN_PINS ?= PB8
can_RX_PA11 = 11,PA11,PA12
can_RX_PB8 = 24,PB8,PB9
can_RX_PD0 = 48,PD0,PD1
can_rx = $(subst $(comma),$(space),$(or $(can_RX_$(CAN_PINS)),$(error CAN_PINS=$(CAN_PINS): expected one of: PA11 PB8 PD0)))
# build/firmware/avr-atmega644p, or with -usb behind it, and with +spi+tmcuart behind it, if these are not what the family has by itself
FW = $(BUILD)/firmware/$(BOARD)$(patsubst %,-%,$(filter-out uart,$(LINK)))$(if $(filter-out $(FW_WITH),$($(FW_FAMILY)_WITH))$(filter-out $($(FW_FAMILY)_WITH),$(FW_WITH)),$(addprefix +,$(subst \
	$(space),+,$(strip $(FW_WITH)))))
# Folders of the board, and of what it shares with others.
FW_DIRS = $(addprefix mcu/boards/,chip $(filter usb,$(LINK)) $($(FW_FAMILY)_SHARED) $(FW_FAMILY))
# What belongs to another link.
uart_WITHOUT = %_usb.c %_can.c
usb_WITHOUT = $(addsuffix _serial.c,%/rp2040 %/stm32) %_can.c
can_WITHOUT = $(addsuffix _serial.c,%/rp2040 %/stm32) %_usb.c
uart_FLAGS = -DMCU_NO_CAN
usb_FLAGS = -DMCU_NO_CAN -DCHIP_USB -DCHIP_NAME='"stepd_$(FW_CHIP)"' -DUSB_VENDOR=$(word 1,$(subst :, ,$(USB_ID))) \
	-DUSB_PRODUCT=$(word 2,$(subst :, ,$(USB_ID)))
can_FLAGS = -DCHIP_CAN -DCAN_HZ=$(CAN_HZ) -DSTM32_CAN_RX=$(word 1,$(can_rx))
# Those whose samples come in bulk, and those of them that are of load cells.
FW_CELLS = hx71x ads1220
FW_BULK = ldc1612 angle $(FW_CELLS)
FW_ABSENT = $(filter-out $(FW_WITH),$(FW_GROUPS))
FW_SRC = rtcore/wire.c rtcore/wire_crc.c rtcore/wire_msg.c $(filter-out %/mcu_dict.c \
	$(patsubst %,mcu/core/mcu_%.c,$(FW_ABSENT)) $(if $(filter $(FW_BULK),$(FW_WITH)),,%/mcu_bulk.c) $(if $(filter $(FW_CELLS),$(FW_WITH)),,%/mcu_load_cell.c %/mcu_sos_filter.c) $($(LINK)_WITHOUT),$(MCU_SRC) \
	$(foreach dir,$(FW_DIRS),$(wildcard $(dir)/*.c $(dir)/*.S)))
FW_OBJ = $(patsubst %,$(FW)/%.o,$(basename $(FW_SRC))) $(FW)/dict.o
FW_VERSION = $(shell git describe --always --dirty 2>/dev/null || echo unknown)
# Warnings about the width of int are for the hosts' builds of the same code.
FW_CFLAGS = -std=gnu11 -g $(FW_OPT) -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla \
	$(WERROR) -ffunction-sections -fdata-sections -Irtcore -Imcu/core $(addprefix -I,$(FW_DIRS)) \
	-DMCU_BOARD_FAST='"$(lastword $(FW_FAMILY) $($(FW_FAMILY)_FAST))_fast.h"' $(FW_CHIP_FLAGS) $($(LINK)_FLAGS) $(foreach g,$(FW_ABSENT),-DMCU_NO_$(call upper,$(g))) \
	$(if $(FW_WITH)$(filter can,$(LINK)),,-DMCU_NO_BUS) $(if $(filter counter neopixel ds18b20 $(FW_BULK),$(FW_WITH))$(filter can,$(LINK)),,-DMCU_NO_PARTS) \
	$(if $(filter $(FW_BULK),$(FW_WITH))$(filter can,$(LINK)),,-DMCU_NO_BULK) $(if $(filter $(FW_CELLS),$(FW_WITH)),,-DMCU_NO_LOAD_CELL)
upper = $(subst spi,SPI,$(subst i2c,I2C,$(subst sw,SW,$(subst tmcuart,TMCUART,$(subst \
	counter,COUNTER,$(subst neopixel,NEOPIXEL,$(subst \
	thermocouple,THERMOCOUPLE,$(subst ldc1612,LDC1612,$(subst hx71x,HX71X,$(subst ads1220,ADS1220,$(subst ds18b20,DS18B20,$(subst angle,ANGLE,$(1)))))))))))))
# What names of messages hold that are left out.
FW_DICT = without=$(subst $(space),$(comma),$(patsubst %_sw,%_set_sw,$(FW_ABSENT)) $(if $(filter $(FW_BULK),$(FW_WITH)),,sensor_bulk) \
	$(if $(filter $(FW_CELLS),$(FW_WITH)),,sos_filter load_cell)) $($(FW_FAMILY)_DICT) \
	$($(FW_FAMILY)_DICT_$(LINK)) $(foreach g,$(filter spi i2c,$(FW_WITH)),$($(FW_FAMILY)_DICT_$(g)))

# Bytes for the stack; mcu/tools/stack-use finds out what is needed.
avr_STACK = 384
avr_CROSS = avr-
avr_FLAGS = -mmcu=$(FW_CHIP) -fshort-enums -DF_CPU=16000000UL -DMCU_FREQ_HZ=F_CPU -DSTACK_BYTES=$(avr_STACK)
avr_SMALL = -mcall-prologues -fno-tree-loop-optimize -mrelax -mstrict-X -fno-move-loop-invariants -fno-inline-small-functions
avr_DICT = name=$(FW_CHIP) freq=16000000 adc_max=1023 pwm_max=255 baud=250000 \
	$(if $(filter atmega2560,$(FW_CHIP)),reserve=serial:PE0$(comma)PE1 $(avr_PINS_BIG),reserve=serial:PD0$(comma)PD1 \
	pins=PA0:0:8 pins=PB0:8:8 pins=PC0:16:8 pins=PD0:24:8)
avr_PINS_BIG = pins=PA0:0:8 pins=PB0:8:8 pins=PC0:16:8 pins=PD0:24:8 pins=PE0:32:8 pins=PF0:40:8 \
	pins=PG0:48:6 pins=PH0:56:8 pins=PJ0:72:8 pins=PK0:80:8 pins=PL0:88:8
avr_DICT_spi = spi=spi:0:1
avr_DICT_i2c = i2c=twi:0:1
# No image may be larger, but one with more commands than the family has by itself.
avr_FLASH_MAX = 20480
avr_RAM_MAX = 3072

# Cortex-M. MHz of the crystal: HSE_MHZ. FLASH_START: behind a boot loader's own flash.
HSE_MHZ ?= 8
FLASH_START ?= 0x08000000
cm_FLAGS = -mthumb -DHSE_MHZ=$(HSE_MHZ) -fshort-enums -fno-common
cm_LDFLAGS = -nostartfiles --specs=nano.specs -Wl,--defsym=cm_stack_size=$($(FW_FAMILY)_STACK)
stm32_LDFLAGS = $(cm_LDFLAGS) -Tmcu/boards/cortexm/cortexm.ld -Wl,--defsym=cm_flash_start=$(FLASH_START) \
	-Wl,--defsym=cm_ram_start=0x20000000
stm32_DICT = name=$(FW_CHIP) adc_max=4095 pwm_max=32768
stm32_DICT_uart = baud=250000 reserve=serial:PA9$(comma)PA10
stm32f4_DICT_uart = $(stm32_DICT_uart)
stm32f1_DICT_uart = $(stm32_DICT_uart)
stm32_DICT_usb = reserve=USB:PA11$(comma)PA12
stm32f4_DICT_usb = $(stm32_DICT_usb)
stm32f1_DICT_usb = $(stm32_DICT_usb)
stm32f4_DICT_can = canbus=$(CAN_HZ) reserve=CAN:$(word 2,$(can_rx))$(comma)$(word 3,$(can_rx))
stm32f4_LINKS = uart usb can
stm32f1_LINKS = uart usb
cm_STACK = $(if $(filter uart,$(LINK)),1024,1536)
stm32_WITH = spi spi_sw tmcuart
stm32f4_WITH = $(stm32_WITH)
stm32f4_STACK = $(cm_STACK)
stm32f4_CROSS = arm-none-eabi-
stm32f4_SHARED = cortexm stm32
stm32f4_FLAGS = $(cm_FLAGS) -mcpu=cortex-m4 -DMCU_FREQ_HZ=84000000 $(if $(filter netduinoplus2,$(FW_CHIP)),-DCHIP_IN_QEMU)
stm32f4_FAST = stm32
stm32f4_LDFLAGS = $(stm32_LDFLAGS) -Wl,--defsym=cm_flash_size=0x20000 -Wl,--defsym=cm_ram_size=0x20000
stm32f4_DICT = $(stm32_DICT) freq=84000000 pins=PA0:0:16 pins=PB0:16:16 pins=PC0:32:16 pins=PD0:48:16 pins=PE0:64:16 \
	pins=PF0:80:16 pins=PG0:96:16 pins=PH0:112:2
stm32f4_DICT_spi = spi=spi1:0:2
stm32f4_DICT_i2c = i2c=i2c1:0:2
stm32f4_FLASH_MAX = $(if $(filter uart,$(LINK)),16384,18432)
stm32f4_RAM_MAX = 3072
stm32f1_WITH = $(stm32_WITH)
stm32f1_STACK = $(cm_STACK)
stm32f1_CROSS = arm-none-eabi-
stm32f1_SHARED = cortexm stm32
stm32f1_FLAGS = $(cm_FLAGS) -mcpu=cortex-m3 -DMCU_FREQ_HZ=72000000
stm32f1_FAST = stm32
stm32f1_LDFLAGS = $(stm32_LDFLAGS) -Wl,--defsym=cm_flash_size=0x10000 -Wl,--defsym=cm_ram_size=0x5000
stm32f1_DICT = $(stm32_DICT) freq=72000000 pins=PA0:0:16 pins=PB0:16:16 pins=PC0:32:16 pins=PD0:48:16 pins=PE0:64:16
stm32f1_DICT_spi = spi=spi1:0:2
stm32f1_DICT_i2c = i2c=i2c1:0:2
stm32f1_FLASH_MAX = $(if $(filter uart,$(LINK)),16384,18432)
stm32f1_RAM_MAX = 3072

# The RP2040: all in RAM, put there by its own second stage of the boot.
rp2040_WITH = spi spi_sw i2c i2c_sw tmcuart
rp2040_STACK = 2048
rp2040_CROSS = arm-none-eabi-
rp2040_SHARED = cortexm
# Jump tables would need functions of libgcc's for each.
rp2040_FLAGS = $(cm_FLAGS) -mcpu=cortex-m0plus -fno-jump-tables -DMCU_FREQ_HZ=12000000
rp2040_SMALL = -fno-move-loop-invariants
rp2040_LDFLAGS = $(cm_LDFLAGS) -Tmcu/boards/rp2040/rp2040.ld
rp2040_DICT = name=rp2040 freq=12000000 adc_max=4095 pwm_max=32768 pins=gpio0:0:30
rp2040_LINKS = uart usb
rp2040_DICT_uart = baud=250000 reserve=serial:gpio0$(comma)gpio1
rp2040_DICT_spi = $(join spi=spi0a spi=spi0b spi=spi0c spi=spi0d spi=spi1a spi=spi1b spi=spi1c,:0:1 :1:1 :2:1 :3:1 :4:1 :5:1 :6:1)
rp2040_DICT_i2c = $(join $(foreach x,a b c d e f g h,i2c=i2c0$x),:0:1 :2:1 :4:1 :6:1 :8:1 :10:1 :12:1 :14:1) \
	$(join $(foreach x,a b c d e f g,i2c=i2c1$x),:1:1 :3:1 :5:1 :7:1 :9:1 :11:1 :13:1)
rp2040_FLASH_MAX = 20480
rp2040_RAM_MAX = 3072
rp2040_MORE = $(FW).uf2

ifneq ($(filter firmware,$(MAKECMDGOALS)),)
ifeq ($(filter $(LINK),$(FW_LINKS)),)
$(error LINK=$(LINK): expected one of: $(FW_LINKS) (for $(BOARD)))
endif
endif
# Each board with each link: BOARD=LINK.
FW_IMAGES = $(foreach b,$(FW_BOARDS),$(foreach l,$(or $($(firstword $(subst -, ,$b))_LINKS),uart),$b=$l))

FW_CROSS = $($(FW_FAMILY)_CROSS)
FW_CHIP_FLAGS = $($(FW_FAMILY)_FLAGS)
FW_OPT = -Os $($(FW_FAMILY)_SMALL)
# What runs in the timer interrupt is built for speed.
$(addprefix $(FW)/mcu/,core/mcu_sched.o core/mcu_step_fast.o core/mcu_stepper_run.o boards/avr/avr_timer.o boards/cortexm/cm_timer.o): FW_OPT = -O2

## firmware: build the image for BOARD=avr-atmega2560|stm32f4-stm32f405|rp2040|… (docs/FIRMWARE.md), print its size and stack; LINK=uart|usb|can FW_WITH="spi tmcuart"
firmware: $(FW).elf $(FW).hex $(if $($(FW_FAMILY)_LDFLAGS),$(FW).bin) $($(FW_FAMILY)_MORE)
	@$(FW_CROSS)size $(FW).elf | awk 'NR == 2 { \
		printf "%s: flash %d, RAM %d bytes without arena and stack\n", "$(notdir $(FW))", $$1 + $$2, $$2 + $$3; \
		exit $$1 + $$2 > $(if $(filter-out $($(FW_FAMILY)_WITH),$(FW_WITH)),65536,$($(FW_FAMILY)_FLASH_MAX)) || $$2 + $$3 > $($(FW_FAMILY)_RAM_MAX) }'
	@mcu/tools/stack-use $(firstword $(subst -, ,$(FW_CROSS))) $(FW).elf $($(FW_FAMILY)_STACK)

# All images, where there is a compiler.
firmware-build:
	@for board in $(FW_IMAGES); do \
		$(MAKE) --no-print-directory BUILD=$(BUILD) firmware BOARD=$${board%=*} LINK=$${board#*=} || exit 1; done

$(FW)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FW_CROSS)gcc $(FW_CFLAGS) $(FW_SRC) $(FW_DICT)' | cmp -s - $@ || \
		echo '$(FW_CROSS)gcc $(FW_CFLAGS) $(FW_SRC) $(FW_DICT)' >$@
$(FW)/dict.c: $(BUILD)/mkdict $(FW)/flags
	$(call say,GEN) $(BUILD)/mkdict chip_dict version="stepd $(FW_VERSION)" \
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
	$(call say,LD) $(FW_CROSS)gcc $(FW_CFLAGS) -Wl,--gc-sections -Wl,-Map=$(FW).map $($(FW_FAMILY)_LDFLAGS) -o $@ $(FW_OBJ)
$(FW).hex: $(FW).elf
	$(call say,HEX) $(FW_CROSS)objcopy -O ihex -R .eeprom $< $@

# For the RP2040, the tool that adds a checksum makes .bin, too.
$(FW).$(if $($(FW_FAMILY)_MORE),raw,bin): $(FW).elf
	$(call say,BIN) $(FW_CROSS)objcopy -O binary $< $@
$(BUILD)/rp2040-uf2: $(call obj,mcu/tools/rp2040-uf2.c)
	$(call say,LD) $(link)
$(FW).uf2: $(FW).raw $(BUILD)/rp2040-uf2
	$(call say,UF2) $(BUILD)/rp2040-uf2 $< $(FW).bin $@
$(if $($(FW_FAMILY)_MORE),$(FW).bin: $(FW).uf2)

# Images beside that of BOARD, for the tests.
$(patsubst %,$(BUILD)/firmware/%.elf,$(filter-out $(BOARD),avr-atmega1284p avr-atmega2560 stm32f4-netduinoplus2)): $(BUILD)/mkdict FORCE
	@$(MAKE) --no-print-directory BUILD=$(BUILD) BOARD=$(basename $(@F)) LINK=uart $@
ifneq ($(BOARD),rp2040)
$(BUILD)/firmware/rp2040.uf2: $(BUILD)/mkdict $(BUILD)/rp2040-uf2 FORCE
	@$(MAKE) --no-print-directory BUILD=$(BUILD) BOARD=rp2040 LINK=uart $@
$(BUILD)/firmware/rp2040-usb.uf2: $(BUILD)/mkdict $(BUILD)/rp2040-uf2 FORCE
	@$(MAKE) --no-print-directory BUILD=$(BUILD) BOARD=rp2040 LINK=usb $@
endif

# Runs on the host: the core's own list of messages and handlers, hence all of the simulated board.
$(BUILD)/mkdict: $(call obj,mcu/tools/mkdict.c) $(addprefix $(BUILD)/,libsim.a libmcu.a librtcore.a)
	$(call say,LD) $(link) $(LDLIBS)
-include $(shell find $(BUILD)/firmware -name '*.d' 2>/dev/null)
