// A small recurrent model as a program, and voices that play it.
#pragma once

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "playing.hpp"

// A small recurrent network with a delay line and a draw: everything that a voice may carry along.
inline ProgramFile small_model(const std::string& type, Random& random) {
    constexpr Whole n_classes = 24, width = 20, n_cond = 3, n_cells = 12;
    ProgramFile file;
    const auto scratch = [&](const std::string& kind, Whole offset, const Shape& shape) {
        return View{kind, offset, shape, dense_strides(shape), "scratch"}.text();
    };
    const auto state = [&](const std::string& kind, Whole offset, const Shape& shape) {
        return View{kind, offset, shape, dense_strides(shape)}.text();
    };
    const auto weight = [&](const std::string& name, Whole n, Whole k) {
        std::vector<float> values(static_cast<std::size_t>(n * k));
        std::vector<std::uint16_t> halves;
        std::vector<std::int8_t> bytes;
        for (float& value : values) {
            value = random.real() * 0.5f;
            std::uint32_t bits = 0;
            std::memcpy(&bits, &value, 4);
            halves.push_back(static_cast<std::uint16_t>(bits >> 16));
            bytes.push_back(static_cast<std::int8_t>(value * 127));
        }
        if (type == "F32") file.tensors["weight/" + name] = tensor_of("F32", {n, k}, values);
        if (type == "BF16") file.tensors["weight/" + name] = tensor_of("BF16", {n, k}, halves);
        if (type == "I8") {
            file.tensors["weight/" + name] = tensor_of("I8", {n, k}, bytes);
            const std::vector<float> scales(static_cast<std::size_t>(n), 1.0f / 127);
            file.tensors["scale/" + name] = tensor_of("F32", {n}, scales);
        }
    };
    // State: clock at 0, rings at 64. Scratch: inputs up to 256, then values.
    file.state_bytes = 64 + n_cells * width * 4;
    file.scratch_bytes = 4096;
    file.event = R"({"type":"i64","size":1,"classes":)" + std::to_string(n_classes) + "}";
    file.n_params = n_classes;
    file.n_uniforms = 1;
    file.cond_channels = n_cond;
    file.state = R"([{"name":"clock","type":"i64","shape":[],"offset":0}])";
    file.inputs =
        "{\"event\":" + scratch("i64", 0, {1}) + ",\"cond\":" + scratch("f32", 64, {n_cond}) +
        ",\"noise\":" + scratch("f32", 128, {1}) + ",\"temperature\":" + scratch("f32", 192, {}) +
        ",\"top_k\":" + scratch("i64", 200, {}) + ",\"top_p\":" + scratch("f32", 208, {}) +
        ",\"min_p\":" + scratch("f32", 212, {}) + ",\"typical_p\":" + scratch("f32", 216, {}) + "}";
    file.outputs = "{\"params\":" + scratch("f32", 1024, {n_classes}) +
                   ",\"event\":" + scratch("i64", 1280, {1}) + "}";
    std::vector<float> table(static_cast<std::size_t>(n_classes * width));
    for (float& value : table) value = random.real();
    file.tensors["const"] = tensor_of("U8", {static_cast<Whole>(table.size() * 4)}, table);
    weight("condition", width, n_cond);
    weight("gate", 2 * width, 2 * width);
    weight("head", n_classes, width);
    const View embedding{"f32", 0, {n_classes, width}, dense_strides({n_classes, width}), "const"};
    const std::string rings = ",\"rings\":" + state("f32", 64, {n_cells, width}) +
                              ",\"clock\":" + state("i64", 0, {}) +
                              ",\"starts\":[0,5],\"lengths\":[5,7]";
    const std::string one =
        View{"i64", static_cast<Whole>(table.size() * 4), {}, {}, "const"}.text();
    // The past (2, width) lies end to end at 256, the present at 512, the mix at 768.
    file.ops = {
        op_text("gather_rows", field("table", embedding) + ",\"index\":" + scratch("i64", 0, {1}) +
                                   ",\"out\":" + scratch("f32", 512, {1, width})),
        op_text("product", "\"weight\":\"condition\",\"x\":" + scratch("f32", 64, {n_cond}) +
                               ",\"add\":[" + scratch("f32", 512, {width}) +
                               "],\"out\":" + scratch("f32", 640, {width})),
        op_text("delay_read",
                "\"out\":" + scratch("f32", 256, {2, width}) + rings + ",\"lags\":[5,2]"),
        op_text("product",
                "\"weight\":\"gate\",\"act\":\"gate\",\"x\":" + scratch("f32", 256, {2 * width}) +
                    ",\"after\":" + scratch("f32", 640, {width}) +
                    ",\"out\":" + scratch("f32", 768, {width})),
        // The rings learn of odd symbols only: voices side by side have different turns.
        op_text("binary", fn("and") + "\"a\":" + scratch("i64", 0, {}) + ",\"b\":" + one +
                              ",\"out\":" + scratch("i64", 1504, {})),
        op_text("unless", "\"skip\":5,\"cond\":" + scratch("i64", 1504, {})),
        op_text("binary", fn("max") + "\"a\":" + scratch("f32", 768, {width}) +
                              ",\"b\":" + scratch("f32", 640, {width}) +
                              ",\"out\":" + scratch("f32", 900, {width})),
        op_text("product", "\"weight\":\"condition\",\"x\":" + scratch("f32", 64, {n_cond}) +
                               ",\"add\":[" + scratch("f32", 900, {width}) +
                               "],\"out\":" + scratch("f32", 1536, {width})),
        op_text("copy", "\"x\":" + scratch("f32", 768, {width}) +
                            ",\"out\":" + scratch("f32", 1300, {width})),
        op_text("copy", "\"x\":" + scratch("f32", 1536, {width}) +
                            ",\"out\":" + scratch("f32", 1300 + 4 * width, {width})),
        op_text("delay_write", "\"source\":" + scratch("f32", 1300, {2, width}) + rings),
        op_text("product", "\"weight\":\"head\",\"x\":" + scratch("f32", 768, {width}) +
                               ",\"out\":" + scratch("f32", 1024, {n_classes})),
        op_text("sample", "\"logits\":" + scratch("f32", 1024, {n_classes}) + ",\"temperature\":" +
                              scratch("f32", 192, {}) + ",\"top_k\":" + scratch("i64", 200, {}) +
                              ",\"top_p\":" + scratch("f32", 208, {}) +
                              ",\"min_p\":" + scratch("f32", 212, {}) + ",\"typical_p\":" +
                              scratch("f32", 216, {}) + ",\"u\":" + scratch("f32", 128, {}) +
                              ",\"out\":" + scratch("i64", 1280, {})),
        op_text("binary",
                fn("add") + "\"a\":" + state("i64", 0, {}) + ",\"b\":" + one +
                    ",\"out\":" + state("i64", 0, {})),
    };
    const Whole step = 1;
    TestTensor& constants = file.tensors["const"];
    const auto* bytes = reinterpret_cast<const std::byte*>(&step);
    constants.bytes.insert(constants.bytes.end(), bytes, bytes + sizeof step);
    constants.shape = {static_cast<Whole>(constants.bytes.size())};
    return file;
}

