// What both ways to call a model on Amazon Bedrock have in common: the model stands in the path,
// and the path says whether the answer streams. Knows no body. Pure.
#pragma once

#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/limits.h"
#include "dialect/path.h"

namespace llmrec::dialect {

// "/model/{id}/{operation}", behind a prefix where a gateway adds one.
class BedrockPath {
 public:
  // `operation` and `streaming` with their slash: "/converse", "/converse-stream".
  BedrockPath(Bytes path, Bytes operation, Bytes streaming) {
    constexpr Bytes kModel = "/model/";
    const auto at = path.find(kModel);
    if (at == Bytes::npos) return;
    path.remove_prefix(at + kModel.size());
    stream_ = path.ends_with(streaming);
    if (!stream_ && !path.ends_with(operation)) return;
    // An ARN that was not encoded has slashes of its own, so the id ends at the last.
    path.remove_suffix(stream_ ? streaming.size() : operation.size());
    model_ = percent_decoded(path).substr(0, limits::kRecordModelMax);
  }

  bool valid() const { return !model_.empty(); }  // it is a path of this operation
  const std::string& model() const { return model_; }
  bool stream() const { return stream_; }

 private:
  std::string model_;
  bool stream_ = false;
};

// AWS errors name their type in a header, in the frame's head, or in the body as "__type", there
// sometimes behind a name space and '#'.
inline Bytes bedrock_error_type(Bytes type) {
  const auto hash = type.rfind('#');
  return hash == Bytes::npos ? type : type.substr(hash + 1);
}

}  // namespace llmrec::dialect
