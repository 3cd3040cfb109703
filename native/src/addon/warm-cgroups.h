/* Paying early for the first move of a process between cgroups. */
#pragma once

/*
 * The first write to a cgroup.procs in a while waits for an RCU grace period (10 ms on Linux 6.18), because the lock over
 * all thread groups has to leave its fast mode; later ones find it left already. This starts a detached thread that writes the
 * process into the group it is in, which changes nothing, so that the wait is over when a pod's cgroup is joined.
 * Whatever fails in it is ignored: then nothing is gained.
 */
void rkt_warm_cgroups(void);

/*
 * The cgroup.procs of the calling process's own group in the first hierarchy that is mounted, from the texts of
 * /proc/self/cgroup and /proc/self/mountinfo (cgroups(7), proc_pid_mountinfo(5)). Returns its length, or -1 where there is none
 * or it does not fit.
 */
int rkt_own_cgroup_procs(const char *cgroups, const char *mountinfo, char *ret_path, unsigned int size);
