/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_bedmesh.c - a bed that is not flat.
 *
 * Shown: the filled surface goes through the probed points, and where the points lie on a polynomial the
 * Lagrange one is that polynomial; forward and inverse undo each other at every height, with and without
 * fade; on any straight line the pieces are in order, few, and never off the surface by more than the
 * tolerance. Through the interpreter: lines, arcs and travel over a mesh keep within it, E is
 * shared out, a machine that is full in between gets the rest later, G92, offsets and skew stay what they are,
 * and clearing the mesh moves nothing; wrong profiles and commands get their reply.
 * How: random beds and moves. Repeat: STEPD_SEED; STEPD_TEST_SIZE for more.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/gcode/bedmesh.h"
#include "gcode_stub.h"
#include "tests/oracle/refmotion.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

enum { BEDS = 200, LINES = 40, PIECES_MAX = 4000 };
#define TOLERANCE 0.001

static uint64_t rng;
static double heights[BEDMESH_SIDE_MAX * BEDMESH_SIDE_MAX];

static double between(double lo, double hi)
{
	return random_uniform(&rng, lo, hi);
}

/* A bed like there are: a millimetre of shape, some noise. */
static struct bedmesh_points random_points(void)
{
	struct bedmesh_points p = { .algorithm = between(0, 1) < 0.5 ? BEDMESH_LAGRANGE
								     : BEDMESH_BICUBIC,
				    .tension = between(0, 1),
				    .x_pps = (uint32_t)between(0, 5),
				    .y_pps = (uint32_t)between(0, 5) };
	double most = p.algorithm == BEDMESH_LAGRANGE ? BEDMESH_LAGRANGE_MAX : 20;

	p.x_count = (uint32_t)between(BEDMESH_SIDE_MIN, most + 1);
	p.y_count = (uint32_t)between(BEDMESH_SIDE_MIN, most + 1);
	p.min_x = between(-150, 20);
	p.max_x = p.min_x + between(100, 400);
	p.min_y = between(-150, 20);
	p.max_y = p.min_y + between(100, 400);
	for (uint32_t y = 0; y < p.y_count; y++)
		for (uint32_t x = 0; x < p.x_count; x++)
			heights[y * p.x_count + x] = 0.3 * sin(2.0 * x / p.x_count + y) +
						     between(-0.05, 0.05);
	p.z = heights;
	return p;
}

static struct bedmesh_link random_link(const struct bedmesh *m)
{
	struct bedmesh_link l = { .mesh = m, .offset_x = between(-5, 5), .offset_y = between(-5, 5) };

	if (between(0, 1) < 0.7) {
		l.fade_start = between(0, 3);
		l.fade_end = l.fade_start + between(2, 20);
		l.target = m->mean;
	}
	return l;
}

static void test_surface(void **state)
{
	struct bedmesh m = { 0 };

	(void)state;
	for (int n = 0; n < BEDS; n++) {
		struct bedmesh_points p = random_points();

		assert_int_equal(bedmesh_build(&m, &p), 0);
		for (uint32_t y = 0; y < p.y_count; y++)
			for (uint32_t x = 0; x < p.x_count; x++) {
				double at_x = p.min_x + x * (p.max_x - p.min_x) / (p.x_count - 1);
				double at_y = p.min_y + y * (p.max_y - p.min_y) / (p.y_count - 1);

				assert_true(fabs(bedmesh_z(&m, at_x, at_y) -
						 p.z[y * p.x_count + x]) < 1e-9);
			}
		/* beyond the edge it is level */
		assert_true(bedmesh_z(&m, p.min_x - 50, p.min_y - 50) == p.z[0]);
		assert_true(m.lowest <= m.mean && m.mean <= m.highest);
	}
	/* a polynomial of second order on three points: exact at every point of the grid */
	for (int y = 0; y < 3; y++)
		for (int x = 0; x < 3; x++)
			heights[3 * y + x] = 0.1 * x * x - 0.2 * x * y + 0.05 * y * y * x;
	struct bedmesh_points p = {
		.x_count = 3, .y_count = 3, .x_pps = 4, .y_pps = 9, .max_x = 2, .max_y = 2, .z = heights
	};

	assert_int_equal(bedmesh_build(&m, &p), 0);
	for (uint32_t k = 0; k < m.ny; k++)
		for (uint32_t i = 0; i < m.nx; i++) {
			double x = i / 5.0, y = k / 10.0;

			assert_true(fabs(m.z[k * m.nx + i] -
					 (0.1 * x * x - 0.2 * x * y + 0.05 * y * y * x)) < 1e-12);
		}
	bedmesh_free(&m);
}

