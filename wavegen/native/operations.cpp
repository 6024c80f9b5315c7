// Decodes and checks the operations of a program; what passes can touch nothing outside its spaces.
#include "operations.hpp"

#include <algorithm>
#include <initializer_list>

#include "limits.hpp"
#include "loop.hpp"
#include "names.hpp"

namespace wg {

namespace {

bool compares(Binary fn) { return fn >= Binary::lt && fn <= Binary::ne; }

bool takes(Binary fn, Type type) {
    switch (fn) {
        case Binary::div:
        case Binary::pow:
            return type == Type::f32;
        case Binary::floordiv:
        case Binary::and_:
        case Binary::or_:
        case Binary::xor_:
            return type == Type::i64;
        default:
            return true;
    }
}

std::int32_t stride_of(const View& view, int dimension) {
    return static_cast<std::int32_t>(view.stride[dimension]);
}

}  // namespace

// One operation while it is decoded; its kinds stand in the order of FORMAT.md.
class Operation {
public:
    Operation(Operations& all, Fields fields)
        : all_(all), operands_(all.spaces_, std::move(fields)) {}

    Op decode(Kind kind) {
        Op op(kind);
        switch (kind) {
            case Kind::product:
                op.product = product();
                break;
            case Kind::unary:
                op.elementwise = unary();
                break;
            case Kind::binary:
                op.elementwise = binary();
                break;
            case Kind::where:
                op.elementwise = where();
                break;
            case Kind::copy:
                op.elementwise = copy();
                break;
            case Kind::convert:
                op.elementwise = convert();
                break;
            case Kind::reduce:
                op.row_wise = reduce();
                break;
            case Kind::softmax:
                op.row_wise = softmax();
                break;
            case Kind::layer_norm:
                op.row_wise = layer_norm();
                break;
            case Kind::cumsum:
                op.row_wise = cumsum();
                break;
            case Kind::matmul:
                op.matmul = matmul();
                break;
            case Kind::gather_rows:
                op.row_table = gather_rows();
                break;
            case Kind::scatter_rows:
                op.row_table = scatter_rows();
                break;
            case Kind::gather:
                op.element_table = gather();
                break;
            case Kind::scatter:
                op.element_table = scatter();
                break;
            case Kind::delay_read:
                op.delay = delay_read();
                break;
            case Kind::delay_write:
                op.delay = delay_write();
                break;
            case Kind::temper:
                op.draw = temper();
                break;
            case Kind::draw_class:
                op.draw = draw_class();
                break;
            case Kind::sample:
                op.draw = sample();
                break;
            case Kind::unless:
                op.unless = unless();
                break;
        }
        operands_.done(kind == Kind::unary || kind == Kind::binary || kind == Kind::where);
        return op;
    }

private:
    Product product() {
        Product op{};
        const std::string_view name = fields_.text("weight");
        op.weight = all_.matrices.number(fields_, name);
        const Matrix& matrix = all_.matrices.list[op.weight];
        op.n = matrix.n;
        op.k = matrix.k;
        if (JsonValue act; fields_.find("act", act))
            op.act = static_cast<Act>(fields_.choice("act", activations));
        if (op.act == Act::gate && op.n % 2 != 0)
            fields_.bad("a gate needs an even number of outputs; ", quoted(name), " has ", op.n);
        const View x = operands_.read("x");
        if (x.n_elements() != op.k)
            fields_.bad("x has ", x.n_elements(), " values, ", quoted(name), " needs ", op.k);
        operands_.check_vector("x", x, op.k);
        const int n_out = op.act == Act::gate ? op.n / 2 : op.n;
        const View out = operands_.write("out");
        operands_.check_vector("out", out, n_out);
        op.x = place_of(x);
        op.out = place_of(out);
        std::size_t i = 0;
        for (const View& add : operands_.read_list("add", 2)) {
            operands_.check_vector("add", add, op.n);
            op.add[i++] = place_of(add);
        }
        if (View after; operands_.read_optional("after", after)) {
            operands_.check_vector("after", after, n_out);
            op.after = place_of(after);
        }
        all_.n_macs += static_cast<std::uint64_t>(op.n) * static_cast<std::uint64_t>(op.k);
        return op;
    }

    Elementwise unary() {
        const auto fn = static_cast<Unary>(fields_.choice("fn", unaries));
        const View x = operands_.read("x");
        const bool whole = fn == Unary::neg || fn == Unary::abs || fn == Unary::not_;
        if (!whole) operands_.check_type("x", x, Type::f32);
        const View out = operands_.write("out", x.type);
        operands_.check_like("out", out, x);
        Elementwise op{};
        op.fn = static_cast<std::uint8_t>(fn);
        op.type = x.type;
        return over(op, {x, out});
    }

