#include "cli/ca.h"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <string_view>

#include "base/limits.h"
#include "report/format.h"
#include "tls/ca.h"
#include "tls/files.h"

namespace llmrec::cli {
namespace {

int fail(const std::string& what, Streams& streams) {
  complain(what, streams);
  return kFailed;
}

bool in_memory(const CaOptions& o) { return o.serve.ca_dir == "none"; }

int in_memory_only(Streams& streams) {
  return fail(
      "with --ca-dir none the CA is in the recorder's memory: only the recorder can hand it "
      "out, by --ca-bundle-out",
      streams);
}

// The public part, which any user of the directory may read.
Result<std::string> root_pem(const CaOptions& o) {
  auto pem = tls::read_file(o.serve.ca_dir + "/root.crt", limits::kCaFileOctets);
  if (pem || pem.error().code != Code::not_found) return pem;
  return Error{Code::not_found, "there is no CA in " + o.serve.ca_dir +
                                    ": llmrec serve or llmrec ca init makes one"};
}

// On two lines: it has 95 characters.
void print_fingerprint(const std::string& fingerprint, Streams& streams) {
  streams.out << "root         SHA-256 " << fingerprint.substr(0, 48) << '\n'
              << "                     " << fingerprint.substr(48) << '\n';
}

int init(const CaOptions& o, const CaHosts& hosts, Streams& streams) {
  bool created = false;
  const auto authority = tls::Authority::open(o.serve.ca_dir, hosts.hosts, hosts.ip_literals,
                                              streams.now_unix_ms / 1000, &created);
  if (!authority) return fail(authority.error().detail, streams);
  streams.out << (created ? "made a new CA in " : "there is already a CA for these hosts in ")
              << o.serve.ca_dir << '\n';
  print_fingerprint(authority->root_fingerprint(), streams);
  return kDone;
}

int show(const CaOptions& o, const CaHosts& hosts, Streams& streams) {
  const auto authority = tls::Authority::load(o.serve.ca_dir);
  if (!authority) {
    return fail(
        authority.error().code == Code::not_found
            ? "there is no CA in " + o.serve.ca_dir + ": llmrec serve or llmrec ca init makes one"
            : authority.error().detail,
        streams);
  }
  streams.out << "directory    " << o.serve.ca_dir << '\n';
  print_fingerprint(authority->root_fingerprint(), streams);
  const std::int64_t expires = authority->expires_at();
  streams.out << "valid until  " << report::local_time(expires * 1'000'000, false, "%F %H:%M %Z")
              << (authority->valid_at(streams.now_unix_ms / 1000) ? "" : ", not now") << '\n';
  std::string_view label = "signs for    ";
  for (const std::string& name : authority->permitted()) {
    streams.out << label << name.substr(name.find(':') + 1) << '\n';
    label = "             ";
  }
  if (!authority->made_for(hosts.hosts, hosts.ip_literals)) {
    complain(
        "this CA is not for the hosts of these options and this configuration: llmrec serve "
        "with the same would make a new one, and apps would have to read the bundle again",
        streams);
  }
  return kDone;
}

int env(const CaOptions& o, Streams& streams) {
  const std::string bundle = bundle_path(o.bundle, o.serve);
  const bool shell = o.form == EnvForm::sh || o.form == EnvForm::fish;
  const std::string no_proxy =
      shell ? streams.get("NO_PROXY").value_or(streams.get("no_proxy").value_or("")) : "";
  streams.out << in_form(o.form, app_variables(o.serve.listen, bundle, no_proxy));
  if (::access(bundle.c_str(), R_OK) != 0) {
    complain("there is no " + bundle + " yet: llmrec ca bundle writes it", streams);
  }
  return kDone;
}

int bundle(const CaOptions& o, Streams& streams) {
  const auto root = root_pem(o);
  if (!root) return fail(root.error().detail, streams);
  const std::string path = o.bundle == "-" ? "-" : bundle_path(o.bundle, o.serve);
  const std::string cert_file = streams.get("SSL_CERT_FILE").value_or("");
  // The variable may already point at the very file that is written here.
  const std::string system = tls::find_system_bundle(cert_file == path ? "" : cert_file);
  if (system.empty()) {
    complain("no bundle of system roots was found: our CA stands alone", streams);
  }
  if (path == "-") {
    std::string roots;
    if (!system.empty()) {
      auto read = tls::read_file(system, limits::kSystemBundleOctets);
      if (!read) return fail(read.error().detail, streams);
      roots = *std::move(read);
      if (!roots.empty() && roots.back() != '\n') roots += '\n';
    }
    streams.out << roots << *root;
    return kDone;
  }
  if (const auto written = tls::write_bundle(path, system, *root); !written) {
    return fail(written.error().detail, streams);
  }
  streams.out << path << '\n';
  return kDone;
}

// What an app dials to reach a listener: not the wildcard addresses.
std::string dialled(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  const std::string host = listen.substr(0, colon);
  const std::string port = colon == std::string::npos ? ":8790" : listen.substr(colon);
  if (host == "0.0.0.0") return "127.0.0.1" + port;
  return (host == "[::]" ? "[::1]" : host) + port;
}

std::string quoted(const std::string& text, std::string_view for_quote) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += for_quote;
    } else {
      out += c;
    }
  }
  return out + '\'';
}

}  // namespace

