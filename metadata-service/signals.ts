import type { Log } from '../runtime/base/log.ts';
import type { MetadataService } from './service.ts';

/** Stops the service on SIGTERM and SIGINT until it is done. A second signal ends the process the usual way. */
export function stopOnSignals(service: MetadataService, log: Log): void {
  const signals = ['SIGTERM', 'SIGINT'] as const;
  const stop = (signal: NodeJS.Signals) => {
    forget();
    log.debug(`metadata service: ${signal}, stopping`);
    void service.close();
  };
  const forget = () => {
    for (const signal of signals) process.off(signal, stop);
  };
  for (const signal of signals) process.on(signal, stop);
  void service.done.then(forget);
}
