#pragma once
/*
 * The reader of XGBoost's JSON and UBJSON models (xgb_json_read and xgb_ubjson_read of
 * models/xgboost_load.h): a schema of tables, in which a field says where its value goes. Values
 * are only collected while the document is read, and interpreted after its end, because keys may
 * come in any order. Of duplicate keys the last one counts: an object that comes again begins anew.
 */

#include "base/json_reader.h"
#include "models/ubjson_reader.h"
#include "models/xgboost_model.h"

/* A document on its way in. */
struct xgb_json {
    struct json_source *source;
    struct arena *arena;
    bool text; /* JSON; else UBJSON */
};

/* An array of numbers as read; data is of the C type that its field names. NULL: not there. */
struct xgb_json_array {
    void *data;
    size_t count;
    size_t offset; /* of what held it */
};

struct xgb_json_count {
    bool present;
    uint32_t value;
};

/*
 * One key of an object: `read` takes the value that comes next and stores it `offset` bytes into
 * the object's struct. xgb_json_object: an object within, whose struct has `size` bytes, is cleared
 * first and begins with a bool that says that it is there.
 */
struct xgb_json_field {
    const char *key;
    int (*read)(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                struct err *err);
    size_t offset;
    uint32_t max; /* of a count */
    enum json_element element;
    size_t size;
    const struct xgb_json_field *fields; /* ends with a NULL key */
};

/* The `read` functions, and what they store. */
int xgb_json_object(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                    struct err *err) MUST_CHECK; /* a struct, see above */
int xgb_json_numbers(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                     struct err *err) MUST_CHECK; /* struct xgb_json_array */
int xgb_json_number(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                    struct err *err) MUST_CHECK; /* struct xgb_json_count; text or number */
int xgb_json_slice(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                   struct err *err) MUST_CHECK; /* struct bytes, unread */
int xgb_json_string(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                    struct err *err) MUST_CHECK; /* const char * */
int xgb_json_strings(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                     struct err *err) MUST_CHECK; /* struct xgb_json_array of const char * */

/* The members of an object whose '{' was read, up to its '}'. Unknown keys are passed over. */
int xgb_json_members(struct xgb_json *json, const struct xgb_json_field *fields, void *target,
                     struct err *err) MUST_CHECK;

/* A reader of either format, for a document or for a slice of one. */
union xgb_json_reader {
    struct json_reader text;
    struct ubjson_reader binary;
};

struct json_source *xgb_json_open(union xgb_json_reader *reader, bool text, struct bytes data,
                                  size_t base);

/* The same for a slice of the document that is being read. */
struct json_source *xgb_json_reopen(struct xgb_json *json, union xgb_json_reader *reader,
                                    struct bytes slice);

/* Reads a slice as an array of numbers. */
int xgb_json_slice_f32(struct xgb_json *json, struct bytes slice, struct xgb_json_array *ret,
                       struct err *err) MUST_CHECK;

/* A tree in the list of those read. */
struct xgb_json_tree {
    struct xgb_json_tree *next;
    size_t offset;
    struct xgb_json_count id;
    struct tree tree;
};

struct xgb_json_tree_list {
    struct xgb_json_tree *first; /* in the order of the file */
    uint32_t count;
};

/* A `read` function for "trees", an array of objects: stores struct xgb_json_tree_list. */
int xgb_json_trees(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                   struct err *err) MUST_CHECK;

/* ERR_LIMIT or ERR_MEMORY, as the arena's cap or the system refused. Returns -1. */
int xgb_json_no_room(struct xgb_json *json, size_t size, const char *what, struct err *err);

/* The document as structs; each is cleared when its key comes, and `present` is set. */
struct xgb_json_param {
    bool present;
    struct xgb_json_count trees;
    struct xgb_json_count parallel_tree;
};

struct xgb_json_model {
    bool present;
    struct xgb_json_param param;
    struct xgb_json_tree_list trees;
    struct xgb_json_array tree_info;
    struct xgb_json_array iteration_indptr;
    struct xgb_json_array weight_drop;
    struct xgb_json_array weights;
    struct xgb_json_count boosted_rounds;
};

struct xgb_json_gbtree {
    bool present;
    struct xgb_json_model model;
};

struct xgb_json_booster {
    bool present;
    const char *name;
    struct xgb_json_model model;
    struct xgb_json_gbtree gbtree; /* dart up to 3.2 */
    struct xgb_json_array weight_drop;
};

struct xgb_json_attributes {
    bool present;
    const char *best_iteration;
    const char *best_ntree_limit;
    const char *best_score;
};

struct xgb_json_learner_param {
    bool present;
    struct xgb_json_array base_score;
    struct xgb_json_count features;
    struct xgb_json_count classes;
    struct xgb_json_count targets;
    struct xgb_json_count boost_from_average;
};

struct xgb_json_objective {
    bool present;
    const char *name;
};

struct xgb_json_learner {
    bool present;
    struct xgb_json_attributes attributes;
    struct xgb_json_array feature_names;
    struct xgb_json_array feature_types;
    struct xgb_json_booster booster;
    struct xgb_json_learner_param param;
    struct xgb_json_objective objective;
};

struct xgb_json_root {
    bool present;
    struct xgb_json_learner learner;
    struct xgb_json_array version;
};

struct xgb_json_config_booster {
    bool present;
    struct xgb_json_param param;
    struct xgb_json_gbtree gbtree; /* its model.param is what "gbtree_train_param" fills */
};

struct xgb_json_config_learner {
    bool present;
    struct xgb_json_config_booster booster;
};

struct xgb_json_config {
    bool present;
    struct xgb_json_config_learner learner;
};

struct xgb_json_document {
    struct xgb_json_root root;
    struct xgb_json_root snapshot;
    struct xgb_json_config config;
};

/* Makes a model, not finished, of a document that has a learner. The arrays become the model's. */
int xgb_json_fill(struct xgb_json *json, const struct xgb_json_document *document,
                  struct xgb_model *model, struct err *err) MUST_CHECK;
void xgb_json_fill_config(const struct xgb_json_config *config, struct xgb_model *model);

/* What a snapshot of 1.0 to 1.2 has behind its binary model, a Config in JSON: takes the
 * num_parallel_tree from it that the model itself lacks (xgboost-models 5.8). */
int xgb_json_config_read(struct bytes config, size_t base, struct xgb_model *model,
                         struct err *err) MUST_CHECK;
