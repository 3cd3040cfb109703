/*
 * Compiles a bundle and writes V8's compiled code beside it. Run by the very node that will load it:
 *
 *   node code-cache.cjs FILE [run]
 *
 * Every function of it is compiled; with `run` only those that loading it calls, which for a large package of which little is
 * used takes less time and memory to read again.
 */
const { readFileSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');

const [, , filename, mode] = process.argv;
if (mode !== 'run') setFlagsFromString('--no-lazy');
const script = new Script(readFileSync(filename, 'latin1'), { filename });
// The flags are part of what V8 compares; they must be those of a normal start when the code is written.
setFlagsFromString('--lazy');
if (mode === 'run') {
  const bundle = { exports: {} };
  const requireBeside = (name) => require(name.startsWith('./') ? join(dirname(filename), name) : name);
  Object.assign(requireBeside, require);
  script.runInThisContext()(bundle.exports, requireBeside, bundle, filename, dirname(filename));
}
writeFileSync(`${filename}.cache`, script.createCachedData());
