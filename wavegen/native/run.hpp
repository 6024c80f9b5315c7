// The interpreter: steps of a program for a block of voices, one operation after the other.
#pragma once

#include "drawing.hpp"
#include "elementwise.hpp"
#include "lane.hpp"
#include "matmul.hpp"
#include "noise.hpp"
#include "product.hpp"
#include "rowwise.hpp"
#include "tables.hpp"

namespace wg::WG_ISA {

struct Block {
    const Code& code;
    const Lane* lanes;
    std::size_t n_lanes;
};

// Products ---------------------------------------------------------------------------------------

// All voices of the block share one pass over the matrix.
inline void play_product(const Product& op, const Block& block) {
    const float* x[max_block];
    const float* add[2][max_block];
    float* y[max_block];
    std::byte* scratch[max_block];
    const bool gated = op.act == Act::gate;
    for (std::size_t v = 0; v < block.n_lanes; ++v) {
        const Lane& lane = block.lanes[v];
        x[v] = at<const float>(lane, op.x);
        add[0][v] = at<const float>(lane, op.add[0]);
        add[1][v] = at<const float>(lane, op.add[1]);
        y[v] = gated ? reinterpret_cast<float*>(lane.work + op.gate_at) : at<float>(lane, op.out);
        scratch[v] = lane.work;
    }
    product(block.code.weights[op.weight], static_cast<int>(block.n_lanes), x, y,
            is_given(op.add[0]) ? add[0] : nullptr, is_given(op.add[1]) ? add[1] : nullptr,
            scratch);
    if (op.act == Act::none && !is_given(op.after)) return;
    const auto n_out = static_cast<std::size_t>(gated ? op.n / 2 : op.n);
    for (std::size_t v = 0; v < block.n_lanes; ++v) {
        float* out = at<float>(block.lanes[v], op.out);
        activate(op.act, y[v], op.n, out);
        if (is_given(op.after))
            map2(out, at<const float>(block.lanes[v], op.after), out, n_out,
                 [](Float a, Float b) { return a + b; });
    }
}

// What surrounds the operations ------------------------------------------------------------------

template <class T>
inline void put(const Lane& lane, Place place, T value) {
    if (is_given(place)) *at<T>(lane, place) = value;
}

inline void put_controls(const Code& code, const Lane& lane) {
    const wg_controls& controls = lane.voice->controls;
    put(lane, code.inputs.temperature, controls.temperature);
    put(lane, code.inputs.top_k, controls.top_k);
    put(lane, code.inputs.top_p, controls.top_p);
    put(lane, code.inputs.min_p, controls.min_p);
    put(lane, code.inputs.typical_p, controls.typical_p);
}

inline std::size_t event_bytes(const Code& code) {
    return code.event_size * static_cast<std::size_t>(type_bytes(code.event_type));
}

inline void put_step(const Code& code, const Lane& lane, std::size_t step) {
    const wg_voice& voice = *lane.voice;
    if (is_given(code.inputs.event))
        __builtin_memcpy(at<std::byte>(lane, code.inputs.event), voice.event, event_bytes(code));
    if (is_given(code.inputs.cond))
        __builtin_memcpy(at<float>(lane, code.inputs.cond), voice.cond + step * code.cond_channels,
                         code.cond_channels * sizeof(float));
    if (is_given(code.inputs.noise))
        uniforms(voice.seed, static_cast<std::uint64_t>(voice.position) + step, code.n_uniforms,
                 at<float>(lane, code.inputs.noise));
}

template <class T>
inline BadIndex take_event(const Code& code, const Lane& lane, std::size_t step) {
    const wg_voice& voice = *lane.voice;
    if (voice.given != nullptr) {
        const auto* given = static_cast<const std::byte*>(voice.given);
        __builtin_memcpy(voice.event, given + step * event_bytes(code), event_bytes(code));
    } else {
        const T* drawn = at<const T>(lane, code.event);
        for (std::size_t i = 0; i < code.event_size; ++i) {
            const T value = drawn[static_cast<std::int64_t>(i) * code.event_stride];
            if (code.classes != 0 && !inside(static_cast<std::int64_t>(value), code.classes))
                return {true, static_cast<std::int64_t>(value)};
            __builtin_memcpy(static_cast<std::byte*>(voice.event) + i * sizeof(T), &value,
                             sizeof(T));
        }
    }
    if (voice.events != nullptr)
        __builtin_memcpy(static_cast<std::byte*>(voice.events) + step * event_bytes(code),
                         voice.event, event_bytes(code));
    return {};
}

inline BadIndex take_step(const Code& code, const Lane& lane, std::size_t step) {
    if (lane.voice->params != nullptr)
        copy(at<const float>(lane, code.params), code.params_stride,
             lane.voice->params + step * code.n_params, 1,
             static_cast<std::int64_t>(code.n_params));
    return code.event_type == Type::f32 ? take_event<float>(code, lane, step)
                                        : take_event<std::int64_t>(code, lane, step);
}

// Operations -------------------------------------------------------------------------------------

template <class Play>
inline BadIndex each(const Block& block, std::size_t& lane, Play play) {
    for (lane = 0; lane < block.n_lanes; ++lane) {
        const BadIndex bad = play(block.lanes[lane]);
        if (bad.found) return bad;
    }
    return {};
}

// `lane` becomes the number of the voice that a bad index belongs to.
inline BadIndex play(const Op& op, const Block& block, std::size_t& lane) {
    const auto all = [&](auto play) {
        for (std::size_t v = 0; v < block.n_lanes; ++v) play(block.lanes[v]);
        return BadIndex{};
    };
    const auto until_bad = [&](auto play) { return each(block, lane, play); };
    const DelayRow* delay_rows = block.code.delay_rows;
    switch (op.kind) {
        case Kind::product:
            play_product(op.product, block);
            return {};
        case Kind::unary:
            return all([&](const Lane& l) { play_unary(op.elementwise, l); });
        case Kind::binary:
            return all([&](const Lane& l) { play_binary(op.elementwise, l); });
        case Kind::where:
            return all([&](const Lane& l) { play_where(op.elementwise, l); });
        case Kind::copy:
            return all([&](const Lane& l) { play_copy(op.elementwise, l); });
        case Kind::convert:
            return all([&](const Lane& l) { play_convert(op.elementwise, l); });
        case Kind::reduce:
            return all([&](const Lane& l) { play_reduce(op.row_wise, l); });
        case Kind::softmax:
            return all([&](const Lane& l) { play_softmax(op.row_wise, l); });
        case Kind::layer_norm:
            return all([&](const Lane& l) { play_layer_norm(op.row_wise, l); });
        case Kind::cumsum:
            return all([&](const Lane& l) { play_cumsum(op.row_wise, l); });
        case Kind::matmul:
            return all([&](const Lane& l) { play_matmul(op.matmul, l); });
        case Kind::gather_rows:
            return until_bad([&](const Lane& l) { return play_row_table<false>(op.row_table, l); });
        case Kind::scatter_rows:
            return until_bad([&](const Lane& l) { return play_row_table<true>(op.row_table, l); });
        case Kind::gather:
            return until_bad(
                [&](const Lane& l) { return play_element_table<false>(op.element_table, l); });
        case Kind::scatter:
            return until_bad(
                [&](const Lane& l) { return play_element_table<true>(op.element_table, l); });
        case Kind::delay_read:
            return all([&](const Lane& l) { play_delay<false>(op.delay, delay_rows, l); });
        case Kind::delay_write:
            return all([&](const Lane& l) { play_delay<true>(op.delay, delay_rows, l); });
        case Kind::temper:
            return all([&](const Lane& l) { play_temper(op.draw, l); });
        case Kind::draw_class:
            return all([&](const Lane& l) { play_draw_class(op.draw, l); });
        case Kind::sample:
            return all([&](const Lane& l) { play_sample(op.draw, l); });
        case Kind::unless:
            break;  // `play_all` decides
    }
    return {};
}

struct Stop {
    BadIndex bad;
    std::size_t op;
    const wg_voice* voice;
};

// Operations `first` to before `last`. Behind an `unless` only those voices are played whose turn
// it is, as a block of their own: so a voice's turns are its own, whoever plays beside it.
inline Stop play_all(const Block& block, std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
        const Op& op = block.code.ops[i];
        if (op.kind != Kind::unless) {
            std::size_t lane = 0;
            const BadIndex bad = play(op, block, lane);
            if (bad.found) return {bad, i, block.lanes[lane].voice};
            continue;
        }
        Lane taken[max_block];
        std::size_t n_taken = 0;
        for (std::size_t v = 0; v < block.n_lanes; ++v)
            if (*at<const std::int64_t>(block.lanes[v], op.unless.cond) != 0)
                taken[n_taken++] = block.lanes[v];
        const std::size_t behind = i + 1 + op.unless.skip;
        if (n_taken > 0) {
            const Stop stop = play_all({block.code, taken, n_taken}, i + 1, behind);
            if (stop.bad.found) return stop;
        }
        i = behind - 1;
    }
    return {};
}

