// Every cap of the program, with its reason. What happens at a cap is named beside it; none of them
// ever stops the forwarding of bytes unless it says so.
#pragma once

#include <cstddef>
#include <cstdint>

// wire: what a parser keeps of a stranger's octets.
namespace llmrec::limits {
// A head beyond this blinds the tap. Servers refuse heads from 8 KiB (nginx) to 32 KiB on.
inline constexpr std::size_t kHttpHeadMax = 64 * 1024;
// Wanted field values are ids, media types and dates; the rest of a longer one is dropped.
inline constexpr std::size_t kHttpFieldValueMax = 4096;
// No field we want has a name near this long; a longer name is unwanted.
inline constexpr std::size_t kHttpFieldNameMax = 128;
// Decoded octets of one message: the largest real answers are a few MiB. Beyond: undecoded.
inline constexpr std::uint64_t kDecodedMax = 64ULL * 1024 * 1024;
// Output per input octet, looked at from kDecodeRatioFrom on: 809 octets of br can make 1 GiB.
inline constexpr std::uint64_t kDecodeRatioMax = 1000;
inline constexpr std::uint64_t kDecodeRatioFrom = 1024 * 1024;
// 8 MiB, what RFC 8878 §3.1.1.1.2 asks of every decoder; the format allows 3.75 TiB.
inline constexpr int kZstdWindowLogMax = 23;
// Real messages carry one coding; a chain multiplies memory.
inline constexpr std::size_t kCodingsMax = 3;
// The longest event name of a known provider has 46 characters.
inline constexpr std::size_t kSseEventNameMax = 64;
// Boost.JSON's parser recurses: 128 levels take about 40 KiB of stack.
inline constexpr std::size_t kJsonDepthMax = 128;
// Longer keys match no path.
inline constexpr std::size_t kJsonKeyMax = 64;
// A number is read from its first so many characters; 17 digits fill a double.
inline constexpr std::size_t kJsonNumberMax = 64;
// Keys and elements in one path; ours are at most 8 deep.
inline constexpr std::size_t kJsonPathMax = 16;
}  // namespace llmrec::limits

// wire: event streams of AWS. Past a cap: the stream is no event stream, the tap goes blind.
namespace llmrec::limits {
// What the AWS SDKs accept of one message.
inline constexpr std::uint32_t kEventStreamMessageMax = 24 * 1024 * 1024;
inline constexpr std::uint32_t kEventStreamHeadersMax = 128 * 1024;
// A header value that is kept is a name; the longest known exception has 27 characters.
inline constexpr std::size_t kEventStreamValueMax = 64;
}  // namespace llmrec::limits

// relay: heads and hellos.
namespace llmrec::limits {
// A CONNECT head is 100 octets, with a bearer token 4 KiB. Past it: 431.
inline constexpr std::size_t kConnectHeadOctets = 16 * 1024;
// Post-quantum key shares make hellos of 2 KiB, ECH some more. On the wire, record headers
// included. Past it: malformed, the connection is not opened.
inline constexpr std::size_t kClientHelloOctets = 64 * 1024;
// Real clients offer at most three. More are read but not kept.
inline constexpr std::size_t kHelloAlpnNames = 16;
// The list is walked once per connection. Past it: an error at start.
inline constexpr std::size_t kHostListEntries = 1024;
}  // namespace llmrec::limits

// tls: certificates and buffers.
namespace llmrec::limits {
// Leaf certificates kept, 1.5 KiB each. Past it: the one unused for longest is dropped and minted
// again when asked for, 0.4 ms.
inline constexpr std::size_t kMintCachedLeaves = 1000;
// Permitted names in the intermediate, which travels in every handshake. Past it: an error at
// start.
inline constexpr std::size_t kCaPermittedNames = 512;
// A file of the CA directory. Past it: refused.
inline constexpr std::size_t kCaFileOctets = 1024 * 1024;
// Debian's bundle of system roots is 220 KiB. Past it: refused.
inline constexpr std::size_t kSystemBundleOctets = 16 * 1024 * 1024;
// Private keys: a few P-256 keys of some hundred octets.
inline constexpr std::size_t kSecureHeapOctets = 64 * 1024;
// The loop's shared scratch for cipher and plain octets. A turn reads 64 KiB; past the mark: the
// engine fails, its connection is closed.
inline constexpr std::size_t kTlsBufferOctets = 1024 * 1024;
}  // namespace llmrec::limits

