// The matrices that a program's products name, found in the file and checked.
#include "matrices.hpp"

#include "limits.hpp"

namespace wg {

namespace {

Precision precision_of(const Fields& fields, std::string_view name, const Tensor& tensor) {
    if (tensor.type == "F32") return Precision::float32;
    if (tensor.type == "BF16") return Precision::bfloat16;
    if (tensor.type == "I8") return Precision::int8;
    fields.bad("the matrix ", quoted(name), " is ", tensor.type, ", none of F32, BF16 and I8");
}

}  // namespace

std::uint32_t Matrices::number(const Fields& fields, std::string_view name) {
    if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
    list.push_back(find(fields, name));
    const auto number = static_cast<std::uint32_t>(list.size() - 1);
    numbers_.emplace(name, number);
    return number;
}

Matrix Matrices::find(const Fields& fields, std::string_view name) const {
    const Tensor* tensor = container_.find(line("weight/", name));
    if (tensor == nullptr) fields.bad("the file has no matrix of the name ", quoted(name));
    if (tensor->shape.size() != 2 || tensor->shape[0] < 1 || tensor->shape[0] > max_width ||
        tensor->shape[1] < 1 || tensor->shape[1] > max_width)
        fields.bad("the matrix ", quoted(name), " must have 1 to ", max_width, " rows and columns");
    Matrix matrix{};
    matrix.precision = precision_of(fields, name, *tensor);
    matrix.n = static_cast<int>(tensor->shape[0]);
    matrix.k = static_cast<int>(tensor->shape[1]);
    matrix.rows = tensor->data;
    if (matrix.precision != Precision::int8) return matrix;
    if (matrix.k > max_int8_columns)
        fields.bad("the matrix ", quoted(name), " has ", matrix.k, " columns; in I8 it may have ",
                   max_int8_columns);
    const Tensor* scale = container_.find(line("scale/", name));
    if (scale == nullptr || scale->type != "F32" || scale->shape.size() != 1 ||
        scale->shape[0] != tensor->shape[0])
        fields.bad("the matrix ", quoted(name), " needs a scale for each row, F32 (", matrix.n,
                   ")");
    matrix.scale = scale->data;
    return matrix;
}

}  // namespace wg
