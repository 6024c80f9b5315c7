// Decodes and checks the operations of a program; what passes can touch nothing outside its spaces.
#include "operations.hpp"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "loop.hpp"

namespace wg {

namespace {

constexpr std::size_t max_ops = 1000000;
constexpr std::int64_t max_width = std::int64_t{1} << 24; // of a matrix, a distribution, a row

constexpr std::string_view kinds[] = {
    "product",     "unary",        "binary", "where",  "copy",         "convert",    "reduce",
    "softmax",     "layer_norm",   "cumsum", "matmul", "gather_rows",  "scatter_rows", "gather",
    "scatter",     "delay_read",   "delay_write",      "temper",       "draw_class", "sample",
};
constexpr std::string_view unaries[] = {
    "neg",        "abs",  "not",  "exp",  "expm1",     "log",      "log1p",       "sqrt", "rsqrt",
    "reciprocal", "tanh", "sigmoid", "relu", "silu",   "gelu",     "gelu_tanh",   "softplus",
    "log_sigmoid", "sin", "cos",  "erf",  "ndtri",     "floor",    "ceil",        "round",
    "trunc",      "sign", "square",
};
constexpr std::string_view binaries[] = {
    "add", "sub", "mul", "min", "max", "div", "pow", "mod", "floordiv",
    "lt",  "le",  "gt",  "ge",  "eq",  "ne",  "and", "or",  "xor",
};
constexpr std::string_view reductions[] = {
    "sum", "mean", "max", "min", "prod", "argmax", "argmin", "any", "all",
};
constexpr std::string_view activations[] = {
    "none", "relu", "tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "gate",
};

std::string_view type_name(Type type) { return type == Type::f32 ? "f32" : "i64"; }

bool compares(Binary fn) { return fn >= Binary::lt && fn <= Binary::ne; }

bool takes(Binary fn, Type type) {
    switch (fn) {
    case Binary::div:
    case Binary::pow: return type == Type::f32;
    case Binary::floordiv:
    case Binary::and_:
    case Binary::or_:
    case Binary::xor_: return type == Type::i64;
    default: return true;
    }
}

std::int32_t stride_of(const View& view, int dimension) {
    return static_cast<std::int32_t>(view.stride[dimension]);
}

}  // namespace

std::string_view kind_name(Kind kind) { return kinds[static_cast<std::size_t>(kind)]; }

bool unary_named(std::string_view name, Unary& fn) {
    const auto* found = std::find(std::begin(unaries), std::end(unaries), name);
    fn = static_cast<Unary>(found - std::begin(unaries));
    return found != std::end(unaries);
}

// One operation while it is decoded: what it reads and writes is collected, then checked for overlap.
class Operation {
public:
    Operation(Operations& all, Fields fields) : all_(all), fields_(std::move(fields)) {}

    Op decode(Kind kind) {
        Op op(kind);
        switch (kind) {
        case Kind::product: op.product = product(); break;
        case Kind::unary: op.elementwise = unary(); break;
        case Kind::binary: op.elementwise = binary(); break;
        case Kind::where: op.elementwise = where(); break;
        case Kind::copy: op.elementwise = copy(); break;
        case Kind::convert: op.elementwise = convert(); break;
        case Kind::reduce: op.row_wise = reduce(); break;
        case Kind::softmax: op.row_wise = softmax(); break;
        case Kind::layer_norm: op.row_wise = layer_norm(); break;
        case Kind::cumsum: op.row_wise = cumsum(); break;
        case Kind::matmul: op.matmul = matmul(); break;
        case Kind::gather_rows: op.row_table = gather_rows(); break;
        case Kind::scatter_rows: op.row_table = scatter_rows(); break;
        case Kind::gather: op.element_table = gather(); break;
        case Kind::scatter: op.element_table = scatter(); break;
        case Kind::delay_read: op.delay = delay_read(); break;
        case Kind::delay_write: op.delay = delay_write(); break;
        case Kind::temper: op.draw = temper(); break;
        case Kind::draw_class: op.draw = draw_class(); break;
        case Kind::sample: op.draw = sample(); break;
        }
        fields_.done();
        refuse_overlaps(kind == Kind::unary || kind == Kind::binary || kind == Kind::where);
        return op;
    }

private:
    // Operands -----------------------------------------------------------------------------------

