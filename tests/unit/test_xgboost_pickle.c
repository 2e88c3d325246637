#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "models/inflate.h"
#include "models/pickle.h"
#include "models/xgboost_pickle.h"

/* A literal with its NULs, without the one at its end. */
#define P(text) bytes_of((text), sizeof(text) - 1)

#define BOOSTER      "cxgboost.core\nBooster\n)\x81}("
#define WRAPPER(cls) "\x80\3cxgboost.sklearn\n" cls "\n)\x81}("
#define END          "ub"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, (size_t)16 * 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct xgb_pickle read_pickle(struct bytes data)
{
    struct xgb_pickle pickle = {0};
    struct err err = ERR_INIT;

    if (xgb_pickle_read(data, &arena, &pickle, &err))
        fail_msg("%s", err.text);
    return pickle;
}

static void assert_fails(struct bytes data, enum err_kind kind, const char *text)
{
    struct xgb_pickle pickle;
    struct err err = ERR_INIT;

    if (xgb_pickle_read(data, &arena, &pickle, &err) == 0)
        fail_msg("is read; expected: %s", text);
    if (err.kind != kind || !strstr(err.text, text))
        fail_msg("kind %d: %s; expected kind %d: %s", err.kind, err.text, kind, text);
}

static void a_booster(void **state)
{
    struct xgb_pickle pickle;

    (void)state;
    pickle = read_pickle(P("\x80\3" BOOSTER "U\6handleC\5model" END "."));
    assert_string_equal(pickle.class_name, "xgboost.core.Booster");
    assert_false(pickle.is_wrapper);
    assert_true(bytes_is(pickle.handle, "model"));
    assert_int_equal(pickle.best_iteration, -1);
    assert_int_equal(pickle.best_ntree_limit, -1);
    assert_int_equal(pickle.n_classes, -1);
    assert_false(pickle.early_stopped);
    assert_true(isnan(pickle.missing));
    assert_null(pickle.classes);
    assert_null(pickle.feature_names);
}

static void a_booster_with_all_its_members(void **state)
{
    struct xgb_pickle pickle = read_pickle(
        P("\x80\3" BOOSTER "U\6handleC\5modelU\16best_iterationK\11U\20best_ntree_limitK\12"
          "U\12best_scoreG\x3f\xf8\0\0\0\0\0\0U\7boosterU\6gbtree"
          "U\15feature_names](U\3ageX\5\0\0\0h\xc3\xb6"
          "he"
          "eU\15feature_typesN" END "."));

    (void)state;
    assert_int_equal(pickle.best_iteration, 9);
    assert_int_equal(pickle.best_ntree_limit, 10);
    assert_true(pickle.early_stopped);
    assert_int_equal(pickle.feature_name_count, 2);
    assert_string_equal(pickle.feature_names[0], "age");
    assert_string_equal(pickle.feature_names[1], "h\xc3\xb6he");
}

/* Python 2, protocol 0. */
static void a_booster_as_lines_of_text(void **state)
{
    struct xgb_pickle pickle =
        read_pickle(P("ccopy_reg\n_reconstructor\np0\n(cxgboost.core\nBooster\np1\n"
                      "c__builtin__\nobject\np2\nNtp3\nRp4\n(dp5\nS'handle'\np6\n"
                      "c__builtin__\nbytearray\np7\n(V\\u0000\xff\\u005c\\u000a\np8\nS'latin-1'\n"
                      "p9\ntp10\nRp11\nsS'best_iteration'\np12\nI11\nsS'best_score'\nNsb."));

    (void)state;
    assert_string_equal(pickle.class_name, "xgboost.core.Booster");
    assert_true(bytes_equal(pickle.handle, P("\0\xff\\\n")));
    assert_int_equal(pickle.best_iteration, 11);
    assert_false(pickle.early_stopped); /* None is absent */
}

#define INT64(value)                                                                               \
    "cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\2i8\x89\x88tRC\10" value "tR"

