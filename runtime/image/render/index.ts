// What puts trees together, loaded where a stack does not do (deploy/bundle.ts).
export { copyTree } from './copy-tree.ts';
export { renderStack, storeLayer } from './render-stack.ts';
