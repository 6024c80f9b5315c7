// Chooses among the builds by what the processor can do.
#include "dispatch.hpp"

#include <string>
#include <vector>

namespace wg {

extern const Build build_baseline;
extern const Build build_avx2;
extern const Build build_avx512;
extern const Build build_avx512_vnni;
extern const Build build_avx512_bf16;
extern const Build build_neon;

namespace {

#if defined(__x86_64__)
[[maybe_unused]] bool has_avx2() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi2");
}

[[maybe_unused]] bool has_avx512() {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

[[maybe_unused]] bool has_avx512_vnni() {
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

[[maybe_unused]] bool has_avx512_bf16() {
    return has_avx512_vnni() && __builtin_cpu_supports("avx512bf16");
}
#endif

std::vector<const Build*> usable_builds() {
    std::vector<const Build*> builds;
#if defined(WG_HAVE_avx512_bf16)
    if (has_avx512_bf16()) builds.push_back(&build_avx512_bf16);
#endif
#if defined(WG_HAVE_avx512_vnni)
    if (has_avx512_vnni()) builds.push_back(&build_avx512_vnni);
#endif
#if defined(WG_HAVE_avx512)
    if (has_avx512()) builds.push_back(&build_avx512);
#endif
#if defined(WG_HAVE_avx2)
    if (has_avx2()) builds.push_back(&build_avx2);
#endif
#if defined(WG_HAVE_neon)
    builds.push_back(&build_neon);
#endif
#if defined(WG_HAVE_baseline)
    builds.push_back(&build_baseline);
#endif
    return builds;
}

const std::vector<const Build*>& builds() {
    static const std::vector<const Build*> builds = usable_builds();
    return builds;
}

}  // namespace

const char* build_names() {
    static const std::string names = [] {
        std::string joined;
        for (const Build* build : builds())
            joined += (joined.empty() ? "" : ",") + std::string(build->name);
        return joined;
    }();
    return names.c_str();
}

const Build* find_build(std::string_view name) {
    for (const Build* build : builds())
        if (name.empty() || name == build->name) return build;
    return nullptr;
}

}  // namespace wg
