// Opens a program file: reads what surrounds the operations, and packs the matrices.
#include "reader.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "container.hpp"
#include "fields.hpp"
#include "json.hpp"
#include "limits.hpp"
#include "loop.hpp"
#include "operations.hpp"

namespace wg {

namespace {

class Reader {
public:
    Reader(const std::byte* bytes, std::size_t n_bytes, const Build& build)
        : container_(read_container(bytes, n_bytes)),
          json_(container_.program),
          fields_("the program", json_.root()),
          program_(std::make_unique<Program>()) {
        program_->build = &build;
    }

    std::unique_ptr<Program> read() {
        read_spaces();
        read_event();
        read_state_table();
        read_inputs();
        Operations operations(container_, spaces_);
        operations.decode(fields_.need("ops", JsonKind::array));
        read_outputs();
        read_voices();
        JsonValue about;
        fields_.find("about", about);
        fields_.done();
        refuse_strange_tensors();

        take(std::move(operations));
        program_->header = std::move(container_.program);
        return std::move(program_);
    }

private:
    Code& code() { return program_->code; }

    void read_spaces() {
        spaces_.sizes.bytes[static_cast<int>(Space::state)] =
            fields_.integer("state_bytes", 0, max_space_bytes);
        spaces_.sizes.bytes[static_cast<int>(Space::scratch)] =
            fields_.integer("scratch_bytes", 0, max_space_bytes);
        program_->state_bytes = static_cast<std::size_t>(spaces_.sizes.bytes[1]);
        program_->scratch_bytes = static_cast<std::size_t>(spaces_.sizes.bytes[2]);
        const Tensor* constant = container_.find("const");
        const std::size_t n_bytes = constant == nullptr ? 0 : constant->n_bytes;
        if (constant != nullptr && (constant->type != "U8" || constant->shape.size() != 1))
            fail("tensor 'const' must be U8 of one dimension");
        if (n_bytes > static_cast<std::size_t>(max_space_bytes))
            fail("tensor 'const' has ", n_bytes, " bytes; at most ", max_space_bytes,
                 " are played");
        spaces_.sizes.bytes[static_cast<int>(Space::constant)] = static_cast<std::int64_t>(n_bytes);
        program_->constant = Buffer(n_bytes);
        if (n_bytes > 0) std::memcpy(program_->constant.data(), constant->data, n_bytes);
    }

    void read_event() {
        Fields event("event", fields_.need("event", JsonKind::object));
        code().event_type = type_named(event.text("type"));
        code().event_size = static_cast<std::size_t>(event.integer("size", 1, max_values));
        JsonValue classes;
        if (event.find("classes", classes))
            code().classes = event.integer("classes", 1, std::int64_t{1} << 31);
        event.done();
        if ((code().event_type == Type::i64) != (code().classes != 0))
            fail("event: symbols are i64 and have classes, real values are f32 and have none");
        code().n_params = static_cast<std::size_t>(fields_.integer("n_params", 0, max_values));
        code().n_uniforms = static_cast<std::size_t>(fields_.integer("n_uniforms", 0, max_values));
        code().cond_channels =
            static_cast<std::size_t>(fields_.integer("cond_channels", 0, max_values));
    }

    void read_state_table() {
        std::size_t number = 0;
        for (const auto& value : fields_.need("state", JsonKind::array).entries()) {
            Fields entry(line("state ", number++), value);
            entry.text("name");
            const Type type = type_named(entry.text("type"));
            const std::int64_t offset = entry.integer("offset", 0, max_space_bytes);
            const auto size = static_cast<std::int64_t>(program_->state_bytes);
            std::int64_t n_bytes = type_bytes(type);
            for (const std::int64_t n : entry.integers("shape")) {
                if (n < 0 || (n > 0 && n_bytes > size / n))
                    entry.bad("it is larger than the state");
                n_bytes *= n;
            }
            entry.done();
            if (offset % type_bytes(type) != 0 || offset > size - n_bytes)
                entry.bad("offset ", offset, " does not fit ", n_bytes, " bytes into ", size);
        }
    }