    View read(std::string_view name) {
        reads_.push_back({std::string(name), fields_.view(name, all_.sizes_)});
        return reads_.back().view;
    }

    View read(std::string_view name, Type type) {
        const View view = read(name);
        check_type(name, view, type);
        return view;
    }

    View read(std::string_view name, Type type, std::initializer_list<std::int64_t> shape) {
        const View view = read(name, type);
        check_shape(name, view, shape);
        return view;
    }

    bool read_optional(std::string_view name, View& view) {
        JsonValue value;
        if (!fields_.find(name, value)) return false;
        view = fields_.view_of(name, value, all_.sizes_);
        reads_.push_back({std::string(name), view});
        return true;
    }

    View write(std::string_view name) {
        const View view = fields_.view(name, all_.sizes_);
        if (view.space == Space::constant) fields_.bad(name, " lies in const, which is read-only");
        if (view.repeats()) fields_.bad(name, " steps on itself: it cannot be written");
        writes_.push_back({std::string(name), view});
        return view;
    }

    View write(std::string_view name, Type type) {
        const View view = write(name);
        check_type(name, view, type);
        return view;
    }

    View write(std::string_view name, Type type, std::initializer_list<std::int64_t> shape) {
        const View view = write(name, type);
        check_shape(name, view, shape);
        return view;
    }

    void check_type(std::string_view name, const View& view, Type type) const {
        if (view.type != type)
            fields_.bad(name, " is ", type_name(view.type), ", not ", type_name(type));
    }

    void check_shape(std::string_view name, const View& view,
                     std::initializer_list<std::int64_t> shape) const {
        const int rank = static_cast<int>(shape.size());
        if (view.rank != rank || !std::equal(shape.begin(), shape.end(), view.shape))
            fields_.bad(name, " has shape ", shape_text(view.shape, view.rank), ", not ",
                        shape_text(shape.begin(), rank));
    }

    void check_like(std::string_view name, const View& view, const View& model) const {
        if (!same_shape(view, model))
            fields_.bad(name, " has shape ", shape_text(view.shape, view.rank), ", not ",
                        shape_text(model.shape, model.rank));
    }

    void check_rank(std::string_view name, const View& view, int least, int most) const {
        if (view.rank < least || view.rank > most)
            fields_.bad(name, " has ", view.rank, " dimensions; it must have ", least,
                        least == most ? "" : " or more");
    }

    void check_dense(std::string_view name, const View& view) const {
        if (!view.dense()) fields_.bad(name, " is not dense");
    }

    void check_width(std::string_view name, std::int64_t n) const {
        if (n > max_width) fields_.bad(name, " has ", n, " values; at most ", max_width, " are played");
    }

    void refuse_overlaps(bool in_place) const {
        for (const auto& [name, out] : writes_) {
            for (const auto& [other, in] : reads_) {
                if (disjoint(out, in) || (in_place && same_place(out, in))) continue;
                fields_.bad(name, " overlaps ", other, ", which is read while it is written");
            }
            for (const auto& [input, view] : all_.inputs_)
                if (!disjoint(out, view))
                    fields_.bad(name, " overlaps the input '", input, "', which no operation may write");
        }
    }

    // Operations, in the order of FORMAT.md ------------------------------------------------------

