#include "server/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/forest.h"
#include "base/cpu.h"
#include "models/profile.h"

enum option_type {
    OPTION_TEXT,
    OPTION_LIST, /* text, may be repeated */
    OPTION_NUMBER,
    OPTION_SWITCH,
    OPTION_PROFILE,
    OPTION_KERNEL,
    OPTION_CPU,
};

struct option {
    const char *name;  /* "max-body": --max-body, ENDPOINTD_MAX_BODY */
    unsigned commands; /* of enum command */
    enum option_type type;
    size_t offset;        /* in struct settings */
    const char *variable; /* the image's own variable, or NULL */
    const char *value;    /* default as text; NULL: none */
    int64_t min, max;     /* OPTION_NUMBER */
    const char *argument; /* what the help calls the value */
    const char *help;
};

#define S         COMMAND_SERVE
#define P         COMMAND_PREDICT
#define I         COMMAND_INSPECT
#define F         COMMAND_PROFILES
#define AT(field) offsetof(struct settings, field)
#define MB        ((int64_t)1 << 20)
#define MANY      ((int64_t)1 << 46)

/* In the order of the help. Names, not numbers, are the contract. */
static const struct option options[] = {
    {"model", S | P, OPTION_TEXT, AT(model), "SM_MODEL_DIR", "/opt/ml/model", 0, 0, "PATH",
     "a directory, a model.tar.gz or one model file"},
    {"profile", S | P | I, OPTION_PROFILE, AT(profile), NULL, "auto", 0, 0, "NAME",
     "the image to imitate; auto: by the version that wrote the model"},
    {"no-ensemble", S | P | I, OPTION_SWITCH, AT(no_ensemble), NULL, NULL, 0, 0, NULL,
     "serve only the first model file (SAGEMAKER_INFERENCE_ENSEMBLE other than true does it too)"},
    {"verify", S, OPTION_SWITCH, AT(verify), NULL, NULL, 0, 0, NULL,
     "at load, compare generated rows with libxgboost; refuse to serve on a difference"},
    {"strict", S | P | I, OPTION_SWITCH, AT(strict), NULL, NULL, 0, 0, NULL,
     "answer as the original even where a listed deviation serves better"},
    {"max-artifact-entries", S | P | I, OPTION_NUMBER, AT(artifact_entries), NULL, "10000", 1,
     1000000, "N", "files an artifact may hold"},
    {"max-artifact-bytes", S | P | I, OPTION_NUMBER, AT(artifact_bytes), NULL, "4294967296", 1,
     MANY, "BYTES", "unpacked size of an artifact, and memory a parsed model may take"},
    {"max-artifact-ratio", S | P | I, OPTION_NUMBER, AT(artifact_ratio), NULL, "1000", 1, 1000000,
     "N", "unpacked to packed size of an archive, beyond its first 16 MB"},
    {"kernel", S | P | I, OPTION_KERNEL, AT(kernel), NULL, "auto", 0, 0, "NAME",
     "how trees are scored: auto, scalar, sweep (many rows at a time) or masks (one row)"},
    {"cpu", S | P | I, OPTION_CPU, AT(cpu), NULL, "auto", 0, 0, "LEVEL",
     "instructions to use at most: baseline, avx2, avx512, vbmi; auto: what the processor has"},
    {"host", S, OPTION_LIST, AT(hosts), NULL, "0.0.0.0", 0, 0, "ADDRESS",
     "address to listen on, IPv4 or IPv6; may be repeated"},
    {"port", S, OPTION_NUMBER, AT(port), "SAGEMAKER_BIND_TO_PORT", "8080", 0, 65535, "N",
     "port to listen on; 0: the kernel chooses"},
    {"threads", S, OPTION_NUMBER, AT(threads), NULL, "0", 0, 1024, "N",
     "event loops; 0: the CPUs that this process may use"},
    {"workers", S, OPTION_NUMBER, AT(workers), NULL, "0", 0, 1024, "N",
     "scoring threads for large requests; 0: the CPUs that this process may use"},
    {"queue", S, OPTION_NUMBER, AT(queue), NULL, "64", 1, 1000000, "N",
     "large requests that may wait for a worker; more are answered 503 at once"},
    {"max-body", S, OPTION_NUMBER, AT(max_body), "MAX_CONTENT_LENGTH", "6291456", 0, MANY, "BYTES",
     "largest request body; more is answered 413"},
    {"max-request-line", S, OPTION_NUMBER, AT(max_request_line), NULL, "8192", 64, 1048576, "BYTES",
     "longest request line; more is answered 414"},
    {"max-head", S, OPTION_NUMBER, AT(max_head), NULL, "16384", 128, 1048576, "BYTES",
     "largest request head; more is answered 431"},
    {"max-connections", S, OPTION_NUMBER, AT(max_connections), NULL, "1024", 1, 1000000, "N",
     "connections at a time; others wait in the kernel's backlog"},
    {"max-in-flight", S, OPTION_NUMBER, AT(max_in_flight), NULL, "1073741824", 1 * MB, MANY,
     "BYTES", "bodies and responses held at a time; more is answered 503"},
    {"head-timeout", S, OPTION_NUMBER, AT(head_timeout), NULL, "10", 1, 86400, "SECONDS",
     "from the first byte of a request head to its last"},
    {"body-timeout", S, OPTION_NUMBER, AT(body_timeout), NULL, "10", 1, 86400, "SECONDS",
     "for a body, besides its size at the slowest rate"},
    {"body-rate", S, OPTION_NUMBER, AT(body_rate), NULL, "16384", 1, MANY, "BYTES",
     "slowest rate of a body, in bytes a second"},
    {"write-timeout", S, OPTION_NUMBER, AT(write_timeout), NULL, "30", 1, 86400, "SECONDS",
     "for a client that takes no byte of its response"},
    {"idle-timeout", S, OPTION_NUMBER, AT(idle_timeout), NULL, "75", 1, 86400, "SECONDS",
     "a kept connection without a request"},
    {"drain-timeout", S, OPTION_NUMBER, AT(drain_timeout), NULL, "25", 1, 3600, "SECONDS",
     "after SIGTERM, for requests in flight"},
    {"model-memory", S, OPTION_NUMBER, AT(model_memory), NULL, "0", 0, MANY, "BYTES",
     "multi-model mode: memory for all models; more is answered 507; 0: 80 % of what there is"},
    {"default-accept", S, OPTION_TEXT, AT(default_accept), "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT",
     NULL, 0, 0, "TYPE",
     "response type where a request has no Accept; not set: text/csv, but application/json for "
     "Linear Learner and its siblings"},
    {"inference-output", S, OPTION_TEXT, AT(inference_output), "SAGEMAKER_INFERENCE_OUTPUT", NULL,
     0, 0, "KEYS", "selectable inference: what to answer, such as predicted_label,probability"},
    {"batch", S, OPTION_TEXT, AT(batch), "SAGEMAKER_BATCH", NULL, 0, 0, "TEXT",
     "any text: Batch Transform's body format, one line a prediction"},
    {"access-log", S, OPTION_TEXT, AT(access_log), NULL, "off", 0, 0, "WHERE",
     "off, - (standard output) or a file; combined format"},
    {"content-type", P, OPTION_TEXT, AT(content_type), NULL, NULL, 0, 0, "TYPE",
     "of the input; otherwise by the file's suffix, else text/csv"},
    {"accept", P, OPTION_TEXT, AT(accept), NULL, NULL, 0, 0, "TYPE",
     "write the body that /invocations would answer; otherwise plain CSV"},
    {"margin", P, OPTION_SWITCH, AT(margin), NULL, NULL, 0, 0, NULL,
     "raw scores, before the objective's transform"},
    {"contributions", P, OPTION_SWITCH, AT(contributions), NULL, NULL, 0, 0, NULL,
     "SHAP values, one a feature, the bias last (needs libxgboost)"},
    {"leaves", P, OPTION_SWITCH, AT(leaves), NULL, NULL, 0, 0, NULL,
     "leaf index per tree (needs libxgboost)"},
    {"probabilities", P, OPTION_SWITCH, AT(probabilities), NULL, NULL, 0, 0, NULL,
     "a column a class, for families that have them"},
    {"top", P, OPTION_NUMBER, AT(top), NULL, "0", 0, 1000000, "K",
     "the K best labels, for families that have them"},
    {"header", P, OPTION_SWITCH, AT(header), NULL, NULL, 0, 0, NULL,
     "column names in the first line"},
    {"output", P, OPTION_TEXT, AT(output), NULL, NULL, 0, 0, "FILE",
     "write there, aside first, renamed at the end"},
    {"json", I | F, OPTION_SWITCH, AT(json), NULL, NULL, 0, 0, NULL, "one JSON document"},
};

