export { type LimitsHit, limitsHit } from './limits.ts';
export { type CpuSample, cpuPercent, type PodProcess, podProcesses } from './processes.ts';
export { requireRunning, runningPods } from './running.ts';
export { type GroupUsage, type PodUsage, podUsage } from './usage.ts';