    Product product() {
        Product op{};
        const std::string_view name = fields_.text("weight");
        op.weight = all_.matrix(fields_, name);
        const Matrix& matrix = all_.matrices[op.weight];
        op.n = matrix.n;
        op.k = matrix.k;
        JsonValue unused;
        op.act = fields_.find("act", unused) ? static_cast<Act>(fields_.choice("act", activations))
                                             : Act::none;
        if (op.act == Act::gate && op.n % 2 != 0)
            fields_.bad("a gate needs an even number of outputs; ", quoted(name), " has ", op.n);
        const View x = read("x", Type::f32);
        if (x.n_elements() != op.k)
            fields_.bad("x has ", x.n_elements(), " values, ", quoted(name), " needs ", op.k);
        check_vector("x", x, op.k);
        const std::int64_t n_out = op.act == Act::gate ? op.n / 2 : op.n;
        const View out = write("out", Type::f32);
        check_vector("out", out, n_out);
        op.x = place_of(x);
        op.out = place_of(out);
        if (JsonValue list; fields_.find("add", list)) {
            if (!list.is(JsonKind::array) || list.size() > 2)
                fields_.bad("add is no list of at most 2 views");
            std::size_t i = 0;
            for (const auto& value : list.entries()) {
                const View add = fields_.view_of("add", value, all_.sizes_);
                check_type("add", add, Type::f32);
                check_vector("add", add, op.n);
                reads_.push_back({"add", add});
                op.add[i++] = place_of(add);
            }
        }
        if (View after; read_optional("after", after)) {
            check_type("after", after, Type::f32);
            check_vector("after", after, n_out);
            op.after = place_of(after);
        }
        all_.n_macs += static_cast<std::uint64_t>(op.n) * static_cast<std::uint64_t>(op.k);
        return op;
    }

    void check_vector(std::string_view name, const View& view, std::int64_t n) const {
        check_shape(name, view, {n});
        check_dense(name, view);
    }

    Elementwise unary() {
        const auto fn = static_cast<Unary>(fields_.choice("fn", unaries));
        const View x = read("x");
        const bool whole = fn == Unary::neg || fn == Unary::abs || fn == Unary::not_;
        if (!whole) check_type("x", x, Type::f32);
        const View out = write("out", x.type);
        check_like("out", out, x);
        Elementwise op{};
        op.fn = static_cast<std::uint8_t>(fn);
        op.type = x.type;
        return over(op, {x, out});
    }

    Elementwise binary() {
        const auto fn = static_cast<Binary>(fields_.choice("fn", binaries));
        const View a = read("a");
        const View b = read("b", a.type);
        if (!takes(fn, a.type))
            fields_.bad(binaries[static_cast<std::size_t>(fn)], " takes no ", type_name(a.type));
        const View out = write("out", compares(fn) ? Type::i64 : a.type);
        check_like("b", b, a);
        check_like("out", out, a);
        Elementwise op{};
        op.fn = static_cast<std::uint8_t>(fn);
        op.type = a.type;
        return over(op, {a, b, out});
    }

    Elementwise where() {
        const View cond = read("cond", Type::i64);
        const View a = read("a");
        const View b = read("b", a.type);
        const View out = write("out", a.type);
        check_like("a", a, cond);
        check_like("b", b, cond);
        check_like("out", out, cond);
        Elementwise op{};
        op.type = a.type;
        return over(op, {cond, a, b, out});
    }

    Elementwise copy() {
        const View x = read("x");
        const View out = write("out", x.type);
        check_like("out", out, x);
        Elementwise op{};
        op.type = x.type;
        return over(op, {x, out});
    }

    Elementwise convert() {
        const View x = read("x");
        const View out = write("out", x.type == Type::f32 ? Type::i64 : Type::f32);
        check_like("out", out, x);
        Elementwise op{};
        op.type = x.type;
        return over(op, {x, out});
    }

    static Elementwise over(Elementwise op, std::initializer_list<View> arrays) {
        std::size_t i = 0;
        for (const View& array : arrays) op.at[i++] = place_of(array);
        op.loop = loop_in_memory_order(arrays);
        return op;
    }

