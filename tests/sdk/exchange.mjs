// Answers made of the exchanges of tests/fixtures: what a provider sends, block by block.
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { offers } from './provider.mjs';

const FIXTURES = path.join(
  import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname),
  '..',
  'fixtures',
);

// The blocks of the response; the first begins with the head.
function answer(name) {
  const octets = fs.readFileSync(path.join(FIXTURES, `${name}.replay`));
  const blocks = [];
  for (let at = 0; at < octets.length;) {
    const line = octets.indexOf('\n', at);
    const [, direction, size] = octets.subarray(at, line).toString().split(' ');
    const length = size === 'end' ? 0 : Number(size);
    if (direction === 'resp' && size !== 'end')
      blocks.push(octets.subarray(line + 1, line + 1 + length));
    at = size === 'end' ? line + 1 : line + 1 + length + 1;
  }
  return blocks;
}

export const golden = (name) => JSON.parse(fs.readFileSync(path.join(FIXTURES, `${name}.golden`)));

export const whole = answer;

// With the block of another exchange that has `what` in it, before the one that has `where`.
export function withBlock(name, where, other, what) {
  const blocks = answer(name);
  const added = answer(other).find((block) => block.includes(what));
  blocks.splice(
    blocks.findIndex((block) => block.includes(where)),
    0,
    added,
  );
  return blocks;
}

// Up to the first block that has `what` in it, and with it.
export function upTo(name, what) {
  const blocks = answer(name);
  const at = blocks.findIndex((block, i) => i > 0 && block.includes(what));
  if (at < 0) throw new Error(`${name} has no ${what}`);
  return blocks.slice(0, at + 1);
}

// Ids of tool calls are never the same twice, and results are found by them. Of equal length.
export const withIds = (blocks, letter) =>
  blocks.map((block) =>
    Buffer.from(
      block
        .toString('latin1')
        .replace(/(call_|toolu_|fc_|find_animal_)Q(?=[ab]")/g, `$1${letter}`)
        .replace('Ab12Cd34E', `Ab12Cd34${letter}`),
      'latin1',
    ),
  );

export function withFields(name, fields) {
  const [first, ...rest] = answer(name);
  let head = first.toString('latin1');
  for (const [field, value] of Object.entries(fields)) {
    head = head
      .replace(new RegExp(`^${field}:.*\r\n`, 'im'), '')
      .replace('\r\n', `\r\n${field}: ${value}\r\n`);
  }
  return [Buffer.from(head, 'latin1'), ...rest];
}

const CODINGS = { br: zlib.brotliCompressSync, gzip: zlib.gzipSync };

// Compressed as far as the client offers it, as providers do with what is not a stream.
export const coded = (name) => [
  ({ plain }, request) => {
    const octets = Buffer.concat(answer(name));
    const end = octets.indexOf('\r\n\r\n');
    const coding = Object.keys(CODINGS).find((c) => offers(request, c));
    const body = coding ? CODINGS[coding](octets.subarray(end + 4)) : octets.subarray(end + 4);
    const head = octets
      .subarray(0, end)
      .toString('latin1')
      .replace(/^content-length: *\d+/im, `Content-Length: ${body.length}`);
    plain.write(`${head}${coding ? `\r\nContent-Encoding: ${coding}` : ''}\r\n\r\n`);
    plain.write(body);
  },
];
