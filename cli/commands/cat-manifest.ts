import { messageOf, RktError } from '../../runtime/base/errors.ts';
import { podFiles } from '../../runtime/base/paths.ts';
import { damaged } from '../../runtime/pod/damaged.ts';
import { findPod } from '../../runtime/pod/find.ts';
import { manifestText } from '../../runtime/pod/pods.ts';
import type { Command } from '../command.ts';
import { getSwitch } from '../options.ts';
import { podArgument, uuidFileOption } from '../pod-arguments.ts';

export const command: Command = {
  name: 'cat-manifest',
  summary: 'print the manifest of a pod',
  usage: '[--pretty-print=BOOL] [--uuid-file=FILE | UUID]',
  description: 'Prints the reified manifest of a pod: what its apps are told by the metadata service.',
  maxArgs: 1,
  options: [{ name: 'pretty-print', type: 'switch', default: true, description: 'indent the JSON' }, uuidFileOption],
  run(context, { values, args }) {
    const pod = findPod(context.globals.dataDir, podArgument('cat-manifest', args, values));
    const text = manifestText(pod);
    if (text === undefined) {
      throw new RktError(`pod ${pod.uuid} has no manifest: its state is "${pod.state}"`, { code: 'ENOMANIFEST' });
    }
    context.out(getSwitch(values, 'pretty-print') ? indented(text, podFiles.manifest(pod.dir)) : `${text}\n`);
    return 0;
  },
};

function indented(text: string, file: string): string {
  try {
    return `${JSON.stringify(JSON.parse(text), null, 2)}\n`;
  } catch (cause) {
    throw damaged(file, messageOf(cause), cause);
  }
}
