/**
 * A second stage1, to prove that rkt depends on the interface only: shell scripts that run one app in a chroot, as rkt's "fly"
 * does. The app's program is /app, because a shell reads no manifest.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildAci } from '../../runtime/image/build.ts';

/** Where the scripts leave something of their own on the host, for gc to remove. */
export const tinyStateDir = '/run/tiny-stage1';

const run = `#!/bin/sh
for uuid; do :; done
mkdir -p ${tinyStateDir} && touch ${tinyStateDir}/$uuid
root=stage1/rootfs
app=$(ls $root/opt/stage2)
echo "tiny run $*"
echo "lock $(readlink /proc/self/fd/$RKT_LOCK_FD)" >&2
sh -c 'echo $$ > pid.new && mv pid.new pid && exec chroot "$1" /app' sh $root/opt/stage2/$app/rootfs &
child=$!
trap 'kill -TERM $child' TERM INT
while :; do
  wait $child
  code=$?
  kill -0 $child 2>/dev/null || break
done
echo $code > $root/rkt/status/$app
exit $code
`;

const enter = `#!/bin/sh
app=$(echo "$2" | sed s/--appname=//)
[ "$1" = "--pid=$(cat pid)" ] || exit 9
shift 3
exec chroot stage1/rootfs/opt/stage2/$app/rootfs "$@"
`;

const stop = `#!/bin/sh
[ "$1" = --force ] && exec kill -KILL $(cat pid)
exec kill -TERM $(cat pid)
`;

const gc = `#!/bin/sh
for uuid; do :; done
rm ${tinyStateDir}/$uuid
`;

export interface TinyStage1 {
  readonly name?: string;
  readonly output: string;
  /** Instead of the usual annotations; undefined leaves one out. */
  readonly annotations?: Readonly<Record<string, string | undefined>>;
  /** Called with the root filesystem before it is packed. */
  readonly prepare?: (rootfs: string) => void;
}

/** Writes the image. */
export async function makeTinyStage1({ name, output, annotations, prepare }: TinyStage1): Promise<string> {
  const rootfs = mkdtempSync(join(tmpdir(), 'rkt-tiny-'));
  try {
    mkdirSync(join(rootfs, 'ex'));
    for (const [kind, text] of Object.entries({ run, enter, stop, gc })) {
      writeFileSync(join(rootfs, 'ex', kind), text, { mode: 0o755 });
    }
    prepare?.(rootfs);
    await buildAci({ rootfs, manifest: manifestText(name ?? 'example.com/tiny-stage1', annotations), output });
    return output;
  } finally {
    rmSync(rootfs, { recursive: true, force: true });
  }
}

function manifestText(name: string, given: TinyStage1['annotations']): string {
  const annotations = {
    run: '/ex/run',
    enter: '/ex/enter',
    gc: '/ex/gc',
    stop: '/ex/stop',
    'interface-version': '2',
    ...given,
  };
  return JSON.stringify({
    acKind: 'ImageManifest',
    acVersion: '0.8.11',
    name,
    labels: [
      { name: 'version', value: '0.0.1' },
      { name: 'os', value: 'linux' },
      { name: 'arch', value: process.arch === 'x64' ? 'amd64' : 'aarch64' },
    ],
    annotations: Object.entries(annotations)
      .filter((entry): entry is [string, string] => entry[1] !== undefined)
      .map(([key, value]) => ({ name: `coreos.com/rkt/stage1/${key}`, value })),
  });
}
