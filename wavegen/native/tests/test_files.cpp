// Files that are damaged are refused with a reason; of good ones everything is found.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "playing.hpp"
#include "small_model.hpp"
#include "test_runtime.hpp"

namespace {

void check_bad_ops() {
    Layout layout;
    const View x = layout.dense("f32", {8}), out = layout.dense("f32", {8});
    const View whole = layout.dense("i64", {8}), table = layout.dense("f32", {4, 2});
    const std::map<std::string, TestTensor> tensors = {
        {"weight/w", tensor_of("F32", {8, 4}, std::vector<float>(32))}};
    const auto refuse = [&](const std::string& reason, const std::string& op) {
        Memory state(static_cast<std::size_t>(layout.bytes()));
        const std::string error = play_op(op, state, layout.bytes(), tensors);
        expect(error == reason, "instead of '" + reason + "' comes '" + error + "'");
    };
    const auto unary = [](const View& from, const View& to) {
        return op_text("unary", fn("exp") + field("x", from) + "," + field("out", to));
    };
    const auto changed = [](View view, const std::function<void(View&)>& change) {
        change(view);
        return view;
    };
    const std::string size = std::to_string(layout.bytes());
    refuse("op 0: op 'jump' is unknown to this core", op_text("jump", "\"x\":1"));
    refuse("op 0: op is missing", "{}");
    refuse("op 0: is no JSON object", "7");
    refuse("op 0 (unary): fn 'explode' is unknown to this core",
           op_text("unary", fn("explode") + field("x", x) + "," + field("out", out)));
    refuse("op 0 (unary): out is missing", op_text("unary", fn("exp") + field("x", x)));
    refuse("op 0 (unary): the field 'speed' is unknown to this core",
           op_text("unary", fn("exp") + "\"speed\":1," + field("x", x) + "," + field("out", out)));
    refuse("op 0 (unary): x is i64, not f32", unary(whole, out));
    refuse("op 0 (unary): out has shape (4, 2), not (8)", unary(x, table));
    refuse("op 0 (unary): out: space 'moon' is none of const, state and scratch",
           unary(x, changed(out, [](View& v) { v.space = "moon"; })));
    refuse("op 0 (unary): x: offset 2 is no multiple of 4",
           unary(changed(x, [](View& v) { v.offset = 2; }), out));
    refuse("op 0 (unary): x: bytes " + std::to_string(layout.bytes() - 28) + " to " +
               std::to_string(layout.bytes() + 4) + " do not lie in state of " + size + " bytes",
           unary(changed(x, [&](View& v) { v.offset = layout.bytes() - 28; }), out));
    refuse("op 0 (unary): x: bytes -28 to 4 do not lie in state of " + size + " bytes",
           unary(changed(x, [](View& v) { v.strides = {-1}; }), out));
    refuse("op 0 (unary): x: shape has an entry 0, not between 1 and 268435456",
           unary(changed(x, [](View& v) { v.shape = {0}; }), out));
    refuse(
        "op 0 (unary): x: has more than 268435456 elements",
        unary(changed(x, [](View& v) { v.shape = {1 << 28, 1 << 28}, v.strides = {0, 0}; }), out));
    refuse("op 0 (unary): x: bytes 0 to 4 do not lie in const of 0 bytes",
           unary(changed(x, [](View& v) { v.space = "const", v.strides = {0}; }), out));
    refuse("op 0 (unary): out steps on itself: it cannot be written",
           unary(x, changed(out, [](View& v) { v.strides = {0}; })));
    refuse("op 0 (unary): out overlaps x, which is read while it is written",
           unary(x, changed(x, [](View& v) { v.offset += 4; })));
    refuse("op 0 (copy): out overlaps x, which is read while it is written",
           op_text("copy", field("x", x) + "," + field("out", x)));
    refuse("op 0 (product): x has 8 values, 'w' needs 4",
           op_text("product", "\"weight\":\"w\"," + field("x", x) + "," + field("out", out)));
    refuse("op 0 (product): the file has no matrix of the name 'v'",
           op_text("product", "\"weight\":\"v\"," + field("x", x) + "," + field("out", out)));
    refuse("op 0 (binary): pow takes no i64",
           op_text("binary", fn("pow") + field("a", whole) + "," + field("b", whole) + "," +
                                 field("out", whole)));
    const std::string clock =
        field("rings", table) + ",\"clock\":" + View{"i64", whole.offset, {}, {}}.text() + ",";
    refuse("op 0 (delay_write): ring 0 of length 3 from cell 2 does not lie in 4 cells",
           op_text("delay_write", clock + "\"lengths\":[3],\"starts\":[2]," +
                                      field("source", View{"f32", out.offset, {1, 2}, {2, 1}})));
    refuse("op 0 (delay_read): lag 4 does not lie in ring 0 of length 3",
           op_text("delay_read", clock + "\"lengths\":[3],\"starts\":[1],\"lags\":[4]," +
                                     field("out", View{"f32", out.offset, {1, 2}, {2, 1}})));
    refuse("op 0 (delay_read): lists of 1 lengths and 1 starts and 2 lags do not belong together",
           op_text("delay_read", clock + "\"lengths\":[3],\"starts\":[1],\"lags\":[4,5]," +
                                     field("out", View{"f32", out.offset, {1, 2}, {2, 1}})));
    refuse("op 0 (layer_norm): eps is -1.000000; it must lie between 0 and 1",
           op_text("layer_norm", "\"eps\":-1," + field("x", x) + "," + field("out", out)));
    const auto truth = field("cond", View{"i64", whole.offset, {}, {}});
    refuse("op 0 (unless): skip is 1; only 0 operations follow",
           op_text("unless", "\"skip\":1," + truth));
    refuse("op 0 (unless): skip is 0; it must lie between 1 and 1000000",
           op_text("unless", "\"skip\":0," + truth));
    refuse("op 0 (unless): skip is -1; it must lie between 1 and 1000000",
           op_text("unless", "\"skip\":-1," + truth));
    refuse("op 0 (unless): cond has shape (8), not ()",
           op_text("unless", "\"skip\":1," + field("cond", whole)));
    refuse("op 0 (unless): cond is f32, not i64",
           op_text("unless", "\"skip\":1," + field("cond", View{"f32", x.offset, {}, {}})));
    // Columns of one matrix do not overlap, though their bytes interleave.
    Memory state(static_cast<std::size_t>(layout.bytes()));
    const View left{"f32", table.offset, {4, 1}, {2, 1}},
        right{"f32", table.offset + 4, {4, 1}, {2, 1}};
    play_good(op_text("copy", field("x", left) + "," + field("out", right)), state, layout.bytes());
}

void check_bad_files() {
    Random random;
    const ProgramFile file = small_model("F32", random);
    const std::vector<std::byte> whole = file.bytes();
    std::string error;
    for (std::size_t n = 0; n < whole.size(); n += 1 + n / 16) {
        const std::vector<std::byte> part(whole.begin(),
                                          whole.begin() + static_cast<std::ptrdiff_t>(n));
        expect(open(part, error) == nullptr && !error.empty(), "a file that is cut off opens");
    }
    const auto refuse = [&](const std::string& reason,
                            const std::function<void(ProgramFile&)>& spoil) {
        ProgramFile bad = file;
        spoil(bad);
        expect(open(bad.bytes(), error) == nullptr && error == reason,
               "instead of '" + reason + "' comes '" + error + "'");
    };
    refuse(
        "the file's format is 'wavegen program 2', and this core plays 'wavegen program 1'; "
        "update wavegen or write the file again",
        [](ProgramFile& f) { f.format = "wavegen program 2"; });
    refuse("the program: state_bytes is 2000000000; it must lie between 0 and 1073741824",
           [](ProgramFile& f) { f.state_bytes = 2000000000; });
    refuse("event: symbols are i64 and have classes, real values are f32 and have none",
           [](ProgramFile& f) { f.event = R"({"type":"i64","size":1,"classes":null})"; });
    refuse("event: size is 0; it must lie between 1 and 1048576",
           [](ProgramFile& f) { f.event = R"({"type":"i64","size":0,"classes":4})"; });
    refuse("inputs: noise has shape (1), not (2)", [](ProgramFile& f) { f.n_uniforms = 2; });
    refuse("inputs: the field 'wind' is unknown to this core",
           [](ProgramFile& f) { f.inputs.insert(1, "\"wind\":null,"); });
    refuse("op 1 (product): out overlaps the input 'event', which no operation may write",
           [](ProgramFile& f) {
               f.ops.insert(f.ops.begin() + 1,
                            op_text("product",
                                    "\"weight\":\"head\",\"x\":" +
                                        View{"f32", 768, {20}, {1}, "scratch"}.text() +
                                        ",\"out\":" + View{"f32", 4, {24}, {1}, "scratch"}.text()));
           });
    const auto unless = [](int skip) {
        return op_text("unless", "\"skip\":" + std::to_string(skip) + "," +
                                     field("cond", View{"i64", 0, {}, {}}));
    };
    refuse("op 2 (unless): skip is 3; only 2 operations follow inside of the unless around it",
           [&](ProgramFile& f) {
               f.ops.insert(f.ops.begin() + 1, {unless(3), unless(3)});
           });
    refuse("op 1 (unless): skip is 14; only 13 operations follow",
           [&](ProgramFile& f) { f.ops.insert(f.ops.begin() + 1, unless(14)); });
    refuse("op 64 (unless): it lies in 64 others; at most 64 may be nested", [&](ProgramFile& f) {
        for (int i = 0; i < 65; ++i) f.ops.insert(f.ops.begin(), unless(i + 1));
    });
    refuse("outputs: params is missing, though n_params is 24",
           [](ProgramFile& f) { f.outputs = "{}"; });
    refuse("voice 0: the file has no tensor 'voice/0' that is named voice/...",
           [](ProgramFile& f) { f.voices = R"([{"label":null,"event":[3],"tensor":"voice/0"}])"; });
    refuse("the tensor 'extra' is unknown to this core",
           [](ProgramFile& f) { f.tensors["extra"] = f.tensors["const"]; });
    refuse("state 0: offset 4 does not fit 8 bytes into 1024", [](ProgramFile& f) {
        f.state = R"([{"name":"clock","type":"i64","shape":[],"offset":4}])";
    });
    for (const std::string text :
         {"{", "[1,]", "{\"a\":1,\"a\":2}", "01", "1.", "1e", "\"\\u12\"", "\"\\ud800\"", "nul",
          "[1 2]", "\"\x01\"", "{} {}", "-", "+1", "NaN", ""}) {
        expect(open(file.bytes_around(text), error) == nullptr && error.find("broken JSON") == 0,
               "broken JSON is read: " + text + ": " + error);
    }
    expect(open(file.bytes_around(std::string(100, '[')), error) == nullptr &&
               error == "broken JSON at byte 65: nested too deep",
           "deep JSON: " + error);
    expect(wg_open(whole.data(), whole.size(), "abacus", nullptr, 0) == nullptr,
           "a build that is unknown opens");
}

void check_voices_of_the_file() {
    Random random;
    ProgramFile file = small_model("F32", random);
    std::vector<std::uint8_t> state(static_cast<std::size_t>(file.state_bytes), 7);
    file.tensors["voice/0"] = tensor_of("U8", {file.state_bytes}, state);
    file.voices = R"([{"label":"anna","event":[3],"tensor":"voice/0"}])";
    const Program program = open(file);
    if (program == nullptr) return;
    const void* found = wg_voice_state(program.get(), 0);
    expect(found != nullptr && std::memcmp(found, state.data(), state.size()) == 0,
           "the state of a voice is not that of the file");
    expect(wg_voice_state(program.get(), 1) == nullptr, "a voice that is not there has a state");
    expect(wg_header(program.get()) == file.program(), "wg_header is not the text of the file");
    expect(wg_build(program.get()) == build, "wg_build is not what was asked for");
    expect(wg_state_bytes(program.get()) == state.size(), "wg_state_bytes is wrong");
}

}  // namespace

void check_files() {
    check_bad_ops();
    check_bad_files();
    check_voices_of_the_file();
}
