/* k-means and k-NN against a search that computes every distance, in the order of sums that
 * nearest_kernels.h documents, so that answers can be compared bit for bit. */
#include "tests/unit/unit.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/nearest.h"
#include "algorithms/nearest_kernels.h"
#include "algorithms/nearest_search.h"
#include "base/cpu.h"
#include "base/memory.h"

#define ROWS 300

struct data {
    size_t count, features, k;
    float *points; /* at the very end of what is allocated */
    double *labels;
    float *rows; /* ROWS */
};

static uint64_t state_of_random;

static double random_unit(void)
{
    state_of_random = state_of_random * 6364136223846793005u + 1442695040888963407u;
    return (double)(state_of_random >> 11) / 0x1p53;
}

/* About normal. */
static float random_number(void)
{
    double sum = 0;

    for (int i = 0; i < 6; i++)
        sum += random_unit() - 0.5;
    return (float)sum;
}

static size_t random_below(size_t n)
{
    return (size_t)(random_unit() * (double)n);
}

static struct data make(size_t count, size_t features, size_t k)
{
    struct data data = {.count = count, .features = features, .k = k};

    state_of_random = count * 31 + features * 7 + k;
    data.points = malloc(count * features * sizeof(float));
    data.labels = malloc(count * sizeof(double));
    data.rows = malloc(ROWS * features * sizeof(float));
    assert_non_null(data.points);
    assert_non_null(data.labels);
    assert_non_null(data.rows);
    for (size_t i = 0; i < count; i++)
        data.labels[i] = (double)i;
    for (size_t i = 0; i < count * features; i++)
        data.points[i] = random_number();
    for (size_t i = 0; i < ROWS * features; i++)
        data.rows[i] = random_number();
    return data;
}

static void drop(struct data *data)
{
    free(data->points);
    free(data->labels);
    free(data->rows);
}

/* Adds to every point and row one of `places` places about `far` from the origin. */
static void put_far(struct data *data, size_t places, float far)
{
    float *place = malloc(places * data->features * sizeof(float));

    assert_non_null(place);
    for (size_t i = 0; i < places * data->features; i++)
        place[i] = far * (random_number() > 0 ? 1.0f : -1.0f);
    for (size_t i = 0; i < data->count + ROWS; i++) {
        float *x = i < data->count ? data->points + i * data->features
                                   : data->rows + (i - data->count) * data->features;
        size_t which = random_below(places);

        for (size_t f = 0; f < data->features; f++)
            x[f] += place[which * data->features + f];
    }
    free(place);
}

static void scale(struct data *data, float factor)
{
    for (size_t i = 0; i < data->count * data->features; i++)
        data->points[i] *= factor;
    for (size_t i = 0; i < ROWS * data->features; i++)
        data->rows[i] *= factor;
}

static double distance(const float *x, const float *p, size_t features)
{
    double s[16] = {0};

    for (size_t f = 0; f < features; f++) {
        double difference = (double)x[f] - (double)p[f];

        s[f % 16] += difference * difference;
    }
    for (size_t half = 8; half; half /= 2) {
        for (size_t i = 0; i < half; i++)
            s[i] += s[i + half];
    }
    return isnan(s[0]) ? (double)INFINITY : s[0];
}

/* The k nearest of all points, one after the other put where it belongs. */
static void nearest_of_all(const struct data *data, const float *x, struct neighbour *ret)
{
    size_t size = 0;

    for (size_t i = 0; i < data->count; i++) {
        double d = distance(x, data->points + i * data->features, data->features);
        size_t place = size;

        if (size == data->k && !(d < ret[size - 1].distance))
            continue;
        if (size == data->k)
            place--;
        else
            size++;
        for (; place > 0 && ret[place - 1].distance > d; place--)
            ret[place] = ret[place - 1];
        ret[place] = (struct neighbour){.distance = d, .point = i};
    }
}

/* What a regressor whose labels are the points' numbers answers. */
static float *expected_answers(const struct data *data)
{
    size_t k = data->k;
    float *answers = malloc(ROWS * (2 * k + 1) * sizeof(float));
    struct neighbour *all = malloc(k * sizeof(*all));

    assert_non_null(answers);
    assert_non_null(all);
    for (size_t row = 0; row < ROWS; row++) {
        float *at = answers + row * (2 * k + 1);
        double sum = 0;

        nearest_of_all(data, data->rows + row * data->features, all);
        for (size_t i = 0; i < k; i++) {
            at[1 + i] = (float)all[i].distance;
            at[1 + k + i] = (float)all[i].point;
            sum += (double)all[i].point;
        }
        at[0] = (float)(sum / (double)k);
    }
    free(all);
    return answers;
}

