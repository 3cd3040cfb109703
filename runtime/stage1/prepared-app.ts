import type { App } from '../appc/app.ts';
import type { RuntimeApp } from '../appc/pod-manifest.ts';
import type { ImageInfo } from '../image/image-info.ts';

/** One app, ready to be put into the launch plan. */
export interface PreparedApp {
  readonly name: string;
  readonly app: App;
  readonly manifest: RuntimeApp;
  readonly image: ImageInfo;
  /** The extracted root filesystem of the image. */
  readonly tree: string;
  readonly uid: number;
  readonly gid: number;
  /** Name → value, all that the app will see except what is known only when the pod runs. */
  readonly environment: ReadonlyMap<string, string>;
}
