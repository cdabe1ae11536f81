// A fake provider, a recorder in front of it, and clients that go through or past the recorder:
// what nearly every test here begins with.
//
//   Rig rig(answering(play(events(...))));
//   TlsClient client = rig.connect();
//   client.send(chat());
//
// Names: `host` is the one that is recorded, and --connect-to leads it to the provider.
#pragma once

#include <string>
#include <vector>

#include "recorder.h"
#include "support/fake_provider.h"
#include "support/openai_stream.h"
#include "support/temp_dir.h"
#include "support/test_ca.h"
#include "support/tls_client.h"

namespace llmrec::integration {

using namespace llmrec::support;

inline const std::string kHost = "api.openai.com";
inline const std::string kAuthority = "api.openai.com:443";

struct RigOptions {
  ProviderOptions provider = {};  // without `tls`: a good leaf is added, unless `clear`
  bool clear = false;             // the provider speaks no TLS
  LeafKind leaf = LeafKind::good;
  std::vector<std::string> names = {kHost, "localhost", "127.0.0.1"};  // of the leaf
  std::vector<std::string> flags = {};  // of the recorder; {port} in them is the provider's
  std::string limit = {};               // likewise
};

class Rig {
 public:
  explicit Rig(RigOptions = {});

  // Options of a client through the recorder, and past it; both believe who they should.
  ClientOptions through() const;
  ClientOptions past() const;
  // Connected, up to the end of the TLS handshake; a failed assertion where that fails.
  TlsClient connect() const { return connect(through()); }
  static TlsClient connect(ClientOptions);
  // A client that speaks clear HTTP to this port of the recorder's.
  static TlsClient connect_to_port(std::uint16_t port);

  const TempDir& dir() const { return dir_; }
  TestCa& ca() { return ca_; }
  FakeProvider& provider() { return provider_; }
  Recorder& recorder() { return recorder_; }
  // The log of one connection once it is over; a failed assertion where it does not end.
  ConnectionLog finished(std::size_t connection = 0);

 private:
  static ProviderOptions complete(const TestCa&, RigOptions&);

  TempDir dir_;
  TestCa ca_;
  FakeProvider provider_;
  Recorder recorder_;
};

// --connect-to for our host.
std::string connect_to(std::uint16_t port, const std::string& authority = kAuthority);

// A provider that answers every request alike.
RigOptions answering(Script);
RigOptions answering(Handler);

using Headers = std::vector<std::pair<std::string, std::string>>;

// An answer of so many words, with its usage.
openai::Shape words(int chunks);
// A request for a streamed answer with its usage; for a whole one. More headers go behind the usual
// ones.
std::string chat(const Headers& = {});
std::string plain_chat(const Headers& = {}, const std::string& version = "HTTP/1.1");
std::string get(const std::string& target, const std::string& method = "GET");

// How the provider sees a connection of ours that ended in order.
inline const std::string kInOrder = "close_notify+fin";

// The text that a client of HTTP gets out of these octets; a failed assertion where they are not
// whole messages.
std::vector<HttpMessage> answers(const Received&, std::vector<std::string> methods = {});

}  // namespace llmrec::integration