static struct scorer *new_knn(const struct data *data, enum knn_answer answer)
{
    struct knn_spec spec = {
        .vectors = data->points,
        .labels = data->labels,
        .count = data->count,
        .features = (uint32_t)data->features,
        .k = (uint32_t)data->k,
        .answer = answer,
    };
    struct scorer *scorer = NULL;
    struct err err = ERR_INIT;

    if (knn_new(&spec, &scorer, &err))
        fail_msg("%s", err.text);
    assert_int_equal(scorer->outputs, 2 * data->k + 1);
    assert_int_equal(scorer->features, data->features);
    return scorer;
}

static struct scorer *new_kmeans(const struct data *data)
{
    struct kmeans_spec spec = {
        .centroids = data->points,
        .clusters = (uint32_t)data->count,
        .features = (uint32_t)data->features,
    };
    struct scorer *scorer = NULL;
    struct err err = ERR_INIT;

    if (kmeans_new(&spec, &scorer, &err))
        fail_msg("%s", err.text);
    assert_int_equal(scorer->outputs, 2);
    return scorer;
}

static void score(const struct scorer *scorer, const struct matrix *matrix, float *ret)
{
    struct scratch scratch;
    struct err err = ERR_INIT;

    scratch_init(&scratch);
    if (scorer_score(scorer, matrix, &scratch, ret, &err))
        fail_msg("%s", err.text);
    scratch_fini(&scratch);
}

static struct matrix dense(const struct data *data, size_t first, size_t rows)
{
    return (struct matrix){
        .kind = MATRIX_DENSE,
        .rows = rows,
        .columns = data->features,
        .values = data->rows + first * data->features,
    };
}

static void assert_same(const float *got, const float *expected, size_t rows, size_t outputs,
                        size_t first_row)
{
    for (size_t i = 0; i < rows * outputs; i++) {
        if (memcmp(&got[i], &expected[i], sizeof(*got)) != 0)
            fail_msg("row %zu (of %zu), number %zu: %.9g, not %.9g", first_row + i / outputs, rows,
                     i % outputs, (double)got[i], (double)expected[i]);
    }
}

/* Blocks of several sizes that begin anywhere: a row is answered as it is among all. */
static void check_blocks(const struct data *data, const struct scorer *scorer,
                         const float *expected, bool all)
{
    static const size_t sizes[] = {1, 3, ROWS, 2, 4, 5, 7, 33, 127, 129, 257};
    size_t outputs = scorer->outputs;
    float *got = malloc(ROWS * outputs * sizeof(float));

    assert_non_null(got);
    for (size_t s = 0; s < (all ? ARRAY_LENGTH(sizes) : 3); s++) {
        for (size_t first = 0; first < ROWS; first += sizes[s]) {
            size_t rows = ROWS - first < sizes[s] ? ROWS - first : sizes[s];
            struct matrix matrix = dense(data, first, rows);

            score(scorer, &matrix, got);
            assert_same(got, expected + first * outputs, rows, outputs, first);
            if (s == 0)
                first += 9; /* alone: a tenth of them is enough */
        }
    }
    free(got);
}

/* The same rows without their zeros. */
static void check_csr(const struct data *data, const struct scorer *scorer, const float *expected)
{
    size_t total = ROWS * data->features;
    float *values = malloc(total * sizeof(float));
    uint32_t *column = malloc(total * sizeof(uint32_t));
    float *got = malloc(ROWS * scorer->outputs * sizeof(float));
    size_t start[ROWS + 1] = {0};
    struct matrix matrix = {
        .kind = MATRIX_CSR,
        .rows = ROWS,
        .columns = data->features,
        .values = values,
        .row_start = start,
        .column = column,
    };

    assert_non_null(values);
    assert_non_null(column);
    assert_non_null(got);
    for (size_t row = 0; row < ROWS; row++) {
        start[row + 1] = start[row];
        for (size_t f = 0; f < data->features; f++) {
            float x = data->rows[row * data->features + f];

            if (x == 0)
                continue;
            values[start[row + 1]] = x;
            column[start[row + 1]++] = (uint32_t)f;
        }
    }
    score(scorer, &matrix, got);
    assert_same(got, expected, ROWS, scorer->outputs, 0);
    free(values);
    free(column);
    free(got);
}

