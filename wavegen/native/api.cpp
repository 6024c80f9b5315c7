// The C interface: no exception leaves it, and every error becomes one line.
#include <algorithm>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <string>

#include "dispatch.hpp"
#include "error.hpp"
#include "names.hpp"
#include "program.hpp"
#include "reader.hpp"
#include "runner.hpp"
#include "wavegen.h"

struct wg_program {
    std::unique_ptr<wg::Program> opened;
};

struct wg_runner {
    wg::Runner runner;
};

namespace {

// What a file says may stand in a message: one line it must stay.
void write_error(const char* message, char* error, std::size_t error_size) {
    if (error == nullptr || error_size == 0) return;
    std::size_t i = 0;
    for (; message[i] != '\0' && i + 1 < error_size; ++i) {
        const auto c = static_cast<unsigned char>(message[i]);
        error[i] = c < 0x20 || c == 0x7f ? '?' : message[i];
    }
    error[i] = '\0';
}

// What `work` returns, or `otherwise` and a message.
template <class Result, class Work>
Result guarded(Result otherwise, char* error, std::size_t error_size, Work work) {
    try {
        return work();
    } catch (const std::bad_alloc&) {
        write_error("there is not enough memory", error, error_size);
    } catch (const std::exception& reason) {
        write_error(reason.what(), error, error_size);
    }
    return otherwise;
}

}  // namespace

int wg_api_version(void) { return WG_API_VERSION; }

const char* wg_builds(void) { return wg::build_names(); }

wg_program* wg_open(const void* bytes, size_t n_bytes, const char* build, char* error,
                    size_t error_size) {
    return guarded<wg_program*>(nullptr, error, error_size, [&] {
        if (bytes == nullptr) wg::fail("there is no file to open");
        const wg::Build* chosen = wg::find_build(build == nullptr ? "" : build);
        if (chosen == nullptr)
            wg::fail("there is no build ", wg::quoted(build == nullptr ? "" : build),
                     " for this processor; choose one of ", wg_builds());
        auto opened = wg::read_program(static_cast<const std::byte*>(bytes), n_bytes, *chosen);
        return new wg_program{std::move(opened)};
    });
}

void wg_close(wg_program* program) { delete program; }

const char* wg_header(const wg_program* program) { return program->opened->header.c_str(); }

const char* wg_build(const wg_program* program) { return program->opened->build->name; }

size_t wg_state_bytes(const wg_program* program) { return program->opened->state_bytes; }

const void* wg_voice_state(const wg_program* program, size_t index) {
    const auto& voices = program->opened->voices;
    return index < voices.size() ? voices[index].data() : nullptr;
}

size_t wg_macs(const wg_program* program) { return static_cast<size_t>(program->opened->n_macs); }

size_t wg_packed_bytes(const wg_program* program) { return program->opened->packed.size(); }

uint64_t wg_read_weights(const wg_program* program) {
    const wg::Program& opened = *program->opened;
    return opened.build->read(opened.packed.data(), opened.packed.size());
}

wg_runner* wg_runner_new(const wg_program* program, int n_threads, char* error, size_t error_size) {
    return guarded<wg_runner*>(nullptr, error, error_size, [&] {
        return new wg_runner{wg::Runner(*program->opened, n_threads)};
    });
}

void wg_runner_free(wg_runner* runner) { delete runner; }

int wg_advance(wg_runner* runner, wg_voice* voices, size_t n_voices, size_t n_steps, char* error,
               size_t error_size) {
    return guarded(-1, error, error_size, [&] {
        runner->runner.advance(voices, n_voices, n_steps);
        return 0;
    });
}

void wg_uniforms(uint64_t seed, uint64_t step, size_t n, float* out) {
    wg::find_build("")->uniforms(seed, step, n, out);
}

int wg_unary(const char* build, const char* fn, const float* x, float* out, size_t n) {
    const wg::Build* chosen = wg::find_build(build == nullptr ? "" : build);
    if (chosen == nullptr || fn == nullptr) return -1;
    const auto* found = std::find(std::begin(wg::unaries), std::end(wg::unaries), fn);
    if (found == std::end(wg::unaries)) return -1;
    chosen->unary(static_cast<wg::Unary>(found - std::begin(wg::unaries)), x, out, n);
    return 0;
}
