// The body of a request, from coded octets to what was asked. Attachments are measured, not kept.
// Owned by an exchange; pure. Whatever cannot be read leaves its facts unknown.
#pragma once

#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "dialect/dialect.h"
#include "wire/decode.h"
#include "wire/json.h"

namespace llmrec::tap {

class RequestBody final : private wire::ByteSink {
 public:
  // At the request head; the value of Content-Encoding, empty where missing.
  void begin(const dialect::Dialect& dialect, Bytes content_encoding);
  void feed(Bytes coded);
  // The body was whole. Facts that stand or fall with the whole document (`stream` absent means
  // no) are settled here.
  void finish();

  bool begun() const { return begun_; }  // an octet came
  const dialect::Asked& asked() const { return asked_; }
  // Why nothing more was read; empty while all is well.
  std::string_view lost() const { return lost_; }

 private:
  void on_bytes(Bytes plain) override;
  void lose(std::string_view why);

  dialect::Asked asked_;
  std::unique_ptr<wire::JsonSink> sink_;
  std::unique_ptr<wire::JsonReader> json_;
  std::unique_ptr<wire::DecoderChain> decoder_;
  std::string_view lost_;
  bool begun_ = false;
  bool required_ = true;  // false: the dialect claims no body, and none is missed
};

}  // namespace llmrec::tap
