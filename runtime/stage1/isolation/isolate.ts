/**
 * Decides what is done about every isolator of a pod and its apps: what is handed to stage1, what is refused because an app
 * would run with less protection than it asks for, and what has no effect, which is said (ace.md, Isolators).
 */

import { existsSync } from 'node:fs';
import type { App } from '../../appc/app.ts';
import { type Isolator, interpretIsolator, isolatorNames, type KnownIsolator } from '../../appc/isolators.ts';
import type { PodManifest } from '../../appc/pod-manifest.ts';
import { messageOf, RktError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { allCapabilities, boundingSet, noNewPrivileges } from '../capabilities.ts';
import { type CgroupHierarchy, hierarchiesForPods } from '../cgroups.ts';
import { plainFilter } from '../seccomp/default-filter.ts';
import { isPlainSet } from '../seccomp/guards.ts';
import { carriesOut, controllers, type GroupSettings, groupSettings, podShare } from './cgroup-settings.ts';
import { diskNumbers } from './disks.ts';
import { enforced, type IsolatorOutcome, ignored } from './outcome.ts';
import { type ResourceSituation, resourceOutcome } from './resource-outcome.ts';
import { boundedBy, defaultPidsLimit, type Resources, resourcesOf } from './resources.ts';
import { checkSysctls, type PodNamespaces } from './sysctls.ts';

/** What the user decides about all isolators. */
export interface IsolationChoices {
  /** `--insecure-options=capabilities` */
  readonly allCapabilities: boolean;
  /** `--insecure-options=seccomp` */
  readonly noSeccomp: boolean;
}

export type IsolationSettings = IsolationChoices & PodNamespaces;

/** What an app gets. */
export interface AppIsolation {
  readonly capsBounding: bigint;
  readonly noNewPrivs: boolean;
  /** An array of `struct sock_filter`. */
  readonly seccomp: Uint8Array | undefined;
  readonly oomScoreAdj: number | undefined;
  readonly outcomes: readonly IsolatorOutcome[];
}

/** The settings of a pod's group and of its apps' in one hierarchy. */
export interface HierarchySettings {
  readonly hierarchy: CgroupHierarchy;
  readonly settings: GroupSettings;
}

export interface PodIsolation {
  readonly apps: ReadonlyMap<string, AppIsolation>;
  readonly hierarchies: readonly HierarchySettings[];
  readonly sysctls: Readonly<Record<string, string>>;
  /** Of the pod's own isolators. */
  readonly outcomes: readonly IsolatorOutcome[];
}

/** What an app that says nothing gets. */
export const defaultOutcomes: readonly IsolatorOutcome[] = [
  { isolator: isolatorNames.capabilitiesRetain, outcome: 'enforced', detail: '14 capabilities', byDefault: true },
  { isolator: isolatorNames.seccompRetain, outcome: 'enforced', detail: '@rkt/default-whitelist', byDefault: true },
  { isolator: isolatorNames.pidsLimit, outcome: 'enforced', detail: String(defaultPidsLimit), byDefault: true },
];

/**
 * Goes through all isolators of a pod. Warns of those that have no effect or another one than they ask for. Errors: EISOLATOR where
 * an app would run with less protection than it asks for, or its isolators cannot be understood.
 */
export async function isolatePod(
  manifest: PodManifest,
  settings: IsolationSettings,
  log: Log,
  hierarchies: readonly CgroupHierarchy[] = hierarchiesForPods(),
): Promise<PodIsolation> {
  const pod = resourcesOf(manifest.isolators, {});
  const apps = new Map<string, AppIsolation>();
  const resources = new Map<string, Resources>();
  for (const { name, app } of manifest.apps) {
    if (app === undefined) continue;
    const bounded = boundedBy(resourcesOf(app.isolators, { pids: defaultPidsLimit }), pod);
    const isolation = await named(name, () => isolateApp(app, settings, { hierarchies, cut: bounded.cut }));
    apps.set(name, isolation);
    resources.set(name, bounded.resources);
    for (const outcome of isolation.outcomes) warn(`app "${name}": `, outcome, log);
  }
  const { outcomes, sysctls } = isolateWhole(manifest.isolators, settings, { hierarchies, cut: new Set() });
  for (const outcome of outcomes) warn('', outcome, log);
  return { apps, hierarchies: settingsIn(hierarchies, pod, resources), sysctls, outcomes };
}

/** Puts the app's name before what is wrong with its isolators. */
async function named<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { hint, code } = cause as RktError;
    throw new RktError(`app "${name}": ${messageOf(cause)}`, { code, cause, ...(hint === undefined ? {} : { hint }) });
  }
}

function warn(before: string, { isolator, outcome, detail, byDefault }: IsolatorOutcome, log: Log): void {
  if (outcome === 'enforced' || byDefault) return;
  log.warn(
    `${before}isolator ${isolator} ${outcome === 'ignored' ? 'has no effect' : 'has another effect'}: ${detail}`,
  );
}

async function isolateApp(app: App, settings: IsolationSettings, situation: ResourceSituation): Promise<AppIsolation> {
  const capsBounding = settings.allCapabilities ? allCapabilities : boundingSet(app);
  return {
    capsBounding,
    noNewPrivs: noNewPrivileges(app),
    seccomp: await filterOf(app, capsBounding, settings),
    oomScoreAdj: oomScoreAdjustment(app),
    outcomes: [
      ...app.isolators.map((isolator) => outcomeOf(isolator, 'app', settings, situation)),
      ...outcomesOfDefaults(app, settings, situation),
    ],
  };
}

