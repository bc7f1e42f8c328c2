// Times Hugging Face tokenizers on one thread, for `cram data bench CORPUS TEXT --against tokenizer_speed.mjs --modules FOLDER`.
//
//     node tokenizer_speed.mjs tokenizer.json text.txt folder-with-node_modules     # npm install @anush008/tokenizers@0.6.0
//
// Documents are separated by blank lines; reading the file and loading the tokenizer are not timed. Prints one JSON object.
process.env.TOKENIZERS_PARALLELISM = "false";
process.env.RAYON_NUM_THREADS = "1";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [tokenizerPath, textPath, modules = "."] = process.argv.slice(2);
const require = createRequire(path.resolve(modules, "package.json"));
const { Tokenizer } = require("@anush008/tokenizers");
const tokenizer = Tokenizer.fromFile(tokenizerPath);
const content = readFileSync(textPath, "utf8");
const documents = content.split("\n\n");
let tokens = 0;
const started = process.hrtime.bigint();
const cpu = process.cpuUsage();
for (const document of documents) {
  tokens += (await tokenizer.encode(document, null, { addSpecialTokens: false })).getLength();
}
const used = process.cpuUsage(cpu);
console.log(JSON.stringify({
  wall_seconds: Number(process.hrtime.bigint() - started) / 1e9,
  cpu_seconds: (used.user + used.system) / 1e6,
  tokens,
}));
