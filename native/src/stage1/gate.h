/*
 * What keeps programs of apps from being executed too early. It is a pipe without content: the monitor holds its write end until the
 * pod's files lead to the pod, the init until it has given up its privileges; a launcher that reads to the end has waited for
 * both.
 */
#pragma once

struct gate {
  int wait; /* at its end when the gate is open */
  int hold; /* keeps it closed */
};
