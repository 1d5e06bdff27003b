/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "can_port.h"

#include <errno.h>
#include <linux/can.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim.h"

int can_port_open(struct can_port *p, const char *interface)
{
	struct sockaddr_can at = { .can_family = AF_CAN };
	int err;

	*p = (struct can_port){ .fd = socket(AF_CAN, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
					     CAN_RAW) };
	if (p->fd < 0)
		return -errno;
	at.can_ifindex = (int)if_nametoindex(interface);
	if (at.can_ifindex != 0 && bind(p->fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return 0;
	err = -errno;
	can_port_close(p);
	return err;
}

/* Data frames with 11 bits of id; all else is not for us. */
static bool take(const struct can_frame *from, struct mcu_can_frame *f)
{
	if (from->can_id & (CAN_EFF_FLAG | CAN_RTR_FLAG | CAN_ERR_FLAG) || from->len > CAN_MAX_DLEN)
		return false;
	f->id = (uint16_t)from->can_id;
	f->len = from->len;
	memcpy(f->data, from->data, sizeof(f->data));
	return true;
}

int can_port_read(struct can_port *p, struct mcu_can_frame *frames, int max)
{
	struct can_frame f;
	int count = 0;

	while (count < max) {
		ssize_t n = read(p->fd, &f, sizeof(f));

		if (n == (ssize_t)sizeof(f))
			count += take(&f, &frames[count]);
		else if (n >= 0 || errno == EINTR)
			continue;
		else /* an interface that is down may come up again */
			return errno == ENODEV || errno == ENXIO ? -errno : count;
	}
	return count;
}

void can_port_send(struct can_port *p, struct sim *s)
{
	while (p->held || sim_can_next(s, &p->frame)) {
		struct can_frame f = { .can_id = p->frame.id, .len = p->frame.len };

		memcpy(f.data, p->frame.data, p->frame.len);
		p->held = write(p->fd, &f, sizeof(f)) < 0 && (errno == ENOBUFS || errno == EAGAIN);
		if (p->held) {
			p->full++;
			return;
		}
	}
}

void can_port_close(struct can_port *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}