static void check_kmeans(const struct data *data, const float *expected)
{
    struct scorer *scorer = new_kmeans(data);
    struct matrix matrix = dense(data, 0, ROWS);
    float *got = malloc(ROWS * 2 * sizeof(float));

    assert_non_null(got);
    score(scorer, &matrix, got);
    for (size_t row = 0; row < ROWS; row++) {
        const float *at = expected + row * (2 * data->k + 1);
        size_t cluster = (size_t)got[2 * row];
        double d = distance(data->rows + row * data->features,
                            data->points + cluster * data->features, data->features);

        assert_true(got[2 * row] == at[1 + data->k]);
        assert_true(got[2 * row + 1] == (float)sqrt(d));
    }
    free(got);
    scorer_free(scorer);
}

/* All that holds of any data, with the kernels of every level. */
static void check(struct data *data)
{
    float *expected = expected_answers(data);
    enum cpu_level most = cpu_level();

    for (int level = CPU_BASELINE; level <= (int)most; level++) {
        struct scorer *scorer;

        assert_true(cpu_limit((enum cpu_level)level));
        scorer = new_knn(data, KNN_MEAN);
        check_blocks(data, scorer, expected, level == (int)most && !unit_is_brief());
        check_csr(data, scorer, expected);
        check_kmeans(data, expected);
        scorer_free(scorer);
    }
    free(expected);
    drop(data);
}

static void random_points(void **state)
{
    static const size_t shapes[][3] = {
        {1, 1, 1},    {2, 3, 2},     {31, 5, 3},    {32, 5, 3},    {40, 17, 40},
        {100, 16, 1}, {130, 15, 10}, {700, 30, 10}, {1100, 7, 33}, {300, 129, 5},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(shapes); i += unit_is_brief() ? 3 : 1) {
        struct data data = make(shapes[i][0], shapes[i][1], shapes[i][2]);

        check(&data);
    }
}

/* One heap far away: there the origin is moved. */
static void one_far_cluster(void **state)
{
    static const float far[] = {100, 1e4f, 1e6f};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(far); i += unit_is_brief() ? 2 : 1) {
        struct data data = make(700, 20, 5);

        put_far(&data, 1, far[i]);
        check(&data);
    }
}

/* Heaps far from one another: no origin helps, |x|^2 - 2 x.p + |p|^2 cancels to nothing. */
static void several_far_clusters(void **state)
{
    static const float far[] = {100, 1e4f, 1e5f};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(far); i += unit_is_brief() ? 2 : 1) {
        struct data data = make(700, 20, 5);

        put_far(&data, 4, far[i]);
        check(&data);
    }
}

/* The distances of many points are the same but for the last bits of a float. */
static void nearly_the_same_distance(void **state)
{
    struct data data = make(700, 48, 8);

    (void)state;
    for (size_t i = 0; i < data.count * data.features; i++)
        data.points[i] = (i / data.features * 7 + i % data.features) % 2 ? 1.0f : -1.0f;
    for (size_t i = 0; i < data.count; i++)
        data.points[i * data.features + i % data.features] *= 1 + (float)(i % 13) * 0x1p-22f;
    scale(&data, 0.125f);
    check(&data);
}

/* Rows near the centre of a sphere of points: what is rounded are the norms of the points. */
static void centre_of_a_sphere(void **state)
{
    struct data data = make(1500, 12, 8);

    (void)state;
    for (size_t i = 0; i < data.count; i++) {
        float *p = data.points + i * data.features;
        double norm = 0;

        for (size_t f = 0; f < data.features; f++)
            norm += (double)p[f] * (double)p[f];
        for (size_t f = 0; f < data.features; f++)
            p[f] = (float)((double)p[f] / sqrt(norm));
    }
    for (size_t i = 0; i < ROWS * data.features; i++)
        data.rows[i] *= i / data.features % 2 ? 1e-6f : 1e-8f;
    check(&data);
}

static void many_duplicates(void **state)
{
    struct data data = make(900, 12, 20);

    (void)state;
    for (size_t i = 7; i < data.count; i++)
        memcpy(data.points + i * data.features, data.points + i % 7 * data.features,
               data.features * sizeof(float));
    for (size_t row = 0; row < ROWS; row += 2) /* rows that are points: distances of 0 */
        memcpy(data.rows + row * data.features, data.points + row % 7 * data.features,
               data.features * sizeof(float));
    check(&data);
}

