// One build of the kernels and the interpreter; compiled once for each processor that has a name.
//
// Everything lies in a namespace of the build's name and uses no containers: the linker could take
// an inline function that is shared with another file from this one, and then it would run on a
// processor without its instructions.
#include "build.hpp"
#include "run.hpp"

#define WG_TEXT_OF(name) #name
#define WG_TEXT(name) WG_TEXT_OF(name)
#define WG_JOINED(a, b) a##b
#define WG_NAME(a, b) WG_JOINED(a, b)

namespace wg {

extern const Build WG_NAME(build_, WG_ISA);
const Build WG_NAME(build_, WG_ISA) = {
    WG_TEXT(WG_ISA),   WG_ISA::max_block, WG_ISA::packed_bytes, WG_ISA::pack,  WG_ISA::row_sums,
    WG_ISA::plan_work, WG_ISA::run,       WG_ISA::read,         WG_ISA::unary, WG_ISA::uniforms,
};

}  // namespace wg
