#include "tap/request_body.h"

namespace llmrec::tap {

void RequestBody::begin(const dialect::Dialect& dialect, Bytes content_encoding) {
  sink_ = dialect.request_sink(asked_);
  required_ = dialect.knows_content();
  if (!sink_) return;
  if (!content_encoding.empty()) {
    Bytes unknown;
    decoder_ = wire::DecoderChain::make(content_encoding, unknown);
    if (!decoder_ && !required_) return;
    if (!decoder_) {
      lost_ = "request_encoding_unknown";
      return;
    }
  }
  json_ = std::make_unique<wire::JsonReader>(dialect.request_paths(), *sink_);
}

void RequestBody::feed(Bytes coded) {
  begun_ = begun_ || !coded.empty();
  if (!json_ || !lost_.empty()) return;
  if (!decoder_) return on_bytes(coded);
  if (wire::failed(decoder_->feed(coded, *this))) lose("request_decoding_failed");
}

void RequestBody::on_bytes(Bytes plain) {
  const wire::JsonState state = json_->feed(plain);
  if (state == wire::JsonState::too_deep) lose("request_json_too_deep");
  // How much of its last string was told before the fault depends on the cut.
  if (state == wire::JsonState::bad) asked_ = {};
}

void RequestBody::lose(std::string_view why) {
  if (required_) lost_ = why;
}

void RequestBody::finish() {
  if (json_ && lost_.empty() && !json_->empty() && json_->finish() == wire::JsonState::bad) {
    lose("request_not_json");
  }
  json_.reset();
  decoder_.reset();
  sink_.reset();
}

}  // namespace llmrec::tap
