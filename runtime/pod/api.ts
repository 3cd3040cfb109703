/**
 * Pods as JSON for programs, with the members and units of rkt's API (rkt 1.30, api/v1/json.go): times of a pod are in seconds, those
 * of an app in nanoseconds, `name` of a pod is its uuid. What rkt did not have is added: `pod_name`, `pid`, `restarts`.
 */

import { type PodManifest, parsePodManifest, type RuntimeApp } from '../appc/pod-manifest.ts';
import { podFiles } from '../base/paths.ts';
import { type AppDetails, appDetails } from './app-details.ts';
import { manifestText, type PodEntry, type PodSummary } from './pods.ts';

export interface PodDocument {
  readonly document: object;
  /** What could not be read beyond the summary, a sentence each. */
  readonly problems: readonly string[];
}

/** Everything about one pod. `name` is the one that the pod has. */
export function podDocument(pod: PodEntry, summary: PodSummary, name: string | undefined): PodDocument {
  const manifest = readManifest(pod);
  const apps = summary.apps.map((app) => ({
    details: appDetails(pod, app.name),
    summary: app,
    full: manifest?.apps.find((candidate) => candidate.name === app.name),
  }));
  return {
    document: {
      name: pod.uuid,
      ...(name === undefined ? {} : { pod_name: name }),
      state: pod.state,
      networks: summary.networks.map(({ name: netName, ip, interface: ifName }) => ({ netName, ifName, ip })),
      app_names: summary.apps.map((app) => app.name),
      apps: apps.map(({ details, summary: { name: app, imageId }, full }) => ({
        name: app,
        image_id: imageId,
        ...timesAndState(details, summary.created),
        ...(full === undefined ? {} : fromManifest(pod, manifest as PodManifest, full)),
      })),
      created_at: seconds(summary.created),
      started_at: seconds(summary.started),
      pid: summary.pid,
      ...nonEmpty('user_annotations', manifest?.userAnnotations),
      ...nonEmpty('user_labels', manifest?.userLabels),
    },
    problems: apps.flatMap(({ details }) => details.problems),
  };
}

/** A damaged manifest has been reported with the summary. */
function readManifest(pod: PodEntry): PodManifest | undefined {
  try {
    const text = manifestText(pod);
    return text === undefined ? undefined : parsePodManifest(text);
  } catch {
    return undefined;
  }
}

const timesAndState = (details: AppDetails, created: number | undefined): object => ({
  state: details.state,
  created_at: nanoseconds(created),
  started_at: nanoseconds(details.started),
  finished_at: nanoseconds(details.finished),
  exit_code: details.exitCode,
  pid: details.pid,
  restarts: details.restarts,
});

function fromManifest(pod: PodEntry, manifest: PodManifest, { app, mounts }: RuntimeApp): object {
  const shown = mounts.map(({ volume: name, path, appVolume }) => {
    const volume = appVolume ?? manifest.volumes.find((candidate) => candidate.name === name);
    const point = app?.mountPoints.find((candidate) => candidate.path === path);
    return {
      name,
      container_path: path,
      host_path: volume?.kind === 'host' ? volume.source : podFiles.volume(pod.dir, name),
      read_only: volume?.readOnly === true || point?.readOnly === true,
    };
  });
  return {
    ...(shown.length === 0 ? {} : { mounts: shown }),
    ...nonEmpty('user_annotations', app?.userAnnotations),
    ...nonEmpty('user_labels', app?.userLabels),
  };
}

const nonEmpty = (member: string, map: Readonly<Record<string, string>> | undefined): object =>
  map === undefined || Object.keys(map).length === 0 ? {} : { [member]: map };

const seconds = (time: number | undefined): number | undefined =>
  time === undefined ? undefined : Math.floor(time / 1000);

const nanoseconds = (time: number | undefined): number | undefined =>
  time === undefined ? undefined : Math.round(time * 1e6);
