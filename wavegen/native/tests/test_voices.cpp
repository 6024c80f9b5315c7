// A voice is the same alone and in any company, and what cannot be played is refused.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "playing.hpp"
#include "small_model.hpp"
#include "test_runtime.hpp"

namespace {

void check_company(const std::string& type) {
    Random random;
    const ProgramFile file = small_model(type, random);
    const Program program = open(file);
    if (program == nullptr) return;
    expect(wg_macs(program.get()) == 2 * 20 * 3 + 40 * 40 + 24 * 20, "wg_macs is wrong");
    wg_read_weights(program.get());
    const Runner single = runner_of(program);
    constexpr int n = 19;
    std::vector<Song> alone = songs(file, n);
    for (Song& song : alone) {
        std::vector<wg_voice> voices = {song.at(0)};
        advance(single, voices, n_song);
        expect(voices[0].position == song.voice.position + static_cast<Whole>(n_song),
               "the position is not kept");
    }
    expect(alone[0].events != alone[3].events, "two voices of different seeds are the same");
    for (const int n_threads : {1, 2, 3}) {
        for (const int n_voices : {1, 2, 5, 8, 9, n}) {
            const Runner runner = runner_of(program, n_threads);
            std::vector<Song> together = songs(file, n_voices);
            // Some calls, each with another number of steps.
            std::size_t step = 0;
            for (const std::size_t n_steps : {1u, 7u, 0u, 20u, 12u}) {
                std::vector<wg_voice> voices;
                for (Song& song : together) {
                    voices.push_back(song.at(step));
                    voices.back().position += static_cast<Whole>(step);
                }
                advance(runner, voices, n_steps);
                step += n_steps;
            }
            for (std::size_t i = 0; i < together.size(); ++i)
                expect(together[i] == alone[i], type + ": voice " + std::to_string(i) + " of " +
                                                    std::to_string(n_voices) + " on " +
                                                    std::to_string(n_threads) +
                                                    " threads differs from itself alone");
        }
    }
    // Voices that are passed over, in turns: step by step, each when its bit of the turn is set.
    std::vector<Song> masked = songs(file, 6);
    std::vector<std::size_t> passed(6);
    for (unsigned turn = 1; *std::min_element(passed.begin(), passed.end()) < n_song; ++turn) {
        std::vector<wg_voice> voices;
        for (std::size_t i = 0; i < 6; ++i) {
            voices.push_back(masked[i].at(std::min(passed[i], n_song - 1)));
            voices[i].position += static_cast<Whole>(passed[i]);
            voices[i].active = (turn >> i & 1) != 0 && passed[i] < n_song;
            if (!voices[i].active) voices[i].state = nullptr;
        }
        advance(single, voices, 1);
        for (std::size_t i = 0; i < 6; ++i) passed[i] += voices[i].active != 0;
    }
    for (std::size_t i = 0; i < 6; ++i)
        expect(masked[i] == alone[i], type + ": a voice differs when others are passed over");
    // Events that are given, those drawn before: everything stays.
    std::vector<Song> given = songs(file, 3);
    std::vector<wg_voice> voices;
    for (std::size_t i = 0; i < 3; ++i) {
        voices.push_back(given[i].at(0));
        voices[i].given = alone[i].events.data();
        voices[i].seed = 999;
    }
    advance(single, voices, n_song);
    for (std::size_t i = 0; i < 3; ++i)
        expect(given[i] == alone[i], type + ": events that are given lead elsewhere");
}

void check_bad_voices() {
    Random random;
    const ProgramFile file = small_model("F32", random);
    const Program program = open(file);
    if (program == nullptr) return;
    const Runner runner = runner_of(program);
    const Whole strange = 24;
    const auto refuse = [&](const std::string& reason,
                            const std::function<void(wg_voice&)>& spoil) {
        Song good(file.state_bytes, 0), bad(file.state_bytes, 1);
        const Memory untouched = good.state;
        std::vector<wg_voice> voices = {good.at(0), bad.at(0)};
        spoil(voices[1]);
        char message[512] = "";
        const int code = wg_advance(runner.get(), voices.data(), 2, 1, message, sizeof message);
        expect(code == -1 && message == "voice 1: " + reason,
               "instead of '" + reason + "' comes '" + message + "'");
        expect(good.state == untouched, "a voice was played beside one that is refused");
    };
    refuse("it has no state", [](wg_voice& v) { v.state = nullptr; });
    refuse("its state is not aligned to 64 bytes",
           [](wg_voice& v) { v.state = static_cast<std::byte*>(v.state) + 8; });
    refuse("it has no event", [](wg_voice& v) { v.event = nullptr; });
    refuse("it has no conditions; the program takes 3 channels",
           [](wg_voice& v) { v.cond = nullptr; });
    refuse("symbol 24 is not below 24", [&](wg_voice& v) { v.given = &strange; });
    refuse("symbol -1 is not below 24", [](wg_voice& v) { *static_cast<Whole*>(v.event) = -1; });
    refuse("temperature is -1.000000; it must be 0 (greedy) or above",
           [](wg_voice& v) { v.controls.temperature = -1; });
    refuse("temperature is nan; it must be 0 (greedy) or above",
           [](wg_voice& v) { v.controls.temperature = std::numeric_limits<float>::quiet_NaN(); });
    refuse("top_k is -2; it must be 0 (off) or above", [](wg_voice& v) { v.controls.top_k = -2; });
    refuse("top_p is 0.000000; it must be above 0 and at most 1 (off)",
           [](wg_voice& v) { v.controls.top_p = 0; });
    refuse("min_p is 1.500000; it must lie between 0 (off) and 1",
           [](wg_voice& v) { v.controls.min_p = 1.5f; });
    refuse("typical_p is 2.000000; it must be above 0 and at most 1 (off)",
           [](wg_voice& v) { v.controls.typical_p = 2; });
    char message[512] = "";
    expect(wg_runner_new(program.get(), 0, message, sizeof message) == nullptr &&
               std::string(message) == "n_threads is 0; it must lie between 1 and 256",
           std::string("a runner without threads: ") + message);
}

}  // namespace

void check_voices() {
    for (const std::string type : {"F32", "BF16", "I8"}) check_company(type);
    check_bad_voices();
}
