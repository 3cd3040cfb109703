export { type Discovered, discoverImage, discoverKeys } from './discover.ts';