inline std::int64_t table_size(const Op& op) {
    const bool rows = op.kind == Kind::gather_rows || op.kind == Kind::scatter_rows;
    return rows ? op.row_table.n_table : op.element_table.n_table;
}

inline Fault run(const Code& code, const Lane* lanes, std::size_t n_lanes, std::size_t n_steps) {
    const Block block{code, lanes, n_lanes};
    for (std::size_t v = 0; v < n_lanes; ++v) put_controls(code, lanes[v]);
    for (std::size_t step = 0; step < n_steps; ++step) {
        std::size_t lane = 0;
        for (std::size_t v = 0; v < n_lanes; ++v) put_step(code, lanes[v], step);
        const Stop stop = play_all(block, 0, code.n_ops);
        if (stop.bad.found) {
            while (lanes[lane].voice != stop.voice) ++lane;
            return {FaultKind::index, stop.op, lane, step, stop.bad.index,
                    table_size(code.ops[stop.op])};
        }
        for (lane = 0; lane < n_lanes; ++lane) {
            const BadIndex bad = take_step(code, lanes[lane], step);
            if (bad.found) return {FaultKind::symbol, 0, lane, step, bad.index, code.classes};
        }
    }
    return {};
}

// Working memory of one lane ---------------------------------------------------------------------

inline std::size_t plan_work(Op& op) {
    switch (op.kind) {
        case Kind::product: {
            Product& product = op.product;
            const std::size_t input = round_up(product_scratch_bytes(product.k));
            product.gate_at = static_cast<std::uint32_t>(input);
            const bool gated = product.act == Act::gate;
            return input +
                   (gated ? round_up(static_cast<std::size_t>(product.n) * sizeof(float)) : 0);
        }
        case Kind::reduce:
        case Kind::softmax:
        case Kind::layer_norm:
            return 2 * dense_row_bytes(op.row_wise.loop.n);
        case Kind::temper:
        case Kind::draw_class:
        case Kind::sample:
            return draw_work_bytes(op.draw.n);
        default:
            return 0;
    }
}

// Reads all bytes, a whole number of cache lines, as fast as memory gives them.
inline std::uint64_t read(const std::byte* bytes, std::size_t n_bytes) {
    constexpr std::size_t at_once = 4;
    constexpr std::size_t width = sizeof(Word);
    Word sums[at_once] = {};
    std::size_t i = 0;
    for (; i + at_once * width <= n_bytes; i += at_once * width) {
        for (std::size_t at = 0; at < at_once * width; at += 64)  // as `strip` does, to be as fast
            __builtin_prefetch(bytes + i + at + ahead);
        for (std::size_t j = 0; j < at_once; ++j) {
            Word next;
            __builtin_memcpy(&next, bytes + i + j * width, width);
            sums[j] += next;
        }
    }
    std::uint64_t total = 0;
    for (const Word& sum : sums)
        for (std::size_t j = 0; j < width / sizeof(sum[0]); ++j) total += sum[j];
    for (; i < n_bytes; ++i) total += static_cast<std::uint64_t>(bytes[i]);
    return total;
}

}  // namespace wg::WG_ISA
