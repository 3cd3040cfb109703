/* What the plan wants done when the pod is over and its lock is free. */
#pragma once

#include "stage1/plan.h"

/*
 * Lets go of the lock, and runs EPILOGUE to its end: in the host's root directory, with nothing to read, and with our stderr
 * alone to write to. A failure is reported there and changes nothing.
 */
void epilogue_run(const struct plan *plan);
