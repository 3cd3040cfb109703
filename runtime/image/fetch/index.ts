// Loaded when something has to be fetched or verified; `rkt run` of a stored, verified image never comes here.
export { Fetcher } from './fetcher.ts';
export { storedFrom } from './remotes.ts';
export type { FetchSettings, ImageSettings, PullPolicy } from './settings.ts';