    RowWise reduce() {
        RowWise op{};
        op.fn = static_cast<Reduce>(fields_.choice("fn", reductions));
        const View x = read_rows();
        const bool truth = op.fn == Reduce::any || op.fn == Reduce::all;
        const bool place = op.fn == Reduce::argmax || op.fn == Reduce::argmin;
        if (truth) check_type("x", x, Type::i64);
        if (!truth && op.fn != Reduce::sum) check_type("x", x, Type::f32);
        op.type = x.type;
        View out = write("out", place ? Type::i64 : x.type);
        check_rank("out", out, x.rank - 1, x.rank - 1);
        // One value a row: the row's dimension with stride 0.
        out.shape[out.rank] = x.shape[out.rank];
        out.stride[out.rank++] = 0;
        check_like("out", out, x);
        return over_rows(op, x, out);
    }

    RowWise softmax() {
        RowWise op{};
        op.log = fields_.truth("log");
        const View x = read_rows();
        check_type("x", x, Type::f32);
        return over_rows(op, x, write_like(x));
    }

    RowWise layer_norm() {
        RowWise op{};
        const View x = read_rows();
        check_type("x", x, Type::f32);
        const std::int64_t n = x.shape[x.rank - 1];
        if (View weight; read_optional("weight", weight)) {
            check_type("weight", weight, Type::f32);
            check_shape("weight", weight, {n});
            op.weight = place_of(weight);
            op.weight_stride = stride_of(weight, 0);
        }
        if (View bias; read_optional("bias", bias)) {
            check_type("bias", bias, Type::f32);
            check_shape("bias", bias, {n});
            op.bias = place_of(bias);
            op.bias_stride = stride_of(bias, 0);
        }
        const double eps = fields_.number("eps");
        if (!(eps >= 0 && eps <= 1)) fields_.bad("eps is ", eps, "; it must lie between 0 and 1");
        op.eps = static_cast<float>(eps);
        return over_rows(op, x, write_like(x));
    }

    RowWise cumsum() {
        RowWise op{};
        const View x = read_rows();
        op.type = x.type;
        return over_rows(op, x, write_like(x));
    }

    View read_rows() {
        const View x = read("x");
        check_rank("x", x, 1, max_rank);
        check_width("a row of x", x.shape[x.rank - 1]);
        return x;
    }

    View write_like(const View& x) {
        const View out = write("out", x.type);
        check_like("out", out, x);
        return out;
    }

    static RowWise over_rows(RowWise op, const View& x, const View& out) {
        op.x = place_of(x);
        op.out = place_of(out);
        op.loop = loop_over_rows({x, out});
        return op;
    }

    Matmul matmul() {
        const View a = read("a", Type::f32);
        const View b = read("b", Type::f32);
        const View out = write("out", Type::f32);
        check_rank("a", a, 3, 3);
        check_rank("b", b, 3, 3);
        check_shape("b", b, {a.shape[0], a.shape[2], b.shape[2]});
        check_shape("out", out, {a.shape[0], a.shape[1], b.shape[2]});
        Matmul op{};
        op.a = place_of(a);
        op.b = place_of(b);
        op.out = place_of(out);
        op.batch = a.shape[0];
        op.m = a.shape[1];
        op.k = a.shape[2];
        op.n = b.shape[2];
        std::copy(a.stride, a.stride + 3, op.a_stride);
        std::copy(b.stride, b.stride + 3, op.b_stride);
        std::copy(out.stride, out.stride + 3, op.out_stride);
        return op;
    }

    RowTable gather_rows() {
        const View table = read("table");
        const View index = read("index", Type::i64);
        return row_table(table, index, "out", write("out", table.type));
    }

    RowTable scatter_rows() {
        const View table = write("table");
        const View index = read("index", Type::i64);
        return row_table(table, index, "source", read("source", table.type));
    }