std::string bundle_path(const std::string& given, const ServeOptions& serve) {
  std::string path = !given.empty()                 ? given
                     : !serve.ca_bundle_out.empty() ? serve.ca_bundle_out
                     : serve.ca_dir == "none"       ? serve.store + "/bundle.crt"
                                                    : serve.ca_dir + "/bundle.crt";
  std::error_code failed;
  const auto absolute = std::filesystem::absolute(path, failed);
  return failed ? path : absolute.string();
}

std::vector<Variable> app_variables(const std::string& listen, const std::string& bundle,
                                    const std::string& no_proxy) {
  const std::string proxy = "http://" + dialled(listen);
  std::string direct = no_proxy;
  for (const std::string_view host :
       {"localhost", "127.0.0.1", "::1", "169.254.169.254", ".svc", ".cluster.local"}) {
    const std::string list = ',' + direct + ',';
    if (list.find(',' + std::string(host) + ',') != std::string::npos) continue;
    direct += (direct.empty() ? "" : ",") + std::string(host);
  }
  return {{"HTTPS_PROXY", proxy},
          {"https_proxy", proxy},
          {"NO_PROXY", direct},
          {"no_proxy", direct},
          {"NODE_USE_ENV_PROXY", "1"},
          {"NODE_EXTRA_CA_CERTS", bundle},
          {"SSL_CERT_FILE", bundle},
          {"REQUESTS_CA_BUNDLE", bundle},
          {"CURL_CA_BUNDLE", bundle},
          {"AWS_CA_BUNDLE", bundle},
          {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", bundle},
          {"DENO_CERT", bundle}};
}

std::string in_form(EnvForm form, const std::vector<Variable>& variables) {
  std::string out;
  for (const auto& [name, value] : variables) {
    switch (form) {
      case EnvForm::sh:
        out += "export " + name + '=' + quoted(value, "'\\''") + '\n';
        break;
      case EnvForm::fish:
        out += "set -gx " + name + ' ' + quoted(value, "\\'") + '\n';
        break;
      case EnvForm::dotenv:
        out += name + '=' + value + '\n';
        break;
      case EnvForm::k8s: {
        std::string yaml;  // between single quotes, doubled inside
        for (const char c : value) yaml += c == '\'' ? std::string("''") : std::string(1, c);
        out += "- name: " + name + "\n  value: '" + yaml + "'\n";
        break;
      }
    }
  }
  return out;
}

int ca(const CaOptions& o, const CaHosts& hosts, Streams& streams) {
  if (o.action == CaAction::env) return env(o, streams);
  if (in_memory(o)) return in_memory_only(streams);
  switch (o.action) {
    case CaAction::init:
      return init(o, hosts, streams);
    case CaAction::show:
      return show(o, hosts, streams);
    default:
      return bundle(o, streams);
  }
}

}  // namespace llmrec::cli