// record: what one record may hold. The tap cuts as it collects, the codec cuts again: a text at a
// whole code point, a list at its end. Times and counts have no cap.
namespace llmrec::limits {
// Longest id seen of a provider: 64. Clients choose theirs; a longer one is not findable by its
// end.
inline constexpr std::size_t kRecordIdTextMax = 256;
// Vocabulary: provider, operation, dialect, region, event, alert and reason names.
inline constexpr std::size_t kRecordNameMax = 64;
// RFC 1035 §2.3.4: a host name has at most 253 characters.
inline constexpr std::size_t kRecordHostMax = 255;
// Bedrock ARNs used as a model name reach about 150.
inline constexpr std::size_t kRecordModelMax = 256;
inline constexpr std::size_t kRecordUserAgentMax = 256;
// The contract of error_detail: a code, never a sentence.
inline constexpr std::size_t kRecordErrorDetailMax = 120;
// OpenAI allows 128 choices; one finish reason each.
inline constexpr std::size_t kFinishReasonsMax = 128;
// OpenAI allows 128 tools; an answer with more calls than that is counted, not listed.
inline constexpr std::size_t kToolCallsMax = 128;
// OpenAI allows 64 characters, Anthropic 128.
inline constexpr std::size_t kToolNameMax = 128;
// Buckets of the arrival picture: `show` draws them on one line of a terminal.
inline constexpr std::size_t kTimelineBuckets = 64;
inline constexpr std::size_t kFactsMax = 32;  // tags, and as many notes
inline constexpr std::size_t kFactKeyMax = 64;
inline constexpr std::size_t kFactValueMax = 256;
// All of the above at their caps encode to less; an encoded record beyond it is refused as damaged.
inline constexpr std::size_t kEncodedRecordMax = 128 * 1024;
}  // namespace llmrec::limits

// store: rows, transactions and the way to the disk. At a cap records are dropped, counted and
// listed in the table `loss`.
namespace llmrec::limits {
// The file never grows beyond its map, so this is the disk budget where none is given.
inline constexpr std::size_t kStoreMapBytes = 512ULL * 1024 * 1024;
// Below this a batch alone could fill what is kept free.
inline constexpr std::size_t kStoreMapBytesMin = 4 * 1024 * 1024;
// LMDB's reader table: every reading command takes a slot for milliseconds.
inline constexpr unsigned kStoreReadersMax = 256;
// Deleting from a full map needs free pages and wedges without them: the oldest records go from
// 70 % on, new ones are refused from 90 % on.
inline constexpr std::size_t kStorePrunePercent = 70;
inline constexpr std::size_t kStoreDropPercent = 90;
// Records pruned beyond twice the inserted ones in one transaction: keeps commits short.
inline constexpr std::size_t kStorePruneExtra = 64;
// The largest encoded record and the store's own few octets.
inline constexpr std::size_t kStoreBlobMax = kEncodedRecordMax + 1024;
// Ids of one record that can be searched for: five kinds, and one per tool call.
inline constexpr std::size_t kStoreIdsMax = 160;
inline constexpr std::size_t kStoreIdKinds = 8;
// Answers to one search by id: a client may send the same id with every request.
inline constexpr std::size_t kStoreFindMax = 64;
// A read transaction pins every page freed after its start: rows are copied a page at a time, far
// below 250 ms, and shown with no transaction open.
inline constexpr std::size_t kStorePageRows = 256;
inline constexpr std::size_t kStorePageBytes = 1024 * 1024;
// Rows closed in one transaction at the start; more need one more transaction.
inline constexpr std::size_t kStoreSweepRows = 1024;
// Episodes of loss that are remembered; the oldest are forgotten.
inline constexpr std::size_t kStoreLossRows = 1024;
// One episode: losses for one reason with no longer pause than this.
inline constexpr std::int64_t kStoreLossPauseMs = 60'000;
inline constexpr std::int64_t kStoreReaderCheckMs = 10'000;
// The mailbox to the writer: about ten seconds of a slow disk at 800 records/s.
inline constexpr std::size_t kMailboxEntries = 8192;
inline constexpr std::size_t kMailboxBytes = 16ULL * 1024 * 1024;
// One commit: the first of these. A sync costs milliseconds whatever it carries.
inline constexpr std::int64_t kCommitWindowNs = 10'000'000;
inline constexpr std::size_t kCommitRecords = 256;
inline constexpr std::size_t kCommitBytes = 1024 * 1024;
// A broken disk says the same thing a hundred times a second: one line per reason in this time.
inline constexpr std::int64_t kStoreLogPauseNs = 60'000'000'000;
}  // namespace llmrec::limits

