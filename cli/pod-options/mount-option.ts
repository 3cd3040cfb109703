import type { Option } from '../options.ts';

/** `--mount`, of the pod or of one app. */
export const mountOption: Option = {
  name: 'mount',
  type: 'list',
  placeholder: 'volume=NAME,target=PATH',
  description: 'mount a volume at a path: in every app, or after an image in that app',
};
