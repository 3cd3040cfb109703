import { closeSync, writeSync } from 'node:fs';
import { RktError } from '../../runtime/base/errors.ts';
import { metadataAddress, metadataListenPort, metadataPort, metadataSocket } from '../../runtime/base/paths.ts';
import { readyFdVariable } from '../../runtime/pod/metadata.ts';
import type { Command } from '../command.ts';
import { requireRoot } from '../context.ts';
import { getSwitch, getValue } from '../options.ts';

export const command: Command = {
  name: 'metadata-service',
  summary: 'serve pods their identity and metadata',
  usage: '[--listen-port=PORT] [--require-token]',
  description:
    `Serves every registered pod its uuid, manifests and annotations, and signs for it, at http://${metadataAddress}. ` +
    `Pods are registered by rkt run over ${metadataSocket}. Takes its socket from systemd where systemd offers one.`,
  options: [
    {
      name: 'listen-port',
      type: 'value',
      placeholder: 'PORT',
      default: String(metadataListenPort),
      description: `the port of ${metadataAddress} to listen on; pods ask port ${metadataPort} and are led there`,
    },
    {
      name: 'require-token',
      type: 'switch',
      description: 'answer only requests that bring the token of AC_METADATA_URL, whatever their address',
    },
    { name: 'until-idle', type: 'switch', hidden: true, description: 'end when the last pod has gone' },
  ],
  async run(context, { values }) {
    requireRoot(context, 'metadata-service');
    const { startMetadataService, stopOnSignals, takeListenFds } = await import('../../metadata-service/index.ts');
    const service = await startMetadataService({
      dataDir: context.globals.dataDir,
      socketPath: metadataSocket,
      address: metadataAddress,
      listenPort: parsePort(getValue(values, 'listen-port') ?? ''),
      requireToken: getSwitch(values, 'require-token'),
      untilIdle: getSwitch(values, 'until-idle'),
      listenFds: takeListenFds(context.env, process.pid),
      notify: context.env.NOTIFY_SOCKET !== undefined,
      log: context.log,
    });
    stopOnSignals(service, context.log);
    reportReady(context.env[readyFdVariable]);
    await service.done;
    return 0;
  },
};

/** Port 80 itself would be indistinguishable from what other programs listen for there. */
function parsePort(text: string): number {
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65535 && port !== metadataPort) return port;
  throw new RktError(`--listen-port: "${text}" is no port that the metadata service can listen on`, {
    code: 'EUSAGE',
    hint: `give a number from 1 to 65535 other than ${metadataPort}, which is where pods ask`,
  });
}

/** Tells the program that started the service, if one waits for it. */
function reportReady(fd: string | undefined): void {
  if (fd === undefined || !/^[0-9]{1,4}$/.test(fd)) return;
  writeSync(Number(fd), '1');
  closeSync(Number(fd));
}