    Elementwise binary() {
        const auto fn = static_cast<Binary>(fields_.choice("fn", binaries));
        const View a = operands_.read("a");
        const View b = operands_.read("b", a.type);
        if (!takes(fn, a.type))
            fields_.bad(binaries[static_cast<std::size_t>(fn)], " takes no ", type_name(a.type));
        const View out = operands_.write("out", compares(fn) ? Type::i64 : a.type);
        operands_.check_like("b", b, a);
        operands_.check_like("out", out, a);
        Elementwise op{};
        op.fn = static_cast<std::uint8_t>(fn);
        op.type = a.type;
        return over(op, {a, b, out});
    }

    Elementwise where() {
        const View cond = operands_.read("cond", Type::i64);
        const View a = operands_.read("a");
        const View b = operands_.read("b", a.type);
        const View out = operands_.write("out", a.type);
        operands_.check_like("a", a, cond);
        operands_.check_like("b", b, cond);
        operands_.check_like("out", out, cond);
        Elementwise op{};
        op.type = a.type;
        return over(op, {cond, a, b, out});
    }

    Elementwise copy() {
        const View x = operands_.read("x");
        const View out = operands_.write("out", x.type);
        operands_.check_like("out", out, x);
        Elementwise op{};
        op.type = x.type;
        return over(op, {x, out});
    }

    Elementwise convert() {
        const View x = operands_.read("x");
        const View out = operands_.write("out", x.type == Type::f32 ? Type::i64 : Type::f32);
        operands_.check_like("out", out, x);
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
        if (truth) operands_.check_type("x", x, Type::i64);
        if (!truth && op.fn != Reduce::sum) operands_.check_type("x", x, Type::f32);
        op.type = x.type;
        View out = operands_.write("out", place ? Type::i64 : x.type);
        operands_.check_rank("out", out, x.rank - 1, x.rank - 1);
        // One value a row: the row's dimension with stride 0.
        out.shape[out.rank] = x.shape[out.rank];
        out.stride[out.rank++] = 0;
        operands_.check_like("out", out, x);
        return over_rows(op, x, out);
    }

    RowWise softmax() {
        RowWise op{};
        op.log = fields_.truth("log");
        const View x = read_rows();
        operands_.check_type("x", x, Type::f32);
        return over_rows(op, x, write_like(x));
    }

    RowWise layer_norm() {
        RowWise op{};
        const View x = read_rows();
        operands_.check_type("x", x, Type::f32);
        const std::int64_t n = x.shape[x.rank - 1];
        if (View weight; operands_.read_optional("weight", weight)) {
            operands_.check_type("weight", weight, Type::f32);
            operands_.check_shape("weight", weight, {n});
            op.weight = place_of(weight);
            op.weight_stride = stride_of(weight, 0);
        }
        if (View bias; operands_.read_optional("bias", bias)) {
            operands_.check_type("bias", bias, Type::f32);
            operands_.check_shape("bias", bias, {n});
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
        const View x = operands_.read("x");
        operands_.check_rank("x", x, 1, max_rank);
        operands_.check_width("a row of x", x.shape[x.rank - 1]);
        return x;
    }

    View write_like(const View& x) {
        const View out = operands_.write("out", x.type);
        operands_.check_like("out", out, x);
        return out;
    }

    static RowWise over_rows(RowWise op, const View& x, const View& out) {
        op.x = place_of(x);
        op.out = place_of(out);
        op.loop = loop_over_rows({x, out});
        return op;
    }

    Matmul matmul() {
        const View a = operands_.read("a", Type::f32);
        const View b = operands_.read("b", Type::f32);
        const View out = operands_.write("out", Type::f32);
        operands_.check_rank("a", a, 3, 3);
        operands_.check_rank("b", b, 3, 3);
        operands_.check_shape("b", b, {a.shape[0], a.shape[2], b.shape[2]});
        operands_.check_shape("out", out, {a.shape[0], a.shape[1], b.shape[2]});
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
        const View table = operands_.read("table");
        const View index = operands_.read("index", Type::i64);
        return row_table(table, index, "out", operands_.write("out", table.type));
    }

    RowTable scatter_rows() {
        const View table = operands_.write("table");
        const View index = operands_.read("index", Type::i64);
        return row_table(table, index, "source", operands_.read("source", table.type));
    }

    RowTable row_table(const View& table, const View& index, std::string_view name,
                       const View& rows) const {
        operands_.check_rank("table", table, 2, 2);
        operands_.check_rank("index", index, 1, 1);
        operands_.check_shape(name, rows, {index.shape[0], table.shape[1]});
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
        const View table = operands_.read("table");
        const View index = operands_.read("index", Type::i64);
        return element_table(table, index, "out", operands_.write("out", table.type));
    }

    ElementTable scatter() {
        const View table = operands_.write("table");
        const View index = operands_.read("index", Type::i64);
        return element_table(table, index, "source", operands_.read("source", table.type));
    }

    ElementTable element_table(const View& table, const View& index, std::string_view name,
                               const View& values) {
        operands_.check_rank("index", index, 1, max_rank);
        operands_.check_rank("table", table, index.rank, index.rank);
        operands_.check_like(name, values, index);
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
        const View rings = operands_.read("rings");
        const auto lags = fields_.integers("lags");
        return delay(rings, &lags, "out", operands_.write("out", rings.type));
    }

    Delay delay_write() {
        const View rings = operands_.write("rings");
        return delay(rings, nullptr, "source", operands_.read("source", rings.type));
    }

    Delay delay(const View& rings, const std::vector<std::int64_t>* lags, std::string_view name,
                const View& rows) {
        operands_.check_rank("rings", rings, 2, 2);
        const View clock = operands_.read("clock", Type::i64, {});
        const auto lengths = fields_.integers("lengths");
        const auto starts = fields_.integers("starts");
        const std::size_t n = lengths.size();
        if (starts.size() != n || (lags != nullptr && lags->size() != n))
            fields_.bad("lists of ", n, " lengths and ", starts.size(), " starts",
                        lags != nullptr ? line(" and ", lags->size(), " lags") : "",
                        " do not belong together");
        operands_.check_shape(name, rows, {static_cast<std::int64_t>(n), rings.shape[1]});
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
                fields_.bad("lag ", row.lag, " does not lie in ring ", i, " of length ",
                            row.length);
            all_.delay_rows.push_back(row);
        }
        return op;
    }