// dialect and tap: one exchange.
namespace llmrec::limits {
// Choices of one answer that are told apart; OpenAI allows 128.
inline constexpr std::size_t kChoicesMax = 128;
// Calls that one document may speak of; more share the last place and are counted.
inline constexpr std::size_t kToolPiecesMax = 128;
// Arguments that stand before the index of their call are held until it comes. More than this are
// only right for a call that had none before, which is what real providers send.
inline constexpr std::size_t kToolArgumentsHeldMax = 4096;
// What is held of a document whose dialect is not known yet, and after how many such documents
// nobody looks any more. The words that tell stand at the front.
inline constexpr std::size_t kSniffMax = 4096;
inline constexpr std::size_t kSniffDocuments = 4;
// Levels inside an object of tool arguments that are measured, 2^n places each; what lies deeper
// counts as empty. Arguments nest two or three deep.
inline constexpr std::size_t kObjectDepthMax = 6;
// Results of earlier tool calls that one request refers to.
inline constexpr std::size_t kToolResultIdsMax = 32;
// Pipelined requests without an answer. Beyond this the tap goes blind; no client of a provider was
// seen to pipeline at all.
inline constexpr std::size_t kPipelineMax = 64;
}  // namespace llmrec::limits

// relay and net: what a connection may hold, and how long it may take to begin.
namespace llmrec::limits {
// A sink's queue: reading its source stops at the first mark and goes on at the second. Two TLS
// records in flight need 32 KiB; more only hides a slow reader from the sender.
inline constexpr std::size_t kQueueHighOctets = 64 * 1024;
inline constexpr std::size_t kQueueLowOctets = 16 * 1024;
// One read. A turn of the loop reads a socket once, so that no connection starves another.
inline constexpr std::size_t kReadOctets = 64 * 1024;
// Until the CONNECT head is whole, until the ClientHello is, until a TLS handshake is done: a
// client that cannot do it in this time will not.
inline constexpr std::int64_t kConnectHeadNs = 10'000'000'000;
inline constexpr std::int64_t kHandshakeNs = 10'000'000'000;
// A resolver that takes longer has lost the packet.
inline constexpr std::int64_t kResolveNs = 5'000'000'000;
// RFC 8305 section 5: the next address is tried while the first is still silent.
inline constexpr std::int64_t kNextAddressNs = 250'000'000;
inline constexpr std::size_t kAddressesMax = 8;  // of one name that are tried
// After a refusal the client's octets are read and dropped, so that our answer is not lost to an
// RST (RFC 9112 section 9.6).
inline constexpr std::int64_t kLingerNs = 2'000'000'000;
inline constexpr std::size_t kLingerOctets = 1024 * 1024;
// An RST throws away what the kernel has not sent yet: it waits for the last acknowledgement as
// long as they keep coming, and this long without one, looking this often.
inline constexpr std::int64_t kResetWaitNs = 1'000'000'000;
inline constexpr std::int64_t kResetPollNs = 2'000'000;
// Connections waiting to be accepted; the kernel caps it at net.core.somaxconn.
inline constexpr int kBacklog = 4096;
inline constexpr int kAcceptsPerTurn = 64;
// Descriptors kept for the store, logs and the resolver.
inline constexpr std::size_t kReservedDescriptors = 64;
inline constexpr std::size_t kDescriptorsPerSession = 2;
// libuv runs (threads + 1) / 2 lookups at once: with its four, two dead names stall all others.
inline constexpr int kResolverThreads = 32;
// How often an enforced budget is looked at, while a call runs.
inline constexpr std::int64_t kBudgetPollNs = 20'000'000;
// A running call is checkpointed when it is this old and got further, and otherwise this often
// while it moves.
inline constexpr std::int64_t kCheckpointSoonNs = 10'000'000;
inline constexpr std::int64_t kCheckpointEveryNs = 2'000'000'000;
// More KeyUpdates in one second than any honest peer sends in a day.
inline constexpr std::uint64_t kKeyUpdatesPerSecond = 1000;
inline constexpr int kLoopsMax = 64;
}  // namespace llmrec::limits

