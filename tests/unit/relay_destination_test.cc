#include "relay/destination.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::relay;

namespace {

AddressClass class_of(const char* text) {
  const auto ip = parse_ip_literal(text);
  REQUIRE_MESSAGE(ip.has_value(), text);
  return classify(*ip);
}

}  // namespace

TEST_CASE("address literals, as the C library reads the strict ones") {
  for (const char* s :
       {"0.0.0.0", "1.2.3.4", "255.255.255.255", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "fe80::1",
        "2001:DB8::ff00:42:8329", "::ffff:1.2.3.4", "64:ff9b::1.2.3.4", "1:2:3:4:5:6:1.2.3.4",
        "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "0:0:1:0:0:0:1:0", "1:0:0:2:0:0:0:3"}) {
    CAPTURE(s);
    const auto ip = parse_ip_literal(s);
    REQUIRE(ip.has_value());
    unsigned char want[16] = {};
    REQUIRE(inet_pton(ip->v4 ? AF_INET : AF_INET6, s, want) == 1);
    CHECK(std::equal(want, want + 16, ip->octets.begin()));
    const auto again = parse_ip_literal(ip->text());
    REQUIRE(again.has_value());
    CHECK(*again == *ip);
  }
  for (const char* s : {"",
                        "1",
                        "1.2.3",
                        "1.2.3.4.5",
                        "1.2.3.256",
                        "01.2.3.4",
                        "1.2.3.4 ",
                        " 1.2.3.4",
                        "1.2.3.",
                        ".1.2.3.4",
                        "1..2.3",
                        "0x1.2.3.4",
                        "1.2.3.1000",
                        ":",
                        ":::",
                        "1:",
                        ":1",
                        "1:2:3:4:5:6:7",
                        "1:2:3:4:5:6:7:8:9",
                        "1::2::3",
                        "12345::",
                        "g::",
                        "::1%eth0",
                        "[::1]",
                        "::1.2.3",
                        "1.2.3.4::",
                        "::1.2.3.4:5",
                        "1:2:3:4:5:6:7:1.2.3.4",
                        "1:2:3:4::5:6:7:8",
                        "fe80::1/64"}) {
    CAPTURE(s);
    CHECK_FALSE(parse_ip_literal(s).has_value());
    unsigned char ignored[16];
    CHECK(inet_pton(AF_INET, s, ignored) != 1);
    CHECK(inet_pton(AF_INET6, s, ignored) != 1);
  }
}

TEST_CASE("RFC 5952 text") {
  const auto text = [](const char* s) { return parse_ip_literal(s)->text(); };
  CHECK(text("2001:0db8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");
  CHECK(text("1:0:2:0:3:0:4:0") == "1:0:2:0:3:0:4:0");
  CHECK(text("1:0:0:2:0:0:0:3") == "1:0:0:2::3");
  CHECK(text("0:0:0:0:0:0:0:0") == "::");
  CHECK(text("1:0:0:0:0:0:0:0") == "1::");
  CHECK(text("::ABCD") == "::abcd");
  CHECK(text("10.0.0.7") == "10.0.0.7");
}

TEST_CASE("octets of the resolver") {
  const auto v4 = IpAddress::from_octets(Bytes("\x7f\0\0\x01", 4));
  REQUIRE(v4.has_value());
  CHECK(v4->text() == "127.0.0.1");
  CHECK(IpAddress::from_octets(std::string(15, '\0') + '\x01')->text() == "::1");
  CHECK_FALSE(IpAddress::from_octets("12345").has_value());
}

TEST_CASE("address classes, also inside IPv6") {
  struct Row {
    const char* text;
    AddressClass want;
  };
  using enum AddressClass;
  for (const Row r : {Row{"8.8.8.8", public_},
                      {"2606:4700::1", public_},
                      {"10.1.2.3", private_},
                      {"172.16.0.1", private_},
                      {"172.31.255.255", private_},
                      {"172.32.0.1", public_},
                      {"192.168.9.9", private_},
                      {"100.64.0.1", private_},
                      {"100.128.0.1", public_},
                      {"198.18.0.5", private_},
                      {"240.0.0.1", private_},
                      {"fd12::1", private_},
                      {"fec0::1", private_},
                      {"2001:db8::1", private_},
                      {"127.0.0.1", loopback},
                      {"127.255.0.9", loopback},
                      {"::1", loopback},
                      {"169.254.1.1", link_local},
                      {"fe80::1", link_local},
                      {"febf::1", link_local},
                      {"169.254.169.254", metadata},
                      {"169.254.170.2", metadata},
                      {"169.254.170.23", metadata},
                      {"fd00:ec2::254", metadata},
                      {"fd00:ec2::23", metadata},
                      {"100.100.100.200", metadata},
                      {"168.63.129.16", metadata},
                      {"192.0.0.192", metadata},
                      {"0.0.0.0", unspecified},
                      {"0.1.2.3", unspecified},
                      {"::", unspecified},
                      {"224.0.0.1", multicast},
                      {"239.255.255.255", multicast},
                      {"ff02::1", multicast},
                      {"255.255.255.255", broadcast},
                      {"::ffff:127.0.0.1", loopback},
                      {"::ffff:169.254.169.254", metadata},
                      {"::ffff:8.8.8.8", public_},
                      {"64:ff9b::127.0.0.1", loopback},
                      {"64:ff9b::a9fe:a9fe", metadata},
                      {"2002:7f00:1::", loopback},
                      {"2002:a9fe:a9fe::1", metadata},
                      {"2002:808:808::1", public_},
                      {"::127.0.0.1", loopback},
                      {"::169.254.169.254", metadata},
                      {"64:ff9b:1::1", private_},
                      {"fd00:ec2::255", private_}}) {
    CAPTURE(r.text);
    CHECK(name_of(class_of(r.text)) == name_of(r.want));
  }
}

TEST_CASE("where a connection may go") {
  using enum AddressClass;
  const DestinationPolicy on_loopback{true};
  const DestinationPolicy elsewhere{false};
  for (const auto c : {public_, private_}) {
    CHECK(allowed(c, on_loopback, false));
    CHECK(allowed(c, elsewhere, false));
  }
  CHECK(allowed(loopback, on_loopback, false));
  CHECK_FALSE(allowed(loopback, elsewhere, false));
  CHECK(allowed(loopback, elsewhere, true));
  for (const auto c : {link_local, metadata, unspecified, multicast, broadcast}) {
    CHECK_FALSE(allowed(c, on_loopback, false));
    CHECK_FALSE(allowed(c, elsewhere, false));
    CHECK(allowed(c, elsewhere, true));
  }
}

TEST_CASE("host entries") {
  const auto e = parse_host_entry("API.OpenAI.com.:8443=openai.chat");
  REQUIRE(e.has_value());
  CHECK(e->pattern == "api.openai.com");
  CHECK(e->port == 8443);
  CHECK(e->dialect == "openai.chat");
  CHECK_FALSE(e->is_glob);
  const auto v6 = parse_host_entry("[0::1]:8000=openai");
  REQUIRE(v6.has_value());
  CHECK(v6->pattern == "::1");
  CHECK(v6->is_ip);
  CHECK(v6->port == 8000);
  CHECK(parse_host_entry("[::1]").has_value());
  CHECK(parse_host_entry("10.0.0.7:80")->is_ip);
  CHECK(parse_host_entry("*.openai.azure.com")->is_glob);
  CHECK_FALSE(parse_host_entry("vllm")->port.has_value());
  for (const char* bad :
       {"",          ":443",   "=x",    "a b",        "a:",       "a:0", "a:65536", "a:http",
        "a=",        "a=UP",   "a=b=c", "a:1:2",      "http://a", "a/b", "[::1",    "[a]",
        "[1.2.3.4]", "[::1]x", "127.1", "0x7f000001", "*",        "*.*", "a.*",     "a..b",
        "*..a",      "a.b*",   "::1",   "a@b",        "\x01"}) {
    CAPTURE(bad);
    const auto r = parse_host_entry(bad);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code == Code::bad_argument);
    CHECK(r.error().detail.find("HOST[:PORT][=DIALECT]") != std::string::npos);
  }
}

TEST_CASE("which entry matches") {
  HostList list;
  for (const char* e :
       {"*.azure.com=glob", "*.openai.azure.com=longer", "me.openai.azure.com=exact",
        "me.openai.azure.com:8443=exact-port", "bedrock-runtime.*.amazonaws.com=aws",
        "*-aiplatform.googleapis.com=vertex", "*.internal:8000=internal", "[::1]:9=six",
        "vllm=vllm", "me.openai.azure.com=later"}) {
    REQUIRE(list.add(std::string_view(e)).has_value());
  }
  const auto dialect = [&list](std::string_view host, std::uint16_t port = 443) {
    const HostEntry* e = list.match(host, port);
    return e == nullptr ? std::string("-") : e->dialect;
  };
  CHECK(dialect("me.openai.azure.com") == "exact");
  CHECK(dialect("ME.OpenAI.azure.com.") == "exact");
  CHECK(dialect("me.openai.azure.com", 8443) == "exact-port");
  CHECK(dialect("you.openai.azure.com") == "longer");
  CHECK(dialect("a.b.openai.azure.com") == "longer");
  CHECK(dialect("openai.azure.com") == "glob");
  CHECK(dialect("azure.com") == "-");
  CHECK(dialect("xazure.com") == "-");
  CHECK(dialect("azure.com.evil.example") == "-");
  CHECK(dialect("bedrock-runtime.us-east-1.amazonaws.com") == "aws");
  CHECK(dialect("bedrock-runtime.us.east.amazonaws.com") == "-");
  CHECK(dialect("x.bedrock-runtime.us-east-1.amazonaws.com") == "-");
  CHECK(dialect("us-central1-aiplatform.googleapis.com") == "vertex");
  CHECK(dialect("a.us-central1-aiplatform.googleapis.com") == "-");
  CHECK(dialect("llm.team.internal", 8000) == "internal");
  CHECK(dialect("llm.team.internal", 8001) == "-");
  CHECK(dialect("0:0::1", 9) == "six");
  CHECK(dialect("vllm", 8000) == "vllm");
  CHECK(dialect("") == "-");
  CHECK(dialect(".") == "-");
}

TEST_CASE("stars") {
  const auto matches = [](const char* pattern, const char* host) {
    HostList list;
    REQUIRE(list.add(std::string_view(pattern)).has_value());
    return list.match(host, 1) != nullptr;
  };
  CHECK(matches("a*b*c.example", "abc.example"));
  CHECK(matches("a*b*c.example", "axxbxbyc.example"));
  CHECK_FALSE(matches("a*b*c.example", "ab.example"));
  CHECK_FALSE(matches("a*c.example", "ab.c.example"));
  CHECK(matches("*.*.example", "a.b.example"));
  CHECK(matches("*.*.example", "a.b.c.example"));
  CHECK_FALSE(matches("*.*.example", "b.example"));
  CHECK(matches("*a*a*a*a*a*a*a*b.example", "aaaaaaaaaaaaaaaaaaaaaaaaaaab.example"));
  CHECK_FALSE(matches("*a*a*a*a*a*a*a*b.example", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa.example"));
}

TEST_CASE("the list has a cap") {
  HostList list;
  for (std::size_t i = 0; i < limits::kHostListEntries; ++i) {
    REQUIRE(list.add(HostEntry{"h" + std::to_string(i), {}, {}, false, false}).has_value());
  }
  const auto r = list.add(std::string_view("one.more"));
  REQUIRE_FALSE(r.has_value());
  CHECK(r.error().code == Code::full);
}
