// Reads a JSON list of sentences from standard input and writes, for each, the kinds of what Harper finds wrong in it.
// Invariant: nothing is sent anywhere; the checker is a WebAssembly module that runs here.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.argv[2] + '/package.json');
const load = async (name) => import(pathToFileURL(require.resolve(name)));
const harper = await load('harper.js');
const { binary } = await load('harper.js/binary');
const linter = new harper.LocalLinter({ binary });
const found = [];
for (const sentence of JSON.parse(fs.readFileSync(0, 'utf8'))) {
  const lints = await linter.lint(sentence, { language: 'plaintext' });
  found.push(lints.map((lint) => lint.lint_kind()));
}
process.stdout.write(JSON.stringify(found));