    void read_inputs() {
        Fields inputs("inputs", fields_.need("inputs", JsonKind::object));
        Inputs& in = code().inputs;
        const auto vector = [&](std::string_view name, Type type, std::size_t n) {
            return input(inputs, name, type, {static_cast<std::int64_t>(n)});
        };
        in.event = vector("event", code().event_type, code().event_size);
        in.cond = vector("cond", Type::f32, code().cond_channels);
        in.noise = vector("noise", Type::f32, code().n_uniforms);
        in.temperature = input(inputs, "temperature", Type::f32, {});
        in.top_k = input(inputs, "top_k", Type::i64, {});
        in.top_p = input(inputs, "top_p", Type::f32, {});
        in.min_p = input(inputs, "min_p", Type::f32, {});
        in.typical_p = input(inputs, "typical_p", Type::f32, {});
        inputs.done();
    }

    Place input(Fields& inputs, std::string_view name, Type type,
                std::initializer_list<std::int64_t> shape) {
        JsonValue value;
        if (!inputs.find(name, value)) return {};
        const View view = inputs.view_of(name, value, spaces_.sizes);
        check(inputs, name, view, type, shape);
        if (view.space != Space::scratch) inputs.bad(name, " does not lie in scratch");
        if (!view.dense()) inputs.bad(name, " is not dense");
        for (const auto& [other, there] : spaces_.inputs)
            if (!disjoint(view, there)) inputs.bad(name, " overlaps ", other);
        spaces_.inputs.push_back({std::string(name), view});
        return place_of(view);
    }

    void read_outputs() {
        Fields outputs("outputs", fields_.need("outputs", JsonKind::object));
        JsonValue value;
        if (outputs.find("params", value)) {
            const View view = outputs.view_of("params", value, spaces_.sizes);
            check(outputs, "params", view, Type::f32, {static_cast<std::int64_t>(code().n_params)});
            code().params = place_of(view);
            code().params_stride = static_cast<std::int32_t>(view.stride[0]);
        } else if (code().n_params != 0) {
            outputs.bad("params is missing, though n_params is ", code().n_params);
        }
        if (outputs.find("event", value)) {
            const View view = outputs.view_of("event", value, spaces_.sizes);
            check(outputs, "event", view, code().event_type,
                  {static_cast<std::int64_t>(code().event_size)});
            code().event = place_of(view);
            code().event_stride = static_cast<std::int32_t>(view.stride[0]);
        }
        outputs.done();
    }

    static void check(const Fields& fields, std::string_view name, const View& view, Type type,
                      std::initializer_list<std::int64_t> shape) {
        const int rank = static_cast<int>(shape.size());
        if (view.type != type) fields.bad(name, " is of a wrong type");
        if (view.rank != rank || !std::equal(shape.begin(), shape.end(), view.shape))
            fields.bad(name, " has shape ", shape_text(view.shape, view.rank), ", not ",
                       shape_text(shape.begin(), rank));
    }

    void read_voices() {
        for (const auto& value : fields_.need("voices", JsonKind::array).entries()) {
            Fields voice(line("voice ", program_->voices.size()), value);
            JsonValue label;
            voice.find("label", label);
            read_voice_event(voice);
            const std::string name(voice.text("tensor"));
            voice.done();
            const Tensor* tensor = container_.find(name);
            if (tensor == nullptr || name.rfind("voice/", 0) != 0)
                voice.bad("the file has no tensor ", quoted(name), " that is named voice/...");
            if (!voice_tensors_.insert(name).second)
                voice.bad("tensor ", quoted(name), " belongs to another voice, too");
            if (tensor->type != "U8" || tensor->shape.size() != 1 ||
                tensor->n_bytes != program_->state_bytes)
                voice.bad("tensor ", quoted(name), " must be U8 (", program_->state_bytes, ")");
            Buffer state(tensor->n_bytes);
            if (tensor->n_bytes > 0) std::memcpy(state.data(), tensor->data, tensor->n_bytes);
            program_->voices.push_back(std::move(state));
        }
    }

