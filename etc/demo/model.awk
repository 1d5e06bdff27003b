#!/usr/bin/awk -f
# SPDX-License-Identifier: GPL-2.0-or-later
# The demo's model, a lighthouse on an islet, as an ASCII STL on standard output.
#
# Each shape is a closed shell of rings of points; the slicer takes the union of the shells. What it
# gives the motion path to do: long curves in short segments (tower with twisted flutes), sharp
# corners (steps), walls of one line (breakwater), bridges and overhangs (arch, gallery, lantern),
# and small features with many retractions (railing).
#
#   awk -f etc/demo/model.awk >model.stl
#
# Units: mm; the model stands on z = 0 around x = y = 0.

function point(i, j, x, y, z)
{
	px[i, j] = x
	py[i, j] = y
	pz[i, j] = z
}

function corner(x, y, z)
{
	cx[++corners] = x
	cy[corners] = y
	cz[corners] = z
}

function grid_triangle(a, b, c, d, e, f)
{
	corner(px[a, b], py[a, b], pz[a, b])
	corner(px[c, d], py[c, d], pz[c, d])
	corner(px[e, f], py[e, f], pz[e, f])
}

# A fan from the middle of ring i closes an end.
function cap(i, m, flip,    j, k, x, y, z)
{
	for (j = 0; j < m; j++) {
		x += px[i, j] / m
		y += py[i, j] / m
		z += pz[i, j] / m
	}
	for (j = 0; j < m; j++) {
		k = (j + 1) % m
		corner(x, y, z)
		corner(px[i, flip ? k : j], py[i, flip ? k : j], pz[i, flip ? k : j])
		corner(px[i, flip ? j : k], py[i, flip ? j : k], pz[i, flip ? j : k])
	}
}

# Write the shell of n rings of m points; closed: the last ring joins the first, else both ends are
# capped. Whichever way the rings run, the triangles come out facing outwards.
function shell(n, m, closed,    i, j, k, l, t, volume, second, third)
{
	corners = 0
	for (i = 0; i < (closed ? n : n - 1); i++) {
		k = (i + 1) % n
		for (j = 0; j < m; j++) {
			l = (j + 1) % m
			grid_triangle(i, j, i, l, k, l)
			grid_triangle(i, j, k, l, k, j)
		}
	}
	if (!closed) {
		cap(0, m, 1)
		cap(n - 1, m, 0)
	}
	for (t = 1; t <= corners; t += 3)
		volume += cx[t] * (cy[t + 1] * cz[t + 2] - cz[t + 1] * cy[t + 2]) \
			- cy[t] * (cx[t + 1] * cz[t + 2] - cz[t + 1] * cx[t + 2]) \
			+ cz[t] * (cx[t + 1] * cy[t + 2] - cy[t + 1] * cx[t + 2])
	second = volume > 0 ? 1 : 2
	third = 3 - second
	for (t = 1; t <= corners; t += 3) {
		print "facet normal 0 0 0\nouter loop"
		printf "vertex %.5f %.5f %.5f\n", cx[t], cy[t], cz[t]
		printf "vertex %.5f %.5f %.5f\n", cx[t + second], cy[t + second], cz[t + second]
		printf "vertex %.5f %.5f %.5f\n", cx[t + third], cy[t + third], cz[t + third]
		print "endloop\nendfacet"
	}
}

function box(x0, y0, z0, x1, y1, z1)
{
	point(0, 0, x0, y0, z0); point(0, 1, x1, y0, z0); point(0, 2, x1, y1, z0); point(0, 3, x0, y1, z0)
	point(1, 0, x0, y0, z1); point(1, 1, x1, y0, z1); point(1, 2, x1, y1, z1); point(1, 3, x0, y1, z1)
	shell(2, 4, 0)
}

# A round bar along z, radius r0 below and r1 above.
function bar(x, y, z0, r0, z1, r1, m,    j)
{
	for (j = 0; j < m; j++) {
		point(0, j, x + r0 * cos(TAU * j / m), y + r0 * sin(TAU * j / m), z0)
		point(1, j, x + r1 * cos(TAU * j / m), y + r1 * sin(TAU * j / m), z1)
	}
	shell(2, m, 0)
}

