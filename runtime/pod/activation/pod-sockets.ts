/** What is decided about the sockets that the apps of a pod are activated by. */

import type { AppSockets } from '../../stage1/launch.ts';
import type { PassedPorts } from '../forwards.ts';

export interface PodSockets {
  readonly apps: AppSockets;
  /** The ports whose sockets rkt was started with. The others are opened in the pod's network. */
  readonly passed: PassedPorts;
}
