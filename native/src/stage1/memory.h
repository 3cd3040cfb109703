/* What processes that mostly wait keep in memory. */
#pragma once

/*
 * Gives back the pages of the program's own code. What is needed again comes from the page cache; a monitor or init that
 * waits for days needs none of what it started the pod with.
 */
void memory_release_code(void);
