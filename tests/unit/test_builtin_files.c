/*
 * Where a built-in's model is: every form in which people pack Linear Learner's artifact loads and
 * answers the same, what lies beside it is named as left out, and no damage to a container gives
 * another answer.
 */
#include "models/builtin_files.h"

#include "tests/unit/linear_parts.h"

/* The parts of linear_binary answer {2, 8} with -0.875. */
static void answers(const struct model *model)
{
    float margin;

    artifact_score(model, MODEL_MARGIN, (const float[]){2, 8}, &margin, 1);
    assert_true(margin == -0.875f);
}

static void loads(const struct mx_file *files, size_t count, bool alone, const char *format,
                  size_t left_out)
{
    struct model *model = NULL;
    struct err err = ERR_INIT;

    if (artifact_load(files, count, alone, NULL, &model, &err))
        fail_msg("%s", err.text);
    assert_int_equal(model->family, FAMILY_LINEAR_LEARNER);
    assert_string_equal(model->builtin->format, format);
    assert_int_equal(model->left_out_count, left_out);
    answers(model);
    model_unref(model);
}

/* Members in every order, stored and deflated. */
static void test_member_orders(void **state)
{
    LINEAR_PARTS(parts);

    (void)state;
    linear_binary(&parts);
    for (size_t i = 0; i < 256; i++) {
        const size_t order[4] = {i & 3, i >> 2 & 3, i >> 4 & 3, i >> 6 & 3};
        struct mx_file members[4];
        struct mx_file permuted[4];
        unsigned seen = 0;

        linear_members(&parts, members);
        for (size_t k = 0; k < 4; k++) {
            permuted[k] = members[order[k]];
            seen |= 1u << order[k];
        }
        if (seen != 15)
            continue;
        for (int deflated = 0; deflated < 2; deflated++) {
            struct mx_file file;

            buffer_clear(&parts.zip);
            mx_zip(&parts.zip, permuted, 4, deflated);
            file = mx_file("model_algo-1", &parts.zip);
            loads(&file, 1, false, "mxnet-zip", 0);
        }
    }
}

static void test_forms(void **state)
{
    struct mx_file files[4];
    struct mx_file zip;
    struct mx_file others[3];
    LINEAR_PARTS(parts);

    (void)state;
    linear_binary(&parts);
    zip = linear_zip(&parts);
    loads(&zip, 1, true, "mxnet-zip", 0);
    zip.name = "renamed.zip"; /* opened as an archive: its members are the files */
    loads(&zip, 1, true, "mxnet-files", 0);
    loads(&zip, 1, false, "mxnet-files", 0);
    linear_members(&parts, files);
    loads(files, 4, false, "mxnet-files", 0);
    files[2] = (struct mx_file){"notes.txt", bytes_text("no manifest")};
    loads(files, 4, false, "mxnet-files", 1);
    zip.name = "model_algo-3";
    others[0] = zip;
    others[1] = (struct mx_file){"model_algo-10.json", bytes_text("{}")};
    others[2] = (struct mx_file){"a", bytes_text("x")};
    loads(others, 3, false, "mxnet-zip", 2);
}

/* model_algo-1 comes before any other, whatever the order of names; else the first by name. */
static void test_several_hosts(void **state)
{
    struct mx_file files[3];
    LINEAR_PARTS(parts);

    (void)state;
    linear_binary(&parts);
    files[0] = linear_zip(&parts);
    files[1] = (struct mx_file){"model_algo-0", bytes_text("PK\3\4 another host's")};
    files[2] = (struct mx_file){"model_algo-2", bytes_text("PK\3\4 another host's")};
    loads(files, 3, false, "mxnet-zip", 2);
    files[0].name = "model_algo-10";
    loads((struct mx_file[]){files[2], files[0]}, 2, false, "mxnet-zip", 1);
    artifact_refused(files, 3, "model_algo-0");
}

/* A tar, with the extended header that one of the artifacts has. */
static void test_tar(void **state)
{
    struct mx_file file;
    LINEAR_PARTS(parts);
    MX_BUFFER(tar);
    MX_BUFFER(gzip);

    (void)state;
    linear_binary(&parts);
    file = linear_zip(&parts);
    tar_pax(&tar, "mtime", "1700000000.5");
    tar_header(&tar, "./model_algo-1", '0', file.bytes.size, "");
    tar_content(&tar, file.bytes.data, file.bytes.size);
    tar_end(&tar);
    gzip_append(&gzip, build_bytes(&tar));
    file = mx_file("model.tar.gz", &gzip);
    loads(&file, 1, true, "mxnet-zip", 0);
    loads(&file, 1, false, "mxnet-zip", 0);
    file = mx_file("model.tar", &tar);
    loads(&file, 1, true, "mxnet-zip", 0);
}

