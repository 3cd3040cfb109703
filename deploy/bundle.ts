/**
 * Bundles the sources for release. rkt.cjs holds the command line and everything on the way of `rkt run`; what other work
 * needs (the metadata service, netlink for the host side, archives) are files of their own, loaded when first used.
 *
 * A chunk is the target of a dynamic import in our sources. Native parts of packages lie beside the bundles.
 */

import { copyFileSync, existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

const root = dirname(import.meta.dirname);
const modules = join(root, 'node_modules');

/** Files that are loaded on demand only, and the name of the bundle that each becomes. */
const chunks = new Map<string, string>([
  [join(root, 'cli', 'pod-commands.ts'), 'pod-commands'],
  [join(root, 'cli', 'commands', 'image.ts'), 'image-commands'],
  [join(root, 'cli', 'commands', 'trust.ts'), 'trust-command'],
  [join(root, 'metadata-service', 'index.ts'), 'metadata-service'],
  [join(root, 'netns', 'host-netlink.ts'), 'host-netlink'],
  [join(root, 'cli', 'completion', 'index.ts'), 'completion'],
  [join(root, 'runtime', 'pod', 'input', 'index.ts'), 'pod-input'],
  [join(root, 'runtime', 'image', 'import.ts'), 'image-import'],
  [join(root, 'runtime', 'image', 'fetch', 'index.ts'), 'image-fetch'],
  [join(root, 'runtime', 'image', 'http', 'client.ts'), 'http-client'],
  [join(root, 'runtime', 'image', 'render', 'index.ts'), 'image-render'],
  [join(root, 'runtime', 'image', 'manage', 'index.ts'), 'image-manage'],
  [join(root, 'runtime', 'pod', 'attach', 'index.ts'), 'pod-attach'],
  [join(root, 'runtime', 'pod', 'logs', 'index.ts'), 'pod-logs'],
  [join(root, 'runtime', 'pod', 'activation', 'assign.ts'), 'pod-activation'],
  [join(root, 'runtime', 'image', 'docker', 'index.ts'), 'docker'],
  [join(root, 'runtime', 'image', 'trust', 'index.ts'), 'image-trust'],
  [join(root, 'runtime', 'stage1', 'seccomp', 'index.ts'), 'seccomp'],
  [join(root, 'runtime', 'image', 'trust', 'openpgp.ts'), 'openpgp'],
]);

const external: Plugin = {
  name: 'chunks',
  setup({ onResolve }) {
    onResolve({ filter: /\.ts$/ }, ({ kind, path, resolveDir }) => {
      const chunk = kind === 'dynamic-import' ? chunks.get(resolve(resolveDir, path)) : undefined;
      return chunk === undefined ? undefined : { path: `./${chunk}.cjs`, external: true };
    });
  },
};

/** The package's index is replaced by the part of it that is used; an alias would also replace the paths that this names. */
const undici: Plugin = {
  name: 'undici',
  setup({ onResolve }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: join(root, 'deploy', 'undici.cjs') }));
  },
};

/** Packages that look for their compiled part on disk find it beside the bundle instead. */
function nativeParts(outDir: string): Plugin {
  const place = (file: string): string => {
    copyFileSync(file, join(outDir, basename(file)));
    return `./${basename(file)}`;
  };
  return {
    name: 'native-parts',
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^\.\/[\w.+-]+\.node$/ }, ({ path }) => ({ path, external: true }));
      onLoad({ filter: /classic-level\/binding\.js$/ }, () => {
        const dir = join(modules, 'classic-level', 'prebuilds', `linux-${process.arch}`);
        const file = readdirSync(dir).find((name) => name.endsWith('.node') && !name.includes('musl'));
        if (file === undefined) throw new Error(`classic-level has no prebuilt binary in ${dir}`);
        return { contents: `module.exports = require(${JSON.stringify(place(join(dir, file)))})`, loader: 'js' };
      });
      onLoad({ filter: /(syscall-napi|buffer2address)\/lib\/index\.js$/ }, async ({ path }) => {
        const { readFile } = await import('node:fs/promises');
        const text = await readFile(path, 'utf8');
        const release = /require\("(\.\.\/build\/Release\/[^"]+)"\)/.exec(text)?.[1];
        const file = release === undefined ? '' : resolve(dirname(path), release);
        if (!existsSync(file))
          throw new Error(`${path}: its compiled part is missing; was its install script allowed?`);
        const contents = text
          .replace(/import \{ createRequire \} from "module";/, '')
          .replace(/const require = createRequire\(import\.meta\.url\);/, '')
          .replace(
            /try \{[\s\S]*?\} catch \(ex\) \{[\s\S]*?\}\n/,
            `native = require(${JSON.stringify(place(file))});\n`,
          );
        return { contents, loader: 'js' };
      });
    },
  };
}

/** Writes rkt.cjs and the chunks to `outDir`; returns the names of the packages that went in. */
export async function bundle(outDir: string): Promise<string[]> {
  const entries: Record<string, string> = { rkt: join(root, 'cli', 'main.ts') };
  for (const [file, name] of chunks) entries[name] = file;
  const result = await build({
    entryPoints: entries,
    outdir: outDir,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    // A source in Latin-1 takes V8 half the memory and time to read.
    charset: 'ascii',
    // The function that node makes of a CommonJS module. Where it stands in the file already, deploy/main.cjs need not copy the source
    // to put it around: a copy of each, and V8 collects garbage in the middle of a start.
    banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
    footer: { js: '});' },
    legalComments: 'none',
    metafile: true,
    // The package's ESM build looks for import.meta.url, which a bundle in CommonJS does not have.
    alias: { openpgp: join(modules, 'openpgp', 'dist', 'node', 'openpgp.min.cjs') },
    define: { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' },
    supported: { 'dynamic-import': false },
    plugins: [external, undici, nativeParts(outDir)],
    logLevel: 'warning',
  });
  const inputs = Object.keys(result.metafile.inputs);
  return [...new Set(inputs.flatMap((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []))].sort();
}
