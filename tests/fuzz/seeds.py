#!/usr/bin/env python3
"""Writes the hand-made part of tests/fuzz/corpus: the exchanges of tests/fixtures cut up for each target,
and hostile inputs. What fuzzing found has a name that begins with `found-` or `more-` and is left alone.

    seeds.py            writes the files
    seeds.py --check    only says which differ from what it would write
"""
import base64
import gzip
import json
import pathlib
import re
import struct
import sys
import zlib

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE / 'corpus'
FIXTURES = HERE.parent / 'fixtures'
MOST, LONGEST = 40, 4096
FILES = {}  # (target, name): octets


def add(target, name, octets):
    if isinstance(octets, str):
        octets = octets.encode()
    if len(octets) <= LONGEST:
        FILES[target, name] = octets


# --- exchanges

def blocks(path):
    """(ns, direction, octets or the name of an end)"""
    rest = path.read_bytes()
    while rest:
        line, _, rest = rest.partition(b'\n')
        at, direction, what = line[1:].decode().split(' ', 2)
        if what.startswith('end '):
            yield int(at), direction, what[4:]
        else:
            yield int(at), direction, rest[:int(what)]
            rest = rest[int(what) + 1:]


def body(stream):
    """The body of the first message, out of its chunks; coded as it was."""
    head, _, rest = stream.partition(b'\r\n\r\n')
    if b'chunked' not in head.lower():
        return head, rest
    out = b''
    while rest:
        size, _, rest = rest.partition(b'\r\n')
        try:
            size = int(size.split(b';')[0], 16)
        except ValueError:
            break
        out += rest[:size]
        rest = rest[size + 2:]
        if not size:
            break
    return head, out


ENDS = {'close_notify': 1, 'fin': 2, 'reset': 3, 'tls_alert': 4, 'timeout': 5}
HOSTS = ['api.openai.com', 'api.anthropic.com', 'llm.internal', 'bedrock-runtime.us-east-1.amazonaws.com',
         'openrouter.ai', 'generativelanguage.googleapis.com', 'api.mistral.ai', 'api.cohere.com']


def wait(ns):
    return 0 if ns == 0 else 1 if ns < 10e6 else 2 if ns < 100e6 else 3 if ns < 1e9 else 4


def tap_input(exchange, options=0):
    """Blocks as tap.cc reads them. Whole chunks become blocks that are made chunks again."""
    out, before = b'', 0
    for at, direction, what in exchange:
        how = (direction == 'resp') | wait(at - before) << 5
        before = at
        if isinstance(what, str):
            out += bytes([how | ENDS[what] << 2])
            continue
        chunk = re.fullmatch(rb'([0-9a-f]+)\r\n(.+)\r\n', what, re.S)
        if chunk and int(chunk[1], 16) == len(chunk[2]):
            out += bytes([how | 2]) + struct.pack('>H', len(chunk[2])) + chunk[2]
        else:
            out += bytes([how]) + struct.pack('>H', len(what)) + what
    return bytes([options, 7]) + out