constexpr std::size_t n_song = 40;

// A voice of the small model with all that it needs.
struct Song {
    Memory state;
    Whole event = 3;
    std::vector<float> cond = std::vector<float>(n_song * 3);
    std::vector<Whole> events = std::vector<Whole>(n_song, -1);
    std::vector<float> params = std::vector<float>(n_song * 24);
    wg_voice voice{};

    Song(Whole state_bytes, int number) : state(static_cast<std::size_t>(state_bytes)) {
        for (std::size_t i = 0; i < cond.size(); ++i)
            cond[i] = std::sin(static_cast<float>(number) + 0.1f * static_cast<float>(i));
        voice.seed = 77u + static_cast<unsigned>(number);
        voice.position = 100 * number - 20;
        voice.controls = plain;
        if (number % 3 == 1) voice.controls = {0.8f, 5, 0.9f, 0.01f, 0.95f};
        if (number % 7 == 2) voice.controls.temperature = 0;
        voice.active = 1;
    }

    wg_voice at(std::size_t step) {
        wg_voice now = voice;
        now.state = state.data();
        now.event = &event;
        now.cond = cond.data() + 3 * step;
        now.events = events.data() + step;
        now.params = params.data() + 24 * step;
        return now;
    }

    bool operator==(const Song& other) const {
        return state == other.state && event == other.event && events == other.events &&
               std::memcmp(params.data(), other.params.data(), params.size() * 4) == 0;
    }
};

inline void advance(const Runner& runner, std::vector<wg_voice>& voices, std::size_t n_steps) {
    char message[512] = "";
    const int code =
        wg_advance(runner.get(), voices.data(), voices.size(), n_steps, message, sizeof message);
    expect(code == 0, std::string("a good program stops: ") + message);
}

inline std::vector<Song> songs(const ProgramFile& file, int n) {
    std::vector<Song> songs;
    for (int i = 0; i < n; ++i) songs.emplace_back(file.state_bytes, i);
    return songs;
}
