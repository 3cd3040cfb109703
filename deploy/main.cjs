/*
 * First code of an installed rkt: loads the bundle with the compiled code that lies beside it (deploy/code-cache.cjs made it),
 * so that a start parses and compiles nothing. V8 refuses compiled code of another version or other flags; rkt then only
 * starts slower. Node's own compile cache would do the same for the top level of a module, but not for functions that are
 * compiled when they are first called, which is most of them. Bundles that are loaded later come the same way.
 */
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');

const loaded = new Map();

function compiled(filename) {
  try {
    return readFileSync(`${filename}.cache`);
  } catch {
    return undefined;
  }
}

function load(filename) {
  const known = loaded.get(filename);
  if (known !== undefined) return known.exports;
  const bundle = { exports: {} };
  loaded.set(filename, bundle);
  const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData: compiled(filename) });
  script.runInThisContext()(bundle.exports, requireBundle, bundle, filename, __dirname);
  return bundle.exports;
}

/** Bundles name each other `./NAME.cjs`; everything else is node's or has a native part. */
function requireBundle(name) {
  return name.startsWith('./') && name.endsWith('.cjs') ? load(`${__dirname}${name.slice(1)}`) : require(name);
}
Object.assign(requireBundle, require);

load(`${__dirname}/rkt.cjs`).start();