static void zeros(void **state)
{
    struct data data = make(200, 9, 4);

    (void)state;
    memset(data.points, 0, 100 * data.features * sizeof(float));
    memset(data.rows, 0, 100 * data.features * sizeof(float));
    check(&data);
    data = make(200, 9, 4);
    memset(data.points, 0, data.count * data.features * sizeof(float));
    check(&data);
}

/* Squares beyond float32, and below it. */
static void extreme_scales(void **state)
{
    static const float scales[] = {1e15f,  1e18f,  1e20f,  1e38f,  1e-15f, 1e-20f,
                                   1e-21f, 1e-22f, 3e-23f, 1e-25f, 1e-40f};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(scales); i++) {
        struct data data = make(150, 10, 6);

        scale(&data, scales[i]);
        check(&data);
    }
}

/* A few points far out, which no product may overflow on; rows too. */
static void outliers(void **state)
{
    struct data data = make(400, 10, 6);

    (void)state;
    data.points[17] = 1e19f;
    data.points[1234] = -3e18f;
    data.rows[5] = 2e18f;
    data.rows[77] = -1e30f;
    check(&data);
}

/* What is not finite: infinite distances, first come first. */
static void not_finite(void **state)
{
    struct data data = make(300, 10, 6);

    (void)state;
    data.points[14] = NAN;
    data.points[105] = INFINITY;
    data.rows[3] = NAN;
    data.rows[45] = INFINITY;
    data.rows[46] = -INFINITY;
    check(&data);
    data = make(300, 10, 6); /* points that products take */
    data.rows[3] = NAN;
    data.rows[45] = INFINITY;
    check(&data);
    data = make(40, 3, 2); /* nothing but NaN */
    for (size_t i = 0; i < data.count * data.features; i++)
        data.points[i] = NAN;
    check(&data);
}

/* Sorted so that each point is nearer than all before it. */
static void ever_nearer(void **state)
{
    struct data data = make(500, 6, 9);

    (void)state;
    for (size_t i = 0; i < data.count; i++) {
        for (size_t f = 0; f < data.features; f++)
            data.points[i * data.features + f] = (float)(data.count - i);
    }
    check(&data);
}

/* The order of sums is for reproducibility; that they are right is seen with more digits. */
static void right_to_rounding(void **state)
{
    struct data data = make(500, 100, 3);
    struct scorer *scorer;
    struct matrix matrix;
    float got[7];

    (void)state;
    put_far(&data, 1, 1e4f);
    scorer = new_knn(&data, KNN_MEAN);
    for (size_t row = 0; row < ROWS; row++) {
        matrix = dense(&data, row, 1);
        score(scorer, &matrix, got);
        for (size_t i = 0; i < 3; i++) {
            const float *p = data.points + (size_t)got[4 + i] * data.features;
            long double sum = 0;

            for (size_t f = 0; f < data.features; f++) {
                long double difference = (long double)matrix.values[f] - (long double)p[f];

                sum += difference * difference;
            }
            assert_true(fabsl(sum - (long double)got[1 + i]) <= sum * 0x1p-23L);
        }
    }
    scorer_free(scorer);
    drop(&data);
}

static void kernels_by_level(void **state)
{
    const struct nearest_kernels *levels[3] = {&nearest_kernels_baseline};
    size_t count = 1;

    (void)state;
#if defined(__x86_64__)
    if (cpu_level() >= CPU_AVX2)
        levels[count++] = &nearest_kernels_avx2;
    if (cpu_level() >= CPU_AVX512)
        levels[count++] = &nearest_kernels_avx512;
#endif
    for (size_t features = 1; features < 70; features++) {
        struct data data = make(5, features, 1);
        double wide[128] __attribute__((aligned(64)));
        double got[5];

        for (size_t level = 0; level < count; level++) {
            levels[level]->widen(data.rows + (ROWS - 1) * features, features, wide);
            for (size_t f = 0; f < nearest_stride(features); f++)
                assert_true(wide[f] ==
                            (f < features ? (double)data.rows[(ROWS - 1) * features + f] : 0));
            levels[level]->distances(wide, data.points, 5, features, got);
            for (size_t i = 0; i < 5; i++)
                assert_true(got[i] == distance(data.rows + (ROWS - 1) * features,
                                               data.points + i * features, features));
        }
        drop(&data);
    }
}