static void a_wrapper(void **state)
{
    struct xgb_pickle pickle;

    (void)state;
    pickle = read_pickle(P(WRAPPER(
        "XGBClassifier") "U\7missingG\xc0\x8f\x38\0\0\0\0\0"
                         "U\10_Booster" BOOSTER "U\6handleC\5model" END
                         "U\12n_classes_K\2U\10classes_](" INT64("\3\0\0\0\0\0\0\0") INT64(
                             "\5\0\0\0\0\0\0\0") "e"
                                                 "U\16best_iterationK\4U\12best_scoreK\1" END "."));
    assert_true(pickle.is_wrapper);
    assert_string_equal(pickle.class_name, "xgboost.sklearn.XGBClassifier");
    assert_true(bytes_is(pickle.handle, "model"));
    assert_true(pickle.missing == -999.0);
    assert_int_equal(pickle.n_classes, 2);
    assert_int_equal(pickle.class_count, 2);
    assert_string_equal(pickle.classes[0], "3");
    assert_string_equal(pickle.classes[1], "5");
    assert_int_equal(pickle.best_iteration, 4); /* the wrapper's: the Booster has none */
    assert_true(pickle.early_stopped);

    /* the Booster's numbers win */
    pickle = read_pickle(P(WRAPPER("XGBRegressor") "U\10_Booster" BOOSTER
                                                   "U\6handleC\5modelU\16best_iterationK\7" END
                                                   "U\16best_iterationK\4U\7missingN" END "."));
    assert_int_equal(pickle.best_iteration, 7);
    assert_true(isnan(pickle.missing));

    /* before 0.7 the bytes stood in the Booster's place */
    pickle =
        read_pickle(P(WRAPPER("XGBModel") "U\10_BoosterC\5modelU\20best_ntree_limitK\7" END "."));
    assert_true(bytes_is(pickle.handle, "model"));
    assert_int_equal(pickle.best_ntree_limit, 7);
}

/* The encoder's labels are what predict() gave; classes_ of such a wrapper may be numbers. */
static void labels_of_the_encoder(void **state)
{
    struct xgb_pickle pickle = read_pickle(
        P(WRAPPER("XGBClassifier") "U\10_Booster" BOOSTER "U\6handleC\5model" END
                                   "U\3_lecxgboost.compat\nXGBoostLabelEncoder\n)\x81}U\10classes_"
                                   "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85"
                                   "C\1btR"
                                   "(K\1K\2\x85"
                                   "cnumpy\ndtype\n(U\2U3\x89\x88tR(K\3U\1<NNNK\14K\4K\10tb\x89"
                                   "C\30n\0\0\0o\0\0\0\0\0\0\0y\0\0\0e\0\0\0s\0\0\0tbsbU\10classes_"
                                   "](K\0K\1e" END "."));

    (void)state;
    assert_int_equal(pickle.class_count, 2);
    assert_string_equal(pickle.classes[0], "no");
    assert_string_equal(pickle.classes[1], "yes");
}

static void classes_that_are_not_served(void **state)
{
    (void)state;
    assert_fails(P("cposix\nsystem\n(S'touch /tmp/pickled'\ntR."), ERR_UNSUPPORTED,
                 "posix.system is not a class that is served");
    assert_fails(P("csklearn.tree._classes\nDecisionTreeClassifier\n)\x81}b."), ERR_UNSUPPORTED,
                 "sklearn.tree._classes.DecisionTreeClassifier is not a class that is served");
    assert_fails(P("cxgboost.core\nDMatrix\n)\x81}b."), ERR_UNSUPPORTED, "xgboost.core.DMatrix");
    assert_fails(P("cevil.core\nBooster\n)\x81}U\6handleC\5modelsb."), ERR_UNSUPPORTED,
                 "evil.core.Booster");
    assert_fails(P("cxgboost.core\nBooster\n."), ERR_UNSUPPORTED,
                 "holds only the name xgboost.core.Booster");
    assert_fails(P("}U\1aK\1s."), ERR_UNSUPPORTED, "the file holds a dict, not a Booster");
    assert_fails(P("]."), ERR_UNSUPPORTED, "the file holds a list, not a Booster");
    assert_fails(P("N."), ERR_UNSUPPORTED, "the file holds a None, not a Booster");
}

