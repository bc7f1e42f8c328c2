// Compares our token ids with Hugging Face tokenizers' for one exported tokenizer, line by line. Exit code 1 when any line differs.
//
//     cram data export CORPUS tokenizer/                  # our tokenizer.json
//     cram data encode CORPUS text.txt ids.u16            # our ids, uint16 little endian, 0xFFFF after each line
//     npm install @anush008/tokenizers@0.6.0              # the Rust library's binding for Node
//     node tokenizer_parity.mjs tokenizer/tokenizer.json text.txt ids.u16 [folder with node_modules]
//
// A vocabulary of up to 65,535 entries. tokenizer_parity.py does the same with the Python package.
import { createReadStream, openSync, readSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [tokenizerPath, textPath, idsPath, modules = "."] = process.argv.slice(2);
if (!idsPath) {
  console.error("usage: node tokenizer_parity.mjs tokenizer.json text.txt ids.u16 [folder with node_modules]");
  process.exit(2);
}

const require = createRequire(path.resolve(modules, "package.json"));
const { Tokenizer } = require("@anush008/tokenizers");
const END = 0xffff;
const tokenizer = Tokenizer.fromFile(tokenizerPath);

/** Our ids, a line at a time. */
function* ourLines() {
  const file = openSync(idsPath, "r");
  const buffer = Buffer.alloc(1 << 20);
  let line = [];
  for (let read; (read = readSync(file, buffer, 0, buffer.length, null)) > 0; ) {
    for (let i = 0; i + 1 < read; i += 2) {
      const id = buffer.readUInt16LE(i);
      if (id === END) {
        yield line;
        line = [];
      } else {
        line.push(id);
      }
    }
  }
  if (line.length > 0) throw new Error(`${idsPath}: ends within a line; it was cut`);
}

/** Lines end at line feeds alone; node:readline would end them at carriage returns too. */
async function* textLines() {
  let rest = "";
  for await (const chunk of createReadStream(textPath, { encoding: "utf8", highWaterMark: 1 << 20 })) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    yield* lines;
  }
  if (rest.length > 0) yield rest;
}

const ours = ourLines();
let lines = 0, tokens = 0, differentLines = 0, seconds = 0;
const samples = [];
for await (const text of textLines()) {
  lines++;
  const mine = ours.next().value;
  if (mine === undefined) throw new Error(`${idsPath}: has fewer lines than ${textPath}`);
  if (text.length === 0) {
    if (mine.length > 0) throw new Error(`${idsPath}: line ${lines} holds ids, the text has none`);
    continue;
  }
  const started = process.hrtime.bigint();
  const encoding = await tokenizer.encode(text, null, { addSpecialTokens: false });
  seconds += Number(process.hrtime.bigint() - started) / 1e9;
  const theirs = encoding.getIds();
  tokens += theirs.length;
  let place = theirs.length === mine.length ? -1 : Math.min(theirs.length, mine.length);
  for (let i = 0; i < Math.min(theirs.length, mine.length); i++) {
    if (theirs[i] !== mine[i]) {
      place = i;
      break;
    }
  }
  if (place >= 0) {
    differentLines++;
    if (samples.length < 20) {
      const near = (ids) => [...ids.slice(Math.max(0, place - 3), place + 4)].map((id) => tokenizer.idToToken(id)).join(" ");
      samples.push(`line ${lines}, token ${place}: ours '${near(mine)}', theirs '${near(theirs)}'`);
    }
  }
}
if (ours.next().value !== undefined) throw new Error(`${idsPath}: has more lines than ${textPath}`);
const size = statSync(textPath).size;
console.log(`${path.basename(textPath)}: ${lines} lines, ${tokens} tokens, ${(size / 1e6).toFixed(1)} MB, ${differentLines} lines differ`);
samples.forEach((sample) => console.log(sample));
process.exit(differentLines ? 1 : 0);
