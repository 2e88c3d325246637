#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/container/selectable.h"

#define ALL "predicted_label,labels,probability,probabilities,raw_score,raw_scores,predicted_score"

static struct predictions view(float *values, size_t rows, size_t columns)
{
    return (struct predictions){
        .values = values, .rows = rows, .columns = columns, .capacity = rows * columns};
}

struct answer {
    int result;
    enum err_kind kind;
    size_t size;
    char *text; /* the body, or the refusal; NUL terminated */
};

static struct answer ask(const char *keys, const struct selectable_model *model,
                         const struct predictions *predictions, enum accept_type accept, bool batch)
{
    struct selectable selectable;
    struct answer answer;
    struct err err = ERR_INIT;
    struct buffer body;
    struct buffer refusal;
    struct buffer *said;

    buffer_init(&body, SIZE_MAX);
    buffer_init(&refusal, SIZE_MAX);
    assert_int_equal(buffer_append(&refusal, "stale", 5), 0);
    assert_int_equal(selectable_init(&selectable, keys, &err), 0);
    answer.result = selectable_encode(&selectable, model, predictions, accept, "image/png", batch,
                                      &body, &refusal, &err);
    answer.kind = err.kind;
    said = answer.result ? &refusal : &body;
    answer.size = said->size;
    answer.text = calloc(said->size + 1, 1);
    assert_non_null(answer.text);
    if (said->size)
        memcpy(answer.text, said->data, said->size);
    selectable_fini(&selectable);
    buffer_fini(&body);
    buffer_fini(&refusal);
    return answer;
}

static void check(const char *keys, const struct selectable_model *model,
                  const struct predictions *predictions, enum accept_type accept, bool batch,
                  const char *expected)
{
    struct answer answer = ask(keys, model, predictions, accept, batch);

    assert_int_equal(answer.result, 0);
    assert_string_equal(answer.text, expected);
    free(answer.text);
}

static void check_refused(const char *keys, const struct selectable_model *model,
                          const struct predictions *predictions, enum accept_type accept,
                          const char *expected)
{
    struct answer answer = ask(keys, model, predictions, accept, false);

    assert_int_equal(answer.result, -1);
    assert_int_equal(answer.kind, ERR_UNSUPPORTED);
    assert_string_equal(answer.text, expected);
    free(answer.text);
}

/* The container's manual's rows, model by model. */
static float bin[] = {0.0510555729f, 0.967484832f};
static float logitraw[] = {-3.10117745f, 3.63225245f};
static float hinge[] = {0.0f, 1.0f};
static float softmax[] = {0.0f, 2.0f};
static float softprob[] = {0.950945318f,  0.0256962888f, 0.0233584624f,
                           0.0209097397f, 0.0237079319f, 0.955382288f};
static float reg[] = {0.11663381f};

static const struct selectable_model bin_model = {.objective = OBJECTIVE_BINARY_LOGISTIC};
static const struct selectable_model softprob_model = {.objective = OBJECTIVE_SOFTPROB,
                                                       .num_class = 3};

