// Program files made in memory, for the tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

struct TestTensor {
    std::string type;
    std::vector<std::int64_t> shape;
    std::vector<std::byte> bytes;
};

template <class T>
TestTensor tensor_of(std::string type, std::vector<std::int64_t> shape,
                     const std::vector<T>& values) {
    TestTensor tensor{std::move(type), std::move(shape), {}};
    tensor.bytes.resize(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
    return tensor;
}

template <class Number>
std::string list_text(const std::vector<Number>& values) {
    std::string text = "[";
    for (std::size_t i = 0; i < values.size(); ++i)
        text += (i > 0 ? "," : "") + std::to_string(values[i]);
    return text + "]";
}

inline std::string quoted_json(const std::string& text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + "\"";
}

struct ProgramFile {
    std::int64_t state_bytes = 0;
    std::int64_t scratch_bytes = 256;
    std::string event = R"({"type":"i64","size":1,"classes":4})";
    std::int64_t n_params = 0, n_uniforms = 0, cond_channels = 0;
    std::string state = "[]", inputs = "{}", outputs = "{}", voices = "[]";
    std::vector<std::string> ops;
    std::map<std::string, TestTensor> tensors;
    std::string format = "wavegen program 1";

    std::string program() const {
        std::string all;
        for (const std::string& op : ops) all += (all.empty() ? "" : ",") + op;
        return "{\"state_bytes\":" + std::to_string(state_bytes) +
               ",\"scratch_bytes\":" + std::to_string(scratch_bytes) + ",\"event\":" + event +
               ",\"n_params\":" + std::to_string(n_params) +
               ",\"n_uniforms\":" + std::to_string(n_uniforms) +
               ",\"cond_channels\":" + std::to_string(cond_channels) + ",\"state\":" + state +
               ",\"inputs\":" + inputs + ",\"outputs\":" + outputs + ",\"ops\":[" + all +
               "],\"voices\":" + voices + ",\"about\":{}}";
    }

    std::vector<std::byte> bytes() const { return bytes_around(program()); }

    std::vector<std::byte> bytes_around(const std::string& program) const {
        std::string header = "{\"__metadata__\":{\"format\":" + quoted_json(format) +
                             ",\"program\":" + quoted_json(program) + "}";
        std::size_t begin = 0;
        for (const auto& [name, tensor] : tensors) {
            header += "," + quoted_json(name) + ":{\"dtype\":\"" + tensor.type +
                      "\",\"shape\":" + list_text(tensor.shape) + ",\"data_offsets\":[" +
                      std::to_string(begin) + "," + std::to_string(begin + tensor.bytes.size()) +
                      "]}";
            begin += tensor.bytes.size();
        }
        header += "}";
        std::vector<std::byte> file;
        for (std::size_t i = 0; i < 8; ++i)
            file.push_back(static_cast<std::byte>(header.size() >> (8 * i) & 255));
        for (const char c : header) file.push_back(static_cast<std::byte>(c));
        for (const auto& [name, tensor] : tensors)
            file.insert(file.end(), tensor.bytes.begin(), tensor.bytes.end());
        return file;
    }
};
