// Commands about pods that are there already, loaded when one of them is called (deploy/bundle.ts).
export { command as attach } from './commands/attach.ts';
export { command as catManifest } from './commands/cat-manifest.ts';
export { command as events } from './commands/events.ts';
export { command as exportPod } from './commands/export.ts';
export { command as gc } from './commands/gc.ts';
export { command as list } from './commands/list.ts';
export { command as logs } from './commands/logs.ts';
export { command as ps } from './commands/ps.ts';
export { command as rm } from './commands/rm.ts';
export { command as stats } from './commands/stats.ts';
export { command as status } from './commands/status.ts';
export { command as stop } from './commands/stop.ts';
export { command as top } from './commands/top.ts';