static void test_csv(void **state)
{
    static const struct {
        struct selectable_model model;
        float *values;
        size_t rows;
        size_t columns;
        const char *expected;
    } cases[] = {
        {{.objective = OBJECTIVE_BINARY_LOGISTIC},
         bin,
         2,
         1,
         "0,\"[0, 1]\",0.05105557292699814,\"[0.9489444270730019, 0.05105557292699814]\","
         "0.05105557292699814,\"[0.9489444270730019, 0.05105557292699814]\",nan\n"
         "1,\"[0, 1]\",0.9674848318099976,\"[0.03251516819000244, 0.9674848318099976]\","
         "0.9674848318099976,\"[0.03251516819000244, 0.9674848318099976]\",nan"},
        {{.objective = OBJECTIVE_LOGITRAW},
         logitraw,
         1,
         1,
         "0,\"[0, 1]\",nan,nan,-3.101177453994751,\"[4.101177453994751, -3.101177453994751]\","
         "nan"},
        {{.objective = OBJECTIVE_LOGITRAW},
         logitraw + 1,
         1,
         1,
         "1,\"[0, 1]\",nan,nan,3.6322524547576904,\"[-2.6322524547576904, 3.6322524547576904]\","
         "nan"},
        {{.objective = OBJECTIVE_HINGE},
         hinge,
         2,
         1,
         "0.0,\"[0, 1]\",nan,nan,0.0,\"[1.0, 0.0]\",nan\n"
         "1.0,\"[0, 1]\",nan,nan,1.0,\"[0.0, 1.0]\",nan"},
        {{.objective = OBJECTIVE_SOFTMAX, .num_class = 3},
         softmax,
         2,
         1,
         "0.0,\"[0, 1, 2]\",nan,nan,0.0,\"[1.0, 0.0]\",nan\n"
         "2.0,\"[0, 1, 2]\",nan,nan,2.0,\"[-1.0, 2.0]\",nan"},
        {{.objective = OBJECTIVE_SOFTPROB, .num_class = 3},
         softprob,
         1,
         3,
         "0,\"[0, 1, 2]\",0.9509453177452087,"
         "\"[0.9509453177452087, 0.0256962887942791, 0.023358462378382683]\",0.9509453177452087,"
         "\"[0.9509453177452087, 0.0256962887942791, 0.023358462378382683]\",nan"},
        {{.objective = OBJECTIVE_SQUARED_ERROR},
         reg,
         1,
         1,
         "nan,nan,nan,nan,nan,nan,"
         "0.1166338101029396"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct predictions predictions = view(cases[i].values, cases[i].rows, cases[i].columns);

        check(ALL, &cases[i].model, &predictions, ACCEPT_CSV, false, cases[i].expected);
    }
}

/* Two classes in a list, labels of more than one digit. */
static void test_labels(void **state)
{
    static float row[12] = {[11] = 1.0f};
    struct selectable_model model = {.objective = OBJECTIVE_SOFTPROB, .num_class = 12};
    struct predictions predictions = view(row, 1, 12);

    (void)state;
    check("labels,predicted_label,probability", &model, &predictions, ACCEPT_CSV, false,
          "\"[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\",11,1.0");
}

/* Limits of the classes: neither 0.5 nor 0 is above; the first of equals is the largest. */
static void test_borders(void **state)
{
    static float half[] = {0.5f, 0.50000006f};
    static float zero[] = {0.0f, -0.0f, 1e-45f};
    static float equal[] = {0.25f, 0.375f, 0.375f};
    struct selectable_model logitraw_model = {.objective = OBJECTIVE_LOGITRAW};
    struct predictions predictions = view(half, 2, 1);

    (void)state;
    check("predicted_label", &bin_model, &predictions, ACCEPT_CSV, false, "0\n1");
    predictions = view(zero, 3, 1);
    check("predicted_label", &logitraw_model, &predictions, ACCEPT_CSV, false, "0\n0\n1");
    predictions = view(equal, 1, 3);
    check("predicted_label", &softprob_model, &predictions, ACCEPT_CSV, false, "1");
}

static void test_csv_keys(void **state)
{
    struct predictions two = view(bin, 2, 1);
    struct predictions lists = view(softprob, 2, 3);

    (void)state;
    /* as requested: order, repeated keys, unknown keys, empty keys */
    check("Probability , predicted_label", &bin_model, &two, ACCEPT_CSV, false,
          "0.05105557292699814,0\n0.9674848318099976,1");
    check("PROB ABILITY,probability", &bin_model, &two, ACCEPT_CSV, false,
          "0.05105557292699814,0.05105557292699814\n0.9674848318099976,0.9674848318099976");
    check("probability,foo", &bin_model, &two, ACCEPT_CSV, false,
          "0.05105557292699814,nan\n0.9674848318099976,nan");
    check("probability,", &bin_model, &two, ACCEPT_CSV, false,
          "0.05105557292699814,nan\n0.9674848318099976,nan");
    check("", &bin_model, &two, ACCEPT_CSV, false, "nan\nnan");
    check(",,", &bin_model, &two, ACCEPT_CSV, false, "nan,nan,nan\nnan,nan,nan");
    /* only spaces are dropped */
    check("probability\t", &bin_model, &two, ACCEPT_CSV, false, "nan\nnan");
    /* a batch's lines are all ended */
    check("probabilities,predicted_label", &softprob_model, &lists, ACCEPT_CSV, true,
          "\"[0.9509453177452087, 0.0256962887942791, 0.023358462378382683]\",0\n"
          "\"[0.020909739658236504, 0.023707931861281395, 0.9553822875022888]\",2\n");
}

static void test_json(void **state)
{
    struct selectable_model softmax_model = {.objective = OBJECTIVE_SOFTMAX, .num_class = 3};
    struct predictions two = view(bin, 2, 1);
    struct predictions one = view(bin, 1, 1);
    struct predictions none = view(bin, 0, 0);
    struct predictions class = view(softmax, 1, 1);

    (void)state;
    check("Probability , predicted_label", &bin_model, &two, ACCEPT_JSON, false,
          "{\"predictions\": [{\"predicted_label\": 0, \"probability\": 0.05105557292699814}, "
          "{\"predicted_label\": 1, \"probability\": 0.9674848318099976}]}");
    check("labels,predicted_label,labels", &bin_model, &one, ACCEPT_JSON, true,
          "{\"predictions\": [{\"predicted_label\": 0, \"labels\": [0, 1]}]}");
    check("", &bin_model, &two, ACCEPT_JSON, false,
          "{\"predictions\": [{\"\": NaN}, {\"\": NaN}]}");
    /* what the objective has first, in the fixed order; then the others, as requested, once */
    check("foo,probabilities,raw_score,,predicted_label,foo,probability", &softmax_model, &class,
          ACCEPT_JSON, false,
          "{\"predictions\": [{\"predicted_label\": 0.0, \"raw_score\": 0.0, \"foo\": NaN, "
          "\"probabilities\": NaN, \"\": NaN, \"probability\": NaN}]}");
    check("probability", &bin_model, &none, ACCEPT_JSON, false, "{\"predictions\": []}");
    check("probability", &bin_model, &none, ACCEPT_JSONLINES, false, "");
    check("probability", &bin_model, &none, ACCEPT_CSV, false, "");
    check("Probability , predicted_label", &bin_model, &two, ACCEPT_JSONLINES, false,
          "{\"predicted_label\": 0, \"probability\": 0.05105557292699814}\n"
          "{\"predicted_label\": 1, \"probability\": 0.9674848318099976}\n");
    check("probability,foo", &bin_model, &one, ACCEPT_JSONLINES, true,
          "{\"probability\": 0.05105557292699814, \"foo\": NaN}\n");
}

/* Unknown keys are anybody's text: the JSON stays JSON, in ASCII as Python's json module writes. */
static void test_json_escapes(void **state)
{
    struct predictions one = view(bin, 1, 1);

    (void)state;
    check("a\"b\\c\n\t\r\b\f\x01\x7f", &bin_model, &one, ACCEPT_JSONLINES, false,
          "{\"a\\\"b\\\\c\\n\\t\\r\\b\\f\\u0001\\u007f\": NaN}\n");
    check("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80~", &bin_model, &one, ACCEPT_JSONLINES, false,
          "{\"\\u00e9\\u20ac\\ud83d\\ude00~\": NaN}\n");
}

static void test_not_finite(void **state)
{
    static float values[] = {NAN, INFINITY, -INFINITY};
    struct selectable_model model = {.objective = OBJECTIVE_SOFTMAX, .num_class = 2};
    struct predictions predictions = view(values, 3, 1);

    (void)state;
    check("raw_scores,raw_score", &model, &predictions, ACCEPT_CSV, false,
          "\"[nan, nan]\",nan\n\"[-inf, inf]\",inf\n\"[inf, -inf]\",-inf");
    check("raw_scores,raw_score", &model, &predictions, ACCEPT_JSONLINES, false,
          "{\"raw_score\": NaN, \"raw_scores\": [NaN, NaN]}\n"
          "{\"raw_score\": Infinity, \"raw_scores\": [-Infinity, Infinity]}\n"
          "{\"raw_score\": -Infinity, \"raw_scores\": [Infinity, -Infinity]}\n");
}

static void check_records(const char *keys, const struct selectable_model *model,
                          const struct predictions *predictions, const char *hex)
{
    struct answer answer = ask(keys, model, predictions, ACCEPT_RECORDIO, false);
    char *text = calloc(answer.size + 1, 2);

    assert_non_null(text);
    assert_int_equal(answer.result, 0);
    for (size_t i = 0; i < answer.size; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned char)answer.text[i]);
    assert_string_equal(text, hex);
    free(text);
    free(answer.text);
}