    RowTable row_table(const View& table, const View& index, std::string_view name,
                       const View& rows) const {
        check_rank("table", table, 2, 2);
        check_rank("index", index, 1, 1);
        check_shape(name, rows, {index.shape[0], table.shape[1]});
        RowTable op{};
        op.table = place_of(table);
        op.index = place_of(index);
        op.rows = place_of(rows);
        op.type = table.type;
        op.n_table = table.shape[0];
        op.n = index.shape[0];
        op.width = table.shape[1];
        op.index_stride = stride_of(index, 0);
        for (int i = 0; i < 2; ++i) {
            op.table_stride[i] = stride_of(table, i);
            op.rows_stride[i] = stride_of(rows, i);
        }
        return op;
    }

    ElementTable gather() {
        const View table = read("table");
        const View index = read("index", Type::i64);
        return element_table(table, index, "out", write("out", table.type));
    }

    ElementTable scatter() {
        const View table = write("table");
        const View index = read("index", Type::i64);
        return element_table(table, index, "source", read("source", table.type));
    }

    ElementTable element_table(const View& table, const View& index, std::string_view name,
                               const View& values) {
        check_rank("index", index, 1, max_rank);
        check_rank("table", table, index.rank, index.rank);
        check_like(name, values, index);
        const int dim = static_cast<int>(fields_.integer("dim", 0, index.rank - 1));
        for (int i = 0; i < index.rank; ++i)
            if (i != dim && index.shape[i] > table.shape[i])
                fields_.bad("index has shape ", shape_text(index.shape, index.rank),
                            ", larger than the table's ", shape_text(table.shape, table.rank));
        ElementTable op{};
        op.table = place_of(table);
        op.index = place_of(index);
        op.values = place_of(values);
        op.type = table.type;
        op.n_table = table.shape[dim];
        op.table_stride = table.stride[dim];
        View along = table;
        std::copy(index.shape, index.shape + index.rank, along.shape);
        along.stride[dim] = 0;
        op.loop = loop_over({index, values, along});
        return op;
    }

    Delay delay_read() {
        const View rings = read("rings");
        const auto lags = fields_.integers("lags");
        return delay(rings, &lags, "out", write("out", rings.type));
    }

    Delay delay_write() {
        const View rings = write("rings");
        return delay(rings, nullptr, "source", read("source", rings.type));
    }

    Delay delay(const View& rings, const std::vector<std::int64_t>* lags, std::string_view name,
                const View& rows) {
        check_rank("rings", rings, 2, 2);
        const View clock = read("clock", Type::i64, {});
        const auto lengths = fields_.integers("lengths");
        const auto starts = fields_.integers("starts");
        const std::size_t n = lengths.size();
        if (starts.size() != n || (lags != nullptr && lags->size() != n))
            fields_.bad("lists of ", n, " lengths and ", starts.size(), " starts",
                        lags != nullptr ? line(" and ", lags->size(), " lags") : "",
                        " do not belong together");
        check_shape(name, rows, {static_cast<std::int64_t>(n), rings.shape[1]});
        Delay op{};
        op.rings = place_of(rings);
        op.clock = place_of(clock);
        op.rows = place_of(rows);
        op.type = rings.type;
        op.first = static_cast<std::uint32_t>(all_.delay_rows.size());
        op.n = static_cast<std::uint32_t>(n);
        op.width = rings.shape[1];
        for (int i = 0; i < 2; ++i) {
            op.rings_stride[i] = stride_of(rings, i);
            op.rows_stride[i] = stride_of(rows, i);
        }
        for (std::size_t i = 0; i < n; ++i) {
            const DelayRow row{starts[i], lengths[i], lags != nullptr ? (*lags)[i] : 0};
            if (row.length < 1 || row.length > rings.shape[0] || row.start < 0 ||
                row.start > rings.shape[0] - row.length)
                fields_.bad("ring ", i, " of length ", row.length, " from cell ", row.start,
                            " does not lie in ", rings.shape[0], " cells");
            if (row.lag < 0 || row.lag > row.length)
                fields_.bad("lag ", row.lag, " does not lie in ring ", i, " of length ", row.length);
            all_.delay_rows.push_back(row);
        }
        return op;
    }

