// SPDX-License-Identifier: GPL-2.0-or-later
/* stamp_ldisc.c - a line discipline that hands bytes through as they are and stamps them when the driver brings them.
 *
 * Unlike N_TTY's, its read and poll never wait for the kernel's worker that fills the tty's buffer. */
#include <linux/compat.h>
#include <linux/kfifo.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/tty.h>
#include <linux/tty_ldisc.h>
#include <linux/uaccess.h>

#include "stamp.h"

/* Kernel 6.6 made bytes u8 and counts size_t. */
#ifdef STAMP_HAVE_U8_TTY
typedef u8 stamp_byte;
typedef const u8 stamp_flag;
typedef size_t stamp_count;
#else
typedef unsigned char stamp_byte;
typedef const char stamp_flag;
typedef int stamp_count;
#endif

#define ROOM \
	16384 /* bytes that wait for read(): a power of two, and far more than an MCU's window */

struct stamp_tty {
	spinlock_t lock; /* all below */
	struct stamp_session *session;
	u16 source;
	struct stepd_stamp_stats stats;
	DECLARE_KFIFO(fifo, u8, ROOM);
};

/* ---- from below ---- */

static void store(struct stamp_tty *t, const stamp_byte *cp, u32 count, s64 now_ns)
{
	u32 stored = kfifo_in(&t->fifo, cp, count);

	if (t->session && stored)
		stamp_session_add(t->session, STEPD_STAMP_RX, t->source, now_ns, t->stats.received,
				  stored);
	t->stats.received += stored;
	t->stats.overrun += count - stored;
	if (t->session && stored < count)
		stamp_session_add(t->session, STEPD_STAMP_LOST, t->source, now_ns,
				  t->stats.received, count - stored);
}

static void drop(struct stamp_tty *t, u32 count, s64 now_ns)
{
	t->stats.damaged += count;
	if (t->session)
		stamp_session_add(t->session, STEPD_STAMP_LOST, t->source, now_ns,
				  t->stats.received, count);
}

static void ldisc_receive(struct tty_struct *tty, const stamp_byte *cp, stamp_flag *fp,
			  stamp_count count)
{
	s64 now_ns = ktime_get_ns();
	struct stamp_tty *t = tty->disc_data;
	u32 from = 0, to, total = count;

	spin_lock(&t->lock);
	t->stats.last_rx_ns = now_ns;
	/* Runs of good and of damaged bytes; without flags all are good. */
	for (; from < total; from = to) {
		bool good = !fp || fp[from] == TTY_NORMAL;

		for (to = from + 1; to < total; to++)
			if (fp && (fp[to] == TTY_NORMAL) != good)
				break;
		if (!fp)
			to = total;
		if (good)
			store(t, cp + from, to - from, now_ns);
		else
			drop(t, to - from, now_ns);
	}
	spin_unlock(&t->lock);
	wake_up_interruptible_poll(&tty->read_wait, EPOLLIN | EPOLLRDNORM);
	tty_unthrottle(tty); /* the other side of a pty waits for it when its buffer was full */
}

/* ---- from above ---- */

static bool ended(struct tty_struct *tty, struct file *file)
{
	return tty_hung_up_p(file) || test_bit(TTY_OTHER_CLOSED, &tty->flags);
}

static size_t take(struct stamp_tty *t, u8 *buf, size_t size, bool *more)
{
	size_t n;

	spin_lock(&t->lock);
	n = kfifo_out(&t->fifo, buf, size);
	*more = !kfifo_is_empty(&t->fifo);
	spin_unlock(&t->lock);
	return n;
}

/* The core calls with 64 bytes at most, and again as long as *cookie is set. */
static ssize_t ldisc_read(struct tty_struct *tty, struct file *file, stamp_byte *buf, size_t size,
			  void **cookie, unsigned long offset)
{
	struct stamp_tty *t = tty->disc_data;
	bool more, again = *cookie;
	size_t n;
	int rc;

	*cookie = NULL;
	if (!size)
		return 0;
	for (;;) {
		n = take(t, buf, size, &more);
		if (n || again)
			break;
		if (tty_hung_up_p(file))
			return 0;
		if (test_bit(TTY_OTHER_CLOSED, &tty->flags))
			return -EIO;
		if (tty_io_nonblock(tty, file))
			return -EAGAIN;
		rc = wait_event_interruptible(tty->read_wait,
					      !kfifo_is_empty(&t->fifo) || ended(tty, file));
		if (rc)
			return rc;
	}
	if (more && n == size)
		*cookie = t;
	return n;
}

