// From views of one shape to the shortest walk over them.
#include "loop.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace wg {

namespace {

struct Dimension {
    std::int64_t n;
    std::int64_t stride[Loop::max_arrays];  // bytes
};

std::vector<Dimension> dimensions(std::initializer_list<View> arrays, int first, int last) {
    std::vector<Dimension> dimensions;
    for (int i = first; i < last; ++i) {
        Dimension dimension{arrays.begin()->shape[i], {}};
        if (dimension.n == 1) continue;
        int a = 0;
        for (const View& array : arrays)
            dimension.stride[a++] = array.stride[i] * type_bytes(array.type);
        dimensions.push_back(dimension);
    }
    return dimensions;
}

bool end_to_end(const Dimension& outer, const Dimension& inner) {
    for (int a = 0; a < Loop::max_arrays; ++a)
        if (outer.stride[a] != inner.stride[a] * inner.n) return false;
    return true;
}

std::vector<Dimension> merged(const std::vector<Dimension>& dimensions) {
    std::vector<Dimension> merged;
    for (const Dimension& dimension : dimensions) {
        if (!merged.empty() && end_to_end(merged.back(), dimension)) {
            const std::int64_t n = merged.back().n * dimension.n;
            merged.back() = dimension;
            merged.back().n = n;
        } else {
            merged.push_back(dimension);
        }
    }
    return merged;
}

Loop loop_of(std::initializer_list<View> arrays, const std::vector<Dimension>& outer,
             const Dimension& row) {
    Loop loop{};
    loop.n = row.n;
    int a = 0;
    for (const View& array : arrays) {
        loop.row_stride[a] = static_cast<std::int32_t>(row.stride[a] / type_bytes(array.type));
        ++a;
    }
    for (const Dimension& dimension : outer) {
        loop.shape[loop.rank] = static_cast<std::int32_t>(dimension.n);
        for (int b = 0; b < a; ++b)
            loop.stride[b][loop.rank] = static_cast<std::int32_t>(dimension.stride[b]);
        ++loop.rank;
    }
    return loop;
}

Loop innermost_as_row(std::initializer_list<View> arrays, std::vector<Dimension> all) {
    if (all.empty()) {
        // One element: called dense, so that it takes the plain path.
        Dimension one{1, {}};
        int a = 0;
        for (const View& array : arrays) one.stride[a++] = type_bytes(array.type);
        return loop_of(arrays, {}, one);
    }
    const Dimension row = all.back();
    all.pop_back();
    return loop_of(arrays, all, row);
}

}  // namespace

Place place_of(const View& view) {
    Place place;
    place.offset = static_cast<std::uint32_t>(view.offset);
    place.space = view.space;
    return place;
}

Loop loop_over(std::initializer_list<View> arrays) {
    return innermost_as_row(arrays, merged(dimensions(arrays, 0, arrays.begin()->rank)));
}

Loop loop_in_memory_order(std::initializer_list<View> arrays) {
    auto all = dimensions(arrays, 0, arrays.begin()->rank);
    const std::size_t last = arrays.size() - 1;
    std::stable_sort(all.begin(), all.end(), [last](const Dimension& a, const Dimension& b) {
        return std::llabs(a.stride[last]) > std::llabs(b.stride[last]);
    });
    return innermost_as_row(arrays, merged(all));
}

Loop loop_over_rows(std::initializer_list<View> arrays) {
    const int last = arrays.begin()->rank - 1;
    Dimension row{arrays.begin()->shape[last], {}};
    int a = 0;
    for (const View& array : arrays) row.stride[a++] = array.stride[last] * type_bytes(array.type);
    return loop_of(arrays, merged(dimensions(arrays, 0, last)), row);
}

}  // namespace wg
