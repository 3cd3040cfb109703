/*
 * What keeps programs of apps from being executed too early. It is a pipe without content: the monitor holds its write end until the
 * pod's files lead to the pod, the init until it has given up its privileges, every launcher until it has let go of all that is the
 * host's; a launcher that reads to the end has waited for all of them.
 */
#pragma once

struct gate {
  int wait; /* at its end when the gate is open */
  int hold; /* keeps it closed; a launcher's goes with its other descriptors */
};
