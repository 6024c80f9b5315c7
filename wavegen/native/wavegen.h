/* wavegen's C interface: open a program file and play it. C99; safe against hostile files.
 *
 * A program is shared by any number of runners and threads; a runner belongs to one thread at a time.
 * Functions that can fail take `error` and `error_size` and write one line there.
 */
#ifndef WAVEGEN_H
#define WAVEGEN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif

#define WG_API_VERSION 1

typedef struct wg_program wg_program;
typedef struct wg_runner wg_runner;

typedef struct wg_controls {
    float temperature; /* 0 is greedy */
    int64_t top_k;     /* 0 is off */
    float top_p;       /* 1 is off */
    float min_p;       /* 0 is off */
    float typical_p;   /* 1 is off */
} wg_controls;

/* One sequence being played. The caller owns all memory. */
typedef struct wg_voice {
    void* state;          /* state_bytes, aligned to 64 bytes; read and written */
    void* event;          /* the last event (event.size values); in and out */
    uint64_t seed;        /* its noise is a function of seed and position */
    int64_t position;     /* index of the next event; in and out */
    wg_controls controls; /* how it is drawn */
    const float* cond;    /* (n_steps, cond_channels), or NULL where the program has none */
    const void* given;    /* (n_steps, event.size): events to take instead of drawing, or NULL */
    void* events;         /* out: (n_steps, event.size), or NULL */
    float* params;        /* out: (n_steps, n_params), or NULL */
    int32_t active;       /* 0: this slot is passed over and nothing of it is touched */
} wg_voice;

int wg_api_version(void);

/* Builds of the kernels that this processor can run, best first, separated by commas. */
const char* wg_builds(void);

/* Open a program file that lies in memory; it is copied. `build` is one of wg_builds, or NULL for
 * the best. NULL and a message if the file is damaged, too new or asks for what cannot be. */
wg_program* wg_open(const void* bytes, size_t n_bytes, const char* build, char* error,
                    size_t error_size);
void wg_close(wg_program* program);

/* The program's JSON text, as it stands in the file; it lives as long as the program. */
const char* wg_header(const wg_program* program);
const char* wg_build(const wg_program* program);
size_t wg_state_bytes(const wg_program* program);
/* State of the file's voice number `index`, of wg_state_bytes; NULL if there is none. */
const void* wg_voice_state(const wg_program* program, size_t index);
/* Multiplications with weights in one step, and the bytes that the packed matrices take. */
size_t wg_macs(const wg_program* program);
size_t wg_packed_bytes(const wg_program* program);
/* Read all packed weights once, as fast as memory allows: the floor of one step of one voice. */
uint64_t wg_read_weights(const wg_program* program);

/* Working memory for playing with n_threads threads (voices are shared out among them). */
wg_runner* wg_runner_new(const wg_program* program, int n_threads, char* error, size_t error_size);
void wg_runner_free(wg_runner* runner);

/* n_steps of each active voice. 0, or -1 and a message; after an error the voices are undefined.
 * Nothing is allocated and no lock is taken between the first step and the last. A voice's numbers are
 * the same bits alone and in any company. */
int wg_advance(wg_runner* runner, wg_voice* voices, size_t n_voices, size_t n_steps, char* error,
               size_t error_size);

/* For tests: uniforms of one step; a vector function (a `fn` of `unary`) of n floats in a build. */
void wg_uniforms(uint64_t seed, uint64_t step, size_t n, float* out);
int wg_unary(const char* build, const char* fn, const float* x, float* out, size_t n);

#ifdef __cplusplus
}
#endif
#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#endif
