// Plays a program: shares the voices out among threads, and reports what stopped them.
#include "runner.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>
#include <thread>

#include "error.hpp"
#include "names.hpp"

namespace wg {

namespace {

constexpr int max_threads = 256;
constexpr std::size_t max_lanes = 64;

constexpr std::size_t place(Space space) { return static_cast<std::size_t>(space); }

}  // namespace

Runner::Runner(const Program& program, int n_threads) : program_(program) {
    if (n_threads < 1 || n_threads > max_threads)
        fail("n_threads is ", n_threads, "; it must lie between 1 and ", max_threads);
    n_threads_ = static_cast<std::size_t>(n_threads);
    lane_bytes_ = round_up(program.scratch_bytes) + round_up(program.work_bytes);
    const auto n_lanes = static_cast<std::size_t>(program.build->max_lanes);
    for (std::size_t thread = 0; thread < n_threads_; ++thread)
        memory_.emplace_back(n_lanes * lane_bytes_);
    stops_.resize(n_threads_);
}

void Runner::advance(wg_voice* voices, std::size_t n_voices, std::size_t n_steps) {
    active_.clear();
    numbers_.clear();
    for (std::size_t i = 0; i < n_voices; ++i) {
        if (!voices[i].active) continue;
        check(voices[i], i, n_steps);
        active_.push_back(&voices[i]);
        numbers_.push_back(i);
    }
    if (active_.empty() || n_steps == 0) return;

    // As few blocks as fit, but as many for one thread as for another, so that none waits.
    const auto max_lanes = static_cast<std::size_t>(program_.build->max_lanes);
    const std::size_t fewest = (active_.size() + max_lanes - 1) / max_lanes;
    const std::size_t even = (fewest + n_threads_ - 1) / n_threads_ * n_threads_;
    const std::size_t n_blocks = std::min(even, active_.size());
    run_threads(n_blocks, n_steps);

    for (const Stop& stop : stops_)
        if (stop.fault.kind != FaultKind::none)
            fail(message(stop.fault, stop.first + stop.fault.lane));
    for (wg_voice* voice : active_)
        voice->position =
            static_cast<std::int64_t>(static_cast<std::uint64_t>(voice->position) + n_steps);
}

void Runner::check(const wg_voice& voice, std::size_t number, std::size_t n_steps) const {
    const auto bad = [number](const auto&... parts) { fail("voice ", number, ": ", parts...); };
    const Code& code = program_.code;
    if (program_.state_bytes > 0 && voice.state == nullptr) bad("it has no state");
    if (reinterpret_cast<std::uintptr_t>(voice.state) % cache_line != 0)
        bad("its state is not aligned to ", cache_line, " bytes");
    if (voice.event == nullptr) bad("it has no event");
    check_symbols(voice.event, 1, number);
    if (voice.given != nullptr) check_symbols(voice.given, n_steps, number);
    if (voice.given == nullptr && !is_given(code.event))
        bad("this program draws no events; give them");
    if (is_given(code.inputs.cond) && voice.cond == nullptr)
        bad("it has no conditions; the program takes ", code.cond_channels, " channels");
    if (voice.params != nullptr && !is_given(code.params))
        bad("this program has no parameters to write");

    const wg_controls& controls = voice.controls;
    if (!(controls.temperature >= 0 && std::isfinite(controls.temperature)))
        bad("temperature is ", controls.temperature, "; it must be 0 (greedy) or above");
    if (controls.top_k < 0) bad("top_k is ", controls.top_k, "; it must be 0 (off) or above");
    if (!(controls.top_p > 0 && controls.top_p <= 1))
        bad("top_p is ", controls.top_p, "; it must be above 0 and at most 1 (off)");
    if (!(controls.min_p >= 0 && controls.min_p <= 1))
        bad("min_p is ", controls.min_p, "; it must lie between 0 (off) and 1");
    if (!(controls.typical_p > 0 && controls.typical_p <= 1))
        bad("typical_p is ", controls.typical_p, "; it must be above 0 and at most 1 (off)");
}

void Runner::check_symbols(const void* events, std::size_t n, std::size_t number) const {
    const Code& code = program_.code;
    if (code.classes == 0) return;
    const auto* at = static_cast<const std::byte*>(events);
    for (std::size_t i = 0; i < n * code.event_size; ++i) {
        std::int64_t symbol = 0;
        std::memcpy(&symbol, at + i * sizeof symbol, sizeof symbol);
        if (symbol < 0 || symbol >= code.classes)
            fail("voice ", number, ": symbol ", symbol, " is not below ", code.classes);
    }
}

void Runner::run_threads(std::size_t n_blocks, std::size_t n_steps) {
    for (Stop& stop : stops_) stop = {};
    const std::size_t n_threads = std::min(n_threads_, n_blocks);
    // No thread takes its first step before the last thread stands, which takes memory and locks.
    std::atomic<bool> all_stand{false};
    std::vector<std::thread> threads;
    threads.reserve(n_threads - 1);
    std::size_t n_started = 1;
    try {
        for (; n_started < n_threads; ++n_started)
            threads.emplace_back([&, thread = n_started] {
                while (!all_stand.load(std::memory_order_acquire)) std::this_thread::yield();
                play_share(thread, n_blocks, n_steps);
            });
    } catch (const std::exception&) {
        // The system gives no more threads: this one plays the shares of those that are missing.
    }
    all_stand.store(true, std::memory_order_release);
    play_share(0, n_blocks, n_steps);
    for (; n_started < n_threads; ++n_started) play_share(n_started, n_blocks, n_steps);
    for (std::thread& thread : threads) thread.join();
}

std::size_t Runner::first_of(std::size_t block, std::size_t n_blocks) const {
    return active_.size() * block / n_blocks;
}

void Runner::play_share(std::size_t thread, std::size_t n_blocks, std::size_t n_steps) {
    Lane lanes[max_lanes];
    std::byte* memory = memory_[thread].data();
    for (std::size_t block = thread; block < n_blocks; block += n_threads_) {
        const std::size_t first = first_of(block, n_blocks);
        const std::size_t n_lanes = first_of(block + 1, n_blocks) - first;
        for (std::size_t i = 0; i < n_lanes; ++i) {
            std::byte* mine = memory + i * lane_bytes_;
            Lane& lane = lanes[i];
            // const: no operation writes there, the reader has seen to it.
            lane.voice = active_[first + i];
            lane.space[place(Space::constant)] = const_cast<std::byte*>(program_.code.constant);
            lane.space[place(Space::state)] = static_cast<std::byte*>(lane.voice->state);
            lane.space[place(Space::scratch)] = mine;
            lane.space[place(Space::none)] = nullptr;
            lane.work = mine + round_up(program_.scratch_bytes);
        }
        const Fault fault = program_.build->run(program_.code, lanes, n_lanes, n_steps);
        if (fault.kind != FaultKind::none) {
            stops_[thread] = {fault, first};
            return;
        }
    }
}

std::string Runner::message(const Fault& fault, std::size_t number) const {
    const std::string place = line(" (voice ", numbers_[number], ", step ", fault.step, ")");
    if (fault.kind == FaultKind::symbol)
        return line("the symbol drawn is ", fault.value, ", not below ", fault.limit, place);
    return line("op ", fault.op, " (", kind_name(program_.ops[fault.op].kind), "): index ",
                fault.value, " lies outside a table of ", fault.limit, place);
}

}  // namespace wg
