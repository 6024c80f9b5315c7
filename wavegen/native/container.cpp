// The safetensors container: named tensors behind a JSON header.
#include "container.hpp"

#include <algorithm>

#include "error.hpp"
#include "json.hpp"

namespace wg {

namespace {

constexpr std::string_view format = "wavegen program 1";
constexpr std::size_t length_bytes = 8;

std::size_t type_bytes(std::string_view type) {
    if (type == "F32") return 4;
    if (type == "BF16") return 2;
    if (type == "I8" || type == "U8") return 1;
    return 0;
}

std::string metadata(JsonValue header, std::string_view name) {
    JsonValue all;
    JsonValue value;
    if (!header.find("__metadata__", all) || !all.is(JsonKind::object) || !all.find(name, value) ||
        !value.is(JsonKind::text))
        fail("this is no program file: its metadata have no text '", name, "'");
    return std::string(value.text());
}

Tensor read_tensor(std::string_view name, JsonValue entry, const std::byte* data,
                   std::size_t n_data) {
    const auto bad = [&](std::string_view what) { fail("tensor ", quoted(name), ": ", what); };
    const auto member = [&](std::string_view field, JsonKind kind) {
        JsonValue value;
        if (!entry.is(JsonKind::object) || !entry.find(field, value) || !value.is(kind))
            bad(line(field, " is missing or of a wrong kind"));
        return value;
    };
    Tensor tensor{};
    tensor.type = member("dtype", JsonKind::text).text();
    std::size_t n_bytes = type_bytes(tensor.type);
    if (n_bytes == 0) bad("its type is none of F32, BF16, I8 and U8");
    for (const auto& size : member("shape", JsonKind::array).entries()) {
        if (!size.is(JsonKind::integer) || size.integer() < 0) bad("its shape is no list of sizes");
        const auto n = static_cast<std::size_t>(size.integer());
        if (n > 0 && n_bytes > n_data / n) bad("its shape is larger than the file");
        n_bytes *= n;
        tensor.shape.push_back(size.integer());
    }
    const auto offsets = member("data_offsets", JsonKind::array).entries();
    if (offsets.size() != 2 || !offsets[0].is(JsonKind::integer) ||
        !offsets[1].is(JsonKind::integer))
        bad("data_offsets are no two numbers");
    const std::int64_t begin = offsets[0].integer();
    const std::int64_t end = offsets[1].integer();
    if (begin < 0 || end < begin || static_cast<std::uint64_t>(end) > n_data)
        bad(line("its bytes ", begin, " to ", end, " do not lie in the ", n_data,
                 " bytes of data; is the file cut off?"));
    if (static_cast<std::size_t>(end - begin) != n_bytes)
        bad(line("its shape takes ", n_bytes, " bytes, but it has ", end - begin));
    tensor.data = data + begin;
    tensor.n_bytes = n_bytes;
    return tensor;
}

// Shared bytes would let a small file ask for much memory.
void refuse_shared_bytes(const Container& container) {
    std::vector<const Tensor*> order;
    for (const auto& [name, tensor] : container.tensors) order.push_back(&tensor);
    std::sort(order.begin(), order.end(),
              [](const Tensor* a, const Tensor* b) { return a->data < b->data; });
    const std::byte* end = nullptr;
    for (const Tensor* tensor : order) {
        if (tensor->n_bytes == 0) continue;
        if (end != nullptr && tensor->data < end) fail("two tensors of the file share bytes");
        end = tensor->data + tensor->n_bytes;
    }
}

}  // namespace

const Tensor* Container::find(std::string_view name) const {
    const auto found = tensors.find(name);
    return found == tensors.end() ? nullptr : &found->second;
}

Container read_container(const std::byte* bytes, std::size_t n_bytes) {
    if (n_bytes < length_bytes)
        fail("this is no program file: it has ", n_bytes, " bytes, fewer than ", length_bytes);
    std::uint64_t n_header = 0;
    for (std::size_t i = length_bytes; i-- > 0;)
        n_header = n_header << 8 | std::to_integer<std::uint64_t>(bytes[i]);
    if (n_header > n_bytes - length_bytes)
        fail("this is no program file, or it is cut off: a header of ", n_header,
             " bytes does not fit into ", n_bytes);
    const auto* text = reinterpret_cast<const char*>(bytes + length_bytes);
    const Json json(std::string_view(text, static_cast<std::size_t>(n_header)));
    const JsonValue header = json.root();
    if (!header.is(JsonKind::object)) fail("this is no program file: its header is no JSON object");

    const std::string found = metadata(header, "format");
    if (found != format)
        fail("the file's format is ", quoted(found), ", and this core plays '", format,
             "'; update wavegen or write the file again");
    Container container{metadata(header, "program"), {}};
    const std::byte* data = bytes + length_bytes + n_header;
    const std::size_t n_data = n_bytes - length_bytes - static_cast<std::size_t>(n_header);
    for (const auto& [name, entry] : header.members())
        if (name != "__metadata__")
            container.tensors.emplace(name, read_tensor(name, entry, data, n_data));
    refuse_shared_bytes(container);
    return container;
}

}  // namespace wg
