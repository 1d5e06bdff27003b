// SPDX-License-Identifier: GPL-2.0-or-later
/* stamp_main.c - /dev/stepd-stamp: sessions, and rings of stamps that user space maps.
 *
 * The module stays loaded as long as a session is open, a ring is mapped or a tty has the discipline: the files and the
 * discipline hold it. rmmod says EBUSY until then. */
#include <linux/file.h>
#include <linux/log2.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "stamp.h"

static_assert(sizeof(struct stepd_stamp_record) == 32);
static_assert(sizeof(struct stepd_stamp_setup) == 24);
static_assert(sizeof(struct stepd_stamp_sync) == 48);
static_assert(sizeof(struct stepd_stamp_bind) == 16);
static_assert(sizeof(struct stepd_stamp_stats) == 32);
static_assert(offsetof(struct stepd_stamp_ring, head) == 64);

static const struct file_operations stamp_fops;

static struct miscdevice stamp_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "stepd-stamp",
	.fops = &stamp_fops,
};

static void session_free(struct kref *ref)
{
	struct stamp_session *s = container_of(ref, struct stamp_session, ref);

	vfree(s->ring);
	kfree(s);
}

void stamp_session_put(struct stamp_session *s)
{
	kref_put(&s->ref, session_free);
}

struct stamp_session *stamp_session_get(int fd)
{
	struct file *file = fget(fd);
	struct stamp_session *s;

	if (!file)
		return ERR_PTR(-EBADF);
	if (file->f_op != &stamp_fops) {
		fput(file);
		return ERR_PTR(-EBADF);
	}
	s = file->private_data;
	/* Pairs with the release in setup(): mask and records are there. */
	if (smp_load_acquire(&s->ring))
		kref_get(&s->ref);
	else
		s = ERR_PTR(-ENXIO);
	fput(file);
	return s;
}

void stamp_session_add(struct stamp_session *s, u16 kind, u16 source, s64 time_ns, u64 position,
		       u32 count)
{
	struct stepd_stamp_record *r;
	unsigned long flags;

	raw_spin_lock_irqsave(&s->ring_lock, flags);
	r = &s->records[s->head & s->mask];
	/* A reader that is copying the old record sees that it goes before anything of it does. */
	WRITE_ONCE(r->sequence, 0);
	smp_wmb();
	r->time_ns = time_ns;
	r->position = position;
	r->count = count;
	r->source = source;
	r->kind = kind;
	s->head++;
	/* Both pair with the reader's acquire: the record is whole. */
	smp_store_release(&r->sequence, s->head);
	smp_store_release(&s->ring->head, s->head);
	raw_spin_unlock_irqrestore(&s->ring_lock, flags);
}

/* ---- the file ---- */

static int stamp_open(struct inode *inode, struct file *file)
{
	struct stamp_session *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	kref_init(&s->ref);
	mutex_init(&s->lock);
	raw_spin_lock_init(&s->ring_lock);
	file->private_data = s;
	return nonseekable_open(inode, file);
}

static int stamp_release(struct inode *inode, struct file *file)
{
	struct stamp_session *s = file->private_data;

	mutex_lock(&s->lock);
	stamp_sync_detach_all(s);
	mutex_unlock(&s->lock);
	stamp_session_put(s);
	return 0;
}

static int setup(struct stamp_session *s, struct stepd_stamp_setup *want)
{
	struct stepd_stamp_ring *ring;

	if (want->records < STEPD_STAMP_RECORDS_MIN || want->records > STEPD_STAMP_RECORDS_MAX ||
	    !is_power_of_2(want->records) || want->flags || want->reserved)
		return -EINVAL;
	if (s->ring)
		return -EBUSY;
	want->size = PAGE_SIZE + PAGE_ALIGN((u64)want->records * sizeof(struct stepd_stamp_record));
	ring = vmalloc_user(want->size);
	if (!ring)
		return -ENOMEM;
	ring->version = STEPD_STAMP_VERSION;
	ring->record_size = sizeof(struct stepd_stamp_record);
	ring->records = want->records;
	ring->records_offset = PAGE_SIZE;
	s->records = (void *)ring + PAGE_SIZE;
	s->mask = want->records - 1;
	/* Pairs with the acquire in stamp_session_get() and stamp_mmap(). */
	smp_store_release(&s->ring, ring);
	return 0;
}