static void kernels_pass(void **state)
{
    float norms[300], products[300];
    uint32_t got[300];

    (void)state;
    for (size_t i = 0; i < 300; i++) {
        norms[i] = i % 50 == 49 ? 1.0f : 5.0f;
        products[i] = i % 3 == 0 ? -1.0f : 0.5f;
    }
    products[130] = NAN;
    norms[131] = 3; /* 3 - 2 * 0.5 is the limit itself */
    for (size_t count = 0; count <= 300; count++) {
        size_t expected = 0;
        size_t n = nearest_kernels_choose()->pass(norms, products, count, 2.0f, got);

        for (size_t i = 0; i < count; i++) {
            if (norms[i] - 2 * products[i] > 2.0f)
                continue;
            assert_true(expected < n);
            assert_int_equal(got[expected++], i);
        }
        assert_int_equal(n, expected);
    }
}

/* Of two clusters at one distance the lower, of labels as frequent the lowest. */
static void ties(void **state)
{
    static const float origin[] = {0};
    struct data data = {
        .count = 6,
        .features = 1,
        .k = 4,
        .points = (float[]){4, 2, -2, 2, 9, -4},
        .labels = (double[]){7, 3, 9, 9, 3, 7},
    };
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 1, .columns = 1, .values = origin};
    struct scorer *scorer = new_kmeans(&data);
    float got[9];

    (void)state;
    score(scorer, &matrix, got);
    assert_true(got[0] == 1 && got[1] == 2);
    scorer_free(scorer);

    scorer = new_knn(&data, KNN_CLASS); /* 3, 9, 9, 7 */
    score(scorer, &matrix, got);
    assert_true(got[0] == 9);
    assert_true(got[1] == 4 && got[2] == 4 && got[3] == 4 && got[4] == 16);
    assert_true(got[5] == 3 && got[6] == 9 && got[7] == 9 && got[8] == 7);
    scorer_free(scorer);

    data.k = 2; /* 3 and 9, once each */
    scorer = new_knn(&data, KNN_CLASS);
    score(scorer, &matrix, got);
    assert_true(got[0] == 3);
    scorer_free(scorer);

    data.labels[1] = 11; /* 11 and 9 */
    scorer = new_knn(&data, KNN_CLASS);
    score(scorer, &matrix, got);
    assert_true(got[0] == 9);
    scorer_free(scorer);

    scorer = new_knn(&data, KNN_MEAN);
    score(scorer, &matrix, got);
    assert_true(got[0] == 10);
    scorer_free(scorer);
}

/* As many labels as are sorted by the library. */
static void vote_of_many(void **state)
{
    struct data data = make(400, 2, 101);
    struct matrix matrix = dense(&data, 0, ROWS);
    float *got = malloc(ROWS * 203 * sizeof(float));
    struct scorer *scorer;

    (void)state;
    assert_non_null(got);
    for (size_t i = 0; i < data.count; i++)
        data.labels[i] = (double)random_below(9) - 4.5;
    scorer = new_knn(&data, KNN_CLASS);
    score(scorer, &matrix, got);
    for (size_t row = 0; row < ROWS; row++) {
        const float *at = got + row * 203;
        size_t votes[9] = {0}, winner = 0;

        for (size_t i = 0; i < 101; i++)
            votes[(size_t)(at[102 + i] + 4.5f)]++;
        for (size_t i = 1; i < 9; i++)
            winner = votes[i] > votes[winner] ? i : winner;
        assert_true(at[0] == (float)winner - 4.5f);
    }
    scorer_free(scorer);
    free(got);
    drop(&data);
}

/* Columns that a matrix lacks are 0, those beyond are ignored; so are a CSR row's. */
static void other_columns(void **state)
{
    static const float short_row[] = {1, 2};
    static const float long_row[] = {1, 2, 0, 99};
    static const float values[] = {2, 99, 1};
    static const uint32_t column[] = {1, 4000000000u, 0};
    static const size_t start[] = {0, 0, 2, 3};
    struct data data = {.count = 2, .features = 3, .points = (float[]){0, 0, 0, 1, 2, 0}};
    struct scorer *scorer = new_kmeans(&data);
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 1, .columns = 2, .values = short_row};
    float got[6];

    (void)state;
    score(scorer, &matrix, got);
    assert_true(got[0] == 1 && got[1] == 0);
    matrix.columns = 4;
    matrix.values = long_row;
    score(scorer, &matrix, got);
    assert_true(got[0] == 1 && got[1] == 0);
    matrix.columns = 0;
    score(scorer, &matrix, got);
    assert_true(got[0] == 0 && got[1] == 0);
    matrix = (struct matrix){.kind = MATRIX_CSR,
                             .rows = 3,
                             .columns = 4,
                             .values = values,
                             .row_start = start,
                             .column = column};
    score(scorer, &matrix, got);
    assert_true(got[0] == 0 && got[1] == 0);
    assert_true(got[2] == 1 && got[3] == 1);
    assert_true(got[4] == 0 && got[5] == 1);
    matrix.rows = 0;
    score(scorer, &matrix, got);
    scorer_free(scorer);
}

