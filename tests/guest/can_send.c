/* SPDX-License-Identifier: GPL-2.0-or-later */
/* can_send.c - put one frame on a CAN interface, an error frame, too: can_send INTERFACE HEX-ID [HEX-DATA]
 *
 * The id is what struct can_frame has, with its flags: 20000040 says bus-off.
 */
#include <linux/can.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_can at = { .can_family = AF_CAN };
	struct can_frame f = { .len = 0 };
	int fd = socket(AF_CAN, SOCK_RAW, CAN_RAW);

	if (argc < 3) {
		fprintf(stderr, "usage: can_send INTERFACE HEX-ID [HEX-DATA]\n");
		return 2;
	}
	at.can_ifindex = (int)if_nametoindex(argv[1]);
	f.can_id = (canid_t)strtoul(argv[2], NULL, 16);
	for (const char *p = argc > 3 ? argv[3] : ""; p[0] && p[1] && f.len < CAN_MAX_DLEN; p += 2) {
		char byte[] = { p[0], p[1], '\0' };

		f.data[f.len++] = (uint8_t)strtoul(byte, NULL, 16);
	}
	if (fd < 0 || at.can_ifindex == 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    write(fd, &f, sizeof(f)) != (ssize_t)sizeof(f)) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