static void test_inverse(void **state)
{
	struct bedmesh m = { 0 };

	(void)state;
	for (int n = 0; n < BEDS; n++) {
		struct bedmesh_points p = random_points();

		assert_int_equal(bedmesh_build(&m, &p), 0);
		struct bedmesh_link l = random_link(&m);

		if (!bedmesh_invertible(&l))
			continue;
		for (int i = 0; i < 200; i++) {
			double mm[MOVE_AXES] = { between(-200, 500), between(-200, 500),
						 between(-1, 25), 7 };
			double back[MOVE_AXES];

			memcpy(back, mm, sizeof(back));
			bedmesh_forward(&l, back);
			assert_true(l.fade_end <= l.fade_start || mm[2] < l.fade_end ||
				    fabs(back[2] - mm[2] - l.target) < 1e-12);
			bedmesh_inverse(&l, back);
			for (int k = 0; k < MOVE_AXES; k++)
				assert_true(fabs(back[k] - mm[k]) < 1e-9);
		}
	}
	bedmesh_free(&m);
}

/* How far the straight way between two shares of a line leaves the surface. */
static double leaves(const struct bedmesh_link *l, const double a[MOVE_AXES],
		     const double b[MOVE_AXES], double t0, double t1)
{
	double z[2], worst = 0;

	for (int i = 0; i <= 20; i++) {
		double t = i == 0   ? t0
			   : i == 1 ? t1
				    : t0 + (t1 - t0) * (i - 1) / 20.0,
		       mm[MOVE_AXES];

		for (int k = 0; k < MOVE_AXES; k++)
			mm[k] = a[k] + t * (b[k] - a[k]);
		bedmesh_forward(l, mm);
		if (i < 2)
			z[i] = mm[2];
		else
			worst = fmax(worst, fabs(mm[2] - (z[0] + (z[1] - z[0]) * (i - 1) / 20.0)));
	}
	return worst;
}

static void test_split(void **state)
{
	struct bedmesh m = { 0 };
	double worst = 0;
	long pieces = 0, lines = 0;

	(void)state;
	for (int n = 0; n < BEDS * (int)simrun_size(); n++) {
		struct bedmesh_points p = random_points();

		assert_int_equal(bedmesh_build(&m, &p), 0);
		struct bedmesh_link l = random_link(&m);

		for (int i = 0; i < LINES; i++) {
			double a[MOVE_AXES] = { between(-200, 450), between(-200, 450),
						between(0, 3) };
			double b[MOVE_AXES] = { between(-200, 450), between(-200, 450), a[2] };
			double t = 0;
			int count = 0;

			if (i % 4 == 0) /* a short one */
				for (int k = 0; k < 2; k++)
					b[k] = a[k] + between(-0.5, 0.5);
			if (i % 3 == 0)
				b[2] = between(0, 25);
			if (i % 5 == 0) /* along the grid */
				b[i % 2] = a[i % 2] = (i % 2 ? m.min_y + l.offset_y
							     : m.min_x + l.offset_x);
			if (i % 7 == 0) /* up only */
				b[0] = a[0], b[1] = a[1];
			while (t < 1) {
				double next = bedmesh_split(&l, a, b, t, TOLERANCE);

				assert_true(next > t && next <= 1);
				worst = fmax(worst, leaves(&l, a, b, t, next));
				t = next;
				assert_true(++count < PIECES_MAX);
			}
			pieces += count;
			lines++;
		}
	}
	printf("%ld lines in %ld pieces, off by %.6f mm at most\n", lines, pieces, worst);
	assert_true(worst <= TOLERANCE * 1.0001);
	assert_true(pieces < 150 * lines);
	bedmesh_free(&m);
}