static ssize_t ldisc_write(struct tty_struct *tty, struct file *file, const stamp_byte *buf,
			   size_t size)
{
	ssize_t n;
	int rc;

	for (;;) {
		if (ended(tty, file))
			return -EIO;
		n = tty->ops->write(tty, buf, size);
		if (n)
			return n;
		if (tty_io_nonblock(tty, file))
			return -EAGAIN;
		rc = wait_event_interruptible(tty->write_wait,
					      tty_write_room(tty) > 0 || ended(tty, file));
		if (rc)
			return rc;
	}
}

static __poll_t ldisc_poll(struct tty_struct *tty, struct file *file, poll_table *wait)
{
	struct stamp_tty *t = tty->disc_data;
	__poll_t mask = 0;

	poll_wait(file, &tty->read_wait, wait);
	poll_wait(file, &tty->write_wait, wait);
	if (!kfifo_is_empty(&t->fifo))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (ended(tty, file))
		mask |= EPOLLHUP;
	else if (tty_write_room(tty) > 0)
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

static void ldisc_flush(struct tty_struct *tty)
{
	struct stamp_tty *t = tty->disc_data;

	spin_lock(&t->lock);
	kfifo_reset_out(&t->fifo);
	spin_unlock(&t->lock);
}

/* ---- requests ---- */

/* Replace the session: NULL for none. Takes over the caller's reference. */
static void bind(struct stamp_tty *t, struct stamp_session *session, u16 source)
{
	struct stamp_session *old;

	spin_lock(&t->lock);
	old = t->session;
	if (old)
		stamp_session_add(old, STEPD_STAMP_END, t->source, ktime_get_ns(),
				  t->stats.received, 0);
	t->session = session;
	t->source = source;
	spin_unlock(&t->lock);
	if (old)
		stamp_session_put(old);
}

static int ioctl_bind(struct stamp_tty *t, void __user *arg)
{
	struct stepd_stamp_bind want;
	struct stamp_session *s;

	if (copy_from_user(&want, arg, sizeof(want)))
		return -EFAULT;
	if (want.source > STEPD_STAMP_SOURCE_MAX || want.reserved)
		return -EINVAL;
	s = stamp_session_get(want.session);
	if (IS_ERR(s))
		return PTR_ERR(s);
	bind(t, s, want.source);
	return 0;
}

static int ioctl_stats(struct stamp_tty *t, void __user *arg)
{
	struct stepd_stamp_stats stats;

	spin_lock(&t->lock);
	stats = t->stats;
	spin_unlock(&t->lock);
	return copy_to_user(arg, &stats, sizeof(stats)) ? -EFAULT : 0;
}

static int ldisc_ioctl(struct tty_struct *tty, unsigned int cmd, unsigned long arg)
{
	struct stamp_tty *t = tty->disc_data;

	switch (cmd) {
	case STEPD_STAMP_IOC_BIND:
		return ioctl_bind(t, (void __user *)arg);
	case STEPD_STAMP_IOC_STATS:
		return ioctl_stats(t, (void __user *)arg);
	case FIONREAD:
		return put_user(kfifo_len(&t->fifo), (int __user *)arg);
	case TIOCOUTQ:
		return put_user(tty_chars_in_buffer(tty), (int __user *)arg);
	}
	return n_tty_ioctl_helper(tty, cmd, arg);
}

#ifdef CONFIG_COMPAT
static int ldisc_compat_ioctl(struct tty_struct *tty, unsigned int cmd, unsigned long arg)
{
	return ldisc_ioctl(tty, cmd, (unsigned long)compat_ptr(arg));
}
#endif

/* ---- life ---- */

static int ldisc_open(struct tty_struct *tty)
{
	struct stamp_tty *t;

	if (!tty->ops->write)
		return -EOPNOTSUPP;
	t = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	spin_lock_init(&t->lock);
	INIT_KFIFO(t->fifo);
	tty->disc_data = t;
	tty->receive_room = ROOM;
	return 0;
}

/* Nobody is in another of our functions: the core sees to it. */
static void ldisc_close(struct tty_struct *tty)
{
	struct stamp_tty *t = tty->disc_data;

	bind(t, NULL, 0);
	tty->disc_data = NULL;
	kfree(t);
}

static struct tty_ldisc_ops stamp_ldisc = {
	.owner = THIS_MODULE,
	.num = STEPD_STAMP_LDISC,
	.name = "stepd-stamp",
	.open = ldisc_open,
	.close = ldisc_close,
	.read = ldisc_read,
	.write = ldisc_write,
	.poll = ldisc_poll,
	.ioctl = ldisc_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = ldisc_compat_ioctl,
#endif
	.flush_buffer = ldisc_flush,
	.receive_buf = ldisc_receive,
};

int stamp_ldisc_register(void)
{
	return tty_register_ldisc(&stamp_ldisc);
}

void stamp_ldisc_unregister(void)
{
	tty_unregister_ldisc(&stamp_ldisc);
}
MODULE_ALIAS_LDISC(STEPD_STAMP_LDISC);
