// Opens every file that comes in and plays what opens: under sanitizers it must come to its end.
//
// Files come one after the other on standard input, each behind its length in 8 bytes. Prints how
// many were refused, opened, and played without an error.
#include "wavegen.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

// More memory than this is a file's right, but not worth the time here.
constexpr std::size_t most_bytes = std::size_t{1} << 24;
constexpr std::size_t n_steps = 5;

struct Free {
    void operator()(std::byte* memory) const { ::operator delete[](memory, std::align_val_t{64}); }
};
using Memory = std::unique_ptr<std::byte[], Free>;

Memory zeros(std::size_t n_bytes)
{
    void* memory = ::operator new[](n_bytes, std::align_val_t{64});
    return Memory(static_cast<std::byte*>(std::memset(memory, 0, n_bytes)));
}

// The number behind the first "key": of the program's text; the reader has checked that it is one.
std::size_t number(const std::string& text, const std::string& key)
{
    const std::size_t place = text.find('"' + key + '"');
    return place == std::string::npos ? 0 : std::stoull(text.substr(text.find(':', place) + 1));
}

// 1 if the program could be played.
int play(const wg_program* program)
{
    const std::string text = wg_header(program);
    const std::size_t n_events = n_steps * number(text, "size");
    const std::size_t n_params = n_steps * number(text, "n_params");
    const std::size_t n_cond = n_steps * number(text, "cond_channels");
    const std::size_t state_bytes = wg_state_bytes(program);
    const std::size_t most = most_bytes / 8;
    if (n_events > most || n_params > most || n_cond > most || state_bytes > most_bytes ||
        number(text, "scratch_bytes") > most_bytes) {
        return 0;
    }
    char error[256] = "";
    wg_runner* runner = wg_runner_new(program, 1, error, sizeof error);
    if (runner == nullptr) return 0;
    const Memory state = zeros(state_bytes), event = zeros(8 * n_events);
    const Memory cond = zeros(4 * n_cond), events = zeros(8 * n_events);
    const Memory params = zeros(4 * n_params);
    if (const void* begin = wg_voice_state(program, 0)) {
        std::memcpy(state.get(), begin, state_bytes);
    }
    wg_voice voice = {};
    voice.state = state.get();
    voice.event = event.get();
    voice.controls = {1.0F, 3, 0.9F, 0.01F, 0.9F};
    voice.cond = n_cond == 0 ? nullptr : reinterpret_cast<const float*>(cond.get());
    voice.events = events.get();
    voice.params = reinterpret_cast<float*>(params.get());
    voice.active = 1;
    const int done = wg_advance(runner, &voice, 1, n_steps, error, sizeof error);
    wg_runner_free(runner);
    return done == 0 ? 1 : 0;
}

}  // namespace

int main()
{
    int refused = 0, opened = 0, played = 0;
    std::uint64_t length = 0;
    while (std::fread(&length, sizeof length, 1, stdin) == 1) {
        // Memory of its own, so that a byte read too far is seen.
        std::vector<char> bytes(length);
        if (std::fread(bytes.data(), 1, length, stdin) != length) return 2;
        char error[256] = "";
        wg_program* program = wg_open(bytes.data(), length, nullptr, error, sizeof error);
        if (program == nullptr) {
            if (std::strlen(error) == 0 || std::strchr(error, '\n') != nullptr) {
                std::printf("a refusal must be one line: '%s'\n", error);
                return 1;
            }
            ++refused;
            continue;
        }
        ++opened;
        played += play(program);
        wg_close(program);
    }
    std::printf("%d %d %d\n", refused, opened, played);
    return 0;
}