static void test_refused(void **state)
{
	struct bedmesh_points good = random_points(), p;
	struct bedmesh m = { 0 };

	(void)state;
	p = good;
	p.x_count = 2;
	assert_int_equal(bedmesh_build(&m, &p), -EINVAL);
	p = good;
	p.algorithm = BEDMESH_LAGRANGE;
	p.x_pps = 1;
	p.y_count = BEDMESH_LAGRANGE_MAX + 1;
	assert_int_equal(bedmesh_build(&m, &p), -EINVAL);
	p = good;
	p.max_x = p.min_x;
	assert_int_equal(bedmesh_build(&m, &p), -EINVAL);
	p = good;
	heights[3] = NAN;
	assert_int_equal(bedmesh_build(&m, &p), -EINVAL);
	assert_null(m.z);
}

/* ---- through the interpreter ---- */

static struct gcode g;
static struct stub s;
static struct gcode_meshes meshes;
static double last_mm[MOVE_AXES], worst_mm, e_mm;

/* Is the straight way from the last target to this one on the surface? */
static int follow(void *ctx, const struct gcode_target *t, char *err)
{
	int rc = stub_move(ctx, t, err);
	double a[MOVE_AXES], b[MOVE_AXES];

	if (rc < 0)
		return rc;
	memcpy(a, last_mm, sizeof(a));
	memcpy(b, t->position_mm, sizeof(b));
	e_mm += b[AXIS_E] - a[AXIS_E];
	memcpy(last_mm, b, sizeof(b));
	if (!meshes.mesh.z)
		return 0;
	bedmesh_inverse(&meshes.link, a);
	bedmesh_inverse(&meshes.link, b);
	worst_mm = fmax(worst_mm, leaves(&meshes.link, a, b, 0, 1));
	return 0;
}

static void setup_mesh(void)
{
	struct bedmesh_points p = { .algorithm = BEDMESH_BICUBIC,
				    .tension = 0.2,
				    .x_count = 7,
				    .y_count = 5,
				    .x_pps = 2,
				    .y_pps = 2,
				    .min_x = 10,
				    .max_x = 290,
				    .min_y = 20,
				    .max_y = 280,
				    .z = heights };

	for (int i = 0; i < 35; i++)
		heights[i] = 0.3 * sin(i * 0.9);
	stub_init(&s, &g);
	s.ops.move = follow;
	s.quiet = true;
	memset(&meshes, 0, sizeof(meshes));
	meshes.fade_start = 1;
	meshes.fade_end = 10;
	meshes.target_mean = true;
	meshes.count = 1;
	strcpy(meshes.profile[0].name, "default");
	meshes.profile[0].points = p;
	gcode_mesh_attach(&g, &meshes);
	memset(last_mm, 0, sizeof(last_mm));
	worst_mm = e_mm = 0;
}

static void lines(const char *text)
{
	const char *bad = stub_lines(&g, text);

	if (bad)
		fail_msg("\"%s\": %s", bad, s.replies);
}

static void test_print(void **state)
{
	double user[MOVE_AXES];

	(void)state;
	setup_mesh();
	lines("G1 X50 Y50 Z0.2 F6000|M83|BED_MESH_PROFILE LOAD=default");
	assert_int_equal(s.moves,
			 1); /* loading moves nothing, but the name of where it is changes */
	gcode_user_position(&g, user);
	assert_true(fabs(user[2] - 0.2) > 0.001);
	lines("G1 Z0.2|G92 Z0.2 E5|SET_GCODE_OFFSET Z=0.05");
	unsigned long before = s.moves;

	e_mm = 0;
	lines("G1 X250 Y220 E10|G1 X20 Y270 E8|G2 X200 Y100 R150 E12|G0 X100 Y100 Z12|G0 Z0.3|G1 X250 E3");
	printf("%lu moves, off by %.6f mm at most\n", s.moves - before, worst_mm);
	assert_true(s.moves - before > 60);
	assert_true(worst_mm <= TOLERANCE * 1.0001 && worst_mm > 1e-5);
	assert_true(fabs(e_mm - 33) < 1e-9);
	gcode_user_position(&g, user);
	assert_true(fabs(user[0] - 250) < 1e-9 && fabs(user[2] - 0.3) < 1e-9);
	/* skew before the mesh: the surface belongs to the machine */
	worst_mm = 0;
	lines("SET_SKEW XY=140.4,142.8,99.8|G1 X50 Y250 Z0.2|G1 X250 Y50");
	assert_true(worst_mm <= TOLERANCE * 1.0001);
	lines("BED_MESH_CLEAR|SET_SKEW CLEAR=1");
	before = s.moves;
	lines("G1 X251 Y51");
	assert_int_equal(s.moves, before + 1);
	gcode_mesh_detach(&g);
}