static void test_manifest(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"{\"other\": \"mxnet_module\", \"version\": 1}", NULL},
        {"{\"version\": {\"x\": []}, \"other\": \"mxnet_module\", \"y\": \"json\"}", NULL},
        {"{\"a\": \"mxnet_module\", \"other\": \"mxnet_module\"}",
         "member 'manifest.json': it names 2 objects of the kind mxnet_module"},
        {"{\"a\": \"json\"}",
         "member 'manifest.json': it names no object of the kind mxnet_module"},
        {"{\"a\": 1}", "member 'manifest.json': offset 6: the kind of an object must be a string"},
        {"{\"absent\": \"mxnet_module\"}", "no member 'absent-symbol.json', which has the graph"},
        {"", "member 'manifest.json': offset 0"},
    };
    LINEAR_PARTS(parts);

    (void)state;
    linear_binary(&parts);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct mx_file members[4];
        struct mx_file file;

        linear_replace(&parts.manifest, cases[i].text);
        linear_members(&parts, members);
        members[1].name = "other-0000.params";
        members[3].name = "other-symbol.json";
        buffer_clear(&parts.zip);
        mx_zip(&parts.zip, members, 4, false);
        file = mx_file("model_algo-1", &parts.zip);
        if (cases[i].why) {
            artifact_refused(&file, 1, cases[i].why);
        } else {
            loads(&file, 1, false, "mxnet-zip", 0);
            loads(members, 4, false, "mxnet-files", 0);
        }
    }
    linear_replace(&parts.manifest, "{\"a\": \"mxnet_module\", \"mx-mod\": \"mxnet_module\"}");
    loads((struct mx_file[]){linear_zip(&parts)}, 1, false, "mxnet-zip", 0);
}

/* Any of the three that is missing is named, and so is what it is wanted for. */
static void test_missing_members(void **state)
{
    static const char *const why[] = {
        "'additional-params.json', which has predictor_type and threshold",
        "'mx-mod-0000.params', which has the weights",
        NULL, /* the manifest */
        "'mx-mod-symbol.json', which has the graph",
    };
    LINEAR_PARTS(parts);

    (void)state;
    linear_binary(&parts);
    for (size_t i = 0; i < 4; i++) {
        struct mx_file members[4];
        struct mx_file file;

        linear_members(&parts, members);
        members[i] = members[3];
        buffer_clear(&parts.zip);
        mx_zip(&parts.zip, members, 3, false);
        file = mx_file("model_algo-1", &parts.zip);
        if (!why[i]) {
            loads(&file, 1, false, "mxnet-zip", 0);
            continue;
        }
        artifact_refused(members, 3, why[i]);
        artifact_refused(&file, 1, why[i]);
        artifact_refused(&file, 1, "file 'model_algo-1': no member");
    }
    artifact_refused((struct mx_file[]){{"model_algo-1", bytes_text("PK\5\6\0\0\0\0\0\0\0\0\0\0"
                                                                    "\0\0\0\0\0\0\0\0")}},
                     1, "model_algo-1");
}

/* No cut of the zip, of the parameters in it, or of the texts is loaded. */
static void test_truncated(void **state)
{
    struct mx_file file;
    struct mx_file cut;
    LINEAR_PARTS(parts);

    (void)state;
    linear_binary(&parts);
    file = linear_zip(&parts);
    for (size_t size = 1; size < file.bytes.size; size += size + 500 < file.bytes.size ? 7 : 1) {
        cut = (struct mx_file){"model_algo-1", bytes_head(file.bytes, size)};
        artifact_refused(&cut, 1, "model_algo-1");
    }
    for (size_t i = 0; i < 4; i++) {
        struct buffer *part[] = {&parts.settings, &parts.params, &parts.manifest, &parts.symbol};
        size_t whole = part[i]->size;

        for (size_t size = 0; size < whole; size += part[i] == &parts.params ? 1 : 7) {
            part[i]->size = size;
            linear_refused(&parts, "file 'model_algo-1': member");
        }
        part[i]->size = whole;
    }
    loads((struct mx_file[]){linear_zip(&parts)}, 1, false, "mxnet-zip", 0);
}