/* "ENDPOINTD_MAX_BODY" of "max-body". */
static void variable_name(const struct option *option, char *out, size_t size)
{
    snprintf(out, size, "ENDPOINTD_%s", option->name);
    for (char *p = out; *p; p++) {
        if (*p == '-')
            *p = '_';
        else if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 32);
    }
}

static int set_number(const struct option *option, const char *text, const char *origin,
                      int64_t *field, struct err *err)
{
    char quoted[64];
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (end == text || *end || errno || value < option->min || value > option->max ||
        text[0] == ' ') {
        err_quote(quoted, sizeof(quoted), text, strlen(text));
        return err_set(err, ERR_INPUT, "%s is %s: it takes a whole number from %lld to %lld",
                       origin, quoted, (long long)option->min, (long long)option->max);
    }
    *field = value;
    return 0;
}

/* A switch in the environment: "1", "true", "yes", "on" or the opposite. */
static int set_switch(const char *text, const char *origin, bool *field, struct err *err)
{
    static const char *const yes[] = {"1", "true", "yes", "on"};
    static const char *const no[] = {"0", "false", "no", "off", ""};
    char quoted[64];

    for (size_t i = 0; i < ARRAY_LENGTH(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0) {
            *field = true;
            return 0;
        }
    }
    for (size_t i = 0; i < ARRAY_LENGTH(no); i++) {
        if (strcasecmp(text, no[i]) == 0) {
            *field = false;
            return 0;
        }
    }
    err_quote(quoted, sizeof(quoted), text, strlen(text));
    return err_set(err, ERR_INPUT, "%s is %s: it takes true or false", origin, quoted);
}