static void test_records(void **state)
{
    struct predictions two = view(bin, 2, 1);
    struct predictions one = view(bin, 1, 1);
    struct predictions list = view(softprob, 1, 3);

    (void)state;
    /* the second record has the second row's values only */
    check_records("Probability , predicted_label", &bin_model, &two,
                  "0a23d7ce36000000121b0a0f7072656469637465645f6c6162656c120812060a0400000000"
                  "12170a0b70726f626162696c697479120812060a04a61f513d0000"
                  "0a23d7ce36000000121b0a0f7072656469637465645f6c6162656c120812060a040000803f"
                  "12170a0b70726f626162696c697479120812060a0416ad773f0000");
    check_records("probability,foo", &bin_model, &one,
                  "0a23d7ce2a00000012170a0b70726f626162696c697479120812060a04a61f513d"
                  "120f0a03666f6f120812060a040000c07f0000");
    check_records("", &bin_model, &one, "0a23d7ce0e000000120c0a00120812060a040000c07f0000");
    check_records("labels,probabilities", &softprob_model, &list,
                  "0a23d7ce3f000000"
                  "121a0a066c6162656c731210120e0a0c000000000000803f00000040"
                  "12210a0d70726f626162696c69746965731210120e0a0c2771733f0681d23c3f5abf3c00");
    check_records("probabilities", &bin_model, &one,
                  "0a23d7ce1f000000"
                  "121d0a0d70726f626162696c6974696573120c120a0a0806ee723fa61f513d00");
}

