// SPDX-License-Identifier: GPL-2.0-or-later
/* stamp_sync.c - the edges of sync lines, stamped in the hard interrupt, on PREEMPT_RT too. */
#include <linux/device.h>
#include <linux/gpio/consumer.h>
#include <linux/gpio/driver.h>
#include <linux/gpio/machine.h>
#include <linux/interrupt.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "stamp.h"

struct stamp_sync {
	struct stamp_session *session;
	struct gpio_desc *desc;
	int irq;
	u16 source;
	u64 edges; /* the handler's own */
};

/* One look-up at a time: the table is there only while it runs. */
static DEFINE_MUTEX(lookup_lock);

static irqreturn_t on_edge(int irq, void *data)
{
	s64 now_ns = ktime_get_ns();
	struct stamp_sync *y = data;

	stamp_session_add(y->session, STEPD_STAMP_SYNC, y->source, now_ns, y->edges++, 1);
	return IRQ_HANDLED;
}

#ifdef STAMP_HAVE_FIND_BY_LABEL
static int chip_lines(const char *label)
{
	struct gpio_device *device = gpio_device_find_by_label(label);
	int lines;

	if (!device)
		return 0;
	lines = gpio_device_get_chip(device)->ngpio;
	gpio_device_put(device);
	return lines;
}
#else
static int has_label(struct gpio_chip *chip, void *label)
{
	return chip->label && !strcmp(chip->label, label);
}

static int chip_lines(const char *label)
{
	struct gpio_chip *chip = gpiochip_find((void *)label, has_label);

	return chip ? chip->ngpio : 0;
}
#endif

/* By label and offset, through a table of the board's kind for our device, so that no board file has to name the line.
 * Looked for first: gpiod_get() writes to the kernel log if there is none. */
static struct gpio_desc *get_line(struct device *dev, const struct stepd_stamp_sync *want)
{
	struct gpiod_lookup_table *table;
	struct gpio_desc *desc;

	if (want->line >= chip_lines(want->chip))
		return ERR_PTR(-ENODEV);
	table = kzalloc(struct_size(table, table, 2), GFP_KERNEL);
	if (!table)
		return ERR_PTR(-ENOMEM);
	table->dev_id = dev_name(dev);
	table->table[0].key = want->chip;
	table->table[0].chip_hwnum = want->line;
	table->table[0].con_id = "sync";
	table->table[0].flags = GPIO_ACTIVE_HIGH;
	mutex_lock(&lookup_lock);
	gpiod_add_lookup_table(table);
	desc = gpiod_get(dev, "sync", GPIOD_IN);
	gpiod_remove_lookup_table(table);
	mutex_unlock(&lookup_lock);
	kfree(table);
	if (IS_ERR(desc) && (PTR_ERR(desc) == -EPROBE_DEFER || PTR_ERR(desc) == -ENOENT))
		return ERR_PTR(-ENODEV);
	return desc;
}

static int take_irq(struct stamp_sync *y, u32 edges)
{
	unsigned long flags = IRQF_NO_THREAD;

	if (edges & STEPD_STAMP_RISING)
		flags |= IRQF_TRIGGER_RISING;
	if (edges & STEPD_STAMP_FALLING)
		flags |= IRQF_TRIGGER_FALLING;
	y->irq = gpiod_to_irq(y->desc);
	if (y->irq < 0)
		return y->irq;
	/* An interrupt that comes from its parent's thread wants a handler in that thread: not what is asked for. */
	if (request_irq(y->irq, on_edge, flags, "stepd-sync", y))
		return -EOPNOTSUPP;
	return 0;
}

static struct stamp_sync **find(struct stamp_session *s, u32 source)
{
	for (int i = 0; i < STEPD_STAMP_SYNC_MAX; i++)
		if (s->sync[i] && s->sync[i]->source == source)
			return &s->sync[i];
	return NULL;
}

static struct stamp_sync **find_free(struct stamp_session *s)
{
	for (int i = 0; i < STEPD_STAMP_SYNC_MAX; i++)
		if (!s->sync[i])
			return &s->sync[i];
	return NULL;
}

int stamp_sync_attach(struct stamp_session *s, struct device *dev,
		      const struct stepd_stamp_sync *want)
{
	struct stamp_sync **slot = find_free(s), *y;
	int rc;

	if (!want->chip[0] || strnlen(want->chip, sizeof(want->chip)) == sizeof(want->chip) ||
	    want->line >= U16_MAX || want->edges < STEPD_STAMP_RISING ||
	    want->edges > STEPD_STAMP_BOTH || want->source > STEPD_STAMP_SOURCE_MAX ||
	    want->reserved)
		return -EINVAL;
	if (find(s, want->source))
		return -EBUSY;
	if (!slot)
		return -ENOSPC;
	y = kzalloc(sizeof(*y), GFP_KERNEL);
	if (!y)
		return -ENOMEM;
	y->session = s;
	y->source = want->source;
	y->desc = get_line(dev, want);
	if (IS_ERR(y->desc)) {
		rc = PTR_ERR(y->desc);
		goto out_free;
	}
	rc = take_irq(y, want->edges);
	if (rc)
		goto out_put;
	*slot = y;
	return 0;
out_put:
	gpiod_put(y->desc);
out_free:
	kfree(y);
	return rc;
}

static void detach(struct stamp_sync **slot)
{
	struct stamp_sync *y = *slot;

	free_irq(y->irq, y); /* waits for a handler that is running */
	gpiod_put(y->desc);
	kfree(y);
	*slot = NULL;
}

int stamp_sync_detach(struct stamp_session *s, u32 source)
{
	struct stamp_sync **slot = find(s, source);

	if (!slot)
		return -ENXIO;
	detach(slot);
	return 0;
}

void stamp_sync_detach_all(struct stamp_session *s)
{
	for (int i = 0; i < STEPD_STAMP_SYNC_MAX; i++)
		if (s->sync[i])
			detach(&s->sync[i]);
}
