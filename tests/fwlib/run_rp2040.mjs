// SPDX-License-Identifier: GPL-2.0-or-later
// run_rp2040.mjs - an RP2040's image in rp2040js, in virtual time, as target_rp2040.c says.
//
//   node run_rp2040.mjs RP2040JS IMAGE [usb]
//
// RP2040JS is the folder of the npm package, IMAGE what is in the flash. Lines to it on descriptor 3, and its own on 4:
//   b HEX           bytes for the serial line       r TICKS   run so long, then: d CLOCK
//   i DRIVEN LEVEL WIRES                            w PIN     the duty of a pin's PWM, 0..32768: a line
// (pins that the machine drives, their levels, and which are lines that others pull low, too: hexadecimal)
// While it runs it says `e PIN LEVEL CLOCK` for an edge, `g CLOCK` where the firmware looks at pins while there are such lines, `a CHANNEL` for a conversion, `x UNIT BYTE` for a byte on SPI, and `s UNIT
// ADDRESS READ`, `o UNIT BYTE`, `n UNIT`, `p UNIT` for I2C's start, byte out, byte in and stop: each waits for an answer, which is an
// i line, or a number; and `t HEX` for bytes that it sends.
//
// What the emulator (1.4.1) does otherwise than a chip, and is put right here: its timer and watchdog count microseconds, whatever the tick;
// an interrupt that is pending when WFI comes does not end it. Known and left: the serial line sends in no time.
import { readFileSync, readSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [folder, imageFile, link] = process.argv.slice(2);
const { RP2040, USBCDC, ConsoleLogger, LogLevel } = await import(
	pathToFileURL(`${folder}/dist/esm/index.js`)
);
const TICKS_PER_US = 12, BYTE_NS = 40000, CHECKSUM_AT = 252, BOOT2 = 0x20041f00, RESETS = 0x4000c;
const TIMER = 0x40054, WATCHDOG = 0x40058, RESET_TIMER = 1 << 21, SIO = 5, PWM = 4, USB_DATA = 1, IN = 3, OUT = 4, GPIO_IN = 4;
const image = readFileSync(imageFile);

let chip, zero; // when its timer began
let restart = false;
let feed = [], feeding = false, usb = null, driven = 0, levels = 0, wires = 0, outputs = 0, wanted = 0;

// ---- lines ----

let buffer = '';
function line() {
	for (;;) {
		const end = buffer.indexOf('\n');
		if (end >= 0) {
			const text = buffer.slice(0, end);
			buffer = buffer.slice(end + 1);
			return text;
		}
		const bytes = Buffer.alloc(4096);
		const count = readSync(IN, bytes);
		if (count === 0)
			process.exit(0);
		buffer += bytes.toString('latin1', 0, count);
	}
}

function say(text) {
	writeSync(OUT, text + '\n');
}

function ask(text) {
	say(text);
	return Number(line());
}

function takeInputs(text) {
	const [, d, l, w] = text.split(' ');
	driven = parseInt(d, 16);
	levels = parseInt(l, 16);
	wires = parseInt(w, 16);
	drive();
}

// Pins that nobody drives have the level of their pull-up.
function drive() {
	chip.gpio.forEach((pin, n) => {
		const level = driven >>> n & 1 ? !!(levels >>> n & 1) :
			pin.outputEnable ? pin.outputValue : pin.pullupEnabled;
		if (pin.rawInputValue !== level)
			pin.setInputValue(level);
	});
}

// ---- the chip ----

function crc32(bytes) {
	let crc = 0xffffffff;
	for (const byte of bytes) {
		crc ^= byte << 24;
		for (let bit = 0; bit < 8; bit++)
			crc = crc & 0x80000000 ? crc << 1 ^ 0x04c11db7 : crc << 1;
	}
	return crc >>> 0;
}

function exactClock() {
	return (chip.clock.nanos - zero) * TICKS_PER_US / 1000;
}

function clock() {
	return Math.floor(exactClock());
}

// The timer sees a clock that is as fast as its ticks.
function speedUp(timer) {
	const real = timer.clock;
	timer.clock = { get nanos() { return (real.nanos - zero) * TICKS_PER_US; } };
	for (const alarm of timer.alarms) {
		const own = alarm.clockAlarm;
		alarm.clockAlarm = {
			schedule: ns => own.schedule(ns / TICKS_PER_US),
			cancel: () => own.cancel(),
		};
	}
}

// An edge, if there is one: of an output, or of a line of others, which is high when the chip lets go of it.
function watch(n) {
	const pin = chip.gpio[n];
	if (pin.functionSelect !== SIO || !(pin.outputEnable || wires >>> n & 1))
		return;
	const level = pin.outputEnable ? pin.outputValue : true;
	if (level === !!(outputs >>> n & 1))
		return;
	outputs ^= 1 << n;
	say(`e ${n} ${level ? 1 : 0} ${exactClock().toFixed(3)}`);
	takeInputs(line());
}

function watchPins() {
	outputs = 0;
	chip.gpio.forEach((pin, n) => pin.addListener(() => {
		watch(n);
		drive();
	}));
}

function connectBuses() {
	chip.adc.onADCRead = channel => {
		const value = ask(`a ${channel}`);
		chip.clock.createAlarm(() => chip.adc.completeADCRead(value, false)).schedule(2000);
	};
	chip.spi.forEach((spi, unit) => {
		spi.onTransmit = byte => spi.completeTransmit(ask(`x ${unit} ${byte}`));
	});
	chip.i2c.forEach((i2c, unit) => {
		let address = 0;
		i2c.onStart = () => i2c.completeStart();
		i2c.onConnect = (a, mode) => {
			address = a;
			i2c.completeConnect(ask(`s ${unit} ${address} ${mode === 1 ? 1 : 0}`) !== 0);
		};
		i2c.onWriteByte = byte => i2c.completeWrite(ask(`o ${unit} ${byte}`) !== 0);
		i2c.onReadByte = () => i2c.completeRead(ask(`n ${unit}`));
		i2c.onStop = () => {
			ask(`p ${unit}`);
			i2c.completeStop();
		};
	});
}

function connectLink() {
	if (link === 'usb') {
		usb = new USBCDC(chip.usbCtrl);
		// It would give an empty packet each time that there is nothing: the unit waits instead.
		const own = chip.usbCtrl.onEndpointRead;
		wanted = 0;
		chip.usbCtrl.onEndpointRead = (endpoint, size) => {
			if (endpoint !== USB_DATA) {
				own(endpoint, size);
				return;
			}
			wanted = size;
			giveUsb();
		};
		usb.onSerialData = bytes => say(`t ${Buffer.from(bytes).toString('hex')}`);
		return;
	}
	chip.uart[0].onByte = byte => say(`t ${byte.toString(16).padStart(2, '0')}`);
}

// The next packet for the chip, if it has room and there are bytes.
function giveUsb() {
	if (!wanted || feed.length === 0)
		return;
	const packet = Uint8Array.from(feed.splice(0, wanted));
	wanted = 0;
	chip.usbCtrl.endpointReadDone(USB_DATA, packet);
}

// What the boot ROM does: the first 256 bytes to the end of RAM, and on there if they are whole.
function boot() {
	const nanos = chip ? chip.clock.nanos : 0;
	chip = new RP2040();
	chip.logger = new ConsoleLogger(LogLevel.Error);
	chip.clock.tick(nanos);
	zero = nanos;
	chip.flash.set(image);
	if (crc32(image.subarray(0, CHECKSUM_AT)) !== image.readUInt32LE(CHECKSUM_AT))
		throw new Error(`${imageFile}: the checksum of the second stage is wrong`);
	for (let i = 0; i < 256; i++)
		chip.sram[BOOT2 - 0x20000000 + i] = image[i];
	speedUp(chip.peripherals[TIMER]);
	const resets = chip.peripherals[RESETS], write = resets.writeUint32.bind(resets);
	resets.writeUint32 = (offset, value) => {
		if (offset === 0 && value & RESET_TIMER)
			zero = chip.clock.nanos;
		write(offset, value);
	};
	const look = chip.sio.readUint32.bind(chip.sio);
	chip.sio.readUint32 = offset => {
		if (offset === GPIO_IN && wires) {
			for (let n = 0; n < 30; n++)
				watch(n);
			say(`g ${clock()}`);
			takeInputs(line());
		}
		return look(offset);
	};
	const watchdog = chip.peripherals[WATCHDOG];
	watchdog.timer.frequency *= TICKS_PER_US;
	watchdog.onWatchdogTrigger = () => { restart = true; };
	watchPins();
	connectBuses();
	connectLink();
	drive();
	chip.core.VTOR = 0;
	chip.core.SP = BOOT2;
	chip.core.PC = BOOT2;
}

// The next byte arrives; again as long as there are more.
function feedNext() {
	if (feed.length === 0) {
		feeding = false;
		return;
	}
	chip.uart[0].feedByte(feed.shift());
	chip.clock.createAlarm(feedNext).schedule(BYTE_NS);
}

function send(hex) {
	const bytes = Buffer.from(hex, 'hex');
	feed.push(...bytes);
	if (usb) {
		giveUsb();
		return;
	}
	if (!feeding) {
		feeding = true;
		chip.clock.createAlarm(feedNext).schedule(BYTE_NS);
	}
}

function run(ticks) {
	const end = chip.clock.nanos + ticks * 1000 / TICKS_PER_US;
	while (chip.clock.nanos < end) {
		const { core } = chip;
		if (core.waiting && core.checkForInterrupts())
			core.waiting = false;
		if (core.waiting) {
			const next = chip.clock.nanosToNextAlarm, left = end - chip.clock.nanos;
			chip.clock.tick(next > 0 && next < left ? next : left);
		} else {
			chip.clock.tick(core.executeInstruction() * 1e9 / chip.clkSys);
		}
		if (restart) {
			restart = false;
			feeding = false;
			boot();
		}
	}
}

function duty(n) {
	if (chip.gpio[n].functionSelect !== PWM)
		return 0;
	const { cc, top } = chip.pwm.channels[n >> 1 & 7];
	return Math.round((n & 1 ? cc >>> 16 : cc & 0xffff) * 32768 / (top + 1));
}

boot();
for (;;) {
	const text = line(), argument = text.slice(2);
	switch (text[0]) {
	case 'b':
		send(argument);
		break;
	case 'i':
		takeInputs(text);
		break;
	case 'r':
		run(Number(argument));
		say(`d ${clock()}`);
		break;
	case 'w':
		say(String(duty(Number(argument))));
		break;
	}
}