    Draw temper() {
        Draw op = scores("logits");
        op.temperature = scalar("temperature", Type::f32);
        const View out = operands_.write("out", Type::f32, {op.n});
        op.out = place_of(out);
        op.out_stride = stride_of(out, 0);
        return op;
    }

    Draw draw_class() {
        Draw op = scores("weights");
        op.u = scalar("u", Type::f32);
        op.out = place_of(operands_.write("out", Type::i64, {}));
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
        op.out = place_of(operands_.write("out", Type::i64, {}));
        return op;
    }

    Unless unless() {
        Unless op{};
        op.cond = scalar("cond", Type::i64);
        op.skip = all_.enter(fields_);
        return op;
    }

    Draw scores(std::string_view name) {
        const View view = operands_.read(name, Type::f32);
        operands_.check_rank(name, view, 1, 1);
        operands_.check_width(name, view.shape[0]);
        Draw op{};
        op.scores = place_of(view);
        op.n = static_cast<int>(view.shape[0]);
        op.scores_stride = stride_of(view, 0);
        return op;
    }

    Place scalar(std::string_view name, Type type) {
        return place_of(operands_.read(name, type, {}));
    }

    Operations& all_;
    Operands operands_;
    Fields& fields_ = operands_.fields;
};

Operations::Operations(const Container& container, Spaces spaces)
    : matrices(container), spaces_(std::move(spaces)) {}

std::uint32_t Operations::enter(Fields& fields) {
    const std::size_t first = ops.size() + 1;
    const auto skip = static_cast<std::size_t>(fields.integer("skip", 1, max_ops));
    if (skip > ends_.back() - first)
        fields.bad("skip is ", skip, "; only ", ends_.back() - first, " operations follow",
                   ends_.size() > 1 ? " inside of the unless around it" : "");
    if (ends_.size() > max_nesting)
        fields.bad("it lies in ", ends_.size() - 1, " others; at most ", max_nesting,
                   " may be nested");
    ends_.push_back(first + skip);
    return static_cast<std::uint32_t>(skip);
}

void Operations::decode(JsonValue list) {
    if (list.size() > max_ops)
        fail("the program has ", list.size(), " operations; at most ", max_ops, " are played");
    ops.reserve(list.size());
    ends_ = {list.size()};
    for (const auto& value : list.entries()) {
        const std::size_t number = ops.size();
        Fields unnamed(line("op ", number), value);
        const auto kind = static_cast<Kind>(unnamed.choice("op", kinds));
        Fields fields(line("op ", number, " (", kind_name(kind), ")"), value);
        fields.text("op");
        while (!ends_.empty() && ends_.back() <= number) ends_.pop_back();
        ops.push_back(Operation(*this, std::move(fields)).decode(kind));
    }
}

}  // namespace wg
