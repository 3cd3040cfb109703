/*
 * First code of an installed rkt. V8's compiled code is kept beside the bundle, so that a start parses and compiles nothing;
 * it has to be switched on before the bundle is loaded. Where the directory cannot be written, rkt only starts slower.
 */
const { enableCompileCache } = require('node:module');
enableCompileCache({ directory: `${__dirname}/cache`, portable: true });
require('./rkt.cjs').start();
