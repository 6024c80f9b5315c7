// Plays the operations that look up and write by index: gather, scatter, delay lines.
#pragma once

#include "lane.hpp"

namespace wg::WG_ISA {

// An index that stops the run, if there is one.
struct BadIndex {
    bool found = false;
    std::int64_t index = 0;
};

inline bool inside(std::int64_t index, std::int64_t n) {
    return static_cast<std::uint64_t>(index) < static_cast<std::uint64_t>(n);
}

template <class T, bool into_table>
inline BadIndex row_table(const RowTable& op, const Lane& lane) {
    T* table = at<T>(lane, op.table);
    T* rows = at<T>(lane, op.rows);
    const std::int64_t* index = at<std::int64_t>(lane, op.index);
    for (std::int64_t i = 0; i < op.n; ++i) {
        const std::int64_t cell = index[i * op.index_stride];
        if (!inside(cell, op.n_table)) return {true, cell};
        T* in_table = table + cell * op.table_stride[0];
        T* in_rows = rows + i * op.rows_stride[0];
        if (into_table)
            copy<T>(in_rows, op.rows_stride[1], in_table, op.table_stride[1], op.width);
        else
            copy<T>(in_table, op.table_stride[1], in_rows, op.rows_stride[1], op.width);
    }
    return {};
}

template <class T, bool into_table>
inline BadIndex element_table(const ElementTable& op, const Lane& lane) {
    const Loop& loop = op.loop;
    std::byte* const first[] = {at<std::byte>(lane, op.index), at<std::byte>(lane, op.values),
                                at<std::byte>(lane, op.table)};
    BadIndex bad;
    walk(loop, first, [&](std::byte* const* row) {
        const auto* index = reinterpret_cast<const std::int64_t*>(row[0]);
        auto* values = reinterpret_cast<T*>(row[1]);
        auto* table = reinterpret_cast<T*>(row[2]);
        for (std::int64_t i = 0; i < loop.n; ++i) {
            const std::int64_t cell = index[i * loop.row_stride[0]];
            if (!inside(cell, op.n_table)) {
                bad = {true, cell};
                return;
            }
            T& in_table = table[i * loop.row_stride[2] + cell * op.table_stride];
            T& value = values[i * loop.row_stride[1]];
            if (into_table)
                in_table = value;
            else
                value = in_table;
        }
    });
    return bad;
}

// Of the cell that a ring writes at this clock, and read `lag` steps ago.
inline std::int64_t cell_of(const DelayRow& row, std::int64_t clock) {
    // Most lengths are powers of two, and a division is slow.
    const bool power = (row.length & (row.length - 1)) == 0;
    std::int64_t cell = power ? clock & (row.length - 1) : clock % row.length;
    if (cell < 0) cell += row.length;
    cell -= row.lag;
    return row.start + (cell < 0 ? cell + row.length : cell);
}

template <class T, bool into_rings>
inline void delay(const Delay& op, const DelayRow* delay_rows, const Lane& lane) {
    T* rings = at<T>(lane, op.rings);
    T* rows = at<T>(lane, op.rows);
    const std::int64_t clock = *at<std::int64_t>(lane, op.clock);
    for (std::uint32_t i = 0; i < op.n; ++i) {
        const std::int64_t cell = cell_of(delay_rows[op.first + i], clock);
        T* in_rings = rings + cell * op.rings_stride[0];
        T* in_rows = rows + std::int64_t{i} * op.rows_stride[0];
        if (into_rings)
            copy<T>(in_rows, op.rows_stride[1], in_rings, op.rings_stride[1], op.width);
        else
            copy<T>(in_rings, op.rings_stride[1], in_rows, op.rows_stride[1], op.width);
    }
}

template <bool into_table>
inline BadIndex play_row_table(const RowTable& op, const Lane& lane) {
    return op.type == Type::f32 ? row_table<float, into_table>(op, lane)
                                : row_table<std::int64_t, into_table>(op, lane);
}

template <bool into_table>
inline BadIndex play_element_table(const ElementTable& op, const Lane& lane) {
    return op.type == Type::f32 ? element_table<float, into_table>(op, lane)
                                : element_table<std::int64_t, into_table>(op, lane);
}

template <bool into_rings>
inline void play_delay(const Delay& op, const DelayRow* delay_rows, const Lane& lane) {
    if (op.type == Type::f32)
        delay<float, into_rings>(op, delay_rows, lane);
    else
        delay<std::int64_t, into_rings>(op, delay_rows, lane);
}

}  // namespace wg::WG_ISA