static void wrappers_and_boosters_without_a_model(void **state)
{
    (void)state;
    assert_fails(P(WRAPPER("XGBClassifier") "U\10_BoosterN" END "."), ERR_UNSUPPORTED,
                 "xgboost.sklearn.XGBClassifier: it was never fitted: call its fit()");
    assert_fails(P(WRAPPER("XGBRanker") "U\1aN" END "."), ERR_UNSUPPORTED, "it was never fitted");
    assert_fails(P("\x80\3cxgboost.sklearn\nXGBModel\n)\x81."), ERR_UNSUPPORTED,
                 "it was never fitted");
    assert_fails(P("\x80\3" BOOSTER "U\6handleN" END "."), ERR_UNSUPPORTED, "it holds no model");
    assert_fails(P("\x80\3" BOOSTER "U\6handleU\5model" END "."), ERR_INPUT,
                 "not the bytes of a model");
    assert_fails(P("\x80\3" BOOSTER "U\6handleC\0" END "."), ERR_INPUT, "not the bytes of a model");
    assert_fails(P(WRAPPER("XGBModel") "U\10_BoosterK\1" END "."), ERR_UNSUPPORTED,
                 "_Booster is of type int, not a Booster");
}

static void members_of_a_wrong_kind(void **state)
{
    (void)state;
    assert_fails(P("\x80\3" BOOSTER "U\6handleC\1mU\16best_iterationU\1x" END "."), ERR_INPUT,
                 "best_iteration is of type str, not an integer");
    assert_fails(P("\x80\3" BOOSTER "U\6handleC\1mU\15feature_namesK\1" END "."), ERR_UNSUPPORTED,
                 "feature_names is of type int, not a list");
    assert_fails(P("\x80\3" BOOSTER "U\6handleC\1mU\15feature_names](U\1a}e" END "."),
                 ERR_UNSUPPORTED, "feature_names[1]: a dict is neither a number nor a text");
    assert_fails(P(WRAPPER("XGBModel") "U\10_BoosterC\1mU\7missingU\1x" END "."), ERR_UNSUPPORTED,
                 "missing is of type str, not a number");
    assert_fails(
        P(WRAPPER("XGBModel") "U\10_BoosterC\1mU\12n_classes_K\3U\10classes_](K\0K\1e" END "."),
        ERR_INPUT, "classes_ has 2 labels, n_classes_ says 3");
    /* a state that holds itself */
    assert_fails(P("\x80\3"
                   "cxgboost.core\nBooster\n)\x81q\0}U\6handleh\0sb."),
                 ERR_INPUT, "not the bytes of a model");
}

/*
 * Golden files.
 */

static void read_file(const char *path, struct buffer *ret)
{
    FILE *file = fopen(path, "rb");
    char chunk[4096];
    size_t n;

    if (!file)
        fail_msg("%s: cannot be opened", path);
    buffer_init(ret, (size_t)64 * 1024 * 1024);
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
        assert_int_equal(buffer_append(ret, chunk, n), 0);
    fclose(file);
}

/* The file, unpacked where it is compressed. */
static int read_golden(const char *path, struct xgb_pickle *ret, struct err *err)
{
    struct buffer file, plain;
    struct bytes data;
    uint8_t *copy;

    read_file(path, &file);
    data = bytes_of(file.data, file.size);
    buffer_init(&plain, (size_t)64 * 1024 * 1024);
    if (inflate_probe(data)) {
        assert_int_equal(inflate_all(data, &plain, err), 0);
        data = bytes_of(plain.data, plain.size);
    }
    copy = arena_alloc(&arena, data.size, 1);
    assert_non_null(copy);
    memcpy(copy, data.data, data.size);
    buffer_fini(&file);
    buffer_fini(&plain);
    assert_true(pickle_probe(bytes_of(copy, data.size)));
    return xgb_pickle_read(bytes_of(copy, data.size), &arena, ret, err);
}

/* How a model begins in each of the forms that a handle had over the years. */
static bool is_model(struct bytes handle)
{
    return bytes_starts(handle, "{L") || bytes_starts(handle, "{\"") ||
           bytes_starts(handle, "CONFIG-offset:") ||
           (handle.size > 136 && load_le32(handle.data + 4) < 1000); /* num_feature */
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);

    return n >= k && !strcmp(name + n - k, end);
}

/* Reads each pickle of a directory: a model, or where its name begins with dt or ex (or all, in the
 * directories of scikit-learn) a tree that is refused by its class name. Returns how many. */
