// A strided array in one of a program's spaces, and what can be proved about it.
#include "view.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

namespace wg {

namespace {

// The bytes of a view seen in a grid of cells of `period` bytes each: its dimensions that step by
// whole cells fall away, and what is left must lie in one cell.
struct Window {
    bool known;
    std::int64_t begin;
    std::int64_t end;
};

Window window(const View& view, std::int64_t period) {
    const std::int64_t size = type_bytes(view.type);
    std::int64_t below = 0;
    std::int64_t above = 0;
    for (int i = 0; i < view.rank; ++i) {
        const std::int64_t step = view.stride[i] * size;
        if (step % period == 0) continue;
        (step < 0 ? below : above) += (view.shape[i] - 1) * step;
    }
    const std::int64_t first = view.offset + below;
    const std::int64_t begin = first % period;
    const std::int64_t end = begin + (above - below) + size;
    return {end <= period, begin, end};
}

}  // namespace

std::int64_t View::n_elements() const {
    std::int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= shape[i];
    return n;
}

std::int64_t View::begin() const {
    std::int64_t first = 0;
    for (int i = 0; i < rank; ++i) first += std::min<std::int64_t>(0, (shape[i] - 1) * stride[i]);
    return offset + first * type_bytes(type);
}

std::int64_t View::end() const {
    std::int64_t last = 0;
    for (int i = 0; i < rank; ++i) last += std::max<std::int64_t>(0, (shape[i] - 1) * stride[i]);
    return offset + (last + 1) * type_bytes(type);
}

bool View::dense() const {
    std::int64_t n = 1;
    for (int i = rank; i-- > 0;) {
        if (shape[i] != 1 && stride[i] != n) return false;
        n *= shape[i];
    }
    return true;
}

bool View::repeats() const {
    // Elements are apart if each dimension steps over all that the finer ones span.
    std::vector<std::pair<std::int64_t, std::int64_t>> dimensions;  // step and size
    for (int i = 0; i < rank; ++i)
        if (shape[i] > 1) dimensions.emplace_back(std::llabs(stride[i]), shape[i]);
    std::sort(dimensions.begin(), dimensions.end());
    std::int64_t span = 0;
    for (const auto& [step, size] : dimensions) {
        if (step <= span) return true;
        span += (size - 1) * step;
    }
    return false;
}

bool same_shape(const View& a, const View& b) {
    return a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape);
}

bool same_place(const View& a, const View& b) {
    return a.space == b.space && type_bytes(a.type) == type_bytes(b.type) && same_shape(a, b) &&
           a.offset == b.offset && std::equal(a.stride, a.stride + a.rank, b.stride);
}

bool disjoint(const View& a, const View& b) {
    if (a.space != b.space || a.end() <= b.begin() || b.end() <= a.begin()) return true;
    // Columns of one matrix interleave without touching.
    for (const View* view : {&a, &b}) {
        for (int i = 0; i < view->rank; ++i) {
            const std::int64_t period = std::llabs(view->stride[i]) * type_bytes(view->type);
            if (period == 0) continue;
            const Window left = window(a, period);
            const Window right = window(b, period);
            if (left.known && right.known && (left.end <= right.begin || right.end <= left.begin))
                return true;
        }
    }
    return false;
}

std::string shape_text(const std::int64_t* shape, int rank) {
    std::string text = "(";
    for (int i = 0; i < rank; ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
    return text + ")";
}

}  // namespace wg