static void test_full(void **state)
{
	unsigned long before;
	int rounds = 0;

	(void)state;
	setup_mesh();
	lines("G1 X50 Y50 Z0.2 F6000|M83|BED_MESH_PROFILE LOAD=default|G1 Z0.2");
	e_mm = 0;
	before = s.moves;
	s.room = 1;
	assert_int_equal(gcode_exec(&g, "G1 X250 Y250 E10", 16, 7), GCODE_WAIT);
	while (gcode_busy(&g) && rounds++ < 1000) {
		s.room = 1;
		gcode_poll(&g);
	}
	assert_true(s.moves - before > 20 && rounds >= (int)(s.moves - before) - 2);
	assert_true(fabs(e_mm - 10) < 1e-9 && worst_mm <= TOLERANCE * 1.0001);
	gcode_mesh_detach(&g);
}

static void test_commands(void **state)
{
	static const char *const wrong[][2] = {
		{ "BED_MESH_PROFILE", "expected one of LOAD, SAVE and REMOVE" },
		{ "BED_MESH_PROFILE LOAD=a SAVE=b", "expected one of" },
		{ "BED_MESH_PROFILE LOAD=other", "LOAD=other: expected the name of a profile" },
		{ "BED_MESH_PROFILE SAVE=x", "SAVE=x: expected a mesh in use" },
		{ "BED_MESH_PROFILE REMOVE=x", "REMOVE=x: expected the name" },
		{ "BED_MESH_OFFSET X=1", "expected a mesh in use" },
	};

	(void)state;
	setup_mesh();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		stub_clear(&s);
		assert_int_equal(gcode_exec(&g, wrong[i][0], strlen(wrong[i][0]), 7), GCODE_ERROR);
		assert_non_null(strstr(s.replies, wrong[i][1]));
	}
	stub_clear(&s);
	lines("BED_MESH_OUTPUT");
	assert_non_null(strstr(s.replies, "no bed mesh in use, 1 profiles\n// profile default\n"));
	lines("BED_MESH_PROFILE LOAD=default|BED_MESH_PROFILE SAVE=other|BED_MESH_OFFSET X=2 Y=-3 ZFADE=0.5");
	assert_true(meshes.link.offset_x == 2 && meshes.link.fade_start == 1.5 &&
		    meshes.link.fade_end == 10.5);
	stub_clear(&s);
	lines("BED_MESH_OUTPUT");
	assert_non_null(
		strstr(s.replies, "bed mesh default: 7 x 5 points, X 10 .. 290, Y 20 .. 280 mm\n"));
	lines("BED_MESH_PROFILE REMOVE=default|BED_MESH_PROFILE LOAD=other");
	/* a fade that is steeper than the bed */
	meshes.fade_end = 1.2;
	stub_clear(&s);
	assert_int_equal(gcode_exec(&g, "BED_MESH_PROFILE LOAD=other", 27, 7), GCODE_ERROR);
	assert_non_null(strstr(s.replies, "the fade from 1 to 1.2 mm is steeper"));
	assert_non_null(meshes.mesh.z); /* the one before is still in use */
	gcode_mesh_detach(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_surface),  cmocka_unit_test(test_inverse),
		cmocka_unit_test(test_split),    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_print),    cmocka_unit_test(test_full),
		cmocka_unit_test(test_commands),
	};

	rng = ref_seed("beds");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