static void test_objectives(void **state)
{
    static const enum objective served[] = {OBJECTIVE_SQUARED_ERROR, OBJECTIVE_REG_LOGISTIC,
                                            OBJECTIVE_GAMMA, OBJECTIVE_TWEEDIE};
    struct selectable_model model = {.num_class = 0};
    struct predictions one = view(reg, 1, 1);

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(served); i++) {
        model.objective = served[i];
        check("predicted_score,foo", &model, &one, ACCEPT_CSV, false, "0.1166338101029396,nan");
    }
    model.objective = OBJECTIVE_ABSOLUTE_ERROR;
    check_refused("predicted_score", &model, &one, ACCEPT_CSV,
                  "Objective `reg:absoluteerror` unsupported for selectable inference "
                  "predictions.");
    model.absolute_error = true;
    check("predicted_score", &model, &one, ACCEPT_CSV, false, "0.1166338101029396");
    for (int o = OBJECTIVE_UNKNOWN + 1; o < OBJECTIVE_COUNT; o++) {
        char expected[200];

        switch (o) {
        case OBJECTIVE_SQUARED_ERROR:
        case OBJECTIVE_REG_LOGISTIC:
        case OBJECTIVE_GAMMA:
        case OBJECTIVE_TWEEDIE:
        case OBJECTIVE_ABSOLUTE_ERROR:
        case OBJECTIVE_BINARY_LOGISTIC:
        case OBJECTIVE_LOGITRAW:
        case OBJECTIVE_HINGE:
        case OBJECTIVE_SOFTMAX:
        case OBJECTIVE_SOFTPROB:
            continue;
        default:
            break;
        }
        model.objective = (enum objective)o;
        snprintf(expected, sizeof(expected),
                 "Objective `%s` unsupported for selectable inference predictions.",
                 objective_name(model.objective));
        check_refused("predicted_score", &model, &one, ACCEPT_JSON, expected);
    }
    model.objective = OBJECTIVE_POISSON;
    check_refused("", &model, &one, ACCEPT_RECORDIO,
                  "Objective `count:poisson` unsupported for selectable inference predictions.");
    model = (struct selectable_model){.objective_text = "my:own"};
    check_refused("", &model, &one, ACCEPT_CSV,
                  "Objective `my:own` unsupported for selectable inference predictions.");
}

/* Several outputs: refused where a key is one number, fine where no such key is asked for. */
static void test_several_outputs(void **state)
{
    static const char text[] = "can only convert an array of size 1 to a Python scalar";
    static float values[] = {0.5f, 0.25f};
    struct selectable_model model = {.objective = OBJECTIVE_SQUARED_ERROR};
    struct predictions predictions = view(values, 1, 2);

    (void)state;
    check_refused("predicted_score", &model, &predictions, ACCEPT_CSV, text);
    check_refused("foo,predicted_score", &model, &predictions, ACCEPT_JSON, text);
    check_refused("probabilities", &bin_model, &predictions, ACCEPT_JSON, text);
    check("foo,probability", &model, &predictions, ACCEPT_CSV, false, "nan,nan");
    check("labels", &bin_model, &predictions, ACCEPT_CSV, false, "\"[0, 1]\"");
}

