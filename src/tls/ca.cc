#include "tls/ca.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <sys/file.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <limits>
#include <system_error>

#include "base/bytes.h"
#include "base/limits.h"
#include "tls/certificate.h"
#include "tls/files.h"

namespace llmrec::tls {
namespace {

constexpr std::int64_t kDay = 86'400;
// The root's key is gone and the intermediate's is held to the hosts, so length does no harm; a CA
// that ends while the process runs would.
constexpr std::int64_t kCaLife = 3650 * kDay;
constexpr std::int64_t kCaBackdate = kDay;  // clients' clocks
constexpr std::int64_t kRenewBefore = 30 * kDay;

constexpr const char* kRootFile = "root.crt";
constexpr const char* kIntermediateFile = "intermediate.crt";
constexpr const char* kKeyFile = "intermediate.key";
constexpr const char* kHostsFile = "hosts";

Error bad_host(std::string_view host, std::string_view why) {
  std::string shown;
  for (const char c : host.substr(0, 80)) shown += is_printable_ascii(c) ? c : '?';
  return {Code::bad_argument, "\"" + shown + "\" " + std::string(why)};
}

std::string normalised(std::string_view host) {
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  std::string s(host);
  for (char& c : s) c = ascii_lower(c);
  return s;
}

bool is_dns_name(std::string_view s) {
  std::size_t label = 0;
  for (const char c : s) {
    const bool name_char = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (c == '.' ? label == 0 : (!name_char || ++label > 63)) return false;
    if (c == '.') label = 0;
  }
  return label > 0 && s.size() <= 253;
}

bool is_below(std::string_view name, std::string_view parent) {
  return name.size() > parent.size() && name.ends_with(parent) &&
         name[name.size() - parent.size() - 1] == '.';
}

// Single labels under which nobody can buy a name (RFC 6761, RFC 8375's kin, common practice).
bool is_private_suffix(std::string_view s) {
  constexpr std::array kPrivate = {"internal", "lan", "local", "localhost", "svc", "test"};
  return std::any_of(kPrivate.begin(), kPrivate.end(), [s](const char* p) { return s == p; });
}

// What an entry permits: constraints know only whole suffixes, so that a glob permits what stands
// behind its last star's label.
Result<CertificateName> permitted_by(std::string_view entry) {
  const std::string host = normalised(entry);
  if (const auto octets = address_octets(host)) return CertificateName{{}, *octets};
  std::string_view suffix = host;
  if (const std::size_t star = suffix.rfind('*'); star != std::string_view::npos) {
    const std::size_t dot = suffix.find('.', star);
    if (dot == std::string_view::npos) return bad_host(entry, "would permit every name");
    suffix.remove_prefix(dot + 1);
    if (suffix.find('.') == std::string_view::npos && !is_private_suffix(suffix)) {
      return bad_host(entry, "would permit a whole top-level domain; keep two labels after the *");
    }
  }
  if (!is_dns_name(suffix)) return bad_host(entry, "is not a host name");
  return CertificateName{std::string(suffix), {}};
}

std::string listed(const CertificateName& name) {
  return name.dns.empty() ? "ip:" + address_text(name.address) : "dns:" + name.dns;
}

std::vector<std::string> listed(const std::vector<CertificateName>& names) {
  std::vector<std::string> list;
  list.reserve(names.size());
  for (const CertificateName& n : names) list.push_back(listed(n));
  std::sort(list.begin(), list.end());
  return list;
}

// Without doubles and without names below another permitted one: they would travel in vain.
Result<std::vector<CertificateName>> permitted_by(const std::vector<std::string>& hosts,
                                                  const std::vector<std::string>& ip_literals) {
  std::vector<CertificateName> all;
  for (const auto* list : {&hosts, &ip_literals}) {
    for (const std::string& entry : *list) {
      auto name = permitted_by(entry);
      if (!name) return name.error();
      if (list == &ip_literals && !name->dns.empty()) return bad_host(entry, "is not an address");
      all.push_back(*std::move(name));
    }
  }
  const auto key = [](const CertificateName& n) { return std::pair(n.dns, n.address); };
  std::sort(all.begin(), all.end(), [&](auto& a, auto& b) { return key(a) < key(b); });
  std::vector<CertificateName> kept;
  for (const CertificateName& n : all) {
    const bool covered = std::any_of(all.begin(), all.end(), [&](const CertificateName& other) {
      return !n.dns.empty() && !other.dns.empty() && is_below(n.dns, other.dns);
    });
    if (!covered && (kept.empty() || key(kept.back()) != key(n))) kept.push_back(n);
  }
  if (kept.empty())
    return Error{Code::bad_argument, "no host is recorded: a CA has nothing to sign"};
  if (kept.size() > limits::kCaPermittedNames) {
    return Error{Code::bad_argument, "more than " + std::to_string(limits::kCaPermittedNames) +
                                         " hosts are recorded; use globs"};
  }
  return kept;
}

std::string pem_of(X509* certificate) {
  const UniqueBio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

UniqueX509 certificate_in(std::string_view pem) {
  const UniqueBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return UniqueX509(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
}

UniqueKey key_in(std::string_view pem) {
  const UniqueBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  char no_password[] = "";  // else OpenSSL asks at the terminal
  return UniqueKey(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, no_password)
                       : nullptr);
}

Result<void> save_key(const Fd& directory, const std::string& dir, EVP_PKEY* key) {
  const UniqueBio bio(BIO_new(BIO_s_secmem()));
  if (!bio ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_error(Code::internal, "cannot write the CA's key");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return replace_file_at(directory, dir, kKeyFile, {data, static_cast<std::size_t>(size)}, 0600);
}

std::string hex_octets(const unsigned char* octets, std::size_t n, std::string_view between) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) text += between;
    text += "0123456789ABCDEF"[octets[i] >> 4];
    text += "0123456789ABCDEF"[octets[i] & 15];
  }
  return text;
}

}  // namespace

