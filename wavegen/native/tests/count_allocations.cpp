// Counts what wg_advance takes from the heap and which locks it takes: nothing, once it steps.
//
// It stands between the core and the C library, as glibc allows. Takes a program file and its number
// of conditions; exit code 1 where something was counted, 2 where it could not count.
#include "wavegen.h"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace {
std::atomic<long> n_allocations{0};
std::atomic<long> n_locks{0};
}  // namespace

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t n_bytes)
{
    ++n_allocations;
    return __libc_malloc(n_bytes);
}

void* calloc(std::size_t n, std::size_t n_bytes)
{
    ++n_allocations;
    return __libc_calloc(n, n_bytes);
}

void* realloc(void* memory, std::size_t n_bytes)
{
    ++n_allocations;
    return __libc_realloc(memory, n_bytes);
}

void* aligned_alloc(std::size_t alignment, std::size_t n_bytes)
{
    ++n_allocations;
    return __libc_memalign(alignment, n_bytes);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t n_bytes)
{
    ++n_allocations;
    *memory = __libc_memalign(alignment, n_bytes);
    return *memory == nullptr ? ENOMEM : 0;
}

int pthread_mutex_lock(pthread_mutex_t* mutex)
{
    using Lock = int(pthread_mutex_t*);
    static const auto lock = reinterpret_cast<Lock*>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
    ++n_locks;
    return lock(mutex);
}
}  // extern "C"

namespace {

constexpr std::size_t most_steps = 2000;

struct Counts {
    long allocations, locks;
};

struct Voices {
    explicit Voices(const wg_program* program, std::size_t n_cond)
        : states(n * wg_state_bytes(program) + 64 * n), cond(n_cond * most_steps)
    {
        const std::size_t stride = (wg_state_bytes(program) + 63) / 64 * 64;
        void* begin = states.data();
        std::size_t space = states.size();
        std::align(64, n * stride, begin, space);
        for (std::size_t i = 0; i < n; ++i) {
            voices[i] = {};
            voices[i].state = static_cast<char*>(begin) + i * stride;
            voices[i].event = &events[i];
            voices[i].seed = i;
            voices[i].controls = {1.0F, 5, 0.9F, 0.01F, 0.9F};
            voices[i].cond = cond.data();
            voices[i].active = 1;
        }
    }

    static constexpr std::size_t n = 9;
    std::vector<char> states;
    std::vector<float> cond;
    std::int64_t events[n] = {};
    wg_voice voices[n];
};

// What one call costs; the voices play on.
Counts cost(wg_runner* runner, Voices& voices, std::size_t n_steps)
{
    char error[256] = "";
    n_allocations = n_locks = 0;
    const int done = wg_advance(runner, voices.voices, voices.n, n_steps, error, sizeof error);
    const Counts counts = {n_allocations, n_locks};
    if (done != 0) {
        std::printf("%s\n", error);
        std::exit(1);
    }
    return counts;
}

}  // namespace

int main(int n_arguments, char** arguments)
{
    if (n_arguments != 3) return 2;
    std::ifstream file(arguments[1], std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const std::size_t n_cond = std::stoul(arguments[2]);
    int status = 0;
    for (const int n_threads : {1, 2}) {
        char error[256] = "";
        wg_program* program = wg_open(bytes.data(), bytes.size(), nullptr, error, sizeof error);
        if (program == nullptr) {
            std::printf("%s\n", error);
            return 1;
        }
        wg_runner* runner = wg_runner_new(program, n_threads, error, sizeof error);
        Voices voices(program, n_cond);
        cost(runner, voices, 1);  // whatever the C library sets up once
        const Counts few = cost(runner, voices, 1);
        const Counts many = cost(runner, voices, most_steps);
        std::printf("%d threads: %ld allocations and %ld locks in 1 step, %ld and %ld in %zu\n",
                    n_threads, few.allocations, few.locks, many.allocations, many.locks,
                    most_steps);
        if (many.allocations != few.allocations || many.locks != few.locks) status = 1;
        if (n_threads == 1 && (many.allocations != 0 || many.locks != 0)) status = 1;
        wg_runner_free(runner);
        wg_close(program);
    }
    if (n_allocations == 0) return 2;  // it counted nothing at all: it does not stand in between
    return status;
}
