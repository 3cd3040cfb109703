/** The service as a process of its own, as `rkt metadata-service` runs it. Says "ready" on stdout once it is. */

import { startMetadataService, stopOnSignals, takeListenFds } from '../../../../metadata-service/index.ts';
import { isRktError, messageOf } from '../../../../runtime/base/errors.ts';
import { createLog } from '../../../../runtime/base/log.ts';
import { metadataAddress, metadataListenPort, metadataSocket } from '../../../../runtime/base/paths.ts';

const [dataDir = '', changes = '{}'] = process.argv.slice(2);
const log = createLog((line) => process.stderr.write(line), true);
try {
  const service = await startMetadataService({
    dataDir,
    socketPath: metadataSocket,
    address: metadataAddress,
    listenPort: metadataListenPort,
    requireToken: false,
    untilIdle: false,
    listenFds: takeListenFds(process.env),
    notify: process.env.NOTIFY_SOCKET !== undefined,
    log,
    ...JSON.parse(changes),
  });
  stopOnSignals(service, log);
  process.stdout.write('ready\n');
  await service.done;
} catch (error) {
  process.stdout.write(`${isRktError(error) ? error.code : 'unexpected'}: ${messageOf(error)}\n`);
  process.exitCode = 254;
}