// cli: what a command reads.
namespace llmrec::limits {
// A capture for `llmrec tap`: real exchanges are a few MiB. Past it: refused.
inline constexpr std::size_t kCaptureOctets = 256 * 1024 * 1024;
// A configuration file has a line per flag and host. Past it: refused.
inline constexpr std::size_t kConfigLinesMax = 10'000;
// Records that one table holds in memory, about 1 KiB each. Past it: the rest is not shown, and a
// line says so; jsonl and csv have no such limit.
inline constexpr std::size_t kListedRecords = 100'000;
// A screenful each.
inline constexpr std::size_t kListedByDefault = 50;
inline constexpr std::size_t kFollowedByDefault = 10;
// Records that `ls -f` remembers as shown: those that ended after a call that still runs began.
// Past it: the oldest are forgotten, and a call of that time is not shown when it ends.
inline constexpr std::size_t kFollowedIds = 200'000;
// An id is in the store this long after its call began, at the latest: a running call is written
// after 10 ms, a commit takes milliseconds, a slow disk seconds.
inline constexpr std::int64_t kSettledMs = 10'000;
// The same for `export`, which people run by hand after a call: the common case, and a slow disk
// that makes a record come later than this makes it miss that record.
inline constexpr std::int64_t kExportSettledMs = 2'000;
// `ls -f` looks at most this often while records come, and at least this often when the system
// does not tell of changes.
inline constexpr int kFollowPauseMs = 200;
inline constexpr int kFollowIdleMs = 2'000;
// Newest records that `doctor` looks at.
inline constexpr std::size_t kDoctorRecords = 100'000;
// What stands before a pager is started: a screen has fewer lines.
inline constexpr std::size_t kPagerHeldOctets = 256 * 1024;
// Candidates shown for an id that fits several records.
inline constexpr std::size_t kCandidatesShown = 10;
}  // namespace llmrec::limits

// tap: estimates and prices.
namespace llmrec::limits {
// Models that a ratio of tokens is remembered for, 350 octets each; an app uses a handful. Past
// it: the one not heard of for longest is forgotten.
inline constexpr std::size_t kTokenModels = 64;
// Calls that one ratio rests on: enough for a median, few enough to follow an app that changes.
inline constexpr std::size_t kTokenRatios = 32;
// LiteLLM's list has 1.3 MiB and 2,600 models. Past either: an error at start, entries not taken.
inline constexpr std::size_t kPriceFileOctets = 16 * 1024 * 1024;
inline constexpr std::size_t kPricesMax = 20'000;
// Tokens of one call; the largest context has two million. Past it: no cost.
inline constexpr std::int64_t kPricedTokensMax = 100'000'000;
}  // namespace llmrec::limits