static int ioctl_setup(struct stamp_session *s, void __user *arg)
{
	struct stepd_stamp_setup want;
	int rc;

	if (copy_from_user(&want, arg, sizeof(want)))
		return -EFAULT;
	mutex_lock(&s->lock);
	rc = setup(s, &want);
	mutex_unlock(&s->lock);
	if (!rc && copy_to_user(arg, &want, sizeof(want)))
		return -EFAULT; /* the ring is there, and mmap works: its header has the sizes, too */
	return rc;
}

static int ioctl_sync_attach(struct stamp_session *s, void __user *arg)
{
	struct stepd_stamp_sync want;
	int rc;

	if (copy_from_user(&want, arg, sizeof(want)))
		return -EFAULT;
	mutex_lock(&s->lock);
	rc = s->ring ? stamp_sync_attach(s, stamp_misc.this_device, &want) : -ENXIO;
	mutex_unlock(&s->lock);
	return rc;
}

static int ioctl_sync_detach(struct stamp_session *s, u32 __user *arg)
{
	u32 source;
	int rc;

	if (get_user(source, arg))
		return -EFAULT;
	mutex_lock(&s->lock);
	rc = stamp_sync_detach(s, source);
	mutex_unlock(&s->lock);
	return rc;
}

static long stamp_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct stamp_session *s = file->private_data;

	switch (cmd) {
	case STEPD_STAMP_IOC_VERSION:
		return put_user(STEPD_STAMP_VERSION, (u32 __user *)arg);
	case STEPD_STAMP_IOC_SETUP:
		return ioctl_setup(s, (void __user *)arg);
	case STEPD_STAMP_IOC_SYNC_ATTACH:
		return ioctl_sync_attach(s, (void __user *)arg);
	case STEPD_STAMP_IOC_SYNC_DETACH:
		return ioctl_sync_detach(s, (u32 __user *)arg);
	}
	return -ENOTTY;
}

static int stamp_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct stamp_session *s = file->private_data;
	/* Pairs with the release in setup(). */
	struct stepd_stamp_ring *ring = smp_load_acquire(&s->ring);

	if (!ring)
		return -ENXIO;
	if (vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EACCES;
#ifdef STAMP_HAVE_VM_FLAGS_CLEAR
	vm_flags_clear(vma, VM_MAYWRITE | VM_MAYEXEC);
#else
	vma->vm_flags &= ~(VM_MAYWRITE | VM_MAYEXEC);
#endif
	/* Refuses what is beyond the ring. The mapping holds the file, and so the session. */
	return remap_vmalloc_range(vma, ring, vma->vm_pgoff);
}

static const struct file_operations stamp_fops = {
	.owner = THIS_MODULE,
	.open = stamp_open,
	.release = stamp_release,
	.unlocked_ioctl = stamp_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = stamp_mmap,
};

static int __init stamp_init(void)
{
	int rc = misc_register(&stamp_misc);

	if (rc)
		return rc;
	rc = stamp_ldisc_register();
	if (rc)
		misc_deregister(&stamp_misc);
	return rc;
}

static void __exit stamp_exit(void)
{
	stamp_ldisc_unregister();
	misc_deregister(&stamp_misc);
}

module_init(stamp_init);
module_exit(stamp_exit);
MODULE_DESCRIPTION("Time stamps of sync lines and received bytes for stepd");
MODULE_AUTHOR("The stepd authors");
MODULE_LICENSE("GPL");
