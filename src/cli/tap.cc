#include "cli/tap.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include "base/limits.h"
#include "record/json.h"
#include "tap/prices.h"
#include "tap/tap.h"
#include "tap/tokens.h"

namespace llmrec::cli {
namespace {

using llmrec::tap::Dir;
using llmrec::tap::SideEnd;

constexpr std::uint64_t kMintSeed = 1;

class FirstRecord final : public llmrec::tap::TapHost {
 public:
  RecordId mint(Instant) override { return mint_.mint(0); }
  void on_finished(record::Record&& r) override {
    if (!record) record = std::move(r);
  }
  std::optional<record::Record> record;

 private:
  RecordIdMint mint_{kMintSeed};
};

std::string without_port(Bytes authority) {
  if (const auto at = authority.rfind('@'); at != Bytes::npos) authority.remove_prefix(at + 1);
  Bytes host = authority.substr(0, authority.find(':'));
  if (authority.starts_with('[')) host = authority.substr(1, authority.find(']') - 1);
  std::string out(host);
  std::transform(out.begin(), out.end(), out.begin(), ascii_lower);
  return out;
}

Bytes trimmed(Bytes text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == Bytes::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{Code::io, "cannot read " + path};
  std::string out;
  std::string piece(64 * 1024, '\0');
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
    out.append(piece, 0, static_cast<std::size_t>(in.gcount()));
    if (out.size() > limits::kCaptureOctets) return Error{Code::full, path + " is too large"};
  }
  if (in.bad()) return Error{Code::io, "cannot read " + path};  // a directory opens, too
  return out;
}

template <class F>
void in_pieces(Bytes octets, std::size_t split, F&& each) {
  if (split == 0) split = std::max<std::size_t>(1, octets.size());
  for (; !octets.empty(); octets.remove_prefix(std::min(split, octets.size()))) {
    each(octets.substr(0, split));
  }
}

}  // namespace

std::string host_of_request(Bytes request) {
  std::size_t end = request.find('\n');
  Bytes target = request.substr(0, end);
  while (end != Bytes::npos) {
    const std::size_t begin = end + 1;
    end = request.find('\n', begin);
    const Bytes line = trimmed(request.substr(begin, end == Bytes::npos ? end : end - begin));
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon != Bytes::npos && equals_ignoring_case(line.substr(0, colon), "host")) {
      return without_port(trimmed(line.substr(colon + 1)));
    }
  }
  const std::size_t scheme = target.find("://");
  if (scheme == Bytes::npos) return {};
  target.remove_prefix(scheme + 3);
  return without_port(target.substr(0, target.find_first_of("/? ")));
}

Result<record::Record> tap_capture(Bytes request, Bytes response, const TapOptions& o) {
  llmrec::tap::ConnFacts facts;
  facts.host = o.host.empty() ? host_of_request(request) : without_port(o.host);
  facts.port = 443;
  if (facts.host.empty()) {
    return Error{Code::bad_argument, "the request names no host; say --host HOST"};
  }
  std::optional<llmrec::tap::PriceTable> prices;
  if (!o.prices.empty()) {
    const auto text = read_file(o.prices);
    if (!text) return text.error();
    auto table = llmrec::tap::PriceTable::parse(*text);
    if (!table) return Error{table.error().code, o.prices + ": " + table.error().detail};
    prices = *std::move(table);
  }
  const llmrec::tap::TokenModel tokens;
  facts.tokens = &tokens;
  facts.prices = prices ? &*prices : &llmrec::tap::PriceTable::built_in();
  FirstRecord host;
  const Instant now;  // everything at one instant: a split takes no time
  llmrec::tap::Tap tapped(facts, host);
  in_pieces(request, o.split, [&](Bytes piece) { tapped.on_bytes(Dir::request, piece, now); });
  std::uint64_t accepted = 0;
  in_pieces(response, o.split, [&](Bytes piece) {
    tapped.on_bytes(Dir::response, piece, now);
    accepted += piece.size();
    tapped.on_accepted(accepted, now);
  });
  switch (o.end) {
    case CaptureEnd::close_notify:
      tapped.on_end(Dir::response, SideEnd{record::CloseHow::close_notify, ""}, now);
      break;
    case CaptureEnd::fin:
      tapped.on_end(Dir::response, SideEnd{record::CloseHow::fin, ""}, now);
      break;
    case CaptureEnd::reset:
      tapped.on_end(Dir::response, SideEnd{record::CloseHow::reset, ""}, now);
      break;
    case CaptureEnd::client:
      tapped.on_end(Dir::request, SideEnd{record::CloseHow::reset, ""}, now);
      break;
  }
  tapped.on_over(llmrec::tap::End::none, now);
  if (!host.record) return Error{Code::bad_argument, "there is no HTTP request in the capture"};
  return *std::move(host.record);
}

int tap(const TapOptions& o, Streams& streams) {
  const auto fail = [&streams](const Error& error) {
    complain(error.detail, streams);
    return static_cast<int>(error.code == Code::bad_argument ? kUsageError : kFailed);
  };
  const auto request = read_file(o.request);
  if (!request) return fail(request.error());
  const auto response = read_file(o.response);
  if (!response) return fail(response.error());
  const auto record = tap_capture(*request, *response, o);
  if (!record) return fail(record.error());
  streams.out << record::to_json(*record) << '\n';
  return kDone;
}

}  // namespace llmrec::cli
