/** Entry of a checkout: `node cli/rkt.ts …`. An installed tree starts at lib/rkt/main.cjs (deploy/main.cjs). */

import { start } from './main.ts';

await start();
