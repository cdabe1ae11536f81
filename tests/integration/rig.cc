#include "rig.h"

#include <doctest/doctest.h>

#include <utility>

namespace llmrec::integration {

std::string connect_to(std::uint16_t port, const std::string& authority) {
  return authority + ":127.0.0.1:" + std::to_string(port);
}

namespace {

RecorderOptions recorder_options(const TempDir& dir, const TestCa& ca, std::uint16_t provider,
                                 RigOptions& rig) {
  rig.flags.insert(rig.flags.end(), {"--connect-to", connect_to(provider)});
  const std::string placeholder = "{port}";
  for (std::string& flag : rig.flags) {
    const auto at = flag.find(placeholder);
    if (at != std::string::npos) flag.replace(at, placeholder.size(), std::to_string(provider));
  }
  RecorderOptions out{.home = dir.path(), .upstream_ca = ca.file()};
  out.flags = std::move(rig.flags);
  out.limit = std::move(rig.limit);
  return out;
}

}  // namespace

Rig::Rig(RigOptions options)
    : ca_(dir_.path()),
      provider_(complete(ca_, options)),
      recorder_(recorder_options(dir_, ca_, provider_.port(), options)) {}

ProviderOptions Rig::complete(const TestCa& ca, RigOptions& options) {
  ProviderOptions provider = std::move(options.provider);
  if (options.clear) return provider;
  if (!provider.tls) provider.tls.emplace();
  if (provider.tls->client_certificate != ServerTls::ClientCertificate::no &&
      provider.tls->client_ca_pem.empty()) {
    provider.tls->client_ca_pem = ca.pem();
  }
  provider.tls->leaf = ca.leaf(options.leaf, options.names);
  return provider;
}

ClientOptions Rig::through() const {
  ClientOptions options;
  options.timeout_ms = kPatienceMs;
  options.via = Hop{.port = recorder_.port(), .target = kAuthority};
  options.tls = ClientTls{.ca_file = recorder_.bundle(), .name = kHost};
  return options;
}

ClientOptions Rig::past() const {
  ClientOptions options;
  options.timeout_ms = kPatienceMs;
  options.port = provider_.port();
  options.tls = ClientTls{.ca_file = ca_.file(), .name = kHost};
  return options;
}

TlsClient Rig::connect(ClientOptions options) {
  TlsClient client(std::move(options));
  const auto connected = client.connect();
  REQUIRE_MESSAGE(connected.has_value(),
                  (connected ? "" : connected.error().detail + "\n" + client.proxy_answer()));
  return client;
}

TlsClient Rig::connect_to_port(std::uint16_t port) {
  return connect({.port = port, .timeout_ms = kPatienceMs});
}

ConnectionLog Rig::finished(std::size_t connection) {
  REQUIRE(provider_.wait_for(
      connection, [](const ConnectionLog& log) { return log.finished; }, kPatienceMs));
  ConnectionLog log = provider_.logs()[connection];
  for (const std::string& problem : log.problems) MESSAGE("provider: ", problem);
  return log;
}

RigOptions answering(Script script) {
  return answering(Handler([script = std::move(script)](const Request&) { return script; }));
}

RigOptions answering(Handler handler) {
  RigOptions options;
  options.provider.handler = std::move(handler);
  return options;
}

openai::Shape words(int chunks) {
  openai::Shape shape;
  shape.chunks = chunks;
  shape.usage = true;
  return shape;
}

namespace {

std::string post(const openai::Ask& ask, const Headers& headers, const std::string& version) {
  RawRequest request;
  request.headers = {{"Authorization", "Bearer sk-made-up"}, {"Content-Type", "application/json"}};
  request.headers.insert(request.headers.end(), headers.begin(), headers.end());
  request.body = openai::request_json(ask);
  request.version = version;
  return render(request);
}

}  // namespace

std::string chat(const Headers& headers) {
  openai::Ask ask;
  ask.include_usage = true;
  return post(ask, headers, "HTTP/1.1");
}

std::string plain_chat(const Headers& headers, const std::string& version) {
  openai::Ask ask;
  ask.stream = false;
  return post(ask, headers, version);
}

std::string get(const std::string& target, const std::string& method) {
  return render({.method = method, .target = target, .host = kHost});
}

std::vector<HttpMessage> answers(const Received& received, std::vector<std::string> methods) {
  const ParsedHttp parsed = parse_http(HttpReader::Kind::response, received.bytes,
                                       received.ending != Ending::open, std::move(methods));
  REQUIRE_MESSAGE(parsed.broken.empty(), parsed.broken);
  REQUIRE(parsed.whole);
  return parsed.messages;
}

}  // namespace llmrec::integration