def from_fixtures():
    entries = {}
    taps = {}
    for path in sorted(FIXTURES.glob('*/*.replay')):
        folder, name = path.parent.name, path.stem
        exchange = list(blocks(path))
        request = b''.join(b for _, d, b in exchange if d == 'req' and isinstance(b, bytes))
        response = b''.join(b for _, d, b in exchange if d == 'resp' and isinstance(b, bytes))
        host = re.search(rb'\r\nHost: ([^\r:]+)', request)
        host = host[1].decode() if host else ''
        option = HOSTS.index(host) << 1 if host in HOSTS else 4
        taps.setdefault(folder, []).append((name, tap_input(exchange, option | (16 if 'cut' in name else 0))))
        entries.setdefault(folder, []).append((name, body(request)[1], *body(response)))
        if folder == 'openai-chat':
            if name in ('text', 'pipelined', '100-continue', 'chunk-extension-and-trailer', 'chunk-size-broken',
                        'until-close'):
                add('http1', f'request-{name}', bytes([0, 3]) + request)
                add('http1', f'response-{name}', bytes([1, 9]) + response)
            if name in ('text', 'crlf', 'cr', 'byte-order-mark', 'comments', 'multi-line-data', 'google-raw-error',
                        'unterminated-tail', 'event-not-json', 'llama-cpp-error-field'):
                add('sse', name, b'\5' + body(response)[1])
            if name in ('gzip', 'br', 'zstd', 'json-gzip', 'json-br', 'json-zstd'):
                which = [('gzip', 0), ('br', 2), ('zstd', 3)]
                add('decode', f'fixture-{name}', bytes([next(n for w, n in which if w in name), 11]) + body(response)[1])
        if folder.startswith('bedrock') and b'vnd.amazon.eventstream' in response and b'gzip' not in response:
            if name in ('text', 'frame-damaged', 'cut-in-frame', 'throttlingexception', 'error-without-payload',
                        'nova', 'claude-tools'):
                add('event_stream', f'{folder}-{name}', bytes([0, 3]) + body(response)[1])
        if folder.startswith('ollama') and name in ('text', 'empty-lines', 'last-line-unended', 'line-not-json'):
            add('lines', f'{folder}-{name}', b'\4' + body(response)[1])
        if folder == 'gemini-generate' and 'array' in name:
            add('json_array', name, b'\4' + body(response)[1])
    for folder, inputs in sorted(taps.items()):
        # The smallest of each kind of ending say most for their size.
        small = sorted((len(octets), name, octets) for name, octets in inputs if len(octets) <= LONGEST)
        for _, name, octets in (small[:1] + small[len(small) // 2:len(small) // 2 + 1]):
            add('tap', f'{folder}-{name}', octets)
    for name, octets in taps['openai-chat']:
        if name in ('text', 'pipelined', 'gzip', 'cut-in-tool-call', 'client-reset'):
            add('tap', f'openai-chat-{name}', octets)
    return entries


# --- dialects

def documents(kind, coded):
    """What a body says: the documents of any framing, one a line, with the names of their events."""
    if b'eventstream' in kind:
        out = []
        while len(coded) >= 16:
            total, headers = struct.unpack('>II', coded[:8])
            part, coded = coded[:total], coded[total:]
            name = re.search(rb':(?:event|exception)-type\x07(..)(.*)', part[12:12 + headers], re.S)
            if name:
                out.append(b'!' + name[2][:struct.unpack('>H', name[1])[0]])
            out.append(part[12 + headers:-4])
        return out
    if b'event-stream' in kind:
        out = []
        for line in re.split(rb'\r\n|\r|\n', coded):
            if line.startswith(b'event:'):
                out.append(b'!' + line[6:].strip())
            elif line.startswith(b'data:'):
                out.append(line[5:].strip())
        return out
    return coded.replace(b'\r', b'').split(b'\n')


FOLDERS = {'cohere_v1_generate': 'cohere-v1', 'unknown': 'openai-chat'}
TARGETS = {'bedrock_invoke': 1, 'bedrock_converse': 1, 'gemini_generate': 3, 'gemini_interactions': 3}
NASTY = [
    '{}', '[]', 'null', '""', '0', '{"error":null}', '{"error":"x"}', '{"error":{"message":1,"code":"c","type":7}}',
    '{"error":{"type":"overloaded_error","code":null},"type":"error"}', '[{"error":{"code":429,"status":"X"}}]',
    '{"usage":{"prompt_tokens":-1,"completion_tokens":1e99,"total_tokens":9223372036854775808,"input_tokens":"7"}}',
    '{"model":"' + 'm' * 400 + '","id":"' + 'i' * 400 + '"}',
    '{"choices":[{"index":4294967296,"delta":{"tool_calls":[{"index":-1,"function":{"arguments":"{"}}]}}]}',
    '{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{\\"a\\":"},"index":3,"id":"x"},{"index":3,'
    '"function":{"arguments":"1}"}}]},"finish_reason":"tool_calls","index":2}]}',
    '{"choices":[' + ','.join('{"index":%d,"finish_reason":"stop"}' % i for i in range(60)) + ']}',
    '{"type":"content_block_delta","index":"x","delta":{"type":"input_json_delta","partial_json":"{}"}}',
    '{"candidates":[{"content":{"parts":[{"text":"a"},{"functionCall":{"name":"f","args":{"a":[1,{"b":2}]}}}]},'
    '"finishReason":"STOP"},{"index":1}],"usageMetadata":{"promptTokenCount":1}}',
    '{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f"}}',
    '{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{"}',
    '{"type":"response.completed","response":{"id":"r","status":"completed","usage":{"input_tokens":1}}}',
    '{"bytes":"' + base64.b64encode(b'{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":'
                                    b'{"output_tokens":5}}').decode() + '"}',
    '{"bytes":"%%%"}', '{"a":"\\ud83d","model":"\\u0000\\uffff"}', '{"message":{"role":"assistant","content":"x",'
    '"tool_calls":[{"function":{"name":"f","arguments":{"a":{"b":[{}]}}}}]},"done":true,"eval_count":3}',
]


def from_dialects(entries):
    names = re.search(r'dialect_names = \[(.*?)\]', (HERE.parent.parent / 'src/dialect/meson.build').read_text(), re.S)
    for name in re.findall(r"'(\w+)'", names[1]):
        target, folder = f'dialect-{name}', FOLDERS.get(name, name.replace('_', '-'))
        where = TARGETS.get(name, 0)
        add(target, 'nasty', bytes([0, where, 3]) + '\n'.join(NASTY).encode())
        add(target, 'nasty-answer', bytes([2, where + 1, 3]) + '\n'.join(NASTY).encode())
        add(target, 'nasty-error', bytes([4, where, 3]) + '\n'.join(NASTY).encode())
        requests, answers = {}, {}
        for case, request, head, answer in entries.get(folder, []):
            if not request or b'content-encoding' in head.lower():
                continue
            kind = re.search(rb'(?i)content-type: ([^\r]*)', head)
            said = b'\n'.join(documents(kind[1] if kind else b'', answer))
            refused = re.match(rb'HTTP/1.1 [45]', head)
            stream = kind and not kind[1].startswith(b'application/json')
            side = 4 if refused else 0 if stream else 2
            requests[request] = (case, bytes([1, where, 5]) + request)
            if said:
                answers[said] = (case, bytes([side, where, 5]) + said)
        for what, most, some in (('asked', 6, requests), ('said', 26, answers)):
            step = max(1, len(some) // most)
            for case, octets in list(some.values())[::step][:most]:
                add(target, f'{what}-{case}', octets)


# --- by hand

def http1():
    for name, text in {
        'smuggle-both': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX',
        'smuggle-two-lengths': 'POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde',
        'length-list': 'POST / HTTP/1.1\r\nContent-Length: 4, 4\r\n\r\nabcd',
        'length-plus': 'POST / HTTP/1.1\r\nContent-Length: +4\r\n\r\nabcd',
        'length-huge': 'POST / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\nabcd',
        'te-odd': 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
        'te-blank': 'POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
        'fold': 'GET / HTTP/1.1\r\nA: b\r\n c\r\nHost: x\r\n\r\n',
        'fold-first': 'GET / HTTP/1.1\r\n A: b\r\n\r\n',
        'bare-lf': 'GET / HTTP/1.1\nHost: x\n\n',
        'bare-cr': 'GET / HTTP/1.1\rHost: x\r\r',
        'nul': 'GET / HTTP/1.1\r\nA: b\0c\r\n\r\n',
        'connect': 'CONNECT a:443 HTTP/1.1\r\n\r\n\x16\x03\x01',
        'upgrade': 'GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00GET / HTTP/1.1\r\n\r\n',
        'chunk-ext': 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;a="b\r\nc"\r\nabcd\r\n0\r\nT: x\r\n\r\n',
        'chunk-huge': 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n',
        'two-empty-lines': '\r\n\r\nGET / HTTP/1.1\r\n\r\n',
        'old': 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\nGET /\r\n',
        'h2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    }.items():
        add('http1', name, bytes([0, 6]) + text.encode('latin-1'))
        if name.startswith(('smuggle', 'fold-', 'chunk-')):
            add('forward', f'reverse-{name}', bytes([1, 6, 0, 0]) + text.encode('latin-1'))
    for name, text in {
        'answers': 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n'
                   'HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\nHTTP/1.0 200\r\n\r\nuntil the end',
        'switch': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x01a',
        'no-reason': 'HTTP/1.1 200\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nConnection: close\r\n'
                     'Content-Length: 0\r\n\r\nmore',
        'status': 'HTTP/1.1 99 X\r\n\r\n', 'status-4': 'HTTP/1.1 2000 X\r\n\r\n',
        'lengths': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    }.items():
        for options in (1, 3, 5):
            if options == 1 or name == 'answers':
                add('http1', f'{name}-{options}', bytes([options, 6]) + text.encode('latin-1'))


def texts():
    for name, text in {
        'names': 'event: a\nevent: b\ndata\n\nevent: x\n\nevent\ndata: 1\n\n' + 'event: ' + 'n' * 70 + '\ndata:\n\n',
        'prefixes': 'd\nda\ndat\ndata\ndata:\n\nevent\neven\nid\nretry\nret: 5\nid: \0\nretry: 1a\nretry: 10\n:c\n\n',
        'ends': 'data: a\r\rdata: b\r\n\r\ndata: c\n\r\ndata: d\r\n\r', 'spaces': 'data:  two\n data: no\ndata :no\n\n',
        'bom': '\ufeffdata: a\n\n\ufeffdata: b\n\n', 'half-bom': '\ufeff'.encode()[:2], 'nothing': '',
    }.items():
        add('sse', name, b'\3' + (text if isinstance(text, bytes) else text.encode()))
    deep = '[' * 127 + '0' + ']' * 127
    for name, text in {
        'deep': deep, 'too-deep': '[' * 129, 'objects': '{"a":' * 127 + '1' + '}' * 127, 'object-too-deep': '{"a":' * 129,
        'numbers': '[0,-0,1.5e3,1E+400,-1e-999,9223372036854775807,9223372036854775808,-9223372036854775808,0.1]',
        'number-long': '1' * 400, 'number-zero': '01', 'number-point': '1.', 'minus': '-', 'exponent': '1e+',
        'escapes': r'"\ud83d\ude00\ud83d\u0041\ude00\\\"\/\b\f\n\r\t\u0000"', 'surrogate-end': r'"\ud83d"',
        'surrogate-cut': r'"\ud83d\u', 'surrogate-key': r'{"\ud83d":1,"a\ud83d\ude00":2}', 'bad-escape': r'"\x"',
        'control': '"a\nb"', 'words': '[true,false,null,tru]', 'tail': '{} x', 'blank': ' \t\r\n', 'nothing': '',
        'comma': '[1,]', 'colon': '{"a" 1}', 'comma-object': '{"a":1,}', 'bom': '\ufeff{}',
        'utf8': b'["\xff\xfe\xc0\x80\xed\xa0\x80"]', 'key-long': '{"' + 'k' * 70 + '":{"' + 'k' * 64 + '":1}}',
        'keys-twice': '{"a":1,"a":{"b":2},"b":[{"a":1},{"a":"x"}],"ab":[[{"a":1}]]}',
        'openai': '{"model":"m","choices":[{"index":0,"delta":{"content":"hi","tool_calls":[{"id":"x"}]}}],'
                  '"usage":{"prompt_tokens":1},"error":{"code":null}}',
    }.items():
        octets = text if isinstance(text, bytes) else text.encode()
        for paths in ((0, 1, 2) if name in ('openai', 'keys-twice', 'escapes') else (0,)):
            add('json', f'{name}-{paths}', bytes([paths, 5]) + octets)
    for name, text in {
        'plain': '[{"a":"]"},[1,2], "x\\"]" ,3 , true,null]', 'empty': ' [ ] ', 'open': '[{"a":[', 'tail': '[] x',
        'commas': '[,]', 'comma-end': '[1,]', 'two': '[1]\n[2]', 'none': '{"a":1}', 'bare': '[1 2]', 'quote': '["',
        'closers': '[}]', 'deep': '[' * 300,
    }.items():
        add('json_array', name, b'\3' + text.encode())
    for name, text in {'ends': 'a\r\n\r\nb\rc\n \t\r\nd\r', 'blanks': '\n\n  \n\r\r\n x \n', 'none': 'abc', 'cr': '\r\r\r\na\r\r\n'}.items():
        add('lines', name, b'\3' + text.encode())
    for name, text in {'plain': 'cXVhZ2dh', 'one': 'YQ==', 'two': 'YWI=', 'three-pads': 'Y===', 'early-pad': 'YQ==YQ==',
                       'pad-inside': 'Y=Qa', 'break': 'YWJj\nYWJj', 'missing': 'YQ', 'url': '-_-_', 'long': 'YWJj' * 300}.items():
        add('base64', name, b'\3' + text.encode())


def codings():
    plain = b'data: {"choices":[]}\n\n' * 20
    deflate = zlib.compress(plain)
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    add('decode', 'gzip', bytes([0, 5]) + gzip.compress(plain, mtime=0))
    add('decode', 'gzip-members', bytes([0, 5]) + gzip.compress(b'a', mtime=0) + gzip.compress(b'b', mtime=0) + b'\0\0')
    add('decode', 'gzip-cut', bytes([0, 5]) + gzip.compress(plain, mtime=0)[:-5])
    add('decode', 'gzip-name', bytes([0, 5]) + b'\x1f\x8b\x08\x1e\0\0\0\0\0\3\3\0abcname\0comment\0')
    add('decode', 'deflate', bytes([1, 5]) + deflate)
    add('decode', 'deflate-raw', bytes([1, 5]) + raw.compress(plain) + raw.flush())
    add('decode', 'deflate-dictionary', bytes([1, 5]) + b'\x78\xbb\0\0\0\1')
    add('decode', 'gzip-twice', bytes([10, 5]) + gzip.compress(gzip.compress(plain, mtime=0), mtime=0))
    add('decode', 'bomb', bytes([0, 0]) + gzip.compress(b'\0' * 3_000_000, mtime=0))
    add('decode', 'br-window', bytes([2, 5]) + b'\x11\x3f\xff\xff')
    add('decode', 'zstd-window', bytes([3, 5]) + b'\x28\xb5\x2f\xfd\x04\xff\1\0\0')
    add('decode', 'zstd-skippable', bytes([3, 5]) + b'\x50\x2a\x4d\x18\2\0\0\0ab')
    add('decode', 'identity', bytes([4, 5]) + plain)
    for chain in range(16):
        add('decode', f'make-{chain}', bytes([0x80 | chain, 40 + chain]) + plain[:200])


def frames(first, payload, masked=False):
    size = len(payload)
    out = bytes([first]) + (bytes([size | masked << 7]) if size < 126 else bytes([126 | masked << 7]) + struct.pack('>H', size))
    key = b'\x37\xfa\x21\x3d'
    return out + (key + bytes(o ^ key[i % 4] for i, o in enumerate(payload)) if masked else payload)


def websockets():
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = (deflate.compress(b'{"type":"response.created"}') + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    for name, how, octets in (
            ('text', 0, frames(0x81, b'hello') + frames(0x82, b'x' * 200) + frames(0x88, b'\x03\xe8bye')),
            ('masked', 0, frames(0x01, b'he', True) + frames(0x89, b'ping', True) + frames(0x80, b'llo', True)),
            ('packed', 3, frames(0xc1, packed) + frames(0xc1, packed)), ('packed-once', 1, frames(0xc1, packed) * 2),
            ('not-packed', 1, frames(0xc1, b'\xff\xff\xff')), ('bomb', 1, frames(0xc1, zlib.compress(b'\0' * 300000)[2:-4])),
            ('reserved', 0, frames(0xa1, b'')), ('opcode', 0, frames(0x83, b'')), ('long-ping', 0, frames(0x89, b'p' * 126)),
            ('cut-ping', 0, frames(0x09, b'')), ('lost-continuation', 0, frames(0x80, b'')),
            ('message-in-message', 0, frames(1, b'a') + frames(0x81, b'b')),
            ('length-64', 0, b'\x82\x7f\x80\0\0\0\0\0\0\0'), ('length-huge', 0, b'\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xffab'),
            ('close-1', 0, frames(0x88, b'x')), ('packed-continuation', 1, frames(0x41, packed[:3]) + frames(0xc0, packed[3:])),
            ('extensions', 4, b'permessage-deflate; client_no_context_takeover;server_max_window_bits="10", x-y; a=b'),
            ('make', 9, b'\x01\x00\x05hello\x17\x00\x04test\x7f\x00\x06abcabc'),
            ('make-packed', 11, b'\x05\x00\x0bhello hello\x3e\x00\x0bhello hello\x0d\x00\x05again\x05\x00\x05again')):
        add('websocket', name, bytes([how, 5]) + octets)


def event_streams():
    for name, octets in (('make', b'\0\4text\0\5hello\1\4oops\0\0\2\4code\0\2{}'), ('make-headers', b'\x1f\3abc\1\x2c' + b'p' * 300),
                         ('make-long-name', b'\0\xff' + b'n' * 255 + b'\0\1x')):
        add('event_stream', name, bytes([1, 7]) + octets)
    prelude = struct.pack('>II', 16, 0)
    add('event_stream', 'empty-message', bytes([0, 3]) + prelude + struct.pack('>I', zlib.crc32(prelude)) + b'\0\0\0\0')
    prelude = struct.pack('>II', 0xffffffff, 0xffffffff)
    add('event_stream', 'huge', bytes([0, 3]) + prelude + struct.pack('>I', zlib.crc32(prelude)))
    add('event_stream', 'no-stream', bytes([0, 3]) + b'{"message":"no"} and more of it')


def heads():
    for name, text in {
        'plain': 'CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n\x16\x03\x01',
        'user': 'CONNECT a.b:443 HTTP/1.1\r\nProxy-Authorization: Basic Y2hlY2tvdXQ6eA==\r\n\r\n',
        'python': 'CONNECT api.openai.com:443 HTTP/1.0\r\n\r\n', 'ipv6': 'CONNECT [::1]:443 HTTP/1.1\r\n\r\n',
        'ipv4': 'CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n', 'odd': 'CONNECT 0x7f.1:443 HTTP/1.1\r\n\r\n',
        'dot': 'CONNECT Api.OpenAI.com.:443 HTTP/1.1\r\n\r\n', 'user-info': 'CONNECT a@b:443 HTTP/1.1\r\n\r\n',
        'no-port': 'CONNECT a HTTP/1.1\r\n\r\n', 'port-0': 'CONNECT a:0 HTTP/1.1\r\n\r\n', 'port-big': 'CONNECT a:65536 HTTP/1.1\r\n\r\n',
        'lf': 'CONNECT a:443 HTTP/1.1\nHost: a\n\n', 'empty-line': '\r\nCONNECT a:443 HTTP/1.1\r\n\r\n',
        'fold': 'CONNECT a:443 HTTP/1.1\r\n x\r\n\r\n', 'version': 'CONNECT a:443 HTTP/2.0\r\n\r\n',
        'nul': 'CONNECT a\0b:443 HTTP/1.1\r\n\r\n', 'get': 'GET / HTTP/1.1\r\n\r\n',
        'forward': 'POST http://vllm:8000/v1/chat/completions HTTP/1.1\r\nHost: vllm:8000\r\n\r\n',
        'tls': '\x16\x03\x01\x02\x00\x01', 'zone': 'CONNECT [fe80::1%25eth0]:443 HTTP/1.1\r\n\r\n',
    }.items():
        add('connect', name, bytes([0, 4]) + text.encode('latin-1'))
    for name, text in {'granted': 'HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n\x16\x03', 'early': 'HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
                       'refused': 'HTTP/1.1 407 Auth\r\n\r\n', 'odd': 'HTTP/1.1 700 X\r\n\r\n', 'short': 'HTTP/1.0 200\r\n\r\n',
                       'other': 'SSH-2.0-x\r\n'}.items():
        add('connect', f'answer-{name}', bytes([1, 4]) + text.encode('latin-1'))
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx'
    switch = b'HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x00'
    one = b'POST http://vllm:8000/v1/x?a=b HTTP/1.1\r\nHost: other\r\nProxy-Authorization: Basic YTpi\r\nContent-Length: 2\r\n\r\nhi'
    for name, answers, text in (
            ('one', answer, one), ('two-origins', answer + b'\0' + answer, one + one.replace(b'vllm', b'ollama')),
            ('chunks', answer, b'POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n0\r\nT: v\r\n\r\n' + one),
            ('no-path', answer, b'GET http://a HTTP/1.1\r\n\r\n'), ('query', answer, b'GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n'),
            ('options', answer, b'OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n'), ('https', answer, b'GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n'),
            ('upgrade', switch, b'GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x80abcd' + one),
            ('refused-upgrade', answer, b'GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n' + one),
            ('head', b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n', b'HEAD http://a/ HTTP/1.1\r\nHost: a\r\n\r\n' + one),
            ('both', answer, b'POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
            ('old', answer, b'GET http://a/ HTTP/1.0\r\n\r\n' + one), ('broken-answer', b'nonsense\r\n', one + one),
            ('two-hosts', answer, b'GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'), ('origin-form', answer, b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
            ('connection-list', answer, b'GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: proxy-connection, x\r\nProxy-Connection: close\r\n\r\n')):
        add('forward', name, bytes([0, 5]) + struct.pack('>H', len(answers)) + answers + text)
        add('forward', f'reverse-of-{name}', bytes([1, 5]) + struct.pack('>H', len(answers)) + answers + text.replace(b'http://vllm:8000', b''))


def hello(extensions, version=0x0303, session=b''):
    block = b''.join(struct.pack('>HH', kind, len(data)) + data for kind, data in extensions)
    message = struct.pack('>H', version) + bytes(range(32)) + bytes([len(session)]) + session + b'\0\4\x13\1\xc0\x2f\1\0'
    message += struct.pack('>H', len(block)) + block
    message = b'\1' + struct.pack('>I', len(message))[1:] + message
    return b'\x16\3\1' + struct.pack('>H', len(message)) + message


def hellos():
    def name(host):
        return 0, struct.pack('>HBH', len(host) + 3, 0, len(host)) + host

    def alpn(*names):
        names = b''.join(bytes([len(n)]) + n for n in names)
        return 16, struct.pack('>H', len(names)) + names

    versions = (43, b'\4\3\4\3\3')
    for case, octets in {
        'plain': hello([name(b'api.openai.com'), alpn(b'h2', b'http/1.1'), versions]), 'bare': hello([]),
        'upper-dot': hello([name(b'Api.OpenAI.com.')]), 'bad-name': hello([name(b'a b\0')]), 'two-names': hello([name(b'a'), name(b'b')]),
        'empty-name': hello([name(b'')]), 'ech': hello([name(b'cloudflare-ech.com'), (0xfe0d, b'\0' * 10), versions]),
        'alpn-odd': hello([alpn(b'', b'\xff\xff', b'http/1.0')]), 'alpn-many': hello([alpn(*[b'x%d' % i for i in range(40)])]),
        'tls13-only': hello([(43, b'\2\3\4')]), 'session': hello([name(b'a.example')], session=b's' * 32), 'session-long': hello([], session=b's' * 33),
        'cut': hello([name(b'api.openai.com')])[:40], 'http': b'GET / HTTP/1.1\r\n', 'alert': b'\x15\3\1\0\2\2\x28',
        'record-0': b'\x16\3\1\0\0' + hello([name(b'a')]), 'v2': b'\x80\x2e\1\3\1', 'server-hello': b'\x16\3\3\0\4\2\0\0\0',
        'length-huge': b'\x16\3\1\0\4\1\xff\xff\xff', 'behind': hello([name(b'a')]) + b'\x14\3\3\0\1\1',
        'name-cut': hello([(0, b'\0\xff\0\0\4abc')]), 'extension-cut': hello([name(b'a')])[:-2] + b'\xff\xff',
    }.items():
        add('hello', case, b'\4\x0f' + octets)


def rest():
    for name, text in {
        'list': json.dumps({'sample_spec': {}, 'gpt-4o': {'litellm_provider': 'openai', 'input_cost_per_token': 2.5e-06,
                                                         'output_cost_per_token': 1e-05, 'cache_read_input_token_cost': 1.25e-06},
                            'bedrock/us-east-1/anthropic.claude-v2': {'litellm_provider': 'bedrock', 'input_cost_per_token': 8e-06,
                                                                      'output_cost_per_token': 2.4e-05},
                            'gemini/gemini-2.5-pro': {'litellm_provider': 'gemini', 'input_cost_per_token': 1.25e-06,
                                                      'output_cost_per_token': 1e-05,
                                                      'input_cost_per_token_above_200k_tokens': 2.5e-06}}),
        'odd': '{"a":{"litellm_provider":"openai","input_cost_per_token":-1,"output_cost_per_token":1e300},'
               '"b":{"litellm_provider":1,"input_cost_per_token":"2"},"c":[],"d":{"litellm_provider":"openai",'
               '"input_cost_per_token":1e-06,"output_cost_per_token":0,"input_cost_per_token_above_99999999999999999999k_tokens":1}}',
        'array': '[]', 'nothing': '', 'cut': '{"gpt-4o":{"input_cost_per_token":1e-06', 'empty': '{}',
        'tiers': '{"m":{"litellm_provider":"openai","input_cost_per_token":1e-06,"output_cost_per_token":1e-06,'
                 '"input_cost_per_token_above_128k_tokens":2e-06,"output_cost_per_token_above_200k_tokens":3e-06}}',
    }.items():
        add('prices', name, text)
    for kind, many in enumerate((
            ('req_01JZ0T0M3V6Q3C1B4W0V7W9K2D', '01jz0t0m3v', 'req_', 'req_IOlu', '8ZZZZZZZZZZZZZZZZZZZZZZZZZ'),
            ('127.0.0.1', '127.1', '0177.0.0.1', '0x7f.1', '::ffff:1.2.3.4', '1::2::3', '2001:db8::', 'fe80::1%1', '::', '1:2:3:4:5:6:7::', '64:ff9b::7f00:1', '0x'),
            ('api.openai.com:443', 'API.OpenAI.com.', '[::1]:80', 'a@b:1', 'http://a:80/x?y', 'https://[::1]', 'a:', ':1',
             'http://a.:8000?x'),
            ('api.openai.com\n*.openai.azure.com:443=openai.chat\n[::1]:8000\n*\nx*y.z\n10.0.0.0/8, .local *', '=\n:\na:b\n*:1\n[::1\n'),
            ('checkout:secret', 'Basic Y2hlY2tvdXQ6eA==', 'Basic \xff', ':x', 'Basic Og=='),
            ('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '600.5', '1e9', '99999999999999999999', '-1',
             'Sun, 06 Nov 1994 08:49:37 GMT', 'Thu, 32 Foo 99999 25:61:61 GMT'))):
        for n, text in enumerate(many):
            add('names', f'{kind}-{n}', bytes([kind]) + text.encode('latin-1'))
    for n in range(12):
        add('relay', f'seed-{n}', struct.pack('<Q', n))
    add('relay', 'both-reset', bytes([3, 9, 0, 0, 1] * 8))
    add('relay', 'large-slow', bytes([5, 255, 1, 1, 0] * 30))


def sockets():
    head = ('GET /v1/responses HTTP/1.1\r\nHost: api.openai.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
            'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n').encode()
    answer = ('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
              '%s\r\n').encode()
    ask = frames(0x81, b'{"type":"response.create","model":"gpt-t","input":"quagga"}', True)
    said = b''.join(frames(0x81, t.encode()) for t in (
        '{"type":"response.created","response":{"id":"resp_1"}}', '{"type":"response.output_text.delta","delta":"quagga"}',
        '{"type":"response.completed","response":{"id":"resp_1","status":"completed","usage":{"input_tokens":7,"output_tokens":2}}}'))
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = frames(0xc1, (deflate.compress(b'{"type":"error","error":{"code":"x"}}') + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4])
    for name, path, extensions, octets in (
            ('responses', b'/v1/responses', b'', said + frames(0x88, b'\x03\xe8')), ('realtime', b'/v1/realtime', b'', said),
            ('packed', b'/v1/responses', b'Sec-WebSocket-Extensions: permessage-deflate\r\n', packed + said), ('opaque', b'/other', b'', said)):
        add('tap', f'websocket-{name}', tap_input([
            (0, 'req', head.replace(b'/v1/responses', path)), (10, 'resp', answer % extensions), (20, 'req', ask),
            (4e8, 'resp', octets), (5e8, 'resp', 'close_notify')]))


def main():
    from_dialects(from_fixtures())
    for make in (http1, texts, codings, websockets, event_streams, heads, hellos, rest, sockets):
        make()
    counts, differ = {}, []
    for (target, name), octets in sorted(FILES.items()):
        counts[target] = counts.get(target, 0) + 1
        path = CORPUS / target / name
        if '--check' in sys.argv:
            if not path.is_file() or path.read_bytes() != octets:
                differ.append(f'{target}/{name}')
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(octets)
    for path in CORPUS.glob('*/*'):
        key = path.parent.name, path.name
        if key not in FILES and not path.name.startswith(('found-', 'more-')):
            if '--check' in sys.argv:
                differ.append('/'.join(key))
            else:
                path.unlink()
    differ += [f'{target}: {n} files, {MOST} at most' for target, n in counts.items() if n > MOST]
    print('\n'.join([*differ, f'{len(FILES)} inputs for {len(counts)} targets, {len(differ)} faults']))
    return bool(differ)


if __name__ == '__main__':
    sys.exit(main())