// wire and tap: WebSocket.
namespace llmrec::limits {
// Octets of one message that are inflated; Codex sends requests of some MiB. Past it: the
// direction's messages are counted, not read.
inline constexpr std::uint64_t kWebSocketInflatedMax = kDecodedMax;
}  // namespace llmrec::limits

// report: statistics over any number of records.
namespace llmrec::limits {
// Values that are kept one by one for exact quantiles, 8 octets each; more share classes.
inline constexpr std::size_t kQuantilesExact = 512;
// Groups of one breakdown. The names come from strangers (a model is what a request says), so the
// rest share one group.
inline constexpr std::size_t kStatsGroups = 100;
// Breakdowns at once.
inline constexpr std::size_t kStatsBreakdowns = 8;
// Attempts whose predecessor has not been met yet. Past it: not followed, and counted as such.
inline constexpr std::size_t kStatsChains = 100'000;
// Columns of a picture over time.
inline constexpr std::size_t kStatsPeriods = 60;
}  // namespace llmrec::limits

// tap: what joins calls of different connections.
namespace llmrec::limits {
// Calls that still run or did not end well, about 400 octets each. Past it the oldest can no longer
// be known as what a later call tries again.
inline constexpr std::size_t kRelationsMax = 4096;
// SDKs wait 8 s at most between tries, gateways a minute; a retry-after may say some minutes.
inline constexpr std::int64_t kRetryWindowNs = 600'000'000'000;
// An agent sends all its earlier tool results with every call; what was seen is not looked up anew.
inline constexpr std::size_t kToolResultsSeenMax = 8192;
}  // namespace llmrec::limits

// relay and net: ways in and out.
namespace llmrec::limits {
// Destinations whose clients refused our certificate; with globs anybody can name new ones. Past
// it: the one that was refused longest ago is forgotten.
inline constexpr std::size_t kDistrustEntries = 1024;
// Refusals in a row before a destination is left unopened, and for how long: one could be a client
// that was started before its bundle was written.
inline constexpr unsigned kDistrustRefusals = 3;
inline constexpr std::int64_t kDistrustNs = 600'000'000'000;
// getaddrinfo() tells no TTL; a new pod's address should not be late by more than this. Past the
// number: the entry that ends first goes.
inline constexpr std::int64_t kDnsCacheNs = 5'000'000'000;
inline constexpr std::size_t kDnsCacheEntries = 256;
// A client of a reverse listener that says nothing, as nginx has it. A redirected connection has no
// such limit: its server may be the one to speak first, and neither may for hours.
inline constexpr std::int64_t kSilentClientNs = 60'000'000'000;
inline constexpr std::size_t kDoorsMax = 64;
}  // namespace llmrec::limits

// admin: a port for probes, scrapes and a dashboard. At a cap the admin client is turned away or
// waits; traffic does not notice.
namespace llmrec::limits {
// Probes, a scraper and some browser tabs. More wait in the kernel's queue.
inline constexpr std::size_t kAdminConnections = 64;
// Browsers send about 1 KiB. Past it: 431.
inline constexpr std::size_t kAdminHeadOctets = 8 * 1024;
// Notes of one record: 32 of at most 320 octets, escaped. Past it: 413.
inline constexpr std::size_t kAdminBodyOctets = 64 * 1024;
// For a request to come; for its answer to be made, and again for it to be taken.
inline constexpr std::int64_t kAdminReadNs = 10'000'000'000;
inline constexpr std::int64_t kAdminWriteNs = 30'000'000'000;
// Questions to the store that wait for their turn. Past it: 503.
inline constexpr std::size_t kAdminJobs = 16;
// A loop that was poked and has not turned for so long is stuck: /livez says so.
inline constexpr std::int64_t kStuckLoopNs = 10'000'000'000;
// Failures that the dashboard lists.
inline constexpr std::size_t kNewestFailures = 25;
// Records that one /stats.json looks at, about a second's work. Past it: the older ones are left
// out, and the answer says so.
inline constexpr std::size_t kAdminStatsRecords = 1'000'000;
// How often the writer's thread looks how full the store is.
inline constexpr std::int64_t kStoreGaugeNs = 1'000'000'000;
}  // namespace llmrec::limits

