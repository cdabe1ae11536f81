// HTTP/1 in one direction. Octets: 0 what it is, 1 the cut, then the stream.
#include "wire/http1.h"

#include "fuzz/fuzz.h"

using namespace llmrec;
using namespace llmrec::wire;

namespace {

class Log final : public Http1Handler {
 public:
  explicit Log(std::uint8_t options) : options_(options) {}

  void on_message_begin() override { event("begin"); }
  void on_status(int status) override { event("status " + std::to_string(status)); }
  bool wants_field(Bytes name) override { return (options_ & 8U) == 0 || name.size() % 2 == 0; }
  void on_field(Bytes name, Bytes value) override {
    event("field " + std::string(name) + "=" + std::string(value));
  }
  BodyRule on_head(const Http1Head& h) override {
    event("head " + std::string(h.method) + " " + std::string(h.target) + " " +
          std::to_string(h.status) + "/" + std::to_string(h.minor_version) + "/" +
          (h.content_length ? std::to_string(*h.content_length) : "-") + "/" +
          std::to_string(h.chunked) + std::to_string(h.keep_alive) + std::to_string(h.upgrade));
    return (options_ & 2U) != 0                          ? BodyRule::none
           : (options_ & 4U) != 0 && h.status / 100 == 2 ? BodyRule::tunnel
                                                         : BodyRule::by_framing;
  }
  void on_body(Bytes octets) override {
    LLMREC_PROMISE(!octets.empty());
    body_ += octets;
  }
  void on_trailer(Bytes name, Bytes value) override {
    event("trailer " + std::string(name) + "=" + std::string(value));
  }
  void on_message_complete() override {
    event("complete");
    finish_octets();
  }
  void on_octets(std::size_t n) override {
    octets_ += n;
    message_octets_ += n;
  }

  // Counts come behind what they count, so they belong to the message before the next one.
  std::string text() {
    event("");
    return out_ + "octets " + std::to_string(octets_);
  }
  std::uint64_t octets() const { return octets_; }

 private:
  void event(const std::string& what) {
    if (!body_.empty()) out_ += "body " + body_ + "\n";
    body_.clear();
    if (what == "begin" && message_octets_ != 0) {
      out_ += "had " + std::to_string(message_octets_) + "\n";
      message_octets_ = 0;
    }
    out_ += what + "\n";
  }
  void finish_octets() {}

  std::string out_;
  std::string body_;
  std::uint64_t octets_ = 0;
  std::uint64_t message_octets_ = 0;
  std::uint8_t options_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::bytes(data, size));
  const std::uint8_t options = input.byte();
  const fuzz::Cut cut = input.byte();
  fuzz::same_in_every_cut(cut, [&](fuzz::Cut how) {
    Log log(options);
    Http1Parser parser((options & 1U) != 0 ? Http1Kind::response : Http1Kind::request, log);
    std::size_t used = 0;
    bool stopped = false;
    fuzz::in_pieces(input.rest(), how, [&](Bytes piece) {
      const std::size_t n = parser.feed(piece);
      LLMREC_PROMISE(n <= piece.size());
      LLMREC_PROMISE(!stopped || n == 0);
      stopped = stopped || n < piece.size();
      LLMREC_PROMISE(stopped == (n < piece.size()));
      if (n < piece.size()) LLMREC_PROMISE(parser.error() != Http1Error::none || parser.upgraded());
      used += n;
    });
    const std::string state =
        std::to_string(static_cast<int>(parser.error())) + std::string(parser.error_name()) +
        std::to_string(parser.upgraded()) + std::to_string(parser.in_message()) +
        std::to_string(parser.head_complete()) + std::to_string(parser.in_body()) +
        std::to_string(parser.body_until_close());
    LLMREC_PROMISE(log.octets() <= used || parser.error() != Http1Error::none);
    parser.finish();
    return log.text() + "\nused " + std::to_string(used) + " " + state;
  });
  return 0;
}