    Draw temper() {
        Draw op = scores("logits");
        op.temperature = scalar("temperature", Type::f32);
        const View out = write("out", Type::f32, {op.n});
        op.out = place_of(out);
        op.out_stride = stride_of(out, 0);
        return op;
    }

    Draw draw_class() {
        Draw op = scores("weights");
        op.u = scalar("u", Type::f32);
        op.out = place_of(write("out", Type::i64, {}));
        return op;
    }

    Draw sample() {
        Draw op = scores("logits");
        op.temperature = scalar("temperature", Type::f32);
        op.top_k = scalar("top_k", Type::i64);
        op.top_p = scalar("top_p", Type::f32);
        op.min_p = scalar("min_p", Type::f32);
        op.typical_p = scalar("typical_p", Type::f32);
        op.u = scalar("u", Type::f32);
        op.out = place_of(write("out", Type::i64, {}));
        return op;
    }

    Draw scores(std::string_view name) {
        const View view = read(name, Type::f32);
        check_rank(name, view, 1, 1);
        check_width(name, view.shape[0]);
        Draw op{};
        op.scores = place_of(view);
        op.n = static_cast<int>(view.shape[0]);
        op.scores_stride = stride_of(view, 0);
        return op;
    }

    Place scalar(std::string_view name, Type type) { return place_of(read(name, type, {})); }

    Operations& all_;
    Fields fields_;
    std::vector<NamedView> reads_;
    std::vector<NamedView> writes_;
};

Operations::Operations(const Container& container, SpaceSizes sizes, std::vector<NamedView> inputs)
    : container_(container), sizes_(sizes), inputs_(std::move(inputs)) {}

void Operations::decode(JsonValue list) {
    if (list.size() > max_ops)
        fail("the program has ", list.size(), " operations; at most ", max_ops, " are played");
    ops.reserve(list.size());
    for (const auto& value : list.entries()) {
        const std::size_t number = ops.size();
        Fields unnamed(line("op ", number), value);
        const auto kind = static_cast<Kind>(unnamed.choice("op", kinds));
        Fields fields(line("op ", number, " (", kind_name(kind), ")"), value);
        fields.text("op");
        ops.push_back(Operation(*this, std::move(fields)).decode(kind));
    }
}

std::uint32_t Operations::matrix(const Fields& fields, std::string_view name) {
    if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
    const Tensor* tensor = container_.find(line("weight/", name));
    if (tensor == nullptr) fields.bad("the file has no matrix of the name ", quoted(name));
    if (tensor->shape.size() != 2 || tensor->shape[0] < 1 || tensor->shape[0] > max_width ||
        tensor->shape[1] < 1 || tensor->shape[1] > max_width)
        fields.bad("the matrix ", quoted(name), " must have 1 to ", max_width, " rows and columns");
    Matrix matrix{};
    matrix.n = static_cast<int>(tensor->shape[0]);
    matrix.k = static_cast<int>(tensor->shape[1]);
    matrix.rows = tensor->data;
    if (tensor->type == "F32")
        matrix.precision = Precision::float32;
    else if (tensor->type == "BF16")
        matrix.precision = Precision::bfloat16;
    else if (tensor->type == "I8")
        matrix.precision = Precision::int8;
    else
        fields.bad("the matrix ", quoted(name), " is ", tensor->type, ", none of F32, BF16 and I8");
    const Tensor* scale = container_.find(line("scale/", name));
    if (matrix.precision == Precision::int8) {
        if (scale == nullptr || scale->type != "F32" || scale->shape.size() != 1 ||
            scale->shape[0] != tensor->shape[0])
            fields.bad("the matrix ", quoted(name), " needs a scale for each row: 'scale/...', F32 (",
                       matrix.n, ")");
        matrix.scale = scale->data;
    }
    const auto number = static_cast<std::uint32_t>(matrices.size());
    matrices.push_back(matrix);
    numbers_.emplace(name, number);
    return number;
}

}  // namespace wg