/** Compiling is code and time that only an app with wishes of its own needs. */
async function filterOf(
  app: App,
  capabilities: bigint,
  { noSeccomp }: IsolationSettings,
): Promise<Uint8Array | undefined> {
  if (noSeccomp) return undefined;
  const request = app.isolators.map(interpretIsolator).find((known) => known?.kind === 'seccomp');
  const ready = plainFilter[process.arch];
  if (request === undefined && ready !== undefined && isPlainSet(capabilities)) return Buffer.from(ready, 'base64');
  const { seccompFilter } = await import('../seccomp/index.ts');
  return seccompFilter(request, capabilities, process.arch);
}

/** The adjustment that the app asks for (proc_pid_oom_score_adj(5)); undefined where it asks for none. */
function oomScoreAdjustment(app: App): number | undefined {
  return app.isolators.map(interpretIsolator).find((known) => known?.kind === 'oom-score-adj')?.score;
}

/** What becomes of the defaults where the app asks for nothing of the kind. */
function outcomesOfDefaults(
  { isolators }: App,
  settings: IsolationSettings,
  { hierarchies }: ResourceSituation,
): IsolatorOutcome[] {
  const counted = hierarchies.some((hierarchy) => carriesOut(hierarchy, 'pids'));
  const obstacles: readonly (readonly [kind: string, obstacle: string | undefined])[] = [
    ['os/linux/capabilities-', settings.allCapabilities ? 'waived by --insecure-options=capabilities' : undefined],
    ['os/linux/seccomp-', settings.noSeccomp ? 'waived by --insecure-options=seccomp' : undefined],
    [isolatorNames.pidsLimit, counted ? undefined : 'the host has no pids controller'],
  ];
  return obstacles.flatMap(([kind, obstacle], index) => {
    const outcome = defaultOutcomes[index] as IsolatorOutcome;
    if (isolators.some(({ name }) => name.startsWith(kind))) return [];
    return [obstacle === undefined ? outcome : { ...ignored(outcome.isolator, obstacle), byDefault: true }];
  });
}

/** Isolators that the specification has for apps alone, or for pods alone. */
const forAppsOnly = new Set<KnownIsolator['kind']>(['capabilities', 'seccomp', 'no-new-privileges', 'oom-score-adj']);

function outcomeOf(
  { name, value }: Isolator,
  scope: 'app' | 'pod',
  settings: IsolationSettings,
  situation: ResourceSituation,
): IsolatorOutcome {
  const known = interpretIsolator({ name, value });
  if (known === undefined) return ignored(name, 'rkt does not know it');
  if (scope === 'pod' && forAppsOnly.has(known.kind)) return ignored(name, 'it is for apps, not for pods');
  switch (known.kind) {
    case 'capabilities':
      return settings.allCapabilities ? ignored(name, 'waived by --insecure-options=capabilities') : enforced(name);
    case 'seccomp':
      return settings.noSeccomp ? ignored(name, 'waived by --insecure-options=seccomp') : enforced(name);
    case 'sysctl':
      return scope === 'app' ? ignored(name, 'it is for pods, not for apps') : enforced(name);
    case 'apparmor':
      // "Implementations MUST refuse to run the pod or application if the provided profile is not available on the host."
      throw refusal(name, 'rkt cannot apply AppArmor profiles');
    case 'selinux':
      // "Implementations MAY ignore this isolator if the host does not support SELinux labeling."
      if (existsSync('/sys/fs/selinux/enforce')) throw refusal(name, 'rkt cannot apply SELinux contexts');
      return ignored(name, 'the host has no SELinux');
    case 'no-new-privileges':
    case 'oom-score-adj':
      return enforced(name);
    default:
      return resourceOutcome(name, known, situation);
  }
}

const refusal = (name: string, reason: string): RktError =>
  new RktError(`isolator ${name} cannot be enforced: ${reason}`, {
    code: 'EISOLATOR',
    hint: 'without it in the manifest the app runs, and runs without that protection',
  });

function isolateWhole(
  isolators: readonly Isolator[],
  settings: IsolationSettings,
  situation: ResourceSituation,
): Pick<PodIsolation, 'outcomes' | 'sysctls'> {
  const outcomes = isolators.map((isolator) => outcomeOf(isolator, 'pod', settings, situation));
  const sysctls = isolators.map(interpretIsolator).find((known) => known?.kind === 'sysctl')?.values ?? {};
  checkSysctls(sysctls, settings);
  return { outcomes, sysctls };
}

/** What is written to the groups of a pod in each hierarchy; controllers are handed down to the apps first. */
function settingsIn(
  hierarchies: readonly CgroupHierarchy[],
  pod: Resources,
  apps: ReadonlyMap<string, Resources>,
): HierarchySettings[] {
  const all = [pod, ...apps.values()];
  const disks = all.some(({ blockBandwidth, blockIops }) => (blockBandwidth ?? blockIops) !== undefined)
    ? diskNumbers()
    : [];
  const whole = podShare(pod, [...apps.values()]);
  return hierarchies.map((hierarchy) => {
    const own = groupSettings(whole, hierarchy, disks);
    const below = [...apps].map(([name, resources]) => ({
      name,
      settings: groupSettings(resources, hierarchy, disks),
    }));
    const inGroup = (key: keyof GroupSettings): [string, string][] =>
      below.flatMap(({ name, settings }) =>
        settings[key].map(([file, value]): [string, string] => [`${name}/${file}`, value]),
      );
    return {
      hierarchy,
      settings: {
        writes: [...own.writes, ...handDown(hierarchy), ...inGroup('writes')],
        tries: [...own.tries, ...inGroup('tries')],
      },
    };
  });
}

function handDown(hierarchy: CgroupHierarchy): [string, string][] {
  const has = hierarchy.version === 2 ? controllers.filter((name) => carriesOut(hierarchy, name)) : [];
  return has.length === 0 ? [] : [['cgroup.subtree_control', has.map((name) => `+${name}`).join(' ')]];
}
