/** A registered pod: as it is stored, and as it is served. */

import { createHash } from 'node:crypto';
import { type AppImage, createPodDocuments, type PodDocuments } from './documents.ts';

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat (proc_pid_stat(5)): clock ticks after boot, as decimal digits. execve keeps it. */
  readonly startTime: string;
}

/** What is asked for when a pod is registered. */
export interface Registration {
  readonly uuid: string;
  /** The pod's address on its link; absent for a pod on the host's network. */
  readonly ip?: string;
  /** The host's end of the pod's link. */
  readonly hostInterface?: string;
  /** SHA-256 of the token, hex. The token itself is never stored, and a look-up by its hash tells nothing by its time. */
  readonly tokenHash: string;
  /** Whether reading needs the token too. Signing always does. */
  readonly requireToken: boolean;
  readonly podManifest: string;
  readonly images: Readonly<Record<string, AppImage>>;
  /** The pod's directory, whose lock tells whether the pod is alive. */
  readonly dir?: string;
}

/** A registration together with the process that made it and becomes the pod's monitor: what the database keeps. */
export interface PodRecord extends Registration {
  readonly process: ProcessIdentity;
}

/** A pod that is served. */
export interface Pod extends Omit<PodRecord, 'podManifest' | 'images'> {
  readonly documents: PodDocuments;
}

/** Throws EMANIFEST where a manifest is not valid. */
export function createPod(record: PodRecord): Pod {
  const { podManifest, images, ...rest } = record;
  return { ...rest, documents: createPodDocuments(record.uuid, podManifest, new Map(Object.entries(images))) };
}

export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