static int check_profile(const char *text, const char *origin, struct err *err)
{
    char quoted[64];

    if (strcmp(text, "auto") == 0 || profile_find(text))
        return 0;
    err_quote(quoted, sizeof(quoted), text, strlen(text));
    return err_set(err, ERR_INPUT, "%s is %s: it takes %s", origin, quoted, PROFILE_NAMES);
}

static int check_kernel(const char *text, const char *origin, struct err *err)
{
    enum forest_kernel kernel;
    char quoted[64];

    if (forest_kernel_find(text, &kernel))
        return 0;
    err_quote(quoted, sizeof(quoted), text, strlen(text));
    return err_set(err, ERR_INPUT, "%s is %s: it takes auto, scalar, sweep or masks", origin,
                   quoted);
}

static int check_cpu(const char *text, const char *origin, struct err *err)
{
    enum cpu_level level;
    char quoted[64];

    if (strcmp(text, "auto") == 0)
        return 0;
    if (!cpu_level_find(text, &level)) {
        err_quote(quoted, sizeof(quoted), text, strlen(text));
        return err_set(err, ERR_INPUT, "%s is %s: it takes auto, baseline, avx2, avx512 or vbmi",
                       origin, quoted);
    }
    if (level > cpu_level())
        return err_set(err, ERR_INPUT, "%s is %s: this processor has %s at most", origin, text,
                       cpu_level_name(cpu_level()));
    return 0;
}

static int set_option(const struct option *option, const char *text, const char *origin,
                      struct settings *settings, struct err *err)
{
    void *field = (char *)settings + option->offset;