# A rock: a lobed outline that shrinks as it rises.
function islet(    i, j, a, r)
{
	for (i = 0; i <= 6; i++)
		for (j = 0; j < 180; j++) {
			a = TAU * j / 180
			r = 21 + 1.6 * sin(3 * a + 0.4) + 0.9 * sin(7 * a) + 0.35 * sin(17 * a + i)
			r -= 0.09 * i * i
			point(i, j, r * cos(a), 0.86 * r * sin(a), i * 0.55)
		}
	shell(7, 180, 0)
}

# The tower tapers, and its flutes turn once around it.
function tower(z0, z1,    i, j, a, f, r)
{
	for (i = 0; i <= 60; i++) {
		f = i / 60
		for (j = 0; j < 144; j++) {
			a = TAU * j / 144
			r = 8.6 - 3.4 * f + 1.1 * f * f
			r += 0.38 * cos(9 * a + TAU * f)
			point(i, j, r * cos(a), r * sin(a), z0 + f * (z1 - z0))
		}
	}
	shell(61, 144, 0)
}

# A ring: a rectangle swept around z, open in the middle.
function ring(z0, z1, inner, outer, m,    i, a)
{
	for (i = 0; i < m; i++) {
		a = TAU * i / m
		point(i, 0, inner * cos(a), inner * sin(a), z0)
		point(i, 1, outer * cos(a), outer * sin(a), z0)
		point(i, 2, outer * cos(a), outer * sin(a), z1)
		point(i, 3, inner * cos(a), inner * sin(a), z1)
	}
	shell(m, 4, 1)
}

# A round tube bent to half a circle, both feet in the rock.
function arch(x, y, z, radius, thick,    i, j, a, b, r)
{
	for (i = 0; i <= 36; i++) {
		a = TAU / 2 * i / 36
		for (j = 0; j < 20; j++) {
			b = TAU * j / 20
			r = radius + thick * cos(b)
			point(i, j, x + thick * sin(b), y + r * cos(a), z + r * sin(a))
		}
	}
	shell(37, 20, 0)
}

# A wall of one line's width that winds like a wave.
function breakwater(z0, z1, width,    i, n, a, r, w)
{
	n = 90
	for (i = 0; i <= n; i++) {
		a = TAU * (0.60 + 0.30 * i / n)
		r = 16 + 1.2 * sin(TAU * 5 * i / n)
		w = width / 2
		point(i, 0, (r - w) * cos(a), 0.86 * (r - w) * sin(a), z0)
		point(i, 1, (r + w) * cos(a), 0.86 * (r + w) * sin(a), z0)
		point(i, 2, (r + w) * cos(a), 0.86 * (r + w) * sin(a), z1 + 0.8 * sin(TAU * 3 * i / n))
		point(i, 3, (r - w) * cos(a), 0.86 * (r - w) * sin(a), z1 + 0.8 * sin(TAU * 3 * i / n))
	}
	shell(n + 1, 4, 0)
}

BEGIN {
	TAU = 8 * atan2(1, 1)
	print "solid lighthouse"
	islet()
	tower(2.5, 31)
	for (i = 0; i < 5; i++) # steps up to the door
		box(6, -2.4, 2.5, 13.5 - 1.1 * i, 2.4, 4 + 0.9 * i)
	arch(-12.5, 0, 3, 6.2, 1.5)
	breakwater(2.5, 8.5, 0.9)
	bar(0, 0, 28.6, 5.2, 31.4, 8.4, 96) # gallery, an overhang of 45 degrees
	bar(0, 0, 31.4, 8.4, 32.4, 8.4, 96)
	for (i = 0; i < 14; i++) # railing
		bar(7.6 * cos(TAU * i / 14), 7.6 * sin(TAU * i / 14), 32.2, 0.55, 34.4, 0.55, 12)
	ring(34.2, 35, 7, 8.2, 96)
	ring(32.2, 38.5, 4, 4.9, 72) # lantern, thin-walled
	bar(0, 0, 37, 4.9, 38.6, 6.4, 72)
	bar(0, 0, 38.6, 6.4, 44, 0.6, 72)
	bar(0, 0, 43.4, 0.8, 46, 0.8, 24)
	print "endsolid lighthouse"
}
