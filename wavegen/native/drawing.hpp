// Plays the operations that draw: temper, draw_class, sample.
#pragma once

#include "alignment.hpp"
#include "draw.hpp"
#include "lane.hpp"

namespace wg::WG_ISA {

// Working memory: the scores and the result as dense arrays, then what `sample` needs.
inline std::size_t dense_scores_bytes(int n) {
    return round_up(static_cast<std::size_t>(n) * sizeof(float));
}

inline std::size_t draw_work_bytes(int n) {
    return 2 * dense_scores_bytes(n) + round_up(sample_scratch_bytes(n));
}

inline const float* dense_scores(const Draw& op, const Lane& lane) {
    const auto* scores = at<const float>(lane, op.scores);
    if (op.scores_stride == 1) return scores;
    auto* dense = reinterpret_cast<float*>(lane.work);
    copy(scores, op.scores_stride, dense, 1, op.n);
    return dense;
}

inline void play_temper(const Draw& op, const Lane& lane) {
    auto* out = reinterpret_cast<float*>(lane.work + dense_scores_bytes(op.n));
    temper(dense_scores(op, lane), op.n, *at<const float>(lane, op.temperature), out);
    copy<float>(out, 1, at<float>(lane, op.out), op.out_stride, op.n);
}

inline void play_draw_class(const Draw& op, const Lane& lane) {
    *at<std::int64_t>(lane, op.out) =
        draw_class(dense_scores(op, lane), op.n, *at<const float>(lane, op.u));
}

inline void play_sample(const Draw& op, const Lane& lane) {
    wg_controls controls;
    controls.temperature = *at<const float>(lane, op.temperature);
    controls.top_k = *at<const std::int64_t>(lane, op.top_k);
    controls.top_p = *at<const float>(lane, op.top_p);
    controls.min_p = *at<const float>(lane, op.min_p);
    controls.typical_p = *at<const float>(lane, op.typical_p);
    *at<std::int64_t>(lane, op.out) =
        sample(dense_scores(op, lane), op.n, controls, *at<const float>(lane, op.u),
               lane.work + 2 * dense_scores_bytes(op.n));
}

}  // namespace wg::WG_ISA
