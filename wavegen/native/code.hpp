// A program as the interpreter plays it: every operation decoded, checked and flat.
//
// Plain structs without containers, for this header is compiled into every build (see isa.cpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "functions.hpp"
#include "view.hpp"
#include "weights.hpp"

namespace wg {

// Where an operand begins; in Space::none where it is left out.
struct Place {
    std::uint32_t offset = 0;  // bytes
    Space space = Space::none;
};

// static: every build has its own copy (see isa.cpp).
static constexpr bool is_given(Place place) { return place.space != Space::none; }

enum class Kind : std::uint8_t {
    product,
    unary,
    binary,
    where,
    copy,
    convert,
    reduce,
    softmax,
    layer_norm,
    cumsum,
    matmul,
    gather_rows,
    scatter_rows,
    gather,
    scatter,
    delay_read,
    delay_write,
    temper,
    draw_class,
    sample,
    unless,
};

// `fn` of the operation `binary`.
enum class Binary : std::uint8_t {
    add,
    sub,
    mul,
    min,
    max,
    div,
    pow,
    mod,
    floordiv,
    lt,
    le,
    gt,
    ge,
    eq,
    ne,
    and_,
    or_,
    xor_,
};

// `fn` of the operation `reduce`.
enum class Reduce : std::uint8_t { sum, mean, max, min, prod, argmax, argmin, any, all };

struct Product {
    Place x, out, add[2], after;
    int n, k;
    Act act;
    std::uint32_t weight;
    std::uint32_t gate_at;  // byte in the working memory where y stands before the gate
};

// A walk over arrays of one shape, row by row; the dimensions that lie end to end in all are one.
struct Loop {
    static constexpr int max_arrays = 4;

    std::int64_t n;                             // elements of a row
    std::int32_t row_stride[max_arrays];        // elements
    int rank;                                   // dimensions outside of the row
    std::int32_t shape[max_rank];               // outermost first
    std::int32_t stride[max_arrays][max_rank];  // bytes
};

// unary (x, out), binary (a, b, out), where (cond, a, b, out), copy and convert (x, out).
struct Elementwise {
    Place at[Loop::max_arrays];
    std::uint8_t fn;  // a Unary or a Binary
    Type type;        // of x, or of a and b
    Loop loop;
};

// reduce, softmax, layer_norm, cumsum: arrays x, out. The loop's row is the last dimension.
struct RowWise {
    Place x, out, weight, bias;
    std::int32_t weight_stride, bias_stride;
    Reduce fn;
    Type type;
    bool log;
    float eps;
    Loop loop;
};

struct Matmul {
    Place a, b, out;
    std::int64_t batch, m, k, n;
    std::int64_t a_stride[3], b_stride[3], out_stride[3];  // elements
};

// gather_rows and scatter_rows; `rows` is out or source.
struct RowTable {
    Place table, index, rows;
    Type type;
    std::int64_t n_table, n, width;
    std::int32_t table_stride[2], rows_stride[2], index_stride;  // elements
};

// gather and scatter: arrays index, values, table; `values` is out or source. Along the dimension
// that the index chooses, the table stands still.
struct ElementTable {
    Place table, index, values;
    Type type;
    std::int64_t n_table;       // along the chosen dimension
    std::int64_t table_stride;  // elements, along it
    Loop loop;
};

struct DelayRow {
    std::int64_t start, length, lag;
};

// delay_read and delay_write; `rows` is out or source.
struct Delay {
    Place rings, clock, rows;
    Type type;
    std::uint32_t first;  // of its DelayRows
    std::uint32_t n;
    std::int64_t width;
    std::int32_t rings_stride[2], rows_stride[2];  // elements
};

// temper, draw_class and sample; `scores` are logits or weights.
struct Draw {
    Place scores, out, u, temperature, top_k, top_p, min_p, typical_p;
    int n;
    std::int32_t scores_stride, out_stride;
};

// For a voice whose `cond` is 0, the operations behind it are passed over.
struct Unless {
    Place cond;
    std::uint32_t skip;
};

struct Op {
    Kind kind;
    union {
        Product product;
        Elementwise elementwise;
        RowWise row_wise;
        Matmul matmul;
        RowTable row_table;
        ElementTable element_table;
        Delay delay;
        Draw draw;
        Unless unless;
    };

    explicit Op(Kind of) : kind(of), product{} {}
};

// Where the runner writes before a step.
struct Inputs {
    Place event, cond, noise, temperature, top_k, top_p, min_p, typical_p;
};

struct Code {
    const Op* ops;
    std::size_t n_ops;
    const DelayRow* delay_rows;
    const Weight* weights;
    const std::byte* constant;

    Inputs inputs;
    Place event;  // out
    Place params;
    std::int32_t params_stride, event_stride;

    Type event_type;
    std::size_t event_size;
    std::int64_t classes;  // 0: real values
    std::size_t n_params, n_uniforms, cond_channels;
};

}  // namespace wg