    switch (option->type) {
    case OPTION_TEXT:
        *(const char **)field = text;
        return 0;
    case OPTION_PROFILE:
        *(const char **)field = text;
        return check_profile(text, origin, err);
    case OPTION_KERNEL:
        *(const char **)field = text;
        return check_kernel(text, origin, err);
    case OPTION_CPU:
        *(const char **)field = text;
        return check_cpu(text, origin, err);
    case OPTION_LIST:
        if (settings->host_count == OPTIONS_HOSTS_MAX)
            return err_set(err, ERR_INPUT, "%s: at most %d addresses", origin, OPTIONS_HOSTS_MAX);
        settings->hosts[settings->host_count++] = text;
        return 0;
    case OPTION_NUMBER:
        return set_number(option, text, origin, field, err);
    case OPTION_SWITCH:
        return set_switch(text, origin, field, err);
    }
    return 0;
}

/* Defaults, then the environment; what the command line gives comes after and wins. */
static int set_from_environment(const struct option *option, struct settings *settings,
                                struct err *err)
{
    char name[64];
    const char *text;

    variable_name(option, name, sizeof(name));
    text = getenv(name);
    if (text)
        return set_option(option, text, name, settings, err);
    if (option->variable) {
        text = getenv(option->variable);
        /* an empty variable is as good as none, except where empty text has a meaning of its own */
        if (text && (*text || !option->value))
            return set_option(option, text, option->variable, settings, err);
    }
    if (option->value)
        return set_option(option, option->value, option->name, settings, err);
    return 0;
}

static const struct option *find(enum command command, const char *name, size_t size)
{
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        if ((options[i].commands & command) && strlen(options[i].name) == size &&
            memcmp(options[i].name, name, size) == 0)
            return &options[i];
    }
    return NULL;
}

/* In multi-model mode the limit of bodies has a variable of its own; without it there is a cap. */
static int apply_request_size(struct settings *settings, struct err *err)
{
    const char *multi = getenv("SAGEMAKER_MULTI_MODEL");
    const char *size = getenv("SAGEMAKER_MAX_REQUEST_SIZE");
    const struct option *option = find(COMMAND_SERVE, "max-body", strlen("max-body"));

    if (!multi || !*multi || getenv("ENDPOINTD_MAX_BODY"))
        return 0;
    if (size && *size)
        return set_option(option, size, "SAGEMAKER_MAX_REQUEST_SIZE", settings, err);
    if (settings->max_body > 20971520)
        settings->max_body = 20971520;
    return 0;
}

/* What the image's variables mean beyond one option each. */
static int apply_image_variables(enum command command, struct settings *settings, struct err *err)
{
    const char *ensemble = getenv("SAGEMAKER_INFERENCE_ENSEMBLE");

    if (ensemble && !getenv("ENDPOINTD_NO_ENSEMBLE"))
        settings->no_ensemble = strcmp(ensemble, "true") != 0;
    return command == COMMAND_SERVE ? apply_request_size(settings, err) : 0;
}

/* One "--name", "--name=value" or "--name value"; *index moves over a value taken. */
static int parse_option(enum command command, int argc, char **argv, int *index,
                        struct settings *settings, bool *hosts_given, struct err *err)
{
    const char *word = argv[*index] + 2;
    const char *equals = strchr(word, '=');
    size_t size = equals ? (size_t)(equals - word) : strlen(word);
    const struct option *option = find(command, word, size);
    const char *value = equals ? equals + 1 : NULL;
    char origin[80];
    char quoted[80];

    if (!option) {
        err_quote(quoted, sizeof(quoted), argv[*index], strlen(argv[*index]));
        return err_set(err, ERR_INPUT, "unknown option %s: --help lists the options", quoted);
    }
    snprintf(origin, sizeof(origin), "--%s", option->name);
    if (option->type == OPTION_SWITCH)
        return set_switch(value ? value : "true", origin,
                          (bool *)((char *)settings + option->offset), err);
    if (!value) {
        if (*index + 1 >= argc)
            return err_set(err, ERR_INPUT, "%s needs a value", origin);
        value = argv[++*index];
    }
    if (option->type == OPTION_LIST && !*hosts_given) {
        settings->host_count = 0; /* the first one given replaces the default */
        *hosts_given = true;
    }
    return set_option(option, value, origin, settings, err);
}