Result<Authority> Authority::create(const std::vector<std::string>& hosts,
                                    const std::vector<std::string>& ip_literals,
                                    std::int64_t unix_seconds) {
  auto permitted = permitted_by(hosts, ip_literals);
  if (!permitted) return permitted.error();
  unsigned char tag[4];
  if (RAND_bytes(tag, sizeof tag) != 1) return openssl_error(Code::internal, "no random octets");
  std::string name = hex_octets(tag, sizeof tag, "");
  for (char& c : name) c = ascii_lower(c);

  auto root_key = make_p256_key();  // lives until the end of this function, then is cleansed
  if (!root_key) return root_key.error();
  auto key = make_p256_key();
  if (!key) return key.error();

  CertificateSpec root;
  root.common_name = "llmrec pod root " + name;
  root.key = root_key->get();
  root.not_before = unix_seconds - kCaBackdate;
  root.not_after = unix_seconds + kCaLife;
  root.ca_path_length = 1;
  auto root_certificate = make_certificate(root);
  if (!root_certificate) return root_certificate.error();

  CertificateSpec intermediate = root;
  intermediate.common_name = "llmrec pod intermediate " + name;
  intermediate.key = key->get();
  intermediate.issuer = root_certificate->get();
  intermediate.issuer_key = root_key->get();
  intermediate.ca_path_length = 0;
  intermediate.server_auth = true;
  intermediate.permitted = *permitted;
  auto intermediate_certificate = make_certificate(intermediate);
  if (!intermediate_certificate) return intermediate_certificate.error();

  Authority a;
  a.root_ = *std::move(root_certificate);
  a.intermediate_ = *std::move(intermediate_certificate);
  a.key_ = *std::move(key);
  a.permitted_ = listed(*permitted);
  return a;
}

Result<Authority> Authority::load(const std::string& dir) {
  auto directory = open_private_directory(dir);
  if (!directory) return directory.error();
  // The constraints in the certificate are what counts; the list in `hosts` is for people.
  auto root = read_file_at(*directory, dir, kRootFile, limits::kCaFileOctets, Secrecy::open_to_all);
  if (!root) return root.error();
  auto intermediate =
      read_file_at(*directory, dir, kIntermediateFile, limits::kCaFileOctets, Secrecy::open_to_all);
  if (!intermediate) return intermediate.error();
  auto key = read_file_at(*directory, dir, kKeyFile, limits::kCaFileOctets, Secrecy::owner_only);
  if (!key) return key.error();

  Authority a;
  a.root_ = certificate_in(*root);
  a.intermediate_ = certificate_in(*intermediate);
  a.key_ = key_in(*key);
  OPENSSL_cleanse(key->data(), key->size());
  if (!a.root_ || !a.intermediate_ || !a.key_) {
    return openssl_error(Code::corrupt, "a file of the CA in " + dir + " cannot be read");
  }
  settle(a.root_.get());
  settle(a.intermediate_.get());
  if (X509_check_private_key(a.intermediate_.get(), a.key_.get()) != 1 ||
      X509_verify(a.intermediate_.get(), X509_get0_pubkey(a.root_.get())) != 1 ||
      X509_verify(a.root_.get(), X509_get0_pubkey(a.root_.get())) != 1) {
    return openssl_error(Code::corrupt,
                         "the files of the CA in " + dir + " do not belong together");
  }
  const auto permitted = permitted_of(a.intermediate_.get());
  if (permitted.empty()) {
    return Error{Code::corrupt,
                 "the CA in " + dir + " is not held to hosts: it is not one of ours"};
  }
  a.permitted_ = listed(permitted);
  return a;
}

