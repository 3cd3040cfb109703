/*
 * First code of an installed rkt: loads the bundle with the compiled code that lies beside it (deploy/code-cache.cjs made it),
 * so that a start parses and compiles nothing. V8 refuses compiled code of another version or other flags; rkt then only
 * starts slower. Node's own compile cache would do the same for the top level of a module, but not for functions that are
 * compiled when they are first called, which is most of them.
 */
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');

const filename = `${__dirname}/rkt.cjs`;

function compiled() {
  try {
    return readFileSync(`${filename}.cache`);
  } catch {
    return undefined;
  }
}

const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(filename, 'latin1')}\n})`;
const script = new Script(source, { filename, cachedData: compiled() });
const bundle = { exports: {} };
script.runInThisContext()(bundle.exports, require, bundle, filename, __dirname);
bundle.exports.start();
