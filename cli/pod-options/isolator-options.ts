/** Options of one app that stand for isolators: each takes the place of what the image says about the same thing. */

import { type Isolator, interpretIsolator, isolatorNames } from '../../runtime/appc/isolators.ts';
import { messageOf } from '../../runtime/base/errors.ts';
import { nearest } from '../../runtime/base/nearest.ts';
import { capabilityBits, capabilityName, capabilityNames } from '../../runtime/stage1/capabilities.ts';
import { getList, getValue, type Option, type OptionValues, usageError } from '../options.ts';

export const isolatorOptions: readonly Option[] = [
  {
    name: 'caps-retain',
    type: 'list',
    placeholder: 'CAP,...',
    description: 'the only capabilities the app may have, instead of what the image says',
  },
  {
    name: 'caps-remove',
    type: 'list',
    placeholder: 'CAP,...',
    description: 'capabilities the app may not have of the default ones, instead of what the image says',
  },
  {
    name: 'seccomp',
    type: 'value',
    placeholder: 'mode=retain|remove[,errno=ERRNO],CALL,...',
    description: 'the only system calls the app may make, or those it may not, instead of what the image says',
  },
  { name: 'cpu', type: 'value', placeholder: 'CORES', description: 'most CPU time the app gets, e.g. 500m or 2' },
  {
    name: 'cpu-shares',
    type: 'value',
    placeholder: 'N',
    description: "the app's share of CPU time where it is scarce (1024 is usual)",
  },
  { name: 'memory', type: 'value', placeholder: 'BYTES', description: 'most memory the app gets, e.g. 128M or 1Gi' },
  {
    name: 'pids-limit',
    type: 'value',
    placeholder: 'N|unlimited',
    description: 'most processes and threads the app may have (default 4096)',
  },
  {
    name: 'oom-score-adj',
    type: 'value',
    placeholder: 'N',
    description: 'how soon the kernel ends the app when the host runs out of memory: -1000 (never) to 1000 (first)',
  },
  // As rkt 1.x spells it.
  { name: 'oom-score-adjust', type: 'value', placeholder: 'N', hidden: true, description: 'the same' },
];

/** The isolators that the options of one app stand for. Errors: EUSAGE naming the option. */
export function isolatorsOf(values: OptionValues): Isolator[] {
  const found: Isolator[] = [];
  const take = (option: string, name: string, read: (text: string) => unknown): void => {
    const text = getValue(values, option);
    if (text !== undefined) found.push(checked(option, { name, value: read(text) }));
  };
  found.push(...capabilitiesOf(values));
  const filter = getValue(values, 'seccomp');
  if (filter !== undefined) found.push(seccompOf(filter));
  take('cpu', 'resource/cpu', (limit) => ({ limit }));
  take('cpu-shares', isolatorNames.cpuShares, wholeNumber);
  take('memory', 'resource/memory', (limit) => ({ limit }));
  take('pids-limit', isolatorNames.pidsLimit, (text) => (text === 'unlimited' ? text : wholeNumber(text)));
  for (const option of ['oom-score-adj', 'oom-score-adjust']) take(option, isolatorNames.oomScoreAdj, wholeNumber);
  return found;
}

/** Text that is no number stays text, which the isolator then refuses. */
const wholeNumber = (text: string): unknown => (/^-?\d{1,10}$/.test(text) ? Number(text) : text);

/** The isolator itself knows what it can be: `isolator: <name and field>: <reason>`, of which the option takes the reason. */
function checked(option: string, isolator: Isolator): Isolator {
  try {
    interpretIsolator(isolator);
    return isolator;
  } catch (error) {
    throw usageError(`--${option}: ${messageOf(error).split(': ').slice(2).join(': ')}`);
  }
}

function capabilitiesOf(values: OptionValues): Isolator[] {
  const [retain, remove] = [capabilityList(values, 'caps-retain'), capabilityList(values, 'caps-remove')];
  if (retain !== undefined && remove !== undefined) {
    throw usageError('--caps-retain and --caps-remove cannot stand together after one image');
  }
  if (retain !== undefined) return [{ name: isolatorNames.capabilitiesRetain, value: { set: retain } }];
  return remove === undefined ? [] : [{ name: isolatorNames.capabilitiesRemove, value: { set: remove } }];
}

/** Names with or without `CAP_`, in any case. */
function capabilityList(values: OptionValues, option: string): string[] | undefined {
  const given = getList(values, option);
  if (given.length === 0) return undefined;
  const names = given.flatMap((list) => list.split(',')).map((name) => name.trim());
  return names.map((name) => {
    const full = capabilityName(name);
    try {
      capabilityBits([full]);
    } catch {
      const near = nearest(full, capabilityNames);
      const hint = near === undefined ? 'see capabilities(7) for their names' : `did you mean ${near}?`;
      throw usageError(`--${option}: there is no capability "${name}"`, hint);
    }
    return full;
  });
}

const seccompForm = 'write --seccomp=mode=retain|remove[,errno=ERRNO],CALL,...';

/** `mode=` and `errno=` may stand anywhere in the list, as rkt reads it. */
function seccompOf(text: string): Isolator {
  const set: string[] = [];
  const settings = new Map<string, string>();
  for (const word of text.split(',').map((part) => part.trim())) {
    const equals = word.indexOf('=');
    if (word === '') throw usageError(`--seccomp "${text}" has an empty element`, seccompForm);
    if (equals < 0) set.push(word);
    else settings.set(word.slice(0, equals), word.slice(equals + 1));
  }
  const mode = settings.get('mode');
  const strange = [...settings.keys()].find((key) => key !== 'mode' && key !== 'errno');
  if (strange !== undefined) throw usageError(`--seccomp: there is no parameter "${strange}"`, seccompForm);
  if (mode !== 'retain' && mode !== 'remove') {
    throw usageError(
      `--seccomp: the mode must be "retain" or "remove"${mode === undefined ? '' : `, is "${mode}"`}`,
      seccompForm,
    );
  }
  if (set.length === 0) throw usageError('--seccomp: no system call is named', seccompForm);
  const errno = settings.get('errno');
  const name = mode === 'retain' ? isolatorNames.seccompRetain : isolatorNames.seccompRemove;
  return checked('seccomp', { name, value: errno === undefined ? { set } : { set, errno } });
}
