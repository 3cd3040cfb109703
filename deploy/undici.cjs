/*
 * What rkt uses of the package undici, for the bundle: its index loads several times as much, web sockets, caches and mocks among
 * it, which would cost every fetch some twenty milliseconds.
 */
const Dispatcher = require('undici/lib/dispatcher/dispatcher.js');

Dispatcher.prototype.request = require('undici/lib/api/api-request.js');

exports.buildConnector = require('undici/lib/core/connect.js');
exports.EnvHttpProxyAgent = require('undici/lib/dispatcher/env-http-proxy-agent.js');