/* A byte that is wrong anywhere in the zip is found by its checksums, or changes nothing. */
static void test_flipped(void **state)
{
    struct mx_file file;
    LINEAR_PARTS(parts);

    (void)state;
    linear_binary(&parts);
    file = linear_zip(&parts);
    for (size_t i = 4; i < parts.zip.size; i += i + 500 < parts.zip.size ? 7 : 1) {
        struct model *model = NULL;
        struct err err = ERR_INIT;

        parts.zip.data[i] ^= 0x10;
        if (artifact_load(&file, 1, false, NULL, &model, &err) == 0) {
            answers(model);
            model_unref(model);
        } else {
            assert_true(err.kind == ERR_INPUT || err.kind == ERR_LIMIT ||
                        err.kind == ERR_UNSUPPORTED);
        }
        parts.zip.data[i] ^= 0x10;
    }
}

static void test_zip_has(void **state)
{
    struct mx_file file;
    LINEAR_PARTS(parts);

    (void)state;
    linear_binary(&parts);
    file = linear_zip(&parts);
    assert_true(builtin_files_zip_has(file.bytes, "mx-mod-symbol.json"));
    assert_true(builtin_files_zip_has(file.bytes, "additional-params.json"));
    assert_false(builtin_files_zip_has(file.bytes, "mx-mod"));
    assert_false(builtin_files_zip_has(file.bytes, "meta.json"));
    for (size_t size = 0; size < file.bytes.size; size++)
        assert_false(builtin_files_zip_has(bytes_head(file.bytes, size), "manifest.json"));
    parts.zip.data[parts.zip.size - 2] = 22; /* a comment that begins as an end */
    build_append(&parts.zip, "PK\5\6abcdefghijklmnopqr", 22);
    assert_true(builtin_files_zip_has(build_bytes(&parts.zip), "manifest.json"));
}

/* Each allocation fails in turn: the error says so, and nothing is kept. */
static void test_failing_memory(void **state)
{
    struct mx_file members[4];
    struct mx_file zip;
    struct model *model = NULL;
    long n = 1;
    LINEAR_PARTS(parts);

    (void)state;
    linear_binary(&parts);
    zip = linear_zip(&parts);
    linear_members(&parts, members);
    for (int loose = 0; loose < 2; loose++) {
        for (n = 1; n < 1000; n++) {
            struct err err = ERR_INIT;
            int status;

            mem_fail_at(n);
            status =
                artifact_load(loose ? members : &zip, loose ? 4 : 1, false, NULL, &model, &err);
            mem_fail_at(0);
            if (status == 0)
                break;
            assert_int_equal(err.kind, ERR_MEMORY);
        }
        assert_in_range(n, 10, 999);
        model_unref(model);
    }
}

/* Real artifacts, where they lie beside the checkout. */
static void test_fixtures(void **state)
{
    const char *fixtures = getenv("ENDPOINTD_FIXTURES");
    struct model_options options = MODEL_OPTIONS_DEFAULT;
    struct model *model = NULL;
    struct err err = ERR_INIT;
    char path[1024];
    float answer[1];

    (void)state;
    snprintf(path, sizeof(path), "%s/linear-learner/adult.model.tar.gz", fixtures ? fixtures : ".");
    if (access(path, R_OK) != 0) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    if (model_load(path, &options, &model, &err))
        fail_msg("%s", err.text);
    assert_string_equal(model->builtin->objective, "binary_classifier, logistic");
    assert_int_equal(model->features, 14);
    assert_true(artifact_fact(model, "threshold")->number == 0.46301859617233276);
    model_unref(model);
    snprintf(path, sizeof(path), "%s/linear-learner/regressor-1feature.model.tar.gz", fixtures);
    if (model_load(path, &options, &model, &err))
        fail_msg("%s", err.text);
    assert_string_equal(model->builtin->objective, "regressor, squared_loss");
    assert_int_equal(model->features, 1);
    artifact_score(model, MODEL_VALUE, (const float[]){0}, answer, 1);
    assert_true(answer[0] == 897.04242f);
    artifact_score(model, MODEL_VALUE, (const float[]){1}, answer, 1);
    assert_true(answer[0] == 897.04242f + 7.4460015f);
    model_unref(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_member_orders), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_several_hosts), cmocka_unit_test(test_tar),
        cmocka_unit_test(test_manifest),      cmocka_unit_test(test_missing_members),
        cmocka_unit_test(test_truncated),     cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_zip_has),       cmocka_unit_test(test_failing_memory),
        cmocka_unit_test(test_fixtures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