static enum options_result add_argument(struct settings *settings, const char *word,
                                        struct err *err)
{
    char quoted[80];

    if (settings->argument_count == OPTIONS_ARGUMENTS_MAX) {
        err_quote(quoted, sizeof(quoted), word, strlen(word));
        err_set(err, ERR_INPUT, "one argument too many: %s", quoted);
        return OPTIONS_ERROR;
    }
    settings->arguments[settings->argument_count++] = word;
    return OPTIONS_OK;
}

enum options_result options_parse(enum command command, int argc, char **argv, struct settings *ret,
                                  struct err *err)
{
    bool hosts_given = false;
    bool only_arguments = false;

    memset(ret, 0, sizeof(*ret));
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0)
            break;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return OPTIONS_HELP;
        if (strcmp(argv[i], "--version") == 0)
            return OPTIONS_VERSION;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        if ((options[i].commands & command) && set_from_environment(&options[i], ret, err))
            return OPTIONS_ERROR;
    }
    if (apply_image_variables(command, ret, err))
        return OPTIONS_ERROR;
    for (int i = 0; i < argc; i++) {
        if (!only_arguments && strcmp(argv[i], "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && strncmp(argv[i], "--", 2) == 0) {
            if (parse_option(command, argc, argv, &i, ret, &hosts_given, err))
                return OPTIONS_ERROR;
        } else if (!only_arguments && argv[i][0] == '-' && argv[i][1]) {
            err_set(err, ERR_INPUT, "unknown option '%.20s': --help lists the options", argv[i]);
            return OPTIONS_ERROR;
        } else if (add_argument(ret, argv[i], err)) {
            return OPTIONS_ERROR;
        }
    }
    return OPTIONS_OK;
}

void options_help(enum command command)
{
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        const struct option *option = &options[i];
        char left[64];

        if (!(option->commands & command))
            continue;
        snprintf(left, sizeof(left), "--%s%s%s", option->name, option->argument ? " " : "",
                 option->argument ? option->argument : "");
        printf("  %-30s %s\n", left, option->help);
        if (option->value || option->variable)
            printf("  %-30s (default: %s%s%s)\n", "", option->variable ? option->variable : "",
                   option->variable && option->value ? ", else " : "",
                   option->value ? option->value : "");
    }
    printf("  %-30s this text\n  %-30s the version\n", "--help", "--version");
}

void options_markdown(void)
{
    printf("| option | environment | image's variable | default | range | meaning |\n"
           "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        const struct option *option = &options[i];
        char name[64];

        if (!(option->commands & COMMAND_SERVE))
            continue;
        variable_name(option, name, sizeof(name));
        printf("| `--%s` | `%s` | ", option->name, name);
        printf(option->variable ? "`%s`" : "%s", option->variable ? option->variable : "");
        printf(" | %s | ",
               option->value ? option->value : (option->type == OPTION_SWITCH ? "off" : "not set"));
        if (option->type == OPTION_NUMBER)
            printf("%lld .. %lld", (long long)option->min, (long long)option->max);
        printf(" | %s |\n", option->help);
    }
}

static int describe(const struct option *option, const struct settings *settings,
                    struct buffer *ret)
{
    const void *field = (const char *)settings + option->offset;

    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_PROFILE:
    case OPTION_KERNEL:
    case OPTION_CPU:
        if (!*(const char *const *)field)
            return 0;
        return buffer_print(ret, " %s=%s", option->name, *(const char *const *)field);
    case OPTION_LIST:
        for (size_t i = 0; i < settings->host_count; i++) {
            if (buffer_print(ret, " %s=%s", option->name, settings->hosts[i]))
                return -1;
        }
        return 0;
    case OPTION_NUMBER:
        return buffer_print(ret, " %s=%lld", option->name, (long long)*(const int64_t *)field);
    case OPTION_SWITCH:
        return *(const bool *)field ? buffer_print(ret, " %s", option->name) : 0;
    }
    return 0;
}

int options_describe(const struct settings *settings, struct buffer *ret)
{
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        if ((options[i].commands & COMMAND_SERVE) && describe(&options[i], settings, ret))
            return -1;
    }
    return 0;
}