struct job {
    const struct scorer *scorer;
    const struct data *data;
    const float *expected;
    bool same;
};

static void *work(void *arg)
{
    struct job *job = arg;
    size_t outputs = job->scorer->outputs;
    float *got = malloc(ROWS * outputs * sizeof(float));
    struct scratch scratch;

    scratch_init(&scratch);
    job->same = got != NULL;
    for (size_t size = 1; size <= ROWS && job->same; size += 23) {
        struct matrix matrix = dense(job->data, ROWS - size, size);
        struct err err = ERR_INIT;

        job->same = scorer_score(job->scorer, &matrix, &scratch, got, &err) == 0 &&
                    memcmp(got, job->expected + (ROWS - size) * outputs,
                           size * outputs * sizeof(float)) == 0;
    }
    scratch_fini(&scratch);
    free(got);
    return NULL;
}

static void several_threads(void **state)
{
    struct data data = make(600, 25, 5);
    struct scorer *scorer;
    float *expected;
    struct job jobs[4];
    pthread_t threads[4];

    (void)state;
    put_far(&data, 1, 1000);
    scorer = new_knn(&data, KNN_MEAN);
    expected = expected_answers(&data);
    for (size_t i = 0; i < 4; i++) {
        jobs[i] = (struct job){.scorer = scorer, .data = &data, .expected = expected};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(jobs[i].same);
    }
    scorer_free(scorer);
    free(expected);
    drop(&data);
}

/* Scratch does not grow with the number of points, nor much with k. */
static void bounded_scratch(void **state)
{
    static const size_t ks[] = {10, 4000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(ks); i++) {
        struct data data = make(20000, 20, ks[i]);
        struct scorer *scorer = new_knn(&data, KNN_CLASS);
        struct matrix matrix = dense(&data, 0, 128);
        float *got = malloc(128 * scorer->outputs * sizeof(float));
        struct scratch scratch;
        struct err err = ERR_INIT;

        assert_non_null(got);
        scratch_init(&scratch);
        assert_int_equal(scorer_score(scorer, &matrix, &scratch, got, &err), 0);
        assert_true(scratch.size <= (size_t)4 << 20);
        assert_true(scorer->row_ns > 20000);
        scratch_fini(&scratch);
        scorer_free(scorer);
        free(got);
        drop(&data);
    }
}

static void no_memory(void **state)
{
    struct data data = make(100, 8, 3);
    struct matrix matrix = dense(&data, 0, 10);
    struct knn_spec spec = {
        .vectors = data.points, .labels = data.labels, .count = data.count, .features = 8, .k = 3};
    float got[70];
    long n = 1;

    (void)state;
    put_far(&data, 1, 1000);
    for (bool done = false; !done; n++) {
        struct scorer *scorer = NULL;
        struct scratch scratch;
        struct err err = ERR_INIT;

        scratch_init(&scratch);
        mem_fail_at(n);
        if (knn_new(&spec, &scorer, &err) == 0)
            done = scorer_score(scorer, &matrix, &scratch, got, &err) == 0;
        mem_fail_at(0);
        assert_true(done || err.kind == ERR_MEMORY);
        scorer_free(scorer);
        scratch_fini(&scratch);
    }
    assert_true(n > 5);
    drop(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_by_level),
        cmocka_unit_test(kernels_pass),
        cmocka_unit_test(ties),
        cmocka_unit_test(vote_of_many),
        cmocka_unit_test(other_columns),
        cmocka_unit_test(random_points),
        cmocka_unit_test(one_far_cluster),
        cmocka_unit_test(several_far_clusters),
        cmocka_unit_test(nearly_the_same_distance),
        cmocka_unit_test(centre_of_a_sphere),
        cmocka_unit_test(many_duplicates),
        cmocka_unit_test(zeros),
        cmocka_unit_test(extreme_scales),
        cmocka_unit_test(outliers),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(ever_nearer),
        cmocka_unit_test(right_to_rounding),
        cmocka_unit_test(several_threads),
        cmocka_unit_test(bounded_scratch),
        cmocka_unit_test(no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
