// Tests the runtime in every build that this processor can run; exit code 1 and a line per failure.
#include "test_runtime.hpp"

#include <cstdint>
#include <cstdio>
#include <string>

#include "playing.hpp"

namespace {

void check_noise() {
    // Of seed 2^40 + 1 at step 2^33 + 5, by wavegen/noise.py.
    float uniforms[5];
    wg_uniforms((std::uint64_t{1} << 40) + 1, (std::uint64_t{1} << 33) + 5, 5, uniforms);
    const float expected[5] = {0x1.a22aecp-2f, 0x1.5ec382p-1f, 0x1.8e95cap-1f, 0x1.b20ee6p-1f,
                               0x1.4fe62cp-2f};
    for (int i = 0; i < 5; ++i)
        expect(uniforms[i] == expected[i], "uniform " + std::to_string(i) + " is wrong");
}

}  // namespace

int main() {
    expect(wg_api_version() == WG_API_VERSION, "the library is of another version");
    std::string builds = wg_builds();
    builds += ',';
    for (std::size_t begin = 0; begin < builds.size(); begin = builds.find(',', begin) + 1) {
        build = builds.substr(begin, builds.find(',', begin) - begin);
        check_operations();
        check_voices();
        check_files();
        check_noise();
    }
    if (n_failures > 0) std::printf("%d failures\n", n_failures);
    return n_failures > 0 ? 1 : 0;
}
