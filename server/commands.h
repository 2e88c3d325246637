#pragma once
/*
 * The commands. Each takes its settings, reports on standard error, and returns the exit status: 0
 * done, 1 failed, 2 wrong usage.
 */

#include "base/json.h"
#include "models/model.h"
#include "server/options.h"

int command_serve(const struct settings *settings);
int command_predict(const struct settings *settings);
int command_inspect(const struct settings *settings);
int command_profiles(const struct settings *settings);

/* --cpu: before anything chooses its instructions. */
void command_limit_cpu(const struct settings *settings);

/* The part of the settings that loading needs. */
struct model_options command_model_options(const struct settings *settings);

/* One line about a model: "xgboost, pickle of xgboost.core.Booster, written by XGBoost 1.2.0, ...".
 */
int command_describe_model(const struct model *model, struct buffer *ret) MUST_CHECK;

/* "1.2.0", "before 1.0". */
const char *command_version_text(const struct xgb_version *version, char *out, size_t size);

#define COMMAND_SHOWN_SIZE 512

/* A text of the artifact as it may go to a terminal: itself, or quoted with escapes where it is not
 * printable to the last character. */
const char *command_shown(char out[COMMAND_SHOWN_SIZE], const char *text);

/* Writes it to standard output and frees it. Returns the exit status. */
int command_print_document(struct json_doc *document);
