// Plays a program: shares the voices out among threads, and reports what stopped them.
#pragma once

#include <vector>

#include "buffer.hpp"
#include "build.hpp"
#include "program.hpp"
#include "wavegen.h"

namespace wg {

class Runner {
public:
    // Throws Error where that many threads, or so much memory, cannot be.
    Runner(const Program& program, int n_threads);

    // n_steps of each active voice; throws Error where one cannot be played.
    void advance(wg_voice* voices, std::size_t n_voices, std::size_t n_steps);

private:
    void check(const wg_voice& voice, std::size_t number, std::size_t n_steps) const;
    void check_symbols(const void* events, std::size_t n, std::size_t number) const;
    void play_share(std::size_t thread, std::size_t n_blocks, std::size_t n_steps);
    void run_threads(std::size_t n_blocks, std::size_t n_steps);
    std::string message(const Fault& fault, std::size_t number) const;

    // The first of `n_blocks` blocks' active voices, and of the block behind it.
    std::size_t first_of(std::size_t block, std::size_t n_blocks) const;

    const Program& program_;
    std::size_t n_threads_;
    std::size_t lane_bytes_;
    std::vector<Buffer> memory_;        // of each thread: a block's scratch and working memory
    std::vector<wg_voice*> active_;     // of the present call
    std::vector<std::size_t> numbers_;  // theirs among all voices
    struct Stop {
        Fault fault;
        std::size_t first = 0;  // of its block, among the active
    };
    std::vector<Stop> stops_;  // of each thread
};

}  // namespace wg