// admin: series of /metrics. Names beyond a cap share "other".
namespace llmrec::limits {
// Classes of a histogram, the last one open.
inline constexpr std::size_t kMetricBuckets = 16;
inline constexpr std::size_t kMetricProviders = 32;
inline constexpr std::size_t kMetricModels = 50;
inline constexpr std::size_t kMetricDialects = 32;
// Pairs of provider and dialect: each has three histograms, 60 samples in all.
inline constexpr std::size_t kMetricFlows = 64;
inline constexpr std::size_t kMetricWork = 400;
inline constexpr std::size_t kMetricFailures = 400;
}  // namespace llmrec::limits

// daemon: one line of JSON per record on standard output.
namespace llmrec::limits {
// Container runtimes cut lines at 16 KiB.
inline constexpr std::size_t kRecordLineOctets = 16 * 1024 - 1;
// Records that wait for standard output, about 2 KiB each. Past it: dropped and counted.
inline constexpr std::size_t kRecordLinesQueued = 4096;
// What a pipe with room takes without blocking (PIPE_BUF).
inline constexpr std::size_t kRecordLineWrite = 4096;
// At the end, a standard output that takes nothing for so long is given up.
inline constexpr std::int64_t kRecordLineDrainNs = 2'000'000'000;
}  // namespace llmrec::limits

// run: a command with a recorder of its own.
namespace llmrec::limits {
// What still runs when the command has ended belongs to something that it left behind; the person
// waits for the receipts. Past it: cut, and recorded as recorder_draining.
inline constexpr std::int64_t kRunDrainNs = 2'000'000'000;
}  // namespace llmrec::limits

// edit: what the opt-in edits hold back.
namespace llmrec::limits {
// A request is held until it is whole, as the new Content-Length stands before the body. Prompts
// with pictures have some MiB. Past it: passed on unchanged, and a note says so.
inline constexpr std::size_t kEditBodyOctets = 8 * 1024 * 1024;
// A stream's last events, while it is not known whether the usage chunk is among them, and a chunk
// of HTTP that is not whole yet. Providers send a few KiB in one. Past it: passed on unchanged.
inline constexpr std::size_t kEditHeldOctets = 64 * 1024;
// One usage chunk has some hundred octets. An event beyond this is none.
inline constexpr std::size_t kEditFrameOctets = 16 * 1024;
// Chunks of HTTP that are held at once: a usage chunk that comes in single octets. Past it: passed
// on unchanged.
inline constexpr std::size_t kEditHeldChunks = 1024;
}  // namespace llmrec::limits

// relay: a side whose queue grows although nothing is read for it.
namespace llmrec::limits {
// What is relayed ends at kQueueHighOctets and one read, with what TLS adds to them. Only our own
// answers to a side (KeyUpdate) grow its queue further: past this that side is not read either.
inline constexpr std::size_t kQueueFloodOctets = 256 * 1024;
}  // namespace llmrec::limits

// relay: clear HTTP.
namespace llmrec::limits {
// Requests passed on whose answers are due, 2 octets each; clients of providers do not pipeline at
// all. Past it: the client's octets wait, as they do behind a server that does not read.
inline constexpr std::size_t kAnswersDueMax = 1024;
}  // namespace llmrec::limits
