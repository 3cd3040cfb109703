import { collectGarbage } from '../../runtime/pod/gc.ts';
import { type Command, failureCode } from '../command.ts';
import { requireRoot } from '../context.ts';
import { getDuration, getSwitch } from '../options.ts';

export const command: Command = {
  name: 'gc',
  summary: 'remove pods that have exited',
  usage: '[--grace-period=DURATION] [--expire-prepared=DURATION] [--mark-only]',
  description:
    'Moves pods that have exited to the garbage, and removes those that have been there longer than the grace period, ' +
    'with everything that is left of them: files, cgroups, links, addresses. Meant for a timer.',
  options: [
    {
      name: 'grace-period',
      type: 'duration',
      placeholder: 'DURATION',
      default: '30m0s',
      description: 'how long an exited pod stays in the garbage',
    },
    {
      name: 'expire-prepared',
      type: 'duration',
      placeholder: 'DURATION',
      default: '24h0m0s',
      description: 'how long a prepared pod may wait to be run',
    },
    { name: 'mark-only', type: 'switch', description: 'move to the garbage, remove nothing' },
  ],
  async run(context, { values }) {
    requireRoot(context, 'gc');
    const failures = await collectGarbage({
      dataDir: context.globals.dataDir,
      gracePeriod: getDuration(values, 'grace-period'),
      expirePrepared: getDuration(values, 'expire-prepared'),
      markOnly: getSwitch(values, 'mark-only'),
      localConfig: context.globals.localConfig,
      log: context.log,
      report: (line) => context.out(`${line}\n`),
    });
    return failures === 0 ? 0 : failureCode;
  },
};