    void read_voice_event(Fields& voice) {
        const auto event = voice.need("event", JsonKind::array).entries();
        if (event.size() != code().event_size)
            voice.bad("event has ", event.size(), " values, not ", code().event_size);
        for (const auto& value : event) {
            const bool whole = value.is(JsonKind::integer);
            const bool missing = value.is(JsonKind::null);
            if (!whole && (code().classes != 0 || !(missing || value.is(JsonKind::real))))
                voice.bad("event is no list of ", code().classes != 0 ? "symbols" : "numbers");
            if (code().classes != 0 && (value.integer() < 0 || value.integer() >= code().classes))
                voice.bad("symbol ", value.integer(), " is not below ", code().classes);
        }
    }

    // A tensor that nobody knows might change what the program means.
    void refuse_strange_tensors() const {
        for (const auto& [name, tensor] : container_.tensors) {
            const bool known = name == "const" || name.rfind("weight/", 0) == 0 ||
                               name.rfind("scale/", 0) == 0 || name.rfind("voice/", 0) == 0;
            if (!known) fail("the tensor ", quoted(name), " is unknown to this core");
        }
    }

    void take(Operations operations) {
        Program& program = *program_;
        program.ops = std::move(operations.ops);
        program.delay_rows = std::move(operations.delay_rows);
        program.n_macs = operations.n_macs;
        pack(operations.matrices.list);
        for (Op& op : program.ops)
            program.work_bytes = std::max(program.work_bytes, program.build->plan_work(op));
        Code& code = program.code;
        code.ops = program.ops.data();
        code.n_ops = program.ops.size();
        code.delay_rows = program.delay_rows.data();
        code.weights = program.weights.data();
        code.constant = program.constant.data();
    }

    void pack(const std::vector<Matrix>& matrices) {
        Program& program = *program_;
        const Build& build = *program.build;
        std::size_t n_packed = 0;
        std::size_t n_rows = 0;
        for (const Matrix& matrix : matrices) {
            n_packed += build.packed_bytes(matrix.precision, matrix.n, matrix.k);
            if (matrix.precision == Precision::int8) n_rows += static_cast<std::size_t>(matrix.n);
        }
        program.packed = Buffer(n_packed);
        program.scales.resize(n_rows);
        program.row_sums.resize(n_rows);
        std::byte* packed = program.packed.data();
        std::size_t row = 0;
        for (const Matrix& matrix : matrices) {
            build.pack(matrix.precision, matrix.n, matrix.k, matrix.rows, packed);
            Weight weight{matrix.precision, matrix.n, matrix.k, packed, nullptr, nullptr};
            if (matrix.precision == Precision::int8) {
                const auto n = static_cast<std::size_t>(matrix.n);
                std::memcpy(&program.scales[row], matrix.scale, n * sizeof(float));
                build.row_sums(matrix.n, matrix.k, matrix.rows, &program.row_sums[row]);
                weight.scale = &program.scales[row];
                weight.row_sum = &program.row_sums[row];
                row += n;
            }
            program.weights.push_back(weight);
            packed += build.packed_bytes(matrix.precision, matrix.n, matrix.k);
        }
    }

    Container container_;
    Json json_;
    Fields fields_;
    std::unique_ptr<Program> program_;
    Spaces spaces_{};
    std::set<std::string> voice_tensors_;
};

}  // namespace

std::unique_ptr<Program> read_program(const std::byte* bytes, std::size_t n_bytes,
                                      const Build& build) {
    return Reader(bytes, n_bytes, build).read();
}

}  // namespace wg