static void test_accept(void **state)
{
    static const enum accept_type refused[] = {ACCEPT_NO_ENCODER, ACCEPT_NPY};
    struct predictions one = view(bin, 1, 1);

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++)
        check_refused("probability", &bin_model, &one, refused[i],
                      "Cannot encode selected predictions into accept type 'image/png'.");
}

static void test_init_refuses(void **state)
{
    char many[SELECTABLE_KEYS_MAX + 1];
    struct selectable selectable;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(selectable_init(&selectable, "label\xff", &err), -1);
    assert_int_equal(err.kind, ERR_INPUT);
    assert_string_equal(err.text, "SAGEMAKER_INFERENCE_OUTPUT: not UTF-8 at byte 5");
    err_clear(&err);
    memset(many, ',', sizeof(many));
    many[SELECTABLE_KEYS_MAX] = '\0';
    assert_int_equal(selectable_init(&selectable, many, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    err_clear(&err);
    many[SELECTABLE_KEYS_MAX - 1] = '\0';
    assert_int_equal(selectable_init(&selectable, many, &err), 0);
    assert_int_equal(selectable.key_count, SELECTABLE_KEYS_MAX);
    selectable_fini(&selectable);
}

/* Room runs out at each size below the one that is needed; a refused answer is never a crash. */
static void test_limits(void **state)
{
    static const enum accept_type accepts[] = {ACCEPT_CSV, ACCEPT_JSON, ACCEPT_JSONLINES,
                                               ACCEPT_RECORDIO};
    struct predictions two = view(softprob, 2, 3);
    struct selectable selectable;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(selectable_init(&selectable, ALL, &err), 0);
    for (size_t a = 0; a < ARRAY_LENGTH(accepts); a++) {
        struct answer whole = ask(ALL, &softprob_model, &two, accepts[a], true);

        for (size_t max = 0; max < whole.size; max++) {
            struct buffer body;
            struct buffer refusal;

            err_clear(&err);
            buffer_init(&body, max);
            buffer_init(&refusal, 1000);
            assert_int_equal(selectable_encode(&selectable, &softprob_model, &two, accepts[a], NULL,
                                               true, &body, &refusal, &err),
                             -1);
            assert_int_equal(err.kind, ERR_LIMIT);
            assert_true(body.size <= max);
            buffer_fini(&body);
            buffer_fini(&refusal);
        }
        free(whole.text);
    }
    selectable_fini(&selectable);
}

static void test_no_memory(void **state)
{
    static const enum accept_type accepts[] = {ACCEPT_CSV, ACCEPT_JSON, ACCEPT_RECORDIO};
    struct selectable_model poisson = {.objective = OBJECTIVE_POISSON};
    struct predictions two = view(softprob, 2, 3);
    struct selectable selectable = {.keys = NULL};
    struct err err = ERR_INIT;
    struct buffer body;
    struct buffer refusal;

    (void)state;
    selectable_fini(&selectable);
    mem_fail_at(1);
    assert_int_equal(selectable_init(&selectable, ALL, &err), -1);
    mem_fail_at(0);
    assert_int_equal(err.kind, ERR_MEMORY);
    err_clear(&err);
    assert_int_equal(selectable_init(&selectable, ALL, &err), 0);
    for (size_t a = 0; a < ARRAY_LENGTH(accepts); a++) {
        for (long n = 1; n <= 2; n++) {
            err_clear(&err);
            buffer_init(&body, SIZE_MAX);
            buffer_init(&refusal, SIZE_MAX);
            mem_fail_at(n);
            assert_int_equal(selectable_encode(&selectable, &softprob_model, &two, accepts[a], NULL,
                                               false, &body, &refusal, &err),
                             -1);
            mem_fail_at(0);
            assert_int_equal(err.kind, ERR_MEMORY);
            buffer_fini(&body);
        }
    }
    err_clear(&err);
    mem_fail_at(1);
    assert_int_equal(selectable_encode(&selectable, &poisson, &two, ACCEPT_CSV, NULL, false, &body,
                                       &refusal, &err),
                     -1);
    mem_fail_at(0);
    assert_int_equal(err.kind, ERR_MEMORY);
    selectable_fini(&selectable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_borders),    cmocka_unit_test(test_csv_keys),
        cmocka_unit_test(test_json),       cmocka_unit_test(test_json_escapes),
        cmocka_unit_test(test_not_finite), cmocka_unit_test(test_records),
        cmocka_unit_test(test_objectives), cmocka_unit_test(test_several_outputs),
        cmocka_unit_test(test_accept),     cmocka_unit_test(test_init_refuses),
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
