/*
 * oneDAL's scorer of the same trees, in microseconds a row; see row_timing.h for the arguments.
 * MODEL is the model's trees.txt (make_models.py), from which gbt::regression::ModelBuilder makes a
 * model: the sum of the leaves is the margin, as the base margin of these models is 0. One thread;
 * the algorithm object, its input and its result are made once for each number of rows and used
 * again, which is the fastest way to call it.
 *
 *     peer_onedal [--seconds S] [--margins FILE] MODEL ROWS COLUMNS OUTPUTS
 *
 * oneDAL goes right where x > split, XGBoost where x >= threshold: for float32 the two are the same
 * with split = the next number below the threshold.
 */
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "daal.h"

#include "benchmarks/row_timing.h"

namespace gbt = daal::algorithms::gbt::regression;
using daal::data_management::HomogenNumericTable;
using daal::data_management::NumericTable;
using daal::services::SharedPtr;

struct Node {
    int left, right;
    unsigned feature;
    double value;
    int default_left;
};

static std::vector<Node> read_tree(FILE *file, const char *path)
{
    size_t count = 0;

    if (std::fscanf(file, "%zu", &count) != 1 || count == 0)
        row_die(path, "a tree's number of nodes is missing");
    std::vector<Node> nodes(count);
    for (Node &node : nodes) {
        if (std::fscanf(file, "%d %d %u %la %d", &node.left, &node.right, &node.feature,
                        &node.value, &node.default_left) != 5)
            row_die(path, "a node is missing");
    }
    return nodes;
}

static void add_tree(gbt::ModelBuilder &builder, const std::vector<Node> &nodes)
{
    struct Step {
        int node;
        size_t parent;
        size_t position;
    };
    std::vector<Step> steps{{0, gbt::ModelBuilder::noParent, 0}};
    size_t used = 0;

    for (size_t i = 0; i < steps.size(); i++) {
        const Node &node = nodes[(size_t)steps[i].node];
        if (node.left >= 0) {
            steps.push_back({node.left, 0, 0});
            steps.push_back({node.right, 0, 1});
        }
    }
    used = steps.size(); /* without nodes that the training pruned */
    auto tree = builder.createTree(used);
    steps.assign(1, {0, gbt::ModelBuilder::noParent, 0});
    for (size_t i = 0; i < steps.size(); i++) {
        const Step step = steps[i];
        const Node &node = nodes[(size_t)step.node];
        if (node.left < 0) {
            builder.addLeafNode(tree, step.parent, step.position, node.value, 0);
            continue;
        }
        const float split = std::nextafterf((float)node.value, -INFINITY);
        size_t self = builder.addSplitNode(tree, step.parent, step.position, node.feature, split,
                                           node.default_left, 0);
        steps.push_back({node.left, self, 0});
        steps.push_back({node.right, self, 1});
    }
}

static gbt::ModelPtr read_model(const char *path, size_t features)
{
    FILE *file = std::fopen(path, "r");
    size_t trees = 0;

    if (!file || std::fscanf(file, "%zu", &trees) != 1)
        row_die(path, "is not trees.txt of make_models.py");
    gbt::ModelBuilder builder(features, trees);
    for (size_t i = 0; i < trees; i++)
        add_tree(builder, read_tree(file, path));
    std::fclose(file);
    return builder.getModel();
}

/* Rows of one number at a time. */
struct Batch {
    using Algorithm = gbt::prediction::Batch<float>;

    SharedPtr<HomogenNumericTable<float>> data;
    Algorithm algorithm;
    size_t rows = 0;

    void prepare(gbt::ModelPtr model, const float *values, size_t row_count, size_t columns)
    {
        rows = row_count;
        data = HomogenNumericTable<float>::create(const_cast<float *>(values), columns, rows);
        algorithm.input.set(gbt::prediction::data, data);
        algorithm.input.set(gbt::prediction::model, model);
    }
};

struct Library {
    gbt::ModelPtr model;
    size_t columns;
    Batch one, many;
};

static void score(void *self, const float *values, size_t rows, float *margins)
{
    auto *library = static_cast<Library *>(self);
    Batch &batch = rows == 1 ? library->one : library->many;

    if (batch.rows != rows)
        batch.prepare(library->model, values, rows, library->columns);
    else
        batch.data->setArray(const_cast<float *>(values), rows);
    batch.algorithm.compute();
    auto result = batch.algorithm.getResult()->get(gbt::prediction::prediction);
    auto *table = dynamic_cast<HomogenNumericTable<float> *>(result.get());
    if (!table)
        row_die("oneDAL", "the result is not a table of float");
    std::memcpy(margins, table->getArray(), rows * sizeof(float));
}

int main(int argc, char **argv)
{
    struct row_options options = row_options_parse(argc, argv, nullptr);
    daal::services::LibraryVersionInfo info;
    std::string version = std::to_string(info.majorVersion) + "." +
                          std::to_string(info.minorVersion) + "." +
                          std::to_string(info.updateVersion);
    struct row_scorer scorer;
    Library library;
    double start = row_cpu_seconds();

    if (options.outputs != 1)
        row_die("oneDAL", "models with one output only");
    daal::services::Environment::getInstance()->setNumberOfThreads(1);
    library.columns = options.columns;
    library.model = read_model(options.model, options.columns);
    std::memset(&scorer, 0, sizeof(scorer));
    scorer.name = "oneDAL";
    scorer.version = version.c_str();
    scorer.load_ms = (row_cpu_seconds() - start) * 1e3;
    scorer.self = &library;
    scorer.score = score;
    row_timing_run(&options, &scorer);
    return 0;
}