Result<void> Authority::save(const std::string& dir) const {
  auto directory = make_private_directory(dir);
  if (!directory) return directory.error();
  if (auto r = save_key(*directory, dir, key_.get()); !r) return r;
  if (auto r =
          replace_file_at(*directory, dir, kIntermediateFile, pem_of(intermediate_.get()), 0644);
      !r) {
    return r;
  }
  if (auto r = replace_file_at(*directory, dir, kRootFile, root_pem(), 0644); !r) return r;
  std::string list =
      "# What this CA may sign for. A changed list of recorded hosts makes a new CA.\n";
  for (const std::string& p : permitted_) list += p + "\n";
  return replace_file_at(*directory, dir, kHostsFile, list, 0644);
}

Result<Authority> Authority::open(const std::string& dir, const std::vector<std::string>& hosts,
                                  const std::vector<std::string>& ip_literals,
                                  std::int64_t unix_seconds, bool* created) {
  if (created != nullptr) *created = false;
  auto directory = make_private_directory(dir);
  if (!directory) return directory.error();
  int locked = -1;
  do {
    locked = ::flock(directory->get(), LOCK_EX);
  } while (locked != 0 && errno == EINTR);
  // Where a file system has no locks, two processes that start at once may each write their own
  // CA; a mixture is seen as corrupt at the next start.
  if (locked != 0 && errno != ENOLCK && errno != EOPNOTSUPP) return errno_error("cannot lock", dir);

  auto existing = load(dir);
  if (existing && existing->made_for(hosts, ip_literals) && existing->valid_at(unix_seconds) &&
      existing->valid_at(unix_seconds + kRenewBefore)) {
    return existing;
  }
  if (!existing && existing.error().code != Code::not_found &&
      existing.error().code != Code::corrupt) {
    return existing;
  }
  auto fresh = create(hosts, ip_literals, unix_seconds);
  if (!fresh) return fresh;
  if (auto saved = fresh->save(dir); !saved) return saved.error();
  if (created != nullptr) *created = true;
  return fresh;
}

bool Authority::made_for(const std::vector<std::string>& hosts,
                         const std::vector<std::string>& ip_literals) const {
  const auto permitted = permitted_by(hosts, ip_literals);
  return permitted && listed(*permitted) == permitted_;
}

bool Authority::permits(std::string_view host) const {
  const std::string name = normalised(host);
  if (const auto octets = address_octets(name)) {
    return std::binary_search(permitted_.begin(), permitted_.end(), "ip:" + address_text(*octets));
  }
  if (!is_dns_name(name)) return false;
  return std::any_of(permitted_.begin(), permitted_.end(), [&name](std::string_view p) {
    if (!p.starts_with("dns:")) return false;
    p.remove_prefix(4);
    return name == p || is_below(name, p);
  });
}

bool Authority::valid_at(std::int64_t unix_seconds) const {
  for (X509* c : {root_.get(), intermediate_.get()}) {
    auto when = static_cast<time_t>(unix_seconds);
    if (X509_cmp_time(X509_get0_notBefore(c), &when) != -1) return false;
    if (X509_cmp_time(X509_get0_notAfter(c), &when) != 1) return false;
  }
  return true;
}

std::int64_t Authority::expires_at() const {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  for (X509* c : {root_.get(), intermediate_.get()}) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(c), &parts) != 1) return 0;
    first = std::min<std::int64_t>(first, timegm(&parts));
  }
  return first;
}

std::string Authority::root_pem() const { return pem_of(root_.get()); }

std::string Authority::chain_pem() const { return pem_of(intermediate_.get()) + root_pem(); }

std::string Authority::root_fingerprint() const {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(root_.get(), EVP_sha256(), digest, &size) != 1) return {};
  return hex_octets(digest, size, ":");
}

std::string find_system_bundle(std::string_view ssl_cert_file) {
  if (!ssl_cert_file.empty()) return std::string(ssl_cert_file);
  std::error_code ec;
  for (const char* path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
                           "/etc/ssl/ca-bundle.pem"}) {
    if (std::filesystem::is_regular_file(path, ec)) return path;
  }
  return {};
}

Result<void> write_bundle(const std::string& path, const std::string& system_bundle_path,
                          std::string_view root_pem) {
  std::string bundle;
  if (!system_bundle_path.empty()) {
    std::error_code ec;
    if (std::filesystem::equivalent(path, system_bundle_path, ec)) {
      return Error{Code::bad_argument, path + " is the system's own bundle: name another file"};
    }
    auto system = read_file(system_bundle_path, limits::kSystemBundleOctets);
    if (!system) return system.error();
    if (system->find("-----BEGIN ") == std::string::npos) {
      return Error{Code::bad_argument, system_bundle_path + " holds no certificates in PEM"};
    }
    bundle = *std::move(system);
    if (bundle.back() != '\n') bundle += '\n';
  }
  if (bundle.find(root_pem) == std::string::npos) bundle += root_pem;
  return replace_file(path, bundle, 0644);
}

}  // namespace llmrec::tls
