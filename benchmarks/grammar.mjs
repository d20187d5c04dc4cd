// Reads a JSON list of sentences from standard input and writes, for each, the kinds of what Harper finds wrong in it.
// Invariant: nothing is sent anywhere; the checker is a WebAssembly module that runs here.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const home = path.resolve(process.argv[2], 'node_modules', 'harper.js', 'dist');
const load = async (name) => import(pathToFileURL(path.join(home, name)));
const harper = await load('index.js');
const { binary } = await load('binary.js');
const linter = new harper.LocalLinter({ binary });
const found = [];
for (const sentence of JSON.parse(fs.readFileSync(0, 'utf8'))) {
  const lints = await linter.lint(sentence, { language: 'plaintext' });
  found.push(lints.map((lint) => lint.lint_kind()));
}
process.stdout.write(JSON.stringify(found));
