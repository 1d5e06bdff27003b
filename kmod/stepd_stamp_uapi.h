/* SPDX-License-Identifier: GPL-2.0-or-later WITH Linux-syscall-note */
/* stepd_stamp_uapi.h - what user space and the module stepd_stamp say to each other. docs/KMOD.md tells how it is used.
 *
 * An open /dev/stepd-stamp is a session with one ring of stamps, which it maps read-only. Into the ring go the edges of
 * its sync lines and the bytes of the ttys that are bound to it. All times are CLOCK_MONOTONIC in ns. Layouts are the same
 * for 32 and 64 bits. Fields called `reserved` must be 0; a request that is not understood changes nothing and gets:
 *
 *   EINVAL   a field out of its range, or a reserved one that is not 0
 *   ENOTTY   no such request
 *   EFAULT   a bad pointer
 *   EBUSY    it is there already: a ring, a source of that number, a line that somebody else has
 *   ENXIO    it is not there: no ring yet, no such source
 *   ENODEV   no such GPIO chip, or it has no such line
 *   EOPNOTSUPP  a line whose interrupt comes from a thread (chips behind I2C or SPI): its stamps would be late
 *   EBADF    the file descriptor is not one of /dev/stepd-stamp
 *   ENOSPC   more sync lines than STEPD_STAMP_SYNC_MAX
 */
#ifndef STEPD_STAMP_UAPI_H
#define STEPD_STAMP_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define STEPD_STAMP_DEVICE "/dev/stepd-stamp"
#define STEPD_STAMP_LDISC 29 /* N_DEVELOPMENT */
#define STEPD_STAMP_VERSION 1

#define STEPD_STAMP_RECORDS_MIN 64
#define STEPD_STAMP_RECORDS_MAX 65536
#define STEPD_STAMP_SOURCE_MAX 65535
#define STEPD_STAMP_SYNC_MAX 8
#define STEPD_STAMP_CHIP_MAX 32

enum stepd_stamp_kind {
	STEPD_STAMP_SYNC = 1, /* an edge of a sync line, stamped in the hard interrupt */
	STEPD_STAMP_RX = 2,   /* bytes, stamped when the tty's driver handed them over */
	STEPD_STAMP_LOST = 3, /* bytes that nobody read in time, or that came damaged */
	STEPD_STAMP_END = 4, /* the tty is no longer bound: closed, hung up, or another discipline */
};

/* One stamp. The kernel writes sequence last: n + 1 for the n-th record since the ring was made. */
struct stepd_stamp_record {
	__u64 sequence;
	__s64 time_ns;
	__u64 position; /* SYNC: edges of this line before; else bytes of this tty that read() gets before these */
	__u32 count;  /* SYNC: 1; RX, LOST: how many bytes; END: 0 */
	__u16 source; /* as it was given when the line or the tty was attached */
	__u16 kind;   /* enum stepd_stamp_kind */
};

/* The first page of the mapping; the records begin at records_offset.
 *
 * To read the n-th record: load head with acquire; n < head, else there is none yet. Take the record at n modulo `records`:
 * load its sequence with acquire, copy it, then (after an acquire fence) load the sequence again. Both must be n + 1; if
 * not, the ring has gone round and the record is lost: go on at head - records / 2. The kernel never waits for a reader. */
struct stepd_stamp_ring {
	__u32 version; /* STEPD_STAMP_VERSION */
	__u32 record_size;
	__u32 records; /* a power of two */
	__u32 records_offset;
	__u64 reserved[6];
	__u64 head; /* records so far; on a cache line of its own */
};

/* Make the ring. Once for each open file, before all else. Map `size` bytes at offset 0, PROT_READ. */
struct stepd_stamp_setup {
	__u32 records; /* in: a power of two, STEPD_STAMP_RECORDS_MIN to _MAX */
	__u32 flags;   /* in: 0 */
	__u64 size;    /* out: bytes to map */
	__u64 reserved;
};

enum stepd_stamp_edges {
	STEPD_STAMP_RISING = 1,
	STEPD_STAMP_FALLING = 2,
	STEPD_STAMP_BOTH = 3,
};

/* Take a line of a GPIO chip as an input and stamp its edges. */
struct stepd_stamp_sync {
	char chip[STEPD_STAMP_CHIP_MAX]; /* its label, as gpiodetect has it in brackets; ends with a 0 */
	__u32 line;                      /* its offset on the chip */
	__u32 edges;                     /* enum stepd_stamp_edges */
	__u32 source; /* 0 to STEPD_STAMP_SOURCE_MAX, comes back in the records */
	__u32 reserved;
};

/* Bind a tty that has the line discipline to a session: from here on its bytes are stamped. A later one replaces it. */
struct stepd_stamp_bind {
	__s32 session; /* file descriptor of a /dev/stepd-stamp that has a ring */
	__u32 source;  /* as above */
	__u64 reserved;
};

/* What a tty has seen since the discipline was attached; works without a session. */
struct stepd_stamp_stats {
	__u64 received; /* bytes that read() has got or will get */
	__u64 overrun;  /* bytes that came while nobody read: there was no room */
	__u64 damaged; /* bytes with a parity or framing error, breaks, and overruns of the hardware */
	__s64 last_rx_ns; /* of the last hand-over; 0: none yet */
};

/* On /dev/stepd-stamp. */
#define STEPD_STAMP_IOC_VERSION _IOR(0xE5, 0, __u32)
#define STEPD_STAMP_IOC_SETUP _IOWR(0xE5, 1, struct stepd_stamp_setup)
#define STEPD_STAMP_IOC_SYNC_ATTACH _IOW(0xE5, 2, struct stepd_stamp_sync)
#define STEPD_STAMP_IOC_SYNC_DETACH _IOW(0xE5, 3, __u32) /* the source */

/* On a tty with the line discipline. */
#define STEPD_STAMP_IOC_BIND _IOW(0xE5, 16, struct stepd_stamp_bind)
#define STEPD_STAMP_IOC_STATS _IOR(0xE5, 17, struct stepd_stamp_stats)

#endif
