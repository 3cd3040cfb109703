/** How a pod's stage1 is told to do something. */

import type { EntrypointKind } from './builtin.ts';
import type { LaunchPlan } from './plan.ts';

/** Whether a command that is brought into an app has a terminal: where the caller has one, on all three streams, or never. */
export type EnterTerminal = 'auto' | 'always' | 'never';

/** A program and its arguments, without the name it is called by. It is to be started in the pod's directory. */
export interface EntrypointCommand {
  readonly program: string;
  readonly args: readonly string[];
}

export interface PodStage1 {
  /** `name:version` of the image; undefined for the one that comes with rkt. */
  readonly image: string | undefined;
  /** Which arguments it understands. */
  readonly version: number;
  /** The layers of its root filesystem, for the launch plan; undefined: it carries out the plan itself, and needs none. */
  readonly root: LaunchPlan['stage1'];
  has(kind: EntrypointKind): boolean;
  /** Errors: ESTAGE1 where it has no such entrypoint, or its image is gone from the store. */
  command(kind: EntrypointKind, args: readonly string[]): EntrypointCommand;
  /**
   * The command of `enter`, as above. One that takes the plan is told about terminals by its arguments, and sees to them itself; for the
   * others the keeper does.
   */
  enterCommand(args: readonly string[], terminal: EnterTerminal): EntrypointCommand;
}