static unsigned read_directory(const char *folder, bool all_refused)
{
    char path[4096];
    const struct dirent *entry;
    unsigned count = 0;
    DIR *directory;

    snprintf(path, sizeof(path), "%s/%s", getenv("ENDPOINTD_FIXTURES"), folder);
    directory = opendir(path);
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        const char *name = entry->d_name;
        struct xgb_pickle pickle;
        struct err err = ERR_INIT;
        int rc;

        if (!ends_with(name, ".pkl") && !ends_with(name, ".joblib") && !ends_with(name, ".pickle0"))
            continue;
        snprintf(path, sizeof(path), "%s/%s/%s", getenv("ENDPOINTD_FIXTURES"), folder, name);
        rc = read_golden(path, &pickle, &err);
        if (all_refused || !strncmp(name, "dt", 2) || !strncmp(name, "ex_", 3)) {
            assert_int_equal(rc, -1);
            if (err.kind != ERR_UNSUPPORTED || !bytes_starts(bytes_text(err.text), "sklearn."))
                fail_msg("%s: %s", name, err.text);
        } else {
            if (rc)
                fail_msg("%s: %s", name, err.text);
            if (!is_model(pickle.handle))
                fail_msg("%s: its handle is not a model", name);
        }
        count++;
        arena_fini(&arena);
    }
    closedir(directory);
    return count;
}

static bool no_fixtures(void)
{
    const char *fixtures = getenv("ENDPOINTD_FIXTURES");
    char path[4096];
    DIR *directory;

    snprintf(path, sizeof(path), "%s/xgboost/pickle", fixtures ? fixtures : "");
    directory = opendir(path);
    if (directory) {
        closedir(directory);
        return false;
    }
    print_message("skipped: ENDPOINTD_FIXTURES names no directory with xgboost/pickle\n");
    return true;
}

static void golden_directories(void **state)
{
    (void)state;
    if (no_fixtures())
        skip();
    assert_true(read_directory("xgboost", false) > 50);
    assert_true(read_directory("xgboost/pickle", false) > 25);
    assert_true(read_directory("sklearn", true) >= 3);
    assert_true(read_directory("sklearn/1.7.2", true) > 30);
}

static void golden_facts(void **state)
{
    char path[4096];
    struct xgb_pickle pickle;
    struct err err = ERR_INIT;

    (void)state;
    if (no_fixtures())
        skip();
    snprintf(path, sizeof(path), "%s/container-golden/models/espkl/xgboost-model",
             getenv("ENDPOINTD_FIXTURES"));
    assert_int_equal(read_golden(path, &pickle, &err), 0);
    assert_true(pickle.early_stopped);
    assert_int_equal(pickle.best_iteration, 2);
    assert_int_equal(pickle.best_ntree_limit, 3);

    snprintf(path, sizeof(path), "%s/xgboost/pickle/clf_z.joblib", getenv("ENDPOINTD_FIXTURES"));
    assert_int_equal(read_golden(path, &pickle, &err), 0);
    assert_string_equal(pickle.class_name, "xgboost.sklearn.XGBClassifier");
    assert_int_equal(pickle.class_count, 2);
    assert_string_equal(pickle.classes[1], "1");

    snprintf(path, sizeof(path), "%s/xgboost/pickle/py27_c_p0.pkl", getenv("ENDPOINTD_FIXTURES"));
    assert_int_equal(read_golden(path, &pickle, &err), 0);
    assert_int_equal(pickle.feature_name_count, 6);
    assert_string_equal(pickle.feature_names[5], "f5");
    assert_int_equal(pickle.best_ntree_limit, 12);

    snprintf(path, sizeof(path), "%s/container-golden/models/notbooster/xgboost-model",
             getenv("ENDPOINTD_FIXTURES"));
    assert_int_equal(read_golden(path, &pickle, &err), -1);
    assert_string_equal(err.text,
                        "the file holds a dict, not a Booster: pickle the Booster itself");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_booster),
        TEST(a_booster_with_all_its_members),
        TEST(a_booster_as_lines_of_text),
        TEST(a_wrapper),
        TEST(labels_of_the_encoder),
        TEST(classes_that_are_not_served),
        TEST(wrappers_and_boosters_without_a_model),
        TEST(members_of_a_wrong_kind),
        TEST(golden_directories),
        TEST(golden_facts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
