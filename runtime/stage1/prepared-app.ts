import type { App } from '../appc/app.ts';
import type { RuntimeApp } from '../appc/pod-manifest.ts';
import type { ImageInfo } from '../image/image-info.ts';

/** One app, ready to be put into the launch plan. */
export interface PreparedApp {
  readonly name: string;
  readonly app: App;
  readonly manifest: RuntimeApp;
  readonly image: ImageInfo;
  /** What its root filesystem is made of: directories of the store, topmost first. */
  readonly lowers: readonly string[];
  /** Whether the app runs on a copy of them that is the pod's own, instead of an overlay. */
  readonly copied: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly supplementaryGids: readonly number[];
  /** Name → value, all that the app will see except what is known only when the pod runs. */
  readonly environment: ReadonlyMap<string, string>;
}
