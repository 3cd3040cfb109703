/*
 * Compiles a bundle, every function of it, and writes V8's compiled code beside it. Run by the very node that will load it:
 * node code-cache.cjs FILE
 */
const { readFileSync, writeFileSync } = require('node:fs');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');

const filename = process.argv[2];
const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(filename, 'latin1')}\n})`;
setFlagsFromString('--no-lazy');
const script = new Script(source, { filename });
// The flags are part of what V8 compares; they must be those of a normal start when the code is written.
setFlagsFromString('--lazy');
writeFileSync(`${filename}.cache`, script.createCachedData());
